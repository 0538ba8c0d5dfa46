"""Several processes, threads and forked children on one store."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.store import committer
from tests.store.steps import Steps

from timeslip.errors import ChunkMissingError, StoreBusyError, StoreError
from timeslip.ids import SessionId
from timeslip.store import chunks, collect, database, maintenance, pins
from timeslip.store.repository import Repository


def start(directory: Path, session: str, kernel: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.committer", str(directory), session, kernel, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


def test_two_processes_commit_while_a_third_collects(directory: Path) -> None:
    """Both write the same contents, so each keeps finding chunks of the other that the collector would like to take."""
    with Repository.open(directory, min_free_bytes=0) as repo:
        sessions = [repo.create_session(name) for name in ("one", "two")]
        children = [start(directory, session, "k", "40") for session in sessions]
        rubbish = Steps(repo)
        removed = 0
        while any(child.poll() is None for child in children):
            # The same bytes as the others write, in a session that goes at once: dead chunks that come alive again.
            rubbish.commit(committer.content(len(repo.commits(sessions[0])) + 1))
            repo.remove_session(rubbish.session)
            removed += maintenance.gc(repo).chunks
            rubbish = Steps(repo)
        assert [child.communicate()[0].count("\n") for child in children] == [40, 40]
        assert [child.returncode for child in children] == [0, 0]
        assert removed > 0
        for session in sessions:
            steps = Steps(repo, session, "k")
            found = repo.commits(session)
            assert len(found) == 40
            for commit, body in found:
                assert committer.expected(body["seq"]).items() <= steps.state(commit).items()
        assert maintenance.check(repo).problems == ()
        shared = repo._database.one("SELECT count(*) FROM chunks WHERE refs > 1")
        assert shared is not None
        assert shared[0] > 40, "equal contents are stored once"


def test_gc_leaves_what_another_process_is_about_to_need(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "_PATIENCE", 0.1)
    data = os.urandom(50_000)
    with Repository.open(directory, min_free_bytes=0) as one, Repository.open(directory, min_free_bytes=0) as two:
        gone = Steps(one)
        gone.commit({"a": data})
        one.remove_session(gone.session)
        chunk = two.put_chunk(data)  # found there: nothing is written
        assert two._packs.written() == set()
        report = maintenance.gc(one)
        assert report.chunks == 0
        assert "busy" in report.messages[0]
        with two.transaction() as tx:
            tx.put_record("value", {}, chunks=[chunk])
        assert two.get_chunk(chunk) == data
        maintenance.gc(one)
        assert one.get_chunk(chunk) == data, "it is referred to now"


def test_what_is_held_stays_until_it_is_let_go(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "_PATIENCE", 0)
    monkeypatch.setattr(pins, "PIN_SECONDS", 0.0)
    with Repository.open(directory, min_free_bytes=0) as one, Repository.open(directory, min_free_bytes=0) as two:
        before = two.put_chunk(b"1" * 300)
        with two.held_pins() as hold:
            inside = two.put_chunk(b"2" * 300)
        two.put_chunk(b"2" * 300)
        with two.transaction() as tx:  # which refers to none of them, and lists them as what nothing refers to
            tx.put_record("value", {"n": 1})
        assert maintenance.gc(one).chunks == 0
        with two.transaction() as tx:
            tx.put_record("value", {"n": 2}, chunks=[before, inside])
        two.unpin(hold)
        with pytest.raises(OSError, match="full"), two.held_pins():
            two.put_chunk(b"3" * 300)
            raise OSError("full")
        with two.transaction() as tx:
            tx.put_record("value", {"n": 3})
        assert maintenance.gc(one).chunks == 1
        assert one.get_chunk(before) == b"1" * 300


def test_what_is_listed_early_is_still_pinned(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "_PATIENCE", 0)
    monkeypatch.setattr(chunks, "_SPILL_BYTES", 100)
    with Repository.open(directory, min_free_bytes=0) as one, Repository.open(directory, min_free_bytes=0) as two:
        chunk = two.put_chunk(os.urandom(300))
        assert maintenance.gc(one).chunks == 0
        with two.transaction() as tx:
            tx.put_record("value", {}, chunks=[chunk])


def test_own_pins_do_not_stop_gc(repo: Repository) -> None:
    steps = Steps(repo)
    steps.commit({"a": b"1" * 300, "b": b"2" * 300})
    repo.remove_session(steps.session)
    kept = repo.put_chunk(b"1" * 300)
    assert maintenance.gc(repo).chunks == 1
    with repo.transaction() as tx:
        tx.put_record("value", {}, chunks=[kept])
    assert repo.get_chunk(kept) == b"1" * 300


def test_vanished_chunk_stops_the_transaction(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without file locks the last defence is the reference itself."""
    with Repository.open(directory, min_free_bytes=0) as one, Repository.open(directory, min_free_bytes=0) as two:
        steps = Steps(one)
        steps.commit({"a": b"1" * 300})
        one.remove_session(steps.session)
        monkeypatch.setattr(two._chunks.pins._file, "shared", lambda: False)
        chunk = two.put_chunk(b"1" * 300)
        assert maintenance.gc(one).chunks == 1
        with pytest.raises(ChunkMissingError, match="not in the store") as caught, two.transaction() as tx:
            tx.put_record("value", {}, chunks=[chunk])
        assert "put it again" in caught.value.hint
        assert two.put_chunk(b"1" * 300) == chunk
        with two.transaction() as tx:
            tx.put_record("value", {}, chunks=[chunk])
        assert two.get_chunk(chunk) == b"1" * 300


