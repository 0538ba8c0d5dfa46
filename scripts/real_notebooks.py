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
import statistics
import subprocess
import sys
import venv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernels import Kernel, KernelDiedError
from notebook_sources import SOURCES, NotAvailableError, Source, cells_of, fetch

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "notebooks"
WANTED = 12
STATES = 6
"""How many states are checked out in each notebook, where it has as many."""
SLOW_CELL = 180.0
FIDELITIES = ("exact", "rebuilt", "replayed", "lost")


@dataclass
class Trace:
    """One run of a notebook.

    Attributes:
        states: after each cell, what state_digest saw.
        errors: number of the cell -> the exception it raised.
        commits: after each cell, the session's HEAD (under Timeslip only).
        seconds: the cells alone, without looking at the values.
    """

    states: list[dict[str, Any]] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Result:
    """What was found in one notebook.

    Attributes:
        notebook: project and path inside its source distribution.
        cells: code cells run.
        states: states checked out.
        names: names compared, summed over the states.
        unstable: names left out because two bare runs differ, summed over the states.
        fidelity: fidelity -> names that came back so, and as they must be.
        wrong: what came back wrong: state, name, how, and what Timeslip said about it.
        own_pickling: what came back different, but just as the class's own pickling gives it back in a bare kernel.
        suspects: number of the cell -> name -> (digest it came back with, text), until they are judged.
        lost: names reported as lost, with whether they pickle.
        attached: names that had another value under Timeslip before any travelling.
        raised: cells that raised in all runs alike.
        bare_seconds, recorded_seconds: the cells in a bare kernel and under Timeslip, seconds.
        checkout_seconds: one checkout, median, seconds.
        store_bytes: size of the store at the end, bytes.
        skipped: why it was not run, or empty.
    """

    notebook: str
    cells: int = 0
    states: int = 0
    names: int = 0
    unstable: int = 0
    fidelity: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    own_pickling: list[str] = field(default_factory=list)
    suspects: dict[int, dict[str, tuple[str, str]]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    attached: list[str] = field(default_factory=list)
    raised: int = 0
    bare_seconds: float = 0.0
    recorded_seconds: float = 0.0
    checkout_seconds: float = 0.0
    store_bytes: int = 0
    skipped: str = ""

    @property
    def failed(self) -> bool:
        """Whether something came out as it must not."""
        return bool(self.wrong or self.attached or any(text.endswith("(pickles)") for text in self.lost))


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


def compare(result: Result, where: str, bare: dict[str, Any], again: dict[str, Any], now: dict[str, Any]) -> set[str]:
    """Names of *bare* whose value is another one in *now*; counts what was compared."""
    stable = {name for name, digest in bare["digests"].items() if again["digests"].get(name) == digest}
    result.names += len(stable)
    result.unstable += len(bare["digests"]) - len(stable)
    differ = {name for name in stable if now["digests"].get(name) != bare["digests"][name]}
    differ |= now["digests"].keys() - bare["digests"].keys() - again["digests"].keys()
    for relation in ("aliases", "shared_memory"):
        if bare[relation] != again[relation]:
            continue
        wanted = {tuple(group) for group in bare[relation]}
        found = {tuple(group) for group in now[relation]}
        for group in sorted(wanted ^ found):
            how = "no longer" if group in wanted else "now"
            result.wrong.append(f"{where}: {', '.join(group)} are {how} {relation.replace('_', ' ')}")
    return differ


def travel(result: Result, runner: Runner, kernel: Kernel, traces: tuple[Trace, Trace, Trace], seed: int) -> None:
    """Check out states in random order and compare each."""
    bare, again, recorded = traces
    order = list(range(len(bare.states)))
    random.Random(seed).shuffle(order)  # noqa: S311 - nothing secret: the same order in every run
    durations = []
    for number in order[:STATES]:
        where = f"cell {number + 1}"
        commit = recorded.commits[number]
        said = kernel.ask(
            "(lambda r: __import__('json').dumps({'fidelity': r.fidelity, 'notes': r.notes, 'seconds': r.duration}))"
            f"(__import__('timeslip').session().checkout({commit!r}))"
        )
        durations.append(said["seconds"])
        now = runner.see(kernel)
        differ = compare(result, where, bare.states[number], again.states[number], now)
        _judge(
            result,
            number,
            bare.states[number],
            again.states[number],
            said,
            {n: now["digests"].get(n, "") for n in differ},
        )
    result.states = len(order[:STATES])
    result.checkout_seconds = statistics.median(durations)


def _judge(
    result: Result,
    number: int,
    bare: dict[str, Any],
    again: dict[str, Any],
    said: dict[str, Any],
    differ: dict[str, str],
) -> None:
    fidelity, notes, where = said["fidelity"], said["notes"], f"cell {number + 1}"
    stable = {name for name, digest in bare["digests"].items() if again["digests"].get(name) == digest}
    for name in sorted(stable | differ.keys()):
        promised = fidelity.get(name, "exact")
        if promised == "lost":
            result.fidelity["lost"] += 1
            pickles = "pickles" if bare["picklable"].get(name) else "does not pickle"
            result.lost.append(f"{where}: {name}: {bare['kinds'].get(name)}: {notes.get(name, '')} ({pickles})")
        elif name in differ:
            kind = bare["kinds"].get(name, "a name that should not be there")
            text = f"{where}: {name}: {kind}: said to be {promised} {notes.get(name, '')}".rstrip()
            result.suspects.setdefault(number, {})[name] = (differ[name], text)
        else:
            result.fidelity[promised] += 1


def try_suspects(result: Result, runner: Runner, path: Path, cells: list[str]) -> None:
    """Sort what differs into wrong, and what the class's own pickling gives back just so in a bare kernel."""
    if not result.suspects:
        return
    with runner.kernel(path) as kernel:
        kernel.run("pass")
        for number, code in enumerate(cells[: max(result.suspects) + 1]):
            kernel.run(code, timeout=SLOW_CELL)
            runner.see(kernel)
            names = sorted(result.suspects.get(number, ()))
            if not names:
                continue
            own = kernel.ask(f"__import__('state_digest').round_trips(get_ipython().user_ns, {names!r})")
            for name in names:
                digest, text = result.suspects[number][name]
                (result.own_pickling if own.get(name) == digest else result.wrong).append(text)


def examine(runner: Runner, source: Source, name: str, path: Path, *, bare_only: bool, seed: int) -> Result:
    """Everything about one notebook; never raises for what the notebook does."""
    result = Result(f"{source.project}/{name}")
    cells = cells_of(path)
    result.cells = len(cells)
    try:
        bare = runner.bare(path, cells)
        if len(bare.errors) * 3 > len(cells):
            result.skipped = f"{len(bare.errors)} of {len(cells)} cells raise: {next(iter(bare.errors.values()))[:100]}"
            return result
        again = runner.bare(path, cells)
    except (TimeoutError, KernelDiedError) as error:
        result.skipped = f"in a bare kernel: {error}"
        return result
    result.raised, result.bare_seconds = len(bare.errors), (bare.seconds + again.seconds) / 2
    if bare_only:
        for number, state in enumerate(bare.states):
            compare(result, f"cell {number + 1}", state, again.states[number], state)
        result.wrong.clear()
        return result
    try:
        _recorded(result, runner, path, cells, (bare, again), seed)
        try_suspects(result, runner, path, cells)
    except (TimeoutError, KernelDiedError, RuntimeError) as error:
        result.wrong.append(f"under Timeslip: {type(error).__name__}: {str(error)[-600:]}")
    return result


def _recorded(
    result: Result, runner: Runner, path: Path, cells: list[str], bare: tuple[Trace, Trace], seed: int
) -> None:
    with runner.kernel(path) as kernel:
        recorded = runner.play(kernel, cells, recorded=True)
        result.recorded_seconds = recorded.seconds
        for number, state in enumerate(recorded.states):
            scratch = Result("")
            differ = compare(scratch, "", bare[0].states[number], bare[1].states[number], state)
            result.attached += [f"cell {number + 1}: {name}" for name in sorted(differ)]
            result.attached += [f"cell {number + 1}{text}" for text in scratch.wrong]
            if bare[0].errors.get(number, "").split(":")[0] != recorded.errors.get(number, "").split(":")[0]:
                result.attached.append(f"cell {number + 1}: raised {recorded.errors.get(number, 'nothing')}")
        travel(result, runner, kernel, (*bare, recorded), seed)
        result.store_bytes = sum(
            file.stat().st_size for file in (runner.folder / "home" / "store").rglob("*") if file.is_file()
        )


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
