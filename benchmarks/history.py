"""What looking at a long history and travelling in it takes, and how much of it depends on its length, in milliseconds.

    python benchmarks/history.py [COMMITS]

A session of so many commits (10,000 unless given) beside one of a hundredth of them, both made here. Each thing is done
three times, and the fastest counts. Nothing but `gc` and `blame` may take longer for the longer history.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import timeslip

SETUP = "things = []\ndef f(x): return x + 1\nclass A: pass\na = A(); table = {}"


@contextmanager
def a_history(folder: Path, commits: int) -> Iterator[Any]:
    """A session with so many commits."""
    with timeslip.attach(namespace={"__name__": "__main__"}, store=folder / "store", name="bench") as session:
        session.run(SETUP)
        for number in range(commits - 1):
            session.run(
                f"things.append({number}); del things[:-50]" if number % 10 == 0 else f"v{number % 40} = f({number})"
            )
        yield session


def fastest(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of the fastest of some runs."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found)


def there_and_back(session: Any, there: str) -> Callable[[], object]:
    """To *there* and back again."""

    def work() -> None:
        back = session.head
        session.checkout(there)
        session.checkout(back)

    return work


def measure(commits: int) -> dict[str, float]:
    """What each thing takes, seconds."""
    taken: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        with a_history(folder, commits) as session:
            first = session.log()[-1].id
            taken["a tiny cell"] = fastest(lambda: session.run("x = 1"), 40)
            taken["log -n 20"] = fastest(lambda: session.log(limit=20))
            taken["log --all -n 20"] = fastest(lambda: session.log(all=True, limit=20))
            taken["status"] = fastest(session.status)
            taken["ops -n 20"] = fastest(lambda: session.ops(limit=20))
            taken["show HEAD"] = fastest(lambda: session.show("HEAD"))
            taken["diff"] = fastest(session.diff)
            taken["undo and redo"] = fastest(lambda: (session.undo(), session.redo()))
            taken["checkout HEAD~50 and back"] = fastest(there_and_back(session, "HEAD~50"))
            taken["checkout the first and back"] = fastest(there_and_back(session, first))
            taken["blame, of the whole history"] = fastest(lambda: session.blame("table"), 1)
            taken["gc"] = fastest(session.gc)
            limit = max(1, session.repository.size_bytes() // 2)
            session.config("max_store_bytes", limit)
            taken["gc above the limit"] = fastest(session.gc, 1)
            session.config("max_store_bytes", 0)
        began = time.perf_counter()
        with timeslip.attach(namespace={"__name__": "__main__"}, store=folder / "store", name="bench") as session:
            taken["attach"] = time.perf_counter() - began
            taken["resume"] = fastest(session.resume, 1)
    return taken


def main() -> int:
    """Print both columns and their ratio."""
    commits = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    few = max(60, commits // 100)
    short, long = measure(few), measure(commits)
    print(f"{'':30}{few:>10,}{commits:>10,} commits")
    for what, seconds in long.items():
        print(f"{what:30}{short[what] * 1000:10.2f}{seconds * 1000:10.2f} ms  {seconds / short[what]:6.1f} x")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
