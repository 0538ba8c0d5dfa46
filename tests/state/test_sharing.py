"""Which arrays hold the memory that two values have in common: found without comparing every pair."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeslip.codec.reducers.numpy import address_of
from timeslip.state.sharing import _covering

numpy = pytest.importorskip("numpy")

PLACES = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), max_size=6)


@given(views=PLACES, ranges=PLACES)
def test_arrays_that_hold_one_of_the_ranges_are_found(
    views: list[tuple[int, int]], ranges: list[tuple[int, int]]
) -> None:
    memory = numpy.zeros(40, "u1")
    at = address_of(memory)
    arrays = [memory[start : start + length] for start, length in views]
    wanted = [(at + start, at + start + length) for start, length in ranges]
    bounds = [(address_of(array), address_of(array) + array.nbytes) for array in arrays]
    pairs = {
        (a, b) for a, bound in enumerate(bounds) for b, (x, y) in enumerate(wanted) if bound[0] <= x and y <= bound[1]
    }
    found, all_covered = _covering([object(), *arrays], wanted)
    assert list(map(id, found)) == [id(array) for a, array in enumerate(arrays) if a in {pair[0] for pair in pairs}]
    assert all_covered == ({pair[1] for pair in pairs} == set(range(len(wanted))))


def test_many_arrays_and_ranges_are_not_gone_through_in_pairs() -> None:
    memory = numpy.zeros(20_000, "u1")
    arrays = [memory[2 * number : 2 * number + 1] for number in range(10_000)]
    found, all_covered = _covering(arrays, [(address_of(array), address_of(array) + 1) for array in reversed(arrays)])
    assert len(found) == 10_000
    assert all_covered
