"""Large buffers: what a cell run adds when they were only read, written in places, or rewritten, in milliseconds.

    python benchmarks/buffers.py [MEGABYTES] [COUNT] [REPEATS]

Every kind has processes of its own, one after the other in each repeat: *bare* without recording, *pages* where the
kernel is asked which pages were written, *hashed* where every buffer is read (as where the kernel does not tell). A
frame of 20 float columns and an array have MEGABYTES (1,000 unless told) each; COUNT buffers of 1 MB (4,000 unless
told) are a list of arrays. One hash pass over the frame is timed in the same processes, and is what the added times are
compared with. Medians of all repeats, the least and the most in brackets; the array's row has the cell's own time, too,
because the first write to each page after a look is what asking costs.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile

PROGRAM = """
import builtins, json, sys, time
kind, megabytes, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
names = {"__name__": "__main__", "__builtins__": builtins, "rows": megabytes * 1_000_000 // 160}
if kind == "bare":
    def run(code):
        exec(code, names)
else:
    import timeslip
    session = timeslip.attach(names, store=sys.argv[4])
    if kind == "hashed":
        from timeslip.state.memory import Memory
        session._live.tracker.memory = Memory(hashing=True)
    run = session.run
found = {}
def timed(what, code):
    began = time.perf_counter()
    run(code)
    found.setdefault(what, []).append((time.perf_counter() - began) * 1000)
run("import time, numpy as np, pandas as pd; spent = 0.0")
run("df = pd.DataFrame({f'c{n}': np.random.default_rng(n).random(rows) for n in range(20)})")
from timeslip.state.memory import Memory
import numpy as np
blocks = [memoryview(np.asarray(names["df"][name])).cast("B") for name in names["df"]]
began = time.perf_counter()
for block in blocks:
    Memory(hashing=True).digests(block, 0, 1 << 20)
found["hash pass"] = [(time.perf_counter() - began) * 1000]
del blocks, block
for number in range(5):
    timed("read a value of the frame", f"x = float(df['c3'].iloc[{number}])")
for number in range(5):
    timed("change a value of it", f"df.iat[{number} * 1000, 3] = {number}.5")
for number in range(3):
    timed("add a column to it", f"df['n{number}'] = df['c1'] * {number + 2}")
run("del df")
run("a = np.ones(rows * 20)")
rewrite = "began = time.perf_counter(); a += 1; spent = time.perf_counter() - began"
for number in range(5):
    timed(f"rewrite the array, time {number + 1}", rewrite)
    found[f"rewrite the array, time {number + 1} (the code)"] = [names["spent"] * 1000]
run("del a")
run(f"many = [np.full(131072, n % 3.0) for n in range({count})]")
for number in range(5):
    timed("read one of many buffers", f"x = many[{number}][7]")
if kind != "bare":
    session.close()
print("\\n" + json.dumps(found))
"""

KINDS = ("bare", "pages", "hashed")


def measure(kind: str, megabytes: int, count: int) -> dict[str, list[float]]:
    """Milliseconds of every cell of one process."""
    with tempfile.TemporaryDirectory() as home:
        places = {"TIMESLIP_HOME": f"{home}/store", "TIMESLIP_KEY_FILE": f"{home}/key", "HOME": home}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, kind, str(megabytes), str(count), f"{home}/store"],
            env={**os.environ, **places},
            capture_output=True,
            text=True,
            check=True,
        )
    found: dict[str, list[float]] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def spread(values: list[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):8.1f} [{min(values):.1f} … {max(values):.1f}]"


def main() -> int:
    """Measure and print."""
    given = [int(word) for word in sys.argv[1:]]
    megabytes, count, repeats = (given + [1000, 4000, 3][len(given) :])[:3]
    found: dict[str, dict[str, list[float]]] = {kind: {} for kind in KINDS}
    for _ in range(repeats):
        for kind in KINDS:
            for what, values in measure(kind, megabytes, count).items():
                found[kind].setdefault(what, []).extend(values)
    hashing = statistics.median([value for kind in KINDS for value in found[kind].pop("hash pass")])
    print(f"{megabytes} MB of buffers, {count} buffers of 1 MB, {repeats} repeats; one hash pass {hashing:.0f} ms")
    for what, bare in found["bare"].items():
        print(f"\n{what}: bare {spread(bare)} ms")
        base = statistics.median(bare)
        for kind in KINDS[1:]:
            values = found[kind][what]
            added = statistics.median(values) - base
            ratio = statistics.median(values) / base
            print(f"  {kind:7} {spread(values)} ms  added {added:8.1f} ms = {added / hashing:5.2f} hash passes", end="")
            print(f"  {ratio:5.2f} x bare" if "rewrite" in what else "")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
