"""A whole run: every contender in every workload, interleaved."""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.sessions import environments, growth
from benchmarks.sessions.contenders import INSIDE, Contender, checked_criu
from benchmarks.sessions.driving import Weighed, requests, timed, weighed
from benchmarks.sessions.environments import CACHE, NotAvailableError
from benchmarks.sessions.results import Result, Sessions
from benchmarks.sessions.steps import Workload
from benchmarks.sessions.workloads import NAMES, workload
from notebook_sources import NotAvailableError as NotebookError

WORK = CACHE / "work" / str(os.getpid())
"""On the same disk as the environments; another run at the same time has its own."""

SHOWN = (*environments.COMMON, "ipython", "kishu", "cloudpickle", "dill", "blake3", "zstandard", "xxhash")
"""Whose versions belong to the results."""


@dataclass(frozen=True)
class Plan:
    """What to run.

    Attributes:
        contenders: who takes part; the bare kernel is the first.
        workloads: their names.
        scale: of the data, 1 for the sizes that the bounds are about.
        repeats: timed sessions of each contender in each workload.
        growth: also how costs grow.
        limit: seconds after which a session is given up.
        patience: of a contender of which a session takes more seconds than this, one is timed.
        command: how the run was called, for the results.
    """

    contenders: Sequence[Contender]
    workloads: Sequence[str] = NAMES
    scale: float = 1.0
    repeats: int = 5
    growth: bool = False
    limit: float = 3600.0
    command: str = ""
    patience: float = math.inf


@dataclass
class Field:
    """What is ready to run: those that can be had here.

    Attributes:
        plan: as asked for.
        result: what is known up to now.
        workloads: that can be run.
        pythons: interpreter of each contender.
        grown: workloads that show how costs grow.
    """

    plan: Plan
    result: Result = field(default_factory=Result)
    workloads: list[Workload] = field(default_factory=list)
    pythons: dict[str, Path] = field(default_factory=dict)
    grown: list[Workload] = field(default_factory=list)

    def prepare(self) -> None:
        """Fetch and install everything, before anything is timed."""
        for name in self.plan.workloads:
            try:
                made = workload(name, self.plan.scale, CACHE / "sources")
            except NotebookError as error:
                self.result.says[name] = f"left out: {error}"
                continue
            self.result.says[name] = made.says
            self.workloads.append(made)
        if self.plan.growth:
            self.grown = list(growth.workloads(self.plan.scale))
        needs = sorted({need for made in self.workloads for need in made.needs})
        for contender in self.plan.contenders:
            distributions = [*contender.distributions, *needs]
            try:
                _progress(f"environment of {contender.title}")
                python = environments.environment(
                    contender.environment, distributions, project=contender.source is not None
                )
            except NotAvailableError as error:
                self.result.absent[contender.title] = str(error)
                continue
            self.pythons[contender.name] = python
            self.result.titles[contender.name] = contender.title
        try:
            checked_criu()
            self.result.absent["CRIU"] = "it runs here, and is not driven yet"
        except NotAvailableError as error:
            self.result.absent["CRIU"] = str(error)
        self.result.about = about(self.plan)
        self.result.about["versions"] = {
            name: environments.versions(python, [*SHOWN, *needs]) for name, python in self.pythons.items()
        }

    def contenders(self, made: Workload) -> list[Contender]:
        """Those that can take part in a workload."""
        names = [name for name in self.pythons if made not in self.grown or name in growth.CONTENDERS]
        return [contender for contender in self.plan.contenders if contender.name in names]


def about(plan: Plan) -> dict[str, object]:
    """Date, size and machine."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": plan.command,
        "revision": _git("rev-parse", "--short=12", "HEAD") + ("" if not _git("status", "--porcelain", "src") else "+"),
        "scale": plan.scale,
        "repeats": plan.repeats,
        "machine": machine(),
        "load": [round(os.getloadavg()[0], 2)] if hasattr(os, "getloadavg") else [],
    }


def machine() -> dict[str, object]:
    """What it is, in words that name no particular one."""
    model = ""
    memory = 0
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        pass
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return {"processor": model, "cores": os.cpu_count(), "memory": memory, "system": system}


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=environments.ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def sizes(scale: float) -> dict[str, int]:
    """Bytes, and number of items, that the references are about: those of the workloads."""
    rows = max(2_000, int(6_000_000 * scale))
    return {
        "frame": rows * 20 * 8,
        "column": rows * 8,
        "array": max(200_000, int(125_000_000 * scale)) * 8,
        "items": max(1_000, int(1_000_000 * scale)),
    }


def _references(python: Path, scale: float) -> dict[str, float]:
    WORK.mkdir(parents=True, exist_ok=True)
    given = [str(size) for size in sizes(scale).values()]
    command = [str(python), str(INSIDE / "references.py"), str(WORK), *given]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def run(plan: Plan, keep: Path) -> Result:
    """All of it. What is there already is kept in *keep* after each workload: a run that is broken off is not lost."""
    ready = Field(plan)
    ready.prepare()
    result = ready.result
    result.sizes = sizes(plan.scale)
    try:
        _measure(ready, keep)
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
    return result


def _measure(ready: Field, keep: Path) -> None:
    """References first, then workload by workload."""
    plan, result = ready.plan, ready.result
    began = time.monotonic()
    for number in range(plan.repeats if "timeslip" in ready.pythons else 0):
        _progress(f"what the machine itself can do, {number + 1} of {plan.repeats}")
        for name, spent in _references(ready.pythons["timeslip"], plan.scale).items():
            result.references.setdefault(name, []).append(spent)
    for made in [*ready.workloads, *ready.grown]:
        _sessions(ready, made)
        loads = result.about["load"]
        loads.append(round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0)
        result.about["minutes"] = round((time.monotonic() - began) / 60, 1)
        result.save(keep)


def _sessions(ready: Field, made: Workload) -> None:
    """All sessions of one workload."""
    plan = ready.plan
    found = ready.result.sessions.setdefault(made.name, {})
    bare = Weighed()
    contenders, slow = ready.contenders(made), set[str]()
    for contender in contenders:
        # The session in which memory and store are measured is the first: it warms up caches for those that are timed.
        _progress(f"{made.name}: {contender.title}, weighed")
        began = time.monotonic()
        seen = weighed(contender, ready.pythons[contender.name], made, WORK / contender.name, plan.limit)
        if time.monotonic() - began > plan.patience and contender.name != "bare":
            slow.add(contender.name)
            ready.result.about.setdefault("once", []).append(f"{contender.title} in {made.name}")
        if contender.name == "bare":
            bare = seen
        sessions = found.setdefault(contender.name, Sessions())
        sessions.add_weighed(requests(contender, made), seen, bare)
    for repeat in range(plan.repeats):
        # In turn, each time beginning with another one: what drifts meets all of them.
        turn = repeat % len(contenders)
        for contender in [*contenders[turn:], *contenders[:turn]]:
            if repeat and contender.name in slow:
                continue
            _progress(f"{made.name}: {contender.title}, {repeat + 1} of {plan.repeats}")
            spent = timed(contender, ready.pythons[contender.name], made, WORK / contender.name, plan.limit)
            found[contender.name].add_timed(requests(contender, made), spent, bare)


def _progress(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", flush=True, file=sys.stderr)
