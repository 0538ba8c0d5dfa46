"""The index of the history says what going through the history says, for every shape of it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from timeslip.errors import DamagedStoreError
from timeslip.ids import CommitId, SessionId
from timeslip.store import paths
from timeslip.store.repository import Repository

SHAPES = {"a line": 0.0, "a few forks": 0.1, "many forks": 0.6, "nothing but forks": 1.0}
NAMES = ("a", "b", "\udcff")


def grown(repo: Repository, chance: float, count: int = 60) -> tuple[SessionId, list[CommitId], dict[CommitId, Any]]:
    """A session whose commits follow each other, or any earlier one; and their bodies."""
    dice, session = random.Random(3), repo.create_session("shape")
    commits: list[CommitId] = []
    with repo.transaction() as tx:
        for number in range(count):
            parents = [dice.choice(commits) if dice.random() < chance else commits[-1]] if commits else []
            if number == count // 2:
                parents = []  # as when a kernel begins anew beside the history that is there
            touched = dice.sample(NAMES, dice.randrange(3))
            commits.append(tx.put_commit(session, {"touched": touched}, parents, touched))
    return session, commits, {commit: repo.commit(commit) for commit in commits}


def way(bodies: Mapping[CommitId, Any], commit: CommitId) -> list[CommitId]:
    """The commit, and those it was made from, one after the other."""
    found = [commit]
    while bodies[found[-1]]["parents"]:
        found.append(bodies[found[-1]]["parents"][0])
    return found


def check_all(repo: Repository, session: SessionId, commits: list[CommitId], bodies: Mapping[CommitId, Any]) -> None:
    number = {commit: index + 1 for index, commit in enumerate(commits)}
    everyone = range(len(commits), 0, -1)
    for commit in commits:
        seq, back = number[commit], way(bodies, commit)
        for steps in range(len(back) + 2):
            found, left = repo.paths.ancestor(session, seq, steps)
            assert (commits[found - 1], left) == (back[min(steps, len(back) - 1)], max(0, steps - len(back) + 1))
        assert list(repo.paths.leading_to(session, seq, everyone)) == [number[one] for one in back]
        for other in commits:
            wanted = back.index(other) if other in back else None
            assert repo.paths.distance(session, seq, number[other]) == wanted
    for names in ([name] for name in NAMES):
        wanted = [seq for seq in everyone if set(names) & set(bodies[commits[seq - 1]]["touched"])]
        assert list(repo.paths.touching(session, names)) == wanted
        assert list(repo.paths.touching(session, names, 20)) == [seq for seq in wanted if seq <= 20]
    either = [seq for seq in everyone if {"a", "b"} & set(bodies[commits[seq - 1]]["touched"])]
    assert list(repo.paths.touching(session, ["a", "b", "nowhere"])) == either


@pytest.mark.parametrize("shape", SHAPES)
def test_ancestors_and_touching_commits(shape: str, repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "_PAGE", 7)
    grown(repo, 0.3, 9)  # another session in the same store
    session, commits, bodies = grown(repo, SHAPES[shape], 40)
    assert repo.paths.covers(session, len(commits))
    assert repo.paths.problems(session) == []
    check_all(repo, session, commits, bodies)


def test_any_ancestor_is_a_few_reads_away(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    session, dice = repo.create_session("forks"), random.Random(1)
    with repo.transaction() as tx:
        last: list[CommitId] = []
        for _ in range(300):  # each made after an undo, so that each is a fork
            left = tx.put_commit(session, {}, last, ())
            last = [tx.put_commit(session, {}, last, ())]
            assert left
    reads: list[str] = []
    through = repo._database.one

    def counted(sql: str, parameters: Any = ()) -> Any:
        reads.append(sql)
        return through(sql, parameters)

    monkeypatch.setattr(repo._database, "one", counted)
    for _ in range(50):
        reads.clear()
        assert repo.paths.ancestor(session, 600, dice.randrange(300))[1] == 0
        assert len(reads) < 60
        reads.clear()
        assert list(repo.paths.leading_to(session, 600, [2])) == [2]
        assert len(reads) < 60


def test_a_history_in_a_line_takes_one_row(repo: Repository) -> None:
    session, _, _ = grown(repo, 0.0, 20)
    assert repo._database.one("SELECT count(*) FROM forks WHERE session = ?", (repo._sessions.number(session),)) == (2,)


@pytest.mark.parametrize("without", [0, 1, 25])
def test_what_an_earlier_release_has_added_is_indexed_later(
    without: int, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, commits, bodies = grown(repo, 0.3, 40)
    db = repo._database
    with db.write():
        db.execute("UPDATE sessions SET indexed = ?", (without,))
        db.execute("DELETE FROM forks WHERE seq > ?", (without,))
        db.execute("DELETE FROM touches WHERE seq > ?", (without,))
    assert not repo.paths.covers(session, 40)
    with repo.transaction() as tx:
        commits.append(tx.put_commit(session, {"touched": ["a"]}, [commits[-1]], ["a"]))
    bodies[commits[-1]] = repo.commit(commits[-1])
    assert repo._database.one("SELECT indexed FROM sessions") == (without,), "with a gap it would be wrong"
    monkeypatch.setattr(paths, "_BATCH", 11)
    repo.paths.catch_up(session, lambda body: body["touched"])
    assert repo.paths.covers(session, 41)
    check_all(repo, session, commits, bodies)


def test_a_store_of_an_earlier_release_gets_the_tables(directory: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        session, commits, bodies = grown(repo, 0.3, 20)
        db = repo._database
        for statement in (
            "DROP TABLE forks",
            "DROP TABLE touches",
            "DROP INDEX operations_by_head",
            "ALTER TABLE sessions RENAME TO old",
            """CREATE TABLE sessions (
                n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, notebook TEXT,
                created REAL NOT NULL, last_used REAL NOT NULL, commits INTEGER NOT NULL)""",
            "INSERT INTO sessions SELECT n, id, name, notebook, created, last_used, commits FROM old",
            "DROP TABLE old",
        ):
            db.execute(statement)
    with Repository.open(directory, min_free_bytes=0, read_only=True) as repo:
        assert not repo.paths.covers(session, 1), "a reader goes through the history"
        assert len(repo.commits(session)) == 20
    with Repository.open(directory, min_free_bytes=0) as repo:
        assert not repo.paths.covers(session, 1)
        repo.paths.catch_up(session, lambda body: body["touched"])
        check_all(repo, session, commits, bodies)


def test_a_history_that_came_from_another_session_is_not_indexed(repo: Repository) -> None:
    """Nobody makes one; where there is one, whoever asks goes through it."""
    _, commits, _ = grown(repo, 0.0, 3)
    other = repo.create_session("other")
    with repo.transaction() as tx:
        first = tx.put_commit(other, {}, [commits[-1]], ())
        tx.put_commit(other, {}, [first], ())
    repo.paths.catch_up(other, lambda body: ())
    assert not repo.paths.covers(other, 1)


def test_an_index_that_leads_nowhere_is_damage(repo: Repository) -> None:
    session, _, _ = grown(repo, 1.0, 30)
    with repo._database.write():
        repo._database.execute("UPDATE forks SET jump = seq, parent = seq WHERE level > 2")
    with pytest.raises(DamagedStoreError):
        repo.paths.ancestor(session, 15, 10)
    with repo._database.write():
        repo._database.execute("UPDATE forks SET jump = 1, parent = 'x', depth = 'y' WHERE level > 0")
    with pytest.raises(DamagedStoreError):
        repo.paths.ancestor(session, 15, 10)
    with pytest.raises(DamagedStoreError):
        list(repo.paths.leading_to(session, 15, [1]))
    assert repo.paths.problems(session) == ["the index of its history does not fit its commits"]


def test_a_session_that_is_removed_takes_its_index_along(repo: Repository) -> None:
    session, _, _ = grown(repo, 0.3, 10)
    repo.remove_session(session)
    assert (
        repo._database.one("SELECT count(*) FROM forks") == repo._database.one("SELECT count(*) FROM touches") == (0,)
    )
