"""Idle time of a kernel: what the last cell is not known to have reached is looked at then, a piece at a time.

Before that, what the first command needs is imported: a third of what an undo in a small session takes. After it, what
nobody will want back soon is compressed.

The pieces are callbacks of the event loop that hands out the kernel's messages, so they run on the thread that runs
cells, between two messages, and a message that comes in waits for one piece at most. Where there is no such loop (a
terminal, a script) nothing is done.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from timeslip.codec.collecting import uncollected
from timeslip.ipython.faults import Faults

PATIENCE = ((1.0, 0.2), (10.0, 2.0))
"""After so many seconds without a cell, what took up to so many seconds the last time is looked at."""

COMPACTION = 30.0
"""After so many seconds without a cell, what is cold is compressed."""

_PAUSE = 0.05
"""Between two pieces, for the messages, seconds."""

_FOR_VERBS = ("timeslip.verbs.parsing", "timeslip.ipython.display", "timeslip.ipython.perform")
"""What the first verb imports, in pieces of some milliseconds: before that, none of it is needed."""


class Auditor:
    """Looks at assumed names of one session in idle time, then compresses what is cold.

    Used by the thread that runs cells, alone.

    Args:
        session: what is recorded.
        faults: what a fault is reported to.
        is_busy: whether a cell is running.
    """

    def __init__(self, session: Any, faults: Faults, is_busy: Callable[[], bool]) -> None:
        self._session = session
        self._faults = faults
        self._is_busy = is_busy
        self._next: asyncio.TimerHandle | None = None
        self._waited = 0.0
        self._to_import = list(_FOR_VERBS)

    def begin(self) -> None:
        """A cell has ended: from now on the kernel may be idle."""
        self.stop()
        loop = self._loop()
        self._session.repository.maps.later = loop is not None
        if loop is None:
            return
        self._waited = PATIENCE[0][0]
        self._next = loop.call_later(self._waited, self._piece, loop, 0)

    def _loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop that hands out cells; None where there is none, or idle time is not to be used."""
        try:
            return asyncio.get_running_loop() if self._session.settings.audit else None
        except RuntimeError:
            return None

    def stop(self) -> None:
        """A cell begins, or nothing is recorded any more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._session.end_compaction()

    def _piece(self, loop: asyncio.AbstractEventLoop, level: int) -> None:
        self._next = None
        # Somebody who steps through code wants to see none of ours.
        if self._is_busy() or sys.gettrace() is not None or loop.is_closed():
            return
        left = len(self._to_import)
        with self._faults.guard("looking at names in idle time"):
            if self._to_import:
                with uncollected():
                    import_module(self._to_import.pop(0))
            else:
                left = self._session.audit(PATIENCE[level][1])
        if left:
            self._next = loop.call_later(_PAUSE, self._piece, loop, level)
        elif level + 1 < len(PATIENCE):
            seconds = PATIENCE[level + 1][0] - PATIENCE[level][0]
            self._next = loop.call_later(seconds, self._piece, loop, level + 1)
        else:
            self._next = loop.call_later(COMPACTION - PATIENCE[level][0], self._compact)

    def _compact(self) -> None:
        self._next = None
        if not self._is_busy() and sys.gettrace() is None:
            with self._faults.guard("compressing in idle time"):
                self._session.begin_compaction()
