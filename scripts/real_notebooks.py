"""Run notebooks that other people wrote under Timeslip, travel in them, and compare every name with a bare kernel.

Each notebook is run cell by cell in a bare kernel, twice, and once under Timeslip. After every cell each name gets a
digest of its value (scripts/state_digest.py, which shares no code with Timeslip). Names whose digests differ between
the two bare runs (times, addresses, unseeded random numbers) are left out and counted. Then states are checked out in
random order, with a fixed seed, and every remaining name is compared with the bare kernel's at that cell.

    python scripts/real_notebooks.py                       all sources
    python scripts/real_notebooks.py --only networkx       one; may be repeated; also part of a notebook's path
    python scripts/real_notebooks.py --bare                only find out which notebooks run here, without Timeslip

The exit status is 1 when a name came back wrong, when one that pickles was lost, when attaching changed a value, or
when fewer than a dozen notebooks could be run (unless --only was given).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import venv
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kernels import Kernel, KernelDiedError
from notebook_sources import SOURCES, NotAvailableError, Source, cells_of, fetch
from notebook_verdicts import FIDELITIES, Journey, Result, Suspicion, Trace, Visit, acquit, judge

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "notebooks"
WANTED = 12
STATES = 6
"""How many states are checked out in each notebook, where it has as many."""
SLOW_CELL = 180.0


class Runner:
    """Runs notebooks in kernels of one environment.

    Args:
        python: interpreter of that environment.
        folder: where kernels keep their things; the same path for each run, because paths get into values.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        self.python = python
        self.folder = folder

    def kernel(self, notebook: Path) -> Kernel:
        """A kernel in a fresh copy of the notebook's folder, with an empty store."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(notebook.parent, self.folder / "work", ignore=shutil.ignore_patterns("_build", "*.nc"))
        return Kernel(
            self.folder / "home",
            notebook=str(self.folder / "work" / notebook.name),
            python=self.python,
            cwd=self.folder / "work",
        )

    def see(self, kernel: Kernel) -> dict[str, Any]:
        """The state of *kernel* as scripts/state_digest.py sees it."""
        path = self.folder / "seen.json"
        kernel.ask(f"__import__('state_digest').write(get_ipython().user_ns, {str(path)!r})")
        return dict(json.loads(path.read_text(encoding="utf-8")))

    def play(self, kernel: Kernel, cells: list[str], *, recorded: bool) -> Trace:
        """Run all cells; the first one only loads the extension, or does nothing."""
        trace = Trace()
        first = kernel.run("%load_ext timeslip" if recorded else "pass")
        if not first.ok:
            raise RuntimeError(f"%load_ext timeslip: {first.error}\n{first.text}")
        for number, code in enumerate(cells):
            reply = kernel.run(code, timeout=SLOW_CELL)
            trace.seconds += reply.seconds
            if not reply.ok:
                trace.errors[number] = reply.error
            trace.states.append(self.see(kernel))
            if recorded:
                trace.commits.append(kernel.ask("__import__('json').dumps(__import__('timeslip').session().head)"))
        return trace

    def bare(self, notebook: Path, cells: list[str]) -> Trace:
        """One run in a bare kernel."""
        with self.kernel(notebook) as kernel:
            return self.play(kernel, cells, recorded=False)


def journey(runner: Runner, path: Path, cells: list[str], seed: int) -> Journey:
    """One run under Timeslip, and checkouts of its states in random order."""
    with runner.kernel(path) as kernel:
        made = Journey(runner.play(kernel, cells, recorded=True))
        order = list(range(len(cells)))
        random.Random(seed).shuffle(order)  # noqa: S311 - nothing secret: the same order in every run
        try:
            for number in order[:STATES]:
                made.visits.append(visit(runner, kernel, number, made.recorded.commits[number]))
        except RuntimeError as error:  # the checkout raised; what was seen before it still counts
            made.failure = f"{type(error).__name__}: {str(error)[-600:]}"
        store = runner.folder / "home" / "store"
        made.store_bytes = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
    return made


def visit(runner: Runner, kernel: Kernel, number: int, commit: str) -> Visit:
    """Check out the state after cell *number*, and look at it."""
    said = kernel.ask(
        "(lambda r: __import__('json').dumps({'fidelity': r.fidelity, 'notes': r.notes, 'seconds': r.duration}))"
        f"(__import__('timeslip').session().checkout({commit!r}))"
    )
    return Visit(number, said["fidelity"], said["notes"], said["seconds"], runner.see(kernel))


def own_pickling(runner: Runner, path: Path, cells: list[str], suspects: Mapping[int, Mapping[str, Any]]) -> Suspicion:
    """Cell -> name -> digest of what the class's own pickling gives back there, in a bare kernel."""
    found: Suspicion = {}
    with runner.kernel(path) as kernel:
        kernel.run("pass")
        for number, code in enumerate(cells[: max(suspects) + 1]):
            kernel.run(code, timeout=SLOW_CELL)
            runner.see(kernel)
            if names := sorted(suspects.get(number, ())):
                asked = f"__import__('state_digest').round_trips(get_ipython().user_ns, {names!r})"
                found[number] = kernel.ask(asked)
    return found


