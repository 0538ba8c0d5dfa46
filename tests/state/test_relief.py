"""Buffers that a run rewrites lose their protection meanwhile; nothing of what is written is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.state.areas import Counted, Looker, counted, fill, looker, mapped, needs_kernel, view

from timeslip.standard import time
from timeslip.state import relief, watched
from timeslip.state.pages import PAGE

__all__ = ["counted", "looker"]

pytestmark = needs_kernel

SIZE = 16 << 20
LIMIT = 1 << 20
PAGES = SIZE // PAGE


@pytest.fixture(autouse=True)
def a_thread_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relief, "_FORKS_ARE_WARNED_OF", False)


@pytest.fixture
def area(looker: Looker) -> int:
    start = mapped(SIZE)
    fill(start, 1, SIZE)
    assert looker.look(view(start, SIZE), limit=LIMIT)
    return start


def told(start: int, most: int = 10 * PAGES) -> int:
    """How many pages the kernel calls written."""
    table = watched.process.table
    assert table is not None
    return table._pages.count_written(start, start + SIZE, most)


def soon(happens: Callable[[], bool]) -> bool:
    until = time.monotonic() + 60
    while not happens() and time.monotonic() < until:
        time.sleep(0.005)
    return happens()


def test_pages_are_counted_and_stay_written(looker: Looker, area: int) -> None:
    assert told(area) == 0
    for page in range(0, PAGES, 2):
        fill(area + page * PAGE, 3)
    assert told(area) == told(area) == PAGES // 2
    assert told(area, 100) == 100
    looker.look(view(area, SIZE), limit=LIMIT)
    assert told(area) == 0


def test_what_is_rewritten_counts_as_written(looker: Looker, counted: Counted, area: int) -> None:
    looker.memory.begin_run()
    fill(area, 2, SIZE // relief.MUCH)
    assert soon(lambda: told(area) == PAGES)
    fill(area + SIZE // 2, 3, PAGE)
    counted.taken()
    looker.look(view(area, SIZE), limit=LIMIT)
    assert counted.taken() == SIZE // LIMIT
    assert told(area) == 0


def test_what_is_written_in_places_stays_protected(looker: Looker, counted: Counted, area: int) -> None:
    looker.memory.begin_run()
    fill(area + 5 * PAGE, 2)
    time.sleep(0.1)
    assert told(area) == 1
    counted.taken()
    looker.look(view(area, SIZE), limit=LIMIT)
    assert counted.taken() == 1


def test_nothing_happens_between_runs(looker: Looker, area: int) -> None:
    looker.memory.begin_run()
    looker.memory.turn()
    fill(area, 2, SIZE // 2)
    time.sleep(0.1)
    assert told(area) == PAGES // 2


def test_run_after_run(looker: Looker, area: int) -> None:
    for byte in range(5):
        looker.memory.begin_run()
        fill(area, byte, SIZE // 2)
        assert soon(lambda: told(area) == PAGES), byte
        for _ in range(3):  # it rests, and is watched again
            looker.look(view(area, SIZE), limit=LIMIT)
        looker.look(view(area, SIZE), limit=LIMIT)
        assert told(area) == 0


def test_looks_beside_it(looker: Looker, area: int) -> None:
    looker.look(view(area, SIZE), limit=LIMIT)
    for byte in range(100):
        looker.memory.begin_run()
        fill(area + byte * PAGE, byte, SIZE // 8)
        looker.look(view(area, SIZE), limit=LIMIT)


def test_the_thread_is_ours_and_ends(area: int) -> None:
    one = Looker()
    one.look(view(area, SIZE), limit=LIMIT)
    one.memory.begin_run()
    table = watched.process.table
    assert table is not None
    thread = table._relief._thread
    assert thread is not None
    assert thread.name.startswith("timeslip")
    assert thread.daemon
    table._relief.close()
    thread.join(5)
    assert not thread.is_alive()
    one.close()


def test_there_is_none_without_large_buffers() -> None:
    one = Looker()
    one.look(view(mapped(PAGE), PAGE))
    one.memory.begin_run()
    table = watched.process.table
    assert table is not None
    assert table._relief._thread is None
    one.close()


def test_there_is_none_where_a_fork_would_be_warned_of_it(looker: Looker, monkeypatch: pytest.MonkeyPatch) -> None:
    made = relief.Relief(watched.Pages())
    monkeypatch.setattr(relief, "_FORKS_ARE_WARNED_OF", True)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    made.begin([(0, SIZE)])
    assert made._thread is None
    made._pages.close()


def test_a_thread_that_cannot_be_started(looker: Looker, area: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_: Any) -> None:
        raise RuntimeError("can't start new thread")

    table = watched.process.table
    assert table is not None
    monkeypatch.setattr(threading.Thread, "start", none_left)
    table._relief._thread = None
    looker.memory.begin_run()
    looker.look(view(area, SIZE), limit=LIMIT)
