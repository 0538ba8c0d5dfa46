"""What is known of buffers that came back as pages of a pack (`store.mapping`): where nobody has written to them.

The map is private: whoever writes to it, by whatever means, gets a copy of the page, which is no page of a file any
more. The kernel tells so of every page (``/proc/self/pagemap``). Pieces of a buffer that lie in pages of the pack alone
have the digests that were recorded with them, and need not be read for being compared.

Nobody tells when the memory is freed and somebody else gets it: a weak reference would keep an array from being
resized. So it is asked each time whether that place of that file still lies there (``/proc/self/maps``).
"""

from __future__ import annotations

import ctypes
import mmap
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import xxhash

from timeslip.codec.chunking import piece_ends
from timeslip.standard import open_file
from timeslip.state.mappings import address_of, private_map_at

_PAGE = mmap.PAGESIZE
_ENTRY = 8
"""Bytes that the kernel tells of a page; the highest ones, in the last byte, say what is there."""

_NOBODY_WROTE = bytes(top for top in range(256) if top & 0xC0 == 0 or top & 0xE0 == 0xA0)
"""Of that byte: nothing is there yet, or a page of a file; not one of this process alone, nor one that was put away."""

_LINE = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) rw-p ([0-9a-f]+) ")
"""How the kernel tells of a private map that may be written: where it begins and ends, and where in the file."""

_MOST = 256
"""When more buffers than that are known, those that are gone are looked for."""

Part = tuple[int, int, str, int]
"""A part of a buffer that was mapped, whole pages: start and stop in the buffer, name of the file, and offset in it."""


@dataclass(slots=True)
class _Mapped:
    """A buffer that was mapped.

    Attributes:
        size: bytes.
        row: as in `buffer_pieces`.
        cut: the limit there.
        digests: of the pieces; None for those that are not known.
        parts: what was mapped.
    """

    size: int
    row: int
    cut: int
    digests: list[bytes | None]
    parts: Sequence[Part]


_known: dict[int, _Mapped] = {}
"""By the address of the buffer. Memory belongs to the process, whatever sessions there are in it."""


def note_mapped(target: memoryview, row: int, cut: int, marks: Sequence[bytes], parts: Sequence[Part]) -> None:
    """Note that parts of a buffer were mapped.

    Args:
        target: its memory, which can be written.
        row: as in `buffer_pieces`.
        cut: the limit there.
        marks: the digests of its pieces, or nothing where they are not known.
        parts: what was mapped.
    """
    count = sum(1 for _ in piece_ends(len(target), row, cut))
    digests: list[bytes | None] = [*marks] if len(marks) == count else [None] * count
    if len(_known) >= _MOST:
        lying = Lying()
        for address in [address for address, entry in [*_known.items()] if not lying.all_of(address, entry.parts)]:
            _known.pop(address, None)
    _known[ctypes.addressof(ctypes.c_char.from_buffer(target))] = _Mapped(len(target), row, cut, digests, parts)


def forget_mapped() -> None:
    """Take nothing for known: what was mapped is read when it is looked at."""
    _known.clear()


class Lying:
    """Which pieces of which files lie where. Where all maps have to be read for it: as of the first question."""

    def __init__(self) -> None:
        self._lines: list[bytes] | None = None

    def all_of(self, address: int, parts: Iterable[Part]) -> bool:
        """Whether all of these parts of the buffer at *address* are mapped from the same place as when it came."""
        places = [(address + start, address + stop, name.encode(), offset) for start, stop, name, offset in parts]
        if self._lines is None:
            try:
                with open_file("/proc/self/maps", "rb", buffering=0) as file:
                    return all(_lies(partial(_told, file.fileno()), *place) for place in places)
            except (OSError, ImportError):  # the kernel does not answer questions about a single map
                self._lines = _lines_of_packs()
        return all(_lies(partial(_read, self._lines), *place) for place in places)


