"""Sets of addresses: a `frozenset` where they are few, eight bytes each where they are many."""

from __future__ import annotations

import ctypes
import functools
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator
from itertools import accumulate, chain, filterfalse
from typing import Any

MANY = 50_000
"""From so many addresses on they are kept as `Addresses`."""

_SCANS = 4
"""So often many addresses are gone through one by one before they are sorted for being asked again."""

_FEW = 32
"""So few are looked for one after the other where numpy does it: 1 ms for four of them among a million."""


def _numpy() -> Any | None:
    """numpy, if it is loaded and whole."""
    numpy = sys.modules.get("numpy")
    return numpy if hasattr(numpy, "frombuffer") else None


_WORD = ctypes.sizeof(ctypes.c_size_t)
_ITEMS = 3
"""Where a list has the place of its items, in words (``Include/cpython/listobject.h``)."""


def addresses_in(held: list[Any]) -> array[int]:
    """The addresses of all that is in *held*, in order.

    A list is a row of addresses: they are copied. Asking each object takes a hundred times as long, because each is
    touched for it. Where the interpreter does not keep lists so (it is tried out once), they are asked.

    Thread safety: only while nothing adds to *held* or takes away from it.
    """
    if not _are_rows():
        return array("Q", map(id, held))
    found = array("Q")
    found.frombytes(_row(held))
    return found


def _row(held: list[Any]) -> bytes:
    first = ctypes.c_size_t.from_address(id(held) + _ITEMS * _WORD).value
    return ctypes.string_at(first, len(held) * _WORD)


@functools.cache
def _are_rows() -> bool:
    """Whether a list has its items where it is expected to; not tried on interpreters that are not known."""
    plain = sys.implementation.name == "cpython" and (3, 10) <= sys.version_info[:2] <= (3, 13) and _WORD == 8
    debugged = any(hasattr(sys, name) for name in ("gettotalrefcount", "getobjects"))
    if not plain or debugged or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return False
    tried = [object() for _ in range(5)]
    words = (ctypes.c_size_t * (_ITEMS + 1)).from_address(id(tried))
    if words[2] != len(tried) or not words[_ITEMS]:
        return False
    return list(array("Q", _row(tried))) == list(map(id, tried))


