"""How costs grow: with the size of the data, the names, the commits, and the share of the state that a cell changes.

Each family is one or more workloads; a curve is one kind of step over the values that the family goes through.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.sessions.figures import Spread
from benchmarks.sessions.results import Result, View
from benchmarks.sessions.steps import Script, Workload

CONTENDERS = ("bare", "timeslip", "timeslip-hashing", "cloudpickle")
"""Who takes part: sessions of the others would take hours."""

SHARES = (0, 1, 10, 25, 50, 75, 100)
COMMITS = (10, 100, 1_000, 10_000)
"""More of them, without a kernel, are in `benchmarks/history.py`: here they would take hours."""

WINDOW = 20
"""Cells before a number of commits whose costs are given for it."""


@dataclass(frozen=True)
class Family:
    """One way to grow.

    Attributes:
        name: beginning of the names of its workloads.
        title: of plots.
        axis: what grows, in words.
        curves: kinds of steps in words; the kind itself follows from the value.
    """

    name: str
    title: str
    axis: str
    curves: tuple[str, ...]


FAMILIES = (
    Family(
        "size",
        "by the size of a frame",
        "bytes of the frame",
        ("only read", "change one value", "add a column", "undo"),
    ),
    Family("names", "by the number of names", "names", ("tiny cell", "undo")),
    Family("commits", "by the number of commits", "commits", ("tiny cell",)),
    Family("share", "by the share of an array that a cell changes", "per cent", ("change", "undo")),
)


def _size(size: int) -> Workload:
    rows = max(1_100, size // 160)
    script = Script()
    script.cell("import", "import numpy as np, pandas as pd")
    made = f"np.random.default_rng(0).standard_normal(({rows}, 20))"
    first = script.cell("build", f"df = pd.DataFrame({made}, columns=[f'c{{i}}' for i in range(20)], copy=False)")
    for number in range(3):
        script.cell("only read", f"value = float(df['c3'].iloc[{number}])")
        script.cell("change one value", f"df.iat[{number}, 3] = 7.0")
        script.undo("undo")
        script.redo("redo")
    script.cell("add a column", "df['n1'] = df['c1'] * 2")
    script.checkout("checkout", first)
    return Workload(f"size={size}", f"frame of {rows:,} rows", tuple(script.steps), "repr(float(df.iat[0, 3]))")


def _names(count: int) -> Workload:
    script = Script()
    script.cell("define", "\n".join(f"v{number} = {number}" for number in range(count)))
    for number in range(5):
        script.cell("tiny cell", f"v{number} = {number + 1}")
        script.undo("undo")
    return Workload(f"names={count}", f"{count:,} names", tuple(script.steps), "repr((v0, v1, v2, v3, v4))")


def _commits(most: int) -> Workload:
    script = Script()
    script.cell("define", "things = []\ndef f(x): return x + 1")
    for number in range(most):
        after = next(step for step in (*COMMITS, most) if number < step)
        kind = f"tiny cell {after}" if number >= after - WINDOW else "between"
        script.cell(
            kind, f"things.append({number}); del things[:-50]" if number % 10 == 0 else f"v{number % 40} = f({number})"
        )
    return Workload("commits", f"{most:,} tiny cells", tuple(script.steps), "repr(len(things))")


def _share(size: int) -> Workload:
    count = max(100_000, size // 8)
    script = Script()
    script.cell("import", "import numpy as np")
    script.cell("build", f"a = np.random.default_rng(0).random({count})")
    for share in SHARES:
        script.cell(f"change {share}", f"a[:{count * share // 100}] += 1")
        script.undo(f"undo {share}")
        script.redo("redo")
    return Workload("share", f"array of {count:,} floats", tuple(script.steps), "repr(float(a[0]))")


def free_memory() -> float:
    """Bytes that this machine could give now; where it does not tell, as much as one likes."""
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (OSError, ValueError, AttributeError):
        return math.inf


def workloads(scale: float) -> Iterator[Workload]:
    """All of them; frames that would need more memory than there is are left out."""
    for size in (10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000):
        if 2.5 * size * scale < free_memory():
            yield _size(int(size * scale))
    for count in (10, 100, 1_000, 10_000):
        yield _names(count)
    yield _commits(max(100, int(10_000 * scale)))
    yield _share(int(1_000_000_000 * scale))


def values_of(result: Result, family: Family, curve: str) -> list[tuple[float, str, str]]:
    """What a curve goes through: the value, the workload, and the kind of step."""
    found: list[tuple[float, str, str]] = []
    for workload in result.sessions:
        name, _, value = workload.partition("=")
        if name != family.name:
            continue
        if value:
            found.append((float(value), workload, curve))
            continue
        for kind in View(result, workload, "timeslip").kinds():
            start, _, number = kind.rpartition(" ")
            if start == curve and number.isdigit():
                found.append((float(number), workload, kind))
    return sorted(found)


def points(result: Result, family: Family, curve: str, contender: str) -> list[tuple[float, Spread]]:
    """What a contender adds, at each value; of travels, what they take."""
    found = []
    for value, workload, kind in values_of(result, family, curve):
        added = View(result, workload, contender).added(kind)
        if added:
            found.append((value, added))
    return found


def slope(line: list[tuple[float, float]]) -> float | None:
    """The power with which a cost grows: 0 when it does not, 1 in proportion; None with less than two points."""
    there = [(math.log(x), math.log(y)) for x, y in line if x > 0 and y > 0]
    if len(there) < 2:
        return None
    middle = sum(x for x, _ in there) / len(there)
    spread = sum((x - middle) ** 2 for x, _ in there)
    return sum((x - middle) * y for x, y in there) / spread if spread else None
