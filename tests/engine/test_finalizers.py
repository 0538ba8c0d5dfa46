"""No restore finalizes what goes on: neither what it replaces and takes out, nor what it makes to look at."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip.codec import finalizers
from timeslip.errors import TimeslipError

TELLER = """
import told_by_finalizers
class T:
    def __init__(self, name): self.name, self.n = name, 0
    def __del__(self): told_by_finalizers.told.append(self.name)
class Slotted:
    __slots__ = ("name", "n")
    def __init__(self, name): self.name, self.n = name, 0
    def __del__(self): told_by_finalizers.told.append(self.name)
class Listed(list):
    def __init__(self, name): self.name, self.n = name, 0
    def __del__(self): told_by_finalizers.told.append(self.name)
def going(name):
    try:
        yield 0
        yield 1
    finally:
        told_by_finalizers.told.append(name)
"""


@pytest.fixture
def told() -> Iterator[list[str]]:
    module: Any = type(sys)("told_by_finalizers")
    module.told = []
    sys.modules[module.__name__] = module
    yield module.told
    del sys.modules[module.__name__]


@pytest.fixture
def session(tmp_path: Path, told: list[str]) -> Iterator[Any]:
    made = timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="n", min_free_bytes=0)
    run(made, TELLER)
    yield made
    made.close()


def run(session: Any, cell: str) -> Any:
    result = session.run(cell)
    assert result.error is None, result.error
    return result


MADE = {
    "bound": ("x = T('x')", "x"),
    "with slots": ("x = Slotted('x')", "x"),
    "a list": ("x = Listed('x'); x.append(x.n)", "x"),
    "in a container": ("d = {'k': [T('x')]}", "d['k'][0]"),
    "in a cycle": ("x = T('x'); x.me = [x]", "x"),
    "twice": ("x = T('x'); y = [x, x]", "y[1]"),
    "in a closure": ("def f(x=T('x')):\n    return lambda: x\ng = f()", "g()"),
    "in an array": ("import numpy\nd = numpy.array([T('x')], object)", "d[0]"),
    "in a structured array": ("import numpy\nd = numpy.zeros(1, [('o', 'O')]); d['o'] = T('x')", "d[0]['o']"),
    "in a class": ("class Holder:\n    held = [T('x')]", "Holder.held[0]"),
}


@pytest.mark.parametrize(("made", "where"), MADE.values(), ids=MADE)
def test_what_a_restore_replaces_or_takes_out(session: Any, told: list[str], made: str, where: str) -> None:
    names = session._live.namespace.globals
    run(session, made)
    for change in (f"{where}.n += 1", f"{where}.n += 1; z = [0]"):
        run(session, change)
    commit = session.head
    session.undo()
    session.undo(2)
    gc.collect()
    assert told == []
    session.redo(2)
    session.checkout(commit)
    gc.collect()
    assert told == []
    assert eval(where, names).n == 2
    session.diff("HEAD~1", "HEAD")
    session.show("HEAD~1", next(iter({"x", "y", "d", "g", "Holder"} & set(names))))
    session.verify()
    gc.collect()
    assert told == []
    run(session, "; ".join(f"{name} = f = None" for name in sorted({"x", "y", "d", "g", "Holder"} & set(names))))
    gc.collect()
    assert told == ["x"], "the user lets it go: once"


def test_what_is_made_in_another_session(tmp_path: Path, session: Any, told: list[str]) -> None:
    run(session, "x = T('x'); d = [T('y')]")
    session.close()
    again = timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="n", min_free_bytes=0)
    again.resume()
    gc.collect()
    assert told == []
    run(again, "del x, d")
    gc.collect()
    assert sorted(told) == ["x", "y"]
    again.undo()
    run(again, "del x")
    assert sorted(told) == ["x", "x", "y"]
    again.close()


def test_what_is_kept_is_finalized_as_ever(session: Any, told: list[str]) -> None:
    """A name less is no other object: it lives on under the one that is left."""
    run(session, "x = T('x')")
    run(session, "y = x; d = {'k': x}")
    session.undo()
    run(session, "other = T('other')")
    session.undo()
    gc.collect()
    assert told == []
    run(session, "del x")
    gc.collect()
    assert told == ["x"]


def test_the_rest_of_a_generator_does_not_run(session: Any, told: list[str]) -> None:
    run(session, "g = going('g'); next(g)")
    run(session, "n = next(g)")
    session.undo()
    gc.collect()
    assert told == []
    kept = run(session, "h = going('h'); next(h)").commit.id
    run(session, "other = 1")
    session.undo()
    session.checkout(kept)
    run(session, "del h")
    gc.collect()
    assert told == ["h"]


def test_a_restore_that_fails_finalizes_nothing(session: Any, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    run(session, "x = T('x')")
    run(session, "x.n = 1")

    def fail(*_: Any) -> None:
        raise OSError("no")

    before = session._live.namespace.globals["x"]
    with monkeypatch.context() as patched:
        patched.setattr(type(session._live.repository), "transaction", fail)
        with pytest.raises((OSError, TimeslipError)):
            session.undo()
    gc.collect()
    assert told == []
    assert session._live.namespace.globals["x"] is before
    del before
    run(session, "del x")
    assert told == ["x"]


def test_what_weakref_finalize_follows_is_held(session: Any, told: list[str]) -> None:
    run(session, "import weakref\nx = T('x'); weakref.finalize(x, told_by_finalizers.told.append, 'followed')")
    run(session, "x.n = 1")
    session.undo()
    session.undo(1)
    session.redo()
    gc.collect()
    assert told == []


def test_a_class_in_a_file_of_the_users(tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_finalizer.py").write_text(TELLER)
    monkeypatch.syspath_prepend(str(tmp_path))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    session = timeslip.attach(namespace, store=tmp_path / "store", name="own", min_free_bytes=0)
    try:
        run(session, "from own_finalizer import T\nx = [T('x')]")
        run(session, "x[0].n = 1")
        session.undo()
        session.redo()
        gc.collect()
        assert told == []
        run(session, "del x")
        assert told == ["x"]
    finally:
        session.close()
        sys.modules.pop("own_finalizer", None)


def test_where_it_cannot_be_kept_from_running_it_is_held(
    session: Any, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finalizers, "_can", lambda: False)
    run(session, "x = T('x')")
    run(session, "x.n = 1")
    before = weakref.ref(session._live.namespace.globals["x"])
    session.undo()
    gc.collect()
    assert told == []
    assert before() is not None
