"""Large graphs of small objects: what each cell run and each undo costs, as a multiple of the C pickler's time.

    python benchmarks/graphs.py [--cpu] [SIZE] [WORKLOAD …]

Every workload has a process of its own, with SIZE elements (1,000,000 unless told) divided by what is written beside
its name. ``pickle.dumps(value, 5)`` and ``pickle.loads`` of the very value are timed in the same process, the best of
three, with the garbage collector off, before the first change and after the last undo, because objects that were made
in another order lie elsewhere in memory; the mean of both is what all else is compared with. With ``--cpu`` all figures
are processor seconds of the process, which say more on a machine that others use as well.

Columns: the first commit, a cell that only reads the value, a tiny cell that does not touch it, and then for each kind
of change the cell that makes it, the bytes that it added to the store, and the undo. Of the first cell, what its code
takes without being recorded is left out.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

Change = dict[str, str]

LIST: Change = {
    "change one": "value[len(value) // 2] = other(len(value) // 2)",
    "insert at front": "value.insert(0, other(0))",
    "delete middle": "del value[len(value) // 2]",
    "append": "value.append(other(1))",
}
NESTED: Change = {**LIST, "change inside": "value[len(value) // 3]['name'] = 'changed'"}
TABLE: Change = {
    "change one": "value[key(len(value) // 2)] = other(3)",
    "delete middle": "del value[key(len(value) // 2)]",
    "append": "value[key(len(value))] = other(1)",
}
INSTANCES: Change = {**LIST, "change inside": "value[len(value) // 3].x = -1"}

ROWS = """value = [{'id': i, 'name': f'n{i}'} for i in range(N)]
other = lambda i: {'id': -i, 'name': 'new'}"""
STRINGS = """value = [f'text {i}' for i in range(N)]
other = lambda i: f'new {i}'"""
TUPLES = """value = [(i, f'n{i}', i / 3) for i in range(N)]
other = lambda i: (i, 'new', 0.5)"""
DICT = """value = {f'k{i}': i * 1000 for i in range(N)}
key = lambda i: f'k{i}'
other = lambda i: i"""
LABELS = """import random
r = random.Random(1)
words = [f'label number {i}' for i in range(200)]
value = [{'id': i, 'label': r.choice(words), 'tag': r.choice(words)} for i in range(N)]
other = lambda i: {'id': -i, 'label': words[i % 7], 'tag': 'a new one'}"""
JSON = """def record(i):
    tags, points = [f't{i % 50}', f'u{i}'], [i / 7, i / 3, [i, i + 1]]
    return {'id': i, 'name': f'n{i}', 'tags': tags, 'points': points, 'owner': {'mail': f'a{i}@b.c', 'age': i % 90}}
