"""A notebook that got another path keeps its history."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.store.steps import Steps

from timeslip.errors import ConflictError, UsageError
from timeslip.lab.moving import moved, renamed
from timeslip.store.repository import Repository


def test_the_session_is_found_by_the_new_path(tmp_path: Path) -> None:
    with Repository.open(tmp_path, min_free_bytes=0) as repo:
        session = repo.create_session("one", "/home/me/work/deep/one.ipynb")
        told = renamed(repo, session, "/home/me/work/deep/one.ipynb", "deep/one.ipynb", "two.ipynb")
        assert told == {"notebook": "/home/me/work/two.ipynb", "moved": True}
        assert repo.sessions()[0].notebook == "/home/me/work/two.ipynb"
        again = renamed(repo, session, "/home/me/work/two.ipynb", "deep/one.ipynb", "two.ipynb")
        assert again == {"notebook": "/home/me/work/two.ipynb", "moved": False}
        repo.create_session("empty", "/home/me/work/empty.ipynb")
        renamed(repo, session, "/home/me/work/two.ipynb", "two.ipynb", "empty.ipynb")
        renamed(repo, session, "/home/me/work/empty.ipynb", "empty.ipynb", "two.ipynb")
        other = Steps(repo, repo.create_session("other", "/home/me/work/three.ipynb"))
        other.commit({"x": b"1"})
        with pytest.raises(ConflictError):
            renamed(repo, session, "/home/me/work/two.ipynb", "two.ipynb", "three.ipynb")
        for before, after in (("four.ipynb", "five.ipynb"), ("two.ipynb", "../up.ipynb"), ("two.ipynb", "")):
            with pytest.raises(UsageError):
                renamed(repo, session, "/home/me/work/two.ipynb", before, after)
        with pytest.raises(UsageError):
            renamed(repo, session, None, "two.ipynb", "four.ipynb")
        assert {row.name: row.notebook for row in repo.sessions()} == {
            "one": "/home/me/work/two.ipynb",
            "empty": None,
            "other": "/home/me/work/three.ipynb",
        }


def test_all_notebooks_of_a_folder_move_with_it(tmp_path: Path) -> None:
    with Repository.open(tmp_path, min_free_bytes=0) as repo:
        for path in ("/w/a/one.ipynb", "/w/a/deep/two.ipynb", "/w/ab/three.ipynb", "/w/b/one.ipynb"):
            Steps(repo, repo.create_session(path, path)).commit({"x": b"1"})
        Steps(repo, repo.create_session("four", "/w/four.ipynb")).commit({"x": b"1"})
        assert moved(repo, "/w/a", "/w/b") == ["/w/b/deep/two.ipynb"], "one that has a history there keeps it"
        assert moved(repo, "/w/four.ipynb", "/w/five.ipynb") == ["/w/five.ipynb"]
        assert {row.name: row.notebook for row in repo.sessions()} == {
            "/w/a/one.ipynb": "/w/a/one.ipynb",
            "/w/a/deep/two.ipynb": "/w/b/deep/two.ipynb",
            "/w/ab/three.ipynb": "/w/ab/three.ipynb",
            "/w/b/one.ipynb": "/w/b/one.ipynb",
            "five": "/w/five.ipynb",
        }
