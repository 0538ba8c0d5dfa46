"""A failing disk for tests: the store writes through `FailingFiles`, which fails on a schedule that is data.

A schedule is a text; each letter decides one event, in order; after its end everything works::

    w   the write or step works
    W   torn: half of a write reaches the file, then the process dies (a step dies before it)
    x   the process dies before the write or step
    f   the disk is full: nothing is written, the call fails, the process lives

The death of a process is `ProcessDied`, which no code under test may catch for good; `copy_store` then gives what a new
process, or a machine after a power cut, would find on disk.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from timeslip.errors import StoreFullError
from timeslip.store.files import Files


class ProcessDied(BaseException):
    """The process would be dead now. A `BaseException`, so that nothing handles it by mistake."""


class FailingFiles(Files):
    """Files that fail on schedule, and remember what was synced.

    Attributes:
        events: how many events have happened, each of which took a letter.
        durable: size of each file, by path, when it was last synced, bytes.
        free: what `free_bytes` answers, bytes; None asks the real disk.
    """

    def __init__(self, schedule: str = "", *, free: int | None = None) -> None:
        unknown = set(schedule) - set("wWxf")
        if unknown:
            raise ValueError(f"a schedule is made of w, W, x and f, not {sorted(unknown)}")
        self._schedule = schedule
        self.events = 0
        self.durable: dict[str, int] = {}
        self.free = free

    def _next(self) -> str:
        letter = self._schedule[self.events] if self.events < len(self._schedule) else "w"
        self.events += 1
        return letter

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        """As `Files.write`, unless the schedule says otherwise."""
        letter = self._next()
        if letter == "f":
            raise OSError(errno.ENOSPC, "No space left on device")
        if letter == "W":
            super().write(fd, data[: data.nbytes // 2], offset)
        if letter in "Wx":
            raise ProcessDied(f"at event {self.events}, a write")
        super().write(fd, data, offset)

    def sync(self, fd: int) -> None:
        """As `Files.sync`; remembers how much of the file is durable now."""
        super().sync(fd)
        self.durable[os.readlink(f"/proc/self/fd/{fd}")] = os.fstat(fd).st_size

    def free_bytes(self, directory: Path) -> int:
        """The free space that the test wants."""
        return super().free_bytes(directory) if self.free is None else self.free

    def step(self, what: str) -> None:
        """A step of a transaction: dies or fails when the schedule says so."""
        letter = self._next()
        if letter == "f":
            raise StoreFullError(f"the disk is full (injected before '{what}')")
        if letter in "Wx":
            raise ProcessDied(f"at event {self.events}, before '{what}'")


def copy_store(directory: Path, target: Path, *, durable: dict[str, int] | None = None) -> Path:
    """A copy of a store as the death of its process would leave it; open files and locks are not taken along.

    With *durable* (see `FailingFiles.durable`) as a power cut would: of each pack only what was synced is there, the
    rest is zeros, while the database, which may have reached the disk earlier, is whole.
    """
    shutil.copytree(directory, target, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
    if durable is not None:
        for pack in sorted((target / "packs").glob("*.pack")):
            original = os.path.realpath(directory / "packs" / pack.name)
            kept, size = durable.get(original, 0), pack.stat().st_size
            with open(pack, "r+b") as file:
                file.truncate(kept)
                file.truncate(size)
    return target
