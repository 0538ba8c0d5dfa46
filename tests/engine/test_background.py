"""Large values are saved while the next code runs: what is recorded is what was there, whatever happens meanwhile."""

from __future__ import annotations

import builtins
import gc
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.engine.soon import TINY, without_price

import timeslip
from timeslip import commit as recording
from timeslip import finishing, live, saving
from timeslip.encoding import Draft
from timeslip.errors import StoreFullError
from timeslip.model import Unfinished
from timeslip.running import run_code
from timeslip.saving import Saving
from timeslip.state import snapshots
from timeslip.store import collect, maintenance
from timeslip.store.repository import Repository

numpy = pytest.importorskip("numpy")

if snapshots.why_not():
    pytest.skip(f"no snapshots here: {snapshots.why_not()}", allow_module_level=True)

MADE = "import numpy; a = numpy.arange(200_000.0)"  # 1.6 MB, two chunks


@pytest.fixture(autouse=True)
def small_ones_too() -> Iterator[None]:
    back = without_price()
    yield
    back()


class Gate:
    """Holds the thread that saves up before each chunk; may make it fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.arrived = threading.Event()
        self.error: BaseException | None = None
        real = Repository.put_chunk

        def put_chunk(repository: Repository, *args: Any, **options: Any) -> Any:
            if threading.current_thread().name == "timeslip-saving":
                self.arrived.set()
                assert self.open.wait(30)
                if self.error is not None:
                    raise self.error
            return real(repository, *args, **options)

        monkeypatch.setattr(Repository, "put_chunk", put_chunk)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    made = Gate(monkeypatch)
    yield made
    made.open.set()


@pytest.fixture
def session(attach: Callable[..., Any], gate: Gate) -> Any:
    """Depends on the gate, so that it is open when the session is closed."""
    return attach(facets=(), replay="never", **TINY)


def run(session: Any, code: str) -> Any:
    """Run and record as a kernel does."""
    session.before_run(code)
    error = run_code(code, session.namespace)
    assert error is None, error
    run.count += 1  # type: ignore[attr-defined]
    return session.record_soon(code, execution_count=run.count)  # type: ignore[attr-defined]


run.count = 0  # type: ignore[attr-defined]


def test_what_is_recorded_is_what_was_there_when_the_run_ended(session: Any, gate: Gate) -> None:
    assert isinstance(run(session, MADE), Unfinished)
    assert gate.arrived.wait(30)
    session.namespace["a"][:] = -1.0
    gate.open.set()
    run(session, "b = 1")
    session.undo(2)
    session.redo()
    assert (session.namespace["a"] == numpy.arange(200_000.0)).all()


TEXTS = "import numpy; t = numpy.array([f'text {i}' for i in range(100_000)], object)"


def test_parts_of_an_array_of_texts_are_those_of_the_run(session: Any, gate: Gate) -> None:
    assert isinstance(run(session, TEXTS), Unfinished)
    assert gate.arrived.wait(30)
    session.namespace["t"][:] = "other"
    gate.open.set()
    run(session, "b = 1")
    session.undo(2)
    session.redo()
    assert session.namespace["t"].tolist() == [f"text {i}" for i in range(100_000)]
    run(session, "t = t.copy(); x = numpy.zeros(200_000); both = [t, x]")
    run(session, "x[7] = 1; t[50_000] = 'changed'")
    run(session, "t[60_000] = [1]")
    run(session, "t[60_000] = 'again'")
    session.undo(2)
    there = session.namespace["both"][0]
    assert (there[50_000], there[60_000], there[99_999]) == ("changed", "text 60000", "text 99999")
    session.undo()
    assert session.namespace["both"][0] is session.namespace["t"]
    assert session.namespace["t"][50_000] == "text 50000"


def test_bytes_that_may_change_are_recorded_as_they_were(session: Any, gate: Gate) -> None:
    assert isinstance(run(session, "x = bytearray(200_000)"), Unfinished)
    session.namespace["x"][0] = 7
    session.namespace["x"].append(1)  # which only an object can do whose memory nobody holds
    gate.open.set()
    run(session, "b = 1")
    assert session.get(session.log(limit=2)[1].id, "x") == bytearray(200_000)


def test_a_stream_beside_arrays_that_are_there_already_needs_no_snapshot(session: Any, gate: Gate) -> None:
    gate.open.set()
    run(session, MADE)
    session.log()
    assert isinstance(run(session, "c = [a, list(range(500)), numpy.zeros(0)]"), Unfinished)
    assert session.log(limit=1)[0].names.created == ("c",)
    assert not session.notices()
    session.undo()
    session.redo()
    assert session.namespace["c"][0] is session.namespace["a"]


def test_runs_that_touch_nothing_that_is_saved_do_not_wait(session: Any, gate: Gate) -> None:
    run(session, MADE)
    for code in ("b = 1", "c = [b]", "n = len(a)", "b = 2"):
        assert isinstance(run(session, code), Unfinished), "nothing has opened the gate"
    assert session.status().unfinished == 5
    done, total = session.status().saving
    assert done == 0
    assert total >= 1_600_000
    gate.open.set()
    log = session.log()
    assert [commit.code for commit in log][:5] == ["b = 2", "n = len(a)", "c = [b]", "b = 1", MADE]
    assert all(after.parents == (before.id,) for after, before in itertools.pairwise(log))
    assert [commit.names.changed for commit in log][:4] == [("b",), (), (), ()]
    assert log[2].names.created == ("c",)
    assert log[0].stats.bytes_stored < 5_000 < log[4].stats.bytes_stored
    assert session.status().unfinished == 0
    assert session.status().saving is None


def test_a_large_stream_beside_buffers_that_are_stored_needs_no_snapshot(session: Any, gate: Gate) -> None:
    gate.open.set()
    session.run(f"{MADE}; both = {{'a': a}}")
    text = "both['text'] = ','.join(map(str, range(20_000)))"
    assert isinstance(run(session, text), Unfinished)
    run(session, "b = 1")
    assert [commit.code for commit in session.log()][:2] == ["b = 1", text]
    assert session.notices() == []
    session.undo(2)
    assert list(session.namespace["both"]) == ["a"]
    session.redo()
    assert len(session.namespace["both"]["text"]) > 100_000


def test_it_is_finished_without_anybody_asking(session: Any, gate: Gate) -> None:
    run(session, MADE)
    run(session, "b = 1")
    gate.open.set()
    deadline = time.monotonic() + 30
    while session.status().unfinished and time.monotonic() < deadline:
        time.sleep(0.01)
    assert session.repository.commits(session.id, limit=1)[0][0] == session._live.head
    assert session.log(limit=1)[0].code == "b = 1"


def test_no_step_is_refused_while_one_is_being_finished(
    session: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(session, "x = 0")
    arrived, go_on = threading.Event(), threading.Event()
    real = Repository.transaction

    def transaction(repository: Repository) -> Any:
        if threading.current_thread().name == "timeslip-saving":
            arrived.set()
            assert go_on.wait(30)
        return real(repository)

    monkeypatch.setattr(Repository, "transaction", transaction)
    monkeypatch.setattr(live, "_WAIT_SECONDS", 0.05)
    gate.open.set()
    run(session, MADE)
    assert arrived.wait(30)
    threading.Timer(0.2, go_on.set).start()
    run(session, "b = 1")
    assert [commit.code for commit in session.log()][:2] == ["b = 1", MADE]


def test_a_run_that_changes_what_is_saved_is_recorded_after_it(session: Any, gate: Gate) -> None:
    run(session, MADE)
    threading.Timer(0.05, gate.open.set).start()
    run(session, "a[3] = -7.0")
    assert session.log()[0].names.changed == ("a",)
    session.undo()
    assert session.namespace["a"][3] == 3.0
    session.redo()
    assert session.namespace["a"][3] == -7.0


def test_aliases_and_regrouping_of_what_is_saved(session: Any, gate: Gate) -> None:
    run(session, "a = [1, list(range(500))]")
    gate.open.set()
    run(session, "b = a")
    run(session, "c = b[1]; del a")
    session.undo()
    space = session.namespace
    assert space["a"] is space["b"]
    assert "c" not in space
    session.redo()
    assert space["c"] is space["b"][1]
    assert "a" not in space
    session.undo(3)
    session.redo(3)
    assert space["c"] is space["b"][1]
    assert "a" not in space


def test_nothing_of_the_user_is_held_while_it_is_saved(session: Any, gate: Gate) -> None:
    run(session, MADE + "\nclass K: pass\nk = K(); k.a = a; k.text = 'x' * 1000")
    gone = weakref.ref(session.namespace["k"])
    del session.namespace["k"], session.namespace["a"]
    gc.collect()
    assert gone() is None
    gate.open.set()
    run(session, "b = 1")
    session.undo()
    assert session.namespace["k"].a is session.namespace["a"]
    assert session.namespace["a"][5] == 5.0


def test_memory_that_is_freed_and_used_again_is_recorded_as_it_was(session: Any, gate: Gate) -> None:
    run(session, "import numpy; a = numpy.ones(4_000_000)")  # a map of its own, which is given back
    run(session, "del a")
    others = [bytearray(b"\7") * 32_000_000 for _ in range(3)]
    gate.open.set()
    session.undo()
    assert (session.namespace["a"] == 1.0).all()
    assert len(others) == 3


def test_a_full_disk_pauses_recording_and_nothing_is_lost(session: Any, gate: Gate) -> None:
    run(session, "x = 0")
    gate.open.set()
    before = session.log()
    gate.open.clear()
    gate.error = StoreFullError("the disk is full", hint="make room")
    run(session, MADE)
    run(session, "y = [1]")
    gate.open.set()
    status = session.status()
    while status.paused is None:
        time.sleep(0.01)
        status = session.status()
    assert status.unfinished == 2
    assert status.paused == "the disk is full"
    assert any("recording is paused: the disk is full (make room)" in line for line in session.notices())
    gate.error = None
    commit = run(session, "y.append(2)")
    log = session.log()
    assert len(log) == len(before) + 1
    assert log[0].code == f"{MADE}\ny = [1]\ny.append(2)"
    assert log[0].names.created == ("a", "numpy", "y")
    assert commit is not None
    assert session.status().paused is None
    assert session.status().unfinished == 0
    session.undo()
    assert "a" not in session.namespace
    assert session.namespace["x"] == 0
    session.redo()
    assert session.namespace["y"] == [1, 2]
    assert session.namespace["a"][7] == 7.0


@pytest.mark.parametrize("error", [RuntimeError("a fault"), MemoryError()])
def test_whatever_else_fails_is_recorded_with_the_next_step(session: Any, gate: Gate, error: BaseException) -> None:
    gate.error = error
    gate.open.set()
    run(session, MADE)
    deadline = time.monotonic() + 30
    while session._live.backlog and time.monotonic() < deadline:
        time.sleep(0.01)
    gate.error = None
    run(session, "b = 1")
    assert session.log()[0].code == f"{MADE}\nb = 1"
    assert any("could not be saved in the background" in line for line in session.notices())
    session.undo()
    session.redo()
    assert session.namespace["a"][7] == 7.0


def test_a_step_that_goes_on_from_what_fails_is_recorded_with_it(
    session: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finishing, "_finish_soon", lambda live: None)  # as if the session were busy all the time
    gate.error = RuntimeError("a fault")
    gate.open.set()
    run(session, MADE)
    run(session, "a[0] = 5.0")
    assert session.verify().changed == {}
    assert session.log()[0].code == f"{MADE}\na[0] = 5.0"
    assert session.status().unfinished == 0
    session.undo()
    session.redo()
    assert session.namespace["a"][:2].tolist() == [5.0, 1.0]


def fail_once(session: Any, gate: Gate, code: str) -> None:
    """In the background only."""
    gate.error = RuntimeError("a fault")
    gate.open.set()
    run(session, code)
    deadline = time.monotonic() + 30
    while session._live.backlog and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not session._live.backlog


def test_what_fails_in_the_background_every_time_is_recorded_all_the_same(session: Any, gate: Gate) -> None:
    codes = [f"import numpy; a{n} = numpy.arange(200_000.0)" for n in range(10)]
    for code in codes:
        fail_once(session, gate, code)
    made = session.log()
    assert [commit.code for commit in made[:4]] == [*codes[:5:-1]], "not tried for ever"
    assert "\n".join(reversed([commit.code for commit in made])) == "\n".join(codes)
    assert session.status().large_values == "before the reply: in the background it has failed several times"
    session.undo()
    assert "a9" not in session.namespace


def test_closing_records_what_could_not_be_saved(attach: Callable[..., Any], gate: Gate) -> None:
    first = attach("one", facets=(), **TINY)
    fail_once(first, gate, MADE)
    first.close()
    second = attach("one", facets=())
    second.resume()
    assert second.namespace["a"][7] == 7.0


@pytest.mark.parametrize("name", ["_put", "_then"])
def test_a_fault_anywhere_in_the_thread_is_nobodys_traceback(
    session: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    gate.open.set()
    copies: list[int] = []
    real = snapshots.Snapshot._copied
    monkeypatch.setattr(
        snapshots.Snapshot,
        "_copied",
        lambda snapshot: copies.append(real(snapshot)) or copies[-1],  # type: ignore[func-returns-value]
    )

    def fail(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(finishing, "_finish_soon", fail) if name == "_then" else monkeypatch.setattr(Saving, name, fail)
    run(session, MADE)
    deadline = time.monotonic() + 30
    while _is_saving() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not any(Path(f"/proc/{pid}").exists() for pid in copies)
    run(session, "b = 1")
    assert session.log()[0].code in ("b = 1", f"{MADE}\nb = 1")
    session.undo()
    session.redo()
    assert session.namespace["a"][7] == 7.0


def test_what_always_fails_in_the_background_is_written_at_once(session: Any, gate: Gate) -> None:
    gate.error = RuntimeError("a fault")
    gate.open.set()
    run(session, MADE)
    session.log()  # waits for it
    assert not isinstance(run(session, "b = 1"), Unfinished)
    assert session.log()[0].code == f"{MADE}\nb = 1"
    assert session.status().unfinished == 0
    assert isinstance(run(session, "c = a + 1"), Unfinished), "it is tried again with the next"


def test_a_verb_records_what_could_not_be_saved(session: Any, gate: Gate) -> None:
    run(session, "b = 1")
    gate.error = RuntimeError("a fault")
    run(session, MADE)
    gate.open.set()
    while session._live.backlog:
        time.sleep(0.01)
    gate.error = None
    session.undo()
    assert "a" not in session.namespace
    assert session.namespace["b"] == 1
    session.redo()
    assert session.namespace["a"][7] == 7.0


def test_a_copy_that_is_killed_loses_nothing(session: Any, gate: Gate) -> None:
    run(session, MADE)
    assert gate.arrived.wait(30)
    for child in Path("/proc/self/task").iterdir():
        for pid in (child / "children").read_text().split():
            if "pthread_mutex" in Path(f"/proc/{pid}/wchan").read_text() or _sleeps_as_we_are(pid):
                os.kill(int(pid), signal.SIGKILL)
    gate.open.set()
    run(session, "b = 1")
    session.undo()
    session.redo()
    assert session.namespace["a"][7] == 7.0
    assert session.namespace["b"] == 1


def _sleeps_as_we_are(pid: str) -> bool:
    return Path(f"/proc/{pid}/cmdline").read_bytes() == Path("/proc/self/cmdline").read_bytes()


def test_an_interrupt_while_a_verb_waits_does_no_harm(session: Any, gate: Gate) -> None:
    run(session, "b = 1")
    run(session, MADE)

    def interrupt() -> None:
        gate.arrived.wait(30)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
    try:
        threading.Thread(target=interrupt, name="timeslip-test").start()
        with pytest.raises(KeyboardInterrupt):
            session.undo()
    finally:
        signal.signal(signal.SIGINT, before)
    assert "a" in session.namespace
    gate.open.set()
    session.undo()
    assert "a" not in session.namespace
    session.redo()
    assert session.namespace["a"][7] == 7.0


@pytest.mark.parametrize("code", ["a += 1", "a[:] = 0", "for i in range(3):\n    a *= 2", "b = a\na -= b"])
def test_code_that_writes_all_of_what_is_being_saved_waits_for_it(session: Any, gate: Gate, code: str) -> None:
    run(session, MADE)
    assert gate.arrived.wait(30)
    begun = threading.Event()

    def begin() -> None:
        session.before_run(code)
        begun.set()

    thread = threading.Thread(target=begin, name="timeslip-test")
    thread.start()
    assert not begun.wait(0.2)
    gate.open.set()
    thread.join(30)
    assert begun.is_set()
    assert not session._live.backlog
    run(session, code)
    session.undo()
    assert (session.namespace["a"] == numpy.arange(200_000.0)).all()


@pytest.mark.parametrize("code", ["a = a + 1", "a[7] = 0", "c = a.sum()", "l += [1]", "l[:] = []", "a = 1", "x += 1"])
def test_other_code_does_not_wait(session: Any, gate: Gate, code: str) -> None:
    run(session, "x = 1")
    run(session, f"{MADE}; l = [a]")
    assert gate.arrived.wait(30)
    session.before_run(code)
    assert len(session._live.backlog) == 1
    gate.open.set()


def test_an_interrupt_while_a_run_waits_is_its_own(session: Any, gate: Gate) -> None:
    run(session, MADE)

    def interrupt() -> None:
        gate.arrived.wait(30)
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
    try:
        threading.Thread(target=interrupt, name="timeslip-test").start()
        with pytest.raises(KeyboardInterrupt):
            session.before_run("a += 1")
    finally:
        signal.signal(signal.SIGINT, before)
    gate.open.set()
    run(session, "b = 1")
    session.undo(2)
    session.redo()
    assert session.namespace["a"][7] == 7.0


@pytest.mark.parametrize("verb", ["du", "sessions"])
def test_what_is_told_of_the_store_has_all_that_has_run(session: Any, gate: Gate, verb: str) -> None:
    run(session, MADE)
    threading.Timer(0.05, gate.open.set).start()
    getattr(session, verb)()
    assert not session._live.backlog


def test_one_copy_that_took_long_is_not_the_measure_for_ever(
    session: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.open.set()
    monkeypatch.setattr(saving, "_WRITING", 1e-7)
    monkeypatch.setattr(saving, "_copying", 3e-9)  # where the process has 200 MB, twice too much, or four times
    for count in range(30):
        if isinstance(run(session, f"import numpy; a{count} = numpy.arange(200_000.0)"), Unfinished):
            return
    raise AssertionError("it was never tried again")


def test_a_collection_elsewhere_takes_nothing_of_what_waits(
    attach: Callable[..., Any], gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = attach(facets=(), replay="never", background_bytes=200_000)
    monkeypatch.setattr(collect, "_PATIENCE", 0)
    for code in (MADE, "import os; b = os.urandom(60_000)", "c = os.urandom(60_000)"):
        assert isinstance(run(session, code), Unfinished)
    with Repository.open(session.repository.directory, min_free_bytes=0) as other, session._live.turn(quietly=True):
        session.repository.published = lambda: maintenance.gc(other) and None
        gate.open.set()
        finishing.finish_all(session._live)
        session.repository.published = None
    assert len(session.log()) == 3
    assert session.status().paused is None
    maintenance.gc(session.repository)
    assert not session.repository._chunks.pins._pinned, "what is finished is pinned no more"
    assert not session.verify(session.head).unrestorable


def test_old_values_go_also_where_every_step_is_large(attach: Callable[..., Any], gate: Gate) -> None:
    gate.open.set()
    session = attach(facets=(), max_store_bytes=4_000_000, keep_commits=1, undo_steps=1, **TINY)
    for seed in range(8):
        run(session, f"import numpy; a = numpy.random.default_rng({seed}).random(100_000)")
    assert any("dropped" in notice for notice in session.notices())
    assert session.log()[0].id == session.head
    assert session.repository.size_bytes() < 5_000_000


def test_closing_waits(attach: Callable[..., Any], gate: Gate) -> None:
    first = attach("one", facets=(), **TINY)
    run(first, MADE)
    threading.Timer(0.05, gate.open.set).start()
    first.close()
    second = attach("one", facets=())
    assert second.log(limit=1)[0].code == MADE or second.log(limit=2)[1].code == MADE
    second.resume(second.log(limit=1)[0].id)
    assert second.namespace["a"][7] == 7.0


def test_memory_that_others_may_write_to_is_saved_at_once(
    session: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []

    def keeps(places: list[tuple[int, int]]) -> bool:
        asked.extend(places)
        return False

    monkeypatch.setattr(snapshots, "keeps", keeps, raising=False)
    assert not isinstance(run(session, MADE), Unfinished)
    address = session.namespace["a"].ctypes.data
    assert (address, address + 1_600_000) in asked


def test_tensors_that_processes_share_are_recorded_as_they_were(session: Any, gate: Gate) -> None:
    pytest.importorskip("torch")
    gate.open.set()
    assert not isinstance(run(session, "import torch; a = torch.ones(200_000).share_memory_()"), Unfinished)


def test_where_no_thread_can_be_started_it_is_saved_at_once(
    session: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "timeslip-saving":
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    assert not isinstance(run(session, MADE), Unfinished)
    assert session.log(limit=1)[0].code == MADE


@pytest.mark.parametrize("name", ["places", "detach"])
def test_what_cannot_be_begun_leaves_no_thread_that_waits(
    session: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    gate.open.set()

    def fail(_: Any) -> Any:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(saving, "why_at_once", lambda *_: None)
        patch.setattr(recording, "why_at_once", lambda *_: None)
        patch.setattr(Draft, name, fail)
        assert not isinstance(run(session, MADE), Unfinished)
    deadline = time.monotonic() + 30
    while _is_saving() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _is_saving()
    session.undo()
    session.redo()
    assert session.namespace["a"][7] == 7.0


def _is_saving() -> bool:
    return any(thread.name == "timeslip-saving" for thread in threading.enumerate())


def test_there_is_one_snapshot_at_a_time(session: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[int] = []
    real = snapshots.Snapshot._copied

    def copied(snapshot: Any) -> int:
        assert not any(Path(f"/proc/{pid}").exists() for pid in alive), "the last one is there still"
        alive.append(real(snapshot))
        return alive[-1]

    monkeypatch.setattr(snapshots.Snapshot, "_copied", copied)
    run(session, MADE)
    threading.Timer(0.02, gate.open.set).start()
    run(session, "b = numpy.arange(300_000.0)")
    run(session, "c = numpy.arange(400_000.0)")
    assert len(alive) == 3


def test_a_forked_child_goes_on_and_so_do_we(session: Any, gate: Gate) -> None:
    run(session, MADE)
    child = os.fork()
    if child == 0:
        os._exit(0 if session.namespace["a"][7] == 7.0 else 1)
    gate.open.set()
    assert os.waitpid(child, 0)[1] == 0
    run(session, "b = 1")
    session.undo(2)
    assert "a" not in session.namespace


def test_large_streams_need_no_copy_of_the_memory(session: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_never", "there are none")
    assert isinstance(run(session, "rows = [{'a': n, 'b': [n]} for n in range(2000)]"), Unfinished)
    session.namespace["rows"][0]["a"] = "changed"
    gate.open.set()
    run(session, "b = 1")
    session.checkout(session.log(limit=2)[1].id)
    assert session.namespace["rows"][0] == {"a": 0, "b": [0]}


def test_without_copies_of_the_memory_arrays_are_saved_at_once(
    session: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.open.set()
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "_never", "this system has none")
        commit = run(session, MADE)
        assert not isinstance(commit, Unfinished)
        assert session.head == commit.id
        assert session.status().large_values == "before the reply: this system has none"
    assert session.status().large_values == "while the next cell runs"
    session.undo()
    session.redo()
    assert session.namespace["a"][7] == 7.0


def test_record_and_run_return_finished_commits(session: Any, gate: Gate) -> None:
    gate.open.set()
    run(session, MADE)
    result = session.run("b = 1")
    assert result.commit.parents
    assert session.head == result.commit.id
    assert session._live.backlog.waiting == type(session._live.backlog.waiting)()


def test_a_switch_off(attach: Callable[..., Any]) -> None:
    session = attach(facets=(), background_bytes=0)
    assert not isinstance(run(session, MADE), Unfinished)
    assert session.status().large_values == "before the reply, as was asked for"


KILLED = f"""
import builtins, os, sys, threading, time
import timeslip
from tests.engine.soon import TINY, without_price
from timeslip.running import run_code
from timeslip.saving import Saving
from timeslip.store.repository import Repository
without_price()
space = {{"__name__": "__main__", "__builtins__": builtins}}
session = timeslip.attach(space, store=sys.argv[1], name="killed", min_free_bytes=0, facets=(), **TINY)
for count, code in enumerate(["x = 1", {MADE!r}]):
    run_code(code, space)
    session.record_soon(code, execution_count=count)
print(session.head, flush=True)
real, at = Repository.put_chunk, []
def put_chunk(*args, **options):
    at.append(1)
    if len(at) > int(sys.argv[2]):
        os.kill(os.getpid(), 9)
    return real(*args, **options)
Repository.put_chunk = put_chunk
for count, code in enumerate(["a += 1; b = a * 2", "y = 2"]):
    run_code(code, space)
    session.record_soon(code, execution_count=count)
time.sleep(30)
"""


@pytest.mark.parametrize("after", [0, 1, 3])
def test_after_a_kill_there_is_the_last_finished_commit(tmp_path: Path, after: int) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "store"), str(after)],
        stdout=subprocess.PIPE,
        env=environment,
        check=False,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL
    head = killed.stdout.strip()
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    with timeslip.attach(namespace, store=tmp_path / "store", name="killed", min_free_bytes=0, facets=()) as session:
        session.resume()
        assert session.log(limit=1)[0].id == head or session.log(limit=2)[1].id == head
        assert namespace["a"][7] == 7.0
        assert namespace["x"] == 1
        assert "b" not in namespace
        assert "y" not in namespace
        assert not session.verify(head).unrestorable
