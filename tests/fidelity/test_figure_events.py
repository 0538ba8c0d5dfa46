"""What hears of events and changes in a figure hears of them in the figure that came back, as often as before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fidelity.recording import attach, bare, fresh, in_another_process, told

pytest.importorskip("matplotlib")
pyplot = pytest.importorskip("matplotlib.pyplot")

pytestmark = pytest.mark.filterwarnings("ignore")

EVENTS = """
from matplotlib import pyplot as plt, widgets
from matplotlib.backend_bases import KeyEvent, MouseEvent
calls = []
def heard(*args):
    calls.append(len(args))
def send(ax, name, x=.5, y=.5, **more):
    canvas = ax.figure.canvas
    canvas.callbacks.process(name, MouseEvent(name, canvas, *ax.transAxes.transform((x, y)), **more))
def drag(ax, x=.2, to=.7):
    send(ax, 'button_press_event', x, x, button=1)
    send(ax, 'motion_notify_event', to, to, button=1)
    send(ax, 'button_release_event', to, to, button=1)
def press(ax, key):
    canvas, name = ax.figure.canvas, 'key_press_event'
    canvas.callbacks.process(name, KeyEvent(name, canvas, key, *ax.transAxes.transform((.5, .5))))
def told():
    answers = {}
    for ax in fig.axes[:len(uses)]:
        calls.clear()
        answers[ax.get_label()] = uses[ax.get_label()](ax, made[ax.get_label()]), list(calls)
    return answers
uses, made = {}, {}
"""
KINDS = {
    "Button": ("widgets.Button(ax, 'go'); x.on_clicked(heard)", "drag(ax)"),
    "Slider": ("widgets.Slider(ax, 's', 0, 1); x.on_changed(heard)", "(drag(ax), x.val, x.set_val(.9))"),
    "RangeSlider": ("widgets.RangeSlider(ax, 's', 0, 1); x.on_changed(heard)", "(drag(ax), x.val)"),
    "RadioButtons": ("widgets.RadioButtons(ax, 'ab'); x.on_clicked(heard)", "(x.set_active(1), x.value_selected)"),
    "CheckButtons": ("widgets.CheckButtons(ax, 'ab'); x.on_clicked(heard)", "(x.set_active(1), x.get_status())"),
    "TextBox": (
        "widgets.TextBox(ax, 't'); x.on_submit(heard)",
        "(drag(ax), press(ax, 'q'), press(ax, 'enter'), x.text)",
    ),
    "SpanSelector": ("widgets.SpanSelector(ax, heard, 'horizontal', useblit=True)", "(drag(ax), x.extents)"),
    "RectangleSelector": ("widgets.RectangleSelector(ax, heard)", "(drag(ax), x.extents)"),
    "LassoSelector": ("widgets.LassoSelector(ax, heard)", "drag(ax)"),
    "Cursor": ("widgets.Cursor(ax)", "(send(ax, 'motion_notify_event'), x.linev.get_visible())"),
    "pick": (
        "fig.canvas.mpl_connect('pick_event', heard); ax.plot([1, 2, 3], picker=5)",
        "(ax.figure.canvas.draw(), send(ax, 'button_press_event', button=1))",
    ),
    "scroll": ("fig.canvas.mpl_connect('scroll_event', heard)", "send(ax, 'scroll_event', step=1)"),
    "limits": ("ax.callbacks.connect('xlim_changed', heard)", "ax.set_xlim(3, 4)"),
    "artist": ("ax.title.add_callback(heard)", "ax.set_title('t')"),
    "axes": ("fig.add_axobserver(heard)", "ax.figure.sca(ax)"),
    "legend": (
        "ax.plot([1, 2], label='l'); x = ax.legend(loc='center', draggable=True)",
        "(ax.figure.canvas.draw(), drag(ax, .5, .4), type(x._loc))[1:]",
    ),
    "colorbar": (
        "ax.imshow([[0., 1.], [1., 0.]]); x = x, fig.colorbar(x)",
        "(x[0].set_clim(0, 9), x[0].set_cmap('gray'), x[1].vmax, x[1].cmap.name)",
    ),
}


def cells() -> list[str]:
    """One that makes a figure in which each of KINDS has an Axes, after what sends it events."""
    lines = ["bare = {'xticks': (), 'yticks': ()}", "fig, axs = plt.subplots(3, 6, figsize=(6, 3), subplot_kw=bare)"]
    lines += [f"axs = axs.ravel()[:{len(KINDS)}]"]
    for at, (name, (make, use)) in enumerate(KINDS.items()):
        lines += [f"ax = axs[{at}]; ax.set_label({name!r}); x = {make}; made[{name!r}] = x"]
        lines += [f"uses[{name!r}] = lambda ax, x: {use}"]
    return [EVENTS, "\n".join(lines)]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MPLBACKEND", "agg")
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")


def test_callbacks_are_called_as_often(tmp_path: Path) -> None:
    """After undo, a checkout of a figure that was in use, and in another process."""
    expected = bare(cells(), "told()")
    pyplot.close("all")
    namespace = fresh()
    session = attach(tmp_path, namespace, "events")
    try:
        commits = []
        for cell in (*cells(), "ax.set_title('oops')"):
            result = session.run(cell)
            assert (result.error, dict(result.commit.names.inexact)) == (None, {})
            commits.append(str(result.commit.id))
        figure = namespace["fig"]
        result = session.undo()
        assert namespace["fig"] is not figure
        assert set(result.fidelity.values()) == {"exact"}
        assert told(namespace, "told()") == expected
        used = session.run("calls.clear()")
        assert dict(used.commit.names.inexact) == {}
        session.undo(2)
        session.redo()
        assert told(namespace, "told()") == expected
        session.checkout(commits[1])
    finally:
        session.close()
    job = {"directory": str(tmp_path), "files": [], "session": "events", "name": "fig"}
    found = in_another_process([job | {"commits": commits[1:2], "probe": "told()"}])[0][0]
    assert (found.fidelity, found.told) == ("exact", expected)


def test_what_belongs_to_the_canvas_is_there_once(tmp_path: Path) -> None:
    """A window and a toolbar connect themselves anew, and none of before is kept beside them."""
    namespace = fresh()
    with attach(tmp_path, namespace, "canvas") as session:
        session.run("import matplotlib.pyplot as plt\nfig, ax = plt.subplots()")

        def connected() -> tuple[dict[str, int], int]:
            figure = namespace["fig"]
            registry = figure._canvas_callbacks.callbacks
            return {signal: len(found) for signal, found in registry.items()}, len(figure._axobservers.callbacks)

        before = connected()
        for _ in range(2):
            session.run("ax.set_title('oops')")
            session.undo()
            assert connected() == before


def test_a_second_image_follows_the_norm_of_the_first(tmp_path: Path) -> None:
    namespace = fresh()
    with attach(tmp_path, namespace, "norm") as session:
        session.run(
            "import matplotlib.pyplot as plt\nfig, (a, b) = plt.subplots(2)\nx = a.imshow([[0., 1.]])\n"
            "y = b.imshow([[0., 2.]], norm=x.norm); told = []; y.callbacks.connect('changed', told.append)"
        )
        session.run("a.set_title('oops')")
        session.undo()
        session.run("told.clear(); x.norm.vmax = 5")
        assert namespace["told"] == [namespace["y"]]
