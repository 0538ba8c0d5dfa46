"""``make compat`` for classes: run cases in real kernels, print what came out, and write the table.

python -m compat                                 all families of the core environment
python -m compat --env full --only keras         some of another one; --only may be repeated, also part of a label
python -m compat --env all --write               everything, and docs/compatibility.md anew

The exit status is 1 when something came back wrong, was not reported, or when a case says nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from compat import table
from compat.case import Case, Family
from compat.cases import absent, families
from compat.environments import CACHE, NAMES, ROOT, NotAvailableError, environment, versions
from compat.runner import Runner
from compat.verdicts import judge

RESULTS = CACHE / "classes"


def chosen(envs: Sequence[str], only: Sequence[str]) -> Iterator[tuple[Family, list[Case]]]:
    """Families with those of their cases that were asked for."""
    for family in families():
        if family.env not in envs:
            continue
        cases = [
            case for case in family.cases if not only or family.name in only or any(part in case.label for part in only)
        ]
        if cases:
            yield family, cases


def run(family: Family, cases: Sequence[Case], python: Path, folder: Path) -> list[table.Row]:
    """Run *cases* with *python*; one row each."""
    installed = versions(python)
    rows = []
    for case, bare, recorded in Runner(python, folder).family(family, cases):
        dist = case.dist or family.dist
        version = f"{dist} {installed.get(dist.lower(), '?')}" if dist else f"Python {installed['']}"
        rows.append(table.row(case.label, case.numbers, version, judge(bare, recorded), recorded, case.remark))
    return rows


def main() -> int:
    """Run, report, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--env", choices=[*NAMES, "all"], default="core", help="environment (default: core)")
    parser.add_argument("--only", action="append", default=[], help="a family, or part of a class's name")
    parser.add_argument("--python", type=Path, help="use this interpreter instead of making an environment")
    parser.add_argument("--write", action="store_true", help="write docs/compatibility.md from all results so far")
    parser.add_argument("--list", action="store_true", help="only name the classes")
    arguments = parser.parse_args()
    pairs = list(chosen(NAMES if arguments.env == "all" else [arguments.env], arguments.only))
    if arguments.list:
        for family, cases in pairs:
            print(*(f"{family.env:<8}{family.name:<14}{case.label}" for case in cases), sep="\n")
        return 0
    folder = RESULTS / f"run-{os.getpid()}"  # two runs at once must not share it
    rows: list[table.Row] = []
    for family, cases in pairs:
        started = time.perf_counter()
        try:
            python = arguments.python or environment(family.env)
        except NotAvailableError as error:
            print(f"{family.name}: {error}")
            continue
        found = run(family, cases, python.absolute(), folder)
        table.save(found, RESULTS)
        rows += found
        for one in found:
            print(f"{one['word']:<12}{one['live']:<10}{one['restarted']:<10}{one['label']}")
        print(f"{family.name}: {len(found)} classes in {time.perf_counter() - started:.0f} s", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    for line in table.problems(rows):
        print(line)
    counts = Counter(one["word"] for one in rows)
    print(", ".join(f"{counts[word]} {word}" for word in table.WORDS if counts[word]))
    if arguments.write:
        labels = {case.label for family in families() for case in family.cases}
        path = ROOT / "docs" / "compatibility.md"
        path.write_text(table.text(table.load(RESULTS, labels), absent()), encoding="utf-8")
        print(path)
    return 1 if any(one["word"] in table.WORDS[5:] for one in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
