"""Arrays of Python objects that are nothing but text and numbers: a few pickles inside the pickle hold their items.

A column of a hundred thousand texts is as many objects in the memo of a pass, and each is asked for after it: in the
order of that table, which is none, so that it takes many times what pickle takes. What nobody can tell from a copy
need not be in that memo. Who holds a text besides does not matter (`linking`), unless it is large; numbers that are
none are objects that can be told from one another, and stand beside the rest with their places.

The pickles of a large array are buffers of the stream, each stored by itself. Where the kernel tells that nobody has
written to the array's own memory since they were written, they are known, and nothing of it is read (`codec.parts`).
"""

from __future__ import annotations

import ctypes
import io
import math
import pickle
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, compress, count
from operator import ne
from typing import TYPE_CHECKING, Any, NoReturn

from timeslip.codec.parts import OtherItemsError, Part
from timeslip.codec.reducers.array_memory import library, order_of, straight
from timeslip.codec.stored import unfilled
from timeslip.codec.streams import has_special, may_hold_large_text

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass
    from timeslip.codec.stored import StoredBuffer

_PLAIN = frozenset({str, int, float, bool, type(None)})
_LEAST = 256
"""So few items are written as any list."""
PART = 1 << 13
"""So many are a pickle of their own: less memory at a time, and a change shows in one of them."""
_APART = 4 * PART
"""The pickles of so many items are buffers: what is known of each costs about what a hundred items do."""
_SAMPLE = 256
_MOST_NANS = 64

Nans = list[tuple[Any, bytes]]
"""Each number that is none, or what it is called, with the places where it stands."""

Packed = tuple[list[bytes], Nans]
"""The pickles, and the numbers that are none."""


@dataclass(frozen=True, slots=True)
class InBuffers:
    """The items of an array whose pickles are buffers.

    Attributes:
        first: number of the first of them.
        count: so many there are.
        nans: as in `Packed`.
    """

    first: int
    count: int
    nans: Nans


def packed(state: Pass, line: Any, address: int) -> Packed | InBuffers | None:
    """Items as pickles of their own, where nobody can tell what they hold from copies; None where somebody can.

    Args:
        state: of the pass.
        line: the items, an array of one dimension.
        address: of its memory where that is the array's own, without gaps; else 0.
    """
    if len(line) < _LEAST or _are_known(state, line):
        return None
    known = _known(state, line, address) if address and len(line) >= _APART else None
    if known is not None:
        return known
    found = _written(line.tolist())
    if found is None or len(line) < _APART:
        return found
    parts, nans = found
    return _in_buffers(state, [Part(len(part), partial(bytes, part), part) for part in parts], nans)


def _known(state: Pass, line: Any, address: int) -> InBuffers | None:
    """As `packed`, where it is told which of the items are the same objects as before; else None."""
    look, step = state.encoder.look, line.itemsize * PART
    found = look(address, line.nbytes, step, _Line(line)) if look is not None else None
    nans = _named_nans(address, line.nbytes, sum(found.noted)) if found is not None else None
    if found is None or nans is None:
        return None
    state.arrays.kept.append(found.kept)
    return _in_buffers(state, found.parts, nans)


def _in_buffers(state: Pass, parts: Sequence[Part], nans: Nans) -> InBuffers:
    """*parts* are buffers now."""
    found = InBuffers(len(state.buffers), len(parts), nans)
    state.buffers += parts
    state.rows += [0] * len(parts)
    state.arrays.of += [(None, False)] * len(parts)
    return found


class _Line:
    """See `parts.Items`: the items of an array. Numbers that are none are those that everybody knows, or it is other.

    Args:
        line: an array of one dimension.
    """

    def __init__(self, line: Any) -> None:
        self._line = line

    def check(self) -> None:
        """See `parts.Items`."""
        for first in range(0, len(self._line), PART):
            items = self._items(first)
            kinds = _plain_kinds(items)
            if kinds is None or (float in kinds and not all(map(_is_named, compress(items, map(ne, items, items))))):
                raise OtherItemsError

    def _items(self, first: int) -> list[Any]:
        items: list[Any] = self._line[first : first + PART].tolist()
        return items

    def write(self, number: int) -> tuple[int, bytes]:
        """See `parts.Items`; noted is how many numbers that are none there are, 32 bits for each of `_NANS`."""
        made = _written(self._items(number * PART))
        if made is None:
            raise OtherItemsError
        (data,), nans = made
        noted = 0
        for name, places in nans:
            if not isinstance(name, str):
                raise OtherItemsError
            noted += len(places) // 8 << 32 * [*_NANS].index(name)
        return noted, data


def _named_nans(address: int, size: int, noted: int) -> list[tuple[Any, bytes]] | None:
    """The numbers that are none, by what they are called, with their places; as many as are *noted* of an array.

    An array of objects is one of their addresses. None where others are called so by now.
    """
    if not noted:
        return []
    addresses = library().frombuffer((ctypes.c_char * size).from_address(address), "uintp")
    found = []
    for number, (name, make) in enumerate(_NANS.items()):
        count = noted >> 32 * number & 0xFFFF_FFFF
        places: Any = library().flatnonzero(addresses == id(make())) if count else ()
        if len(places) != count:
            return None
        if count:
            found.append((name, places.astype("Q")))
    return [(name, places.tobytes()) for name, places in sorted(found, key=lambda entry: int(entry[1][0]))]


