"""A fault at any call inside Timeslip while a cell is recorded: the cell is as it would have been, nothing is lost."""

from __future__ import annotations

import errno
import gc
import os
import random
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from tests.doors.shells import a_shell, run
from tests.engine.soon import without_price

import timeslip
from timeslip.errors import TimeslipError
from timeslip.ipython import extension
from timeslip.store.maintenance import check

PACKAGE = os.path.dirname(timeslip.__file__) + os.sep
SPARED = (
    "ipython/faults.py",  # what turns faults into warnings
    "interrupts.py",  # a dozen lines that call nothing but `signal`
)

ENTRIES = ("strip_off_line", "_before", "_after", "_after_any", "_work")
"""What IPython itself calls, and a thread begins with: a fault before their first line would be one of Python's."""

FAULTS: dict[str, Callable[[], Exception]] = {
    "RuntimeError": lambda: RuntimeError("injected"),
    "MemoryError": MemoryError,
    "RecursionError": lambda: RecursionError("injected"),
    "full disk": lambda: OSError(errno.ENOSPC, "No space left on device"),
    "locked": lambda: sqlite3.OperationalError("database is locked"),
    "damaged": lambda: sqlite3.DatabaseError("database disk image is malformed"),
}


@dataclass
class Fault:
    """Raises at the n-th call of a function of ours, and never again."""

    number: int
    make: Callable[[], Exception]
    count: int = 0
    where: str = "nowhere"

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(PACKAGE) or code.co_filename.endswith(SPARED):
            return
        if code.co_flags & 0x20 or code.co_name in ENTRIES:  # a generator that goes on is no call
            return
        self.count += 1
        if self.count == self.number:
            self.where = f"{code.co_filename.removeprefix(PACKAGE)}:{code.co_name}"
            raise self.make()


@contextmanager
def failing(number: int, make: Callable[[], Exception]) -> Iterator[Fault]:
    fault, was = Fault(number, make), gc.isenabled()
    gc.disable()
    try:
        threading.setprofile(fault)  # also what a thread does that saves what the cell has changed
        sys.setprofile(fault)
        yield fault
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        if was:
            gc.enable()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Any]:
    with a_shell(min_free_bytes=0) as shell:
        shell.displayhook.cache_size = 1_000_000
        session = extension.attach_shell(shell, store=tmp_path / "store", name="s")
        yield shell
        assert check(session.repository).sound
        extension.unload(shell)


CELL = "x.append(3); y = x; K.n = 2; k.v.append(1); print('out')\nx[0] + x[-1]"


def trial(shell: Any, number: int, make: Callable[[], Exception], capsys: pytest.CaptureFixture[str]) -> Fault:
    """One cell with the fault in it, and what must hold afterwards."""
    run(shell, "x = [1, 2]; y = z = None\nclass K: n = 1\nk = K(); k.v = []")
    session = extension.attached().session  # type: ignore[union-attr]
    session.log(limit=1)  # what the first cell made is saved
    capsys.readouterr()
    with failing(number, make) as fault:
        result = run(shell, CELL)
    said = capsys.readouterr()
    assert (result.result, result.error_in_exec, result.error_before_exec) == (4, None, None)
    assert said.out.replace("Out", "").split("\n")[0] == "out"
    lines = said.err.splitlines()
    assert len(lines) <= 1, said.err
    assert all(line.startswith("timeslip: ") for line in lines), said.err
    end = time.monotonic() + 1.0
    while session._live.backlog and time.monotonic() < end:  # a fault may end the thread that would finish it
        time.sleep(0.001)
    run(shell, "z = 1")
    expect_nothing_lost(shell.user_ns, session)
    said_later = capsys.readouterr().err.splitlines()
    expected = LATER if session.settings.background_bytes == 1 else ("timeslip: recording goes on",)
    assert all(line.startswith(expected) for line in said_later), said_later
    return fault


LATER = (
    *("timeslip: recording goes on", "timeslip: recording is paused: "),
    "timeslip: what In[",  # … changed could not be saved in the background: it is recorded with the next step
)


def expect_nothing_lost(names: dict[str, Any], session: Any) -> None:
    assert session.verify().changed == {}
    steps = 0
    while names["y"] is not None:  # the cell is a step of its own, or part of the one after it
        session.undo()
        steps += 1
        assert steps <= 2, "undo goes too far, or nowhere"
    assert (names["x"], names["z"], names["K"].n, names["k"].v) == ([1, 2], None, 1, [])
    session.redo(steps)
    assert (names["x"], names["z"], names["K"].n, names["k"].v) == ([1, 2, 3], 1, 2, [1])
    assert names["y"] is names["x"]


def try_many(shell: Any, name: str, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    total = trial(shell, 1 << 60, FAULTS[name], capsys).count
    assert total > 300
    choose = random.Random(name)
    for number in sorted(choose.sample(range(1, total), min(count, total - 1))):
        try:
            fault = trial(shell, number, FAULTS[name], capsys)
            where = fault.where
        except BaseException as error:
            raise AssertionError(f"{name} at call {number} of {total}") from error
        assert where


@pytest.mark.parametrize("name", FAULTS)
def test_at_any_call(name: str, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    try_many(shell, name, 30, capsys)


@pytest.mark.slow
@pytest.mark.time_limit(3000)
@pytest.mark.parametrize("name", FAULTS)
def test_at_every_call(name: str, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    try_many(shell, name, 1 << 30, capsys)


def test_the_users_exception_stays(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(5, 200, 17):
        with failing(number, FAULTS["RuntimeError"]):
            result = run(shell, "missing")
        assert isinstance(result.error_in_exec, NameError)
        said = capsys.readouterr()
        assert "NameError" in said.out
        assert said.err.count("\n") <= 1


def test_a_verb_says_what_failed_and_holds(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A fault in a verb is an error of that verb: the state is the one before or the one after, and HEAD says which."""
    session = extension.attached().session  # type: ignore[union-attr]
    choose = random.Random(5)
    for _ in range(25):
        run(shell, "x = [1]", "x.append(2)")
        head = session.head
        with failing(choose.randrange(1, 500), FAULTS["RuntimeError"]):
            try:
                session.undo()
            except (RuntimeError, TimeslipError):
                pass
        assert shell.user_ns["x"] == ([1, 2] if session.head == head else [1])
        session.checkout(head)
        assert shell.user_ns["x"] == [1, 2]
        assert session.verify().changed == {}
    capsys.readouterr()


@pytest.mark.parametrize("name", FAULTS)
def test_at_any_call_while_it_is_saved_in_the_background(
    name: str, shell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    back = without_price()
    try:
        run(shell, "%timeslip config background_bytes 1")
        try_many(shell, name, 30, capsys)
    finally:
        back()
