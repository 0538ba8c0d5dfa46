"""Opening: older and newer formats, folders that cannot be written, files that are something else."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tests.store.steps import Steps

from timeslip.errors import (
    DamagedStoreError,
    InternalError,
    NewerStoreError,
    StoreError,
    StoreNotFoundError,
    StoreReadOnlyError,
)
from timeslip.store import schema
from timeslip.store.database import Database
from timeslip.store.repository import Repository


def bytes_of(directory: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in directory.iterdir() if p.is_file()}


@pytest.mark.parametrize("read_only", [False, True])
def test_newer_format_is_left_alone(directory: Path, read_only: bool) -> None:
    Repository.open(directory, min_free_bytes=0).close()
    connection = sqlite3.connect(directory / "timeslip.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = bytes_of(directory)
    with pytest.raises(NewerStoreError, match="format 99") as caught:
        Repository.open(directory, read_only=read_only)
    assert "update" in caught.value.hint
    assert {name: data for name, data in bytes_of(directory).items() if name in before} == before


def test_migration_runs_once_and_all_or_nothing(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        commit = Steps(repo).commit({"a": b"1"})
    calls: list[str] = []

    def broken(database: Database) -> None:
        database.execute("CREATE TABLE novelty (x)")
        raise ZeroDivisionError

    def good(database: Database) -> None:
        calls.append("1 to 2")
        database.execute("CREATE TABLE novelty (x)")

    monkeypatch.setattr(schema, "FORMAT_VERSION", 2)
    monkeypatch.setitem(schema.MIGRATIONS, 1, broken)
    with pytest.raises(ZeroDivisionError):
        Repository.open(directory)
    with pytest.raises(StoreReadOnlyError, match="older format 1"):
        Repository.open(directory, read_only=True)
    monkeypatch.setitem(schema.MIGRATIONS, 1, good)
    for _ in range(2):
        with Repository.open(directory, min_free_bytes=0) as repo:
            assert Steps(repo, repo.sessions()[0].id).state(commit) == {"a": b"1"}
    assert calls == ["1 to 2"]
    monkeypatch.undo()
    with pytest.raises(NewerStoreError):
        Repository.open(directory)


def test_every_format_since_the_first_has_a_way_on() -> None:
    assert set(schema.MIGRATIONS) == set(range(1, schema.FORMAT_VERSION))


def test_gap_in_the_formats_is_damage(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Repository.open(directory, min_free_bytes=0).close()
    monkeypatch.setattr(schema, "FORMAT_VERSION", 3)
    with pytest.raises(DamagedStoreError, match="never existed"):
        Repository.open(directory)


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to be looked at" * 200])
def test_other_files_are_not_stores(directory: Path, content: bytes) -> None:
    directory.mkdir()
    (directory / "timeslip.db").write_bytes(content)
    if content:
        with pytest.raises(DamagedStoreError):
            Repository.open(directory)
        assert (directory / "timeslip.db").read_bytes() == content
    else:  # what is left of a process that died while making the store
        Repository.open(directory, min_free_bytes=0).close()


def test_other_databases_are_not_stores(directory: Path) -> None:
    directory.mkdir()
    connection = sqlite3.connect(directory / "timeslip.db")
    connection.execute("CREATE TABLE precious (x)")
    connection.commit()
    connection.close()
    for read_only in (False, True):
        with pytest.raises(DamagedStoreError, match="not a store"):
            Repository.open(directory, read_only=read_only)


def test_folder_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        Repository.open(tmp_path / "file")
    with pytest.raises(StoreError):
        Repository.open(tmp_path / "file" / "store")


def test_two_processes_making_a_store_make_one(directory: Path) -> None:
    program = (
        "from pathlib import Path; from timeslip.store.repository import Repository\n"
        f"print(Repository.open(Path({str(directory)!r}), min_free_bytes=0).store_id)"
    )
    children = [
        subprocess.Popen([sys.executable, "-W", "ignore", "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    answers = [child.communicate(timeout=60)[0] for child in children]
    assert len(set(answers)) == 1
    assert len(answers[0].strip()) == 32


def as_nobody(directory: Path, body: str) -> str:
    """Run *body* as a user who owns nothing here (root may write everywhere)."""
    if os.getuid() != 0:
        pytest.skip("needs to be root to become somebody else")
    program = f"""
