from __future__ import annotations

import gc
import sys
import types
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from timeslip.errors import FacetError
from timeslip.state.facets import REGISTRY, MatplotlibFacet, show_figure

matplotlib: Any = pytest.importorskip("matplotlib")
matplotlib.use("agg")
plt: Any = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _state() -> Iterator[None]:
    kept = {key: list(value) if type(value) is list else value for key, value in dict.items(matplotlib.rcParams)}
    plt.close("all")
    yield
    plt.close("all")
    dict.update(matplotlib.rcParams, kept)


def attached() -> MatplotlibFacet:
    facet = REGISTRY["matplotlib"]()
    assert isinstance(facet, MatplotlibFacet)
    facet.attach()
    return facet


def params() -> dict[str, str]:
    return {key: repr(value) for key, value in dict.items(matplotlib.rcParams)}


@pytest.mark.parametrize(
    "change",
    [
        lambda: plt.rcParams.update({"figure.dpi": 150, "lines.linewidth": 2.5}),
        lambda: plt.rcParams["font.sans-serif"].insert(0, "Mine"),
        lambda: plt.style.use("ggplot"),
        lambda: plt.style.use("dark_background"),
        lambda: plt.rc("axes", prop_cycle=plt.cycler(color=["r", "g"]) + plt.cycler(lw=[1, 2])),
        lambda: plt.rcParams.update({"lines.solid_capstyle": "round", "figure.figsize": (3, 4)}),
        lambda: plt.rcParams.update({"savefig.bbox": "tight", "text.usetex": True}),
    ],
)
def test_parameters_there_and_back(change: Any) -> None:
    facet = attached()
    start, own = params(), matplotlib.rcParams
    assert facet.capture() == b"{}"
    change()
    changed, data = params(), facet.capture()
    assert data != b"{}"
    assert facet.take_problems() == []
    facet.restore(b"{}")
    assert params() == start
    assert facet.capture() == b"{}"
    facet.restore(data)
    assert params() == changed
    assert facet.capture() == data
    assert matplotlib.rcParams is own


def test_a_cycle_changed_in_place_is_seen() -> None:
    facet = attached()
    facet.capture()
    cycle = dict.get(matplotlib.rcParams, "axes.prop_cycle")
    (key,) = cycle.keys
    cycle.change_key(key, "ec")
    try:
        assert b'"ec"' in facet.capture()
    finally:
        cycle.change_key("ec", key)


def test_the_backend_belongs_to_the_front_end() -> None:
    facet = attached()
    dict.__setitem__(matplotlib.rcParams, "backend", "module://other")
    assert facet.capture() == b"{}"
    facet.restore(b'{"set":{"backend":"x","interactive":true,"figure.dpi":77}}')
    assert not matplotlib.is_interactive()
    assert dict.get(matplotlib.rcParams, "backend") == "module://other"
    assert plt.rcParams["figure.dpi"] == 77


def test_interactive_mode_comes_back_but_for_what_the_front_end_did(monkeypatch: pytest.MonkeyPatch) -> None:
    facet = attached()
    plt.figure()
    plt.close()
    start = facet.capture()
    try:
        plt.ion()
        on = facet.capture()
        assert on == b'{"interactive":true}'
        assert facet.describe(start, on) == "matplotlib: interactive -> True"
        facet.restore(start)
        assert not matplotlib.is_interactive()
        facet.restore(on)
        assert matplotlib.is_interactive()
        shell = types.SimpleNamespace(InteractiveShell=types.SimpleNamespace(initialized=lambda: True))
        monkeypatch.setitem(sys.modules, "IPython.core.interactiveshell", shell)
        dict.__setitem__(matplotlib.rcParams, "backend", "module://other")
        facet.restore(start)
        assert matplotlib.is_interactive(), "before the front end had set it"
        plt.ioff()
        off = facet.capture()
        assert off == b'{"interactive":false}'
        assert facet.describe(on, off) == "matplotlib: interactive True -> False"
        facet.restore(on)
        assert matplotlib.is_interactive()
        facet.restore(off)
        assert not matplotlib.is_interactive()
    finally:
        plt.ioff()


def test_objects_are_left_out_reported_and_not_kept_alive() -> None:
    class Effect:
        pass

    facet = attached()
    effect = Effect()
    matplotlib.rcParams["path.effects"] = [effect]
    plt.rcParams["figure.dpi"] = 99
    data = facet.capture()
    facet.capture()
    assert facet.take_problems() == ["rcParams['path.effects'] holds an object that cannot be recorded"]
    plt.rcParams["figure.dpi"] = 98
    facet.restore(data)
    assert matplotlib.rcParams["path.effects"][0] is effect
    matplotlib.rcParams["path.effects"] = []
    gone = weakref.ref(effect)
    del effect
    gc.collect()
    assert gone() is None
    with pytest.raises(FacetError, match=r"path\.effects"):
        facet.restore(data)


