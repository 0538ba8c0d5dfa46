"""The pickler without recursion: the same values as the C pickler, at any depth."""

# ruff: noqa: E501 - a cell of users' code stands on one line
from __future__ import annotations

import io
import pickle
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest
from tests.codec.kernels import Kernel, differences, only_iterative, resumed, stored
from tests.codec.states import ARRAYS, DEFINITIONS, FRAMES, OVER_OTHERS, PLAIN

from timeslip.codec import iterative
from timeslip.codec.capture import Encoder
from timeslip.codec.definitions import Registry
from timeslip.codec.iterative import IterativePickler
from timeslip.codec.passes import Pass
from timeslip.codec.resources import Resources

DEPTH = 100_000


@pytest.mark.parametrize("code", {**PLAIN, **DEFINITIONS}.values(), ids={**PLAIN, **DEFINITIONS}.keys())
def test_it_writes_what_the_c_pickler_writes(code: str) -> None:
    kernel = Kernel(code)
    with only_iterative():
        other = resumed(kernel)
    assert differences(kernel, other) == []


@pytest.mark.parametrize("code", {**ARRAYS, **FRAMES}.values(), ids={**ARRAYS, **FRAMES}.keys())
def test_it_writes_arrays_and_frames(code: str) -> None:
    pytest.importorskip("pandas" if "pd." in code else "numpy")
    start = "import numpy as np, pandas as pd\n" if "pd." in code else "import numpy as np\n"
    kernel = Kernel(start + code)
    with only_iterative():
        other = resumed(kernel)
    assert differences(kernel, other) == []


@pytest.mark.parametrize("code", OVER_OTHERS.values(), ids=OVER_OTHERS.keys())
def test_it_writes_arrays_over_other_memory(code: str) -> None:
    pytest.importorskip("numpy")
    kernel = Kernel("import numpy as np\n" + code)
    with only_iterative():
        other = resumed(kernel)
    assert [text for text in differences(kernel, other) if ".base is" not in text] == []


DEEP = {
    "lists": "d = []\nfor _ in range(DEPTH): d = [d]",
    "dicts": "d = {}\nfor _ in range(DEPTH): d = {'next': d}",
    "tuples": "d = ()\nfor _ in range(DEPTH): d = (d, 1)",
    "instances": "class Node:\n    def __init__(self, n): self.next = n\nd = None\nfor _ in range(DEPTH): d = Node(d)",
    "slots": "class Node:\n    __slots__ = 'next'\n    def __init__(self, n): self.next = n\nd = None\nfor _ in range(DEPTH): d = Node(d)",
}

BELOW: dict[str, Callable[[Any], Any]] = {
    "lists": lambda node: node and node[0],
    "dicts": lambda node: node.get("next"),
    "tuples": lambda node: node[0],
    "instances": lambda node: node.next,
    "slots": lambda node: node.next,
}