import os
from pathlib import Path
from tests.store.steps import Steps
from timeslip.errors import StoreError
from timeslip.store import maintenance
from timeslip.store.repository import Repository
directory = Path({str(directory)!r})
os.setgroups([]); os.setgid(65534); os.setuid(65534)
{body}
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "PermissionError" in done.stderr and str(directory) not in done.stderr:
        pytest.skip("the interpreter itself cannot be read by another user here")
    assert done.returncode == 0, done.stderr
    return done.stdout


def open_up(path: Path) -> None:
    for parent in (path, *path.parents):
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    for file in path.rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)


READ_ONLY = """
os.environ["TIMESLIP_KEY_FILE"] = os.devnull + ".none"
try:
    Repository.open(directory)
except StoreError as error:
    print(error.code)
with Repository.open(directory, read_only=True) as repo:
    session = repo.sessions()[0].id
    print(len(repo.commits(session)), sorted(repo.manifest(repo.commits(session)[0][1]["manifest"])))
    print(len(maintenance.check(repo).problems))
    try:
        Steps(repo, session).commit({})
    except StoreError as error:
        print(error.code)
"""


def test_folder_that_cannot_be_written(directory: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo)
        steps.commit({"a": os.urandom(20_000)})
    open_up(directory)
    assert as_nobody(directory, READ_ONLY).split("\n")[:4] == ["store-read-only", "1 ['a']", "0", "store-read-only"]


def test_folder_that_cannot_be_written_after_a_crash(directory: Path, tmp_path: Path) -> None:
    repo = Repository.open(directory, min_free_bytes=0)
    Steps(repo).commit({"a": b"1"})
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy, ignore=shutil.ignore_patterns("*-shm"))
    repo.close()
    open_up(copy)
    body = """
try:
    Repository.open(directory, read_only=True)
except StoreError as error:
    print(error.code, error.hint)
"""
    assert as_nobody(copy, body).startswith("store-read-only copy the folder")


def test_read_only_beside_a_writer(steps: Steps, directory: Path) -> None:
    with Repository.open(directory, read_only=True) as reader:
        commit = steps.commit({"a": os.urandom(20_000)})
        assert Steps(reader, steps.session).state(commit) == steps.state(commit)
        for call in (lambda: reader.create_session("x"), lambda: reader.put_chunk(b"1"), reader.trust):
            with pytest.raises(StoreReadOnlyError):
                call()


def test_wrong_statement_is_our_own_fault(repo: Repository) -> None:
    with pytest.raises((InternalError, StoreError)):
        repo._database.execute("SELEC 1")
    with pytest.raises(InternalError):
        repo._database.execute("SELECT ?", ())


def test_missing_store_is_not_made_by_reading(directory: Path) -> None:
    with pytest.raises(StoreNotFoundError):
        Repository.open(directory, read_only=True)
    assert not directory.exists()


@pytest.mark.parametrize("question", ["user_version", "application_id", "tables"])
def test_a_store_made_while_it_is_looked_at_is_that_store(
    directory: Path, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    """Another process makes it just before one of the questions by which an empty file is known."""
    number, has_tables = Database._number, Database._has_tables
    made: list[str] = []

    def make() -> None:
        monkeypatch.undo()
        with Repository.open(directory, min_free_bytes=0) as other:
            made.append(other.store_id)

    def asked_number(self: Database, pragma: str) -> int:
        if pragma == question and not made:
            make()
        return number(self, pragma)

    def asked_tables(self: Database) -> bool:
        if question == "tables" and not made:
            make()
        return has_tables(self)

    monkeypatch.setattr(Database, "_number", asked_number)
    monkeypatch.setattr(Database, "_has_tables", asked_tables)
    with Repository.open(directory, min_free_bytes=0) as repository:
        assert [repository.store_id] == made
