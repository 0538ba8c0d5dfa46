"""Values to bytes and back: what a new process loads is isomorphic to what was captured."""

# ruff: noqa: E501 - a cell of users' code stands on one line
from __future__ import annotations

import gc
import sys
import types
import warnings
import weakref
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.codec.kernels import Kernel, differences, only_iterative, resumed, stored
from tests.codec.states import ARRAYS, DEFINITIONS, FRAMES, OVER_OTHERS, PARTS, PLAIN

from timeslip.codec import capture, hashing
from timeslip.codec.capture import Encoder, capture_atom
from timeslip.codec.definitions import Registry
from timeslip.codec.passes import Pass
from timeslip.codec.resources import Resources
from timeslip.errors import UnrestorableError


def table(cases: dict[str, str]) -> Any:
    return pytest.mark.parametrize("code", cases.values(), ids=cases.keys())


@table(PLAIN)
def test_plain_values_come_back(code: str) -> None:
    kernel = Kernel(code)
    assert differences(kernel, resumed(kernel)) == []


@table(ARRAYS)
def test_arrays_come_back(code: str) -> None:
    pytest.importorskip("numpy")
    kernel = Kernel("import numpy as np\n" + code)
    assert differences(kernel, resumed(kernel)) == []


@table(OVER_OTHERS)
def test_arrays_over_other_memory_come_back(code: str) -> None:
    pytest.importorskip("numpy")
    kernel = Kernel("import numpy as np\n" + code)
    found = differences(kernel, resumed(kernel))
    assert [text for text in found if ".base is" not in text] == [], (
        "only which object stands between an array and its memory may differ"
    )


def _identity(value: Any) -> Any:
    return value


def test_a_ufunc_that_does_not_say_where_it_belongs_wakes_up_no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    numpy = pytest.importorskip("numpy")
    asked: list[str] = []

    class Sleeping(types.ModuleType):
        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            raise AttributeError(name)

    home = types.ModuleType("a_home_of_ufuncs")
    special = pytest.importorskip("scipy.special")
    ufuncs = [special.erf, numpy.frompyfunc(_identity, 1, 1)]
    home.f = ufuncs[1]  # type: ignore[attr-defined]
    monkeypatch.setattr(_identity, "__module__", home.__name__)
    monkeypatch.setitem(sys.modules, "a_sleeping_module", Sleeping("a_sleeping_module"))
    monkeypatch.setitem(sys.modules, home.__name__, home)
    kernel = Kernel()
    kernel.namespace["both"] = ufuncs
    assert list(map(id, resumed(kernel).namespace["both"])) == list(map(id, ufuncs))
    assert [name for name in asked if not name.startswith("__")] == []


def test_ufuncs_made_of_functions_come_back() -> None:
    pytest.importorskip("numpy")
    code = "import numpy as np\ncalls = []\ndef f(a, b): calls.append(a); return a + b\nu = np.frompyfunc(f, 2, 1, identity=0)\n"
    other = resumed(Kernel(code + "v = np.vectorize(f); r = v([1], [2]); both = [u, u]; calls.clear()"))
    names = other.namespace
    assert names["both"][0] is names["both"][1] is names["u"]
    assert (names["u"].reduce([1, 2, 3]), names["v"]([4], [5]).tolist(), names["u"].identity) == (6, [9], 0)
    assert len(names["calls"]) > 2, "they call the function of the session, which writes to its names"


@table(FRAMES)
def test_frames_come_back(code: str) -> None:
    pytest.importorskip("pandas")
    kernel = Kernel("import numpy as np, pandas as pd\n" + code)
    assert differences(kernel, resumed(kernel)) == []


@table({**PLAIN, **DEFINITIONS})
def test_capturing_twice_gives_the_same_bytes(code: str) -> None:
    """Or every cell would be a change. What the first reduction itself changes may differ once."""
    kernel = Kernel(code)
    kernel.capture()
    first, second = kernel.stored(), kernel.stored()
    assert b"".join(first.segments) == b"".join(second.segments)
    assert first.headers == second.headers


