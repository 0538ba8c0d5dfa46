"""``make bench``: every benchmark, one after the other.

python -m benchmarks [attach] [loops] [cells] [names] [history] [graphs] [reducers] [buffers] [mapping]
python -m benchmarks history 100000
python -m benchmarks sessions [--scale 0.02] [--only WORKLOAD] [--against CONTENDER] [--repeats N] [--write]
python -m benchmarks report NAME...
python -m benchmarks compare BEFORE AFTER

A number after a name is how many commits, names, pairs … it takes; without one, as many as take a minute or so. Whole
sessions beside other ways to go back are the third line (`--help` says more); in a run of everything they are small
ones, and nothing of them is kept. The fourth writes docs/performance.md from kept results, the last compares two
results files or two revisions.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

ALL = ("attach", "loops", "cells", "names", "history", "graphs", "reducers", "buffers", "mapping")
SMALL = ("--scale", "0.01", "--repeats", "2", "--name", "small")
"""Sessions in a run of everything: sizes with which it is tried out, not measured."""


def main() -> int:
    """Run the named benchmarks, or all of them; the exit status is that of the worst."""
    words = sys.argv[1:]
    if words and words[0] in ("sessions", "report", "compare"):
        from benchmarks.sessions import command

        verbs = {"sessions": command.sessions, "report": command.write_report, "compare": command.compare}
        return verbs[words[0]](words[1:])
    sizes = {name: size for name, size in pairwise(words) if size.isdigit()}
    words = [word for word in words if not word.isdigit()]
    unknown = [name for name in words if name not in ALL]
    if unknown:
        known = ", ".join([*ALL, "sessions", "report", "compare"])
        print(f"there is no benchmark '{unknown[0]}'; choose from {known}", file=sys.stderr)
        return 2
    here = Path(__file__).resolve().parent
    status = 0
    for name in words or ALL:
        print(f"== {name} ==", flush=True)
        line = [sys.executable, str(here / f"{name}.py"), *([sizes[name]] if name in sizes else [])]
        status = max(status, subprocess.run(line, check=False).returncode)
    if not words:
        from benchmarks.sessions import command

        print("== sessions ==", flush=True)
        status = max(status, command.sessions(SMALL))
    return status


if __name__ == "__main__":
    raise SystemExit(main())
