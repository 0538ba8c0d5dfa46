"""``python -m benchmarks sessions``, ``report`` and ``compare``."""

from __future__ import annotations

import argparse
import math
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.sessions import report
from benchmarks.sessions.compare import compared, revision, told
from benchmarks.sessions.contenders import ALL, NAMES, timeslip
from benchmarks.sessions.environments import ROOT
from benchmarks.sessions.results import Result
from benchmarks.sessions.running import Plan, run
from benchmarks.sessions.workloads import NAMES as WORKLOADS

RESULTS = ROOT / "benchmarks" / "results"
PASSING = RESULTS / "tmp"
"""Not kept: results of runs that are made in passing."""


def _measured(parser: argparse.ArgumentParser, repeats: int = 5) -> None:
    parser.add_argument("--repeats", type=int, default=repeats, help=f"timed sessions of each (default {repeats})")
    parser.add_argument("--scale", type=float, default=1.0, help="fraction of the full sizes (default 1)")
    parser.add_argument("--only", action="append", choices=(*WORKLOADS, "none"), help="a workload; may be repeated")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds after which a session is given up")


def chosen_workloads(only: Sequence[str] | None) -> Sequence[str]:
    """Those that were asked for, or all."""
    return [name for name in only if name != "none"] if only else WORKLOADS


def sessions(words: Sequence[str]) -> int:
    """Run whole sessions, keep the results, and write the page when it was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks sessions", description=sessions.__doc__)
    _measured(parser)
    parser.add_argument(
        "--against", action="append", choices=NAMES, help="a contender beside bare and timeslip; repeatable"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=math.inf,
        help="seconds; of a contender of which a session takes longer, one is timed",
    )
    parser.add_argument("--growth", action="store_true", help="also how costs grow; `--only none` leaves out the rest")
    parser.add_argument("--name", default="sessions", help="of the results file")
    parser.add_argument("--write", action="store_true", help="keep the results and write docs/performance.md")
    parser.add_argument("--keep", action="store_true", help="keep the results, to be written with those of other runs")
    given = parser.parse_args(words)
    chosen = {"bare", "timeslip", *(given.against or NAMES)}
    plan = Plan(
        [contender for contender in ALL if contender.name in chosen],
        chosen_workloads(given.only),
        given.scale,
        given.repeats,
        given.growth,
        given.limit,
        shlex.join(["python", "-m", "benchmarks", "sessions", *words]),
        given.patience,
    )
    path = (RESULTS if given.write or given.keep else PASSING) / f"{given.name}.json"
    result = run(plan, path)
    print(f"results: {path.relative_to(ROOT)}")
    if given.write:
        report.write(result, path.relative_to(ROOT).as_posix())
        print(f"written: {report.PAGE.relative_to(ROOT)}")
    else:
        print(report.page(result, path.relative_to(ROOT).as_posix()))
    return int(
        any(one.get(name) and one[name].failures for one in result.sessions.values() for name in ("bare", "timeslip"))
    )


def write_report(words: Sequence[str]) -> int:
    """Write docs/performance.md anew from results files; of a workload that is in several, the last counts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks report", description=write_report.__doc__)
    parser.add_argument("results", nargs="+", help="a results file, or its name in benchmarks/results")
    given = parser.parse_args(words)
    paths: list[Path] = []
    for name in given.results:
        path = results_file(name)
        if path is None:
            print(f"there is no results file '{name}'", file=sys.stderr)
            return 2
        paths.append(path)
    try:
        result = Result.joined([Result.load(path) for path in paths])
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    report.write(
        result,
        ", ".join(path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name for path in paths),
    )
    return 0


def results_file(name: str) -> Path | None:
    """The results file of that path or name; None when there is none."""
    places = (Path(name), RESULTS / f"{name}.json", PASSING / f"{name}.json")
    return next((path.resolve() for path in places if path.is_file()), None)


def compare(words: Sequence[str]) -> int:
    """Compare two results files, or two revisions, which are then run in turn; 1 when something got worse."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks compare", description=compare.__doc__)
    parser.add_argument("before", help="results file, its name, or a revision")
    parser.add_argument("after", help="the same")
    _measured(parser)
    parser.add_argument("--contender", default="timeslip", choices=NAMES, help="whose results (files only)")
    given = parser.parse_args(words)
    files = results_file(given.before), results_file(given.after)
    try:
        if files[0] and files[1]:
            before, after = Result.load(files[0]), Result.load(files[1])
            if before.about["scale"] != after.about["scale"]:
                raise ValueError("the results are of different scales")
            found = compared(before, given.contender, after, given.contender)
        elif any(files):
            raise ValueError("a results file can only be compared with another one")
        else:
            found = _revisions(given, words)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(*told(*found), sep="\n")
    changes, faults = found
    return int(bool(faults) or any(change.worse for change in changes))


def _revisions(given: argparse.Namespace, words: Sequence[str]) -> tuple[list, list]:  # type: ignore[type-arg]
    (old, old_source), (new, new_source) = revision(given.before), revision(given.after)
    # The same revision twice shows the noise.
    contenders = [
        next(contender for contender in ALL if contender.name == "bare"),
        timeslip(f"before-{old}", f"Timeslip {old}", source=old_source),
        timeslip(f"after-{new}", f"Timeslip {new}", source=new_source),
    ]
    command = shlex.join(["python", "-m", "benchmarks", "compare", *words])
    plan = Plan(contenders, chosen_workloads(given.only), given.scale, given.repeats, False, given.limit, command)
    result = run(plan, PASSING / f"{old}-{new}.json")
    return compared(result, contenders[1].name, result, contenders[2].name)
