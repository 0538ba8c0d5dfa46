"""One line about work that takes long, and when it is due: never before a second has passed."""

from __future__ import annotations

from collections.abc import Callable

from timeslip.progress import BYTES
from timeslip.rendering.units import size
from timeslip.standard import time

PATIENCE = 1.0
"""Work that is done sooner is not shown at all, seconds."""

_INTERVAL = 0.25


class Ticker:
    """Turns what the engine tells into lines, not too early and not too often.

    Args:
        title: what the user asked for.
        show: writes a line in the place of the one before; called with "" to take it away.
    """

    def __init__(self, title: str, show: Callable[[str], None]) -> None:
        self._title = title
        self._show = show
        self._due = time.monotonic() + PATIENCE
        self._shown = False

    def __call__(self, what: str, done: int, total: int) -> None:
        """As `timeslip.progress.Tell`. What showing raises passes: an interrupt belongs to the work that is shown."""
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _INTERVAL
        self._shown = True
        self._show(f"timeslip: {self._title}: {amount(what, done, total)}")

    def close(self) -> None:
        """The work has ended: take the line away."""
        if self._shown:
            self._shown = False
            self._show("")


def amount(what: str, done: int, total: int) -> str:
    """How far it is: ``saving 3.2 of 10 GB``, ``looking at names 120``."""
    if what in BYTES:
        return f"{what} {size(done)} of {size(total)}" if total >= done else f"{what} {size(done)}"
    return f"{what} {done} of {total}" if total >= done else f"{what} {done}"