value = [record(i) for i in range(N)]
other = lambda i: {'id': -i, 'name': 'new', 'tags': [], 'points': [], 'owner': {}}"""
MADE = """
value = [P(i, f'y{i}') for i in range(N)]
alias = value[7]
other = lambda i: P(i, 'new')"""
CLASS = """class P:
    def __init__(self, x, y):
        self.x = x
        self.y = y"""
SLOTS = CLASS.replace("class P:", "class P:\n    __slots__ = ('x', 'y')")
DATACLASS = "import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: int\n    y: str"
COLUMN = """import pandas
value = pandas.DataFrame({'text': pandas.Series([f'text {i}' for i in range(N)], dtype=object)})"""

WORKLOADS: dict[str, tuple[int, str, Change]] = {
    "dicts": (1, ROWS, NESTED),
    "strings": (1, STRINGS, LIST),
    "tuples": (1, TUPLES, LIST),
    "dict": (2, DICT, TABLE),
    "labels": (2, LABELS, {**LIST, "change inside": "value[len(value) // 3]['label'] = 'changed'"}),
    "json": (10, JSON, NESTED),
    "instances": (5, CLASS + MADE, INSTANCES),
    "slots": (5, SLOTS + MADE, INSTANCES),
    "dataclasses": (5, DATACLASS + MADE, INSTANCES),
    "column": (1, COLUMN, {"change one": "value.loc[len(value) // 2, 'text'] = 'changed'"}),
}
"""Name -> what SIZE is divided by, the cell that makes ``value``, and the cells that change it."""


def best(work: Callable[[], Any], clock: Callable[[], float], times: int = 3) -> float:
    """Seconds of the fastest of so many calls, the collector off."""
    spent = []
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        for _ in range(times):
            began = clock()
            work()
            spent.append(clock() - began)
    finally:
        if was_enabled:
            gc.enable()
    return min(spent)


def yardstick(value: Any, clock: Callable[[], float]) -> tuple[float, float]:
    """Seconds that the C pickler and the C unpickler take for *value*."""
    data = pickle.dumps(value, 5)
    return best(lambda: pickle.dumps(value, 5), clock), best(lambda: pickle.loads(data), clock)


def measure(name: str, size: int, clock: Callable[[], float]) -> dict[str, Any]:
    """All figures of one workload; meant for a process of its own."""
    import timeslip

    divisor, code, changes = WORKLOADS[name]
    namespace = sys.modules["__main__"].__dict__
    with tempfile.TemporaryDirectory() as home:
        session = timeslip.attach(namespace, store=f"{home}/store")

        def cell(code: str) -> tuple[float, int]:
            """Seconds that a cell takes, and bytes that it stored."""
            began = clock()
            session.run(code)
            return clock() - began, session.log()[0].stats.bytes_stored

        found: dict[str, Any] = {"size": size // divisor, "changes": {}}
        made = code.replace("N)", f"{size // divisor})")
        alone = best(lambda: exec(made, {"__name__": "__main__"}), clock, 1)
        spent, stored = cell(made)
        found["first"] = spent - alone, stored
        sticks = [yardstick(namespace["value"], clock)]
        found["read"] = min(cell("seen = len(value)") for _ in range(3))
        tiny = sorted(cell("tiny = 1")[0] for _ in range(9))
        found["tiny"] = tiny[len(tiny) // 2]
        for kind, change in changes.items():
            spent, stored = cell(change)
            began = clock()
            session.undo()
            found["changes"][kind] = (spent, stored, clock() - began)
        sticks.append(yardstick(namespace["value"], clock))
        found["dump"], found["load"] = (sum(seconds) / 2 for seconds in zip(*sticks, strict=True))
        session.close()
    return found


def show(name: str, found: dict[str, Any]) -> None:
    """Print the figures of one workload."""
    dump, load = found["dump"], found["load"]
    print(f"{name} ({found['size']:,}): C pickle {dump:.3f} s, unpickle {load:.3f} s")
    for label, (spent, stored) in (("first commit", found["first"]), ("read", found["read"])):
        print(f"  {label:16} {spent:7.3f} s = {spent / dump:5.2f} x pickle   {stored:>12,} bytes")
    print(f"  {'tiny cell':16} {found['tiny'] * 1000:7.1f} ms")
    for kind, (spent, stored, undo) in found["changes"].items():
        print(
            f"  {kind:16} {spent:7.3f} s = {spent / dump:5.2f} x pickle   {stored:>12,} bytes   "
            f"undo {undo:7.3f} s = {undo / load:5.2f} x unpickle",
            flush=True,
        )


def main() -> int:
    """Measure the named workloads, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", nargs="?", type=int, default=1_000_000)
    parser.add_argument("workload", nargs="*", help=", ".join(WORKLOADS))
    parser.add_argument("--cpu", action="store_true", help="processor seconds instead of those that go by")
    parser.add_argument("--measure", metavar="WORKLOAD", help=argparse.SUPPRESS)
    given = parser.parse_args()
    clock = time.process_time if given.cpu else time.perf_counter
    if given.measure:
        print("\n" + json.dumps(measure(given.measure, given.size, clock)))
        return 0
    for name in given.workload or WORKLOADS:
        with tempfile.TemporaryDirectory() as home:
            done = subprocess.run(
                [sys.executable, __file__, str(given.size), "--measure", name, *(["--cpu"] if given.cpu else [])],
                env={**os.environ, "TIMESLIP_KEY_FILE": f"{home}/key", "HOME": home},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        show(name, json.loads(done.stdout.strip().splitlines()[-1]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