@pytest.mark.parametrize("kind", DEEP)
def test_any_depth_by_the_pickler_without_recursion(kind: str) -> None:
    with only_iterative():
        kernel = Kernel()
        kernel.namespace["DEPTH"] = DEPTH // 10
        kernel.run(DEEP[kind])
        record = kernel.stored("d")
    other = Kernel()
    other.restore(record)
    steps, node = 0, other.namespace["d"]
    while node:
        node = BELOW[kind](node)
        steps += 1
    assert steps in (DEPTH // 10, DEPTH // 10 + 1)


@pytest.mark.parametrize("kind", DEEP)
def test_any_depth(kind: str) -> None:
    limit = sys.getrecursionlimit()
    kernel = Kernel()
    depth = DEPTH // 10 if kind == "slots" else DEPTH  # their reduction is Python's, and slow
    kernel.namespace["DEPTH"] = depth
    kernel.run(DEEP[kind])
    captured = kernel.capture()
    assert captured.mode == ("deep" if kind in ("instances", "slots") else "iterative")
    captured.find_links(frozenset())
    record = stored(captured, len(kernel.encoder.seeds))
    captured.release()
    other = Kernel()
    other.restore(record)
    assert sys.getrecursionlimit() == limit
    steps, node = 0, other.namespace["d"]
    while node:
        node = BELOW[kind](node)
        steps += 1
    assert steps in (depth, depth + 1)


def test_a_hole_deep_down() -> None:
    kernel = Kernel(f"import threading\nd = threading.Thread()\nfor _ in range({DEPTH}): d = [d]")
    captured = kernel.capture("d")
    assert captured.mode in ("iterative", "iterative-careful")
    assert [hole.reason for hole in captured.holes] == ["a thread cannot be stored"]


def test_deep_and_refusing() -> None:
    kernel = Kernel(f"d = iter(map(len, [(x for x in ())]))\nd = zip(d)\nfor _ in range({DEPTH}): d = [d]")
    captured = kernel.capture("d")
    assert captured.mode.startswith("iterative")
    assert captured.holes


def loads(value: Any) -> Any:
    state = Pass(Encoder({}, Registry(), Resources()), frozenset())
    IterativePickler(state).dump(value)
    return pickle.load(io.BytesIO(b"".join(state.writer.segments)), buffers=state.out_of_band)


@pytest.mark.parametrize(
    "value",
    [
        pickle.PickleBuffer(b"abc"),
        [len, int, str.upper, pickle.loads, sys.intern],
        complex(1, -0.0),
        ["x" * n for n in (0, 1, 255, 256, 65_536, 70_000)],
        list(range(1001)),
        {n: n for n in range(1001)},
        set(range(1001)),
        [1 << n for n in (7, 8, 30, 31, 32, 62, 63, 64, 2040, 2048, 5000)],
        [-(1 << n) for n in (7, 8, 30, 31, 32, 62, 63, 64, 2040, 2048, 5000)],
        [[n] for n in range(300)] * 2,
    ],
    ids=range(10),
)
def test_the_plain_unpickler_reads_it(value: Any) -> None:
    if isinstance(value, pickle.PickleBuffer):
        assert bytes(loads(value)) == bytes(value)
    else:
        found = loads(value)
        assert found == value
        assert repr(found) == repr(value)


def test_a_readonly_buffer_stays_one() -> None:
    assert memoryview(loads(pickle.PickleBuffer(b"abc"))).readonly
    assert not memoryview(loads(pickle.PickleBuffer(bytearray(b"abc")))).readonly


def test_an_object_that_is_made_from_copies_of_itself_is_a_hole_and_not_the_end_of_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed = types.ModuleType("installed")
    exec("class K:\n    def __reduce__(self): return (K, (dict(vars(self)),))", installed.__dict__)
    installed.K.__module__ = "installed"
    monkeypatch.setitem(sys.modules, "installed", installed)
    kernel = Kernel("import installed\nk = installed.K(); k.me = k; x = [1]")
    captured = kernel.capture("k", "x")
    assert "copies of itself" in captured.holes[0].reason


@pytest.mark.parametrize("made", ["(K, (K(),))", "(K, (), {'a': [(K(),)]})", "(K, (), None, iter([K()]))"])
def test_objects_that_are_made_from_ever_new_ones_are_a_hole_and_not_the_end_of_memory(
    monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    installed = types.ModuleType("installed")
    exec(f"class K:\n    def __reduce__(self): return {made}", installed.__dict__)
    installed.K.__module__ = "installed"
    monkeypatch.setitem(sys.modules, "installed", installed)
    kernel = Kernel("import installed\nk = installed.K(); x = [1]")
    captured = kernel.capture("k", "x")
    assert "without end" in captured.holes[0].reason


def test_deep_objects_that_are_reduced_one_by_one_have_an_end() -> None:
    kernel = Kernel()
    kernel.namespace["DEPTH"] = 2 * iterative._DEEP + 10
    kernel.run(DEEP["slots"])
    with only_iterative():
        captured = kernel.capture()
    assert not captured.holes


def test_an_object_that_is_met_again_in_what_it_is_made_from() -> None:
    lists = "a, b, c = [1], [2], [3]\nclass T(tuple): pass\nt = T((a, b, c))\nfor l in t: l.append(t)"
    kernel = Kernel(lists)
    with only_iterative():
        assert differences(kernel, resumed(kernel)) == []
