"""How far long work has come, told to whoever shows it. The engine knows nothing but the callback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and how much there is (0 when unknown). Must be quick."""

BYTES = frozenset({"saving", "loading", "reading"})
"""What is counted in bytes; everything else is counted in pieces."""


class Progress:
    """Adds up what one session is doing. Used by the thread that has the session's turn.

    Attributes:
        tell: whoever shows it; None when nobody does.
        say: whoever shows sentences at once; None when nobody does.
    """

    def __init__(self) -> None:
        self.tell: Tell | None = None
        self.say: Callable[[str], None] | None = None
        self._what, self._done, self._total = "", 0, 0
        self._thread = 0

    @contextmanager
    def phase(self, what: str, total: int = 0) -> Iterator[None]:
        """A part of the work; an inner one is shown in the place of the outer."""
        before = self._what, self._done, self._total
        self._what, self._done, self._total = what, 0, total
        self._thread = threading.get_ident()
        try:
            yield
        finally:
            self._what, self._done, self._total = before

    def moved(self, count: int) -> None:
        """So many bytes went to the store or came from it. What other threads do in the background is not counted."""
        if self._what in BYTES and threading.get_ident() == self._thread:
            self.add(count)

    def looked(self) -> None:
        """One more co-variable is being looked at."""
        if self._what == "looking at names":
            self.add(1)

    def add(self, count: int) -> None:
        """So much more is done of the present phase."""
        self._done += count
        if self.tell is not None:
            self.tell(self._what, self._done, self._total)
