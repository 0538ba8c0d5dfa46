from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest
from tests.store.steps import Steps

from timeslip.config import Settings
from timeslip.errors import (
    DamagedStoreError,
    ForgottenError,
    NotFoundError,
    SessionNotFoundError,
    StoreReadOnlyError,
    UsageError,
)
from timeslip.ids import RecordId
from timeslip.store import maintenance
from timeslip.store.database import Database
from timeslip.store.maintenance import RetentionPolicy
from timeslip.store.records import RecordTable
from timeslip.store.repository import Repository


def grow(steps: Steps, count: int, size: int = 50_000) -> list[str]:
    return [steps.commit({"big": os.urandom(size), f"n{n % 3}": b"%d" % n}) for n in range(count)]


def test_gc_of_a_tidy_store_changes_nothing(steps: Steps) -> None:
    commits = grow(steps, 5)
    states = {commit: steps.state(commit) for commit in commits}
    report = maintenance.gc(steps.repo)
    assert (report.values, report.chunks, report.messages) == (0, 0, ())
    assert {commit: steps.state(commit) for commit in commits} == states


def test_retention_drops_oldest_values_only(steps: Steps) -> None:
    repo = steps.repo
    commits = grow(steps, 40)
    with repo.transaction() as tx:
        tx.set_ref(steps.session, "tag", "precious", commits[2])
        tx.set_head(steps.session, "other kernel", commits[4], "main")
    states = {commit: steps.state(commit) for commit in commits}
    policy = RetentionPolicy(max_store_bytes=1_000_000, keep_commits=3, undo_steps=4)
    planned = maintenance.gc(repo, keep=policy, dry_run=True)
    assert planned.dry_run
    assert planned.values > 0
    assert {c: steps.state(c) for c in commits} == states
    report = maintenance.gc(repo, keep=policy)
    assert report.values == planned.values
    assert report.commits == planned.commits
    assert report.freed_bytes == pytest.approx(planned.freed_bytes, rel=0.2)
    assert repo.size_bytes() <= 1_000_000
    kept, dropped, told = [], [], set()
    for commit in commits:
        try:
            assert steps.state(commit) == states[commit]
            kept.append(commit)
        except ForgottenError as error:
            told.add((error.code, error.hint))
            dropped.append(commit)
    assert told == {("forgotten", "it may come back by replay; raise `max_store_bytes` to keep more")}
    assert {commits[2], commits[4]} <= set(kept)
    assert kept[2:] == commits[len(dropped) + 2 :], "beside what is named, the oldest went first"
    assert len(dropped) == report.commits
    assert len(repo.commits(steps.session)) == 40, "every commit stays listed"
    assert all(repo.record("text", body["code"])["text"] for _, body in repo.commits(steps.session))
    gone = repo.dropped_values(repo.commit(dropped[0])["manifest"])
    assert gone == {repo.manifest(repo.commit(dropped[0])["manifest"])["big"]}
    assert repo.record("value", next(iter(gone)), dropped=True)["chunks"]
    assert maintenance.check(repo).problems == ()
    again = maintenance.gc(repo, keep=policy)
    assert again.values == 0


def test_protected_values_are_never_dropped_and_it_is_said(steps: Steps) -> None:
    commits = grow(steps, 10)
    states = {commit: steps.state(commit) for commit in commits}
    report = maintenance.gc(steps.repo, keep=RetentionPolicy(max_store_bytes=1000, keep_commits=10, undo_steps=0))
    assert report.values == 0
    assert any("above its limit" in message for message in report.messages)
    assert {commit: steps.state(commit) for commit in commits} == states


def test_undo_steps_keep_their_values(steps: Steps) -> None:
    commits = grow(steps, 20)
    maintenance.gc(steps.repo, keep=RetentionPolicy(max_store_bytes=1000, keep_commits=0, undo_steps=5))
    for commit in commits[-6:]:
        assert steps.state(commit)
    with pytest.raises(ForgottenError):
        steps.state(commits[-7])


