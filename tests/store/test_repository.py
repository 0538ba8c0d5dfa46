from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from tests.store.steps import Steps

from timeslip.errors import CommitNotFoundError, InternalError, SessionNotFoundError, StoreError, StoreNotFoundError
from timeslip.store.repository import Repository, default_store_directory
from timeslip.store.rows import Ref


def test_store_is_private(repo: Repository, directory: Path) -> None:
    repo.put_chunk(os.urandom(30_000))
    with repo.transaction():
        pass
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "timeslip.db").stat().st_mode) == 0o600
    assert stat.S_IMODE((directory / "packs").stat().st_mode) == 0o700
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in (directory / "packs").iterdir())


def test_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TIMESLIP_HOME", str(tmp_path / "here"))
    assert default_store_directory() == tmp_path / "here"
    monkeypatch.delenv("TIMESLIP_HOME")
    assert "timeslip" in str(default_store_directory())


def test_no_store_there(tmp_path: Path) -> None:
    for options in ({"create": False}, {"read_only": True}):
        with pytest.raises(StoreNotFoundError):
            Repository.open(tmp_path / "none", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "none").exists()


def test_history_is_there_again_after_reopening(directory: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo)
        commits = [steps.commit({"a": b"%d" % n, f"n{n}": b"x"}, execution_count=n % 3) for n in range(10)]
        session, store = steps.session, repo.store_id
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo, session)
        assert repo.store_id == store
        assert len(store) == 32
        assert [c for c, _ in repo.commits(session)] == commits[::-1]
        assert [c for c, _ in repo.commits(session, limit=3)] == commits[:-4:-1]
        assert [c for c, _ in repo.commits(session, before_seq=4)] == commits[2::-1]
        assert [body["seq"] for _, body in repo.commits(session)] == list(range(10, 0, -1))
        assert repo.commit(commits[3])["parents"] == [commits[2]]
        assert repo.commit(commits[3])["session"] == session
        assert repo.commit_children(commits[3]) == [commits[4]]
        assert repo.commits_with_execution_count(session, 1) == [commits[7], commits[4], commits[1]]
        assert repo.refs(session) == [Ref("branch", "main", commits[-1])]
        assert [op.after for op in repo.operations(session, limit=2)] == [commits[-1], commits[-2]]
        assert repo.operations(session, kernel="other") == []
        assert steps.state(commits[4]) == {"a": b"4", **{f"n{n}": b"x" for n in range(5)}}
        assert steps.head == commits[-1]


def test_prefixes(steps: Steps) -> None:
    commits = [steps.commit({"a": b"%d" % n}) for n in range(40)]
    other = Steps(steps.repo)
    other.commit({"a": b"1"})
    for commit in commits:
        assert steps.repo.resolve_prefix(steps.session, commit) == [commit]
        for length in (1, 2, 3, 7):
            expected = sorted(c for c in commits if c.startswith(commit[:length]))
            assert steps.repo.resolve_prefix(steps.session, commit[:length].upper()) == expected
        assert steps.repo.resolve_prefix(other.session, commit) == []
    for nonsense in ("", "xyz", "main", "0" * 65, "é"):
        assert steps.repo.resolve_prefix(steps.session, nonsense) == []


def test_names_move_and_go(steps: Steps) -> None:
    one, two = steps.commit({"a": b"1"}), steps.commit({"a": b"2"})
    with steps.repo.transaction() as tx:
        tx.set_ref(steps.session, "tag", "v1", one)
        tx.set_ref(steps.session, "branch", "main", one)
        tx.set_ref(steps.session, "branch", "gone", None)
    assert steps.repo.refs(steps.session) == [Ref("branch", "main", one), Ref("tag", "v1", one)]
    with steps.repo.transaction() as tx:
        tx.set_ref(steps.session, "tag", "v1", None)
        tx.describe(steps.session, two, "second")
    assert steps.repo.refs(steps.session) == [Ref("branch", "main", one)]
    assert steps.repo.note(steps.session, two) == "second"
    assert steps.repo.note(steps.session, one) is None
    with steps.repo.transaction() as tx:
        tx.describe(steps.session, two, None)
    assert steps.repo.note(steps.session, two) is None


def test_head_per_kernel(steps: Steps) -> None:
    one = steps.commit({"a": b"1"})
    with steps.repo.transaction() as tx:
        tx.set_head(steps.session, "k2", None, "other")
    heads = {head.kernel: (head.commit, head.branch) for head in steps.repo.heads(steps.session)}
    assert heads == {"k1": (one, "main"), "k2": (None, "other")}
    newest = steps.repo.head(steps.session)
    assert newest is not None
    assert newest.kernel == "k2"
    assert steps.repo.head(steps.session, "k3") is None


def test_failed_block_changes_nothing(steps: Steps) -> None:
    before = steps.commit({"a": b"1"})

    class Stop(BaseException):
        pass

    with pytest.raises(Stop), steps.repo.transaction() as tx:
        value = tx.put_record("value", {"x": 1})
        commit = tx.put_commit(steps.session, {"manifest": tx.put_manifest(None, {"a": value})}, [before])
        tx.set_head(steps.session, "k1", commit, "main")
        tx.append_operation(steps.session, "k1", "run", before, commit)
        raise Stop
    assert steps.head == before
    assert len(steps.repo.commits(steps.session)) == 1
    assert len(steps.repo.operations(steps.session)) == 1
    with pytest.raises(CommitNotFoundError):
        steps.repo.commit(commit)
    after = steps.commit({"b": b"2"})
    assert steps.repo.commit(after)["seq"] == 2


