"""What undo and redo say of the steps they walk over, and of where that leads."""

from __future__ import annotations

from pathlib import Path

import pytest

import timeslip
from timeslip.errors import CommitNotFoundError


def test_undo_and_redo_name_their_steps(tmp_path: Path) -> None:
    with timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="s", min_free_bytes=0) as session:
        session.run("x = [1]; y = x")
        session.run("pass")
        session.get("HEAD", "x", "z")
        session.checkout("HEAD~2")
        session.checkout("main", "z")
        foreseen = session.undo(2, dry_run=True)
        taken = session.undo(4)
        assert [step.kind for step in taken.went] == ["partial-checkout", "checkout", "get", "run"]
        assert foreseen.went == taken.went[:2]
        assert taken.went[-1].commit is not None
        assert taken.went[-1].commit.code == "pass"
        assert taken.at is not None
        assert (taken.at.id, taken.at.code) == (session.head, "x = [1]; y = x")
        assert session.namespace["x"] is session.namespace["y"]
        again = session.redo(2)
        assert [step.kind for step in again.went] == ["run", "get"]
        assert again.at is not None
        assert again.at.id == session.head
        session.undo(2)
        last = session.undo()
        assert (last.commit, last.at) == (None, None)
        assert "x" not in session.namespace


def test_a_variable_where_a_state_is_asked_for(tmp_path: Path) -> None:
    with timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="s", min_free_bytes=0) as session:
        session.run("df = [1]")
        for call in (session.checkout, session.show, session.verify):
            with pytest.raises(CommitNotFoundError) as raised:
                call("df")
            assert raised.value.hint == "it is a variable: `show HEAD df`, `blame df`, `checkout REF -- df`"
