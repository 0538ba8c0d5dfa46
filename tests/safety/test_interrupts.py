"""A signal at any instant of any verb: the old state whole or the new one, and everything that says which agrees."""

from __future__ import annotations

import builtins
import gc
import os
import random
import signal
import string
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from tests.engine.soon import without_price

import timeslip
from timeslip import interrupts as holding
from timeslip.errors import SessionBusyError
from timeslip.interrupts import INSISTENCE, open_to_interrupts, uninterrupted
from timeslip.store.maintenance import check
from timeslip.testing.copies import copy_namespace
from timeslip.testing.graphs import compare_states

# A file that was opened in the very instant of the interrupt is closed by the collector: that is Python's own way.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CELLS = (
    "import array\na = [1]; b = a; numbers = array.array('d', range(3000))",
    "class K:\n    n = 0\n    def __init__(self): self.v = [0]\nk = K()\ndef f(x, seen=[]): seen.append(x)",
    "a.append(2); K.n = 1; numbers[5] = 9.0; f(1)",
    "del b; c = {'a': a}; k.v.append(1); a.append(3); f(2); K.n = 2; numbers[6] = 1.0; z = 5",
)

VERBS: dict[str, Callable[[Any], Callable[[], Any]]] = {
    "record": lambda s: _ran(s, "a.append(4); K.n = 3; w = [a]; del z"),
    "record soon": lambda s: _ran_soon(s, "a.append(4); K.n = 3; w = [a]; del z"),
    "undo of what is being saved": lambda s: _after(_ran_soon(s, "a.append(4); K.n = 3; w = [a]; del z")(), s.undo),
    "run": lambda s: lambda: s.run("a.append(4); K.n = 3; w = [a]; del z"),
    "undo": lambda s: s.undo,
    "undo of two": lambda s: lambda: s.undo(2),
    "redo": lambda s: _after(s.undo(2), s.redo),
    "checkout": lambda s: _with(s.log()[2].id, s.checkout),
    "checkout of names": lambda s: lambda: s.checkout("HEAD~1", "a"),
    "get": lambda s: lambda: s.get("HEAD~1", "a", "earlier"),
    "resume": lambda s: _with(s.log()[1].id, s.resume),
    "switch": lambda s: _after((s.branch("old", "HEAD~1"),), lambda: s.switch("old")),
    "rename": lambda s: lambda: s.branch(rename=("main", "trunk")),
    "commit": lambda s: s.commit,
    "verify": lambda s: s.verify,
    "diff": lambda s: lambda: s.diff("HEAD~2", "."),
    "gc": lambda s: s.gc,
    "forget": lambda s: lambda: s.forget("numbers"),
}
"""Verb -> what makes a session ready for it and gives the call."""

BEGUN = 120
"""Before this instant the call has not begun: the first thing that a verb does is to hold interrupts back."""

RAN = {"record", "record soon", "run"}
"""In these the code has run before."""

STEPLESS = {"rename", "verify", "diff", "gc", "forget"}


def _ran(session: Any, code: str) -> Callable[[], Any]:
    exec(code, session.namespace)

    def call() -> Any:  # as the doors do: what has run is known before an interrupt can come through
        with uninterrupted():
            return session.record(code)

    return call


def _ran_soon(session: Any, code: str) -> Callable[[], Any]:
    exec(code, session.namespace)

    def call() -> Any:
        with uninterrupted():
            return session.record_soon(code)

    return call


def _after(_done: Any, call: Callable[[], Any]) -> Callable[[], Any]:
    return call


