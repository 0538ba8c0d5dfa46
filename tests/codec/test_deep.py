"""Deep graphs of instances: what is written empty first comes back filled, and what cannot be written so is not."""

from __future__ import annotations

import sys

import pytest
from tests.codec.kernels import Kernel, differences, resumed, stored
from tests.codec.states import DEFINITIONS, PLAIN

from timeslip.codec.capture import Encoder

NODE = "class Node:\n    def __init__(self, v, n): self.v = v; self.n = n\n"
CHAIN = "d = None\nfor i in range(20_000): d = Node(i, d)\n"


@pytest.fixture
def deep_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every capture begins with the deep pass."""
    usual = Encoder.capture

    def capture(self: Encoder, nodes: object, **options: object) -> object:
        return usual(self, nodes, **{**options, "deep": True})  # type: ignore[arg-type]

    monkeypatch.setattr(Encoder, "capture", capture)


@pytest.mark.usefixtures("deep_first")
@pytest.mark.parametrize("code", {**PLAIN, **DEFINITIONS}.values(), ids={**PLAIN, **DEFINITIONS}.keys())
def test_it_writes_what_the_c_pickler_writes(code: str) -> None:
    kernel = Kernel(code)
    other = resumed(kernel)
    assert differences(kernel, other) == []


SHAPES = {
    "chain": CHAIN,
    "both ways": "d = Node(0, None)\nfor i in range(20_000):\n    m = Node(i, d); d.p = m; d = m\ndel m",
    "ring": CHAIN + "e = d\nwhile e.n: e = e.n\ne.n = d",
    "through lists and dicts": "d = None\nfor i in range(20_000): d = Node([i], {'next': [d]})",
    "numbers that are none": "nan = float('nan')\nd = None\nfor i in range(5000): d = Node(nan, d)",
    "one dict for two": CHAIN + "e = Node(0, 0); e.__dict__ = d.__dict__",
    "as keys": CHAIN + "e = {d: 1, d.n: 2}; f = {d}",
    "dates": "import datetime\nd = None\nfor i in range(5000): d = Node(datetime.date(2024, 1, 1 + i % 28), d)",
    "slots": "class Slotted:\n    __slots__ = ('n', 'v')\nd = None\n"
    "for i in range(5000):\n    e = Slotted(); e.n = d; d = e",
    "slots and attributes": "class Both(Node):\n    __slots__ = 'w'\nd = None\n"
    "for i in range(5000): d = Both(i, d); d.w = [d]",
}


@pytest.mark.parametrize("code", SHAPES.values(), ids=SHAPES.keys())
def test_it_comes_back_as_it_was(code: str) -> None:
    limit = sys.getrecursionlimit()
    kernel = Kernel(NODE + code)
    captured = kernel.capture()
    assert captured.mode.startswith("deep")
    captured.find_links(frozenset())
    record = stored(captured, len(kernel.encoder.seeds))
    captured.release()
    other = Kernel()
    other.restore(record)
    assert sys.getrecursionlimit() == limit
    seen, node, steps = set(), other.namespace["d"], 0
    while node is not None and id(node) not in seen:
        seen.add(id(node))
        steps += 1
        node = node.n["next"][0] if isinstance(getattr(node, "n", None), dict) else node.n
    assert steps >= 5000
    again = other.capture()
    assert again.mode == captured.mode
    again.release()


NOT_SO = {
    "hashed by what is in them": NODE + "class Key(Node):\n    def __hash__(self): return hash(self.v)\n"
    "    def __eq__(self, other): return self.v == other.v\n" + CHAIN + "e = {Key(1, d): 2}",
    "made with them": NODE + "import functools\n" + CHAIN + "e = functools.partial(max, d)",
}


@pytest.mark.parametrize("code", NOT_SO.values(), ids=NOT_SO.keys())
def test_what_asks_instances_before_the_end_is_written_one_by_one(code: str) -> None:
    kernel = Kernel(code)
    captured = kernel.capture()
    assert captured.mode == "iterative"
    record = stored(captured, len(kernel.encoder.seeds))
    captured.release()
    other = Kernel()
    other.restore(record)
    assert other.namespace["d"].v == 19_999


def test_the_same_bytes_again_wherever_the_caller_stands() -> None:
    kernel = Kernel(NODE + "d = None\nfor i in range(150): d = Node(i, d)")
    nodes = [("d", kernel.namespace["d"])]

    def below(depth: int, *, deep: bool) -> bytes:
        if depth:
            return below(depth - 1, deep=deep)
        captured = kernel.encoder.capture(nodes, deep=deep)
        found = b"".join(captured.segments)
        captured.release()
        return found

    assert below(600, deep=True) == below(0, deep=True)