def owned(kernel: Kernel, name: str) -> bool:
    """Whether nobody but the session should hold that object: not shared atoms, not what installed modules hold."""
    value = kernel.namespace[name]
    if isinstance(value, type):
        return value.__module__ == "__main__"
    return type(value) not in (int, str, type(None), bool, type(...), type(gc))


@table({**PLAIN, **DEFINITIONS})
def test_capturing_keeps_nothing_alive(code: str) -> None:
    kernel = Kernel(code)
    watched = []
    for name in kernel.names():
        try:
            watched.append(weakref.ref(kernel.namespace[name]))
        except TypeError:
            continue
    gc.collect()  # a dataclass with slots leaves its first class behind, which refers to the bases
    counts = {name: sys.getrefcount(kernel.namespace[name]) for name in kernel.names()}
    captured = kernel.capture()
    captured.find_links(frozenset())
    captured.release()
    now = {name: sys.getrefcount(kernel.namespace[name]) for name in kernel.names()}
    assert {name: now[name] for name in counts if owned(kernel, name)} == {
        k: v for k, v in counts.items() if owned(kernel, k)
    }
    del captured


# ---- memory


def test_views_of_one_array_write_through() -> None:
    pytest.importorskip("numpy")
    other = resumed(Kernel("import numpy as np\na = np.arange(1000.); v = a[10:20]; w = a.reshape(10, 100)[::-1]"))
    other.run("a[12] = -5; w[0, 0] = 77")
    assert other.namespace["v"][2] == -5
    assert other.namespace["a"][900] == 77


def test_large_arrays_travel_as_buffers_and_small_ones_in_the_stream() -> None:
    pytest.importorskip("numpy")
    kernel = Kernel("import numpy as np\nbig = np.zeros(100_000); small = np.zeros(10); rows = np.ones((40, 9000))")
    captured = kernel.capture("big", "small", "rows")
    assert [memoryview(held).nbytes for held in captured.buffers] == [800_000, 40 * 72_000]
    assert captured.rows == [0, 72_000]
    assert sum(map(len, captured.segments)) < 2_000
    assert captured.size >= 800_000 + 40 * 72_000


def test_a_loaded_array_owns_its_memory() -> None:
    pytest.importorskip("numpy")
    other = resumed(Kernel("import numpy as np\na = np.zeros(100_000); b = np.zeros(4)"))
    assert all(other.namespace[name].flags.owndata for name in "ab")


def test_a_memory_map_comes_back_as_one_of_the_same_file(tmp_path: Any) -> None:
    numpy = pytest.importorskip("numpy")
    path = tmp_path / "data.bin"
    path.write_bytes(bytes(800))
    kernel = Kernel(f"import numpy as np\nm = np.memmap({str(path)!r}, 'f8', 'r+'); m[3] = 7; m.flush()")
    captured = kernel.capture("m")
    assert [hole.fatal for hole in captured.holes] == [False]
    other = resumed(kernel, "m")
    found = other.namespace["m"]
    assert type(found) is numpy.memmap
    assert found[3] == 7
    assert found.filename == str(path)


@pytest.mark.parametrize("mode", ["c", "r", "r+"])
def test_views_of_a_memory_map_stay_views_of_it(tmp_path: Any, mode: str) -> None:
    numpy = pytest.importorskip("numpy")
    path = tmp_path / "numbers"
    numpy.arange(2000.0).tofile(path)
    write = "" if mode == "r" else "x[5] = -1"
    kernel = Kernel(
        f"import numpy as np\nx = np.memmap({str(path)!r}, 'f8', {mode!r}, 80, (1000,))\n{write}\n"
        "v = x[3:10:2]; w = np.asarray(x)[5:9]; q = x.reshape(10, 100).T"
    )
    found = resumed(kernel).namespace
    assert [type(found[name]) for name in "xvwq"] == [numpy.memmap, numpy.memmap, numpy.ndarray, numpy.memmap]
    assert [(found[n].mode, found[n].offset, found[n].filename) for n in "xvq"] == [(mode, 80, str(path))] * 3
    for name in "xvwq":
        numpy.testing.assert_array_equal(found[name], kernel.namespace[name])
        assert numpy.shares_memory(found["x"], found[name])
    assert numpy.fromfile(path)[15] == (-1 if mode == "r+" else 15), "what is written to a private map is in no file"


