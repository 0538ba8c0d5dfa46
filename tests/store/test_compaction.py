"""What is cold is compressed: the same bytes before and after, whatever comes in between; and only what is cold."""

from __future__ import annotations

import random
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.steps import Steps
from tests.store.test_crash import bury

from timeslip.errors import DamagedStoreError, StoreBusyError, StoreFullError
from timeslip.store import collect, compaction, maintenance
from timeslip.store.compaction import compact
from timeslip.store.compression import compress_cold
from timeslip.store.mapping import RUN
from timeslip.store.pages import is_possible
from timeslip.store.repository import Repository
from timeslip.store.retention import RetentionPolicy
from timeslip.store.vacated import Position, lock_of, vacated_packs
from timeslip.testing.faults import FailingFiles, ProcessDied, copy_store

pytestmark = pytest.mark.skipif(not is_possible(), reason="elsewhere nothing is stored to be mapped")

SIZE = 2 * RUN
POLICY = RetentionPolicy(undo_steps=2)


@cache
def words(seed: int, size: int = SIZE) -> bytes:
    """Bytes that compress well, of which no two seeds share any eight."""
    rng = random.Random(seed)
    return b"".join(b"%016x" % (rng.getrandbits(24) + (seed << 32)) for _ in range(size // 16))


class Session(Steps):
    """Commits buffers that are stored to be mapped."""

    def grow(self, count: int, first: int = 0) -> list[str]:
        return [self.add({"a": words(n), "b": words(1000 + n)}) for n in range(first, first + count)]

    def add(self, values: dict[str, bytes]) -> str:
        for data in values.values():
            self.repo.put_chunk(data, 16)
        return self.commit(values)

    def states(self, commits: list[str]) -> list[dict[str, bytes]]:
        return [self.state(commit) for commit in commits]


def raw_chunks(repo: Repository) -> int:
    row = repo._database.one("SELECT count(*) FROM chunks WHERE codec = 0 AND place = 1 AND size = ?", (SIZE,))
    assert row
    return int(row[0])


def bytes_on_disk(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((directory / "packs").glob("*.pack")))


@pytest.fixture
def session(repo: Repository) -> Session:
    return Session(repo)


def test_what_is_cold_is_compressed_and_what_is_at_hand_is_not(session: Session) -> None:
    repo = session.repo
    commits = session.grow(12)
    with repo.transaction() as tx:
        tx.set_ref(session.session, "tag", "kept", commits[3])
    states, before = session.states(commits), repo.size_bytes()
    assert raw_chunks(repo) == 24
    done = compact(repo, POLICY)
    assert (done.chunks, done.finished, done.problems) == (16, True, [])
    assert raw_chunks(repo) == 8, "HEAD, two steps back, and the tag"
    assert before - repo.size_bytes() > 0.8 * (done.before - done.after) > 0
    assert session.states(commits) == states
    assert maintenance.check(repo).problems == ()
    again = compact(repo, POLICY)
    assert (again.chunks, again.finished) == (0, True)
    later = session.grow(4, 12)
    assert compact(repo, POLICY).chunks == 8, "what was at hand the last time is cold now, what has a tag is not"
    assert session.states([*commits, *later])[:12] == states
    assert maintenance.check(repo).problems == ()


def test_what_does_not_compress_is_looked_at_once(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(0)
    commits = [session.add({"a": rng.randbytes(SIZE)}) for _ in range(8)]
    states = session.states(commits)
    assert compact(session.repo, POLICY).chunks == 0
    looked: list[Any] = []
    monkeypatch.setattr(compaction, "compress_cold", looked.append)
    assert compact(session.repo, POLICY).finished
    assert not looked
    assert session.states(commits) == states


@given(
    stops=st.lists(st.integers(0, 9), max_size=5),
    batch=st.integers(1, 6),
    grown=st.lists(st.integers(0, 4), min_size=6, max_size=6),
)
def test_stopped_anywhere_it_goes_on_where_it_was(
    tmp_path_factory: pytest.TempPathFactory, stops: list[int], batch: int, grown: list[int]
) -> None:
    """And in the end everything is as if it had never been stopped."""
    with Repository.open(tmp_path_factory.mktemp("s") / "store", min_free_bytes=0) as repo:
        session = Session(repo)
        commits = session.grow(6)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compaction, "_BATCH", batch * SIZE)
            for more, stop in zip(grown, stops, strict=False):
                left = iter(range(stop))
                compact(repo, POLICY, goes_on=lambda left=left: next(left, None) is not None)  # type: ignore[misc]
                commits += session.grow(more, len(commits))
        assert compact(repo, POLICY).finished
        assert raw_chunks(repo) == 6
        for number, commit in enumerate(commits):
            assert session.state(commit) == {"a": words(number), "b": words(1000 + number)}
        assert maintenance.check(repo).problems == ()


@given(schedule=st.text("wwwwwwWxf", min_size=1, max_size=40))
def test_whatever_the_disk_does_nothing_is_lost(tmp_path_factory: pytest.TempPathFactory, schedule: str) -> None:
    base = tmp_path_factory.mktemp("s")
    files = FailingFiles()
    repo = Repository.open(base / "store", min_free_bytes=0, files=files)
    session = Session(repo)
    commits = session.grow(6)
    files._schedule, files.events = schedule, 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "_BATCH", 3 * SIZE)
        with suppress(StoreFullError, ProcessDied):
            compact(repo, POLICY)
    copy = copy_store(base / "store", base / "copy")
    bury(repo)
    with Repository.open(copy, min_free_bytes=0) as again:
        after = Session(again, session.session)
        for number, commit in enumerate(commits):
            assert after.state(commit) == {"a": words(number), "b": words(1000 + number)}
        assert compact(again, POLICY).finished
        assert maintenance.check(again).problems == ()
        assert after.state(commits[0]) == {"a": words(0), "b": words(1000)}


def test_after_a_power_cut_nothing_points_to_what_was_not_on_the_disk(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = FailingFiles()
    with Repository.open(directory, min_free_bytes=0, files=files) as repo:
        session = Session(repo)
        commits = session.grow(8)
        repo.sync()
        with monkeypatch.context() as patch:
            patch.setattr(collect, "reclaim_packs", lambda *_args, **_named: set())  # which syncs
            assert compact(repo, POLICY).chunks
        dark = copy_store(directory, tmp_path / "dark", durable=dict(files.durable))
    monkeypatch.setattr("timeslip.store.durability.boot_id", lambda: "the next boot")
    with Repository.open(dark, min_free_bytes=0) as again:
        after = Session(again, session.session)
        assert again.notices == ()
        for number, commit in enumerate(commits):
            assert after.state(commit) == {"a": words(number), "b": words(1000 + number)}


def test_what_is_forgotten_is_in_no_pack_although_it_was_moved(
    session: Session, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither where it was, nor where it was put."""
    repo = session.repo
    commits = session.grow(6)
    record = repo.manifest(repo.commit(commits[0])["manifest"])["a"]
    monkeypatch.setattr(collect, "reclaim_packs", lambda *_args, **_named: set())  # as where too little is dead
    compact(repo, POLICY)
    monkeypatch.undo()
    assert words(0)[:64] in bytes_on_disk(directory)
    assert vacated_packs(repo)
    maintenance.forget(repo, session.session, [record])
    assert words(0)[:64] not in bytes_on_disk(directory)
    assert not vacated_packs(repo)
    assert session.states(commits[1:]) == [{"a": words(n), "b": words(1000 + n)} for n in range(1, 6)]
    assert maintenance.check(repo).problems == ()


def test_a_chunk_that_goes_meanwhile_leaves_a_pack_to_be_rewritten(
    session: Session, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = session.repo
    commits = session.grow(6)
    monkeypatch.setattr(compaction, "_BATCH", 1)
    left = iter([True, True, False])

    def goes_on() -> bool:
        more = next(left, False)
        if not more:
            with repo._database.write():
                repo._database.execute("DELETE FROM chunks WHERE n = (SELECT min(n) FROM chunks WHERE codec = 0)")
        return more

    compact(repo, POLICY, goes_on=goes_on)
    assert vacated_packs(repo)
    with pytest.raises(DamagedStoreError):
        session.states(commits)


def test_forget_and_compaction_exclude_each_other(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = session.repo
    commits = session.grow(6)
    record = repo.manifest(repo.commit(commits[0])["manifest"])["a"]
    monkeypatch.setattr(maintenance, "_PATIENCE", 0.05)
    lock = lock_of(repo)
    assert lock.try_exclusive()
    try:
        done = compact(repo, POLICY)
        assert (done.chunks, done.finished) == (0, False)
        with pytest.raises(StoreBusyError, match="compressing"):
            maintenance.forget(repo, session.session, [record])
        assert session.state(commits[0])["a"] == words(0), "nothing was done"
    finally:
        lock.close()
    assert compact(repo, POLICY).chunks > 0
    assert maintenance.forget(repo, session.session, [record]).records == 1


def test_a_damaged_chunk_is_told_and_stays(session: Session, directory: Path) -> None:
    repo = session.repo
    commits = session.grow(6)
    place = repo.chunk_place(repo.record("value", repo.manifest(repo.commit(commits[0])["manifest"])["a"])["chunks"][0])
    assert place is not None
    with open(place.path, "r+b") as file:
        file.seek(place.offset + 100)
        file.write(b"damage")
    done = compact(repo, POLICY)
    assert done.finished
    assert any("do not match" in problem for problem in done.problems)
    assert len(maintenance.check(repo).problems) >= 1
    assert session.states(commits[1:]) == [{"a": words(n), "b": words(1000 + n)} for n in range(1, 6)]


def test_a_note_that_cannot_be_read_begins_anew(session: Session) -> None:
    repo = session.repo
    commits = session.grow(6)
    states = session.states(commits)
    for value in ("[]", "nonsense", '{"to": "x"}', None, 7):
        with repo._database.write():
            repo._database.execute("INSERT OR REPLACE INTO meta VALUES ('compacted', ?)", (value,))
        assert compact(repo, POLICY).finished
    assert session.states(commits) == states
    assert raw_chunks(repo) == 6


def test_a_thorough_gc_compresses(session: Session) -> None:
    repo = session.repo
    commits = session.grow(8)
    states, told = session.states(commits), []
    assert maintenance.gc(repo, keep=POLICY).freed_bytes == 0
    report = maintenance.gc(repo, keep=POLICY, thorough=True, progress=lambda *said: told.append(said))
    assert report.freed_bytes > 4 * SIZE
    assert ("compression", 10, 10) in told
    assert session.states(commits) == states
    assert maintenance.check(repo).problems == ()


def test_a_pack_to_which_something_was_moved_stays_until_it_is_pointed_to(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel commits, and lets old values go, while its thread compresses: what that has put is nobody's yet."""
    repo = session.repo
    commits = session.grow(8)
    repo._packs.retire()  # as when it has become large
    real, done = compaction.compress_cold, iter(range(100))

    def meanwhile(data: bytes) -> object:
        if next(done) == 3:
            commits.append(session.commit({"c": b"small"}))
            maintenance.gc(repo, keep=POLICY)
        return real(data)

    monkeypatch.setattr(compaction, "compress_cold", meanwhile)
    assert compact(repo, POLICY).chunks
    assert maintenance.check(repo).problems == ()
    states = session.states(commits)
    assert [state["a"] for state in states[:8]] == [words(n) for n in range(8)]


def test_a_pack_that_has_dead_bytes_already_stays_noted(session: Session) -> None:
    """What a process left that was killed, or an earlier batch: the next batch goes to the same pack."""
    repo = session.repo
    session.grow(6)
    rows = compaction._candidates(repo, Position())
    repo._packs.retire()
    compaction._Batch(repo, compaction.Compaction()).add(rows[0])
    left = vacated_packs(repo)
    assert left
    again = compaction._Batch(repo, compaction.Compaction())
    again.add(rows[1])
    again.publish(0, [])
    assert left < vacated_packs(repo)


def test_what_a_collection_moves_meanwhile_is_found_again(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = session.repo
    commits = session.grow(8)
    states = session.states(commits)
    real, done = compaction.compress_cold, iter(range(100))

    def meanwhile(data: bytes) -> object:
        if next(done) == 2:
            repo._packs.retire()
            repo.sync()
            commits.append(session.commit({"c": b"small"}))
            collect.reclaim_packs(repo, collect.Work(), None, share=0.0)
        return real(data)

    monkeypatch.setattr(compaction, "compress_cold", meanwhile)
    first = compact(repo, POLICY)
    assert first.problems == [], "nothing is damaged"
    assert first.chunks + compact(repo, POLICY).chunks == 12, "what was moved under its hands is done the next time"
    assert session.states(commits[:8]) == states
    assert maintenance.check(repo).problems == ()


def test_forget_gets_its_turn_between_two_batches(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    repo, had = session.repo, []
    session.grow(8)
    monkeypatch.setattr(compaction, "_BATCH", SIZE)

    def others(_: float) -> None:
        lock = lock_of(repo)
        had.append(lock.try_exclusive())
        lock.close()

    monkeypatch.setattr(compaction.time, "sleep", others)
    assert compact(repo, POLICY).chunks == 10
    assert len(had) >= 9
    assert all(had)


def test_where_the_disk_is_full_what_was_moved_is_used(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = session.repo
    commits = session.grow(8)
    states, left = session.states(commits), iter(range(9))
    repo._packs.retire()

    def require_space(_: int = 0) -> None:
        if next(left, None) is None:
            raise StoreFullError("there is no room")

    monkeypatch.setattr(repo._chunks, "require_space", require_space)
    before = repo.size_bytes()
    with pytest.raises(StoreFullError, match="no room"):
        compact(repo, POLICY)
    assert raw_chunks(repo) == 16 - 9
    assert repo.size_bytes() < before, "and its pack was given back"
    assert not vacated_packs(repo)
    assert session.states(commits) == states


def test_a_gc_gives_back_what_is_dead_where_there_is_no_room_to_compress(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = session.repo
    session.grow(8)
    other = Session(repo, kernel="k2")
    commits = other.grow(4, 50)
    repo.remove_session(session.session)
    before = repo.size_bytes()

    def require_space(_: int = 0) -> None:
        raise StoreFullError("there is no room")

    monkeypatch.setattr(repo._chunks, "require_space", require_space)
    report = maintenance.gc(repo, keep=POLICY, thorough=True)
    assert report.freed_bytes > 8 * SIZE
    assert before - repo.size_bytes() > 8 * SIZE
    assert any("no room" in message for message in report.messages)
    assert len(other.states(commits)) == 4


def test_a_thorough_gc_drops_nothing_that_fits_when_it_is_compressed(session: Session) -> None:
    repo = session.repo
    commits = session.grow(12)
    states = session.states(commits)
    limit = RetentionPolicy(max_store_bytes=repo.size_bytes() - 4 * SIZE, keep_commits=1, undo_steps=2)
    report = maintenance.gc(repo, keep=limit, thorough=True)
    assert report.values == 0
    assert repo.size_bytes() < limit.max_store_bytes
    assert session.states(commits) == states


def test_a_gc_goes_on_where_it_cannot_be_told_what_is_in_use(session: Session) -> None:
    repo = session.repo
    commits = session.grow(6)
    manifest = repo.commit(commits[-1])["manifest"]
    with repo._database.write():
        repo._database.execute("UPDATE records SET body = x'00' WHERE id = ?", (bytes.fromhex(manifest),))
    repo._manifests.drop_cache()
    report = maintenance.gc(repo, keep=POLICY, thorough=True)
    assert any("nothing was compressed" in message for message in report.messages)
    assert raw_chunks(repo) == 12


def test_a_rewritten_pack_leaves_no_copy_of_what_is_forgotten_meanwhile(
    session: Session, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = session.repo
    commits = session.grow(4)
    record = repo.manifest(repo.commit(commits[0])["manifest"])["a"]
    repo._packs.retire()
    repo.sync()
    session.commit({"c": b"small"})
    real, told = collect._copy, []

    def meanwhile(*given: Any) -> object:
        done = real(*given)
        if not told:
            monkeypatch.setattr(maintenance, "_PATIENCE", 0.0)
            with pytest.raises(StoreBusyError) as busy:
                maintenance.forget(repo, session.session, [record])
            told.append(busy.value.message)
            monkeypatch.setattr(maintenance, "_PATIENCE", 5.0)
        return done

    monkeypatch.setattr(collect, "_copy", meanwhile)
    with closing(lock_of(repo)) as lock:
        collect.reclaim_packs(repo, collect.Work(), lock, share=-1.0)
    assert told
    maintenance.forget(repo, session.session, [record])
    assert words(0)[:64] not in bytes_on_disk(directory)
    assert session.states(commits[1:]) == [{"a": words(n), "b": words(1000 + n)} for n in range(1, 4)]


@pytest.mark.parametrize("moves", [compaction.compact, maintenance.gc])
def test_what_is_forgotten_is_in_no_pack_wherever_a_process_was_killed(
    tmp_path: Path, moves: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes were on their way to another pack then, or had just been put there."""
    for event in range(100):
        base = tmp_path / str(event)
        files = FailingFiles()
        repo = Repository.open(base / "store", min_free_bytes=0, files=files)
        session = Session(repo)
        commits = session.grow(5)
        gone = Session(repo, kernel="k2")
        gone.grow(8, 100)
        repo._packs.retire()
        repo.sync()
        session.commit({"c": b"small"})
        record = repo.manifest(repo.commit(commits[0])["manifest"])["a"]
        repo.remove_session(gone.session)
        files._schedule, files.events = "w" * event + "x", 0
        died = False
        try:
            moves(repo, POLICY) if moves is compaction.compact else moves(repo, keep=POLICY)
        except ProcessDied:
            died = True
        copy = copy_store(base / "store", base / "copy")
        bury(repo)
        with Repository.open(copy, min_free_bytes=0) as again:
            maintenance.forget(again, session.session, [record])
            left = bytes_on_disk(copy)
            assert words(0)[:64] not in left, event
            assert bytes(compress_cold(words(0))[1])[64:128] not in left, event
            assert maintenance.check(again).problems == ()
        if not died:
            break
    assert event > 3


def test_forget_puts_nothing_into_a_pack_that_it_has_to_rewrite(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packs that processes left are taken up again by whoever writes."""
    with Repository.open(directory, min_free_bytes=0) as repo:
        session = Session(repo)
        commits = session.grow(2)
        record = repo.manifest(repo.commit(commits[0])["manifest"])["a"]
        with Repository.open(directory, min_free_bytes=0) as beside:
            Session(beside, session.session, kernel="k2").grow(2, 10)
    packs = {int(path.stem, 16) for path in (directory / "packs").iterdir()}
    assert len(packs) == 2
    monkeypatch.setattr(maintenance, "vacated_packs", lambda _: packs)
    with Repository.open(directory, min_free_bytes=0) as repo:
        assert maintenance.forget(repo, session.session, [record]).waiting == 0
        assert packs.isdisjoint(int(path.stem, 16) for path in (directory / "packs").iterdir())
        assert words(0)[:64] not in bytes_on_disk(directory)


def test_a_dry_run_says_what_would_be_compressed(session: Session) -> None:
    repo = session.repo
    session.grow(8)
    (message,) = maintenance.gc(repo, keep=POLICY, thorough=True, dry_run=True).messages
    assert f"{10 * SIZE / 1e6:.1f} MB" in message
    assert raw_chunks(repo) == 16
    assert maintenance.gc(repo, keep=POLICY, dry_run=True).messages == ()
    compact(repo, POLICY)
    assert maintenance.gc(repo, keep=POLICY, thorough=True, dry_run=True).messages == ()


def test_what_was_dropped_before_it_is_forgotten_is_in_no_pack(session: Session, directory: Path) -> None:
    repo = session.repo
    commits = session.grow(6)
    record = repo.manifest(repo.commit(commits[0])["manifest"])["a"]
    with repo._database.write():
        row = repo._records.row(record)
        assert row
        collect.drop_values(repo, [row[0]])
    maintenance.gc(repo, keep=POLICY)
    assert words(0)[:64] in bytes_on_disk(directory), "too little of the pack is dead"
    maintenance.forget(repo, session.session, [record])
    assert words(0)[:64] not in bytes_on_disk(directory)
    assert session.states(commits[1:]) == [{"a": words(n), "b": words(1000 + n)} for n in range(1, 6)]


def test_forget_that_was_disturbed_ends_the_next_time(
    session: Session, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = session.repo
    commits = session.grow(6)
    record = repo.manifest(repo.commit(commits[0])["manifest"])["a"]
    monkeypatch.setattr(collect, "_PATIENCE", 0.0)
    with Repository.open(directory, min_free_bytes=0) as other:
        other.put_chunk(b"what it is about to refer to" * 20)
        with pytest.raises(StoreBusyError):
            maintenance.forget(repo, session.session, [record])
    assert words(0)[:64] in bytes_on_disk(directory)
    compact(repo, POLICY)
    maintenance.forget(repo, session.session, [record])
    left = bytes_on_disk(directory)
    assert words(0)[:64] not in left
    assert bytes(compress_cold(words(0))[1])[64:128] not in left


def test_what_nothing_refers_to_yet_is_looked_at_again(session: Session) -> None:
    """Another thread has put it, and whatever is published meanwhile lists it as well."""
    repo = session.repo
    session.grow(2)
    chunk = repo.put_chunk(words(500), 16)
    session.commit({"c": b"small"})
    with repo._database.write():
        repo._database.execute("UPDATE chunks SET refs = 0 WHERE id = ?", (bytes.fromhex(chunk),))
    session.grow(6, 10)
    assert compact(repo, POLICY).chunks == 10
    session.add({"c": words(500)})
    session.grow(4, 20)
    session.commit({"c": b"small again"})
    session.grow(3, 30)
    compact(repo, POLICY)
    row = repo._database.one("SELECT codec FROM chunks WHERE id = ?", (bytes.fromhex(chunk),))
    assert row == (1,)
