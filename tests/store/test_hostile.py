"""Whatever bytes a store holds, only our errors come out, and nothing of it is returned as a value."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.steps import Steps

from timeslip.errors import InternalError, NotFoundError, StoreError
from timeslip.store import maintenance
from timeslip.store.repository import Repository

SECRET = b"the value that was recorded" * 40


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("sample") / "store"
    with Repository.open(directory, key_file=directory.parent / "key", min_free_bytes=0) as repo:
        steps = Steps(repo)
        for n in range(4):
            steps.commit(
                {"a": SECRET + b"%d" % n, "raw": os.urandom(20_000), "text": b"words " * 20_000}, execution_count=n
            )
        with repo.transaction() as tx:
            tx.describe(steps.session, steps.head or "", "note")
            tx.set_ref(steps.session, "tag", "t", steps.head)
        repo.acquire_lease(steps.session, "k1", {})
    return directory


@pytest.fixture
def victim(sample: Path, tmp_path: Path) -> Path:
    shutil.copytree(sample.parent, tmp_path / "v")
    return tmp_path / "v" / "store"


@contextlib.contextmanager
def only_our_errors() -> Iterator[None]:
    """Swallow our own errors, except the one that says that we are at fault; let everything else through."""
    try:
        yield
    except InternalError:
        raise
    except (StoreError, NotFoundError):
        return


def use_everything(directory: Path) -> None:
    """Every reading call, and a commit; what cannot be done raises an error of ours."""
    with only_our_errors():
        repo = Repository.open(directory, key_file=directory.parent / "key", min_free_bytes=0)
        try:
            read_everything(repo)
        finally:
            with only_our_errors():
                repo.close()


def read_everything(repo: Repository) -> None:
    sessions: list[str] = []
    with only_our_errors():
        sessions = [row.id for row in repo.sessions()]
    for session in sessions:
        steps = Steps(repo, session)  # type: ignore[arg-type]
        for call in (repo.refs, repo.heads, repo.operations, repo.leases, repo.head):
            with only_our_errors():
                call(session)
        commits: list[str] = []
        with only_our_errors():
            commits = [commit for commit, _ in repo.commits(session)]
        for commit in commits:
            with only_our_errors():
                repo.note(session, commit)
            with only_our_errors():
                state = steps.state(commit)
                assert state["a"].startswith(SECRET), "wrong bytes were returned"
        with only_our_errors():
            steps.commit({"new": os.urandom(30_000)})
    for job in (maintenance.check, maintenance.usage, maintenance.gc):
        with only_our_errors():
            job(repo)
    with only_our_errors():
        _ = repo.trusted, repo.trust()


def test_sample_is_sound(victim: Path) -> None:
    with Repository.open(victim, key_file=victim.parent / "key", min_free_bytes=0) as repo:
        assert maintenance.check(repo).problems == ()
    use_everything(victim)


def columns(directory: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(directory / "timeslip.db")
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    found = [(table, row[1]) for table in tables for row in connection.execute(f"PRAGMA table_info({table})")]
    connection.close()
    return found


NONSENSE = [None, -(1 << 63), 1.5, "text", b"\xff" * 40]


def test_any_column_may_hold_anything(sample: Path, tmp_path: Path) -> None:
    for number, (table, column) in enumerate(columns(sample)):
        for value in NONSENSE:
            place = tmp_path / f"{number}"
            shutil.copytree(sample.parent, place)
            connection = sqlite3.connect(place / "store" / "timeslip.db", isolation_level=None)
            with contextlib.suppress(sqlite3.IntegrityError):  # a key column refuses some of it
                connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
            connection.close()
            use_everything(place / "store")
            shutil.rmtree(place)


def test_text_that_is_not_utf8(sample: Path, tmp_path: Path) -> None:
    for number, (table, column) in enumerate(columns(sample)):
        place = tmp_path / f"{number}"
        shutil.copytree(sample.parent, place)
        connection = sqlite3.connect(place / "store" / "timeslip.db", isolation_level=None)
        with contextlib.suppress(sqlite3.IntegrityError):
            connection.execute(f"UPDATE {table} SET {column} = CAST(x'80FF' AS TEXT)")
        connection.close()
        use_everything(place / "store")
        shutil.rmtree(place)


def test_any_table_may_be_missing_or_a_view(sample: Path, tmp_path: Path) -> None:
    for table in sorted({table for table, _ in columns(sample)}):
        for replacement in ("", f"CREATE VIEW {table} AS SELECT 1 AS n", f"CREATE TABLE {table} (x)"):
            place = tmp_path / "v"
            shutil.copytree(sample.parent, place)
            connection = sqlite3.connect(place / "store" / "timeslip.db", isolation_level=None)
            connection.execute(f"DROP TABLE {table}")
            if replacement:
                connection.execute(replacement)
            connection.close()
            use_everything(place / "store")
            shutil.rmtree(place)


@settings(max_examples=60)
@given(data=st.data())
def test_flipped_bytes_in_any_file(sample: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    place = tmp_path_factory.mktemp("v") / "v"
    shutil.copytree(sample.parent, place)
    files = sorted(path for path in (place / "store").rglob("*") if path.is_file() and path.stat().st_size)
    path = data.draw(st.sampled_from(files), label="file")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans(), label="cut"):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    path.write_bytes(bytes(content))
    use_everything(place / "store")
    shutil.rmtree(place)


def test_bombs_are_not_opened(victim: Path) -> None:
    """Sizes that would fill memory are refused before anything is allocated."""
    import zstandard

    bomb = zstandard.ZstdCompressor().compress(b"\0" * (8 << 20))
    connection = sqlite3.connect(victim / "timeslip.db", isolation_level=None)
    connection.execute("UPDATE chunks SET size = 1 << 62, stored = 1 << 61")
    connection.execute("UPDATE chunk_data SET data = ?", (bomb,))
    connection.execute("UPDATE records SET size = 1 << 60")
    connection.close()
    use_everything(victim)


def test_deeply_nested_body(victim: Path) -> None:
    connection = sqlite3.connect(victim / "timeslip.db", isolation_level=None)
    deep = b"[" * 200_000 + b"]" * 200_000
    connection.execute("UPDATE records SET codec = 0, size = ?, body = ?", (len(deep), deep))
    connection.execute("UPDATE operations SET details = ?", (deep.decode(),))
    connection.execute("UPDATE leases SET info = ?", (deep.decode(),))
    connection.close()
    use_everything(victim)


def test_manifests_in_a_circle(victim: Path) -> None:
    """Only the owner of the key can make one; it must still end."""
    with Repository.open(victim, key_file=victim.parent / "key", min_free_bytes=0) as repo:
        bodies = {"a" * 64: {"base": "b" * 64, "depth": 1, "weight": 1, "changes": {}}}
        bodies["b" * 64] = {"base": "a" * 64, "depth": 1, "weight": 1, "changes": {}}
        repo._manifests._read = bodies.__getitem__
        with pytest.raises(StoreError, match="endless"):
            repo.manifest("a" * 64)


def test_value_of_another_record_cannot_be_slipped_in(victim: Path) -> None:
    """Moving a signed body under another id is seen: the id is part of what is signed."""
    with Repository.open(victim, key_file=victim.parent / "key", min_free_bytes=0) as repo:
        steps = Steps(repo, repo.sessions()[0].id)
        newest, oldest = (repo.commits(steps.session)[i][0] for i in (0, -1))
        one, two = (repo.manifest(repo.commit(c)["manifest"])["a"] for c in (newest, oldest))
        row = repo._database.one(
            "SELECT key, mac, salt, codec, size, body, chunks FROM records WHERE id = ?", (bytes.fromhex(two),)
        )
        repo._database.execute(
            "UPDATE records SET key = ?, mac = ?, salt = ?, codec = ?, size = ?, body = ?, chunks = ? WHERE id = ?",
            (*(row or ()), bytes.fromhex(one)),
        )
        with pytest.raises(StoreError, match="signature"):
            repo.record("value", one)
