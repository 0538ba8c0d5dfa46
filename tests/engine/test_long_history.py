"""What a verb reads follows what it answers, never how long the history is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip.errors import CommitNotFoundError, DamagedStoreError, NameNotFoundError
from timeslip.history import History
from timeslip.store.records import RecordTable
from timeslip.store.repository import Repository

LENGTH = 60


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session of some commits, with a branch that was left, and notes."""
    place = tmp_path_factory.mktemp("long") / "store"
    with timeslip.attach(namespace={"__name__": "__main__"}, store=place, name="long", min_free_bytes=0) as session:
        session.run("early = [0]\ndef f(x): return x\nclass A: pass")
        session.run("left = 1")
        session.undo()
        for number in range(LENGTH):
            session.run(f"w = {number}")
            if number % 20 == 10:
                session.run("seldom = [1]  # Needle")
        session.describe("HEAD~30", "a NEEDLE in it")
        yield session


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of the records that are read from here on."""
    found: list[str] = []
    through = RecordTable.open

    def counted(self: RecordTable, row: Any, kind: str, **how: Any) -> dict[str, Any]:
        found.append(kind)
        return through(self, row, kind, **how)

    monkeypatch.setattr(RecordTable, "open", counted)
    return found


def slowly(session: Any) -> History:
    """The same history for somebody who has no index."""

    class Unindexed(History):
        def _is_indexed(self, body: Any) -> bool:
            return False

    return Unindexed(session.repository, session.id, session._live.kernel)


ASKED: dict[str, Callable[[History], Any]] = {
    "far back": lambda history: history.resolve("HEAD~55"),
    "blame": lambda history: [commit.id for commit in history.blame("seldom")],
    "blame of what is old": lambda history: [commit.id for commit in history.blame("early")],
    "log of a name": lambda history: [commit.id for commit in history.log(names=["seldom"])],
    "log of two names": lambda history: [commit.id for commit in history.log(names=["seldom", "early"])],
    "log of a name, from there": lambda history: [commit.id for commit in history.log("HEAD~30", names=["seldom"])],
    "log of a name that was left": lambda history: [commit.id for commit in history.log(names=["left"])],
    "log of a name, everywhere": lambda history: [commit.id for commit in history.log(all=True, names=["left"])],
    "log of a text": lambda history: [commit.id for commit in history.log(grep="needle")],
    "log of a text, everywhere": lambda history: [commit.id for commit in history.log(all=True, grep="LEFT = 1")],
    "log of a text and a name": lambda history: [commit.id for commit in history.log(names=["w"], grep="needle")],
    "maker": lambda history: history.maker(history.head or "", "early"),
    "maker of a function": lambda history: history.maker(history.head or "", "f"),
}


@pytest.mark.parametrize("asked", ASKED)
def test_the_answer_is_that_of_going_through_all_of_it(asked: str, long: Any, reads: list[str]) -> None:
    wanted = ASKED[asked](slowly(long))
    reads.clear()
    assert ASKED[asked](History(long.repository, long.id, long._live.kernel)) == wanted
    commits = 70 if asked == "log of a text and a name" else 8
    assert reads.count("commit") <= commits, "only what may be part of the answer is read"


@pytest.mark.parametrize("harm", ["jump = seq, parent = seq", "depth = 'x'", "level = NULL + 'x', seq = seq + 1000"])
def test_an_index_that_is_damaged_keeps_nobody_from_history(harm: str, long: Any) -> None:
    """It can be made again, so the commits are gone through as if there were none; `check` tells of it."""
    db, history = long.repository._database, History(long.repository, long.id, long._live.kernel)
    whole = db.execute("SELECT * FROM forks")
    wanted = {asked: ask(slowly(long)) for asked, ask in ASKED.items()}
    try:
        with suppress(DamagedStoreError), db.write():
            db.execute(f"UPDATE forks SET {harm}")
        assert {asked: ask(history) for asked, ask in ASKED.items()} == wanted
        assert len(history.between(None, history.head or "", 5)[0]) == 5
    finally:
        with db.write():
            db.execute("DELETE FROM forks")
            db.many("INSERT INTO forks VALUES (?, ?, ?, ?, ?, ?)", whole)


def test_what_is_not_there_is_told_as_ever(long: Any) -> None:
    with pytest.raises(CommitNotFoundError, match="beyond the first"):
        long.show("HEAD~500")
    with pytest.raises(NameNotFoundError):
        long.blame("nowhere")
    assert long.log(names=["nowhere"]) == long.log(grep="nowhere") == []
    assert [commit.code for commit in long.log(grep="needle", limit=1)] == ["seldom = [1]  # Needle"]


def test_code_that_was_forgotten_is_not_found(tmp_path: Path) -> None:
    with timeslip.attach(namespace={}, store=tmp_path / "store", min_free_bytes=0) as session:
        session.run("secret = 1")
        session.run("secret = 2")
        session.forget(session.head)
        assert [commit.code for commit in session.log(grep="secret")] == ["secret = 1"]
        assert len(session.blame("secret")) == 1, "what a commit did to the names went with its texts"


def test_a_commit_does_not_read_all_branches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one more after each undo that is followed by a run."""
    with timeslip.attach(namespace={}, store=tmp_path / "store", min_free_bytes=0) as session:
        session.run("a = 1")
        session.tag("here")
        with session.repository.transaction() as tx:
            for number in range(2, 30):
                tx.set_ref(session.id, "branch", f"main-{number}", session.head)
        told, refs = Repository.refs, []

        def counted(self: Repository, *asked: Any) -> Any:
            refs.extend(found := told(self, *asked))
            return found

        monkeypatch.setattr(Repository, "refs", counted)
        session.run("a = 2")
        assert session.status().at_tip
        session.undo()
        assert session.status().next_branch == "main-30"
        session.run("a = 3")
        assert session.branch_name == "main-30"
        assert session.show("HEAD").refs[0].name == "main-30"
        assert len(refs) < 3, "of what points elsewhere at most the names are read"