def _with(argument: Any, call: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: call(argument)


@dataclass
class Countdown:
    """Sends a signal to this process at the n-th call, return, call of C code or return from it."""

    number: int
    count: int = 0
    where: str = "nowhere"

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        self.count += 1
        if self.count == self.number:
            self.where = f"{event} in {frame.f_code.co_filename}:{frame.f_lineno}"
            signal.raise_signal(signal.SIGINT)


@contextmanager
def counting(number: int) -> Iterator[Countdown]:
    """Within the block the signal comes at that instant; no garbage collection changes what is counted."""
    countdown, was = Countdown(number), gc.isenabled()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.disable()
    try:
        sys.setprofile(countdown)
        yield countdown
    finally:
        sys.setprofile(None)
        signal.signal(signal.SIGINT, before)
        if was:
            gc.enable()


class Trial:
    """One session, ready for the verb."""

    def __init__(self, directory: Path, verb: str) -> None:
        namespace = {"__name__": "__main__", "__builtins__": builtins}
        settings: dict[str, Any] = {"background_bytes": 1} if "soon" in verb or "saved" in verb else {}
        self.session = timeslip.attach(namespace, store=directory, name="s", min_free_bytes=0, facets=(), **settings)
        for cell in CELLS:
            assert self.session.run(cell).error is None
        self.before = copy_namespace(namespace)
        self.call = VERBS[verb](self.session)
        self.names, self.head, self.steps = self.state()

    def state(self) -> tuple[dict[str, Any], Any, tuple[int, int]]:
        steps = self.session._live.steps
        return copy_namespace(self.session.namespace), self.session.head, (len(steps.done), len(steps.undone))

    def interrupted_at(self, number: int) -> Countdown:
        with counting(number) as countdown:
            try:
                self.call()
            except KeyboardInterrupt:
                pass
        return countdown


def instants(total: int, count: int, seed: str) -> list[int]:
    """Instants to try: evenly over the whole call, more of them near its end, where things change."""
    choose = random.Random(seed)
    late = [choose.randrange(total // 2, total - 5) for _ in range(count // 2)]
    return sorted({choose.randrange(BEGUN, total - 5) for _ in range(count - len(late))} | set(late))


def expect_whole(trial: Trial, new: Trial, verb: str) -> None:
    session = trial.session
    names, head, steps = trial.state()
    moved = head != trial.head
    is_old, is_new = not compare_states(trial.names, names), not compare_states(new.state()[0], names)
    assert is_old or is_new, "the state is neither the one before nor the one after"
    if verb not in RAN:
        assert is_new if moved else is_old, "HEAD and the names tell different stories"
    if verb not in STEPLESS:
        assert steps == (new.state()[2] if moved else trial.steps), "HEAD and the steps tell different stories"
    assert session.repository.head(session.id, session._live.kernel).commit == head
    if verb in RAN and not moved and is_new:  # recorded now, as the step that it is
        session.undo()
        assert not compare_states(trial.before, copy_namespace(session.namespace)), "the step was lost"
        session.redo()
    expect_usable(session, {"numbers"} if verb == "forget" else set())


def expect_usable(session: Any, forgotten: set[str]) -> None:
    """The next verbs work, and nothing of the present state is lost."""

    def copied() -> dict[str, Any]:
        return copy_namespace({key: value for key, value in session.namespace.items() if key not in forgotten})

    before = copied()
    assert session.run("after = [1]").error is None
    assert not session.verify().changed
    after = copied()
    session.undo()
    assert not compare_states(before, copied()), "undo after an interrupt"
    session.redo()
    assert not compare_states(after, copied()), "redo after an interrupt"
    assert session._live.steps.done[-1].after == session.head
    assert check(session.repository).sound


def try_many(directory: Path, verb: str, count: int) -> None:
    new = Trial(directory / "new", verb)
    total = new.interrupted_at(1 << 60).count
    for number in instants(total, count, verb):
        trial = Trial(directory / str(number), verb)
        where = trial.interrupted_at(number).where
        try:
            expect_whole(trial, new, verb)
        except BaseException as error:
            raise AssertionError(f"{verb}, interrupted at {number} of {total}: {where}") from error
        trial.session.close()
    new.session.close()


@pytest.fixture(autouse=True)
def small_values_are_saved_in_the_background_too() -> Iterator[None]:
    back = without_price()
    yield
    back()


@pytest.mark.parametrize("verb", VERBS)
def test_at_any_instant(verb: str, tmp_path: Path) -> None:
    try_many(tmp_path, verb, 14)


@pytest.mark.slow
@pytest.mark.time_limit(1800)
@pytest.mark.parametrize("verb", VERBS)
def test_at_very_many_instants(verb: str, tmp_path: Path) -> None:
    try_many(tmp_path, verb, 800)


def test_attaching_interrupted_leaves_nothing_held(tmp_path: Path) -> None:
    namespace = {"__name__": "__main__", "__builtins__": builtins, "x": [1]}

    def attach(place: Path, number: int) -> Any:
        with counting(number) as countdown:
            session = timeslip.attach(namespace, store=place, name="s", min_free_bytes=0)
        session.close()
        return countdown.count

    total = attach(tmp_path / "count", 1 << 60)
    for number in instants(total, 30, "attach"):
        place = tmp_path / str(number)
        try:
            attach(place, number)
        except KeyboardInterrupt:
            pass
        with timeslip.attach(namespace, store=place, name="s", min_free_bytes=0) as session:
            assert not session._live.shared, f"the lease of an interrupted attach is still there, {number}"
            assert session.run("x.append(2)").error is None
        del namespace["x"]
        namespace["x"] = [1]


def test_what_could_not_be_recorded_is_a_step_of_its_own(tmp_path: Path) -> None:
    trial = Trial(tmp_path, "record")
    session = trial.session
    with pytest.raises(KeyboardInterrupt), counting(2000):
        trial.call()
    assert session.head == trial.head
    session.undo()
    assert session.namespace["a"] == [1, 2, 3]
    assert session.head == trial.head
    redone = session.redo()
    assert session.namespace["a"] == [1, 2, 3, 4]
    assert session.log()[0].id == redone.commit
    assert session.log()[0].code == "a.append(4); K.n = 3; w = [a]; del z"
    session.close()


def test_what_could_not_be_recorded_is_in_the_code_of_the_next_step(tmp_path: Path) -> None:
    trial = Trial(tmp_path, "record")
    session = trial.session
    with pytest.raises(KeyboardInterrupt), counting(2000):
        trial.call()
    commit = session.run("g = (i for i in a)\nafter = 1").commit
    assert commit.code == "a.append(4); K.n = 3; w = [a]; del z\ng = (i for i in a)\nafter = 1"
    assert commit.names.created == ("after", "g", "w")
    assert session.blame("w")[0].id == commit.id
    session.run("del g")
    assert session.undo().replayed == ("g",), "the code that is run again is whole"
    assert next(session.namespace["g"]) == 1
    session.close()


@contextmanager
def interrupt_after(seconds: float) -> Iterator[None]:
    """Interrupts the block after so many seconds."""
    thread = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread.name = "timeslip-test"  # not a thread of the session
    thread.start()
    try:
        yield
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)


def test_replayed_code_can_be_interrupted(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    with timeslip.attach(namespace, store=tmp_path, name="s", min_free_bytes=0) as session:
        session.run("import string; kept = [0]")
        session.run("g = (i for i in range(3))\nwhile getattr(string, 'slow', False): pass")
        session.run("del g")
        session.undo(replay="never")
        string.slow = True  # type: ignore[attr-defined]
        try:
            with pytest.raises(KeyboardInterrupt), interrupt_after(0.3):
                session.replay("g")
        finally:
            del string.slow  # type: ignore[attr-defined]
        assert sorted(session.names()) == ["g", "kept", "string"]
        assert type(namespace["g"]).__name__ == "Placeholder"
        session.replay("g")
        assert next(namespace["g"]) == 0


def test_a_verb_within_a_verb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    with timeslip.attach(namespace, store=tmp_path, name="s", min_free_bytes=0) as session:
        meddling = types.ModuleType("meddling")
        monkeypatch.setitem(sys.modules, "meddling", meddling)
        exec(
            "class Meddler(list):\n"
            "    def __reduce_ex__(self, protocol):\n"
            "        try: session.undo()\n"
            "        except Exception as error: told.append(type(error).__name__)\n"
            "        return list, ()\n",
            meddling.__dict__,
        )
        meddling.session, meddling.told = session, (told := [])  # type: ignore[attr-defined]
        session.run("import meddling; m = meddling.Meddler()")
        assert set(told) == {SessionBusyError.__name__}


# ---- the sections themselves


@pytest.fixture
def interrupts() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
class TestSections:
    def test_an_interrupt_waits_for_the_end(self) -> None:
        done = []
        with pytest.raises(KeyboardInterrupt), uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append(1)
        assert done == [1]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def test_the_outermost_section_counts(self) -> None:
        done = []
        with pytest.raises(KeyboardInterrupt), uninterrupted():
            with uninterrupted():
                signal.raise_signal(signal.SIGINT)
            done.append(1)
        assert done == [1]

    def test_users_code_within_is_open(self) -> None:
        done = []
        with pytest.raises(KeyboardInterrupt), uninterrupted():
            with open_to_interrupts():
                assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
                signal.raise_signal(signal.SIGINT)
                done.append(1)
        assert done == []

    def test_what_waits_comes_when_the_section_opens(self) -> None:
        done = []
        with pytest.raises(KeyboardInterrupt), uninterrupted():
            signal.raise_signal(signal.SIGINT)
            with open_to_interrupts():
                done.append(1)
        assert done == []

    def test_who_insists_is_let_through(self) -> None:
        done = []
        with pytest.raises(KeyboardInterrupt), uninterrupted():
            for _ in range(INSISTENCE):
                signal.raise_signal(signal.SIGINT)
            done.append(1)
        assert done == []

    def test_a_handler_of_the_users_is_called_and_stays(self) -> None:
        came: list[int] = []
        signal.signal(signal.SIGINT, handler := lambda number, frame: came.append(number))
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            assert came == []
        assert came == [signal.SIGINT]
        assert signal.getsignal(signal.SIGINT) is handler

    def test_a_handler_set_within_stays(self) -> None:
        handler = lambda number, frame: None
        with uninterrupted(), open_to_interrupts():
            signal.signal(signal.SIGINT, handler)
        assert signal.getsignal(signal.SIGINT) is handler

    def test_ignored_signals_stay_ignored(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with uninterrupted():
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
            signal.raise_signal(signal.SIGINT)

    def test_an_error_of_the_section_is_the_context(self) -> None:
        with pytest.raises(KeyboardInterrupt) as raised, uninterrupted():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("inner")
        assert isinstance(raised.value.__context__, ValueError)

    def test_in_other_threads_nothing_is_touched(self) -> None:
        found = []

        def look() -> None:
            with uninterrupted():
                found.append(signal.getsignal(signal.SIGINT))

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert found == [signal.default_int_handler]


def test_holding_signals_back_makes_no_enums() -> None:
    """It happens ten times for each cell: the functions of C are asked, whatever wraps them in this Python."""
    assert isinstance(holding._get, types.BuiltinFunctionType)
    assert isinstance(holding._set, types.BuiltinFunctionType)
