"""What is known of the islands of a long list or dict from the last pass: those that are as they were stay unwritten.

The mark of an island is what `marshal` writes of its elements, as `marks`, with the addresses of those that can be
changed and the number of references to each: they are the same objects, and nobody else has begun to hold one. So the
island has the bytes that it had, and in a new stream stands for itself by their digest. What was inserted or taken away
moves islands: they are found again by the address of their first element.

Of what is inside of an element it does not say which object it is: to ask would take as long as all else. Where that
matters, because another value seems to have it, whoever asks has all islands written (`state.regroup`).
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import filterfalse
from marshal import dumps
from typing import Any

import xxhash

from timeslip.codec.addresses import addresses_in
from timeslip.codec.captured import Form, Island
from timeslip.codec.linking import LARGE, is_atom, is_value_tuple

_WITH_REFERENCES, _WITHOUT = 4, 2
"""Versions of `marshal`."""
_OTHERS = 3
"""So many of the islands that begin with one object are compared, before and behind the place where one is expected."""
_CONTAINERS = frozenset(map(id, (list, dict, tuple)))
_ATOMS = frozenset(map(id, (int, float, complex, bool, type(None), str)))


@dataclass(frozen=True, slots=True)
class Same:
    """Stands in a stream for an island that is as it was.

    Attributes:
        digest: of the bytes of the segment, as `state.fingerprint` has them.
        size: of the segment, bytes.
    """

    digest: bytes
    size: int

    def __len__(self) -> int:
        return self.size


def form_of(keys: list[Any] | None, part: list[Any]) -> Form:
    """The form of some elements, and of their keys, if they are values of a dict."""
    if keys is not None and not (_are_atoms(keys) or all(map(is_value_tuple, filterfalse(is_atom, keys)))):
        return Form.UNKNOWN
    if _are_atoms(part):
        return Form.ATOMS
    return Form.CONTAINERS if _kinds_in(part) <= _CONTAINERS else Form.MIXED


def _kinds_in(part: list[Any]) -> set[int]:
    """The addresses of the types of what is in *part*. Mostly it is one."""
    kinds = addresses_in(list(map(type, part)))
    if kinds.tobytes() == kinds[:1].tobytes() * len(kinds):
        return set(kinds[:1])
    return set(kinds)


def _are_atoms(part: list[Any]) -> bool:
    kinds = _kinds_in(part)
    if kinds == {id(str)}:
        return max(map(len, part)) <= LARGE
    return kinds <= _ATOMS and (id(str) not in kinds or not any(map(_is_large, part)))


def _is_large(obj: Any) -> bool:
    return type(obj) is str and len(obj) > LARGE


def is_interned(obj: Any) -> bool:
    """Whether *obj* is a large text that Python has interned: `marshal` writes it the same, whoever refers to it."""
    return _is_large(obj) and dumps(obj, _WITH_REFERENCES)[0] & ~_REFERENCED in b"tAZ"


_REFERENCED = 0x80
"""The bit with which `marshal` says that something is referred to again."""


def mark_of_island(keys: Sequence[Any] | None, elements: list[Any], first: int, after: int, form: Form) -> bytes | None:
    """The mark of some elements, 16 bytes; None where `marshal` does not know what they hold.

    Args:
        keys: of a dict; None for a list.
        elements: of the list, or the values of the dict. Nothing of the caller's may hold one of them besides.
        first: number of the first of them.
        after: number of the first behind them.
        form: of the elements when the mark was taken that this one is to be compared with.
    """
    if form is Form.UNKNOWN:
        return None
    part = elements[first:after]
    held: Any = part if keys is None else (keys[first:after], part)
    try:
        if form is Form.ATOMS:
            # Without references `marshal` writes what is held twice twice, and what that holds four times.
            if not _kinds_in(part) <= _ATOMS:
                return None
            return xxhash.xxh3_128_digest(dumps(held, _WITHOUT))
        found = xxhash.xxh3_128(dumps(held, _WITH_REFERENCES))
    except (ValueError, MemoryError, RuntimeError):
        return None
    if form is Form.MIXED:
        part = [obj for obj in part if id(type(obj)) in _CONTAINERS or _is_large(obj)]
    found.update(addresses_in(part))
    try:
        found.update(bytes(map(sys.getrefcount, part)))
    except ValueError:  # so many references
        found.update(array("Q", map(sys.getrefcount, part)))
    return found.digest()


def parted(value: Any) -> tuple[list[Any] | None, list[Any]]:
    """The keys of a dict and its values; None and the elements of a list."""
    return (list(value), list(value.values())) if type(value) is dict else (None, value)


class Earlier:
    """The islands of a value as they were when it was last captured.

    Args:
        islands: each with its mark, where it has one.
        digests: of the bytes of their segments.
    """

    def __init__(self, islands: Sequence[Island], digests: Sequence[bytes]) -> None:
        self.islands = islands
        self._digests = digests
        self._at: dict[int, list[int]] = {}
        for number, island in enumerate(islands):
            self._at.setdefault(island.first, []).append(number)
        self._next = 0
        self._known: dict[tuple[int, int], bool] = {}
        """Number of an island, and of the element that it begins with now -> whether it has the same mark there.

        Of the list or dict that is being written."""

    def begin(self) -> None:
        """Another list or dict is written from now on."""
        self._known.clear()

    def _is_at(self, number: int, keys: Sequence[Any] | None, elements: list[Any], at: int) -> bool:
        island = self.islands[number]
        if (number, at) not in self._known:
            after = at + island.count
            self._known[number, at] = (
                island.mark is not None
                and after <= len(elements)
                and island.mark == mark_of_island(keys, elements, at, after, island.form)
            )
        return self._known[number, at]

    def beginning(self, keys: Sequence[Any] | None, elements: list[Any], at: int, apart: int) -> int | None:
        """The number of the island that begins at element *at* and is as it was; None where there is none.

        What follows decides where an island ends. It ends where it did when that, too, is as it was.

        Args:
            keys: as `parted`.
            elements: as `parted`.
            at: number of the element.
            apart: so many elements that follow may have a say in it.
        """
        number = self._number_at(keys, elements, at)
        if number is None:
            return None
        self._next = number + 1
        after = at + self.islands[number].count
        until = after + apart
        for following in range(number + 1, len(self.islands)):
            if self.islands[following - 1].is_last or not self._is_at(following, keys, elements, after):
                return None
            after += self.islands[following].count
            if after >= until:
                return number
        return None

    def _number_at(self, keys: Sequence[Any] | None, elements: list[Any], at: int) -> int | None:
        """The number of an island that is as it was, and begins at element *at*, wherever it ends."""
        there = self._at.get(id(elements[at] if keys is None else keys[at]), [])
        # Several begin with one object where dicts have the same keys, or a value comes often: first those that follow.
        begin = bisect_left(there, self._next)
        for number in (*there[begin : begin + _OTHERS], *there[max(begin - _OTHERS, 0) : begin]):
            if self._is_at(number, keys, elements, at):
                return number
        return None

    def segment(self, number: int) -> Same:
        """What stands in the stream for that island."""
        return Same(self._digests[number], self.islands[number].size)


def holders_among(part: Sequence[Any], addresses: Container[int]) -> Iterator[Any]:
    """What links of the plain elements in *part*, at these *addresses*."""
    met: set[int] = set()
    work = list(part)
    while work:
        obj = work.pop()
        kind = id(type(obj))
        if id(obj) in met or not (kind in _CONTAINERS or _is_large(obj)):
            continue
        met.add(id(obj))
        if id(obj) in addresses:
            yield obj
        if kind in _CONTAINERS:
            work += obj  # of a dict the keys
        if type(obj) is dict:
            work += obj.values()


def is_among(addresses: Container[int], links: Collection[int]) -> bool:
    """Whether one of *links* is among *addresses*."""
    if isinstance(addresses, (set, frozenset)):
        return not addresses.isdisjoint(links)
    return any(address in addresses for address in links)
