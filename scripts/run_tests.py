"""Run the tests by section, each in a process of its own, and print what each took.

A section is a marker that tests/conftest.py gives by path. A process each, because a section that dies (the crash
tests do kill things) must not hide the others.

    python scripts/run_tests.py                      all sections
    python scripts/run_tests.py --section engine     one
    python scripts/run_tests.py -k undo              anything else goes to pytest
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECTIONS = ("engine", "fidelity", "doors", "safety")
NOTHING_COLLECTED = 5
"""Exit status of pytest when no test matched: fine for a section, as long as some section had tests."""


def run_section(section: str, extra: list[str]) -> tuple[int, float]:
    """Run one section; the exit status of pytest and the seconds it took."""
    print(f"\n== {section} ==", flush=True)
    started = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", "-m", section, *extra]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    return status, time.perf_counter() - started


def main() -> int:
    """Run what was asked for; 0 when every section passed and at least one had tests."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--section", action="append", choices=SECTIONS, help="only this one (may be repeated)")
    arguments, extra = parser.parse_known_args()
    results = {section: run_section(section, extra) for section in arguments.section or SECTIONS}

    print("\nsection    result   seconds")
    for section, (status, seconds) in results.items():
        word = {0: "passed", NOTHING_COLLECTED: "no tests"}.get(status, "FAILED")
        print(f"{section:<10} {word:<8} {seconds:7.1f}")
    print(f"{'total':<19} {sum(seconds for _, seconds in results.values()):7.1f}")

    statuses = {status for status, _ in results.values()}
    return 0 if 0 in statuses and statuses <= {0, NOTHING_COLLECTED} else 1


if __name__ == "__main__":
    sys.exit(main())
