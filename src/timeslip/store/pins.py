"""Pins: what this process has put, or found to be there already, is not removed by a garbage collection in between.

A chunk is *pinned* until the transaction that follows in the same thread has finished. Where other transactions come
first, pins are *held*: they stay until whoever holds them lets them go. Pins are one shared file lock per process: the
collector works only while it holds that lock alone. A pin that is neither used nor held expires.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from timeslip.standard import time
from timeslip.store.host import FileLock

PIN_SECONDS = 600.0
"""A pin that no transaction of its thread has used for this long is dropped, seconds."""


class Pins:
    """The pins of this process in one store. Safe from many threads.

    Args:
        path: the file of the pin lock.
    """

    def __init__(self, path: Path) -> None:
        self._mutex = threading.Lock()
        self._file = FileLock(path)
        self._pinned: dict[bytes, tuple[int, float]] = {}
        self._holds = 0
        self._threads = threading.local()

    def add(self, digest: bytes) -> None:
        """Pin a chunk for this thread, or for what it holds."""
        owner: int = getattr(self._threads, "hold", 0) or threading.get_ident()
        with self._mutex:
            if not self._pinned:
                self._file.shared()
            if self._pinned.get(digest, (0,))[0] >= 0:  # else it is held, and referred to when it is let go
                self._pinned[digest] = (owner, time.monotonic())

    def drop_own(self) -> None:
        """A transaction of this thread has finished: its pins, and those that have expired, go."""
        me, oldest = threading.get_ident(), time.monotonic() - PIN_SECONDS
        self._keep(lambda owner, since: owner < 0 or (owner != me and since > oldest))

    def _keep(self, stays: Callable[[int, float], bool]) -> None:
        with self._mutex:
            if not self._pinned:
                return
            self._pinned = {digest: pin for digest, pin in self._pinned.items() if stays(*pin)}
            if not self._pinned:
                self._file.release()

    @contextmanager
    def held(self) -> Iterator[int]:
        """What this thread has put, and puts inside, stays pinned beyond its next transactions, until `let_go`.

        Yields the number to call that with. When the block fails it is done.
        """
        me = threading.get_ident()
        with self._mutex:
            self._holds -= 1  # no thread has such a number
            hold = self._threads.hold = self._holds
            self._pinned = {d: (hold if owner == me else owner, at) for d, (owner, at) in self._pinned.items()}
        try:
            yield hold
        except BaseException:  # whatever it is: what was put inside is referred to by nothing
            self.let_go(hold)
            raise
        finally:
            self._threads.hold = 0

    def let_go(self, hold: int) -> None:
        """What was held has been referred to, or will not be."""
        self._keep(lambda owner, _: owner != hold)

    @contextmanager
    def collecting(self, *, alone: bool) -> Iterator[frozenset[bytes] | None]:
        """Hold the pin lock alone; yields the chunks pinned by this process, or None when another process has pins.

        Entered after the database's write lock was taken, so that two processes never wait for each other, and left
        after COMMIT, so that nobody relies on a chunk whose removal is about to be seen. *alone* is the answer where
        there are no file locks: whether no other process uses the store.
        """
        with self._mutex:
            got = self._file.try_exclusive() or (alone and not self._file.supported)
            try:
                yield frozenset(self._pinned) if got else None
            finally:
                if self._pinned:
                    self._file.shared()
                elif got:
                    self._file.release()

    def close(self) -> None:
        """Release all of them."""
        with self._mutex:
            self._pinned.clear()
            self._file.close()

    def abandon(self) -> None:
        """In a forked child: leave the parent's pins in place."""
        self._file.abandon()