def test_each_kernel_at_work_keeps_its_own_steps_whatever_else_is_done(repo: Repository) -> None:
    mine = Steps(repo)
    other = Steps(repo, mine.session, "k2")
    repo.acquire_lease(mine.session, "k1", {})
    commits = grow(mine, 12)
    busy = grow(other, 30, size=10)
    with repo.transaction() as tx:
        tx.append_operation(mine.session, "k1", "undo", commits[-1], commits[-3], {"steps": 2})
        tx.set_head(mine.session, "k1", commits[-3], "main")
        for _ in range(10):
            tx.append_operation(mine.session, "k1", "gc", commits[-3], commits[-3], {})
            tx.append_operation(other.session, "k2", "tag", busy[-1], busy[-1], {})
    maintenance.gc(repo, keep=RetentionPolicy(max_store_bytes=1000, keep_commits=0, undo_steps=4))
    for commit in commits[-7:]:  # four steps back from the third last commit, and the two that can be redone
        assert mine.state(commit)
    with pytest.raises(ForgottenError):
        mine.state(commits[-8])


def test_newest_commits_are_counted_for_each_kernel_at_work(repo: Repository) -> None:
    mine = Steps(repo)
    other = Steps(repo, mine.session, "k2")
    repo.acquire_lease(mine.session, "k1", {})
    commits = grow(mine, 10)
    grow(other, 10, size=10)
    maintenance.gc(repo, keep=RetentionPolicy(max_store_bytes=1000, keep_commits=5, undo_steps=0))
    for commit in commits[-5:]:
        assert mine.state(commit)
    with pytest.raises(ForgottenError):
        mine.state(commits[-6])


def test_dropped_value_cannot_enter_a_new_state_unseen(steps: Steps) -> None:
    commits = grow(steps, 20)
    old = steps.repo.manifest(steps.repo.commit(commits[0])["manifest"])["big"]
    maintenance.gc(steps.repo, keep=RetentionPolicy(max_store_bytes=1000, keep_commits=1, undo_steps=0))
    with pytest.raises(ForgottenError, match="dropped"), steps.repo.transaction() as tx:
        tx.put_manifest(None, {"big": old})


def test_policy_comes_from_settings() -> None:
    settings = Settings(max_store_bytes=5, keep_commits=6, undo_steps=7)
    assert RetentionPolicy.from_settings(settings) == RetentionPolicy(5, 6, 7)


def test_dead_bytes_in_packs_are_given_back(repo: Repository) -> None:
    keep, gone = Steps(repo), Steps(repo)
    for _ in range(5):
        keep.commit({"a": os.urandom(20_000)})
        gone.commit({"a": os.urandom(200_000)})
    states = [keep.state(commit) for commit, _ in repo.commits(keep.session)]
    before = repo.size_bytes()
    repo.remove_session(gone.session)
    steps: list[str] = []
    report = maintenance.gc(repo, progress=lambda what, done, total: steps.append(what))
    assert report.chunks == 5
    assert report.freed_bytes > 900_000
    assert repo.size_bytes() < before - 900_000
    assert [keep.state(commit) for commit, _ in repo.commits(keep.session)] == states
    assert maintenance.check(repo).problems == ()
    assert "packs" in steps
    repo.remove_session(keep.session)
    maintenance.gc(repo)
    assert repo._packs.sizes() == {}
    assert keep.repo.create_session("x")


def test_records_shared_with_another_session_survive_its_removal(repo: Repository) -> None:
    original = Steps(repo)
    commit = original.commit({"a": os.urandom(20_000)})
    state, manifest = original.state(commit), RecordId(repo.commit(commit)["manifest"])
    copy = Steps(repo)
    with repo.transaction() as tx:
        grown = tx.put_manifest(manifest, {"b": tx.put_record("value", {"chunks": []})})
        mine = tx.put_commit(copy.session, {"manifest": grown}, [])
        tx.set_head(copy.session, "k1", mine, "main")
    repo.remove_session(original.session)
    maintenance.gc(repo)
    assert copy.state(mine) == {**state, "b": b""}
    assert maintenance.check(repo).problems == ()


