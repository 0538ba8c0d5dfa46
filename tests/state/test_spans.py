"""Overlapping memory: the sweep and the index against comparing every pair."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from timeslip.state.spans import Span, SpanIndex, join_sharing

SPANS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 12), st.booleans()).map(lambda s: (s[0], s[0] + s[1], s[2])),
    max_size=4,
)
OWNERS = st.lists(SPANS, max_size=8)


def share(first: list[Span], second: list[Span]) -> bool:
    return any(
        max(a[0], b[0]) < min(a[1], b[1]) and (a[2] or b[2])
        for a in first
        for b in second
        if a[0] < a[1] and b[0] < b[1]
    )


def components(pairs: set[tuple[int, int]], count: int) -> list[int]:
    label = list(range(count))
    for _ in range(count):
        for a, b in pairs:
            label[a] = label[b] = min(label[a], label[b])
    return label


@given(owners=OWNERS)
def test_the_sweep_connects_what_comparing_all_pairs_connects(owners: list[list[Span]]) -> None:
    joined: set[tuple[int, int]] = set()
    join_sharing(enumerate(owners), lambda a, b: joined.add((a, b)))
    expected = {(a, b) for a in range(len(owners)) for b in range(a) if share(owners[a], owners[b])}
    assert components(joined, len(owners)) == components(expected, len(owners))


@given(owners=OWNERS, asked=SPANS)
def test_the_index_finds_every_owner_that_shares(owners: list[list[Span]], asked: list[Span]) -> None:
    found = SpanIndex(enumerate(owners)).sharing(asked)
    assert found == {owner for owner, spans in enumerate(owners) if share(spans, asked)}
