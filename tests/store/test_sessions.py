from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.store.steps import Steps

from timeslip import standard
from timeslip.errors import AmbiguousReferenceError, NameTakenError, SessionNotFoundError, StoreBusyError
from timeslip.store import host, maintenance
from timeslip.store.repository import Repository


def test_found_by_id_name_path_and_part(repo: Repository, tmp_path: Path) -> None:
    one = repo.create_session("analysis", str(tmp_path / "analysis.ipynb"))
    two = repo.create_session("anagram", None)
    assert repo.find_session(one) == one
    assert repo.find_session(one[:12]) == one
    assert repo.find_session("analysis") == one
    assert repo.find_session("gram") == two
    assert repo.find_session(str(tmp_path / "analysis.ipynb")) == one
    with pytest.raises(AmbiguousReferenceError) as caught:
        repo.find_session("ana")
    assert "analysis" in caught.value.hint
    with pytest.raises(SessionNotFoundError):
        repo.find_session("nothing")


def test_names_are_unique(repo: Repository) -> None:
    ids = [repo.create_session("Untitled") for _ in range(3)]
    assert sorted(s.name for s in repo.sessions()) == ["Untitled", "Untitled-2", "Untitled-3"]
    with pytest.raises(NameTakenError):
        repo.rename_session(ids[0], "Untitled-2")
    repo.rename_session(ids[0], "Untitled")
    repo.rename_session(ids[0], "other")
    repo.move_session(ids[0], "/there.ipynb")
    assert repo.find_session("/there.ipynb") == ids[0] == repo.find_session("other")


def test_last_used_first(repo: Repository) -> None:
    one, two = Steps(repo), Steps(repo)
    one.commit({"a": b"1"})
    assert [s.id for s in repo.sessions()] == [one.session, two.session]
    assert [s.commits for s in repo.sessions()] == [1, 0]


def test_removed_with_everything(repo: Repository) -> None:
    one, two = Steps(repo), Steps(repo)
    for n in range(3):
        one.commit({"a": os.urandom(20_000)})
        two.commit({"a": os.urandom(20_000)})
    kept = two.state(two.head)
    with repo.transaction() as tx:
        tx.describe(one.session, one.head or "", "x")
    repo.remove_session(one.session)
    with pytest.raises(SessionNotFoundError):
        repo.commits(one.session)
    maintenance.gc(repo)
    assert repo._database.one("SELECT count(*) FROM chunks") == (3,)
    assert repo._database.one("SELECT count(*) FROM records") == (12,)
    assert two.state(two.head) == kept
    assert maintenance.check(repo).problems == ()


def test_lease_belongs_to_a_live_kernel(repo: Repository) -> None:
    session = repo.create_session("s")
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert repo.acquire_lease(session, "theirs", {"pid": child.pid, "connection_file": "/x"})
    assert not repo.acquire_lease(session, "mine", {})
    assert [(x.kernel, x.holder, x.alive) for x in repo.leases(session)] == [
        ("theirs", True, True),
        ("mine", False, True),
    ]
    assert repo.leases()[0].info["connection_file"] == "/x"
    row = repo.sessions()[0]
    assert row.lease is not None
    assert row.lease.kernel == "theirs"
    with pytest.raises(StoreBusyError):
        repo.remove_session(session)
    child.communicate(b"\n")
    assert repo.sessions()[0].lease is None
    assert repo.acquire_lease(session, "mine", {})
    assert [x.kernel for x in repo.leases(session)] == ["mine"], "the dead one was swept"
    assert repo.acquire_lease(session, "mine", {}), "asking again is harmless"
    repo.release_lease(session, "mine")
    repo.release_lease(session, "mine")
    assert repo.leases(session) == []


def test_lease_of_an_earlier_boot_is_dead(repo: Repository) -> None:
    session = repo.create_session("s")
    repo.acquire_lease(session, "old", {})
    repo._database.execute("UPDATE leases SET boot = 'an earlier one'")
    assert repo.acquire_lease(session, "new", {})


def test_lease_of_another_host_counts_for_a_while(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    session = repo.create_session("s")
    repo.acquire_lease(session, "there", {})
    repo._database.execute("UPDATE leases SET host = 'another'")
    assert not repo.acquire_lease(session, "here", {})
    later = time.time() + host.FOREIGN_SECONDS + 1
    monkeypatch.setattr(standard.time, "time", lambda: later)
    assert repo.acquire_lease(session, "here", {})


def test_shared_disk_is_for_one_host(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from timeslip.store import database

    monkeypatch.setattr(database, "is_local", lambda path: False)
    with Repository.open(directory, min_free_bytes=0) as repo:
        assert any("shared disk" in notice for notice in repo.notices)
        assert not repo.maps.allowed
        assert repo._database.one("PRAGMA journal_mode") == ("delete",)
        steps = Steps(repo)
        commit = steps.commit({"a": os.urandom(50_000)})
        chunk = repo.record("value", repo.manifest(repo.commit(commit)["manifest"])["a"])["chunks"][0]
        assert repo.chunk_place(chunk) is None
        assert len(steps.state(commit)["a"]) == 50_000
        repo.sync()
        maintenance.gc(repo)
        repo.acquire_lease(steps.session, "k", {})
        repo._database.execute("UPDATE leases SET host = 'another', time = ?", (time.time(),))
        with pytest.raises(StoreBusyError, match="another machine"):
            repo.acquire_lease(steps.session, "k2", {})