def examine(runner: Runner, source: Source, name: str, path: Path, *, bare_only: bool, seed: int) -> Result:
    """Everything about one notebook; never raises for what the notebook does."""
    cells = cells_of(path)
    result = Result(f"{source.project}/{name}", cells=len(cells))
    try:
        bares = [runner.bare(path, cells)]
        if len(bares[0].errors) * 3 > len(cells):
            first = next(iter(bares[0].errors.values()))
            result.skipped = f"{len(bares[0].errors)} of {len(cells)} cells raise: {first[:100]}"
            return result
        bares.append(runner.bare(path, cells))
        if bare_only:
            made = Journey(bares[0])
        else:
            made = journey(runner, path, cells, seed)
        judge(result, bares, made)
        if result.suspects or result.attached:
            # Two bare runs may agree by chance where something is random: four hardly do.
            bares += [runner.bare(path, cells), runner.bare(path, cells)]
            judge(result, bares, made)
        if result.suspects:
            acquit(result, own_pickling(runner, path, cells, result.suspects))
    except (TimeoutError, KernelDiedError) as error:
        result.skipped = f"{type(error).__name__}: {error}"
    except RuntimeError as error:
        result.wrong.append(f"under Timeslip: {type(error).__name__}: {str(error)[-600:]}")
    return result


def environment(folder: Path, sources: tuple[Source, ...]) -> Path:
    """The interpreter of the environment in *folder*, which is made or completed."""
    python = folder / "bin" / "python"
    wanted = sorted({name for source in sources for name in (source.project, *source.needs)})
    stamp = folder / "installed.json"
    if stamp.is_file() and set(wanted) <= set(json.loads(stamp.read_text(encoding="utf-8"))):
        return python
    if not python.exists():
        venv.EnvBuilder(with_pip=True).create(folder)
    pip = [str(python), "-m", "pip", "install", "--quiet"]
    try:
        subprocess.run([*pip, "--editable", f"{ROOT}[notebook]", *wanted], check=True)
    except subprocess.CalledProcessError as error:
        raise NotAvailableError(f"pip could not install {', '.join(wanted)}") from error
    stamp.write_text(json.dumps(wanted), encoding="utf-8")
    return python


def chosen(only: list[str]) -> Iterator[tuple[Source, str]]:
    """Source and notebook, for all that *only* asks for."""
    for source in SOURCES:
        for name in source.notebooks:
            if not only or any(part in f"{source.project}/{name}" for part in only):
                yield source, name


