"""Memory that tests map, move and give back themselves, and looks at it that are held against plain hashing."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable
from typing import Any

import pytest

from timeslip.codec.parts import digests_of
from timeslip.state import watched
from timeslip.state.memory import Memory
from timeslip.state.pages import PAGE
from timeslip.state.watched import Range

SHARED, PRIVATE, FIXED, ANONYMOUS = 0x01, 0x02, 0x10, 0x20  # MAP_… (asm-generic/mman-common.h)
MAYMOVE = 1  # MREMAP_MAYMOVE
DONTNEED, FREE, HUGE, COLLAPSE = 4, 8, 14, 25  # MADV_…
LIMIT = 2 * PAGE
"""Largest piece, bytes."""


def why_not() -> str | None:
    """Why nothing is watched here, or None."""
    memory = Memory()
    try:
        return None if memory.is_watching else memory.how
    finally:
        memory.close()


NOT_HERE = why_not()
needs_kernel = pytest.mark.skipif(NOT_HERE is not None, reason=f"buffers are {NOT_HERE}")


def call(name: str, *arguments: Any) -> int:
    """A function of the C library that gives an address or a status."""
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    function.restype = ctypes.c_void_p
    given = [ctypes.c_void_p(one) if one is not None else None for one in arguments]
    answer = function(*given) or 0
    if answer in (2**64 - 1, 2**32 - 1):
        raise OSError(ctypes.get_errno(), name)
    return int(answer)


def mapped(size: int, at: int | None = None, kind: int = PRIVATE | ANONYMOUS, file: int = -1) -> int:
    """Address of a new map of *size* bytes, that can be read and written."""
    where = kind | FIXED if at is not None else kind
    return call("mmap", at, size, mmap.PROT_READ | mmap.PROT_WRITE, where, file & (2**64 - 1), 0)


def aligned(size: int, to: int) -> int:
    """Address of a new map that begins at a multiple of *to*."""
    start = mapped(size + to)
    return start + -start % to


def view(address: int, size: int) -> memoryview:
    """That memory, as bytes."""
    return memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")


def fill(address: int, byte: int, size: int = 1) -> None:
    """Write."""
    ctypes.memset(address, byte, size)


class Raw:
    """Parts of an array that are what lies in its memory, with something before it."""

    def __init__(self, start: int, size: int, step: int) -> None:
        self.start, self.size, self.step = start, size, step

    def check(self) -> None:
        """All of them can be written."""

    def write(self, number: int) -> tuple[int, bytes]:
        """The byte that it begins with is noted; and the part."""
        at = number * self.step
        data = bytes(view(self.start + at, min(self.step, self.size - at)))
        return data[0], b"items " + data


class Looker:
    """Looks at buffers of any kind, each time the way of a new run, and holds what it finds against plain hashing."""

    def __init__(self, **given: Any) -> None:
        self.memory = Memory(**{"least": 1, **given})
        assert self.memory.is_watching or given
        self.plain = Memory(hashing=True)
        self.held: dict[Any, Range | None] = {}

    def look(self, buffer: Any, row: int = 0, limit: int = LIMIT) -> bool:
        """Whether it was watched; fails when the digests are not those of the content."""
        data = memoryview(buffer).cast("B")
        self.memory.turn()
        digests, found = self.memory.digests(data, row, limit)
        assert digests == self.plain.digests(data, row, limit)[0]
        if found is not None:
            self.held[found.key] = found
        return found is not None

    def look_at_items(self, start: int, size: int, step: int, limit: int = LIMIT) -> bool:
        """The same where the parts of an array are what lies in its memory, with something before it."""
        items = Raw(start, size, step)
        self.memory.turn()
        found = self.memory.look_at_items(start, size, step, items, limit)
        if found is None:
            return False
        plain = [items.write(number) for number in range(-(-size // step))]
        assert found.noted == [noted for noted, _ in plain]
        for part, (_, data) in zip(found.parts, plain, strict=True):
            assert (part.size, part.digests(limit), part.data()) == (len(data), digests_of(data, limit), data)
        self.held[found.kept.key] = found.kept
        return True

    def drop(self) -> None:
        """Nobody knows of any buffer any more."""
        self.held.clear()

    def close(self) -> None:
        self.drop()
        self.memory.close()


class Counted:
    """In the place of `digests_of`: how many pieces of watched buffers were hashed."""

    def __init__(self, real: Any) -> None:
        self.real, self.count = real, 0
        self.then: Callable[[], None] = int

    def __call__(self, pieces: Any) -> Any:
        return [self._digest(piece) for piece in pieces]

    def _digest(self, piece: Any) -> Any:
        self.count += 1
        self.then()
        return self.real([piece])[0]

    def taken(self) -> int:
        count, self.count = self.count, 0
        return count


@pytest.fixture
def looker() -> Any:
    made = Looker()
    yield made
    made.close()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    made = Counted(watched.digests_of)
    monkeypatch.setattr(watched, "digests_of", made)
    return made
