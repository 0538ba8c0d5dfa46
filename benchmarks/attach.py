"""What `%load_ext timeslip` costs a fresh kernel: seconds and resident memory, in pairs with a bare one.

    python benchmarks/attach.py [PAIRS]

Each pair starts two fresh processes with an IPython shell, one after the other: one loads Timeslip into a new store,
the other loads IPython's own `autoreload`, so that what any first `%load_ext` costs is not counted. Prints the median
and the worst difference, and what was imported.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src"
PROGRAM = """
import json, sys, time
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
config = Config(); config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config)
shell.run_cell("1", store_history=True)
import asyncio, sqlite3, socket, logging, uuid, concurrent.futures  # what every kernel has loaded anyway

def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) * 1024

before, loaded, began = resident(), set(sys.modules), time.perf_counter()
shell.run_cell("%load_ext " + sys.argv[1], store_history=True)
seconds = time.perf_counter() - began
modules = sorted(set(sys.modules) - loaded)
print("\\n" + json.dumps({"seconds": seconds, "bytes": resident() - before, "modules": modules}))
"""
USERS = {"numpy", "pandas", "matplotlib", "scipy", "sklearn", "torch", "polars", "pyarrow"}


def measure(extension: str) -> dict:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "PYTHONPATH": str(SOURCE), "TIMESLIP_HOME": home + "/store", "HOME": home,
                       "TIMESLIP_KEY_FILE": home + "/key"}  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, extension], env=environment, capture_output=True, text=True, check=True
        )
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> int:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    measure("timeslip"), measure("autoreload")  # compiles what is not compiled yet
    seconds, size, modules = [], [], set()
    for _ in range(pairs):
        ours, bare = measure("timeslip"), measure("autoreload")
        seconds.append(ours["seconds"] - bare["seconds"])
        size.append(ours["bytes"] - bare["bytes"])
        modules |= set(ours["modules"])
    print(
        f"time:   median {statistics.median(seconds) * 1000:.0f} ms, worst {max(seconds) * 1000:.0f} ms (limit 150 ms)"
    )
    print(f"memory: median {statistics.median(size) / 1e6:.1f} MB, worst {max(size) / 1e6:.1f} MB (limit 15 MB)")
    outside = sorted({name.partition(".")[0] for name in modules} - {"timeslip"})
    print(f"modules: {len(modules)}; users' libraries: {sorted(set(outside) & USERS) or 'none'}")
    return int(statistics.median(seconds) > 0.150 or statistics.median(size) > 15e6)


if __name__ == "__main__":
    sys.exit(main())
