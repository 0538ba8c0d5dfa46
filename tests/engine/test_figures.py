"""Open figures: capturing one changes nothing in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip.codec.capture import Encoder
from timeslip.codec.definitions import Registry
from timeslip.codec.hubs import as_hub, beside
from timeslip.codec.resources import Resources

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")


def test_an_open_figure_is_no_change_by_itself(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="figures") as session:
        session.run("import matplotlib.pyplot as plt\nfig, ax = plt.subplots(); ax.plot([1, 2])")
        counter = repr(namespace["fig"]._canvas_callbacks._cid_gen)
        assert session.verify().changed == {}
        assert session.run("fig.axes").commit.names.changed == ()
        assert repr(namespace["fig"]._canvas_callbacks._cid_gen) == counter
        assert session.run("ax.set_title('k')").commit.names.changed == ("ax", "fig")


def numbers(namespace: dict[str, Any]) -> list[tuple[int, bool]]:
    return [(number, pyplot.figure(number) is namespace.get("fig")) for number in pyplot.get_fignums()]


def test_a_figure_comes_back_under_its_number(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="figures") as session:
        session.run("import matplotlib.pyplot as plt\nfig, ax = plt.subplots(); other = plt.figure(7)")
        session.run("ax.set_title('k'); n = 1")
        session.undo(1)
        assert numbers(namespace) == [(1, True), (7, False)]
        assert (pyplot.gcf() is namespace["other"], namespace["ax"].get_title()) == (True, "")
        session.redo(1)
        assert numbers(namespace) == [(1, True), (7, False)]
        session.run("plt.close(fig); del fig, ax")
        assert pyplot.get_fignums() == [7]
        session.undo(1)
        assert numbers(namespace) == [(1, True), (7, False)]


def test_looking_at_a_figure_of_the_past_opens_none(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="figures") as session:
        session.run("import matplotlib.pyplot as plt\nfig, ax = plt.subplots()")
        session.run("ax.plot([1, 2])")
        session.show("HEAD~1", "fig")
        session.diff("HEAD~1", "HEAD")
        session.get("HEAD~1", "fig")
        session.get("HEAD~1", "fig", "before")
        assert numbers(namespace) == [(1, True)]
        assert len(namespace["ax"].lines) == 1
        assert namespace["before"].axes[0].lines[:] == []


def test_a_restore_that_fails_leaves_the_figures_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="figures") as session:
        session.run("import matplotlib.pyplot as plt\nfig, ax = plt.subplots(); other = plt.figure(7)")
        session.run("ax.set_title('k')")
        managers = dict(pyplot._pylab_helpers.Gcf.figs)

        def fails(*_: Any, **__: Any) -> None:
            raise OSError("no")

        monkeypatch.setattr(session.repository, "transaction", fails)
        with pytest.raises(OSError, match="no"):
            session.undo(1)
        assert dict(pyplot._pylab_helpers.Gcf.figs) == managers
        assert (numbers(namespace), namespace["ax"].get_title()) == ([(1, True), (7, False)], "k")


def test_a_run_that_draws_by_pyplot_alone_has_reached_the_open_figures(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="figures") as session:
        session.config("check_budget", 0.0)
        session.run("import matplotlib.pyplot as plt\nfig = plt.figure(); plt.plot([1, 2])")
        assert session.run("plt.plot([2, 1])").commit.names.changed == ("fig",)
        assert session.run("plt.title('t'); plt.close()").commit.names.changed == ("fig",)
        session.undo(2)
        assert (len(namespace["fig"].axes[0].lines), namespace["fig"].axes[0].get_title()) == (1, "")


def test_a_figure_that_was_not_looked_at_is_before_travelling(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="figures") as session:
        session.config("check_budget", 0.0)
        session.run("from matplotlib.figure import Figure\nfig = Figure(); axes = fig.add_subplot()")
        assert session.run("n = 1").commit.names.assumed
        namespace["fig"].axes[0].set_title("t")  # as what a library calls back may have done
        session.undo(1)
        session.redo(1)
        assert namespace["fig"].axes[0].get_title() == "t"


CONNECTED = """
import matplotlib.pyplot as plt
seen = []
class Listener:
    def hear(self, event): seen.append("method")
def hear(event): seen.append("function")
listener = Listener()
fig, ax = plt.subplots()
numbers = [fig.canvas.mpl_connect("button_press_event", hear),
           fig.canvas.mpl_connect("button_press_event", listener.hear),
           ax.callbacks.connect("xlim_changed", hear)]
