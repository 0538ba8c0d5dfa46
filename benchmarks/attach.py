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

before, loaded, began, cpu = resident(), set(sys.modules), time.perf_counter(), time.process_time()
shell.run_cell("%load_ext " + sys.argv[1], store_history=True)
seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
modules = sorted(set(sys.modules) - loaded)
print("\\n" + json.dumps({"seconds": seconds, "cpu": cpu, "bytes": resident() - before, "modules": modules}))
"""
USERS = {"numpy", "pandas", "matplotlib", "scipy", "sklearn", "torch", "polars", "pyarrow"}


def measure(extension: str, bytecode: str) -> dict:
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **os.environ,
            # An installed package has its bytecode: compiled once for all runs, wherever the environment forbids it.
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": bytecode,
            "PYTHONPATH": str(SOURCE),
            "TIMESLIP_HOME": home + "/store",
            "TIMESLIP_KEY_FILE": home + "/key",
            "HOME": home,
        }
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, extension], env=environment, capture_output=True, text=True, check=True
        )
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> int:
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    found: dict[str, list[float]] = {"seconds": [], "cpu": [], "bytes": []}
    modules: set[str] = set()
    with tempfile.TemporaryDirectory() as bytecode:
        for extension in ("timeslip", "autoreload"):
            measure(extension, bytecode)
        for _ in range(pairs):
            ours, bare = measure("timeslip", bytecode), measure("autoreload", bytecode)
            modules |= set(ours["modules"])
            for key, values in found.items():
                values.append(ours[key] - bare[key])
    wall, cpu, size = (statistics.median(found[key]) for key in ("seconds", "cpu", "bytes"))
    print(f"time:    median {wall * 1000:.0f} ms, worst {max(found['seconds']) * 1000:.0f} ms (limit 150 ms)")
    print(f"         of these processor time {cpu * 1000:.0f} ms")
    print(f"memory:  median {size / 1e6:.1f} MB, worst {max(found['bytes']) / 1e6:.1f} MB (limit 15 MB)")
    users = sorted({name.partition(".")[0] for name in modules} & USERS)
    print(f"modules: {len(modules)}; users' libraries: {', '.join(users) or 'none'}")
    return int(wall > 0.150 or size > 15e6 or bool(users))


if __name__ == "__main__":
    sys.exit(main())
