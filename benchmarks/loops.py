"""Users' code at full speed: the same cells in a recorded and in a bare kernel, in pairs, as a ratio of seconds.

    python benchmarks/loops.py [PAIRS]

Each cell times itself with `time.perf_counter`, so that only the user's code counts. Both kernels are alive at once and
take turns, cell by cell, so that a change of the machine's speed hits both.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from kernels import Kernel

CELLS = {
    "top-level loop, 10 M": "total = 0\nfor i in range(10_000_000):\n    total += i",
    "function reading globals, 3 M": (
        "def read():\n    s = 0\n    for i in range(3_000_000):\n        s += factor\n    return s\nfactor = 3\nread()"
    ),
    "comprehensions, 5 M": (
        "squares = [i * i for i in range(5_000_000)]\nevens = {i for i in range(1_000_000) if i % 2 == 0}"
    ),
    "class methods, 2 M": (
        "class Counter:\n    n = 0\n    def step(self):\n        self.n += 1\n"
        "c = Counter()\nfor i in range(2_000_000):\n    c.step()"
    ),
}


def timed(code: str) -> str:
    """*code* with its own seconds in the name ``spent``."""
    return f"import time as _clock\n_began = _clock.perf_counter()\n{code}\nspent = _clock.perf_counter() - _began"


def main() -> int:
    """Print the median ratio and its range for each cell."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with (
        tempfile.TemporaryDirectory() as home,
        Kernel(Path(home) / "recorded") as recorded,
        Kernel(Path(home) / "bare") as bare,
    ):
        recorded.run("%load_ext timeslip")
        for name, code in CELLS.items():
            ratios = []
            for _ in range(pairs + 1):
                seconds = []
                for kernel in (recorded, bare):
                    kernel.run(timed(code))
                    seconds.append(float(kernel.ask("__import__('json').dumps(spent)")))
                ratios.append(seconds[0] / seconds[1])
            ratios = ratios[1:]  # the first pair warms both up
            print(f"{name:32} {statistics.median(ratios):.3f} x   ({min(ratios):.3f} to {max(ratios):.3f})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
