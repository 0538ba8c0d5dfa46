"""What a session of many names costs: a tiny cell among 10, 1,000 and 10,000 of them, and what touches all of them.

    python benchmarks/names.py [NAMES]

The names are of mixed kinds: numbers, texts, small lists, dicts, sets, tuples, arrays, frames, modules, functions,
classes, instances, and some share what they hold. The cells run outside IPython, in sessions that take turns, so that a
change of the machine's speed hits all of them. What names add to a tiny cell is the scan of the names, and looking at
what is cheap to look at, up to the setting `check_budget`. Of what takes all names, the processor time is printed too,
which a busy machine changes less.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import timeslip

SETUP = """
import collections, json, math
import numpy as np, pandas as pd
class Thing:
    def __init__(self, number):
        self.number, self.held = number, [number]
class Slotted:
    __slots__ = ("a", "b")
    def __init__(self, number): self.a, self.b = number, [number]
rate = {"rate": 1}
def helper(x): return x + rate["rate"]
def fill(count):
    made = {}
    for number in range(count):
        name, kind = f"n{number}", number % 14
        if kind == 0: made[name] = number * 1001
        elif kind == 1: made[name] = f"text {number}"
        elif kind == 2: made[name] = [number, number + 1, str(number)]
        elif kind == 3: made[name] = {"a": number, "b": [number]}
        elif kind == 4: made[name] = np.arange(8) + number
        elif kind == 5: exec(f"def {name}(x): return helper(x) + {number}", globals(), made)
        elif kind == 6 and number % 28 == 6:
            exec(f"class {name}:\\n    v = {number}\\n    def m(self): return self.v", globals(), made)
        elif kind == 6: made[name] = Slotted(number)
        elif kind == 7: made[name] = Thing(number)
        elif kind == 8 and number % 5 == 0: made[name] = pd.DataFrame({"a": [number, 1], "b": ["x", "y"]})
        elif kind == 8: made[name] = (math, json, collections)[number % 3]
        elif kind == 9: made[name] = {number, str(number)}
        elif kind == 10: made[name] = made[f"n{number - 8}"] if number % 3 == 0 else collections.OrderedDict(a=number)
        elif kind == 11: made[name] = (number, [number], "t")
        elif kind == 12: made[name] = [made[f"n{number - 5}"], number]
        else: made[name] = number * 0.5
    return made
"""
TOUCH = "for name in list(globals()):\n    if type(globals()[name]) is list: globals()[name].append(1)"
DELETE = "for name in list(globals()):\n    if name[1:].isdigit(): del globals()[name]"
TINY, FIRST = 100, 20


def attach(folder: Path) -> Any:
    """A session with a store in *folder*; the same store continues the session."""
    return timeslip.attach(namespace={"__name__": "__main__"}, store=folder, name="bench")


def run(session: Any, code: str) -> None:
    """Run a cell that may not fail."""
    result = session.run(code)
    if result.error is not None:
        raise result.error


def both(work: Callable[[], object]) -> str:
    """What *work* takes, and how much of that the processor."""
    began = time.process_time()
    taken = seconds(work)
    return f"{taken:7.3f} s, processor {time.process_time() - began:7.3f} s"


def seconds(work: Callable[[], object]) -> float:
    """What *work* takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def tiny_cells(home: Path, counts: list[int]) -> None:
    """Print what recording a tiny cell takes, for each number of names."""
    sessions = {}
    for count in counts:
        sessions[count] = session = attach(home / str(count))
        run(session, SETUP)
        run(session, f"globals().update(fill({count}))")
    spent: dict[int, list[float]] = {count: [] for count in counts}
    for number in range(TINY):
        for count, session in sessions.items():
            spent[count].append(seconds(lambda session=session, number=number: run(session, f"x = {number}")))
    least = statistics.median(spent[counts[0]][FIRST:])
    for count in counts:
        median = statistics.median(spent[count][FIRST:])
        each = (median - least) / max(1, count - counts[0]) * 1e6
        more = f"{(median - least) * 1000:+.2f} ms, {median / least:.1f} x, {each:.2f} µs a name"
        print(f"tiny cell, {count:6,} names: median {median * 1000:5.2f} ms, {more}", end="")
        stats = sessions[count].status().head.stats
        print(f"; {stats.covariables_checked} looked at, {stats.bytes_stored} bytes stored")
        sessions[count].close()


def all_names(home: Path, count: int) -> None:
    """Print what takes all names at once."""
    session = attach(home / "all")
    run(session, SETUP)
    empty, full = session.head, []
    work: dict[str, Callable[[], object]] = {
        "make all": lambda: (run(session, f"globals().update(fill({count}))"), full.append(session.head)),
        "tiny cell": lambda: run(session, "x = 1"),
        "undo it": session.undo,
        "redo it": session.redo,
        "undo it again": session.undo,
        "change one": lambda: run(session, "n2.append(1)"),
        "undo that": session.undo,
        "call one": lambda: run(session, "y = n5(1)"),
        "look at all": lambda: run(session, "globals()"),
        "look at all again": lambda: run(session, "globals()"),
        "change the lists": lambda: run(session, TOUCH),
        "status": session.status,
        "log -n 20": lambda: session.log(limit=20),
        "show HEAD": lambda: session.show("HEAD"),
        "blame": lambda: session.blame("n2"),
        "diff": session.diff,
        "delete all": lambda: run(session, DELETE),
        "undo the deletion": session.undo,
        "a tiny cell then": lambda: run(session, "x = 1"),
        "undo the tiny cell": session.undo,
        "checkout without names": lambda: session.checkout(empty),
        "checkout with all": lambda: session.checkout(full[0]),
        "gc": session.gc,
    }
    for what, do in work.items():
        print(f"{count:,} names, {what:24} {both(do)}", flush=True)
    session.close()
    opened: list[Any] = []
    print(f"{count:,} names, {'attach again':24} {both(lambda: opened.append(attach(home / 'all')))}")
    print(f"{count:,} names, {'resume':24} {both(lambda: opened[0].resume(full[0]))}")
    opened[0].close()


def main() -> int:
    """Print both."""
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as home:
        tiny_cells(Path(home), sorted({10, min(1_000, most), most}))
        all_names(Path(home), most)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