def test_frames_made_from_one_another_do_not_share_writable_memory() -> None:
    """Under copy-on-write a write to the one is never seen in the other; plain shared memory would show it."""
    pandas = pytest.importorskip("pandas")
    modern = int(pandas.__version__.partition(".")[0]) >= 3  # copy-on-write is the only way there
    with nullcontext() if modern else pandas.option_context("mode.copy_on_write", True):
        kernel = Kernel("import pandas as pd\ndf = pd.DataFrame({'a': range(3000)}); copy = df.copy(deep=False)")
        other = resumed(kernel, "df", "copy")
        other.run("df.iloc[0, 0] = -1")
        assert other.namespace["copy"].iloc[0, 0] == 0
        assert other.namespace["df"].iloc[0, 0] == -1


def test_frames_that_are_copies_do_not_link() -> None:
    pytest.importorskip("pandas")
    kernel = Kernel("import pandas as pd\ndf = pd.DataFrame({'a': range(3000), 'b': 'x'}); copy = df.copy()")
    one, other = kernel.capture("df"), kernel.capture("copy")
    one.find_links(frozenset())
    other.find_links(frozenset())
    assert not one.links & other.links


# ---- what cannot be stored


HOLES = {
    "generator": "v = (i for i in range(3)); next(v)",
    "cursor": "import sqlite3\nv = sqlite3.connect(':memory:').cursor(); v.connection.close()",
    "socket": "import socket\nv = socket.socket(); v.close()",
    "thread": "import threading\nv = threading.Thread()",
    "refuses": "import _thread, functools\nclass K(dict):\n    def __reduce_ex__(self, p): raise TypeError('never')\nv = iter(map(len, [(x for x in ())]))",
}


@table(HOLES)
def test_a_hole_leaves_the_rest_whole(code: str) -> None:
    kernel = Kernel(code + "\ngood = [1]; both = [good, v, good]")
    captured = kernel.capture("both", "good")
    assert [hole.fatal for hole in captured.holes] == [True]
    assert captured.holes[0].reason
    record = kernel.stored("both", "good")
    values = kernel.load(record)
    assert values["both"][0] is values["both"][2] is values["good"]
    if code != HOLES["refuses"]:  # weak references to such iterators cannot be made
        assert values["both"][1] is kernel.namespace["v"], "the live object, in the recorded state"
    with pytest.raises(UnrestorableError, match="cannot be stored"):
        Kernel().load(record)
    with pytest.raises(UnrestorableError, match="cannot be stored"):
        kernel.load(record, isolated=True)


def test_a_hole_that_has_moved_on_is_not_taken_for_the_recorded_one() -> None:
    kernel = Kernel("g = (i for i in range(3)); l = [g]")
    record = kernel.stored("l")
    kernel.run("next(g)")
    with pytest.raises(UnrestorableError):
        kernel.load(record)


