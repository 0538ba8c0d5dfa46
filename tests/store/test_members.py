"""What a list of chunks names lives as long as something needs the list, and no longer, whoever takes what away."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from timeslip.errors import ChunkMissingError
from timeslip.ids import RecordId
from timeslip.store import collect, maintenance
from timeslip.store.maintenance import RetentionPolicy
from timeslip.store.members import MemberTable
from timeslip.store.records import unpack_numbers
from timeslip.store.repository import Repository
from timeslip.store.schema import MISSING
from timeslip.store.usages import Usages


class Lists:
    """A session whose one name has a value of some lists of chunks."""

    def __init__(self, folder: Path) -> None:
        self.repo = Repository.open(folder, create=True)
        self.session = self.repo.create_session("s")
        self.head: Any = None
        self.manifest: RecordId | None = None

    def commit(self, lists: list[list[bytes]], *, repo: Repository | None = None) -> tuple[str, RecordId]:
        """Store *lists* of pieces as one value; the ids of its commit and its record."""
        repo = repo or self.repo
        named, chunks = {}, []
        for pieces in lists:
            names = [str(repo.put_chunk(piece)) for piece in pieces]
            chunks.append(str(repo.put_chunk("".join(names).encode())))
            named[chunks[-1]] = names
        with repo.transaction() as tx:
            value = tx.put_record("value", {"lists": chunks}, chunks=chunks, lists=named)
            self.manifest = tx.put_manifest(self.manifest, {"a": value})
            body = {"format": 1, "kind": "run", "manifest": self.manifest, "execution_count": None}
            commit = tx.put_commit(self.session, body, [self.head] if self.head else [])
            tx.set_ref(self.session, "branch", "main", commit)
            tx.set_head(self.session, "k", commit, "main")
        self.head = commit
        return str(commit), value

    def pieces(self, value: str) -> list[list[bytes]]:
        """What `commit` has stored."""
        lists = [self.repo.get_chunk(name).decode() for name in self.repo.record("value", value)["lists"]]
        return [[self.repo.get_chunk(text[at : at + 64]) for at in range(0, len(text), 64)] for text in lists]

    def expect_exact_counts(self) -> None:
        """Each chunk has one reference for each record, and for each list that something needs; and no other."""
        db = self.repo._database
        expected: Counter[int] = Counter()
        for (packed,) in db.execute("SELECT chunks FROM records WHERE chunks IS NOT NULL"):
            expected.update(unpack_numbers(packed))
        for named in self.repo._chunks.members.all().values():
            expected.update(named)
        found = {int(n): int(refs) for n, refs in db.execute("SELECT n, refs FROM chunks")}
        assert {n: refs for n, refs in found.items() if refs} == expected
        assert maintenance.check(self.repo).sound


@pytest.fixture
def lists(tmp_path: Path) -> Any:
    made = Lists(tmp_path)
    yield made
    made.repo.close()


def a_value(rng: random.Random) -> list[list[bytes]]:
    return [[rng.randbytes(rng.choice([50, 9_000])) for _ in range(10)] for _ in range(6)]


def changed(value: list[list[bytes]], rng: random.Random) -> list[list[bytes]]:
    again = [list(pieces) for pieces in value]
    again[rng.randrange(6)][rng.randrange(10)] = rng.randbytes(40)
    return again


def test_a_change_counts_what_its_list_names_and_no_more(lists: Lists) -> None:
    rng = random.Random(1)
    value = a_value(rng)
    lists.commit(value)
    before = dict(lists.repo._database.execute("SELECT n, refs FROM chunks"))
    lists.commit(changed(value, rng))
    after = dict(lists.repo._database.execute("SELECT n, refs FROM chunks"))
    assert sum(after[n] != refs for n, refs in before.items()) == 5 + 9, "five lists, and nine pieces of the sixth"
    assert len(after) == len(before) + 2
    lists.expect_exact_counts()


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_taken_away_the_rest_is_whole_and_nothing_is_left(seed: int, lists: Lists) -> None:
    rng = random.Random(seed)
    versions = [a_value(rng), a_value(rng)]
    known: dict[str, list[list[bytes]]] = {}
    for _ in range(25):
        what = rng.choice(["new", "old", "same", "forget", "gc", "drop", "abandoned"])
        if what in ("new", "old", "same"):
            base = rng.choice(versions)
            value = changed(base, rng) if what == "new" else base
            versions.append(value)
            known[lists.commit(value)[1]] = value
        elif what == "forget" and len(known) > 1:
            gone = rng.choice(list(known)[:-1])
            maintenance.forget(lists.repo, lists.session, [gone])
            known.pop(gone)
        elif what == "gc":
            maintenance.gc(lists.repo)
        elif what == "drop":
            maintenance.gc(lists.repo, keep=RetentionPolicy(max_store_bytes=1, keep_commits=2, undo_steps=0))
            dropped = lists.repo._database.execute("SELECT id FROM records WHERE state != 0")
            for (name,) in dropped:
                known.pop(name.hex(), None)
        elif what == "abandoned":
            with pytest.raises(RuntimeError), lists.repo.transaction() as tx:
                names = [str(lists.repo.put_chunk(piece)) for piece in changed(versions[0], rng)[0]]
                chunk = str(lists.repo.put_chunk("".join(names).encode()))
                tx.put_record("value", {"lists": [chunk]}, chunks=[chunk], lists={chunk: names})
                raise RuntimeError("an end in the middle")
        assert {value: lists.pieces(value) for value in known} == known
        lists.expect_exact_counts()
    lists.repo.close()
    lists.repo = Repository.open(lists.repo.directory)
    assert {value: lists.pieces(value) for value in known} == known
    lists.repo.remove_session(lists.session)
    maintenance.gc(lists.repo)
    for table in ("chunks", "members", "chunk_data"):
        assert lists.repo._database.execute(f"SELECT * FROM {table}") == []


def sweep_as_an_earlier_release(lists: Lists, value: str) -> None:
    """It takes back the references of a record, and does not know that others were counted for its lists."""
    db = lists.repo._database
    with db.write():
        numbers = unpack_numbers(db.execute("SELECT chunks FROM records WHERE id = ?", (bytes.fromhex(value),))[0][0])
        db.many("UPDATE chunks SET refs = refs - 1 WHERE n = ?", [(n,) for n in numbers])
        db.execute("UPDATE records SET chunks = NULL, state = 2 WHERE id = ?", (bytes.fromhex(value),))
        db.execute("DELETE FROM chunk_data WHERE n IN (SELECT n FROM chunks WHERE refs = 0)")
        db.execute("DELETE FROM chunks WHERE refs = 0")


def test_what_an_earlier_release_has_swept_is_not_taken_for_counted(lists: Lists) -> None:
    rng = random.Random(3)
    first = a_value(rng)
    lists.commit(a_value(rng))
    value = lists.commit(first)[1]
    lists.commit(a_value(rng))
    sweep_as_an_earlier_release(lists, value)
    assert maintenance.check(lists.repo).sound
    again = lists.commit(first)[1]
    assert lists.pieces(again) == first
    assert maintenance.check(lists.repo).sound
    maintenance.gc(lists.repo)
    lists.expect_exact_counts()
    assert lists.pieces(again) == first


@pytest.mark.parametrize("by_piece", [True, False])
def test_the_number_of_a_list_that_is_gone_may_be_given_away(lists: Lists, by_piece: bool) -> None:
    rng = random.Random(4)
    first = a_value(rng)
    lists.commit(first)
    value = lists.commit([first[0][::-1], *first[1:]])[1]
    last = lists.repo._database.execute("SELECT max(n) FROM chunks")
    assert last == lists.repo._database.execute("SELECT max(list) FROM members")
    sweep_as_an_earlier_release(lists, value)
    third = [[b"another", *first[0]], *first[1:]] if by_piece else [first[1][::-1], *first[1:]]
    if by_piece:
        lists.commit([[b"another"]])
    third_value = lists.commit(third)[1]
    assert last <= lists.repo._database.execute("SELECT max(n) FROM chunks")
    assert lists.pieces(third_value) == third
    assert maintenance.check(lists.repo).sound
    maintenance.gc(lists.repo)
    lists.expect_exact_counts()
    assert lists.pieces(third_value) == third


def test_bytes_that_were_lost_are_put_again(lists: Lists, tmp_path: Path) -> None:
    rng = random.Random(5)
    value = a_value(rng)
    first = lists.commit(value)[1]
    db = lists.repo._database
    with db.write():
        n = db.execute("SELECT n FROM chunks WHERE size = ?", (len(value[2][3]),))[0][0]
        db.execute("UPDATE chunks SET place = ?, pack = NULL, offset = NULL WHERE n = ?", (MISSING, n))
    lists.repo.close()
    lists.repo = Repository.open(tmp_path)
    names = [[str(name)] for name in lists.repo.record("value", first)["lists"]]
    assert names
    with pytest.raises(ChunkMissingError), lists.repo.transaction() as tx:
        chunks = [name for (name,) in names]
        named = {name: _names(lists.repo, name) for name in chunks}
        tx.put_record("value", {"lists": chunks}, chunks=chunks, lists=named)
    lists.commit(value)
    assert lists.pieces(first) == value
    lists.expect_exact_counts()


def _names(repo: Repository, name: str) -> list[str]:
    text = repo.get_chunk(name).decode()
    return [text[at : at + 64] for at in range(0, len(text), 64)]


def test_the_table_that_was_made_in_vain_is_made_again(lists: Lists) -> None:
    assert not lists.repo._chunks.members.is_there()
    with pytest.raises(RuntimeError), lists.repo.transaction() as tx:
        name = str(lists.repo.put_chunk(b"piece"))
        chunk = str(lists.repo.put_chunk(name.encode()))
        tx.put_record("value", {}, chunks=[chunk], lists={chunk: [name]})
        raise RuntimeError("an end in the middle")
    assert not lists.repo._chunks.members.is_there()
    value = a_value(random.Random(6))
    assert lists.pieces(lists.commit(value)[1]) == value


def test_usage_and_damage_are_told_of_what_lists_name(lists: Lists) -> None:
    rng = random.Random(7)
    value = [[rng.randbytes(30_000) for _ in range(10)] for _ in range(6)]
    lists.commit(value)
    (row,) = Usages(lists.repo).by_session()
    assert row.bytes > 60 * 30_000
    n, pack, offset = lists.repo._database.execute("SELECT n, pack, offset FROM chunks WHERE size = 30000")[7]
    path = lists.repo._packs.path(pack)
    with open(path, "r+b") as file:
        file.seek(offset + 100)
        file.write(b"damage")
    (problem,) = maintenance.check(lists.repo).problems
    assert "s: a at" in problem.where[0]
    assert n
    assert os.path.exists(path)
    assert collect.dead_chunk_bytes(lists.repo) == (0, 0)


def test_a_table_knows_nothing_of_a_store_without_lists(lists: Lists) -> None:
    table = MemberTable(lists.repo._database)
    assert table.all() == {}
    assert table.release_gone() == set()
