"""Whether what two captures have in common is shared by their names, or only a library's or the compiler's constant.

Asked about the few objects that two values are suspected to share, while both are captured (design: *Linking*).
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from timeslip.codec.addresses import Links
from timeslip.codec.captured import Captured
from timeslip.codec.linking import is_value_tuple
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
        arrays = [array for array in captured.objects_at(captured.roots) if _covers(array, ranges)]
        uncovered = [part for part in ranges if not any(_covers(array, [part]) for array in arrays)]
        return bool(uncovered) or self._links(captured, {id(array) for array in arrays}, other)


def _covers(array: Any, ranges: Iterable[tuple[int, int]]) -> bool:
    """Whether one of *ranges* lies in the memory of *array*; of an extension array nobody can tell."""
    if not hasattr(array, "ctypes"):
        return False
    start = array.ctypes.data
    return any(start <= first and last <= start + array.nbytes for first, last in ranges)
