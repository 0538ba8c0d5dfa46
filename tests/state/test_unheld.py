"""Garbage that holds itself is told from what somebody holds, as the collector tells it."""

from __future__ import annotations

import collections
import gc
import sys
import types
from typing import Any

import pytest

from timeslip.state import unheld
from timeslip.state.unheld import are_garbage


class Node:
    def __init__(self) -> None:
        self.me: Any = self

    def itself(self) -> Any:
        return self.me


class Slotted:
    __slots__ = ("me", "more")

    def __init__(self) -> None:
        self.me = self


def made() -> dict[str, Any]:
    """Cycles of several kinds, each by an object of it."""
    listed: list[Any] = []
    listed.append(listed)
    closing, bound, going, far = Node(), Node(), Node(), Node()
    closing.me = lambda: closing
    bound.me = bound.itself

    def generator() -> Any:
        yield going

    going.me = generator()
    next(going.me)
    far.me = collections.deque([{"a": (far, [1, "b", sys, Node, far])}])
    several = [Node(), Node()]
    several[0].me, several[1].me = several[1], several[0]
    found = {"dict": Node(), "slots": Slotted(), "list": listed, "closure": closing, "bound method": bound}
    return found | {"generator": going, "far": far, "several": several[0]}


@pytest.fixture(autouse=True)
def without_collections() -> Any:
    gc.disable()
    yield
    gc.enable()


def alone(kind: str) -> list[Any]:
    everything = made()
    return [everything.pop(kind)]


@pytest.mark.parametrize("kind", sorted(made()))
def test_a_cycle_that_nobody_holds_is_garbage(kind: str) -> None:
    objects = alone(kind)
    assert are_garbage(objects)
    assert are_garbage([*objects, *objects]) is False  # the list here holds it as well


@pytest.mark.parametrize("kind", sorted(made()))
@pytest.mark.parametrize("how", ["name", "module", "class", "list", "part"])
def test_what_somebody_holds_is_not(kind: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = alone(kind)
    holder: Any = None
    if how == "name":
        holder = objects[0]
    elif how == "module":
        monkeypatch.setattr(sys.modules[__name__], "HELD", objects[0], raising=False)
    elif how == "class":
        monkeypatch.setattr(Node, "HELD", {"x": objects[0]}, raising=False)
    elif how == "list":
        holder = [objects[0]]
    else:
        leads = [part for part in gc.get_referrers(objects[0]) if part is not objects and type(part) is not type(sys)]
        leads = [part for part in leads if type(part) is not types.FrameType]
        holder = leads[-1]
        del leads
    assert not are_garbage(objects)
    del holder


def test_too_much_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unheld, "_MOST", 50)
    objects = alone("dict")
    objects[0].more = [[n] for n in range(100)]
    for part in objects[0].more:
        part.append(part)
    del part
    assert not are_garbage(objects)
