"""After the death of a process or of the machine: exactly a finished commit, nothing damaged, no repair by hand."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store import committer
from tests.store.steps import Steps

from timeslip.errors import ChunkMissingError, StoreFullError
from timeslip.ids import SessionId
from timeslip.store import chunks, durability, maintenance
from timeslip.store.repository import Repository
from timeslip.testing.faults import FailingFiles, ProcessDied, copy_store

DATA = {"small": b"s" * 100, "large": bytes(range(256)) * 100, "raw": random.Random(0).randbytes(40_000)}


def bury(repo: Repository) -> None:
    """Close what a dead process would have closed, without letting it finish anything."""
    repo._syncer.stop()
    repo._chunks.close()
    repo._packs.close()
    repo._database.close()
    repo._closed = True


@given(schedule=st.text("wwwwwwwwwwWxf", min_size=1, max_size=80))
def test_any_interrupted_commit_leaves_the_old_or_the_new_state(
    tmp_path_factory: pytest.TempPathFactory, schedule: str
) -> None:
    base = tmp_path_factory.mktemp("s")
    files = FailingFiles()
    repo = Repository.open(base / "store", min_free_bytes=0, files=files)
    steps = Steps(repo)
    states: list[dict[str, bytes]] = [{}]
    files._schedule, files.events = schedule, 0
    finished = 0
    died = False
    for n in range(6):
        change = {name: b"%d" % n + data for name, data in DATA.items()}
        states.append({**states[finished], **change})
        try:
            steps.commit(change)
        except StoreFullError:
            states.pop()
            continue
        except ProcessDied:
            died = True
            break
        finished = len(states) - 1
    copy = copy_store(base / "store", base / "copy")
    bury(repo)
    with Repository.open(copy, min_free_bytes=0) as again:
        after = Steps(again, steps.session)
        allowed = states[finished:] if died else [states[finished]]
        assert after.state(after.head) in allowed
        assert maintenance.check(again).problems == ()
        assert len(after.state(after.commit({"more": b"x" * 20_000}))) >= 1
        maintenance.gc(again)
        assert maintenance.check(again).problems == ()


@pytest.mark.time_limit(300)
def test_kill_at_any_instant(directory: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        session = repo.create_session("s")
    dice = random.Random(os.environ.get("TIMESLIP_TEST_SEED", "1"))
    seen = 0
    for _ in range(int(os.environ.get("TIMESLIP_TEST_KILLS", "30"))):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.store.committer", str(directory), session, "k1"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        assert child.stdout is not None
        line = child.stdout.readline()
        assert line, "the child could not open the store"
        time.sleep(dice.random() * 0.05)
        child.kill()
        reported = (line + child.stdout.read()).splitlines()
        child.communicate()
        last, commit = reported[-1].split() if len(reported[-1].split()[-1]) == 64 else reported[-2].split()
        with Repository.open(directory, min_free_bytes=0) as repo:
            steps = Steps(repo, SessionId(session))
            listed = repo.commits(session)
            assert len(listed) in (int(last), int(last) + 1)
            assert listed[len(listed) - int(last)][0] == commit
            assert steps.head == listed[0][0]
            for found, body in listed[: len(listed) - seen]:
                state = steps.state(found)
                assert committer.expected(body["seq"]).items() <= state.items()
            seen = len(listed)
    with Repository.open(directory, min_free_bytes=0) as repo:
        assert maintenance.check(repo).problems == ()
        assert len(repo._packs.sizes()) == 1, "the pack of the dead is taken up by the next"


def reopen_after_restart(copy: Path, monkeypatch: pytest.MonkeyPatch, boot: str = "the next boot") -> Repository:
    monkeypatch.setattr(durability, "boot_id", lambda: boot)
    monkeypatch.setattr(chunks, "boot_id", lambda: boot)
    return Repository.open(copy, min_free_bytes=0)


def test_power_cut_goes_back_to_the_newest_whole_state(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = FailingFiles()
    repo = Repository.open(directory, min_free_bytes=0, files=files)
    steps = Steps(repo)
    safe = [steps.commit(committer.content(n)) for n in (1, 2)]
    repo.sync()
    small = steps.commit({"only small": b"x"})
    unsafe = [steps.commit(committer.content(n)) for n in (3, 4)]
    shared = repo.record("value", repo.manifest(repo.commit(unsafe[1])["manifest"])["large"])["chunks"][0]
    with repo.transaction() as tx:
        tx.set_ref(steps.session, "tag", "kept", unsafe[1])
    copy = copy_store(directory, tmp_path / "copy", durable=files.durable)
    bury(repo)
    with reopen_after_restart(copy, monkeypatch) as again:
        after = Steps(again, steps.session)
        assert after.head == small
        assert {ref.name: ref.commit for ref in again.refs(steps.session)} == {"main": small, "kept": unsafe[1]}
        assert "newest whole state" in again.notices[0]
        assert len(again.commits(steps.session)) == 5, "code and log of what was lost stay"
        assert next(op.kind for op in again.operations(steps.session)) == "recover"
        assert after.state(small)["only small"] == b"x"
        assert after.state(safe[0])
        with pytest.raises(ChunkMissingError):
            after.state(unsafe[1])
        report = maintenance.check(again)
        assert {problem.subject for problem in report.problems} == {"chunk"}
        assert any("large at" in where for problem in report.problems for where in problem.where)
        assert again.put_chunk(committer.content(4)["large"]) == shared
        after.commit(committer.content(4))
        assert after.state(unsafe[1])["large"] == committer.content(4)["large"], "the same bytes heal the old value"
    with reopen_after_restart(copy, monkeypatch, "and the next") as again:
        assert again.notices == ()
        assert not any(maintenance.check(again).untrusted for _ in range(1))


def test_power_cut_after_sync_or_in_full_durability_loses_nothing(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = FailingFiles()
    repo = Repository.open(directory, min_free_bytes=0, files=files, durability="full")
    steps = Steps(repo)
    last = [steps.commit(committer.content(n)) for n in (1, 2, 3)][-1]
    copy = copy_store(directory, tmp_path / "copy", durable=files.durable)
    bury(repo)
    with reopen_after_restart(copy, monkeypatch) as again:
        assert again.notices == ()
        assert Steps(again, steps.session).head == last
        assert maintenance.check(again).problems == ()


def test_death_without_restart_verifies_nothing_and_loses_nothing(directory: Path, tmp_path: Path) -> None:
    repo = Repository.open(directory, min_free_bytes=0)
    steps = Steps(repo)
    last = steps.commit(committer.content(1))
    copy = copy_store(directory, tmp_path / "copy")
    bury(repo)
    with Repository.open(copy, min_free_bytes=0) as again:
        assert again.notices == ()
        assert Steps(again, steps.session).head == last


def test_background_sync_makes_commits_safe(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durability, "SYNC_DELAY", 0.0)
    files = FailingFiles()
    repo = Repository.open(directory, min_free_bytes=0, files=files)
    steps = Steps(repo)
    last = steps.commit(committer.content(1))
    while any(state.synced < state.size for state in repo._packs.states()):
        time.sleep(0.001)
    copy = copy_store(directory, tmp_path / "copy", durable=files.durable)
    bury(repo)
    with reopen_after_restart(copy, monkeypatch) as again:
        assert again.notices == ()
        assert Steps(again, steps.session).head == last


def test_clean_close_leaves_nothing_to_verify(directory: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        Steps(repo).commit(committer.content(1))
    assert sorted(p.name for p in directory.iterdir()) == ["packs", "pins.lock", "timeslip.db"]
    with Repository.open(directory, read_only=True) as repo:
        assert repo._database.one("SELECT count(*) FROM packs WHERE synced < size") == (0,)


def test_torn_tail_of_a_pack_is_harmless(directory: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo)
        first = steps.commit(committer.content(1))
    pack = next((directory / "packs").iterdir())
    with open(pack, "ab") as file:
        file.write(b"half a chu")
    stray = directory / "packs" / "0123456789abcdef.pack"
    stray.write_bytes(b"TSLP")
    (directory / "packs" / "notes.txt").write_text("not ours")
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo, steps.session)
        second = steps.commit(committer.content(2))
        assert steps.state(first)["large"] == committer.content(1)["large"]
        assert steps.state(second)["large"] == committer.content(2)["large"]
        assert maintenance.check(repo).problems == ()
        maintenance.gc(repo)
        assert not stray.exists()
        assert (directory / "packs" / "notes.txt").exists()
        assert maintenance.check(repo).problems == ()


def test_lost_pack_is_named_not_fatal(directory: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo)
        commit = steps.commit(committer.content(1))
    shutil.rmtree(directory / "packs")
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo, steps.session)
        with pytest.raises(ChunkMissingError):
            steps.state(commit)
        assert len(repo.commits(steps.session)) == 1
        assert {problem.subject for problem in maintenance.check(repo).problems} == {"pack", "chunk"}
        again = steps.commit(committer.content(1))
        assert steps.state(again)["large"] == committer.content(1)["large"], "what is known but gone is written again"
        assert steps.state(commit)["large"] == committer.content(1)["large"]
        maintenance.gc(repo)
        assert maintenance.check(repo).problems == ()
