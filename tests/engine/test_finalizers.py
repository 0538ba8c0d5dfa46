"""No restore finalizes what goes on: neither what it replaces and takes out, nor what it makes to look at."""

from __future__ import annotations

import builtins
import ctypes
import gc
import sys
import tempfile
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


OWN = f"""{TELLER}
class Outer:
    class Inner:
        def __del__(self): told_by_finalizers.told.append("x")
def make():
    class Local:
        def __del__(self): told_by_finalizers.told.append("x")
    return Local()
registry = []
"""


@pytest.fixture
def own(tmp_path: Path, session: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A file of the user's, imported in a session without classes of its own that have finalizers."""
    (tmp_path / "own_with_finalizers.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    run(session, "del T, Slotted, Listed, going\nimport own_with_finalizers as own")
    yield sys.modules["own_with_finalizers"]
    sys.modules.pop("own_with_finalizers", None)


@pytest.mark.parametrize("made", ["own.Outer.Inner()", "own.make()"])
def test_a_class_within_a_class_or_function_of_a_file(session: Any, own: Any, told: list[str], made: str) -> None:
    del own.T, own.Slotted, own.Listed
    run(session, f"x = {made}")
    run(session, "x.n = 1")
    session.undo()
    session.undo()
    gc.collect()
    assert told == []


def test_what_python_has_finalized_is_not_finalized_again(session: Any, told: list[str]) -> None:
    run(session, "kept = []\nclass R(T):\n    def __del__(self): super().__del__(); kept.append(self)\nR('x')")
    run(session, "y = kept[0]")
    assert told == ["x"]
    session.undo()
    run(session, "kept.clear()")
    gc.collect()
    assert told == ["x"]


def test_what_a_module_of_the_users_holds_is_finalized_when_that_lets_it_go(
    session: Any, own: Any, told: list[str]
) -> None:
    run(session, "x = own.T('x'); x.me = x; own.registry.append(x); y = own.Slotted('y'); own.registry.append(y)")
    session.undo()
    gc.collect()
    assert told == []
    own.registry.clear()
    gc.collect()
    assert sorted(told) == ["x", "y"]


def test_what_a_thread_holds_is_finalized_when_that_ends(session: Any, told: list[str]) -> None:
    run(session, "import threading\ngo = threading.Event()")
    run(session, "def work(x): go.wait(10)\nthread = threading.Thread(target=work, args=[T('x')]); thread.start()")
    go, thread = session.namespace["go"], session.namespace["thread"]
    session.undo()
    assert told == []
    go.set()
    thread.join()
    del thread
    gc.collect()
    assert told == ["x"]


@pytest.mark.parametrize("made", ["{1}", "__import__('numpy').zeros(3)"])
def test_what_weakref_finalize_follows_for_the_user_is_held_whatever_its_class(
    session: Any, told: list[str], made: str
) -> None:
    run(session, f"import weakref, told_by_finalizers\nx = {made}")
    run(session, "weakref.finalize(x, told_by_finalizers.told.append, 'followed'); y = [0]")
    run(session, "del x")
    assert told.pop() == "followed"
    run(session, f"x = {made}; weakref.finalize(x, told_by_finalizers.told.append, 'followed')")
    session.undo()
    gc.collect()
    assert told == []


def test_what_a_library_follows_of_its_own_is_not_held() -> None:
    with tempfile.TemporaryDirectory() as folder:
        other = tempfile.TemporaryDirectory(dir=folder)
        assert all(target is not other for target in finalizers.followed())
        mine = weakref.finalize(other, print)
        assert any(target is other for target in finalizers.followed())
        mine.detach()
        other.cleanup()


def test_the_note_leaves_the_pointer_beside_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector keeps one of its lists in the same word, and writes there whenever neighbours come and go."""
    objects = [finalizers._Probe() for _ in range(100)]
    words = [ctypes.c_size_t.from_address(id(obj) - ctypes.sizeof(ctypes.c_size_t)) for obj in objects]
    gc.collect()
    before = [word.value for word in words]
    assert all(before)
    monkeypatch.setattr(builtins, "id", lambda obj: 7)
    marked = finalizers.hold_back(objects)
    monkeypatch.undo()
    assert marked is not None
    assert [word.value for word in words] == [value | 1 for value in before]
    assert finalizers.hold_back(objects) == [], "what is noted already is nobody's to take back"
    del objects[::2]  # frees neighbours: their pointers are written
    gc.collect()
    finalizers.let_run(objects)
    gc.collect()
    assert not any(map(gc.is_finalized, objects))
    finalizers.hold_back(objects)


@pytest.mark.parametrize("made", ["t = T('t'); t.me = t", "t = T('t'); t.of = [t]", "t = going('t'); next(t)"])
def test_a_cycle_that_goes_makes_no_collection_of_everything(
    session: Any, told: list[str], made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(session, made)
    run(session, "t = 1")
    session.undo()
    gc.collect()
    collected: list[Any] = []
    collect = gc.collect
    monkeypatch.setattr(gc, "collect", lambda *given: collected.append(given) or collect(*given))
    told.clear()
    session.undo()  # takes out what the first undo has brought back
    monkeypatch.undo()
    assert "t" not in session.namespace
    assert not collected
    gc.collect()
    assert told == []