def test_a_session_that_an_earlier_release_went_on_with(tmp_path: Path) -> None:
    """Its commits are indexed a few at a time, when somebody asks; until then the history is gone through."""
    with timeslip.attach(namespace={}, store=tmp_path / "store", min_free_bytes=0) as session:
        for number in range(30):
            session.run(f"v{number % 3} = {number}")
        wanted = [commit.id for commit in session.blame("v1")]
        db = session.repository._database
        with db.write():
            db.execute("UPDATE sessions SET indexed = 3")
            db.execute("DELETE FROM forks WHERE seq > 3")
            db.execute("DELETE FROM touches WHERE seq > 3")
        assert [commit.id for commit in session.blame("v1")] == wanted
        assert session.repository.paths.covers(session.id, 30)
        assert [commit.id for commit in session.blame("v1")] == wanted


def test_runs_between_far_states_are_counted(long: Any, reads: list[str]) -> None:
    """Who compares far states wants to know what differs, and not to read a year of cells."""
    looked = len(long.diff("HEAD~30", "HEAD").runs)
    assert looked == 30
    history, head = History(long.repository, long.id, long._live.kernel), long.head
    for other in (history, slowly(long)):
        for ref in ("HEAD~1", "HEAD~12", "HEAD~50"):
            first, back = history.resolve(ref), int(ref[5:])
            runs, more = other.between(first, head, 10)
            assert (len(runs), more) == (min(back, 10), max(0, back - 10))
            assert runs[-1].id == head
            assert [run.parents[0] for run in runs[1:]] == [run.id for run in runs[:-1]]
            assert other.between(head, first, 10) == ([], 0), "it does not lead back"
        assert other.between(head, head, 10) == ([], 0)
        runs, more = other.between(None, head, 10)
        assert (len(runs), more) == (10, len(history.log()) - 10)
    reads.clear()
    history.between(None, head, 10)
    assert reads.count("commit") < 20


def test_forgetting_a_name_puts_no_state_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which other names go with it is in the records that go; a state has thousands of names at each commit."""
    with timeslip.attach(namespace={}, store=tmp_path / "store", min_free_bytes=0) as session:
        session.run("first = [1]; second = [first]; third = 3")
        for number in range(10):
            session.run(f"third = {number}")
        session.repository._manifests.drop_cache()
        monkeypatch.setattr(Repository, "manifest", None)
        told = session.forget("first")
        assert "second, which shared objects with it" in told.messages[0]
        assert told.code == (session.log()[-1].id,)


def test_comparing_states_reads_what_differs(tmp_path: Path, reads: list[str]) -> None:
    with timeslip.attach(namespace={}, store=tmp_path / "store", min_free_bytes=0) as session:
        session.run("\n".join(f"n{number} = {number}" for number in range(40)) + "\ndef f(): return 1\ng = f")
        session.run("n3 = 4")
        reads.clear()
        assert [value.name for value in session.diff().values] == ["n3"]
        assert reads.count("value") < 10
        session.run("def f(): return 2\ng = f")
        assert [value.name for value in session.diff().values] == ["f", "g"]


def test_a_small_commit_takes_little_room(tmp_path: Path) -> None:
    """Each page that it touches goes into the log as a whole, and each table takes a page of the smallest store."""
    with timeslip.attach(namespace={}, store=tmp_path / "store", min_free_bytes=0) as session:
        session.run("x = 0")
        database = session.repository._database
        assert database.size_bytes() < 60_000
        log, size = os.stat(database.log_path()).st_size, database.size_bytes()
        for number in range(20):
            session.run(f"x = {number}")
        assert os.stat(database.log_path()).st_size - log < 20 * 25_000
        assert database.size_bytes() - size < 20 * 1_600


def test_a_tiny_cell_asks_the_database_little(tmp_path: Path) -> None:
    """What is known within a transaction is not asked again: each question costs as much as a small value."""
    with timeslip.attach(namespace={}, store=tmp_path / "store", min_free_bytes=0) as session:
        session.run("x = 0")
        session.run("x = 1")
        asked: list[str] = []
        connection = session.repository._database._connection
        connection.set_trace_callback(asked.append)
        session.run("x = 2")
        connection.set_trace_callback(None)
        assert len(asked) <= 21, asked


def test_the_text_of_a_function_is_found_however_far_back_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody looks through all cells for it, so those that made its name come first."""
    monkeypatch.setattr("timeslip.describing.sources._MOST_CELLS", 5)
    with timeslip.attach(namespace={}, store=tmp_path / "store", min_free_bytes=0) as session:
        session.run("def far(x):\n    # told in the cell alone\n    return x")
        for number in range(12):
            session.run(f"w = {number}")
        assert "told in the cell alone" in session.show("HEAD", "far").text
        session.run("def far(x):\n    # told anew\n    return x + 1")
        for number in range(12):
            session.run(f"w = {number}")
        assert "+    # told anew" in session.diff("HEAD~14", "HEAD", "far").values[0].lines