def test_usage_adds_up(repo: Repository) -> None:
    one, two = Steps(repo), Steps(repo)
    repo.rename_session(one.session, "one")
    shared = os.urandom(100_000)
    one.commit({"big": shared, "small": b"1"})
    one.commit({"big": os.urandom(50_000)})
    two.commit({"big": shared})
    used = maintenance.usage(repo, one.session, limit_bytes=7)
    names = {row.name: row for row in used.names}
    assert (names["big"].versions, names["small"].versions) == (2, 1)
    assert 150_000 <= names["big"].bytes < 152_000
    rows = {row.name: row for row in used.sessions}
    assert next(row.name for row in used.sessions) == "one"
    assert 150_000 <= rows["one"].bytes < 154_000
    assert 50_000 <= rows["one"].own_bytes < 54_000
    assert used.total_bytes == repo.size_bytes()
    assert used.free_bytes > 0
    assert used.limit_bytes == 7


def test_sizes_of_sessions_are_told_without_reading_them(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are asked for by everybody who lists the sessions."""
    one, two = Steps(repo), Steps(repo)
    repo.rename_session(one.session, "one")
    described = one.commit({"a": b"1"})
    for number in range(5):
        one.commit({"a": b"%d" % number})
        two.commit({"b": b"%d" % number})
    before = {row.name: row.bytes for row in maintenance.usage(repo).sessions}
    with repo.transaction() as tx:  # a message may be added at any time, also after another session's commit
        tx.describe(one.session, described, "".join(map(str, range(3000))))
    two.commit({"b": b"6"})
    monkeypatch.setattr(type(repo._records), "open", None)
    after = {row.name: row.bytes for row in maintenance.usage(repo).sessions}
    assert after["one"] - before["one"] > 3000
    assert after["notebook-2"] - before["notebook-2"] < 3000
    assert sum(after.values()) < repo.size_bytes()


def contains(directory: Path, needle: bytes) -> list[str]:
    return [p.name for p in sorted(directory.rglob("*")) if p.is_file() and needle in p.read_bytes()]


@pytest.mark.parametrize("size", [10, 300, 40_000])
def test_forgotten_bytes_are_nowhere(directory: Path, size: int) -> None:
    secret = random.Random(3).randbytes(max(size, 32))
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo)
        first = steps.commit({"secret": secret, "other": os.urandom(30_000)})
        for n in range(30):
            steps.commit({f"n{n}": os.urandom(400)})
        with repo.transaction() as tx:
            private = tx.put_record("text", {"text": "x" * 20 + secret[:32].hex()})
        value = repo.manifest(repo.commit(first)["manifest"])["secret"]
        repo.sync()
        assert contains(directory, secret[:32])
        log = [commit for commit, _ in repo.commits(steps.session)]
        report = maintenance.forget(repo, steps.session, [value, private, value])
        assert (report.records, report.chunks, report.shared, report.waiting) == (2, 1, 0, 0)
        assert contains(directory, secret[:32]) == []
        assert [commit for commit, _ in repo.commits(steps.session)] == log, "no commit changed its name"
        for kind, record in (("value", value), ("text", private)):
            with pytest.raises(ForgottenError, match="for good"):
                repo.record(kind, record)
        assert len(
            repo.get_chunk(repo.record("value", repo.manifest(repo.commit(first)["manifest"])["other"])["chunks"][0])
        )
        assert maintenance.check(repo).problems == ()
    assert contains(directory, secret[:32]) == []


def test_forget_tells_what_stays(steps: Steps) -> None:
    data = os.urandom(20_000)
    commit = steps.commit({"a": data, "b": data})
    values = steps.repo.manifest(steps.repo.commit(commit)["manifest"])
    assert maintenance.forget(steps.repo, steps.session, [values["a"]]).shared == 1
    assert steps.value(values["b"]) == data
    report = maintenance.forget(steps.repo, steps.session, [values["b"]])
    assert (report.chunks, report.shared) == (1, 0)


def test_forget_refuses_what_holds_no_text(steps: Steps) -> None:
    commit = steps.commit({"a": b"1"})
    manifest = steps.repo.commit(commit)["manifest"]
    value = steps.repo.manifest(manifest)["a"]
    for wrong in (commit, manifest):
        with pytest.raises(UsageError):
            maintenance.forget(steps.repo, steps.session, [value, wrong])
    with pytest.raises(NotFoundError):
        maintenance.forget(steps.repo, steps.session, [value, "00" * 32])
    with pytest.raises(SessionNotFoundError):
        maintenance.forget(steps.repo, "00" * 16, [value])
    assert steps.state(commit) == {"a": b"1"}, "a refused call did nothing"


def test_check_names_what_is_damaged(steps: Steps) -> None:
    commit = steps.commit({"good": os.urandom(20_000), "bad": os.urandom(20_000)})
    chunk = steps.repo.record("value", steps.repo.manifest(steps.repo.commit(commit)["manifest"])["bad"])["chunks"][0]
    place = steps.repo.chunk_place(chunk)
    assert place is not None
    with open(place.path, "r+b") as file:
        file.seek(place.offset + 77)
        file.write(b"\0\1\2")
    (problem,) = maintenance.check(steps.repo).problems
    assert (problem.subject, problem.id) == ("chunk", chunk)
    assert problem.where == (f"notebook: bad at {commit.short}",)
    with pytest.raises(DamagedStoreError, match="do not match"):
        steps.state(commit)
    other = Steps(steps.repo)
    other.commit({"x": os.urandom(100_000)})
    steps.repo.remove_session(other.session)
    report = maintenance.gc(steps.repo)
    assert any("not rewritten" in message for message in report.messages), (
        "damaged bytes are not carried on, nor thrown away"
    )
    with pytest.raises(DamagedStoreError):
        steps.state(commit)


def test_keeper_of_a_read_only_store(steps: Steps, directory: Path) -> None:
    steps.commit({"a": b"1"})
    with Repository.open(directory, read_only=True) as repo:
        assert maintenance.check(repo).problems == ()
        assert maintenance.usage(repo).sessions
        assert maintenance.gc(repo, dry_run=True).dry_run
        with pytest.raises(StoreReadOnlyError):
            maintenance.gc(repo)


def test_check_reads_no_record_more_often_than_it_has_to(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    """A history of 100,000 commits has several times as many records: each of them costs."""
    grow(steps, 30, size=10)
    opened: list[str] = []
    asked: list[str] = []
    usual_open, usual_one = RecordTable.open, Database.one

    def counted_open(records: RecordTable, row: Any, kind: str, **given: Any) -> Any:
        opened.append(kind)
        return usual_open(records, row, kind, **given)

    def counted_one(database: Database, sql: str, parameters: Any = ()) -> Any:
        asked.append(sql)
        return usual_one(database, sql, parameters)

    monkeypatch.setattr(RecordTable, "open", counted_open)
    monkeypatch.setattr(Database, "one", counted_one)
    report = maintenance.check(steps.repo)
    assert report.sound
    assert len(opened) <= report.records + 31, "only commits twice: for what is in them, and for the index"
    assert len([sql for sql in asked if "FROM records" in sql]) < 5, "what a record needs is looked for together"


def test_a_record_that_another_needs_and_is_gone_is_named(steps: Steps) -> None:
    commits = grow(steps, 3, size=10)
    gone = steps.repo.commit(commits[1])["manifest"]
    with steps.repo._database.write():
        steps.repo._database.execute("DELETE FROM records WHERE id = ?", (bytes.fromhex(gone),))
    texts = [problem.text for problem in maintenance.check(steps.repo).problems]
    assert texts.count(f"this commit needs record {gone[:8]}, which is gone") == 1


def test_what_is_to_be_dropped_takes_one_pass_over_the_history(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    commits = grow(steps, 30, size=20_000)
    opened: list[str] = []
    usual = RecordTable.open

    def counted(records: RecordTable, row: Any, kind: str, **given: Any) -> Any:
        opened.append(kind)
        return usual(records, row, kind, **given)

    monkeypatch.setattr(RecordTable, "open", counted)
    policy = RetentionPolicy(max_store_bytes=300_000, keep_commits=2, undo_steps=1)
    planned = maintenance.gc(steps.repo, keep=policy, dry_run=True)
    assert planned.commits > 5
    assert opened.count("commit") <= len(commits) + 5
