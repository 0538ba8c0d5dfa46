"""Cells of a notebook that are kept with commits: what they cost, and that nothing of them stays that has to go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.store.steps import Steps

from timeslip.errors import CommitNotFoundError, DamagedStoreError, UntrustedStoreError
from timeslip.ids import CommitId
from timeslip.store import maintenance
from timeslip.store.kept import KeptCell, KeptList
from timeslip.store.repository import Repository


def a_list(repo: Repository, *sources: str, shown: str = "") -> KeptList:
    outputs = repo.put_chunk(shown.encode()) if shown else None
    return KeptList(tuple(KeptCell(repo.put_chunk(source.encode()), outputs) for source in sources))


def keep(steps: Steps, commit: CommitId, kept: KeptList) -> bool:
    with steps.repo.transaction() as tx:
        return tx.keep_cells(steps.session, commit, kept)


def test_what_was_kept_is_read_again(directory: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo)
        first, second = steps.commit({"x": b"1"}), steps.commit({"x": b"2"})
        assert repo.kept_cells(steps.session, first) is None
        one, two = a_list(repo, "a", "b", "c"), a_list(repo, "a", "new", "c", "d", shown="hello")
        assert keep(steps, first, one)
        assert keep(steps, second, two)
        assert not keep(steps, second, two), "the same again is nothing"
        assert keep(steps, first, two), "of one commit the last counts"
        for commit in (first, second):
            assert repo.kept_cells(steps.session, commit) == two
        assert repo.commits_with_cells(steps.session) == {first, second}
        third = steps.commit({"x": b"3"})
        asked = [second, third] * 600
        assert repo.commits_with_cells(steps.session, asked) == {second}, "of a page only what is on it"
        assert repo.commits_with_cells(repo.create_session("other"), asked) == set()
        assert maintenance.check(repo).problems == ()
        with pytest.raises(CommitNotFoundError):
            keep(steps, CommitId("00" * 32), one)


def test_cost_follows_the_change_and_not_the_notebook(directory: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo)
        sources = [f"cell {number} = {os.urandom(40).hex()}" for number in range(100)]
        kept, costs = [], []
        for turn in range(40):
            sources[turn] = f"changed {turn}"
            commit = steps.commit({"x": b"%d" % turn})
            before = repo.bytes_written
            keep(steps, commit, a_list(repo, *sources))
            costs.append(repo.bytes_written - before)
            kept.append((commit, list(sources)))
        assert sorted(costs)[36] < 1000, "but for a whole list now and then, which no chain is longer than"
        for commit, expected in kept:
            found = repo.kept_cells(steps.session, commit)
            assert found is not None
            assert [repo.get_chunk(cell.cell or "").decode() for cell in found.cells] == expected


def test_a_store_in_which_nothing_was_kept_is_as_it_was(directory: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo)
        commit = steps.commit({"x": b"1"})
        assert repo._database.execute("SELECT 1 FROM sqlite_master WHERE name = 'kept'") == []
        maintenance.gc(repo)
        maintenance.forget(repo, steps.session, [], cells=lambda cell: KeptCell(None))
        repo.remove_session(Steps(repo).session)
    with Repository.open(directory, read_only=True) as repo:
        assert repo.kept_cells(steps.session, commit) is None
        assert repo.commits_with_cells(steps.session) == set()


def test_gc_keeps_what_is_kept_and_takes_what_went_with_its_session(directory: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps, other = Steps(repo), Steps(repo)
        lists = {}
        for number in range(4):
            lists[steps.commit({"x": b"%d" % number})] = a_list(repo, "a", f"b{number}", "c")
        for commit, kept in lists.items():
            keep(steps, commit, kept)
        gone = a_list(repo, "only there")
        keep(other, other.commit({"x": b"1"}), gone)
        repo.remove_session(other.session)
        maintenance.gc(repo)
        assert {commit: repo.kept_cells(steps.session, commit) for commit in lists} == lists
        assert not repo.has_chunk(gone.cells[0].cell or "")
        assert maintenance.check(repo).problems == ()
        assert maintenance.usage(repo, steps.session).sessions[0].bytes > 0


def test_what_is_forgotten_is_in_no_list_and_in_no_file(directory: Path) -> None:
    secret = f"password = '{os.urandom(20_000).hex()}'"  # large enough for a pack
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo)
        commits = [steps.commit({"x": b"%d" % number}) for number in range(3)]
        first = a_list(repo, "a", secret)
        there = first.cells[1].cell or ""
        keep(steps, commits[0], first)
        keep(steps, commits[1], a_list(repo, "a", secret, "b"))
        keep(steps, commits[1], a_list(repo, *"klmnopqrstuvw"))  # a list that nothing reaches any more had it, too
        keep(steps, commits[2], a_list(repo, "c", secret))
        report = maintenance.forget(
            repo, steps.session, [], cells=lambda cell: KeptCell(None) if cell.cell == there else cell
        )
        assert report.waiting == 0
        assert not repo.has_chunk(there)
        sources = []
        for commit in commits:
            found = repo.kept_cells(steps.session, commit)
            assert found is not None
            sources.append([cell.cell and repo.get_chunk(cell.cell).decode() for cell in found.cells])
        assert sources == [["a", None], list("klmnopqrstuvw"), ["c", None]]
        assert maintenance.check(repo).problems == ()
    for file in directory.rglob("*"):
        assert not file.is_file() or secret.encode()[:200] not in file.read_bytes(), file


def test_check_tells_of_cells_that_are_gone(directory: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo)
        commit = steps.commit({"x": b"1"})
        keep(steps, commit, a_list(repo, "a"))
        repo._database.execute("UPDATE kept SET text = 99999")
        assert [commit[:8] in problem.text for problem in maintenance.check(repo).problems] == [True]


@pytest.mark.parametrize("parts", ["[[0, 5]]", '[{"cell": 7}]', "[[-1, 1]]", "7"])
def test_a_list_that_cannot_be_is_called_damaged(directory: Path, parts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo)
        commit = steps.commit({"x": b"1"})
        body = {"base": None, "metadata": None, "cells": json.loads(parts), "kept": 1}
        keep(steps, commit, a_list(repo, "a"))
        with repo._database.write():
            repo._raw_transaction().put_record("text", body)
            repo._database.execute("UPDATE kept SET text = (SELECT max(n) FROM records)")
        with pytest.raises(DamagedStoreError):
            repo.kept_cells(steps.session, commit)


def test_what_another_key_signed_is_not_given_and_nothing_is_made_of_it(directory: Path, tmp_path: Path) -> None:
    with Repository.open(directory, min_free_bytes=0, key_file=tmp_path / "theirs") as repo:
        theirs = Steps(repo)
        first, second = theirs.commit({"x": b"1"}), theirs.commit({"x": b"2"})
        keep(theirs, first, a_list(repo, "a", "b", "c", shown="<script>"))
    with Repository.open(directory, min_free_bytes=0, key_file=tmp_path / "mine" / "key") as repo:
        mine = Steps(repo, theirs.session)
        with pytest.raises(UntrustedStoreError):
            repo.kept_cells(mine.session, first)
        kept = a_list(repo, "a", "b", "c", "d")
        keep(mine, second, kept)
        assert repo.kept_cells(mine.session, second) == kept
        repo.trust()
        assert repo.kept_cells(mine.session, first) is not None


def test_above_the_limit_outputs_go_with_the_values_and_sources_stay(directory: Path) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        steps = Steps(repo)
        commits = [steps.commit({"x": os.urandom(1000)}) for _ in range(6)]
        for number, commit in enumerate(commits):
            keep(steps, commit, a_list(repo, "a", f"b{number}", shown=os.urandom(30_000).hex()))
        last = repo.kept_cells(steps.session, commits[-1])
        policy = maintenance.RetentionPolicy(max_store_bytes=50_000, keep_commits=1, undo_steps=0)
        assert maintenance.gc(repo, keep=policy).freed_bytes > 100_000
        for number, commit in enumerate(commits[:-1]):
            found = repo.kept_cells(steps.session, commit)
            assert found is not None
            assert [(repo.get_chunk(cell.cell or ""), cell.outputs) for cell in found.cells] == [
                (b"a", None),
                (b"b%d" % number, None),
            ]
        assert repo.kept_cells(steps.session, commits[-1]) == last
        assert last is not None
        assert repo.has_chunk(last.cells[0].outputs or "")
        assert maintenance.check(repo).problems == ()
        maintenance.gc(repo, keep=policy)