def run(
    python: Path | None, only: list[str], *, bare_only: bool = False, seed: int = 1, folder: Path | None = None
) -> list[Result]:
    """Examine what was asked for, with *python* or with an environment made for it."""
    pairs = list(chosen(only))
    python = python or environment(ROOT / ".cache" / "compat-venv", tuple({s.project: s for s, _ in pairs}.values()))
    own = folder or CACHE / f"run-{os.getpid()}"  # two runs at once must not share it
    runner = Runner(python.absolute(), own)
    results = []
    for source, name in pairs:
        try:
            path = fetch(source, CACHE) / name
            if not path.is_file():
                raise NotAvailableError("not in this release of the source distribution")
            results.append(examine(runner, source, name, path, bare_only=bare_only, seed=seed))
        except NotAvailableError as error:
            results.append(Result(f"{source.project}/{name}", skipped=str(error)))
        print(line(results[-1]), flush=True)
    shutil.rmtree(own, ignore_errors=True)
    return results


def line(result: Result) -> str:
    """One row of the table."""
    if result.skipped:
        return f"{result.notebook[-58:]:<59}skipped: {result.skipped}"
    counts = "".join(f"{result.fidelity[word]:>9}" for word in FIDELITIES)
    times = f"{result.bare_seconds:>8.1f}{result.recorded_seconds:>8.1f}{result.checkout_seconds * 1000:>8.0f}"
    judged = f"{len(result.own_pickling):>7}{len(result.wrong):>7}{len(result.attached):>9}"
    return (
        f"{result.notebook[-58:]:<59}{result.cells:>6}{result.states:>7}{result.names:>7}{result.unstable:>9}{counts}"
        f"{judged}{times}{result.store_bytes / 1e6:>9.1f}"
    )


HEAD = (
    f"{'notebook':<59}{'cells':>6}{'states':>7}{'names':>7}{'unstable':>9}{'exact':>9}{'rebuilt':>9}{'replayed':>9}"
    f"{'lost':>9}{'own':>7}{'WRONG':>7}{'attached':>9}{'bare s':>8}{'with s':>8}{'back ms':>8}{'store MB':>9}"
)


def report(results: list[Result], path: Path) -> None:
    """Write the JSON report and print what went wrong."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([vars(result) for result in results], indent=1), encoding="utf-8")
    for result in results:
        for kind in ("wrong", "attached", "lost", "own_pickling"):
            for text in getattr(result, kind)[:12]:
                print(f"{kind}: {result.notebook}: {text}")
    ran = [result for result in results if not result.skipped]
    total: Counter[str] = sum((result.fidelity for result in ran), Counter())
    words = ", ".join(f"{total[word]} {word}" for word in FIDELITIES)
    cells, states = sum(result.cells for result in ran), sum(result.states for result in ran)
    print(f"\n{len(ran)} notebooks, {cells} cells, {states} checkouts; names: {words},")
    wrong, own = sum(len(result.wrong) for result in ran), sum(len(result.own_pickling) for result in ran)
    unstable = sum(result.unstable for result in ran)
    print(f"{own} as their own pickling gives them back, {wrong} wrong, {unstable} left out (unstable). {path}")


def main() -> int:
    """Examine, report, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", default=[], help="part of a project's or notebook's name")
    parser.add_argument("--bare", action="store_true", help="do not run Timeslip")
    parser.add_argument("--python", type=Path, help="use this interpreter instead of making an environment")
    parser.add_argument("--seed", type=int, default=1, help="order of the checkouts (default 1)")
    parser.add_argument("--json", type=Path, default=CACHE / "report.json", help="where the report goes")
    arguments = parser.parse_args()
    print(HEAD)
    results = run(arguments.python, arguments.only, bare_only=arguments.bare, seed=arguments.seed)
    report(results, arguments.json)
    ran = [result for result in results if not result.skipped]
    if not arguments.only and len(ran) < WANTED:
        print(f"only {len(ran)} notebooks could be run, {WANTED} are wanted")
        return 1
    return 1 if any(result.failed for result in ran) else 0


if __name__ == "__main__":
    sys.exit(main())
