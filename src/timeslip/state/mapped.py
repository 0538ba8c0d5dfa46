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
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import xxhash

from timeslip.codec.chunking import buffer_pieces, piece_ends
from timeslip.standard import open_file
from timeslip.state.digesting import digests_of
from timeslip.state.mappings import address_of, private_map_at
from timeslip.state.pages import own_pages

_PAGE = mmap.PAGESIZE
_ENTRY = 8
"""Bytes that the kernel tells of a page; the highest ones, in the last byte, say what is there."""

_WRITTEN = re.compile(
    rb"[^%s]+" % b"".join(re.escape(bytes([top])) for top in range(256) if top & 0xC0 == 0 or top & 0xE0 == 0xA0),
    re.DOTALL,
)
"""Of that byte, for pages in a row: neither is nothing there yet, nor is it a page of a file; so it is one of this
process alone, or one that was put away."""

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
        edges: number of a piece of which a few bytes only are in none of the parts -> where these are in the buffer,
            and their digest.
        loose: numbers of the pieces of which more is in none.
        ends: where the pieces end.
        all_edges: all of these places, in order.
        said: the digest of what is there.
    """

    size: int
    row: int
    cut: int
    digests: list[bytes | None]
    parts: Sequence[Part]
    edges: dict[int, tuple[_Places, bytes]]
    loose: set[int]
    ends: list[int]
    all_edges: _Places
    said: bytes

    def number_of(self, start: int, end: int) -> int | None:
        """The number of the piece that begins and ends there; None where no piece does."""
        at = bisect_left(self.ends, end)
        begins = self.ends[at - 1] if at else 0
        return at if at < len(self.ends) and self.ends[at] == end and begins == start else None


_Places = tuple[tuple[int, int], ...]

_EDGE = 2 * _PAGE
"""So many bytes of a piece are hashed each time instead of all of it: what lies in pages that it shares with the pieces
beside it, which could not be mapped."""


_known: dict[int, _Mapped] = {}
"""By the address of the buffer. Memory belongs to the process, whatever sessions there are in it."""


def note_mapped(target: memoryview, row: int, cut: int, marks: Sequence[bytes], parts: Sequence[Part]) -> None:
    """Note that parts of a buffer were mapped.

    Args:
        target: its memory, which can be written, and has its bytes.
        row: as in `buffer_pieces`.
        cut: the limit there.
        marks: the digests of its pieces, or nothing where they are not known.
        parts: what was mapped.
    """
    edges, loose, ends = dict[int, tuple[_Places, bytes]](), set[int](), list(piece_ends(len(target), row, cut))
    for number, (outside, size) in enumerate(_outside(ends, parts)):
        if size > _EDGE:
            loose.add(number)
        elif size:
            edges[number] = (outside, _digest(target, outside))
    digests: list[bytes | None] = [*marks] if len(marks) == len(ends) else [None] * len(ends)
    if len(_known) >= _MOST:
        lying = Lying()
        for address in [address for address, entry in [*_known.items()] if not lying.all_of(address, entry.parts)]:
            _known.pop(address, None)
    address = ctypes.addressof(ctypes.c_char.from_buffer(target))
    places = tuple(place for outside, _ in edges.values() for place in outside)
    said = _digest(target, places)
    _known[address] = _Mapped(len(target), row, cut, digests, parts, edges, loose, ends, places, said)


def _outside(ends: Iterable[int], parts: Sequence[Part]) -> Iterator[tuple[_Places, int]]:
    """Of each piece of a buffer: what of it is in none of *parts*, and how much that is."""
    start = at = 0
    for end in ends:
        places, size, left = [], 0, start
        while at < len(parts) and parts[at][1] <= start:
            at += 1
        for first, last, *_ in parts[at:]:
            if first >= end:
                break
            if first > left:
                places.append((left, first))
            left = last
        if left < end:
            places.append((left, end))
        size = sum(last - first for first, last in places)
        yield tuple(places), size
        start = end


def _digest(data: memoryview, places: _Places) -> bytes:
    return xxhash.xxh3_128_digest(b"".join([data[first:last] for first, last in places]))


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
    found = _around(address, len(data))
    if found is None:
        return None
    base, known = found
    is_whole = (known.size, known.row, known.cut) == (len(data), row, limit)
    if not is_whole and base == address and known.size == len(data):
        return None  # cut in another way
    if not lying.all_of(base, known.parts):
        _known.pop(base, None)
        return None
    ours = _ours(base, known.parts)
    if ours is None:
        return tuple(digests_of(list(buffer_pieces(data, row, limit))))
    if is_whole:
        return tuple(_whole(known, ours, data))
    offset = address - base
    digests: list[bytes] = []
    start = 0
    for end in piece_ends(len(data), row, limit):
        number = known.number_of(offset + start, offset + end)
        is_clean = number is not None and _is_clean(known, number, ours, data, offset)
        digest = known.digests[number] if number is not None and is_clean else None
        if digest is None:
            digest = xxhash.xxh3_128_digest(data[start:end])
            if number is not None and is_clean:  # should it be written to just now, its pages say so the next time
                known.digests[number] = digest
        digests.append(digest)
        start = end
    return tuple(digests)


def _whole(known: _Mapped, ours: _Ranges, data: memoryview) -> list[bytes]:
    """The digests of the pieces of all that was mapped."""
    written = known.loose | set(_written(known, ours))
    if _digest(data, known.all_edges) != known.said:
        written |= {number for number, (places, digest) in known.edges.items() if _digest(data, places) != digest}
    stale = sorted(written.union(number for number, digest in enumerate(known.digests) if digest is None))
    starts = [known.ends[number - 1] if number else 0 for number in stale]
    pieces = [data[start : known.ends[number]] for start, number in zip(starts, stale, strict=True)]
    found = dict(zip(stale, digests_of(pieces), strict=True))
    for number in found.keys() - written:  # should it be written to just now, its pages say so the next time
        known.digests[number] = found[number]
    return [found.get(number, digest) for number, digest in enumerate(known.digests)]  # type: ignore[misc]


def _written(known: _Mapped, ours: _Ranges) -> Iterator[int]:
    """The numbers of the pieces that somebody has written to, but for their edges."""
    for start, stop in zip(*ours, strict=True):
        number = bisect_right(known.ends, start)
        begin = known.ends[number - 1] if number else 0
        while number < len(known.ends) and begin < stop:
            end = known.ends[number]
            if _meets(ours, begin, end, known.edges.get(number, ((), b""))[0]):
                yield number
            number, begin = number + 1, end


def _around(address: int, size: int) -> tuple[int, _Mapped] | None:
    """The buffer that was mapped at *address*, or of which what lies there is a part; with its address."""
    known = _known.get(address)
    if known is not None and known.size >= size:
        return address, known
    for base, known in [*_known.items()]:  # a view, as the columns of a frame that are left when one is dropped
        if base < address and address + size <= base + known.size:
            return base, known
    return None


def _is_clean(known: _Mapped, number: int, ours: _Ranges, data: memoryview, offset: int) -> bool:
    """Whether nobody has written to a piece that lies in *data*, which begins *offset* bytes behind what was mapped."""
    if number in known.loose:
        return False
    start, stop = known.ends[number - 1] if number else 0, known.ends[number]
    places, digest = known.edges.get(number, ((), b""))
    inside = tuple((first - offset, last - offset) for first, last in places)
    return not _meets(ours, start, stop, places) and (not places or _digest(data, inside) == digest)


_Ranges = tuple[list[int], list[int]]
"""Where each of some ranges begins, in order, and where each ends."""


def _meets(ours: _Ranges, start: int, stop: int, edges: _Places) -> bool:
    """Whether anything of a piece, but for its edges, is in one of the ranges."""
    starts, stops = ours
    for first, last in edges:
        if first == start:
            start = last
        elif last == stop:
            stop = first
    before = bisect_left(starts, stop)
    return before > 0 and stops[before - 1] > start


def _ours(address: int, parts: Sequence[Part]) -> _Ranges | None:
    """Which pages of what was mapped into the buffer at *address* somebody has written to, as of now.

    Where in the buffer they are; pages that belong to none of the parts may be among them. None where nobody says it.
    """
    if not parts:
        return [], []
    first, last = parts[0][0], parts[-1][1]
    try:
        found = own_pages(address + first, address + last)
    except (OSError, ImportError):  # an older kernel, which tells of each page
        found = None
    if found is not None:
        return [start - address for start, _ in found], [stop - address for _, stop in found]
    tops = _tops(address + first, address + last)
    if len(tops) != (last - first) // _PAGE:
        return None
    runs = [written.span() for written in _WRITTEN.finditer(tops)]
    return [first + start * _PAGE for start, _ in runs], [first + stop * _PAGE for _, stop in runs]


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
