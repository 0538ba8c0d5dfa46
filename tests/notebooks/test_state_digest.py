"""The digest that judges all others: what it must see, and what it must not."""

from __future__ import annotations

import copy
import math
import pickle
import sys
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from state_digest import aliases, digest, digests, shared_memory


class Point:
    def __init__(self, x: float, y: float) -> None:
        self.x, self.y = x, y


def graph() -> Any:
    node: dict[str, Any] = {"name": "a", "next": None}
    node["next"] = {"name": "b", "next": node}
    return node


EQUAL = {
    "numbers": [1, 1.5, -0.0, math.nan, math.inf, 2 + 3j, True, None],
    "text": ["ä", b"\x00\xff", "\ud800"],
    "nested": {"a": [1, (2, {3, 4}, frozenset("xyz"))], "b": bytearray(b"12")},
    "array": np.arange(12.0).reshape(3, 4)[:, ::2],
    "objects in an array": np.array([1, "a", None, [2]], dtype=object),
    "structured": np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    "masked": np.ma.masked_array([1.0, 2.0], mask=[False, True]),
    "frame": pd.DataFrame({"a": [1, 2], "s": ["x", None], "c": pd.Categorical(["u", "v"])}),
    "dates": pd.Series(pd.date_range("2024-01-01", periods=3, freq="D", tz="UTC")),
    "levels": pd.DataFrame({"v": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    "instance": Point(1, 2),
    "cycle": graph(),
    "generator": np.random.default_rng(5),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal_values_have_equal_digests(name: str) -> None:
    value = EQUAL[name]
    assert digest(value) == digest(value)
    assert digest(pickle.loads(pickle.dumps(value, protocol=5))) == digest(value)
    assert digest(copy.deepcopy(value)) == digest(value)


shared = [1]
DIFFERENT = {
    "type": (1, True),
    "number kind": (1, 1.0),
    "sign of zero": (0.0, -0.0),
    "text and bytes": ("a", b"a"),
    "order of a dict": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "alias": ([shared, shared], [[1], [1]]),
    "list and tuple": ([1], (1,)),
    "boundaries": (["ab", "c"], ["a", "bc"]),
    "dtype": (np.zeros(2, "f4"), np.zeros(2, "f8")),
    "shape": (np.zeros((2, 3)), np.zeros((3, 2))),
    "column order": (pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"b": [2], "a": [1]})),
    "index": (pd.Series([1], index=["a"]), pd.Series([1], index=["b"])),
    "attribute": (Point(1, 2), Point(1, 3)),
    "code": (lambda: 1, lambda: 2),
    "closure": ((lambda n: lambda: n)(1), (lambda n: lambda: n)(2)),
    "generator position": (np.random.default_rng(5), np.random.default_rng(6)),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_different_values_have_different_digests(name: str) -> None:
    one, other = DIFFERENT[name]
    assert digest(one) != digest(other)


def test_a_deep_list_is_no_problem() -> None:
    deep: list[Any] = []
    for _ in range(20 * sys.getrecursionlimit()):
        deep = [deep]
    assert digest(deep) == digest(deep)


def test_figures_count_as_they_are_seen() -> None:
    def drawn(top: float) -> Any:
        figure, axes = plt.subplots()
        axes.plot([0, 1], [0, top])
        axes.set_title("t")
        plt.close(figure)
        return figure

    assert digest(drawn(1)) == digest(pickle.loads(pickle.dumps(drawn(1))))
    assert digest(drawn(1)) != digest(drawn(2))


def test_relations_between_names() -> None:
    base = np.zeros(10)
    namespace = {"a": base, "b": base, "view": base[2:], "other": np.zeros(10), "n": 1, "m": 1}
    assert aliases(namespace) == [["a", "b"]]
    assert shared_memory(namespace) == [["a", "b"], ["a", "view"], ["b", "view"]]


def test_a_value_that_cannot_be_looked_at_is_reported_by_its_type() -> None:
    class Hostile:
        def __reduce_ex__(self, protocol: Any) -> Any:
            raise KeyboardInterrupt

    class Refusing:
        def __reduce_ex__(self, protocol: Any) -> Any:
            raise ValueError("no")

    seen = digests({"r": Refusing(), "x": 1})
    assert len(seen["r"]) == 32
    with pytest.raises(KeyboardInterrupt):
        digests({"h": Hostile()})
