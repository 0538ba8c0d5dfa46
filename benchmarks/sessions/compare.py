"""Whether something got slower, or larger, from one result to another, beyond the noise."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.sessions.environments import CACHE, ROOT
from benchmarks.sessions.figures import Spread, geometric_mean, in_words, multiple, size_in_words, spread
from benchmarks.sessions.results import Result, View

SLOWER = 1.10
"""By so much the median must have grown, too: spreads that do not overlap may be due to chance when they are narrow."""

LEAST_SECONDS = 0.002
"""Less than that is no matter, whatever the ratio."""

LARGER = 1.05
LEAST_BYTES = 100_000
MORE_MEMORY = 1.10
LEAST_MEMORY = 32_000_000


@dataclass(frozen=True)
class Change:
    """One figure before and after.

    Attributes:
        what: workload, kind of step, and what was measured.
        before: as it would be on the machine, and at the time, of the second result.
        after: in the second result.
        worse: beyond the noise.
        size: bytes, not seconds.
    """

    what: str
    before: Spread
    after: Spread
    worse: bool
    size: bool = False

    @property
    def ratio(self) -> float:
        """After by before."""
        return self.after.median / self.before.median if self.before.median else float("inf")

    def __str__(self) -> str:
        shown = size_in_words if self.size else in_words
        return f"{self.what}: {shown(self.before.median)} → {shown(self.after.median)}, {multiple(self.ratio)}"


def is_slower(before: Spread, after: Spread) -> bool:
    """Beyond the noise: every repeat took longer than every one before, by a tenth, and by more than nothing."""
    return (
        after.least > before.most
        and after.median > SLOWER * before.median
        and after.median - before.median > LEAST_SECONDS
    )


def drift(before: Result, after: Result, workload: str) -> float:
    """How much slower the bare kernel was in the second result: the machine's doing, not the contender's."""
    pairs = [
        (spread(View(result, workload, "bare").bare.delay) if workload in result.sessions else None)
        for result in (before, after)
    ]
    first, second = pairs
    return second.median / first.median if first and second and first.median else 1.0


def changes(before: View, after: View) -> Iterator[Change]:
    """All figures that both have."""
    old, new = before.sessions, after.sessions
    if old is None or new is None:
        return
    factor = 1.0 if before.result is after.result else drift(before.result, after.result, before.workload)
    pairs = [(kind, "", before.series(kind), after.series(kind)) for kind in old.kinds if kind in new.kinds]
    pairs.append(("all cells", "", old.delay, new.delay))
    pairs.append(("all cells", ", processor time", old.cpu, new.cpu))
    for kind, more, first, second in pairs:
        a, b = spread(first), spread(second)
        if a and b:
            a = a.times(factor)
            yield Change(f"{before.workload}: {kind}{more}", a, b, is_slower(a, b))
    sizes: list[tuple[str, float, float, float, int]] = [("store", old.store or 0, new.store or 0, LARGER, LEAST_BYTES)]
    sizes += [
        (f"{kind}, stored", old.kinds[kind].stored or 0, new.kinds[kind].stored or 0, LARGER, LEAST_BYTES)
        for kind in old.kinds
        if kind in new.kinds
    ]
    sizes.append(("peak memory", before.peak(), after.peak(), MORE_MEMORY, LEAST_MEMORY))
    for what, first_size, second_size, ratio, least in sizes:
        if first_size or second_size:
            worse = second_size > ratio * first_size and second_size - first_size > least
            a, b = Spread(*[first_size] * 3), Spread(*[second_size] * 3)
            yield Change(f"{before.workload}: {what}", a, b, worse, size=True)


def broken(before: View, after: View) -> list[str]:
    """What went well before and does not any more."""
    old, new = before.sessions, after.sessions
    if old is None or new is None:
        return []
    found = [f"{before.workload}: {told}" for told in new.failures if told not in old.failures]
    return found + [f"{before.workload}: wrong after {kind}" for kind in new.wrong if kind not in old.wrong]


def compared(before: Result, first: str, after: Result, second: str) -> tuple[list[Change], list[str]]:
    """All figures of contender *first* in *before* and *second* in *after*, and what is broken."""
    found: list[Change] = []
    faults: list[str] = []
    for workload in before.sessions:
        views = View(before, workload, first), View(after, workload, second)
        found += changes(*views)
        faults += broken(*views)
    return found, faults


def told(found: list[Change], faults: list[str]) -> list[str]:
    """The comparison, in lines."""
    worse = [change for change in found if change.worse]
    times = geometric_mean(change.ratio for change in found if not change.size and change.before.median > 0)
    lines = [
        f"{len(found)} figures compared; times after by before, geometric mean: {multiple(times) if times else '–'}"
    ]
    lines += [f"worse: {change}" for change in sorted(worse, key=lambda change: -change.ratio)]
    lines += [f"broken: {fault}" for fault in faults]
    return lines if worse or faults else [*lines, "nothing got worse beyond the noise"]


def revision(name: str) -> tuple[str, Path]:
    """Short id of a revision, and the folder with its sources, which is made.

    Raises:
        ValueError: there is none of that name.
    """
    done = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ValueError(f"there is neither a results file nor a revision '{name}'")
    short = done.stdout.strip()[:12]
    folder = CACHE / "revisions" / short
    if not (folder / "src").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(["git", "archive", short, "src"], cwd=ROOT, capture_output=True, check=True)
        subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return short, folder / "src"
