"""The store's limit: old values go first, then recording pauses with one warning, and goes on when there is room."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip.errors import StoreFullError

MEGABYTE = 1_000_000


@pytest.fixture
def attach(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    made: list[Any] = []

    def attach(**settings: Any) -> Any:
        namespace = {"__name__": "__main__", "fresh": os.urandom}
        made.append(timeslip.attach(namespace, store=tmp_path / "s", name="small", min_free_bytes=0, **settings))
        return made[-1]

    yield attach
    for session in made:
        session.close()


def fill(session: Any, count: int) -> None:
    for _ in range(count):
        session.run(f"x = fresh({2 * MEGABYTE})")


def test_old_values_go_first_and_the_first_drop_is_told(attach: Callable[..., Any]) -> None:
    session = attach(max_store_bytes=12 * MEGABYTE, keep_commits=1, undo_steps=1)
    fill(session, 12)
    (told,) = session.notices()
    assert "old value" in told
    assert "max_store_bytes" in told
    assert session.status().store_bytes < 13 * MEGABYTE
    assert session.status().paused is None
    assert "gc" in {operation.kind for operation in session.ops()}
    assert session.undo().fidelity["x"] == "exact"


def test_recording_pauses_with_one_warning_and_goes_on_after_the_limit_is_raised(attach: Callable[..., Any]) -> None:
    session = attach(max_store_bytes=3 * MEGABYTE)
    fill(session, 2)
    (told,) = session.notices()
    for part in ("recording is paused", "its limit is 3.0 MB", "stays", "max_store_bytes", "keep_commits"):
        assert part in told
    head = session.head
    for _ in range(3):
        with pytest.raises(StoreFullError) as raised:
            session.run("y = [1]")
        assert raised.value.message in told
        assert raised.value.hint in told
    assert session.head == head
    assert session.notices() == []
    assert "its limit is 3.0 MB" in session.status().paused
    assert session.status().unfinished == 3
    with pytest.raises(StoreFullError):
        session.undo()
    assert session.status().unfinished == 3, "a verb that failed is no run"
    assert session.namespace["y"] == [1], "undo does not lose what could not be recorded"
    session.config("max_store_bytes", 50 * MEGABYTE)
    assert set(session.run("z = 1").commit.names.created) == {"y", "z"}
    assert session.notices() == ["recording goes on"]
    assert session.status().paused is None


def test_recording_goes_on_when_less_is_kept(attach: Callable[..., Any]) -> None:
    session = attach(max_store_bytes=9 * MEGABYTE)
    fill(session, 4)
    with pytest.raises(StoreFullError):
        fill(session, 2)
    session.config("keep_commits", 1)
    session.config("undo_steps", 1)
    assert session.run("y = 1").commit is not None
    assert session.status().paused is None


def test_looking_and_travelling_go_on_while_recording_is_paused(attach: Callable[..., Any]) -> None:
    session = attach(max_store_bytes=3 * MEGABYTE)
    fill(session, 2)
    session.undo()
    session.redo()
    assert session.show("HEAD").commit.id == session.head
    assert session.diff().values


@pytest.mark.parametrize("noise", ["tags", "collections", "travels"])
def test_only_steps_count_as_steps_to_undo(attach: Callable[..., Any], noise: str) -> None:
    session = attach(keep_commits=1, undo_steps=4)
    fill(session, 7)
    for number in range(5):
        if noise == "tags":
            session.tag(f"t{number}")
            session.tag(delete=f"t{number}")
        elif noise == "collections":
            session.gc()
        else:
            session.undo()
            session.redo()
    session.config("max_store_bytes", 3 * MEGABYTE)
    session.run("y = 1")
    for steps in range(1, 5):
        assert session.undo(steps).fidelity["x"] == "exact"
        session.redo(steps)


def test_what_was_undone_can_be_redone_after_a_collection(attach: Callable[..., Any]) -> None:
    session = attach(keep_commits=1, undo_steps=4)
    fill(session, 7)
    newest = session.namespace["x"]
    session.undo(3)
    session.config("max_store_bytes", 3 * MEGABYTE)
    session.gc()
    session.redo(3)
    assert session.namespace["x"] == newest
