"""Long work shows one line, short work none; nobody who does not watch a terminal sees control characters."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.doors.shells import a_shell, run

import timeslip
from timeslip.cli.output import progress as at_a_terminal
from timeslip.ipython import extension
from timeslip.progress import Progress
from timeslip.rendering import progress as rendering
from timeslip.rendering.progress import Ticker, amount
from timeslip.store.maintenance import check, gc
from timeslip.store.repository import Repository


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rendering, "time", clock)
    return clock


def test_nothing_before_a_second_and_then_not_too_often(clock: Clock) -> None:
    shown: list[str] = []
    ticker = Ticker("recording In[5]", shown.append)
    for step in range(200):
        clock.now = 100 + step / 100
        ticker("saving", step * 1_000_000, 200_000_000)
    assert shown[0] == "timeslip: recording In[5]: saving 100 MB of 200 MB"
    assert 3 <= len(shown) <= 5
    ticker.close()
    ticker.close()
    assert shown[-1] == ""
    assert shown.count("") == 1


def test_short_work_shows_nothing(clock: Clock) -> None:
    shown: list[str] = []
    ticker = Ticker("undo", shown.append)
    clock.now += 0.9
    ticker("loading", 1, 2)
    ticker.close()
    assert shown == []


def test_amounts() -> None:
    assert amount("looking at names", 12, 0) == "looking at names 12"
    assert amount("packs", 3, 7) == "packs 3 of 7"
    assert amount("loading", 5_000_000, 0) == "loading 5.0 MB"


def test_phases_within_phases() -> None:
    told: list[tuple[str, int, int]] = []
    progress = Progress()
    progress.tell = lambda *what: told.append(what)
    progress.moved(5)
    with progress.phase("loading", 100):
        progress.moved(40)
        with progress.phase("looking at names"):
            progress.moved(7)
            progress.looked()
        progress.moved(10)
        progress.looked()
    assert told == [("loading", 40, 100), ("looking at names", 1, 0), ("loading", 50, 100)]


def test_every_long_verb_tells_how_far_it_is(tmp_path: Path) -> None:
    told: set[str] = set()
    with timeslip.attach({"__name__": "__main__"}, store=tmp_path, name="s", min_free_bytes=0) as session:
        session.progress.tell = lambda what, done, total: told.add(what)

        def during(call: Any) -> set[str]:
            told.clear()
            call()
            return set(told)

        assert during(lambda: session.run("a = bytearray(3_000_000); b = [a]")) >= {"looking at names", "saving"}
        session.run("del a, b")
        assert during(session.undo) >= {"loading", "looking at names"}
        assert during(session.verify) == {"looking at names"}
        assert during(lambda: session.verify("HEAD")) == {"reading"}
        assert during(session.redo) == {"looking at names"}
        assert during(lambda: session.undo(verify=True)) >= {"reading", "loading"}


def test_check_and_gc_tell_too(tmp_path: Path) -> None:
    with timeslip.attach({"__name__": "__main__"}, store=tmp_path, name="s", min_free_bytes=0) as session:
        session.run("a = bytearray(3_000_000)")
        session.forget("a")
    told: set[str] = set()
    with Repository.open(tmp_path) as repository:
        check(repository, progress=lambda what, done, total: told.add(what))
        gc(repository, progress=lambda what, done, total: told.add(what))
    assert "records" in told


def test_in_a_shell_only_a_terminal_sees_it(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        monkeypatch.setattr(sys, "stderr", stream)
        for as_json in (True, False):
            with at_a_terminal("check", as_json=as_json) as tell:
                clock.now += 5
                if tell is not None:
                    tell("chunks", 5, 10)
    assert pipe.getvalue() == ""
    assert terminal.getvalue() == "\r\x1b[Ktimeslip: check: chunks 5 of 10\r\x1b[K"


def test_in_a_terminal_ipython(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rendering, "PATIENCE", 0.0)
    with a_shell(min_free_bytes=0) as shell:
        extension.attach_shell(shell, store=tmp_path / "store", name="s")
        try:
            terminal, pipe = Terminal(), io.StringIO()
            monkeypatch.setattr(sys, "stderr", pipe)
            run(shell, "x = [1]")
            monkeypatch.setattr(sys, "stderr", terminal)
            run(shell, "y = [1]")
        finally:
            extension.unload(shell)
    assert pipe.getvalue() == ""
    assert terminal.getvalue().startswith("\r\x1b[Ktimeslip: recording In[2]: looking at names 1")
    assert terminal.getvalue().endswith("\r\x1b[K")
