"""After every verb, what the user deletes is gone at once: no cycle or cache of ours keeps it until a collection."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip

VERBS: dict[str, Callable[[Any, str], Any]] = {
    "undo": lambda session, at: session.undo(1),
    "checkout": lambda session, at: session.checkout(at),
    "checkout of one name": lambda session, at: session.checkout(at, "k"),
    "get": lambda session, at: session.get(at, "k", "k"),
    "get, replay": lambda session, at: session.checkout(at, replay="auto"),
    "diff with the live state": lambda session, at: (session.run("k = K()"), session.diff(at, ".")),
    "show": lambda session, at: (session.show(at, "k"), session.run("k = K()")),
    "verify": lambda session, at: (session.run("k = K()"), session.verify()),
    "a cell that raises": lambda session, at: session.run("k = K()\n1 / 0"),
}


@pytest.fixture
def without_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "made",
    [
        "k = K()",
        "k = K(); k.part = (i for i in [1])",
        pytest.param("import io\nk = K(); k.part = io.BytesIO(b'ab').getbuffer()", id="what pickling refuses"),
    ],
)
@pytest.mark.usefixtures("without_collections")
def test_what_came_back_dies_with_its_last_name(verb: str, made: str, tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="letting go") as session:
        session.run("class K:\n    def itself(self): return self")
        at = session.run(made).commit.id
        session.run("del k")
        VERBS[verb](session, at)
        gone = weakref.ref(namespace["k"])
        del namespace["k"]
        assert gone() is None


@pytest.mark.usefixtures("without_collections")
def test_what_was_resumed_dies_with_its_last_name(tmp_path: Path) -> None:
    with timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="letting go") as session:
        session.run("class K: pass\nk = K()")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with timeslip.attach(namespace, store=tmp_path / "store", name="letting go") as session:
        session.resume()
        gone = weakref.ref(namespace["k"])
        del namespace["k"]
        assert gone() is None


def test_a_class_whose_making_was_undone_is_no_subclass_any_more(tmp_path: Path) -> None:
    """Programs find their plugins by ``__subclasses__``, where Python lists a class until it is collected."""
    with timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="letting go") as session:
        session.run("class Shape: pass\nshapes = []")
        session.run("class Square(Shape): pass\nshapes.append(Square())")
        session.run("class Square(Shape): sides = 4\nshapes.append(Square())")
        listed = session.namespace["Shape"].__subclasses__
        assert len(listed()) == 2
        session.undo()
        assert listed() == [session.namespace["Square"]]
        session.undo()
        assert listed() == []
        session.redo(2)
        assert len(listed()) == 2