def test_figures_are_closed_and_the_current_one_is_set() -> None:
    facet = attached()
    plt.figure(1)
    plt.figure(4)
    plt.figure(1)
    data = facet.capture()
    assert data == b'{"current":1,"figures":[1,4]}'
    four = plt.figure(4)
    plt.figure(9)
    facet.restore(data)
    assert plt.get_fignums() == [1, 4]
    assert plt.gcf().number == 1
    assert plt.figure(4) is four
    facet.restore(b"{}")
    assert plt.get_fignums() == []


def test_figures_that_are_gone_are_reported() -> None:
    facet = attached()
    plt.figure(2)
    plt.figure(3)
    data = facet.capture()
    plt.close(2)
    with pytest.raises(FacetError, match=r"not any more: 2$"):
        facet.restore(data)
    assert plt.get_fignums() == [3]


def test_the_engine_can_supply_figures() -> None:
    facet = attached()
    figures = {number: plt.figure(number) for number in (2, 3)}
    axes = figures[2].add_subplot()
    data = facet.capture()
    plt.close("all")
    facet.figure_source = figures.get
    facet.restore(data)
    assert plt.get_fignums() == [2, 3]
    assert plt.gcf() is figures[3]
    plt.figure(2)
    assert plt.gca() is axes
    assert facet.capture() != data
    plt.figure(3)
    assert facet.capture() == data


def test_a_source_that_fails_is_one_missing_figure() -> None:
    facet = attached()
    kept = plt.figure(3)
    plt.figure(2)
    data = facet.capture()
    plt.close("all")

    def source(number: int) -> Any:
        if number == 2:
            raise RuntimeError("no")
        return kept

    facet.figure_source = source
    with pytest.raises(FacetError, match=r"not any more: 2$"):
        facet.restore(data)
    assert plt.get_fignums() == [3]


def test_show_figure() -> None:
    figure = matplotlib.figure.Figure()
    show_figure(figure, 5)
    assert plt.gcf() is figure
    assert figure.number == 5


def test_description() -> None:
    facet = attached()
    before = facet.capture()
    plt.rcParams["figure.dpi"] = 150
    plt.figure(1)
    after = facet.capture()
    assert facet.describe(before, after) == "matplotlib: rcParams figure.dpi -> 150.0, open figures none -> 1"
    assert facet.describe(after, after) == "matplotlib: unchanged"


def test_loaded_after_attach_and_set_in_the_same_cell(fresh) -> None:
    code = (
        "from timeslip.state.facets import FacetSet; f = FacetSet(['matplotlib']); f.attach()\n"
        "assert f.capture() == {'matplotlib': b'{}'}\n"
        "import matplotlib; matplotlib.use('agg'); matplotlib.rcParams['figure.dpi'] = 77\n"
        "print(f.capture()['matplotlib'].decode())"
    )
    assert fresh(code) == '{"set":{"figure.dpi":77.0}}'


def test_fresh_process(fresh) -> None:
    facet = attached()
    plt.style.use("ggplot")
    data = facet.capture()
    code = (
        "import sys; from timeslip.state.facets import FacetSet; f = FacetSet(['matplotlib']); f.attach()\n"
        "assert f.restore({'matplotlib': sys.argv[1].encode()}) == []\n"
        "assert f.capture() == {'matplotlib': sys.argv[1].encode()}\n"
        "import matplotlib; print(matplotlib.rcParams['axes.facecolor'])"
    )
    assert fresh(code, data.decode()) == "#E5E5E5"


@pytest.fixture
def front_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A front end that has asked for the backend "svg"."""
    monkeypatch.setenv("MPLBACKEND", "svg")
    matplotlib.use("svg")
    yield
    matplotlib.use("agg")


def test_a_backend_that_draws_into_files_comes_back(front_end: None) -> None:
    """Where the front end has another one. Figures stay open."""
    facet = attached()
    usual = facet.capture()
    assert usual == b"{}"
    matplotlib.use("agg")
    figure = plt.figure(3)
    data = facet.capture()
    assert facet.describe(usual, data) == "matplotlib: backend of the front end -> agg, open figures none -> 3"
    matplotlib.use("svg")
    show_figure(figure, 3)
    facet.restore(data)
    assert (matplotlib.get_backend().lower(), plt.get_fignums(), plt.gcf() is figure) == ("agg", [3], True)
    facet.restore(usual)
    assert (matplotlib.get_backend().lower(), plt.get_fignums()) == ("svg", [])
    assert facet.take_problems() == []


def test_another_backend_is_said(front_end: None) -> None:
    """One that needs a window is that of the process, and left alone."""
    facet = attached()
    dict.__setitem__(matplotlib.rcParams, "backend", "TkAgg")
    try:
        assert facet.capture() == b"{}"
        assert facet.take_problems() == ["the backend tkagg of matplotlib is not recorded: a new kernel has its own"]
        facet.restore(b"{}")
        assert dict.get(matplotlib.rcParams, "backend") == "TkAgg"
    finally:
        dict.__setitem__(matplotlib.rcParams, "backend", "svg")


def test_a_backend_that_matplotlib_chose_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a front end."""
    monkeypatch.delenv("MPLBACKEND", raising=False)
    facet = attached()
    matplotlib.use("pdf")
    assert facet.capture() == b"{}"
    facet.restore(b"{}")
    assert matplotlib.get_backend().lower() == "pdf"
    matplotlib.use("agg")