def test_pack_of_a_live_writer_is_left_and_let_go(directory: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as one, Repository.open(directory, min_free_bytes=0) as two:
        steps = Steps(two)
        steps.commit({"a": os.urandom(50_000)})
        keep = Steps(two)
        kept = keep.commit({"b": os.urandom(20_000)})
        two.remove_session(steps.session)
        assert any("live kernel" in message for message in maintenance.gc(one).messages)
        keep.commit({"b": os.urandom(20_000)})  # sees the seal
        two.sync()
        keep.commit({"c": b"1"})  # records that all is safe, and lets go
        maintenance.gc(one)
        assert one._packs.sizes().keys() & set(two._packs.written()) == set()
        assert sum(one._packs.sizes().values()) < 60_000
        assert len(keep.state(kept)["b"]) == 20_000
        assert maintenance.check(two).problems == ()


def test_reader_finds_a_chunk_that_was_moved(directory: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as one, Repository.open(directory, min_free_bytes=0) as two:
        steps, other = Steps(one), Steps(one)
        data = os.urandom(20_000)
        commit = steps.commit({"a": data})
        other.commit({"b": os.urandom(90_000)})
        one.remove_session(other.session)
        reader = Steps(two, steps.session)
        chunk = two.record("value", two.manifest(two.commit(commit)["manifest"])["a"])["chunks"][0]
        entry = two._chunks._find(chunk)
        maintenance.gc(one)
        stale = iter([entry])
        find = two._chunks._find
        two._chunks._find = lambda name: next(stale, None) or find(name)  # type: ignore[method-assign]
        assert reader.state(commit) == {"a": data}


def test_waits_for_a_short_writer_and_names_a_long_one(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    with Repository.open(directory, min_free_bytes=0) as one:
        two = Repository.open(directory, min_free_bytes=0)
        two._database.execute("PRAGMA busy_timeout = 100")
        steps = Steps(two)
        with one.transaction():
            with pytest.raises(StoreBusyError):
                steps.commit({"a": b"1"})
            assert two.commits(steps.session) == [], "reading goes on beside a writer"
        assert steps.commit({"a": b"1"})
        two.close()


def test_readers_in_threads_see_whole_commits(steps: Steps) -> None:
    errors: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                head = steps.head
                assert len(set(steps.state(head).values())) <= 1
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for n in range(40):
            steps.commit(dict.fromkeys("abc", b"%d" % n))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_is_refused_and_harms_nothing(directory: Path) -> None:
    repo = Repository.open(directory, min_free_bytes=0)
    steps = Steps(repo)
    before = steps.commit({"a": os.urandom(50_000)})
    repo.put_chunk(os.urandom(50_000))
    pid = os.fork()
    if pid == 0:
        wrong = 0
        for call in (
            repo.sessions,
            lambda: repo.put_chunk(b"1"),
            lambda: steps.commit({}),
            lambda: repo.get_chunk("00" * 32),
        ):
            try:
                call()
                wrong += 1
            except StoreError as error:
                wrong += "forked" not in str(error)
        repo.close()
        try:
            with Repository.open(directory, min_free_bytes=0) as own:  # its own is fine
                Steps(own, kernel="child").commit({"b": os.urandom(50_000)})
        except BaseException:
            wrong += 100
        os._exit(wrong)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    after = steps.commit({"c": os.urandom(50_000)})
    assert set(steps.state(after)) == {"a", "c"}
    assert set(steps.state(before)) == {"a"}
    assert maintenance.check(repo).problems == ()
    repo.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_while_another_thread_is_in_a_transaction(directory: Path) -> None:
    program = f"""
import os, threading, sys
from pathlib import Path
from tests.store.steps import Steps
from timeslip.errors import StoreError
from timeslip.store.repository import Repository
repo = Repository.open(Path({str(directory)!r}), min_free_bytes=0)
inside, go_on = threading.Event(), threading.Event()
def hold():
    with repo.transaction():
        inside.set()
        go_on.wait()
thread = threading.Thread(target=hold); thread.start(); inside.wait()
pid = os.fork()
if pid == 0:
    try:
        repo.sessions()
    except StoreError:
        sys.exit(0)  # the interpreter of the child ends as usual, finalizers included
    sys.exit(1)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
go_on.set(); thread.join()
steps = Steps(repo); steps.commit({{"a": b"1"}}); assert steps.state(steps.head) == {{"a": b"1"}}
repo.close()
sys.exit(code)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    with Repository.open(directory, min_free_bytes=0) as repo:
        assert len(repo.sessions()) == 1
        assert SessionId(repo.sessions()[0].id)


def test_a_second_door_waits_for_no_transaction(directory: Path) -> None:
    """A front end's request is answered while a commit is being written: it sees what was finished before."""
    with Repository.open(directory, min_free_bytes=0) as repo, repo.beside() as beside:
        steps = Steps(repo)
        first = steps.commit({"x": b"1"})
        seen: list[list[str]] = []

        def look() -> None:
            seen.append([str(commit) for commit, _ in beside.commits(steps.session)])

        with repo.transaction() as transaction:
            transaction.set_ref(steps.session, "tag", "half", first)
            reader = threading.Thread(target=look)
            reader.start()
            reader.join(5.0)
            assert seen == [[first]]
            assert [ref.name for ref in beside.refs(steps.session)] == ["main"]
        assert [ref.name for ref in beside.refs(steps.session)] == ["main", "half"]
        with pytest.raises(StoreError):
            beside.create_session("of a reader")


def test_a_second_door_takes_no_lock_from_the_first(directory: Path) -> None:
    """Another process that ends last, as far as it can tell, would remove the log under the first one."""
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo)
        steps.commit({"x": b"1"})
        repo.beside().close()
        program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA user_version'); c.close()"
        subprocess.run([sys.executable, "-c", program, str(directory / "timeslip.db")], check=True)
        assert repo._database.log_path().exists()
        steps.commit({"x": b"2"})
    with Repository.open(directory, min_free_bytes=0) as repo:
        assert len(repo.commits(steps.session)) == 2


def test_a_thread_that_needs_a_new_pack_does_not_wait_for_one_that_publishes(directory: Path) -> None:
    """What can be taken up is in the database, which another thread may have while it asks about packs."""
    with Repository.open(directory, min_free_bytes=0) as repo:
        asked, told = threading.Event(), []
        usual = repo._packs._adoptable

        def asking() -> list[int]:
            asked.set()
            return list(usual())

        repo._packs._adoptable = asking
        data = memoryview(bytes(100_000))
        thread = threading.Thread(target=lambda: repo._packs.append(data, phase=None), daemon=True)
        with repo._database.write():
            thread.start()
            assert asked.wait(60)
            look = threading.Thread(target=lambda: told.append(repo._packs.states()), daemon=True)
            look.start()
            look.join(20)
            assert told, "who publishes does not wait for who waits for it"
        thread.join(60)
        assert not thread.is_alive()
