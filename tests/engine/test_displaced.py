"""What undo takes out of the session and nothing makes again is there for redo, with all it shares, until the next run."""
# ruff: noqa: E501 - cells are written as users write them

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

Attach = Callable[..., Any]
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize(
    ("made", "changed", "shows"),
    [
        ("import threading\nt = {'th': threading.Thread(target=print), 'w': [1]}\nw = t['w']", "t['th'].start(); w.append(2)", "(t['th'].is_alive(), t['w'], t['w'] is w)"),
        ("import hashlib\nh = hashlib.sha256(b'a')", "h.update(b'b')", "h.hexdigest()"),
        ("import csv, io\nr = csv.reader(io.StringIO('a,b\\nc,d\\n'))", "next(r)", "(r.line_num, next(r))"),
        ("import mmap\nm = mmap.mmap(-1, 10); d = {'m': m, 'w': 1}", "d['w'] = 2; m[0] = 7", "(m[0], d['w'], d['m'] is m)"),
        ("x = 0", "import tempfile, os\ntd = tempfile.TemporaryDirectory(); p = td.name", "os.path.isdir(p)"),
        ("import sqlite3, tempfile, os\nt = tempfile.mkdtemp()\ndb = sqlite3.connect(os.path.join(t, 'a'))\ndb.execute('create table t(a)'); db.commit()", "db.execute('insert into t values (1)'); n = [db]", "(db.in_transaction, db.execute('select count(*) from t').fetchall(), n[0] is db)"),
        ("g = (i for i in (1, 2, 3)); k = [g]", "next(g)", "(k[0] is g, list(g))"),
    ],
)  # fmt: skip
def test_redo_gives_the_very_object_back(attach: Attach, made: str, changed: str, shows: str) -> None:
    session = attach()
    for cell in (made, changed):
        assert session.run(cell).error is None
    expected: dict[str, Any] = {"__name__": "__main__"}
    exec(made, expected)
    exec(changed, expected)
    session.undo()
    result = session.redo()
    assert set(result.fidelity.values()) == {"exact"}, result.notes
    assert eval(shows, session.namespace) == eval(shows, expected)
    for name in ("td", "db"):
        if name in expected:
            getattr(expected[name], "cleanup" if name == "td" else "close")()
            getattr(session.namespace[name], "cleanup" if name == "td" else "close")()


def test_the_next_run_lets_it_go(attach: Attach) -> None:
    session = attach()
    session.run("x = 1")
    session.run("def f():\n    yield 1\ng = f()")
    alive = weakref.ref(session.namespace["g"])
    session.undo()
    gc.collect()
    assert alive() is not None
    session.run("y = 1")
    gc.collect()
    assert alive() is None


def test_it_does_not_come_back_with_objects_of_another_state(attach: Attach) -> None:
    """A generator over a list that redo loads anew: the one that was set aside goes on with the old list."""
    session = attach()
    session.run("x = [1, 2, 3]\ng = (i for i in x); k = [x]")
    session.run("x.append(4); next(g)")
    session.undo()
    session.redo()
    session.run("x.append(9); l = list(g)")
    assert session.namespace["l"] == [2, 3, 4, 9]
    assert session.namespace["k"][0] is session.namespace["x"]


def test_it_comes_back_where_all_that_it_holds_stayed(attach: Attach) -> None:
    session = attach()
    session.run("x = [1, 2, 3]\ny = 0")
    session.run("g = (i for i in x)")
    held = id(session.namespace["g"])
    session.undo()
    result = session.redo()
    assert result.fidelity == {"g": "exact", "x": "exact", "y": "exact"}
    assert id(session.namespace["g"]) == held
    session.run("x.append(9); l = list(g)")
    assert session.namespace["l"] == [1, 2, 3, 9]


def test_a_placeholder_is_not_set_aside(attach: Attach) -> None:
    session = attach(replay="never")
    session.run("g = (i for i in (1, 2)); x = 1")
    session.run("next(g); x = 2")
    session.undo()
    assert session.undo().fidelity == {}
    assert session.redo().fidelity == {"g": "lost", "x": "exact"}
    assert session.redo().fidelity == {"g": "exact", "x": "exact"}
    assert list(session.namespace["g"]) == [2]


@pytest.mark.parametrize(
    ("made", "shows"),
    [
        ("import re\nh = {'s': re.match('a', 'a'), 'n': 1}", "h['s'].group()"),
        ("import sqlite3\nh = {'s': sqlite3.connect(':memory:'), 'n': 1}\nh['s'].execute('create table t(a)')\nh['s'].execute('insert into t values (1)'); h['s'].create_function('two', 0, lambda: 2)", "h['s'].execute('select a, two() from t').fetchall()"),
        ("import hashlib\nh = {'s': hashlib.sha256(b'a'), 'n': 1}", "h['s'].hexdigest()"),
    ],
)  # fmt: skip
def test_what_takes_no_weak_reference_is_found_again(attach: Attach, made: str, shows: str) -> None:
    session = attach()
    session.run("x = 1")
    assert session.run(made).error is None
    session.run("h['n'] = 2")
    held = id(session.namespace["h"]["s"])
    shown = eval(shows, session.namespace)
    for step in (session.undo, session.redo):
        dry = step(dry_run=True)
        result = step()
        assert set(result.fidelity.values()) == {"exact"}, result.notes
        assert dry.fidelity == result.fidelity
        assert id(session.namespace["h"]["s"]) == held
        assert eval(shows, session.namespace) == shown
    session.undo(2)
    assert session.redo(2).fidelity["h"] == "exact"
    assert eval(shows, session.namespace) == shown
