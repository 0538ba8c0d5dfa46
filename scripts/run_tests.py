"""Run the tests by section, each in a process of its own, and print what each took.

A section is a marker that tests/conftest.py gives by path. A process each, because a section that dies (the crash
tests do kill things) must not hide the others.

    python scripts/run_tests.py                      all sections, two at a time where there are two cores
    python scripts/run_tests.py --section engine     one
    python scripts/run_tests.py -k undo              anything else goes to pytest
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.sections import files_of  # noqa: E402 - found by the line before

SECTIONS = ("engine", "fidelity", "doors", "safety", "browser")
NOTHING_COLLECTED = 5
"""Exit status of pytest when no test matched: fine for a section, as long as some section had tests."""


MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
"""Where Linux keeps files in memory."""

_ROOM = 2 << 30
"""What the temporary files of all sections may take, bytes; measured: a third of it."""

_EVERY = 60.0
"""While nothing else is printed, what is still running is named that often, seconds."""


def has_room(place: Path) -> bool:
    """Whether temporary files may go to *place*, which is in memory: there is enough, and what is there can be run."""
    try:
        found = os.statvfs(place)
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    free = next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), 0)
    runs = not found.f_flag & getattr(os, "ST_NOEXEC", 0)
    return runs and os.access(place, os.W_OK) and found.f_bavail * found.f_frsize >= _ROOM and free >= 2 * _ROOM


@contextmanager
def scratch(place: Path) -> Iterator[dict[str, str]]:
    """Variables by which tests put their files into *place*, if it has room; nobody waits for a disk then.

    Thousands of tests make a store each. What a test has left that passed is removed with it; what others have left
    stays where it is.
    """
    if "TMPDIR" in os.environ or not has_room(place):
        yield {}
        return
    folder = Path(tempfile.mkdtemp(prefix="ts-", dir=place))
    try:
        options = f"{os.environ.get('PYTEST_ADDOPTS', '')} -o tmp_path_retention_policy=failed"
        yield {"TMPDIR": str(folder), "PYTEST_ADDOPTS": options}
    finally:
        kept = [path for path in folder.glob("pytest-of-*/pytest-*/*") if not path.is_symlink()]
        if kept:
            print(f"\nfiles of tests that failed, in memory until they are removed: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def run_section(section: str, extra: list[str], variables: dict[str, str], *, apart: bool) -> tuple[int, float]:
    """Run one section; the exit status of pytest and the seconds it took.

    Args:
        section: a marker.
        extra: further arguments of pytest.
        variables: of its environment, beside those of this process.
        apart: print what it says when it has ended, because others run at the same time.
    """
    started = time.perf_counter()
    given = any(Path(argument.partition("::")[0]).exists() for argument in extra)
    files = [] if given else map(str, files_of(section))
    command = [sys.executable, "-m", "pytest", "-q", "-m", section, *files, *extra]
    environ = {**os.environ, **variables}
    if not apart:
        print(f"\n== {section} ==", flush=True)
        return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode, time.perf_counter() - started
    done = subprocess.run(command, cwd=ROOT, env=environ, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    text = done.stdout.decode(errors="replace")
    with _printing:
        print(f"\n== {section} ==\n{text}", flush=True)
    return done.returncode, time.perf_counter() - started


_printing = threading.Lock()


def run(sections: Sequence[str], extra: list[str], jobs: int) -> dict[str, tuple[int, float]]:
    """Run *sections*, *jobs* at a time; the longest is begun first."""
    apart = jobs > 1 and len(sections) > 1
    with scratch(MEMORY) as variables, ThreadPoolExecutor(jobs) as pool:
        running = {section: pool.submit(run_section, section, extra, variables, apart=apart) for section in sections}
        while apart and wait(running.values(), timeout=_EVERY).not_done:
            with _printing:
                print("running:", *(section for section, one in running.items() if not one.done()), flush=True)
        return {section: one.result() for section, one in running.items()}


def main() -> int:
    """Run what was asked for; 0 when every section passed and at least one had tests."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--section", action="append", choices=SECTIONS, help="only this one (may be repeated)")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--jobs", type=int, default=min(2, cores), help="sections at a time (default: 2, or 1 core: 1)")
    arguments, extra = parser.parse_known_args()
    started = time.perf_counter()
    results = run(arguments.section or SECTIONS, extra, arguments.jobs)

    print("\nsection    result   seconds")
    for section, (status, seconds) in results.items():
        word = {0: "passed", NOTHING_COLLECTED: "no tests"}.get(status, "FAILED")
        print(f"{section:<10} {word:<8} {seconds:7.1f}")
    print(f"{'wall time':<19} {time.perf_counter() - started:7.1f}")

    statuses = {status for status, _ in results.values()}
    return 0 if 0 in statuses and statuses <= {0, NOTHING_COLLECTED} else 1


if __name__ == "__main__":
    sys.exit(main())
