"""Sizes, durations and moments in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from timeslip.standard import time


@dataclass(frozen=True, slots=True)
class Clock:
    """What "now" is, so that a moment of today is written short.

    Attributes:
        now: Unix time, seconds.
        utc: True to write moments in UTC instead of local time.
    """

    now: float
    utc: bool = False

    @classmethod
    def local(cls) -> Clock:
        """The clock on the wall."""
        return cls(time.time())

    def moment(self, when: float) -> str:
        """``14:03:22`` for today, ``2026-11-21 14:03`` otherwise."""
        split = time.gmtime if self.utc else time.localtime
        try:
            then, today = split(when), split(self.now)
        except (OverflowError, ValueError, OSError):
            return "?"
        if then[:3] == today[:3]:
            return time.strftime("%H:%M:%S", then)
        return time.strftime("%Y-%m-%d %H:%M", then)


def size(count: int) -> str:
    """A number of bytes with a decimal unit: ``0 B``, ``340 B``, ``1.2 kB``, ``34 MB``."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"
    raise AssertionError("unreachable")


def duration(seconds: float) -> str:
    """``3 ms``, ``0.12 s``, ``5.3 s``, ``2 min 05 s``, ``1 h 02 min``."""
    if seconds < 0.0005:
        return "0 ms"
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def plural(count: int, word: str, many: str = "") -> str:
    """``1 name``, ``3 names``."""
    return f"{count:,} {word if count == 1 else (many or word + 's')}"


def some(names: Sequence[str], most: int = 24) -> str:
    """Names for people: those of a bulk operation are told in part."""
    return (
        ", ".join(names) if len(names) <= most else f"{', '.join(names[: most - 2])} and {len(names) - most + 2} more"
    )
