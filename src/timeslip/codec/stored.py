"""A captured co-variable as the store has it, to be loaded."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from timeslip.errors import UnrestorableError

ReadInto = Callable[[memoryview], None]


@dataclass(frozen=True, slots=True)
class StoredBuffer:
    """A buffer that is still in the store.

    Attributes:
        size: bytes.
        read_into: fills a writable memory of that size.
        map_into: the same for all of an array's own memory, whose pages may be replaced by others; or None. It is told
            whether that memory is known to have been mapped for the array alone.
        marks: gives the size of the largest piece, bytes, and the digests of all; None where they were not recorded.
        fits: how many bytes behind the start of a page that memory has to begin for most of it to be replaced; None
            where that is not worth it.
    """

    size: int
    read_into: ReadInto
    map_into: Callable[[memoryview, bool], None] | None = None
    fits: Callable[[], int | None] = lambda: None
    marks: Callable[[], tuple[int, tuple[bytes, ...]] | None] = lambda: None

    def fill(self, target: memoryview, *, alone: bool) -> None:
        """Fill *target*, by mapping where that is possible; *alone*: as `map_into` takes it."""
        if self.map_into is None:
            self.read_into(target)
        else:
            self.map_into(target, alone)


class StayingArrays:
    """Live arrays whose bytes are those of some stored buffers: what is loaded takes them for itself.

    Args:
        arrays: number of a buffer, of several of the first -> an array that has its memory for itself.
        items: likewise, of arrays of several: of how many, and the numbers in it that are none.
        parts: size and digests of a part -> the items that it is made of, none of them such a number.

    Attributes:
        taken: those that were, by number.
    """

    def __init__(
        self, arrays: Mapping[int, Any], items: Mapping[int, tuple[int, Any]], parts: Mapping[tuple[int, Any], Any]
    ) -> None:
        self._arrays = dict(arrays)
        self._items = items
        self.parts = parts
        self.taken: dict[int, Any] = {}

    def take_items(self, first: int, count: int, nans: Any, fits: Callable[[Any], bool]) -> Any | None:
        """As `take`, of an array with so many buffers, and these numbers in it that are none."""
        return self.take(first, fits) if self._items.get(first) == (count, nans) else None

    def take(self, number: int, fits: Callable[[Any], bool]) -> Any | None:
        """The array with the bytes of that buffer, once and if it *fits*; None where there is none."""
        found = self._arrays.pop(number, None)
        if found is None or not fits(found):
            return None
        self.taken[number] = found
        return found


@dataclass(frozen=True, slots=True)
class Stored:
    """A captured co-variable as it comes out of the store.

    Attributes:
        keys: node keys, in the order of the payload.
        headers: definition id -> header stream.
        segments: the skeleton stream.
        buffers: owned buffers by number.
        out_of_band: buffers for the unpickler, in stream order.
        seeds: how many of the session's own objects the streams were written with.
        arrays: what of the buffers need not be read.
    """

    keys: tuple[str, ...]
    headers: dict[str, bytes]
    segments: Sequence[bytes]
    buffers: Sequence[StoredBuffer]
    out_of_band: Sequence[StoredBuffer]
    seeds: int
    arrays: StayingArrays | None = None


class HoleError(UnrestorableError):
    """The stream has a hole, and the object that belongs there is gone or has changed."""

    code = "hole"


_make_bytearray: Any = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_char_p, ctypes.c_ssize_t)(
    ("PyByteArray_FromStringAndSize", ctypes.pythonapi)
)


def unfilled(size: int) -> bytearray:
    """A bytearray to be filled: with what happens to be in that memory, because zeros would be written for nothing."""
    made: bytearray = _make_bytearray(None, size)
    return made


def read_all(buffers: Sequence[StoredBuffer]) -> Any:
    """Each of *buffers* as memory that can be written to."""
    for buffer in buffers:
        held = unfilled(buffer.size)
        buffer.read_into(memoryview(held))
        yield held