"""
PRESS = """
from matplotlib.backend_bases import MouseEvent
seen.clear()
fig.canvas.callbacks.process("button_press_event", MouseEvent("button_press_event", fig.canvas, 1, 1, 1))
ax.set_xlim(3, 4)
"""


def test_callbacks_of_the_user_come_back(attach: Callable[[], Any]) -> None:
    session = attach()
    names = session._live.namespace.globals
    session.run(CONNECTED)
    session.run(PRESS)
    wanted = list(names["seen"])
    assert wanted == ["function", "method", "function"]
    session.run("for n in numbers[:2]: fig.canvas.mpl_disconnect(n)\nax.callbacks.disconnect(numbers[2])")
    session.run(PRESS)
    assert names["seen"] == []
    session.undo(2)
    session.run(PRESS)
    assert names["seen"] == wanted
    session.run("fig.canvas.mpl_disconnect(numbers[0])")
    session.run(PRESS)
    assert names["seen"] == ["method", "function"]
    session.close()
    again = attach()
    again.resume()
    names = again._live.namespace.globals
    again.run(PRESS)
    assert names["seen"] == ["method", "function"]


def test_many_names_that_lead_to_a_figure_take_one_pass_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    passes: list[int] = []
    capture = Encoder.capture
    monkeypatch.setattr(Encoder, "capture", lambda *given, **more: passes.append(1) or capture(*given, **more))
    with timeslip.attach(namespace, store=tmp_path / "store", name="figures") as session:
        session.run("import matplotlib.pyplot as plt\nfig = plt.figure(); a = fig.text(0, 0, 'a')")
        session.run("l0, l1, l2, l3, l4, l5 = [[fig.text(0, 1, 'b')] for _ in range(6)]; a.set_text('b')")
        passes.clear()
        names = session.run("l3[0].set_color('red')").commit.names
        assert names.changed == ("a", "fig", "l0", "l1", "l2", "l3", "l4", "l5")
        assert len(passes) <= 4  # each name took one, and one more all together
        passes.clear()
        assert session.run("t = (a, 'of a')").commit.names.changed == ()
        assert len(passes) <= 6


FIGURE_STEPS: dict[str, tuple[str, ...]] = {
    "import matplotlib.pyplot as plt": (),
    "fig = plt.figure(); a = fig.text(0, 0, 'a')": (),
    "l = [fig.text(0, 1, 'b')]": ("a", "fig"),
    "l.append(3)": ("l",),
    "other = fig.texts[0]": (),
    "other = fig.texts[1]": ("other",),
    "k = l": (),
    "k.append(1)": ("k", "l"),
    "d = {'l': l[0], 'a': a}": (),
    "d['n'] = 1": ("d",),
    "o = [a, object()]": (),
    "a.set_text('k')": ("a", "d", "fig", "k", "l", "o", "other"),
    "fig = None": ("fig",),
    "mine = Mine(); mine.set_figure(a.figure)": (),
    "both = [plt.figure(), a]": (),
    "both[0].suptitle('k')": ("both",),
    "l[0].set_text('m')": ("a", "both", "d", "k", "l", "mine", "o", "other"),
}


def test_of_names_that_share_a_figure_those_are_told_that_changed(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="figures") as session:
        session.run("from matplotlib.artist import Artist\nclass Mine(Artist): pass")
        for code, changed in FIGURE_STEPS.items():
            result = session.run(code)
            assert (result.error, code, result.commit.names.changed) == (None, code, changed)
        assert session.verify().changed == {}
        session.undo(5)
        assert namespace["d"]["a"] is namespace["a"]
        assert namespace["d"]["l"] is namespace["other"] is namespace["k"][0]
        assert namespace["l"] is namespace["k"]
        assert namespace["a"].figure is namespace["fig"]
        assert session.verify().changed == {}


def test_what_is_pickled_beside_a_figure_is_not_taken_for_what_the_figure_holds() -> None:
    figure = pyplot.figure()
    text = figure.text(0, 0, "a")
    encoder = Encoder({}, Registry(), Resources())
    hub = as_hub(encoder.capture([("figure", figure)]), b"")
    assert hub is not None
    for place in range(8):  # as the pickler counts what it meets beside it
        hub.places[id(text)] = place
        one, other = (beside(encoder, hub, "k", [text, "name", again], [text]) for again in ("name", text))
        assert one is not None
        assert other is not None
        assert one.segments != other.segments