@pytest.mark.parametrize(
    ("code", "check"),
    [
        ("import threading\nv = threading.Lock(); v.acquire()", "v.locked() and v is not old"),
        ("import threading\nv = threading.RLock()", "v.acquire(False)"),
        ("import sqlite3\nv = sqlite3.connect(':memory:'); v.execute('create table t(a)'); v.commit()",
         "v.execute('select count(*) from t').fetchone() == (0,)"),
        ("import sqlite3\nv = sqlite3.connect(':memory:'); v.execute('create table t(a)')\nv.execute('insert into t values (1)')",
         "v.execute('select count(*) from t').fetchone() == (1,) and v.in_transaction and v.commit() is None"),
        ("v = open(path, 'w'); v.write('hello'); v.flush()", "v.tell() == 5 and v.writable()"),
        ("v = open(path); v.close()", "v.closed"),
    ],
    ids=["lock", "rlock", "database", "open transaction", "file", "closed file"],
)  # fmt: skip
def test_resources_are_made_again(code: str, check: str, tmp_path: Any) -> None:
    path = tmp_path / "file.txt"
    path.write_text("", encoding="utf-8")
    kernel, other = Kernel(), Kernel()
    kernel.namespace["path"] = str(path)
    kernel.run(code)
    assert [hole.fatal for hole in kernel.capture("v").holes] == [False]
    record = kernel.stored("v")
    if "sqlite3" not in code:  # weak references to connections cannot be made
        assert kernel.load(record)["v"] is kernel.namespace["v"], "while the live one is in that state, it is used"
    loader = other.restore(record)
    assert loader.rebuilt
    other.namespace["old"] = kernel.namespace["v"]
    try:
        assert eval(check, other.namespace)
    finally:
        for value in (kernel.namespace["v"], other.namespace["v"]):
            if hasattr(value, "close"):
                value.close()


def test_standard_streams_are_the_process_own() -> None:
    other = resumed(Kernel("import sys\no = sys.__stdout__; l = [o]"), "o", "l")
    assert other.namespace["o"] is sys.__stdout__
    assert other.namespace["l"][0] is sys.__stdout__


def test_a_reduction_that_pickle_does_not_accept_leaves_a_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = types.ModuleType("installed")
    exec("class K(dict):\n    def __reduce_ex__(self, p): return 5", installed.__dict__)
    monkeypatch.setitem(sys.modules, "installed", installed)
    kernel = Kernel("import installed\nk = installed.K()")
    assert "does not accept" in kernel.capture("k").holes[0].reason


def test_the_way_warnings_are_shown_is_left_as_it_was() -> None:
    kernel = Kernel("import itertools\nc = itertools.count(3)")
    show = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        other = resumed(kernel, "c")
        assert next(other.namespace["c"]) == 3
        assert warnings.showwarning is show


def test_the_collector_is_left_as_it_was() -> None:
    kernel = Kernel("a = [1]")
    for wanted in (False, True):
        (gc.enable if wanted else gc.disable)()
        try:
            kernel.capture()
            assert gc.isenabled() is wanted
        finally:
            gc.enable()


def test_an_atom_needs_no_pass() -> None:
    for value in (1, 2.5, "text", b"bytes", None, True, "\ud800"):
        captured = capture_atom("a", value)
        found = Kernel().load(stored(captured, 0))["a"]
        assert found == value
        assert type(found) is type(value)


