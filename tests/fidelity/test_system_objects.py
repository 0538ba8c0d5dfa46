"""Every kind of object that belongs to the system: what undo, redo and a new kernel give is what the table says."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fidelity.kinds import SECTIONS, Kind
from tests.fidelity.recording import ALIASED, Answer, answer, attach, bare, fresh, in_another_process

from timeslip.errors import TimeslipError

KINDS = {f"{section}: {name}": kind for section, kinds in SECTIONS.items() for name, kind in kinds.items()}

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # what is left open is left open on purpose
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def _let_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Cells run in a folder of their own, and what they leave open ends with its test."""
    monkeypatch.chdir(tmp_path)
    paths, modules = sys.path[:], set(sys.modules)
    yield
    sys.path[:] = paths
    for name in {"helper"} & set(sys.modules) - modules:
        del sys.modules[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


def cells_of(kind: Kind) -> list[str]:
    """What runs, up to *use*."""
    return [*([kind.setup] if kind.setup else []), kind.make + ALIASED]


def told_bare(directory: Path, kind: Kind) -> tuple[str, str]:
    """What the probe says without Timeslip, before and after *use*."""
    said = []
    for number, cells in enumerate((cells_of(kind), [*cells_of(kind), kind.use])):
        folder = directory / f"bare{number}"
        folder.mkdir()
        os.chdir(folder)
        said.append(bare(cells, kind.probe))
    return said[0], said[1]


def record(directory: Path, kind: Kind) -> tuple[Any, dict[str, Any], list[Any]]:
    """A session in *directory* that has run all cells, its namespace and its commits."""
    directory.mkdir()
    os.chdir(directory)
    namespace = fresh()
    session = attach(directory, namespace, "kinds")
    commits = []
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in [*cells_of(kind), kind.use]:
            result = session.run(cell)
            commits.append(result.commit)
            if result.error is not None:
                session.close()
                raise AssertionError(f"{cell}: {result.error!r}")
    return session, namespace, commits


def check(found: Answer, allowed: set[str], told: str, kind: Kind) -> None:
    """The fidelity is a decided one, a value is right and shared, and what is not exact says why."""
    assert found.fidelity in allowed, found
    assert found.told in (None, told), found
    assert (found.told is None) == (found.fidelity == "lost"), found
    assert not (found.apart and kind.identity), found
    assert found.note or found.fidelity == "exact", found


@pytest.mark.parametrize("name", KINDS)
def test_undo_and_redo_give_the_decided_answer(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    before, after = told_bare(tmp_path, kind)
    for redo in (False, True):
        session, namespace, commits = record(tmp_path / f"session{redo}", kind)
        try:
            said = commits[-2].names.inexact.get("x", "")
            assert bool(said) == (kind.resume != "exact"), said
            assert kind.said in said
            assert session.status().inexact.keys() >= commits[-1].names.inexact.keys()
            result = session.undo()
            if redo:
                result = session.redo()
            found = answer(namespace, result, kind.probe)
        finally:
            session.close()
        allowed = {"exact", "rebuilt", "replayed", "lost"} if redo else {kind.undo}
        check(found, allowed, after if redo else before, kind)


@pytest.fixture(scope="module")
def after_restart(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Answer]]:
    """What one other process gives for all kinds: as they were left, and as they were made."""
    here, paths = Path.cwd(), sys.path[:]
    jobs = []
    try:
        for number, kind in enumerate(KINDS.values()):
            directory = tmp_path_factory.mktemp("restart") / str(number)
            session, _, commits = record(directory, kind)
            session.close()
            jobs.append({"directory": str(directory), "name": "kinds", "probe": kind.probe, "commit": commits[-2].id})
    finally:
        os.chdir(here)
        sys.path[:] = paths
    return dict(zip(KINDS, in_another_process(jobs), strict=True))


@pytest.mark.parametrize("name", KINDS)
def test_a_new_kernel_gives_the_decided_answer(
    name: str, after_restart: dict[str, list[Answer]], tmp_path: Path
) -> None:
    kind = KINDS[name]
    told = told_bare(tmp_path, kind)
    found = after_restart[name]
    assert len(found) == 2, found
    check(found[1], {kind.resume}, told[0], kind)
    # a cell that moves on what it is given is not replayed: what it is given was there only in the kernel that is gone
    last = {kind.after} if kind.after else {"replayed", "lost"} if kind.resume == "replayed" else {kind.resume}
    check(found[0], last, told[1], kind)


# ---- files are never harmed

WRITTEN = {
    "w": "x = open('f.txt', 'w'); x.write('new'); x.flush()",
    "x": "x = open('g.txt', 'x'); x.write('new'); x.flush()",
    "a": "x = open('f.txt', 'a'); x.write('new'); x.flush()",
    "r+": "x = open('f.txt', 'r+'); x.write('n'); x.flush()",
    "w+b": "x = open('f.txt', 'w+b'); x.write(b'new'); x.flush()",
    "zip": "import zipfile\nx = zipfile.ZipFile('f.txt', 'w'); x.writestr('a', 'new')",
    "shelf": "import shelve, dbm.dumb\nx = shelve.Shelf(dbm.dumb.open('f')); x['a'] = 1",
}


def contents(directory: Path) -> dict[str, bytes]:
    """What is in every file of a folder, but for the store."""
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir()) if path.is_file()}


@pytest.mark.parametrize("mode", WRITTEN)
def test_no_restore_changes_a_file(mode: str, tmp_path: Path) -> None:
    Path("f.txt").write_text("as it was", encoding="utf-8")
    namespace = fresh()
    session = attach(tmp_path, namespace, "files")
    try:
        session.run(WRITTEN[mode])
        session.run("del x")
        gc.collect()
        Path("f.txt").write_text("written by somebody else", encoding="utf-8")
        found = contents(tmp_path)
        session.undo()
        assert contents(tmp_path) == found
        session.redo()
        with contextlib.suppress(TimeslipError):  # of an archive that is written there is no copy
            session.get("HEAD~1", "x", as_="y")
        gc.collect()
        assert contents(tmp_path) == found
    finally:
        session.close()


def test_a_file_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    session = attach(tmp_path, fresh(), "files")
    try:
        session.run("x = open('f.txt', 'a')")
        session.run("del x")
        Path("f.txt").unlink()
        assert session.undo(replay="never", allow_lost=True).fidelity["x"] == "lost"
        assert not Path("f.txt").exists()
    finally:
        session.close()


def test_a_file_that_was_written_to_since_is_named(tmp_path: Path) -> None:
    Path("f.txt").write_text("one\ntwo\n", encoding="utf-8")
    session = attach(tmp_path, fresh(), "files")
    try:
        session.run("x = open('f.txt'); x.readline()")
        session.run("x.close(); del x")
        assert "written" not in session.undo().notes["x"]
        session.redo()
        Path("f.txt").write_text("something else\n", encoding="utf-8")
        assert "f.txt has been written to since" in session.undo().notes["x"]
    finally:
        session.close()
