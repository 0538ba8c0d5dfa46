"""Buffers that come back as pages of the packs, instead of being read (`pages`).

A buffer is stored in pieces. Where pieces that follow each other in memory do so in a pack as well, at an offset that
fits the pages of the memory, the pages between are mapped in one; everything else is read: the ends of such a run,
pieces that are compressed, small, or elsewhere. What was mapped has not been looked at: it is verified at once, or, in
a process that has idle time, later, each place once. The file is kept open until then: the pack may be gone by that
time, and what was mapped is what is verified.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from blake3 import blake3

from timeslip.errors import DamagedStoreError
from timeslip.standard import os, time
from timeslip.store.packs import Location, PackDirectory
from timeslip.store.pages import BOOK_KEEPING, PAGE, Maps, NotMappedError, address_of, is_own_map, is_possible, map_over

MAP_FROM = 1 << 20
"""Smaller buffers are read, bytes: that takes less than half a millisecond."""

RUN = 1 << 16
"""Runs of fewer bytes are read: a map of its own for each costs as much, and more later."""

_MOST_RUNS = 1024
"""A buffer in more runs is read."""

_maps = Maps()


def phase(offset: int) -> int:
    """Where in a page of the pack the piece at *offset* of a buffer has to begin, so that it can be mapped."""
    return (BOOK_KEEPING + offset) % PAGE


Part = tuple[int, int, str, int]
"""A part of a buffer that was mapped: start and stop in the buffer, name of the file, and offset in it."""


class Piece(NamedTuple):
    """A piece of a buffer that lies in a pack as it is; a thousand of a large one.

    Attributes:
        digest: of the chunk.
        start: in the buffer, bytes.
        size: bytes.
        location: in the packs.
    """

    digest: bytes
    start: int
    size: int
    location: Location


@dataclass(slots=True)
class _Run:
    """Pieces that can be mapped in one: *start* and *stop* are those of their whole pages, in the buffer."""

    pieces: list[Piece]
    start: int = 0
    stop: int = 0

    @property
    def end(self) -> int:
        return self.pieces[-1].start + self.pieces[-1].size

    def part(self, packs: PackDirectory) -> Part:
        first = self.pieces[0]
        shift = first.location.offset - first.start
        return self.start, self.stop, packs.path(first.location.pack).name, self.start + shift

    def goes_on_with(self, piece: Piece) -> bool:
        first = self.pieces[0]
        pack, offset = piece.location.pack, piece.location.offset
        follows = self.end == piece.start and first.location.pack == pack
        return follows and offset - first.location.offset == piece.start - first.start


@dataclass(slots=True)
class _Waiting:
    """Pieces of one pack that were mapped and not looked at yet; the open file, and what they are parts of."""

    fd: int
    pieces: dict[int, tuple[Piece, object]] = field(default_factory=dict)


class PackMaps:
    """Maps buffers from the packs of one store, and verifies what it has mapped.

    Args:
        packs: of the store.
        allowed: whether they are on a disk of this machine.
    """

    def __init__(self, packs: PackDirectory, *, allowed: bool) -> None:
        self._packs = packs
        self.allowed = allowed and is_possible()
        """Whether anything may be mapped here; may be set to False at any time."""
        self.later = False
        """Whether somebody calls `verify` in idle time; else what is mapped is verified at once."""
        self._waiting: dict[int, _Waiting] = {}
        self._verified: dict[int, set[int]] = {}
        self.mapped = 0
        """Bytes that were mapped since the store was opened."""

    def note_verified(self, location: Location) -> None:
        """What lies there has been read and was what it should be."""
        self._verified.setdefault(location.pack, set()).add(location.offset)

    def over(self, target: memoryview, pieces: Sequence[Piece], about: object, *, alone: bool) -> list[Part]:
        """Map over *target* what can be mapped, and read the rest of the pieces of which a part was.

        Args:
            target: writable bytes, the whole of some memory; it holds rubbish after an error.
            pieces: those of its pieces that lie in packs as they are, in order.
            alone: *target* lies in pages that were mapped for it; else that is found out.
            about: what `verify` is to return of a piece that is damaged.

        Returns:
            The parts that were mapped. Pieces that have nothing in there are still to be read.

        Raises:
            DamagedStoreError: a piece is not what it should be, where that is looked at.
        """
        if not self.allowed or len(target) < MAP_FROM:
            return []
        address = address_of(target)
        if not alone and not is_own_map(address, len(target)):
            return []
        runs = _runs(pieces, address)
        worth = 2 * sum(run.stop - run.start for run in runs) >= len(target) and len(runs) <= _MOST_RUNS
        if not runs or not worth or not _maps.may_add(2 * len(runs) + 1):
            return []
        opened: dict[int, int] = {}
        try:
            for run in runs:
                pack = run.pieces[0].location.pack
                if pack not in opened:
                    fd = self._packs.open_whole(pack)
                    if fd is None:
                        return []  # gc has moved what was in it, or it is damaged: reading finds out
                    opened[pack] = fd
                last = run.pieces[-1]
                if os.fstat(opened[pack]).st_size < last.location.offset + last.size:
                    return []
            mapped = [run.part(self._packs) for run in runs if self._map(target, address, run, opened)]
            self._see_to(target, runs, opened, about)
            return mapped
        except OSError:  # the disk refused: reading says what is wrong
            return []
        finally:
            for fd in opened.values():
                os.close(fd)

    def _map(self, target: memoryview, address: int, run: _Run, opened: dict[int, int]) -> bool:
        first = run.pieces[0]
        fd, shift = opened[first.location.pack], first.location.offset - first.start
        mapped = True
        try:
            map_over(address + run.start, run.stop - run.start, fd, run.start + shift)
        except NotMappedError:
            mapped = False
        begin = first.start
        parts = ((begin, run.start), (run.stop, run.end)) if mapped else ((begin, run.end),)
        for start, stop in parts:
            _read(fd, target[start:stop], start + shift)
        if mapped:
            self.mapped += run.stop - run.start
        return mapped

    def _see_to(self, target: memoryview, runs: list[_Run], opened: dict[int, int], about: object) -> None:
        """Verify the pieces of *runs*, now or later."""
        for run in runs:
            for piece in run.pieces:
                pack, offset = piece.location.pack, piece.location.offset
                if offset in self._verified.get(pack, ()):
                    continue
                if not self.later:
                    _require(piece.digest, target[piece.start : piece.start + piece.size])
                    self.note_verified(piece.location)
                    continue
                waiting = self._waiting.get(pack)
                if waiting is None:
                    waiting = self._waiting[pack] = _Waiting(os.dup(opened[pack]))
                waiting.pieces.setdefault(offset, (piece, about))

    @property
    def unverified(self) -> int:
        """How many pieces were mapped and not looked at yet."""
        return sum(len(waiting.pieces) for waiting in self._waiting.values())

    def verify(self, seconds: float, stop: Callable[[], bool] = lambda: False) -> list[object]:
        """Read what was mapped and not looked at yet, for about so long.

        Args:
            seconds: stop after the first piece that ends later.
            stop: asked after each piece.

        Returns:
            What the damaged pieces are parts of, each once.
        """
        deadline = time.monotonic() + seconds
        damaged: dict[object, None] = {}
        while self._waiting:
            pack, waiting = next(iter(self._waiting.items()))
            if not waiting.pieces:
                os.close(self._waiting.pop(pack).fd)
                continue
            piece, about = waiting.pieces.pop(next(iter(waiting.pieces)))
            if piece.location.offset not in self._verified.get(pack, ()):
                if _is_whole(waiting.fd, piece):
                    self.note_verified(piece.location)
                else:
                    damaged[about] = None
                if time.monotonic() > deadline or stop():
                    break
        return list(damaged)

    def close(self) -> None:
        """Look at nothing any more. What was mapped stays as it is."""
        for waiting in self._waiting.values():
            os.close(waiting.fd)
        self._waiting.clear()


def place_in_page(pieces: Sequence[Piece], size: int) -> int | None:
    """Where in a page memory of *size* bytes has to begin for most of it to be mapped; None: there is no such place."""
    fitting: dict[int, int] = {}
    for piece in pieces:
        place = (piece.location.offset - piece.start) % PAGE
        fitting[place] = fitting.get(place, 0) + piece.size
    best = max(fitting, key=fitting.__getitem__, default=None)
    return best if best is not None and 2 * fitting[best] >= size else None


def _runs(pieces: Sequence[Piece], address: int) -> list[_Run]:
    """The runs among *pieces* that are worth a map."""
    runs: list[_Run] = []
    for piece in pieces:
        if (address + piece.start - piece.location.offset) % PAGE:
            continue
        if runs and runs[-1].goes_on_with(piece):
            runs[-1].pieces.append(piece)
        else:
            runs.append(_Run([piece]))
    for run in runs:
        run.start = -(-(address + run.pieces[0].start) // PAGE) * PAGE - address
        run.stop = (address + run.end) // PAGE * PAGE - address
    return [run for run in runs if run.stop - run.start >= RUN]


def _read(fd: int, target: memoryview, offset: int) -> None:
    """Fill *target* from a file whose size was looked at."""
    while target.nbytes:
        done = os.preadv(fd, [target], offset)
        if not done:
            raise DamagedStoreError("a pack ends before the chunk that should be in it")
        target, offset = target[done:], offset + done


def _is_whole(fd: int, piece: Piece) -> bool:
    try:
        data = os.pread(fd, piece.size, piece.location.offset)
    except OSError:  # the disk cannot read it: it is damaged
        return False
    return len(data) == piece.size and blake3(data).digest() == piece.digest


def _require(digest: bytes, data: memoryview) -> None:
    if blake3(data).digest() != digest:
        raise DamagedStoreError(
            f"the stored bytes of chunk {digest.hex()[:8]} do not match its id",
            hint="`timeslip check` lists all damage",
        )