def _written(items: list[Any]) -> tuple[list[bytes], list[tuple[Any, bytes]]] | None:
    """*items*, a list that nobody else has, as pickles of their own; None where somebody can tell them from copies."""
    kinds = _plain_kinds(items)
    if kinds is None:
        return None
    nans = _nans(items) if float in kinds else []
    if nans is None:
        return None
    rest = items
    if nans:
        rest = items.copy()
        for _, places in nans:
            for place in places:
                rest[place] = None
    parts = [pickle.dumps(rest[first : first + PART], 5) for first in range(0, len(rest), PART)]
    if any(has_special((part,)) or may_hold_large_text((part,)) for part in parts):
        return None
    return parts, [(_called(nan), places.tobytes()) for nan, places in nans]


def _plain_kinds(items: list[Any]) -> set[type] | None:
    """The types of *items*; None where there are others than text and numbers."""
    try:
        kinds = set(map(type, items))
    except Exception:  # a metaclass of the session that lets nobody hash its classes
        return None
    return kinds if kinds <= _PLAIN else None


def unpacked(parts: Iterable[bytes], nans: Iterable[tuple[Any, bytes]]) -> list[Any]:
    """The items of which `packed` made that."""
    items = list(chain.from_iterable(_Plain(io.BytesIO(part)).load() for part in parts))
    put_nans(items, nans)
    return items


def put_nans(items: Any, nans: Iterable[tuple[Any, bytes]]) -> None:
    """Put the numbers that are none to their places among *items*, a list or an array."""
    for nan, places in nans:
        number = _NANS[nan]() if isinstance(nan, str) else nan
        if type(items) is not list:
            items[_places(places)] = number
            continue
        for place in array("Q", places):
            items[place] = number


def _places(data: bytes) -> Any:
    """Places that are written as bytes, as numbers that an array takes."""
    return library().frombuffer(data, "Q").astype("intp")


def loaded(part: StoredBuffer) -> Any:
    """The items of one part that is a buffer."""
    held = unfilled(part.size)
    part.read_into(memoryview(held))
    items = _Plain(io.BytesIO(held)).load()
    return library().fromiter(items, "O", len(items))


def items_of(whole: Any, nans: Nans) -> Iterator[Any]:
    """The items of each part of an array in one dimension; None of those with numbers that are none."""
    line = straight(whole, order_of(whole)).reshape(-1)
    others = {part for _, places in nans for part in library().unique(_places(places) // PART).tolist()}
    for number in range(-(-len(line) // PART)):
        yield None if number in others else line[number * PART : (number + 1) * PART]


def noted_of(nans: Nans, count: int, parts: int) -> list[int] | None:
    """What is noted of each part of an array of so many items (`_Line.write`); None where that is not told."""
    if -(-count // PART) != parts:
        return None
    noted = [0] * parts
    for name, places in nans:
        if not isinstance(name, str):
            return None
        shift = 32 * [*_NANS].index(name)
        counts = library().bincount(_places(places) // PART, minlength=parts).tolist()
        noted = [before + (count << shift) for before, count in zip(noted, counts, strict=True)]
    return noted


class _Plain(pickle.Unpickler):
    """What holds nothing but text and numbers names nothing."""

    def find_class(self, module_name: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module_name}.{name} is neither text nor a number")


def _are_known(state: Pass, line: Any) -> bool:
    """Whether most of the texts are in another array of this pass: each would load them once more.

    Of both some are compared, those at the same places. Where these are few texts, loading them again is nothing.
    """
    items = line[:: -(-len(line) // _SAMPLE)].tolist()
    sample = {id(item) for item in items if type(item) is str and len(item) > 1}
    known = len(sample & state.sampled)
    state.sampled |= sample
    return 2 * known > len(sample) > _SAMPLE // 4


def _nans(items: list[Any]) -> list[tuple[Any, array[int]]] | None:
    """The numbers among *items* that are none, each object with its places; None where they are very many."""
    found: dict[int, tuple[Any, array[int]]] = {}
    for place in compress(count(), map(ne, items, items)):
        number = items[place]
        entry = found.get(id(number))
        if entry is None:
            if len(found) == _MOST_NANS:
                return None
            entry = found[id(number)] = number, array("Q")
        entry[1].append(place)
    return list(found.values())


_NANS: dict[str, Any] = {"math": lambda: math.nan, "numpy": lambda: sys.modules["numpy"].nan}


def _is_named(number: float) -> bool:
    return isinstance(_called(number), str)


def _called(number: float) -> float | str:
    """What the NaN objects are called that everybody knows: named, they need no pass that looks for such numbers."""
    if number is math.nan:  # noqa: PLW0177 - its identity is asked for, not its value
        return "math"
    numpy = sys.modules.get("numpy")
    return "numpy" if numpy is not None and number is numpy.nan else number
