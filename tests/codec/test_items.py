"""Arrays of nothing but text and numbers are pickles inside the pickle: they come back, and nobody can tell."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.codec.kernels import Kernel, differences, resumed

from timeslip.codec import linking
from timeslip.codec.reducers import items
from timeslip.codec.reducers.items import packed, unpacked

numpy = pytest.importorskip("numpy")

TEXTS = "import numpy as np\nv = np.array([f'text {i % 700}' for i in range(20_000)], object)"
NANS = TEXTS + "\nv[::7] = np.nan; v[5] = None; v[6] = True; v[8] = 2.5; v[9] = -3"
TABLE = """import pandas as pd
v = pd.DataFrame({c: pd.Series([f'{c} {i}' for i in range(900)], dtype=object) for c in 'ab'})"""
APART = {
    "a list": "v[3] = [1]",
    "a large text": "v[3] = 'x' * 2000",
    "a large number": "v[3] = 1 << 9000",
    "a number of numpy": "v[3] = np.float64(1)",
    "very many numbers that are none": "v[:200] = [float('nan') for _ in range(200)]",
}


class State:
    """What `packed` asks of a pass."""

    def __init__(self) -> None:
        self.sampled: set[int] = set()


def bytes_of(kernel: Kernel) -> bytes:
    captured = kernel.encoder.capture([("v", kernel.namespace["v"])])
    data = b"".join(captured.segments)
    captured.release()
    return data


def met(kernel: Kernel) -> int:
    """How many objects are in the memo of a pass over *v*."""
    captured = kernel.encoder.capture([("v", kernel.namespace["v"])])
    found = len(captured.memo[0].memo.copy())
    captured.release()
    return found


@pytest.mark.parametrize("code", [TEXTS, NANS, TABLE], ids=["texts", "numbers that are none", "table"])
def test_they_come_back_and_are_not_in_the_memo(code: str) -> None:
    if "pandas" in code:
        pytest.importorskip("pandas")
    kernel = Kernel(code)
    assert met(kernel) < 200
    other = resumed(kernel)
    assert differences(kernel, other) == []
    assert bytes_of(other) == bytes_of(kernel)


@pytest.mark.parametrize("name", APART)
def test_what_can_be_told_from_a_copy_is_not_written_so(name: str) -> None:
    kernel = Kernel(TEXTS)
    kernel.run(APART[name])
    assert met(kernel) > 600
    assert differences(kernel, resumed(kernel)) == []


@pytest.mark.parametrize(("count", "most"), [(20, 200), (700, 1500)])
def test_many_texts_that_other_arrays_have_are_written_twice_at_most(count: int, most: int) -> None:
    words = f"import numpy as np\nw = [f'text {{i}}' for i in range({count})]"
    kernel = Kernel(words + f"\na = np.array([w[i % {count}] for i in range(20_000)], object); v = [a]")
    kernel.run("for _ in range(9): v.append(a.copy())")
    assert met(kernel) < most
    before, after = kernel.namespace["v"], resumed(kernel).namespace["v"]
    assert [list(array) for array in before] == [list(array) for array in after]


def test_the_list_of_other_items_is_known_to_be_of_the_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to find out, part by part, that the session does not hold it."""
    counted: list[int] = []

    class Counting(Counter[int]):
        def update(self, addresses: Any = ()) -> None:  # type: ignore[override]
            counted.append(len(addresses or ()))
            super().update(addresses)

    monkeypatch.setattr(linking, "Counter", Counting)
    kernel = Kernel("import numpy as np\nv = np.empty(50, object)\nfor i in range(50): v[i] = [i, i]")
    captured = kernel.encoder.capture([("v", kernel.namespace["v"])])
    links = captured.find_links(frozenset()) or captured.links
    assert {id(item) for item in kernel.namespace["v"]} <= set(links)
    assert max(counted, default=0) < 50
    captured.release()


def test_a_change_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "PART", 256)
    kernel = Kernel(NANS)
    for change in ("v[19_000] = 'changed'", "v[7] = 1", "v[1] = np.nan", "v[0], v[7] = float('nan'), v[0]"):
        before = bytes_of(kernel)
        kernel.run(change)
        assert bytes_of(kernel) != before


nan = st.sampled_from([float("nan"), math.nan, numpy.nan, float("-nan")])
values = st.one_of(st.text(max_size=9), st.integers(-(1 << 70), 1 << 70), st.floats(), st.booleans(), st.none(), nan)


@settings(deadline=None, max_examples=60)
@given(some=st.lists(values, min_size=1, max_size=40), more=st.integers(256, 700))
def test_any_text_and_number(some: list[Any], more: int) -> None:
    whole = (some * more)[:more]
    line = numpy.fromiter(whole, "O", len(whole))
    made = packed(State(), line, 0)  # type: ignore[arg-type]
    assume(made is not None)  # bytes that look like the beginning of a large text by chance: it takes the long way then
    assert made is not None
    for old, new in zip(whole, unpacked(*made), strict=True):
        assert type(old) is type(new)
        assert new is old if old != old else new == old
