"""Branches that start by themselves: what they are called, and that the user is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip import commit
from timeslip.naming import free_branch


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    made = timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="branches", min_free_bytes=0)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("left", "taken", "wanted"),
    [
        ("main", [], "main"),
        ("main", ["main"], "main-2"),
        ("main", ["main", "main-2", "main-4"], "main-3"),
        ("main-2", ["main", "main-2"], "main-3"),
        ("main-3", ["main", "main-2", "main-3"], "main-4"),
        ("model-2", ["main", "model-2"], "model-2-2"),
        ("model-2-2", ["main", "model-2", "model-2-2"], "model-2-3"),
        ("run-07", ["main", "run", "run-07"], "run-07-2"),
    ],
)
def test_names_of_a_family_are_numbered(left: str, taken: list[str], wanted: str) -> None:
    assert free_branch(left, taken) == wanted


def test_every_branch_that_starts_by_itself_is_told(session: Any) -> None:
    session.run("x = 1")
    session.run("x = 2")
    assert session.notices() == []
    session.undo()
    assert session.run("x = 3").commit.branch == "main-2"
    assert session.notices() == ["the session was not at the tip of main, so this step creates branch main-2"]
    session.run("x = 4")
    assert session.notices() == [], "only when it happens"
    session.undo()
    assert not session.status().at_tip
    session.run("x = 5")
    assert session.notices() == ["the session was not at the tip of main-2, so this step creates branch main-3"]
    session.undo(3)
    session.namespace["x"] = 6
    session.checkout("main")
    assert session.notices() == ["the session was not at the tip of main-3, so this step creates branch main-4"]


def test_a_switch_looks_once_at_the_live_state(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session.run("x = [1]")
    session.branch("other")
    session.run("x.append(2)")
    session.namespace["x"].append(3)  # found late: it belongs to the branch that is left
    looked: list[bool] = []
    usual = commit.look

    def look(*arguments: Any, **named: Any) -> Any:
        looked.append(True)
        return usual(*arguments, **named)

    monkeypatch.setattr(commit, "look", look)
    session.switch("other")
    assert (session.namespace["x"], session.branch_name, len(looked)) == ([1], "other", 1)
    session.switch("main")
    assert (session.namespace["x"], session.branch_name, len(looked)) == ([1, 2, 3], "main", 2)


def test_a_tag_is_no_free_name(session: Any) -> None:
    session.run("x = 1")
    session.run("x = 2")
    session.tag("main-2")
    session.undo()
    assert session.run("x = 3").commit.branch == "main-3"


def test_a_run_from_the_empty_state_is_at_no_tip(session: Any) -> None:
    session.run("x = 1")
    session.undo()
    assert session.head is None
    assert not session.status().at_tip
    assert session.run("x = 2").commit.branch == "main-2"
