"""Whether what two captures have in common is shared by their names, or only a library's or the compiler's constant.

Asked about the few objects that two values are suspected to share, while both are captured (design: *Linking*).
"""

from __future__ import annotations

import functools
import sys
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from timeslip.codec.addresses import Links
from timeslip.codec.captured import Captured
from timeslip.codec.linking import is_value_tuple
from timeslip.codec.reducers.numpy import address_of
from timeslip.state.owned import Owned
from timeslip.state.spans import common

if TYPE_CHECKING:
    from timeslip.state.covariables import Covariable

_MANY = 5_000
"""More objects in common than this are never all constants."""


class Sharing:
    """The answers of one update.

    Args:
        owned: what installed packages own.
        snapshot: node key -> object of every name: what a name is bound to directly is shared with everything.
    """

    def __init__(self, owned: Owned, snapshot: Mapping[str, Any]) -> None:
        self._owned = owned
        self._snapshot = snapshot

    def between(self, captured: Captured, group: Covariable) -> bool:
        """Whether *captured* and *group* share anything, going by recorded addresses."""
        return self.by_links(captured, group) or self.by_memory(captured, group)

    def by_links(self, captured: Captured, other: Captured | Covariable, links: Links | None = None) -> bool:
        """Whether an object that both hold makes them share; *links*: what *other* is known to have in common."""
        links = other.links if links is None else links
        if captured.links.isdisjoint(links):
            return False
        return self._links(captured, captured.links & links, other)

    @functools.cached_property
    def _named(self) -> set[int]:
        return set(map(id, self._snapshot.values()))

    def _links(self, captured: Captured, addresses: Collection[int], other: Captured | Covariable) -> bool:
        if len(addresses) > _MANY or not self._named.isdisjoint(addresses):
            return True
        objects = captured.objects_at(frozenset(addresses))
        if len(objects) < len(addresses):  # a NaN, or what a reduction has found by itself
            return True
        left = [obj for obj in objects if not is_value_tuple(obj)]
        return bool(left) and not self._owned.all_of(left, captured.packages & other.packages)

    def by_memory(self, captured: Captured, other: Captured | Covariable) -> bool:
        """Whether memory that both use makes them share."""
        ranges = common(captured.spans, other.spans)
        if not ranges:
            return False
        arrays, all_covered = _covering(captured.objects_at(captured.roots), ranges)
        return not all_covered or self._links(captured, set(map(id, arrays)), other)


def _covering(arrays: Iterable[Any], ranges: Iterable[tuple[int, int]]) -> tuple[list[Any], bool]:
    """Those of *arrays* in whose memory one of *ranges* lies, and whether each of these lies in that of one.

    A figure has thousands of both, so they are not gone through in pairs. Of an extension array nobody can tell.
    """
    kind = getattr(sys.modules.get("numpy"), "ndarray", ())
    ordered = sorted(set(ranges))
    firsts = [first for first, _ in ordered]
    covered: set[int] = set()
    found: list[Any] = []
    for array in arrays:
        if not isinstance(array, kind):
            continue
        start = address_of(array)
        stop = start + array.nbytes
        within = [at for at in range(bisect_left(firsts, start), bisect_left(firsts, stop)) if ordered[at][1] <= stop]
        covered.update(within)
        found += [array] if within else []
    return found, len(covered) == len(ordered)