def test_wrong_use_is_refused(steps: Steps) -> None:
    with steps.repo.transaction() as tx:
        pass
    with pytest.raises(InternalError):
        tx.put_record("text", {})
    with pytest.raises(InternalError), steps.repo.transaction(), steps.repo.transaction():
        pass
    with pytest.raises(CommitNotFoundError), steps.repo.transaction() as tx:
        tx.put_commit(steps.session, {}, ["ab" * 32])
    with pytest.raises(SessionNotFoundError), steps.repo.transaction() as tx:
        tx.put_commit("ab" * 16, {}, [])
    with pytest.raises(InternalError), steps.repo.transaction() as tx:
        tx.set_ref(steps.session, "remote", "x", None)
    assert steps.commit({"a": b"1"})


def test_commit_of_another_session_cannot_get_names_here(steps: Steps) -> None:
    other = Steps(steps.repo)
    foreign = other.commit({"a": b"1"})
    with pytest.raises(CommitNotFoundError), steps.repo.transaction() as tx:
        tx.set_ref(steps.session, "tag", "x", foreign)


def test_closed(directory: Path) -> None:
    repo = Repository.open(directory, min_free_bytes=0)
    repo.close()
    repo.close()
    with pytest.raises(StoreError, match="closed"):
        repo.sessions()


def test_log_of_ten_thousand_is_one_indexed_read(steps: Steps) -> None:
    for n in range(50):
        steps.commit({"a": b"%d" % n})
    plans = [
        "SELECT r.id FROM commits c JOIN records r ON r.n = c.record WHERE c.session = 1 AND seq < 9 ORDER BY seq DESC",
        "SELECT id FROM records WHERE id BETWEEN x'00' AND x'01' AND kind = 1 ORDER BY id",
        "SELECT record FROM commits WHERE session = 1 AND execution_count = 3 ORDER BY seq DESC",
        "SELECT * FROM operations WHERE session = 1 ORDER BY seq DESC",
        "SELECT n FROM chunks WHERE refs = 0 AND n > 5 ORDER BY n",
        "SELECT child FROM edges WHERE parent = 3",
    ]
    for sql in plans:
        text = " ".join(str(row[3]) for row in steps.repo._database.execute("EXPLAIN QUERY PLAN " + sql))
        assert "SEARCH" in text or "chunks_dead" in text, (sql, text)
        assert "TEMP B-TREE" not in text, (sql, text)


def test_all_commits_are_read_a_page_at_a_time(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [steps.commit({"a": b"%d" % number}) for number in range(7)]
    monkeypatch.setattr("timeslip.store.log._PAGE", 3)
    assert [commit for commit, _ in steps.repo.every_commit(steps.session)] == made[::-1]
    assert [commit for commit, _ in steps.repo.every_commit(steps.session, oldest_first=True)] == made
    monkeypatch.setattr("timeslip.store.log._PAGE", 7)
    assert [commit for commit, _ in steps.repo.every_commit(steps.session)] == made[::-1]
    newest = steps.repo.every_commit(steps.session)
    opened: list[object] = []
    original = steps.repo._records.open
    monkeypatch.setattr(steps.repo._records, "open", lambda *a, **given: opened.append(a) or original(*a, **given))
    assert next(newest)[0] == made[-1]
    assert len(opened) == 1, "commits that nobody asked for were read"


def test_what_was_made_of_a_manifest_tells_what_it_was(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [steps.commit({f"n{number}": b"1", "x": b"%d" % number}) for number in range(9)]
    manifests = [steps.repo.commit(commit)["manifest"] for commit in made]
    monkeypatch.setattr(steps.repo._manifests, "_read", lambda manifest: pytest.fail("all of them are remembered"))
    for number in (3, 8, 0, 5, 4, 8):
        names = {f"n{before}" for before in range(number + 1)} | {"x"}
        state = steps.repo.manifest(manifests[number])
        assert set(state) == names
        state.clear()  # it is the caller's own
        assert set(steps.repo.manifest(manifests[number])) == names


@pytest.mark.parametrize("where", ["_keep", "_apply"])
def test_a_transaction_that_fails_while_it_is_remembered_leaves_no_trace(
    where: str, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = steps.commit({"a": b"1"})
    manifest = steps.repo.commit(before)["manifest"]
    expected = steps.repo.manifest(manifest)
    original = getattr(steps.repo._manifests, where)

    def failing(*args: object) -> None:
        if where == "_apply":
            original(*args)
        raise MemoryError

    with monkeypatch.context() as patch, pytest.raises(MemoryError), steps.repo.transaction() as tx:
        patch.setattr(steps.repo._manifests, where, failing)
        tx.put_manifest(manifest, {"a": tx.put_record("value", {"x": 1})})
    assert steps.repo.manifest(manifest) == expected
    after = steps.commit({"b": b"2"})
    assert steps.state(after) == {"a": b"1", "b": b"2"}
