"""Which pieces of memory lie in one another: ranges of addresses, by a sweep instead of in pairs.

A span is (start, stop, plain): addresses of the first byte and behind the last one, and whether a write to that memory
shows in other plain memory over it. Two spans *share* when they overlap and at least one of them is plain; two
copy-on-write spans never do. A figure alone has thousands of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

Span = tuple[int, int, bool]
Owner = TypeVar("Owner")


def join_sharing(spanned: Iterable[tuple[Owner, Iterable[Span]]], join: Callable[[Owner, Owner], None]) -> None:
    """Call *join* for owners whose spans share, so that all owners that are to be one become connected.

    Not for every pair: of spans that cover one address, each is joined with one other. n log n for n spans.
    """
    ordered = sorted(
        ((start, stop, plain, owner) for owner, spans in spanned for start, stop, plain in spans if start < stop),
        key=lambda item: item[:2],
    )
    plain_stop, plain_owner = -1, None
    guarded: list[tuple[int, Owner]] = []  # copy-on-write spans that are open: where each stops, and whose it is
    for start, stop, plain, owner in ordered:
        guarded = [item for item in guarded if item[0] > start] if guarded else guarded
        if plain_owner is not None and plain_stop > start:
            join(owner, plain_owner)
        if not plain:
            guarded.append((stop, owner))
            continue
        for _, other in guarded:
            join(owner, other)
        if guarded:  # they are connected now: the longest stands for all
            guarded = [max(guarded, key=lambda item: item[0])]
        if stop > plain_stop:
            plain_stop, plain_owner = stop, owner


def common(first: Iterable[Span], second: Iterable[Span]) -> list[tuple[int, int]]:
    """The ranges that both have and that are shared, in no order; n log n."""
    index = SpanIndex(((start, stop, plain), [(start, stop, plain)]) for start, stop, plain in second)
    pairs = ((span, other) for span in first for other in index.sharing([span]))
    return [(max(span[0], other[0]), min(span[1], other[1])) for span, other in pairs]


class SpanIndex(Generic[Owner]):
    """Spans of many owners, to be asked which of them share with others. Immutable.

    Args:
        spanned: owners with their spans.
    """

    def __init__(self, spanned: Iterable[tuple[Owner, Iterable[Span]]]) -> None:
        items = [
            (start, stop, plain, owner) for owner, spans in spanned for start, stop, plain in spans if start < stop
        ]
        items.sort(key=lambda item: item[0])
        self._items = items
        self._starts = [item[0] for item in items]
        self._reach: list[int] = []  # the highest stop of all spans up to this one
        highest = 0
        for item in items:
            highest = max(highest, item[1])
            self._reach.append(highest)

    def sharing(self, spans: Iterable[Span]) -> set[Owner]:
        """Owners of spans that share with one of *spans*."""
        found: set[Owner] = set()
        for start, stop, plain in spans:
            if start >= stop:
                continue
            at = bisect_left(self._starts, stop) - 1
            while at >= 0 and self._reach[at] > start:
                _, other_stop, other_plain, owner = self._items[at]
                if other_stop > start and (plain or other_plain):
                    found.add(owner)
                at -= 1
        return found
