"""Taking the protection off a buffer while code of the user rewrites it.

The first write to a protected page costs some microseconds, ten times what it takes to hash the page: code that writes
to all of a large array would take several times as long as without us. Nobody knows beforehand what a run writes to.
So while it runs, a thread asks from time to time how much of the large buffers was written, and where it is much, lets
all of the buffer count as written. That is never wrong: what counts as written is hashed.

The thread asks soon after a run began, then ever less often, and sleeps between runs.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

from timeslip.standard import time
from timeslip.state.pages import PAGE, Pages

LEAST_BYTES = 8 << 20
"""Smaller buffers are rewritten before anybody could notice."""

MUCH = 16
"""A buffer is being rewritten when this part of its pages (1 / MUCH) was written."""

_MOST = 32
"""So many of the largest buffers are asked about."""

_FIRST, _GROWTH, _LAST = 0.002, 1.5, 0.25
"""Pauses between two questions, seconds: the first one, how they grow, and the longest."""

_SHARE = 20
"""The thread sleeps at least so many times as long as its last questions took."""

_FORKS_ARE_WARNED_OF = sys.version_info >= (3, 12)
"""A process that forks is warned when it has more than one thread: ours is not to be the first one."""

Bounds = tuple[int, int]
"""First address and end of the pages of a buffer."""


class Relief:
    """One thread, and what it is to look after. `begin` and `end` are called by the threads that run code.

    Args:
        pages: tells what was written.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._begun = threading.Event()
        self._running = self._closed = False
        self._wanted: list[Bounds] = []
        self._thread: threading.Thread | None = None

    def begin(self, ranges: Sequence[Bounds]) -> None:
        """Code of the user begins to run, and may write to *ranges*, which are protected."""
        large = sorted((first - last, first, last) for first, last in ranges if last - first >= LEAST_BYTES)
        self._wanted = [(first, last) for _, first, last in large[:_MOST]]
        if self._wanted and not self._closed and self._has_thread():
            self._running = True
            self._begun.set()

    def end(self) -> None:
        """The code has run. The thread finds that by itself: waking it would take time from whoever goes on."""
        self._running = False

    def close(self) -> None:
        """Let the thread end."""
        self._running, self._closed = False, True
        self._begun.set()

    def _has_thread(self) -> bool:
        """Whether the thread is there; it is started when that makes no difference to the user's code."""
        if self._thread is None and not (_FORKS_ARE_WARNED_OF and threading.active_count() == 1):
            self._thread = threading.Thread(target=self._work, name="timeslip-relief", daemon=True)
            self._thread.start()
        return self._thread is not None

    def _work(self) -> None:
        while not self._closed:
            self._begun.wait()
            self._begun.clear()
            try:
                self._look_after(self._wanted)
            except Exception:  # a thread that dies would tell the user of it; nothing depends on what it does
                continue

    def _look_after(self, wanted: list[Bounds]) -> None:
        """Ask until nothing is left to ask of, the code has run, or the next one begins."""
        pause = _FIRST
        while wanted and not self._begun.wait(pause) and self._running:
            began = time.perf_counter()
            wanted = [bounds for bounds in wanted if not self._relieve(*bounds)]
            pause = max(min(pause * _GROWTH, _LAST), _SHARE * (time.perf_counter() - began))

    def _relieve(self, first: int, last: int) -> bool:
        """Whether nothing has to be asked of this buffer any more in this run."""
        most = (last - first) // PAGE // MUCH
        try:
            if self._pages.count_written(first, last, most) < most:
                return False
            if self._running:
                self._pages.unprotect(first, last)
        except OSError:  # it is not there any more, or we are not
            return True
        return True
