"""Restore by mapping: undo and checkout in a session with a large frame, beside a plain read of the same bytes.

    python benchmarks/mapping.py [ROWS] [REPEATS]

A frame of 20 columns of floats with 6,250,000 rows (1 GB) unless told, and three steps on it: one value changed, a
column dropped, the frame replaced. Each is undone and redone, and the first and the last state are checked out in turn,
REPEATS times, as in a kernel: what was mapped is verified later, which is timed for itself, and so is the first pass
over what came back. The same with mapping off, and a read of as many bytes from files into fresh memory, in the same
run. Medians, least and most, in milliseconds.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

STEPS = {
    "one value changed": "df.iloc[5, 3] = 7.0",
    "column dropped": "df = df.drop(columns='c5')",
    "frame replaced": "df = df * 2",
}


def timed(work: Callable[[], Any]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def told(spent: list[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(spent):8.1f}  ({min(spent):.1f} to {max(spent):.1f})"


def plain_read(folder: str, size: int) -> float:
    """Milliseconds to read so many bytes of the store's files into fresh memory."""
    import numpy

    began = time.perf_counter()
    target = numpy.empty(size, "u1")
    done = 0
    for entry in os.scandir(folder):
        with open(entry.path, "rb", buffering=0) as file:
            while done < size:
                got = file.readinto(memoryview(target)[done:])
                if not got:
                    break
                done += got
    return (time.perf_counter() - began) * 1000


def main() -> int:
    """Print the table."""
    import timeslip

    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 6_250_000
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with tempfile.TemporaryDirectory() as home:
        os.environ["TIMESLIP_KEY_FILE"] = f"{home}/key"
        session = timeslip.attach(namespace, store=f"{home}/store", min_free_bytes=0)
        session.run("import numpy, pandas")
        maker = "numpy.random.default_rng(0).random((20, {})).T"
        session.run(f"df = pandas.DataFrame({maker.format(rows)}, columns=[f'c{{i}}' for i in range(20)])")
        first = session.log()[0].id
        for code in STEPS.values():
            session.run(code)
        last = session.log()[0].id
        size = namespace["df"].memory_usage(index=False).sum() * 20 // 19
        reads = [plain_read(f"{home}/store/packs", size) for _ in range(repeats)]
        print(f"plain read of {size / 1e9:.2f} GB: {told(reads)}")
        maps = session.repository.maps
        for mapping in (True, False):
            maps.allowed, maps.later = mapping, True
            print("mapped" if mapping else "read")
            spent: dict[str, list[float]] = {}
            for _ in range(repeats if mapping else min(repeats, 3)):
                for name in reversed(STEPS):
                    spent.setdefault(f"undo: {name}", []).append(timed(session.undo))
                spent.setdefault("first pass over it", []).append(timed(lambda: namespace["df"].to_numpy().sum()))
                for name in STEPS:
                    spent.setdefault(f"redo: {name}", []).append(timed(session.redo))
                spent.setdefault("checkout of the first state", []).append(timed(lambda: session.checkout(first)))
                spent.setdefault("checkout of the last state", []).append(timed(lambda: session.checkout(last)))
                maps._verified.clear()
                session.undo()
                if mapping:
                    spent.setdefault("verifying what was mapped", []).append(timed(lambda: maps.verify(1e9)))
                session.redo()
            for name, values in spent.items():
                print(f"  {name:32}{told(values)}")
        session.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
