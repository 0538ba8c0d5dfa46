"""Many addresses answer as a set of them does, however often they are asked, with numpy and without."""

from __future__ import annotations

import sys
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeslip.codec.addresses import _SCANS, Addresses, are_disjoint, count_common

ADDRESS = st.integers(0, 2**64 - 1)
SOME = st.one_of(st.frozensets(ADDRESS, max_size=80), st.frozensets(st.integers(0, 40), max_size=40))


@pytest.fixture(params=["numpy", "none", "half of it"])
def there(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "numpy":
        pytest.importorskip("numpy")
    else:
        monkeypatch.setitem(sys.modules, "numpy", object() if request.param == "half of it" else None)  # type: ignore[arg-type]
    return str(request.param)


@given(held=SOME, others=st.lists(SOME, max_size=_SCANS + 3))
def test_what_is_common(held: frozenset[int], others: list[frozenset[int]], there: str) -> None:
    addresses = Addresses(held)
    for other in others:
        assert addresses & other == other & addresses == held & other
        assert addresses.isdisjoint(other) == are_disjoint(other, addresses) == held.isdisjoint(other)
        assert set(addresses) == held
        for two in (Addresses(other), other):
            assert count_common(addresses, two) == count_common(two, addresses) == len(held & other)
        assert count_common(addresses, Addresses(addresses)) == len(held)
        assert len(addresses) == len(held)


def test_nothing_is_gone_through_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Held(array):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            raise AssertionError("it is gone through")

    addresses = Addresses(Held("Q", range(100)))
    for _ in range(10):
        assert addresses.isdisjoint(frozenset())
        assert addresses & frozenset() == frozenset()
