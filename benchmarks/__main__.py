"""``make bench``: every benchmark, one after the other.

python -m benchmarks [attach] [loops] [cells] [names] [history] [graphs] [reducers] [buffers] [mapping]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ALL = ("attach", "loops", "cells", "names", "history", "graphs", "reducers", "buffers", "mapping")


def main() -> int:
    """Run the named benchmarks, or all of them; the exit status is that of the worst."""
    chosen = sys.argv[1:] or list(ALL)
    unknown = [name for name in chosen if name not in ALL]
    if unknown:
        print(f"there is no benchmark '{unknown[0]}'; choose from {', '.join(ALL)}", file=sys.stderr)
        return 2
    here = Path(__file__).resolve().parent
    status = 0
    for name in chosen:
        print(f"== {name} ==", flush=True)
        status = max(status, subprocess.run([sys.executable, str(here / f"{name}.py")], check=False).returncode)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
