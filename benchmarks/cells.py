"""What recording adds to a tiny cell at commit 10, 1,000 … 100,000, in milliseconds, and what it adds to the store.

    python benchmarks/cells.py [COMMITS]

The cells run in one process through an IPython shell with the extension loaded, so that nothing but recording is
measured: the time of the whole cell less the median of the same cell in a shell without it. Work that is only moved
would show, because the cells follow one another at once. What the cells change stays small: else its growth would be
taken for that of the history.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile

PROGRAM = """
import json, os, sys, time
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
config = Config(); config.HistoryManager.enabled = False
shell = InteractiveShell.instance(config=config)
run = lambda code: shell.run_cell(code, store_history=True)
if sys.argv[1] == "recorded":
    run("%load_ext timeslip")
run("things = []\\ndef f(x): return x + 1\\nclass A: pass\\na = A(); table = {}")
spent = []
for number in range(int(sys.argv[2])):
    code = f"things.append({number}); del things[:-50]" if number % 10 == 0 else f"v{number % 40} = f({number})"
    began = time.perf_counter()
    run(code)
    spent.append(time.perf_counter() - began)
home = os.environ["TIMESLIP_HOME"]
if sys.argv[1] == "recorded":
    run("import timeslip; timeslip.session().close()")
size = sum(os.path.getsize(os.path.join(p, f)) for p, _, fs in os.walk(home) for f in fs) if os.path.isdir(home) else 0
print("\\n" + json.dumps({"spent": spent, "size": size}))
"""


def measure(kind: str, commits: int) -> dict:
    """Seconds of every cell, and the size of the store, bytes."""
    with tempfile.TemporaryDirectory() as home:
        places = {"TIMESLIP_HOME": f"{home}/store", "TIMESLIP_KEY_FILE": f"{home}/key", "HOME": home}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, kind, str(commits)],
            env={**os.environ, **places},
            capture_output=True,
            text=True,
            check=True,
        )
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> int:
    """Print median and 95th percentile around each commit."""
    commits = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    recorded, bare = measure("recorded", commits), measure("bare", min(commits, 1000))
    base = statistics.median(bare["spent"])
    print(f"bare cell: median {base * 1000:.2f} ms")
    for at in (10, 100, 1_000, 10_000, 100_000):
        if at > commits:
            break
        window = sorted(recorded["spent"][max(0, at - 200) : at])
        median, late = statistics.median(window), window[int(len(window) * 0.95)]
        print(f"commit {at:6}: added median {(median - base) * 1000:.2f} ms, p95 {(late - base) * 1000:.2f} ms")
    print(f"store: {recorded['size'] / commits:.0f} bytes a commit after closing")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
