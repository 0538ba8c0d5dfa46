"""Many addresses answer as a set of them does, however often they are asked, with numpy and without."""

from __future__ import annotations

import sys
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeslip.codec import addresses as module
from timeslip.codec.addresses import _SCANS, Addresses, addresses_in, are_disjoint, count_common, without

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


@pytest.mark.parametrize("are_rows", [True, False])
@pytest.mark.parametrize("count", [0, 1, 7, 5000])
def test_the_addresses_of_what_is_in_a_list(count: int, are_rows: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not are_rows:
        monkeypatch.setattr(module, "_are_rows", lambda: False)
    held: list[Any] = [[] for _ in range(count)]
    assert list(addresses_in(held)) == list(map(id, held))
    held[: count // 2] = held[count // 2 :]
    held += [None, held]
    del held[:3]
    assert list(addresses_in(held)) == list(map(id, held))
    assert addresses_in(held * 2) == 2 * addresses_in(held)


def test_lists_are_read_as_rows_where_they_are_known() -> None:
    known = sys.implementation.name == "cpython" and sys.version_info < (3, 14) and sys.maxsize > 2**32
    assert module._are_rows() == (known and getattr(sys, "_is_gil_enabled", lambda: True)())


@given(held=st.lists(ADDRESS | st.integers(0, 20), max_size=60), excluded=st.frozensets(st.integers(0, 20), max_size=4))
def test_without_some(held: list[int], excluded: frozenset[int]) -> None:
    wanted = [address for address in held if address not in excluded]
    assert list(without(array("Q", held), excluded)) == wanted
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MANY", 0)
        assert list(without(array("Q", held), excluded)) == wanted


def test_no_address_is_made_of_two() -> None:
    """The end of one and the beginning of the next may look like a third."""
    one, two = 0x1122334455667788, 0x99AABBCCDDEEFF00
    both = array("Q", [one, two]).tobytes()
    between = int.from_bytes(both[3:11], sys.byteorder)
    many = array("Q", [one, two] * module.MANY)
    assert without(array("Q", many), {between}) == many
    assert set(without(many, {between, two})) == {one}
