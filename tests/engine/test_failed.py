"""Captures and commits that fail for a passing reason: nothing may stay lost for it, and no step may vanish."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from timeslip.codec.capture import Encoder
from timeslip.errors import StoreFullError, UnstorableError

Trouble = Callable[[bool], list[int]]


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> Trouble:
    """A switch: while it is on, what holds the text "spoilt" cannot be captured, as while a thread writes to it.

    It returns a list that gets a number for every capture that failed.
    """
    capture = Encoder.capture
    state: dict[str, bool] = {}
    failed: list[int] = []

    def spoilt(self: Any, nodes: Any, **options: Any) -> Any:
        if state["on"] and any(type(value) is dict and "spoilt" in value for _, value in nodes):
            failed.append(len(failed))
            raise UnstorableError(f"{nodes[0][0]} cannot be captured: dictionary changed size during iteration")
        return capture(self, nodes, **options)

    def switch(on: bool) -> list[int]:
        state["on"] = on
        return failed

    monkeypatch.setattr(Encoder, "capture", spoilt)
    return switch


def test_what_could_not_be_captured_is_tried_again_with_the_next_look(
    attach: Callable[..., Any], trouble: Trouble
) -> None:
    trouble(True)
    session = attach()
    made = session.run("d = {'spoilt': [1]}; e = d")
    assert "changed size" in made.commit.names.inexact["d"]
    trouble(False)
    looked = session.run("y = 1").commit
    assert set(looked.names.late) == {"d", "e"}, "when they changed is not known"
    assert not session.status().inexact
    session.run("d = e = None")
    session.undo()
    assert session.namespace["d"] == {"spoilt": [1]}
    assert session.namespace["d"] is session.namespace["e"]


def test_what_never_can_be_captured_costs_less_and_less(attach: Callable[..., Any], trouble: Trouble) -> None:
    failed = trouble(True)
    session = attach()
    session.run("d = {'spoilt': [1]}")
    tried = []
    for number in range(40):
        before = len(failed)
        commit = session.run(f"y = {number}").commit
        assert commit.names.changed in ((), ("y",)), "failing again is no change"
        if len(failed) > before:
            tried.append(number)
    assert tried == [0, 2, 6, 14, 30]
    assert "changed size" in session.status().inexact["d"]


def test_before_travelling_it_is_tried_without_waiting(attach: Callable[..., Any], trouble: Trouble) -> None:
    trouble(True)
    session = attach()
    session.run("d = {'spoilt': [1]}")
    for number in range(6):
        session.run(f"y = {number}")
    trouble(False)
    session.undo()
    session.redo()
    assert not session.status().inexact
    assert session.namespace["d"] == {"spoilt": [1]}


def _fail(*_: object, **__: object) -> None:
    raise StoreFullError("the disk is full", hint="free some space")


def test_a_run_whose_commit_failed_is_a_step_of_its_own(
    attach: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = attach()
    session.run("a = 1")
    session.run("a = 2")

    with monkeypatch.context() as patch:
        patch.setattr("timeslip.finishing._put_commit", _fail)
        with pytest.raises(StoreFullError):
            session.run("a = 3")
    session.undo()
    assert session.namespace["a"] == 2, "the failed run alone is taken back"
    session.redo()
    assert session.namespace["a"] == 3
    session.undo(2)
    assert session.namespace["a"] == 1


def test_runs_while_recording_is_paused_for_space_are_found_by_the_next_commit(
    attach: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = attach(check_budget=0.0)
    session.run("a = {'k': [1]}; b = a['k']")

    with monkeypatch.context() as patch:
        patch.setattr("timeslip.finishing._put_commit", _fail)
        patch.setattr(type(session.repository), "require_space", _fail)
        for _ in range(2):  # the second one does not even look
            with pytest.raises(StoreFullError):
                session.run("b.append(2)")
    assert set(session.run("c = 1").commit.names.changed) == {"a", "b"}
    session.undo()
    assert session.namespace["a"] == {"k": [1]}
