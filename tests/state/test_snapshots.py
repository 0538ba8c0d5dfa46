"""Copies of the memory that stay as it was, and leave no trace."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from timeslip.state import snapshots
from timeslip.state.snapshots import NoSnapshotError, Snapshot

if snapshots.why_not():
    pytest.skip(f"no snapshots here: {snapshots.why_not()}", allow_module_level=True)


@pytest.fixture
def memory() -> Iterator[tuple[mmap.mmap, int]]:
    """Ten pages, all sevens, and their address."""
    with mmap.mmap(-1, 10 * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as found:
        found[:] = b"\7" * len(found)
        yield found, ctypes.addressof(ctypes.c_char.from_buffer(found))


def read(snapshot: Snapshot, address: int, count: int) -> bytes:
    found = bytearray(count)
    snapshot.read_into(address, memoryview(found))
    return bytes(found)


def test_it_has_what_was_there(memory: tuple[mmap.mmap, int]) -> None:
    pages, address = memory
    with Snapshot() as snapshot:
        pages[: 5 * mmap.PAGESIZE] = b"\1" * (5 * mmap.PAGESIZE)
        assert read(snapshot, address + 100, 3 * mmap.PAGESIZE) == b"\7" * (3 * mmap.PAGESIZE)
        with Snapshot() as second:
            assert read(second, address, 1) == b"\1"
            assert read(snapshot, address, 1) == b"\7"


def test_what_is_unmapped_here_is_there_still() -> None:
    pages = mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    pages[:] = b"\7" * len(pages)
    address = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    with Snapshot() as snapshot:
        pages.close()
        assert read(snapshot, address, 1 << 20) == b"\7" * (1 << 20)


def test_what_was_never_there_is_said(memory: tuple[mmap.mmap, int]) -> None:
    with Snapshot() as snapshot, pytest.raises(NoSnapshotError, match="cannot be read"):
        read(snapshot, 4096, 10)


def test_it_ends_when_it_is_closed_and_is_waited_for() -> None:
    snapshot = Snapshot()
    pid = snapshot._pid
    assert Path(f"/proc/{pid}").exists()
    snapshot.close()
    assert not Path(f"/proc/{pid}").exists()
    snapshot.close()


def test_it_is_no_child_that_users_wait_for() -> None:
    with Snapshot():
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        done = subprocess.run([sys.executable, "-S", "-c", "print(7)"], stdout=subprocess.PIPE, check=True)
        assert done.stdout.strip() == b"7"


def test_descriptors_are_shared_so_what_is_closed_is_closed() -> None:
    reading, writing = os.pipe()
    with Snapshot():
        os.close(writing)
        assert os.read(reading, 1) == b"", "the end of the pipe is not kept open by the copy"
    os.close(reading)


def test_signals_to_the_group_do_not_end_it(memory: tuple[mmap.mmap, int]) -> None:
    with Snapshot() as snapshot:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            os.kill(snapshot._pid, number)
        time.sleep(0.05)
        assert read(snapshot, memory[1], 4) == b"\7" * 4


def test_one_that_is_killed_is_said_to_be_gone(memory: tuple[mmap.mmap, int]) -> None:
    with Snapshot() as snapshot:
        os.kill(snapshot._pid, signal.SIGKILL)
        with pytest.raises(NoSnapshotError):
            for _ in range(1000):
                read(snapshot, memory[1], 4)
                time.sleep(0.005)


def test_it_ends_with_its_thread() -> None:
    made: list[Snapshot] = []
    thread = threading.Thread(target=lambda: made.append(Snapshot()))
    thread.start()
    thread.join()
    deadline = time.monotonic() + 30
    while _is_alive(made[0]._pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _is_alive(made[0]._pid)
    made[0].close()


def _is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


DIES = """
import os, signal, time
from timeslip.state.snapshots import Snapshot
print(Snapshot()._pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_ends_with_a_process_that_is_killed() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    killed = subprocess.run([sys.executable, "-c", DIES], stdout=subprocess.PIPE, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    pid, deadline = int(killed.stdout), time.monotonic() + 30
    while _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _is_alive(pid)


def test_many_threads_that_allocate_do_no_harm(memory: tuple[mmap.mmap, int]) -> None:
    done = threading.Event()

    def busy() -> None:
        while not done.is_set():
            [bytes(200_000) for _ in range(10)]

    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            with Snapshot() as snapshot:
                assert read(snapshot, memory[1], 4) == b"\7" * 4
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_pinned_memory_forbids_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "has_pinned", lambda: True)
    with pytest.raises(NoSnapshotError, match="pinned"):
        Snapshot()


def test_other_systems_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_never", "")
    monkeypatch.setattr(snapshots, "_known", None)
    monkeypatch.setattr(snapshots.sys, "platform", "darwin")
    assert snapshots.why_not() == "this system keeps no copy of memory that is written to"


def test_a_system_that_forbids_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_never", "")

    def forbidden(*_: object) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(snapshots.os, "open", forbidden)
    for _ in range(2):
        assert snapshots.why_not() == "this system does not let us make one (Operation not permitted)"


def test_one_that_has_something_else_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_never", "")
    monkeypatch.setattr(Snapshot, "read_into", lambda self, address, target: None)
    for _ in range(2):
        assert snapshots.why_not() == "a copy of the memory has not what it should have"


def test_where_there_is_no_room_for_one_the_next_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_never", "")

    def full(*_: object) -> int:
        raise OSError(12, "Cannot allocate memory")

    with monkeypatch.context() as patch:
        patch.setattr(Snapshot, "_copied", full)
        assert snapshots.why_not() == "this system does not let us make one (Cannot allocate memory)"
    assert snapshots.why_not() == ""


def test_one_that_could_not_be_made_leaves_no_lock_in_memory_that_is_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(snapshots, "_never", "")

    def full(*_: object) -> int:
        raise OSError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(Snapshot, "_copied", full)
        assert snapshots.why_not()
    pages = [mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) for _ in range(50)]
    for page in pages:
        page[:] = b"\7" * mmap.PAGESIZE
    assert snapshots.why_not() == ""
    assert all(page[:] == b"\7" * mmap.PAGESIZE for page in pages), "a lock of the next one was linked with the last"


def test_where_the_system_says_nothing_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_never", "")

    def unreadable() -> bool:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(snapshots, "has_pinned", unreadable)
    assert snapshots.why_not() == "this system does not let us make one (No such file or directory)"


def test_signals_are_open_again_whatever_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    before, real = signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.pthread_sigmask

    def interrupted(how: int, mask: object) -> object:
        """As the real one does where a handler raises: what it should do is done by then."""
        result = real(how, mask)  # type: ignore[arg-type]
        if mask:
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(snapshots.signal, "pthread_sigmask", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Snapshot()
    monkeypatch.undo()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


def test_memory_that_others_may_write_to_is_not_kept(memory: tuple[mmap.mmap, int]) -> None:
    pages, address = memory
    assert snapshots.keeps([(address, address + len(pages))])
    with mmap.mmap(-1, mmap.PAGESIZE) as shared:
        at = ctypes.addressof(ctypes.c_char.from_buffer(shared))
        assert not snapshots.keeps([(address, address + 1), (at, at + 10)])


def test_where_memory_runs_out_the_copy_goes_first() -> None:
    with Snapshot() as snapshot:
        assert Path(f"/proc/{snapshot._pid}/oom_score_adj").read_text() == "1000\n"
    assert Path("/proc/self/oom_score_adj").read_text() != "1000\n"