_At = Callable[[int, bytes], "tuple[int, int, int] | None"]
"""The private map of a file of that name at an address: where it begins and ends, and where in the file."""


def _lies(at: _At, start: int, stop: int, name: bytes, offset: int) -> bool:
    while (found := at(start, name)) is not None:
        first, last, place = found
        if place + start - first != offset:
            return False
        if stop <= last:
            return True
        start, offset = last, offset + last - start  # somebody has cut it in two
    return False


def _told(maps: int, address: int, name: bytes) -> tuple[int, int, int] | None:
    found = private_map_at(maps, address)
    return found[:3] if found is not None and name in found[3] else None


def _read(lines: Iterable[bytes], address: int, name: bytes) -> tuple[int, int, int] | None:
    for line in lines:
        found = _LINE.match(line) if name in line else None
        if found is not None:
            first, last, place = (int(number, 16) for number in found.groups())
            if first <= address < last:
                return first, last, place
    return None


def _lines_of_packs() -> list[bytes]:
    try:
        with open_file("/proc/self/maps", "rb") as file:
            return [line for line in file if b".pack" in line]
    except OSError:  # it may not be asked
        return []


def known_digests(data: memoryview, row: int, limit: int, lying: Lying) -> tuple[bytes, ...] | None:
    """The digests of the pieces of a buffer, of which only those are read that are not known; None for other buffers.

    Args:
        data: one-dimensional memory of bytes.
        row: as in `buffer_pieces`.
        limit: as there.
        lying: what is asked where files lie, made when nothing of the user's runs any more.
    """
    if not _known or len(data) < _PAGE:
        return None
    address = address_of(data)
    known = _known.get(address)
    if known is None or (known.size, known.row, known.cut) != (len(data), row, limit):
        return None
    if not lying.all_of(address, known.parts):
        _known.pop(address, None)
        return None
    clean = _Clean(address, known.parts)
    digests: list[bytes] = []
    start = 0
    for number, end in enumerate(piece_ends(len(data), row, limit)):
        digest = known.digests[number]
        is_clean = clean.covers(start, end)
        if digest is None or not is_clean:
            digest = xxhash.xxh3_128_digest(data[start:end])
            if is_clean:  # should it be written to just now, its pages say so the next time
                known.digests[number] = digest
        digests.append(digest)
        start = end
    return tuple(digests)


class _Clean:
    """Which pages of some parts of a buffer nobody has written to, as of now."""

    def __init__(self, address: int, parts: Sequence[Part]) -> None:
        self._parts = iter(parts)
        self._address = address
        self._start = self._stop = 0
        self._tops = b""
        self._whole = False
        """Whether all pages of the part are clean: then none of its pieces is looked at by itself."""

    def covers(self, start: int, stop: int) -> bool:
        """Whether all of that, which lies behind what was asked before, is in clean pages."""
        while self._stop < stop:
            found = next(self._parts, None)
            if found is None:
                return False
            self._start, self._stop = found[:2]
            self._tops = _tops(self._address + self._start, self._address + self._stop)
            self._whole = not self._tops.translate(None, _NOBODY_WROTE)
        if start < self._start or not self._tops:
            return False
        if self._whole:
            return True
        first, last = (start - self._start) // _PAGE, -(-(stop - self._start) // _PAGE)
        return not self._tops[first:last].translate(None, _NOBODY_WROTE)


def _tops(start: int, stop: int) -> bytes:
    """What the kernel says of each page between two addresses; nothing where it does not say."""
    first, left = start // _PAGE * _ENTRY, (stop - start) // _PAGE * _ENTRY
    told = bytearray()
    try:
        with open_file("/proc/self/pagemap", "rb", buffering=0) as file:
            file.seek(first)
            while left > 0:
                some = file.read(left)
                if not some:
                    return b""
                told += some
                left -= len(some)
    except OSError:  # it may not be asked
        return b""
    return bytes(told[_ENTRY - 1 :: _ENTRY])
