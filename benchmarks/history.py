"""What a history of 10, 100, 1,000 … commits costs: what every verb takes at each length, and how that grows.

    python -m benchmarks history [COMMITS]

One session grows to so many commits (10,000 unless given; 100,000 take some five minutes), with a branch that is left
every thousand, and each thing is done at each length: the fastest of three times counts, of cells the median of a
hundred. The last column is the growth: how many times as long it takes when the history is ten times as long, from the
second length to the last (the first cells of a session are not like the others). 1.0 is flat, 10 is as the history. The
commands are whole processes, less what `timeslip --version` takes. Only these may grow: what goes through everything by
its nature, `check`, `du`, a text that is looked for and not found, and `gc` above the limit of the store.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import timeslip
from timeslip.store import maintenance

SETUP = "things = []\ndef f(x): return x + 1\nclass A: pass\na = A(); table = {}"
Taken = dict[str, float]


def attach(folder: Path) -> Any:
    """The session of the store in *folder*, in an empty namespace."""
    return timeslip.attach(namespace={"__name__": "__main__"}, store=folder, name="bench")


def grow(session: Any, start: int, commits: int) -> list[float]:
    """Run cells until the session has so many commits; seconds of each."""
    spent = []
    for number in range(start, commits):
        code = f"things.append({number}); del things[:-50]" if number % 10 == 0 else f"v{number % 40} = f({number})"
        began = time.perf_counter()
        session.run(code)
        spent.append(time.perf_counter() - began)
        if number % 1000 == 999:
            session.undo(2)  # what is run next begins a branch
    return spent


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


def command(folder: Path, *words: str) -> Callable[[], object]:
    """A command of a shell beside the session."""
    line = [sys.executable, "-m", "timeslip", *words]
    line += ["--store", str(folder)] if words[0] != "--version" else []
    return lambda: subprocess.run(line, check=True, capture_output=True)


def of_session(session: Any, commits: int) -> Taken:
    """What each verb takes, seconds."""
    half = f"HEAD~{commits // 2}"
    cells = [fastest(lambda number=number: session.run(f"x = {number}"), 1) for number in range(100)]
    return {
        "a tiny cell": statistics.median(cells),
        "… 95th of a hundred": sorted(cells)[95],
        "undo and redo": fastest(lambda: (session.undo(), session.redo())),
        "log -n 20": fastest(lambda: session.log(limit=20)),
        "log --all -n 20": fastest(lambda: session.log(all=True, limit=20)),
        "log --names, of an old name": fastest(lambda: session.log(names=["table"], limit=20)),
        "log --grep, of the first cell": fastest(lambda: session.log(grep="class a", limit=20)),
        "show HEAD": fastest(lambda: session.show("HEAD")),
        "show, half way back": fastest(lambda: session.show(half)),
        "show HEAD NAME, of an old value": fastest(lambda: session.show("HEAD", "table")),
        "blame, of an old name": fastest(lambda: session.blame("table")),
        "diff": fastest(session.diff),
        "diff first HEAD": fastest(lambda: session.diff("first", "HEAD")),
        "checkout the first and back": fastest(there_and_back(session, "first")),
        "checkout half way and back": fastest(there_and_back(session, half)),
        "status": fastest(session.status),
        "ops -n 20": fastest(lambda: session.ops(20)),
        "branch": fastest(session.branch),
        "sessions": fastest(session.sessions),
        "gc": fastest(session.gc),
        "du": fastest(session.du, 1),
        "gc --dry-run above the limit": fastest(lambda: above_the_limit(session), 1),
    }


def above_the_limit(session: Any) -> None:
    """What would be dropped if the store were too large."""
    policy = maintenance.RetentionPolicy(max_store_bytes=max(1, session.repository.size_bytes() // 2))
    maintenance.gc(session.repository, keep=policy, dry_run=True)


def of_commands(folder: Path) -> Taken:
    """What whole commands take beyond their start, seconds."""
    start = fastest(command(folder, "--version"))
    lines = {"log -n 20": ("log", "bench", "-n", "20"), "status": ("status", "bench"), "sessions": ("sessions",)}
    return {f"$ timeslip {what}": max(0.0, fastest(command(folder, *words)) - start) for what, words in lines.items()}


def of_store(folder: Path) -> tuple[Any, Taken]:
    """The session attached anew, and what that and a check takes, seconds."""
    taken: Taken = {}
    with timeslip.store.repository.Repository.open(folder) as repository:
        taken["check"] = fastest(lambda: maintenance.check(repository), 1)
    opened: list[Any] = []
    taken["attach"] = fastest(lambda: opened.append(attach(folder)), 1)
    taken["resume"] = fastest(opened[0].resume, 1)
    return opened[0], taken


def resident() -> int:
    """Memory of this process, bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) * 1024


def measure(commits: int) -> tuple[dict[int, Taken], list[str]]:
    """What each thing takes at each length, seconds; and sizes, in words."""
    lengths = [length for length in (10, 100, 1_000, 10_000, 100_000) if length < commits] + [commits]
    taken: dict[int, Taken] = {}
    sizes: list[str] = []
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "store"
        session, made = attach(folder), 1
        session.run(SETUP)
        session.tag("first")
        for length in lengths:
            cells = grow(session, made, length)
            made = max(made, length)
            before = session.repository.size_bytes()
            mean = sum(cells) / max(1, len(cells)) * 1000
            said = f"{length:>9,} commits: {before / length:,.0f} bytes a commit, log of the database "
            log = session.repository._database.log_path()
            said += f"{log.stat().st_size / 1e6 if log.exists() else 0:.1f} MB, memory {resident() / 1e6:.0f} MB"
            sizes.append(f"{said}; the cells until then {mean:.2f} ms each")
            taken[length] = {**of_session(session, length), **of_commands(folder)}
            session.close()
            session, more = of_store(folder)
            taken[length].update(more)
            print(sizes[-1], flush=True)
        session.close()
    return taken, sizes


def growth(taken: dict[int, Taken], what: str) -> float:
    """How many times as long something takes when the history is ten times as long."""
    lengths = sorted(taken)[-1:] if len(taken) < 3 else sorted(taken)[1:]
    first, last = taken[lengths[0]][what], taken[lengths[-1]][what]
    if lengths[0] == lengths[-1] or min(first, last) <= 0:
        return 1.0
    return float((last / first) ** (1 / (len(lengths) - 1)))


def main() -> int:
    """Print a column for each length, and the growth."""
    taken, _ = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
    print(f"\n{'milliseconds':34}" + "".join(f"{length:>10,}" for length in taken) + "    growth")
    for what in taken[min(taken)]:
        columns = "".join(f"{found[what] * 1000:10.2f}" for found in taken.values())
        print(f"{what:34}{columns}{growth(taken, what):8.1f} x")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
