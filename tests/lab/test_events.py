"""News for front ends: coalesced, numbered, sent to whoever still listens; whoever records never waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.doors.schema import validate_as
from tests.engine.soon import without_price
from tests.lab.looking import Looking

from timeslip.errors import StoreError
from timeslip.ipython import events
from timeslip.ipython.comms import Comms
from timeslip.ipython.events import Events
from timeslip.ipython.faults import Faults
from timeslip.ipython.front import Front
from timeslip.lab import requests
from timeslip.lab.view import View
from timeslip.state import snapshots
from timeslip.store.repository import Repository


class Page:
    """A comm with somebody, or nobody, behind it."""

    def __init__(self, name: str, fails: bool = False) -> None:
        self.comm_id = name
        self.fails = fails
        self.got: list[dict[str, Any]] = []
        self.closed = False
        self.handle_msg: Callable[[dict[str, Any]], None]

    def on_close(self, callback: Callable[[Any], None]) -> None:
        self.leave = callback

    def send(self, data: dict[str, Any]) -> None:
        if self.fails:
            raise OSError("nobody there")
        self.got.append(data)

    def close(self) -> None:
        self.closed = True

    def wait(self, *names: str) -> list[dict[str, Any]]:
        deadline = time.monotonic() + 60
        while [told["event"] for told in self.got] != list(names):
            assert time.monotonic() < deadline, self.got
            time.sleep(0.01)
        for told in self.got:
            validate_as("event", told)
        return self.got


@pytest.fixture
def news(seen: Looking, tmp_path: Path) -> Iterator[Events]:
    seen.run("x = 1")
    made = Events(lambda: seen.view, Faults(tmp_path))
    seen.session.repository.published = made.nudge
    yield made
    seen.session.repository.published = None
    made.close()


def test_what_follows_each_other_quickly_is_told_at_once(seen: Looking, news: Events) -> None:
    page = Page("one")
    news.open(page)
    seen.run("x = 2", "x = 3", "y = 1")
    (told,) = page.wait("recorded")
    assert (told["seq"], told["head"]) == (1, seen.session.head)
    assert [state["first"] for state in told["states"]] == ["y = 1", "x = 3", "x = 2"]
    assert told["state"] == told["states"][0]
    assert news.newest_at(0) == 1
    assert news.newest_at(1) == 4


def test_a_page_that_is_gone_is_forgotten_and_keeps_nobody_waiting(seen: Looking, news: Events) -> None:
    dead, left, alive = Page("dead", fails=True), Page("left"), Page("alive")
    for page in (dead, left, alive):
        news.open(page)
    left.leave(None)
    seen.run("x = 2")
    alive.wait("recorded")
    assert (left.got, list(news._comms)) == ([], ["alive"])


def test_no_more_than_so_many_listen(news: Events) -> None:
    pages = [Page(str(number)) for number in range(events.MOST_COMMS + 2)]
    for page in pages:
        news.open(page)
    assert [page.closed for page in pages] == [True, True] + [False] * events.MOST_COMMS


def test_nothing_is_told_where_nothing_has_happened(seen: Looking, news: Events) -> None:
    page = Page("one")
    news.open(page)
    for _ in range(3):
        news.nudge()
    seen.ask("history")
    seen.run("x = 5")
    page.wait("recorded")


def test_what_was_forgotten_is_told(seen: Looking, news: Events) -> None:
    page = Page("one")
    news.open(page)
    seen.run("secret = 'key'")
    page.wait("recorded")
    seen.session.forget("secret")
    news.nudge()
    told = page.wait("recorded", "rewritten")[-1]
    assert (told["more"], told["states"], told["head"]) == (True, [], seen.session.head)
    news.nudge()
    seen.run("y = 1")
    page.wait("recorded", "rewritten", "recorded")


def test_going_on_with_another_session_is_told(seen: Looking, news: Events) -> None:
    page = Page("one")
    news.open(page)
    other = seen.session.repository.create_session("other")
    news._view = lambda: View(seen.beside, other)
    news.nudge()
    (told,) = page.wait("moved")
    assert (told["session"], told["head"], told["states"]) == (other, None, [])


def test_the_end_is_told_and_the_thread_ends(seen: Looking, news: Events) -> None:
    page = Page("one")
    news.open(page)
    news.close()
    assert page.wait("closed")[0]["seq"] == 1
    assert page.closed
    assert not [thread for thread in threading.enumerate() if thread.name == "timeslip-events"]


class Unopenable:
    """A session whose store cannot be opened a second time."""

    class repository:
        @staticmethod
        def beside() -> Any:
            raise StoreError("the store is locked")


def test_who_listens_to_a_store_that_cannot_be_opened_is_let_go(tmp_path: Path) -> None:
    comms, page = Comms(Unopenable(), Faults(tmp_path)), Page("one")
    comms._open_events(page, {})
    assert page.closed
    asking = Page("two")
    comms._open_rpc(asking, {})
    assert asking.got[0]["refused"]["message"] == "the store is locked"
    assert asking.closed


def test_a_fault_in_an_answer_is_told_in_a_line_and_noted_whole(
    seen: Looking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = Faults(tmp_path)
    front = Front(seen.session, faults)
    try:
        monkeypatch.setattr(requests, "read", lambda *_: 1 / 0)
        page = Page("one")
        front._at_once(page, {"id": 7, "verb": "log"})
        assert page.got[0]["id"] == 7
        assert page.got[0]["error"]["code"] == "internal"
        assert "ZeroDivisionError" in faults.log_file.read_text(encoding="utf-8")
    finally:
        front.close()


def test_what_is_being_saved_in_the_background_is_told(
    seen: Looking, news: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    if snapshots.why_not():
        pytest.skip(f"no snapshots here: {snapshots.why_not()}")
    back, go_on = without_price(), threading.Event()
    put = Repository.put_chunk

    def slowly(*args: Any, **options: Any) -> Any:
        if threading.current_thread().name == "timeslip-saving":
            go_on.wait(60)
        return put(*args, **options)

    monkeypatch.setattr(Repository, "put_chunk", slowly)
    try:
        page = Page("one")
        news.open(page)
        seen.session.config("background_bytes", 1)
        seen.session.namespace["large"] = list(range(5000))
        seen.session.record_soon("large = list(range(5000))", execution_count=7)
        news.nudge()
        assert page.wait("saving")[0]["state"] is None
        go_on.set()
        told = page.wait("saving", "recorded")[1]
        assert told["state"]["first"] == "large = list(range(5000))"
    finally:
        go_on.set()
        back()


def test_what_is_asked_again_is_looked_for_once(seen: Looking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer may be dropped on its way to the front end, which asks again then."""
    looked, go = [], threading.Event()

    def ask(helper: object, request: dict[str, Any], *place: object) -> dict[str, Any]:
        looked.append(request["id"])
        go.wait(20)
        return {"id": request["id"], "answer": len(looked)}

    monkeypatch.setattr("timeslip.lab.helper.Helper.ask", ask)
    front = Front(seen.session, Faults(tmp_path))
    try:
        page, other = Page("one"), Page("two")
        for comm in (page, other):
            front.open_rpc(comm, {"content": {"data": {"versions": [1]}}})
            comm.got.clear()

        def asked(comm: Page, number: int) -> None:
            comm.handle_msg({"content": {"data": {"id": number, "verb": "preview", "names": ["x"]}}})

        for _ in range(3):
            asked(page, 1)
        asked(other, 1)
        go.set()
        soon(lambda: len(page.got) == len(other.got) == 1)
        assert len(looked) == 2, "once for each of the pages"
        asked(page, 1)
        assert page.got == [page.got[0]] * 2
        asked(page, 2)
        soon(lambda: len(page.got) == 3)
        assert looked == [1, 1, 2]
    finally:
        go.set()
        front.close()


def soon(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
