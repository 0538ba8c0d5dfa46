"""Putting back: after it, everything that was kept is as it was, in the same objects."""

from __future__ import annotations

import collections
import enum
import io
import json
import logging
import signal
import sys
import types
from typing import Any

import numpy as np
import pytest

from timeslip.state import putback
from timeslip.state.putback import Attributes, Definitions, Process, Variables


def outer() -> Any:
    n = 1

    def inner(a: int = 1, *, k: int = 2) -> int:
        nonlocal n
        n += a + k
        return n

    inner.note = [1]  # type: ignore[attr-defined]
    return inner


class Color(enum.Enum):
    RED = 1


class Base:
    n = 1
    items: list[int] = []


class Child(Base):
    pass


def test_definitions() -> None:
    function, scope = outer(), types.ModuleType("made")
    scope.x = 1  # type: ignore[attr-defined]
    note = function.note
    kept = Definitions([function, Base, Child, Color])
    function()
    function.note = 2
    function.more = 3
    function.__defaults__ = (5,)
    function.__kwdefaults__["k"] = 7
    function.__doc__ = "changed"
    Base.n, Base.new = 2, 3  # type: ignore[attr-defined]
    del Base.items
    Child.__bases__ = (type("Other", (Base,), {}),)
    Color.RED.note = 1  # type: ignore[attr-defined]
    kept.put_back()
    assert function.__dict__ == {"note": note}
    assert function.note is note
    assert function.__defaults__ == (1,)
    assert function.__kwdefaults__ == {"k": 2}
    assert function.__doc__ is None
    assert function() == 4
    assert (Base.n, Base.items, hasattr(Base, "new")) == (1, [], False)
    assert Child.__bases__ == (Base,)
    assert not hasattr(Color.RED, "note")


def test_attributes_of_modules_and_classes() -> None:
    encoder, largest = json.JSONEncoder.default, sys.maxsize
    kept = Attributes(["default", "zzz", "maxsize"])
    for target, name, value in (
        (json.JSONEncoder, "default", len),
        (json.JSONEncoder, "zzz", 1),
        (collections, "zzz", 1),
        (collections, "other", 1),
    ):
        setattr(target, name, value)
    del sys.maxsize
    kept.put_back()
    assert json.JSONEncoder.default is encoder
    assert not hasattr(json.JSONEncoder, "zzz")
    assert not hasattr(collections, "zzz")
    assert vars(collections).pop("other") == 1, "no name that was asked for"
    assert sys.maxsize == largest


def test_modules_and_classes_are_gone_through_once_and_only_asked_for_names(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    attributes_of = putback._attributes
    monkeypatch.setattr(putback, "_attributes", lambda target: read.append(target) or attributes_of(target))
    kept = Attributes(["zzz"])
    looked_at = len(read)
    json.zzz = 1  # type: ignore[attr-defined]
    kept.put_back()
    assert not hasattr(json, "zzz")
    assert len(read) <= looked_at + 1, "most have none of the names, before and after"


class Plain:
    def __init__(self) -> None:
        self.v = [1]


def test_variables() -> None:
    inner: list[Any] = [1]
    array, objects = np.arange(3), np.empty(1, dtype=object)
    objects[0] = inner
    plain, text = Plain(), io.StringIO("abc")
    roots: list[Any] = [
        [inner, (inner, {1, 2})], {"a": inner, "b": plain}, collections.OrderedDict(a=1), collections.deque([1], 3),
        bytearray(b"x"), array, text, collections.Counter("ab"), objects, frozenset({1}),
        collections.defaultdict(list, a=[1]),
    ]  # fmt: skip
    kept = Variables(roots)
    assert kept.problem is None
    inner.append(2)
    roots[0].clear()
    roots[1]["c"] = 1
    del roots[1]["a"]
    plain.v.append(plain)
    plain.new = 1  # type: ignore[attr-defined]
    roots[2]["b"] = 1
    roots[3].append(9)
    roots[4].extend(b"yy")
    array[:] = 7
    text.seek(0)
    text.write("ZZZZZ")
    roots[7].update("aaa")
    roots[8][0] = None
    roots[10]["z"].append(1)
    kept.put_back()
    assert inner == [1]
    assert roots[0] == [inner, (inner, {1, 2})]
    assert list(roots[1]) == ["a", "b"]
    assert roots[1]["a"] is inner
    assert vars(plain) == {"v": [1]}
    assert dict(roots[2]) == {"a": 1}
    assert (list(roots[3]), roots[3].maxlen) == ([1], 3)
    assert roots[4] == b"x"
    assert array.tolist() == [0, 1, 2]
    assert (text.getvalue(), text.tell()) == ("abc", 0)
    assert dict(roots[7]) == {"a": 1, "b": 1}
    assert roots[8][0] is inner
    assert dict(roots[10]) == {"a": [1]}


@pytest.mark.parametrize("odd", [iter([1]), logging.getLogger("tests"), (i for i in [1]), memoryview(b"x")])
def test_variables_that_cannot_be_put_back_are_said(odd: Any) -> None:
    assert Variables([[odd]]).problem is not None


def test_very_many_variables_are_not_kept() -> None:
    assert Variables([[[] for _ in range(200_000)]]).problem == "too many objects"
    assert "memory" in str(Variables([np.zeros(20_000_000)]).problem)


def test_loggers_and_signals() -> None:
    logger = logging.getLogger("tests.putback")
    handlers, level = list(logger.handlers), logger.level
    before = signal.getsignal(signal.SIGUSR1)
    kept = Process()
    logger.addHandler(logging.NullHandler())
    logger.setLevel(7)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    kept.put_back()
    assert (logger.handlers, logger.level) == (handlers, level)
    assert signal.getsignal(signal.SIGUSR1) == before