def without(addresses: array[int], excluded: Collection[int]) -> array[int]:
    """*addresses* but for those of *excluded*; it may be changed."""
    if len(excluded) > _FEW or len(addresses) < MANY:
        return array("Q", filterfalse(frozenset(excluded).__contains__, addresses))
    data, places = addresses.tobytes(), []
    for word in (address.to_bytes(_WORD, sys.byteorder) for address in excluded):
        at = data.find(word)
        while at >= 0:
            if at % _WORD == 0:  # else it is the end of one and the beginning of another
                places.append(at // _WORD)
            at = data.find(word, at + 1)
    for place in sorted(places, reverse=True):
        del addresses[place]
    return addresses


class Addresses:
    """Many addresses. Sorted when they are asked often: most sets of them are replaced before."""

    __slots__ = ("_asked", "_held", "_sorted")

    def __init__(self, addresses: Iterable[int]) -> None:
        self._held = addresses if isinstance(addresses, array) else array("Q", addresses)
        self._asked = 0
        self._sorted = False

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[int]:
        return iter(self._held)

    def __and__(self, others: Links) -> frozenset[int]:
        return frozenset(self.common(others))

    __rand__ = __and__

    def isdisjoint(self, others: Links) -> bool:
        """Whether none of *others* is here."""
        return not self.common(others)

    def common(self, others: Links) -> Collection[int]:
        """Those of *others* that are here."""
        if not others:
            return ()
        if len(others) > len(self):
            return frozenset(self._held).intersection(others)
        numpy = _numpy()
        if numpy is not None and not self._sorted and len(others) <= _FEW:
            held = numpy.frombuffer(self._held, numpy.uint64)
            return [address for address in others if (held == address).any()]
        self._asked += 1
        if self._asked > _SCANS and not self._sorted:
            self._sort()
        if self._sorted and len(others) * 16 < len(self):
            return [address for address in others if self._has(address)]
        few = others if isinstance(others, frozenset) else frozenset(others)
        return few.intersection(self._held)

    @property
    def held(self) -> array[int]:
        """All of them, in no order; not to be changed."""
        return self._held

    def is_the_same(self, other: Addresses) -> bool:
        """Whether *other* has the same addresses in the same order: the usual case of what did not change."""
        return len(self) == len(other) and memoryview(self._held).cast("B") == memoryview(other._held).cast("B")

    def _has(self, address: int) -> bool:
        at = bisect_left(self._held, address)
        return at < len(self._held) and self._held[at] == address

    def _sort(self) -> None:
        numpy = _numpy()
        if numpy is not None:
            numpy.frombuffer(self._held, numpy.uint64).sort()
        else:
            self._held = array("Q", sorted(self._held))
        self._sorted = True


Links = frozenset[int] | Addresses
"""Addresses of the objects whose identity links names."""


def links_of(addresses: Collection[int]) -> Links:
    """*addresses* in the form that suits their number."""
    return Addresses(addresses) if len(addresses) > MANY else frozenset(addresses)


def are_disjoint(first: Links, second: Links) -> bool:
    """Whether no address is in both."""
    return second.isdisjoint(first) if isinstance(second, Addresses) else first.isdisjoint(second)


def count_common(first: Links, second: Links) -> int:
    """How many addresses are in both."""
    if not (isinstance(first, Addresses) and isinstance(second, Addresses)):
        return len(first & second)
    if first.is_the_same(second):
        return len(first)
    numpy = _numpy()
    if numpy is None:
        both = (sorted(first.held), sorted(second.held))  # most lie as they were made, one behind the other
        return len(first) if both[0] == both[1] else len(first & second)
    one, other = (numpy.unique(numpy.frombuffer(held, numpy.uint64)) for held in (first.held, second.held))
    return len(numpy.intersect1d(one, other, assume_unique=True))


def union(parts: Collection[Links]) -> Links:
    """All of *parts* together."""
    if len(parts) == 1:
        return next(iter(parts))
    if sum(map(len, parts)) > MANY:
        return Addresses(chain.from_iterable(parts))
    return frozenset().union(*parts)


def holders(links: Links, owner: dict[int, Any]) -> set[Any]:
    """The owners of *links*, by the address that each of them owns."""
    if isinstance(links, frozenset) and len(links) > len(owner):
        return {held for address, held in owner.items() if address in links}
    if not owner:
        return set()
    return {owner[address] for address in filter(owner.__contains__, links)}


class Ranges:
    """Ranges of memory, to be asked whether another one lies in one of them.

    Args:
        ranges: first byte and end of each.
    """

    __slots__ = ("_starts", "_stops")

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(ranges)
        self._starts = [start for start, _ in ordered]
        self._stops = list(accumulate((stop for _, stop in ordered), max))

    def may_hold(self, start: int, stop: int) -> bool:
        """False when it lies in none of them."""
        at = bisect_right(self._starts, start) - 1
        return at >= 0 and self._stops[at] >= stop


class Searched:
    """What searches for owners of memory and for reducers have found, for those that follow while nothing goes away.

    Attributes:
        reducers: class -> how its instances are reduced, and whether they hash themselves. Between the searches nothing
            of the user's runs but what captures call.
        ranges: all memory that names lead to; None until a search has gone to the end. Only addresses: a reference kept
            from one pass to the next would tell the next that somebody else holds an object.
    """

    __slots__ = ("ranges", "reducers")

    def __init__(self) -> None:
        self.reducers: dict[type, tuple[Any, bool]] = {}
        self.ranges: Ranges | None = None
