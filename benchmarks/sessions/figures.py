"""From what was measured to what is said: medians with their spread, differences and ratios of pairs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Series = Sequence["float | None"]
"""One value for each repeat; None where there is none."""


@dataclass(frozen=True)
class Spread:
    """Median, least and most of the repeats."""

    median: float
    least: float
    most: float

    def times(self, factor: float) -> Spread:
        """In another unit."""
        return Spread(self.median * factor, self.least * factor, self.most * factor)


def spread(values: Iterable[float | None]) -> Spread | None:
    """Of the values that there are; None when there are none."""
    there = [value for value in values if value is not None]
    return Spread(statistics.median(there), min(there), max(there)) if there else None


def added(series: Series, bare: Series) -> list[float | None]:
    """What comes on top of *bare*, each in the repeat in which both were measured."""
    return [a - b if a is not None and b is not None else None for a, b in zip(series, bare, strict=False)]


def ratios(series: Series, bare: Series) -> list[float | None]:
    """The same as multiples."""
    return [a / b if a is not None and b else None for a, b in zip(series, bare, strict=False)]


def geometric_mean(values: Iterable[float]) -> float | None:
    """Of positive values; None without any."""
    there = [value for value in values if value > 0]
    return math.exp(statistics.fmean(map(math.log, there))) if there else None


def in_words(seconds: float) -> str:
    """A time, with three digits."""
    if abs(seconds) >= 1:
        return f"{seconds:.3g} s" if abs(seconds) < 1000 else f"{seconds:.0f} s"
    return f"{seconds * 1000:.3g} ms" if abs(seconds) >= 1e-4 else f"{seconds * 1000:.2f} ms"


def size_in_words(count: float) -> str:
    """Bytes, with three digits."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(count) >= factor * 0.9995:
            return f"{_digits(count / factor)} {unit}"
    return f"{count:.0f} B"


def _digits(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"


def multiple(value: float) -> str:
    """A ratio."""
    return f"{_digits(value)} x" if value >= 10 or value < 0.1 else f"{value:.2f} x"