# ---- any nested values, shared in any way


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Names bound into a random graph of containers: shared, nested and cyclic."""
    atoms = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=8),
        st.sampled_from([7**5000, "x" * 2000, float("nan"), (), frozenset()]),
    )  # fmt: skip
    pool: list[Any] = draw(st.lists(atoms, min_size=1, max_size=5))
    changeable: list[Any] = []
    for _ in range(draw(st.integers(0, 12))):
        parts = draw(st.lists(st.sampled_from(range(len(pool))), max_size=4))
        made: Any = [pool[index] for index in parts]
        kind = draw(st.sampled_from(["list", "tuple", "dict", "bytearray"]))
        if kind == "tuple":
            made = tuple(made)
        elif kind == "dict":
            made = {f"k{index}": value for index, value in enumerate(made)}
        elif kind == "bytearray":
            made = bytearray(len(parts))
        if kind in ("list", "dict"):
            changeable.append(made)
        pool.append(made)
    for holder in changeable:
        if draw(st.booleans()):
            part = pool[draw(st.integers(0, len(pool) - 1))]
            holder.append(part) if type(holder) is list else holder.update(late=part)
    chosen = draw(st.lists(st.sampled_from(range(len(pool))), min_size=1, max_size=5))
    return {f"n{place}": pool[index] for place, index in enumerate(chosen)}


@settings(max_examples=150, deadline=None)
@given(state=graphs(), iterative=st.booleans())
def test_any_graph_of_containers_comes_back(state: dict[str, Any], iterative: bool) -> None:
    kernel = Kernel()
    kernel.namespace.update(state)
    if iterative:
        with only_iterative():
            other = resumed(kernel)
    else:
        other = resumed(kernel)
    assert differences(kernel, other) == []


def test_memoryviews_of_parts_see_the_same_memory_again() -> None:
    names = resumed(Kernel(PARTS["memoryviews of parts"])).namespace
    assert names["b"][2] == 77
    assert all(names[view].obj is names[owner] for view, owner in (("n", "b"), ("r", "b"), ("am", "a"), ("c", "a")))
    names["n"][1], names["am"][1], names["rr"][7], names["c"][0] = 1, 2, 3, 4
    assert (names["b"][3], names["a"][4], names["a"][0], names["a"][1] & 0xFFFF) == (1, 2, 3, 4)
    assert (bytes(names["ro"]), len(names["z"]), names["o"].readonly, bytes(names["r"][:2])) == (
        b"bc",
        0,
        True,
        b"\t\x07",
    )


def test_weak_proxies_hand_on_to_the_object_that_came_back() -> None:
    names = resumed(Kernel(PARTS["weak proxies"])).namespace
    assert (type(names["p"]), type(names["q"][1])) == (weakref.CallableProxyType, weakref.ProxyType)
    assert names["p"] is names["q"][0]
    names["k"].v = [2]
    assert names["p"].v == names["p"]() == [2]


def test_flat_iterators_go_on_where_they_were() -> None:
    pytest.importorskip("numpy")
    names = resumed(Kernel("import numpy as np\nx = np.arange(6.).reshape(2, 3); i = x.T.flat; next(i)")).namespace
    names["x"][1, 0] = 9
    assert list(names["i"]) == [9, 1, 4, 2, 5]


def test_a_frame_is_stored_without_an_attribute_that_cannot_be() -> None:
    pytest.importorskip("pandas")
    code = (
        "import pandas as pd, warnings\nwarnings.simplefilter('ignore')\n"
        "df = pd.DataFrame({'a': [1, 2]}); df.design = (i for i in [1]); df.note = [df['a'].sum()]; both = [df, df]"
    )
    kernel = Kernel(code)
    names = resumed(kernel).namespace
    assert names["both"][0] is names["both"][1] is names["df"]
    assert (hasattr(names["df"], "design"), names["df"].note, names["df"]["a"].tolist()) == (False, [3], [1, 2])


def test_common_dtypes_are_the_very_ones_again() -> None:
    numpy = pytest.importorskip("numpy")
    code = (
        "import numpy as np\nkinds = [np.dtype(code) for code in '?bhilqBHILQefdgFDGO'] + [np.dtype('>f8'), np.dtype('U3')]\n"
        "a = np.arange(3, dtype='i4'); v = a[1:]"
    )
    kernel = Kernel(code)
    names = resumed(kernel).namespace
    assert names["kinds"] == kernel.namespace["kinds"]
    assert all(kind is numpy.dtype(kind.char) for kind in names["kinds"][:19])
    assert names["v"].astype("i4", copy=False) is names["v"]


@pytest.mark.parametrize("hook", ["profile", "trace"])
def test_a_tracer_or_profiler_changes_nothing(hook: str) -> None:
    """While code is traced, frames hold their variables once more: nothing may count on how many hold an object."""
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(
        "class K:\n    def __init__(self): self.v = [0]\nclass E: pass\nclass S(list): pass\n"
        "def gen():\n    a = [1]; b = {}\n    yield a\n    yield b\n"
        "k, e, s, error, g, h, i = K(), E(), S([1]), ValueError(1), gen(), gen(), (j for j in [[1]])\nnext(g)",
        space,
    )

    def trace(*_: Any) -> Any:
        return trace

    encoder = Encoder(space, Registry(), Resources())

    def captured(name: str) -> Any:
        shot = encoder.capture([(name, space[name])])
        found = b"".join(shot.segments), [(hole.token, hole.complete) for hole in shot.holes], shot.mode
        shot.release()
        return found

    for name in ("k", "e", "s", "error", "g", "h", "i"):
        expected = captured(name)
        before = sys.gettrace(), sys.getprofile()
        try:
            (sys.settrace if hook == "trace" else sys.setprofile)(trace)
            found = captured(name)
        finally:
            sys.settrace(before[0])
            sys.setprofile(before[1])
        assert found == expected, name


HASHED = """
class K:
    def __init__(self, held): self.held = held
    def __eq__(self, other): return type(other) is K and self.held == other.held
    def __hash__(self): return len(self.held)
