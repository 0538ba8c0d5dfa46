"""What the items of a large array of text and numbers are written as: parts, each a pickle beside the stream.

Whoever knows that nobody has written to the memory of such an array since its parts were written knows what they are:
the array holds its items, so they are the very objects, and none of them can change. Then a part has its digests
without being written; it is written when somebody wants its bytes.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import xxhash

from timeslip.codec.chunking import buffer_pieces


class OtherItemsError(Exception):
    """An array holds something else than what its parts can be written of."""


class Items(Protocol):
    """The items of an array, to be written in parts."""

    def check(self) -> None:
        """Whether its parts can be written, as far as that is told at once.

        Raises:
            OtherItemsError: they cannot.
        """

    def write(self, number: int) -> tuple[int, bytes]:
        """What else is to be remembered of that part, a number of eight bytes; and the part.

        Raises:
            OtherItemsError: it cannot be written.
        """


class Part:
    """One part of an array: what is known of it, and its bytes as long as somebody has them.

    Args:
        size: bytes.
        again: writes it.
        data: the bytes, where they are there.
        limit: largest piece, bytes; 0 where the digests are not known.
        digests: of its pieces.
    """

    __slots__ = ("_again", "_data", "_digests", "_limit", "size")

    def __init__(
        self,
        size: int,
        again: Callable[[], bytes],
        data: bytes | None = None,
        limit: int = 0,
        digests: tuple[bytes, ...] = (),
    ) -> None:
        self.size = size
        self._again, self._data = again, data
        self._limit, self._digests = limit, digests

    def data(self) -> bytes:
        """Its bytes. They have another size where a thread has written to the array since.

        Raises:
            OtherItemsError: a thread has, and it is no part any more.
        """
        if self._data is None:
            self._data = self._again()
        return self._data

    def digests(self, limit: int) -> tuple[bytes, ...]:
        """The digests of its pieces of at most *limit* bytes."""
        if limit != self._limit:
            return digests_of(self.data(), limit)
        return self._digests


def digests_of(data: bytes, limit: int) -> tuple[bytes, ...]:
    """The digests of the pieces of a part."""
    return tuple(map(xxhash.xxh3_128_digest, buffer_pieces(memoryview(data), 0, limit)))


def size_of(buffer: Any) -> int:
    """Bytes of a buffer of a capture, which may be a part."""
    return buffer.size if type(buffer) is Part else memoryview(buffer).nbytes


def data_of(buffer: Any) -> memoryview:
    """The bytes of a buffer of a capture, which may be a part.

    Raises:
        OtherItemsError: as `Part.data`.
    """
    return memoryview(buffer.data() if type(buffer) is Part else buffer).cast("B")


_HEAD = struct.Struct("=QQ")


def said_of(noted: int, data: bytes, limit: int) -> bytes:
    """What is remembered of a part: what is *noted* of it, its size, and the digests of its pieces."""
    return said(noted, len(data), digests_of(data, limit))


def said(noted: int, size: int, digests: Iterable[bytes]) -> bytes:
    """The same of a part of so many bytes with these digests."""
    return _HEAD.pack(noted, size) + b"".join(digests)


def heard(told: bytes) -> tuple[int, int, tuple[bytes, ...]]:
    """What was noted, the size and the digests of which `said_of` made that."""
    noted, size = _HEAD.unpack_from(told)
    return noted, size, tuple(told[start : start + 16] for start in range(_HEAD.size, len(told), 16))


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at the memory of an array has told.

    Attributes:
        noted: of each part, see `Items.write`.
        parts: these, written where they were not known.
        kept: has to be kept for the next look to be cheap.
    """

    noted: Sequence[int]
    parts: Sequence[Part]
    kept: Any


_Key = tuple[int, int, int, int]
"""Address and size of the memory of an array, minus the bytes that the items of one part take there, and the limit."""

_filled: dict[_Key, tuple[bytes, tuple[bytes, ...]]] = {}
_MOST_FILLED = 256


def note_filled(key: _Key, said: tuple[bytes, ...]) -> None:
    """An array has just been filled with the items of known parts: *said* of each, as `said_of`.

    So its first look need not write them all, if it still holds the very objects: their addresses tell.
    """
    while len(_filled) >= _MOST_FILLED:
        _filled.pop(next(iter(_filled)), None)
    _filled[key] = _digest_of_memory(key), said


def was_filled(key: _Key) -> bool:
    """Whether `recall` may know something."""
    return key in _filled


def recall(key: _Key) -> tuple[bytes, ...] | None:
    """What `note_filled` was told of an array that is alive, once, if it holds the very objects: they cannot change."""
    addresses, said = _filled.pop(key, (b"", ()))
    return said if addresses and addresses == _digest_of_memory(key) else None


def _digest_of_memory(key: _Key) -> bytes:
    start, size = key[:2]
    digest: bytes = xxhash.xxh3_128_digest((ctypes.c_char * size).from_address(start))
    return digest


Look = Callable[[int, int, int, Items], Looked | None]
"""Looks at the memory of an array: its address and size, bytes that the items of one part take there, and the items.

None where it is not told who writes there, or the items are others.
"""
