"""Runs one kind of object through a session, and tells what came back. Also a program: the session after a restart.

python -m tests.fidelity.recording < jobs.json > answers.json
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timeslip
from timeslip.codec.placeholder import Placeholder

ROOT = Path(__file__).resolve().parents[2]

ALIASED = "\ny = x; held = [x, {'k': x}]"
"""The object has a second name, and stands in a container."""


@dataclass
class Answer:
    """What a restore gave for ``x``.

    Attributes:
        fidelity: exact, rebuilt, replayed or lost.
        note: what the result said of it.
        told: what the probe said; None for a placeholder.
        apart: whether the second name or the container has another object.
    """

    fidelity: str
    note: str
    told: str | None
    apart: bool


def told(namespace: dict[str, Any], probe: str) -> str:
    """What *probe* says of the state in *namespace*."""
    try:
        return repr(eval(probe, namespace))
    except Exception as error:  # an object that is used up says so by raising
        return f"{type(error).__name__}: {error}"


def fresh() -> dict[str, Any]:
    """The namespace of a kernel in which nothing ran yet."""
    return {"__name__": "__main__", "__builtins__": builtins}


def bare(cells: list[str], probe: str) -> str:
    """What *probe* says after *cells* without Timeslip."""
    namespace = fresh()
    for cell in cells:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(cell, "<bare>", "exec", dont_inherit=True), namespace)
    return told(namespace, probe)


def attach(directory: Path, namespace: dict[str, Any], name: str) -> Any:
    """A session whose store is in *directory*."""
    return timeslip.attach(namespace, store=directory / "store", name=name, min_free_bytes=0)


def answer(namespace: dict[str, Any], result: Any, probe: str) -> Answer:
    """What *result*, a restore, gave."""
    fidelity, note = result.fidelity["x"], result.notes.get("x", "")
    value = namespace["x"]
    if isinstance(value, Placeholder):
        return Answer(fidelity, note, None, not isinstance(namespace["y"], Placeholder))
    names = [namespace[name] for name in ("y", "held")]
    apart = any(isinstance(other, Placeholder) for other in names)
    apart = apart or not (names[0] is value and names[1][0] is value and names[1][1]["k"] is value)
    return Answer(fidelity, note, told(namespace, probe), apart)


def after_restart(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Resume a session as it was left, and then, in another kernel, as it was after an earlier commit."""
    os.chdir(job["directory"])
    answers = []
    for commit in (None, job["commit"]):
        namespace = fresh()
        session = attach(Path(job["directory"]), namespace, job["name"])
        try:
            answers.append(answer(namespace, session.resume(commit), job["probe"]))
        finally:
            session.close()
    return [vars(found) for found in answers]


def forget_modules(files: list[str]) -> None:
    """Have modules of these files imported anew, whatever folder they were in before."""
    tops = {Path(file).parts[0].removesuffix(".py") for file in files}
    for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
        del sys.modules[name]
    sys.path_importer_cache.clear()
    importlib.invalidate_caches()


def states_after_restart(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Resume a session as it was left, and go to its earlier commits, the last first."""
    os.chdir(job["directory"])
    forget_modules(job["files"])
    sys.path.insert(0, job["directory"])
    namespace = fresh()
    session = attach(Path(job["directory"]), namespace, job["session"])
    answers = []
    try:
        for commit in (None, *reversed(job["commits"][:-1])):
            result = session.resume() if commit is None else session.checkout(commit)
            fidelity, note = result.fidelity.get(job["name"], "absent"), result.notes.get(job["name"], "")
            answers.append(vars(Answer(fidelity, note, told(namespace, job["probe"]), False)))
    finally:
        session.close()
        sys.path.remove(job["directory"])
    return answers


def main() -> int:
    """Answer all jobs, each in a session of its own."""
    warnings.simplefilter("ignore")
    answers = []
    out, sys.stdout = sys.stdout, sys.stderr
    for job in json.load(sys.stdin):
        try:
            answers.append(states_after_restart(job) if "commits" in job else after_restart(job))
        except Exception as error:  # the answer of this job; the others go on
            answers.append([vars(Answer(f"raised {type(error).__name__}: {error}", "", None, False))])
    json.dump(answers, out)
    return 0


def in_another_process(jobs: list[dict[str, Any]]) -> list[list[Answer]]:
    """What `main` answers in a process of its own."""
    command = [sys.executable, "-m", "tests.fidelity.recording"]
    places = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    asked = json.dumps(jobs)
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True, cwd=ROOT, env=places)
    return [[Answer(**found) for found in job] for job in json.loads(done.stdout)]


if __name__ == "__main__":
    sys.exit(main())