class Plain: pass
"""


def test_instances_that_are_hashed_by_value_need_no_second_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass holds their attribute dicts itself: that they are then held twice says nothing."""
    passes: list[str] = []
    usual = capture._pickler

    def counted(mode: str, *rest: Any) -> Any:
        passes.append(mode)
        return usual(mode, *rest)

    monkeypatch.setattr(capture, "_pickler", counted)
    kernel = Kernel(HASHED + "a, b = K([1]), K([2]); plain = Plain(); plain.a = a")
    first = kernel.encoder.capture([(name, kernel.namespace[name]) for name in ("a", "b", "plain")])
    second = kernel.encoder.capture([(name, kernel.namespace[name]) for name in ("a", "b", "plain")])
    assert passes == ["fast", "fast"]
    assert b"".join(first.segments) == b"".join(second.segments)


@pytest.mark.parametrize("first", ["a", "plain"])
def test_an_attribute_dict_shared_with_one_that_is_hashed_by_value_stays_so(first: str) -> None:
    code = f"a, plain = K([1]), Plain(); plain.__dict__ = a.__dict__; held = [{first}, a, plain, a.__dict__]"
    other = resumed(Kernel(HASHED + code), "held")
    found = other.namespace["held"]
    assert found[3] is vars(found[1])
    assert found[3] is vars(found[2])


def _items_looked_at(monkeypatch: pytest.MonkeyPatch, code: str) -> int:
    """How many parts of tuples and instances are gone through to see where instances of one capture lead."""
    looked: list[int] = []
    usual = hashing.Leads._parts

    def counted(self: hashing.Leads, part: Any) -> list[Any]:
        parts = list(usual(self, part))
        looked.append(len(parts))
        return parts

    kernel = Kernel(HASHED + code)
    with monkeypatch.context() as patch:
        patch.setattr(hashing.Leads, "_parts", counted)
        state = Pass(kernel.encoder, frozenset())
        for obj in kernel.namespace["l"]:
            state.leads.early_parts(obj, vars(obj), {})
    return sum(looked)


def test_where_instances_lead_is_looked_for_once_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = "l = [K(None)]\nfor _ in range(2000): l.append(K(l[-1]))\nl.reverse()"
    assert _items_looked_at(monkeypatch, chain) <= 2 * 2000
    ring = chain + "\nl[-1].held = l[0]"
    assert _items_looked_at(monkeypatch, ring) <= 2 * 2000
    shared = "held = tuple(range(5000))\nl = [K(held) for _ in range(50)]"
    assert _items_looked_at(monkeypatch, shared) <= 6000


def test_a_key_of_its_own_container_is_hashed_by_a_long_tuple_too() -> None:
    code = "a = K(tuple(range(500))); a.keys = {a: 1}\nb = K((a, *range(100))); b.keys = {b: a}"
    found = resumed(Kernel(HASHED + code), "a", "b").namespace
    assert found["a"] in found["a"].keys
    assert found["b"] in found["b"].keys


def test_what_a_stream_only_refers_to_is_no_part_of_a_value_with_keys_that_hash_themselves() -> None:
    kernel = Kernel(
        "class K:\n    n = 1\n    def __eq__(self, other): return self is other\n    def __hash__(self): return 1\n"
        "k = {K()}"
    )
    before = b"".join(map(bytes, kernel.capture("k").segments))
    kernel.run("globals()[K()] = 'elsewhere'")
    assert b"".join(map(bytes, kernel.capture("k").segments)) == before
