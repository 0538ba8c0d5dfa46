"""Objects built to fool a checkpoint system: right after every step, or reported; never wrong without a word."""

from __future__ import annotations

import contextlib
import gc
import io
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fidelity.recording import Answer, attach, forget_modules, fresh, in_another_process, told
from tests.fidelity.traps import TRAPS, Trap

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

NAMES = [
    pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=trap.open, raises=AssertionError))
    if trap.open
    else name
    for name, trap in TRAPS.items()
]


@pytest.fixture(autouse=True)
def _let_go() -> Iterator[None]:
    """Finalizers of what a test leaves run with it."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@contextlib.contextmanager
def folder(directory: Path, trap: Trap) -> Iterator[Path]:
    """A folder with the user's files, where the cells run and modules are found."""
    directory.mkdir()
    for name, text in trap.files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")
    paths = sys.path[:]
    try:
        with contextlib.chdir(directory) if sys.version_info >= (3, 11) else _chdir(directory):
            forget_modules(list(trap.files))
            sys.path.insert(0, str(directory))
            yield directory
    finally:
        sys.path[:] = paths
        forget_modules(list(trap.files))


@contextlib.contextmanager
def _chdir(directory: Path) -> Iterator[None]:
    import os

    here = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(here)


def told_bare(directory: Path, trap: Trap) -> list[str]:
    """What the probe says after every cell without Timeslip."""
    with folder(directory, trap):
        namespace, said = fresh(), []
        for cell in trap.cells:
            exec(compile(cell, "<bare>", "exec", dont_inherit=True), namespace)
            said.append(told(namespace, trap.probe))
    return said


def run(session: Any, cell: str) -> Any:
    """Run a cell that may not fail; its commit."""
    with contextlib.redirect_stdout(io.StringIO()):
        result = session.run(cell)
    assert result.error is None, f"{cell}: {result.error!r}"
    return result.commit


def check(found: Answer, expected: str, trap: Trap) -> None:
    """Right and exact; or not exact, which is only allowed where that is the decided answer, and says why."""
    if found.fidelity == "exact":
        assert found.told == expected or (trap.answer != "exact" and trap.name != "x"), found
        return
    assert found.fidelity == trap.answer, found
    assert found.note, found


@pytest.mark.parametrize("name", NAMES)
def test_every_step_gives_the_state_or_says_what_it_does_not_give(name: str, tmp_path: Path) -> None:
    trap = TRAPS[name]
    expected = told_bare(tmp_path / "bare", trap)
    with folder(tmp_path / "session", trap) as directory:
        namespace = fresh()
        session = attach(directory, namespace, "traps")
        try:
            commits = []
            for cell, said in zip(trap.cells, expected, strict=True):
                commits.append(run(session, cell))
                assert told(namespace, trap.probe) == said, "recording has changed it"
            inexact = {key: why for commit in commits for key, why in commit.names.inexact.items()}
            assert (trap.name in inexact) == (trap.answer != "exact"), inexact
            assert trap.said in inexact.get(trap.name, "")
            steps = [*reversed(range(len(trap.cells) - 1)), *range(1, len(trap.cells))]
            for number, position in enumerate(steps):
                result = session.undo() if number < len(trap.cells) - 1 else session.redo()
                fidelity, note = result.fidelity.get(trap.name, "absent"), result.notes.get(trap.name, "")
                check(Answer(fidelity, note, told(namespace, trap.probe), False), expected[position], trap)
        finally:
            session.close()


@pytest.fixture(scope="module")
def after_restart(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Answer]]:
    """What one other process gives for all traps: as they were left, and after every cell, the last first."""
    jobs = []
    for number, trap in enumerate(TRAPS.values()):
        with folder(tmp_path_factory.mktemp("restart") / str(number), trap) as directory:
            session = attach(directory, fresh(), "traps")
            try:
                commits = [run(session, cell).id for cell in trap.cells]
            finally:
                session.close()
        about = {"name": trap.name, "probe": trap.probe, "commits": commits, "files": list(trap.files)}
        jobs.append({"directory": str(directory), "session": "traps", **about})
    return dict(zip(TRAPS, in_another_process(jobs), strict=True))


@pytest.mark.parametrize("name", TRAPS)
def test_a_new_kernel_gives_every_state_or_says_what_it_does_not_give(
    name: str, after_restart: dict[str, list[Answer]], tmp_path: Path
) -> None:
    trap = TRAPS[name]
    if trap.open:
        pytest.skip(trap.open)
    expected = told_bare(tmp_path / "bare", trap)
    found = after_restart[name]
    assert len(found) == len(expected), found
    for answer, said in zip(found, reversed(expected), strict=True):
        check(answer, said, trap)
