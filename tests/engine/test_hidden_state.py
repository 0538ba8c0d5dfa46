"""Objects whose state cannot be stored: after an undo right, or a placeholder with its reason; never wrong (009)."""

from __future__ import annotations

import contextlib
import gc
import io
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from tests.engine.hidden_cases import ADVANCED, READ
from tests.engine.test_cases import Sessions, _quiet, fresh, sessions

from timeslip.codec.placeholder import Placeholder

__all__ = ["_quiet", "sessions"]  # the fixtures

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # what is left open is left open on purpose
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def _let_go() -> Iterator[None]:
    """What the cells leave open ends with its test, not later in the middle of another one."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


HELPERS = """
def _step(value):
    try:
        value.send(None)
    except StopIteration as stop:
        return stop.value
def _run(x): return _step(x)
def _anext(x): return _step(x.__anext__())
def _alen(x):
    count = 0
    while True:
        try:
            _step(x.__anext__())
        except StopAsyncIteration:
            return count
        count += 1
"""


def _told(namespace: dict[str, Any], probe: str) -> str:
    """What *probe* says of the state in *namespace*."""
    scope = dict(namespace)
    exec(HELPERS, scope)
    try:
        return repr(eval(probe, scope))
    except Exception as error:  # an object that is used up says so by raising
        return f"{type(error).__name__}: {error}"


def _told_bare(cells: list[str], probe: str) -> str:
    namespace = fresh()
    for cell in cells:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(cell, namespace)
    return _told(namespace, probe)


def _check(live: Any, result: Any, probe: str, expected: str) -> None:
    fidelity, note = result.fidelity["x"], result.notes.get("x")
    if isinstance(live["x"], Placeholder):
        assert fidelity == "lost"
        assert note
    else:
        assert fidelity in ("exact", "rebuilt", "replayed")
        assert _told(live.namespace, probe) == expected
        assert note or fidelity == "exact"


@pytest.mark.parametrize("name", ADVANCED)
def test_what_a_run_moved_on_is_never_called_exact_afterwards(name: str, sessions: Sessions) -> None:
    make, advance, probe = ADVANCED[name]
    expected = _told_bare([make], probe)
    live = sessions.attach()
    live.run(make, "unrelated = 1")
    assert "x" not in live.commits[-1].names.changed
    live.run(advance, "other = 2")
    assert "x" not in live.commits[-1].names.changed
    live.session.undo()
    _check(live, live.session.undo(), probe, expected)


@pytest.mark.parametrize("name", ADVANCED)
def test_undo_and_redo_of_what_has_two_names_and_is_in_containers(name: str, sessions: Sessions) -> None:
    make, advance, probe = ADVANCED[name]
    held = "\nagain = x; held = [x, {'k': x}]\nclass Holder: pass\nholder = Holder(); holder.x = x"
    expected = _told_bare([make, advance], probe)
    live = sessions.attach()
    live.run(make + held, advance)
    live.session.undo()
    result = live.session.redo()
    if not any(isinstance(live[key], Placeholder) for key in ("x", "again", "held", "holder")):
        parts = (live["again"], live["held"][0], live["held"][1]["k"], live["holder"].x)
        assert all(part is live["x"] for part in parts)
    _check(live, result, probe, expected)


@pytest.mark.parametrize("name", READ)
def test_reading_what_tells_its_whole_state_is_no_change(name: str, sessions: Sessions) -> None:
    make, read = READ[name]
    live = sessions.attach()
    live.run(make)
    before = live["x"]
    live.run(read, "other = 1")
    assert "x" not in {key for commit in live.commits[1:] for key in commit.names.changed}
    live.session.undo(2)
    assert live["x"] is before
    with contextlib.suppress(AttributeError):
        live["x"].shutdown()


def test_what_cannot_tell_its_state_counts_as_changed_only_when_it_is_reached(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("import zlib\nx = zlib.compressobj()\ndef use(): return x.compress(b'a')\nother = [1]")
    for cell, reached in (
        ("other.append(2)", False),
        ("type(x)", True),
        ("len(other)", False),
        ("use()", True),
        ("exec('pass')", True),
    ):
        live.run(cell)
        assert ("x" in live.commits[-1].names.changed) is reached, cell


def test_code_handed_on_reaches_what_its_cell_could_reach(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run(
        "import zlib, atexit\nx = zlib.compressobj(); y = zlib.compressobj()\ndef use(): return x.compress(b'a')",
        "f = atexit.register(use); atexit.unregister(use)",
        "z = 1",
    )
    assert "x" in live.commits[-1].names.changed
    assert "y" not in live.commits[-1].names.changed


def test_two_generators_over_one_iterator_share_it_again(sessions: Sessions) -> None:
    for make in ("it = iter(range(6)); ", "it = iter(range(6))\n", "source = [0, 1, 2, 3, 4, 5]; it = iter(source); "):
        live = sessions.attach(str(len(make)))
        live.run(make + "a = (i for i in it); b = (i for i in it)", "next(a)")
        assert set(live.session.undo().fidelity.values()) <= {"exact", "replayed"}
        assert [next(live[name]) for name in ("a", "b", "it", "a")] == [0, 1, 2, 3]


def test_generators_of_several_cells_share_their_iterator_or_say_that_they_are_lost(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("it = iter(range(6))", "a = (i for i in it)", "b = (i for i in it)", "next(a)")
    result = live.session.undo()
    whole = [name for name in ("a", "b", "it") if result.fidelity[name] != "lost"]
    told = {name: result.notes.get(name, "") for name in whole}
    got = [next(live[name]) for name in whole]
    assert got == list(range(len(got))) or any("shared" in note or "apart" in note for note in told.values()), told


def test_a_cursor_goes_with_its_connection(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run(
        "import sqlite3\nc = sqlite3.connect(':memory:')\n"
        "_ = c.executescript('create table t(a); insert into t values (1), (2)')",
        "x = c.execute('select a from t')",
        "x.fetchone()",
        "_ = c.execute('insert into t values (3)'); c.commit()",
    )
    result = live.session.undo(2)
    assert isinstance(live["x"], Placeholder)
    assert live["c"].execute("select count(*) from t").fetchone() == (2,)
    assert result.fidelity["c"] != "exact"


def test_a_function_in_a_database_and_a_table_are_changes(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("import sqlite3\nc = sqlite3.connect(':memory:')", "c.execute('create table t(a)')")
    assert "c" in live.commits[-1].names.changed
    live.session.undo()
    assert live["c"].execute("select count(*) from sqlite_master").fetchone() == (0,)
    live.run("c.create_function('f', 0, int)")
    assert "c" in live.commits[-1].names.changed


def test_a_function_that_holds_a_reader_is_named_when_the_commit_is_made(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run(
        "import csv\ndef make():\n    r = csv.reader(['a', 'b', 'c'])\n    return lambda: next(r)\nf = make(); l = [f]",
        "f()",
    )
    assert {"f", "l"} <= live.commits[0].names.inexact.keys()
    live.session.undo()
    assert live["l"][0] is live["f"]
    assert live["f"]() == ["a"]


def test_an_object_at_the_address_of_another_is_another(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("import csv\nx = csv.reader(['a', 'b'])", "del x", "x = csv.reader(['c', 'd'])")
    result = live.session.undo(2)
    assert next(live["x"]) == ["a"]
    assert result.fidelity["x"] == "replayed"


def test_a_writer_writes_into_the_buffer_that_came_back(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("import csv, io\nb = io.StringIO(); w = csv.writer(b)", "w.writerow([1])")
    live.session.undo()
    live["w"].writerow([2])
    assert live["b"].getvalue() == "2\r\n"


def test_a_lock_is_held_as_often_as_it_was(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("import threading\nx = threading.RLock(); _ = x.acquire(), x.acquire()", "x.release(); x.release()")
    live.session.undo()
    live["x"].release()
    assert live["x"]._is_owned()
    live["x"].release()
    assert not live["x"]._is_owned()


def test_a_cache_that_was_cleared_and_filled_again_is_not_called_exact(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("import functools\nfactor = 10\n@functools.lru_cache(maxsize=8)\ndef f(n): return n * factor\na = f(1)")
    live.run("factor = 20; f.cache_clear(); b = f(1)")
    result = live.session.undo()
    assert result.fidelity["f"] == "rebuilt"
    assert live.session.namespace["f"](1) == 10


def test_long_texts_of_hidden_state_are_told_by_content(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("import queue\nq = queue.SimpleQueue(); page = 1\nq.put(f'page {page}: ' + 'x' * 300)")
    live.run("page = 2; q.get(); q.put(f'page {page}: ' + 'x' * 300)")
    assert "q" in live.commits[-1].names.changed


def test_looking_at_a_generator_keeps_nothing_of_its_variables(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run(
        "import weakref\nclass Big: pass\nr = []\n"
        "def make():\n    b = Big(); r.append(weakref.ref(b)); yield 1\n    b = None; yield 2\ng = make(); _ = next(g)"
    )
    live.run("unrelated = 1", "_ = next(g)")
    assert live.session.namespace["r"][0]() is None


def test_an_alias_between_equal_values_is_noticed(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run(
        "x = {'a': [1]}; y = [1]\nclass N: pass\nn = N(); n.c = N(); m = N()\nbig = [[i] for i in range(3000)]; e = [5]"
    )
    live.run("x['a'] = y; n.c = m; big[5] = e", "unrelated = 1", "y.append(4); m.v = 1; e.append(1)")
    live.session.undo()
    assert eval("x['a'] is y and n.c is m and big[5] is e and y == [1] and e == [5]", live.session.namespace)


def test_what_was_used_outside_of_a_run_is_not_taken_for_what_was_recorded(sessions: Sessions) -> None:
    """A triangulation that keeps its state in C tells it all the same, and what it has worked out since."""
    pytest.importorskip("scipy")
    live = sessions.attach()
    session = live.session
    live.run("import numpy as np\nfrom scipy.spatial import Delaunay\np = np.random.default_rng(0).random((9, 2))")
    live.run("x = Delaunay(p, incremental=True)", "seen = int(x.simplices.sum())")
    assert session.log()[0].names.changed == (), "looking at it is no change"
    live.run("x.add_points([[2., 2.]])")
    assert "x" in session.log()[0].names.changed
    held = session.namespace["x"]
    session.undo()
    assert session.namespace["x"] is not held
    assert session.redo().fidelity["x"] == "exact"
    assert session.namespace["x"] is held, "which nobody has used since"
    session.undo()
    assert held.transform is not None
    assert session.redo().fidelity["x"] != "exact"
    assert session.namespace["x"] is not held
