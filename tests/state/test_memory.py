"""Looks at buffers by written pages, against plain hashing: one test for each way to change memory unnoticed."""

from __future__ import annotations

import array
import ctypes
import errno
import gc
import mmap
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.state.areas import (
    ANONYMOUS,
    COLLAPSE,
    DONTNEED,
    FREE,
    HUGE,
    LIMIT,
    MAYMOVE,
    PRIVATE,
    SHARED,
    Counted,
    Looker,
    aligned,
    call,
    counted,
    fill,
    looker,
    mapped,
    needs_kernel,
    view,
)

from timeslip.state import mappings, watched
from timeslip.state.mappings import Mappings
from timeslip.state.memory import Memory
from timeslip.state.pages import PAGE

__all__ = ["counted", "looker"]

pytestmark = needs_kernel

SIZE = 32 * PAGE
PIECES = SIZE // LIMIT
HUGE_PAGE = 2 << 20


@pytest.fixture
def area() -> int:
    """Address of ordinary memory."""
    start = mapped(SIZE)
    fill(start, 1, SIZE)
    return start


def test_what_nobody_has_written_to_is_not_read(looker: Looker, counted: Counted, area: int) -> None:
    assert looker.look(view(area, SIZE))
    assert counted.taken() == PIECES
    assert looker.look(view(area, SIZE))
    assert counted.taken() == 0


def test_only_pieces_with_a_written_page_are_hashed(looker: Looker, counted: Counted, area: int) -> None:
    looker.look(view(area, SIZE))
    counted.taken()
    fill(area + 3 * LIMIT + 5, 2)
    fill(area + 9 * LIMIT - 1, 2, 2)
    looker.look(view(area, SIZE))
    assert counted.taken() == 3


def test_pieces_follow_rows(looker: Looker, counted: Counted) -> None:
    row = 24 * PAGE + 100
    size = 5 * row
    start = mapped(size + PAGE) + 60
    fill(start, 1, size)
    looker.look(view(start, size), row, 1 << 20)
    assert counted.taken() == 5
    fill(start + 2 * row + PAGE, 2)
    looker.look(view(start, size), row, 1 << 20)
    assert counted.taken() == 1


@pytest.mark.parametrize("offset", [0, 1, PAGE - 1, PAGE, LIMIT, SIZE - 1])
def test_every_byte_counts(looker: Looker, area: int, offset: int) -> None:
    looker.look(view(area, SIZE))
    fill(area + offset, 2)
    looker.look(view(area, SIZE))


def test_neighbours_on_one_page_do_not_hide_what_was_written_to_the_other(looker: Looker, area: int) -> None:
    first, second = view(area + 100, 3 * PAGE), view(area + 100 + 3 * PAGE, 3 * PAGE)
    for _ in range(2):
        looker.look(first)
        looker.look(second)
    fill(area + 3 * PAGE + 50, 7)
    fill(area + 3 * PAGE + 150, 8)
    looker.look(first)  # asks about the page that both have
    looker.look(second)


def test_a_new_neighbour_leaves_what_is_known_but_for_the_page_that_both_have(
    looker: Looker, counted: Counted, area: int
) -> None:
    looker.look(view(area + 100, 9 * LIMIT))
    looker.look(view(area + 100 + 9 * LIMIT, 3 * LIMIT))
    counted.taken()
    looker.look(view(area + 100, 9 * LIMIT))
    assert counted.taken() == 1


def test_items_of_an_array_and_bytes_at_their_place_know_nothing_of_each_other(looker: Looker, area: int) -> None:
    for _ in range(2):
        assert looker.look_at_items(area, SIZE, LIMIT)
        assert looker.look(view(area, SIZE))
        assert looker.look_at_items(area, SIZE, LIMIT, 2 * LIMIT)
        assert looker.look_at_items(area + 4 * LIMIT, 8 * LIMIT, LIMIT)
        assert looker.look_at_items(area + 4 * LIMIT, 8 * LIMIT, LIMIT, PAGE)
        fill(area + 5 * LIMIT, 7)


def test_a_part_and_the_whole_see_the_same(looker: Looker, area: int) -> None:
    for _ in range(2):
        looker.look(view(area, SIZE))
        looker.look(view(area + 5 * PAGE, 4 * PAGE), limit=PAGE)
        fill(area + 6 * PAGE, 9)
        looker.look(view(area + 5 * PAGE, 4 * PAGE), limit=PAGE)
        looker.look(view(area, SIZE))


def test_of_a_part_with_the_same_pieces_only_what_was_written_is_hashed(
    looker: Looker, counted: Counted, area: int
) -> None:
    looker.look(view(area, SIZE))
    counted.taken()
    looker.look(view(area + 4 * LIMIT, 8 * LIMIT))
    assert counted.taken() == 0
    fill(area + 5 * LIMIT + 3, 9)
    fill(area + 14 * LIMIT, 9)
    looker.look(view(area + 2 * LIMIT, 6 * LIMIT))
    assert counted.taken() == 1
    looker.look(view(area + LIMIT + 4, 5 * LIMIT))
    assert counted.taken() == 5
    looker.look(view(area, SIZE))
    assert counted.taken() == 2


def _by_read(address: int) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"news")
    os.readv(reading, [view(address, 4)])
    os.close(reading)
    os.close(writing)


def _by_file(address: int) -> None:
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(b"from a file")
        file.seek(0)
        file.readinto(view(address, 11))  # type: ignore[attr-defined]


def _by_thread(address: int) -> None:
    thread = threading.Thread(target=fill, args=(address, 3))
    thread.start()
    thread.join()


def _by_another_process(address: int) -> None:
    class Part(ctypes.Structure):  # struct iovec
        _fields_ = (("base", ctypes.c_void_p), ("len", ctypes.c_size_t))

    parent, content = os.getpid(), ctypes.create_string_buffer(b"elsewhere")
    child = os.fork()
    if child == 0:
        ours, theirs = Part(ctypes.addressof(content), 9), Part(address, 9)
        library = ctypes.CDLL(None)
        done = library.process_vm_writev(parent, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)
        os._exit(0 if done == 9 else 1)
    if os.waitpid(child, 0)[1]:
        pytest.skip("a process may not write to another one here")


WRITERS = (_by_read, _by_file, _by_thread, _by_another_process)


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__[1:])
def test_whoever_writes(looker: Looker, counted: Counted, area: int, write: Callable[[int], None]) -> None:
    looker.look(view(area, SIZE))
    counted.taken()
    before = bytes(view(area, SIZE))
    write(area + 7 * PAGE)
    assert bytes(view(area, SIZE)) != before
    assert looker.look(view(area, SIZE))
    assert counted.taken() == 1


@pytest.mark.parametrize("advice", [DONTNEED, FREE])
@pytest.mark.parametrize("huge", [False, True])
def test_what_was_given_back_to_the_kernel(looker: Looker, advice: int, huge: bool) -> None:
    size = 3 * HUGE_PAGE
    start = aligned(size, HUGE_PAGE)
    call("madvise", start, size, HUGE)
    fill(start, 1, size)
    if huge:
        call("madvise", start, size, COLLAPSE)
    looker.look(view(start, size))
    call("madvise", start, HUGE_PAGE, advice)
    looker.look(view(start, size))
    looker.look(view(start, size))
    fill(start + 5 * PAGE, 4)
    looker.look(view(start, size))


def test_huge_pages_are_told_apart_page_by_page(looker: Looker, counted: Counted) -> None:
    start = aligned(HUGE_PAGE, HUGE_PAGE)
    call("madvise", start, HUGE_PAGE, HUGE)
    fill(start, 1, HUGE_PAGE)
    call("madvise", start, HUGE_PAGE, COLLAPSE)
    looker.look(view(start, HUGE_PAGE))
    counted.taken()
    fill(start + HUGE_PAGE // 2, 2)
    looker.look(view(start, HUGE_PAGE))
    assert counted.taken() == 1


def test_memory_that_was_never_touched(looker: Looker, counted: Counted) -> None:
    start = mapped(SIZE)
    looker.look(view(start, SIZE))
    counted.taken()
    looker.look(view(start, SIZE))
    assert counted.taken() == 0
    fill(start + 4 * LIMIT, 1)
    looker.look(view(start, SIZE))
    assert counted.taken() == 1


def test_an_address_that_is_used_again(looker: Looker, area: int) -> None:
    looker.look(view(area, SIZE))
    call("munmap", area, SIZE)
    assert mapped(SIZE, area) == area
    fill(area, 5, SIZE)
    looker.look(view(area, SIZE))
    fill(area, 6, SIZE)
    looker.look(view(area, SIZE))


def test_a_hole_that_something_else_was_mapped_into(looker: Looker, area: int) -> None:
    looker.look(view(area, SIZE))
    call("munmap", area + 4 * PAGE, PAGE)
    mapped(PAGE, area + 4 * PAGE)
    looker.look(view(area, SIZE))
    # Registered anew for another buffer: the first one knows nothing of that.
    call("munmap", area + 4 * PAGE, PAGE)
    mapped(PAGE, area + 4 * PAGE)
    fill(area + 4 * PAGE, 9, PAGE)
    looker.look(view(area + 4 * PAGE, PAGE))
    looker.look(view(area, SIZE))


def test_memory_that_moves(looker: Looker, area: int) -> None:
    looker.look(view(area, SIZE))
    moved = call("mremap", area, SIZE, 4 * SIZE, MAYMOVE)
    looker.look(view(moved, SIZE))
    fill(moved + 3 * PAGE, 4)
    looker.look(view(moved, SIZE))
    looker.look(view(moved, 4 * SIZE))


def test_memory_that_shrinks_and_grows_in_place(looker: Looker, area: int) -> None:
    looker.look(view(area, SIZE))
    call("mremap", area, SIZE, SIZE // 2, 0)
    looker.look(view(area, SIZE // 2))
    call("mremap", area, SIZE // 2, SIZE, 0)
    looker.look(view(area, SIZE))


def test_buffers_that_the_heap_uses_again(looker: Looker) -> None:
    for round_ in range(20):
        buffers = [bytearray(bytes([round_ + n]) * (40_000 + 1000 * n)) for n in range(8)]
        for buffer in buffers:
            looker.look(buffer)
        buffers[3][100] ^= 255
        buffers[5].extend(b"more" * 30_000)  # realloc
        for buffer in buffers:
            looker.look(buffer)


def test_no_export_is_held_between_looks(looker: Looker) -> None:
    held = bytearray(200_000)
    items = array.array("d", [1.0]) * 50_000
    looker.look(held)
    looker.look(items)
    held.append(1)
    items.append(2.0)
    looker.look(held)
    looker.look(items)


def test_private_maps_of_files_are_hashed(looker: Looker, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1" * SIZE)
    with path.open("r+b") as file:
        start = mapped(SIZE, None, PRIVATE, file.fileno())
        fill(start, 2, PAGE)
        assert not looker.look(view(start, SIZE))
        file.seek(10 * PAGE)
        file.write(b"news")
        file.flush()
        looker.look(view(start, SIZE))
        call("madvise", start, SIZE, DONTNEED)
        looker.look(view(start, SIZE))


def test_shared_memory_is_hashed(looker: Looker) -> None:
    with mmap.mmap(-1, SIZE) as shared:  # MAP_SHARED
        assert not looker.look(shared)
        child = os.fork()
        if child == 0:
            shared[3 * PAGE] = 9
            os._exit(0)
        os.waitpid(child, 0)
        assert shared[3 * PAGE] == 9
        assert not looker.look(shared)
        gc.collect()


def test_shared_maps_of_files_are_hashed(looker: Looker, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1" * SIZE)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), SIZE) as shared:
        assert not looker.look(shared)
        os.pwrite(file.fileno(), b"news", 5 * PAGE)
        assert not looker.look(shared)


def test_shared_memory_in_the_place_of_other_memory(looker: Looker, area: int) -> None:
    assert looker.look(view(area, SIZE))
    mapped(SIZE, area, SHARED | ANONYMOUS)
    fill(area, 3, SIZE)
    assert not looker.look(view(area, SIZE))


def test_a_fork_between_looks(looker: Looker, counted: Counted, area: int) -> None:
    looker.look(view(area, SIZE))
    counted.taken()
    going, gone = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(gone)
        os.read(going, 1)
        os._exit(0)
    fill(area + 2 * LIMIT, 5)  # copied, because the child has the page, too
    looker.look(view(area, SIZE))
    assert counted.taken() == 1
    fill(area + 3 * LIMIT, 5)
    looker.look(view(area, SIZE))
    assert counted.taken() == 1
    os.close(gone)
    os.waitpid(child, 0)
    os.close(going)
    fill(area + 4 * LIMIT, 5)
    looker.look(view(area, SIZE))
    assert counted.taken() == 1


def test_a_forked_child_hashes_and_does_not_disturb(looker: Looker, counted: Counted, area: int) -> None:
    looker.look(view(area, SIZE))
    fill(area + 5 * LIMIT, 5)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            fill(area, 77)
            assert not looker.look(view(area, SIZE))
            looker.close()
            another = Looker()  # a session of its own in the child
            another.look(view(area, SIZE))
            fill(area + LIMIT, 78)
            another.look(view(area, SIZE))
            another.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    counted.taken()
    looker.look(view(area, SIZE))
    assert counted.taken() == 1


def test_a_child_of_which_python_knows_nothing_hashes(looker: Looker, counted: Counted, area: int) -> None:
    looker.look(view(area, SIZE))
    fill(area + 5 * LIMIT, 5)
    child = ctypes.PyDLL(None).fork()
    if child == 0:
        status = 1
        try:
            assert not looker.look(view(area, SIZE))
            looker.close()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    counted.taken()
    assert looker.look(view(area, SIZE))
    assert counted.taken() == 1


def test_sessions_give_each_other_the_news(counted: Counted, area: int) -> None:
    one, other = Looker(), Looker()
    for which in (one, other):
        which.look(view(area, SIZE))
    fill(area + 3 * PAGE, 3)
    one.look(view(area, SIZE))
    other.look(view(area, SIZE))
    one.close()
    fill(area + 4 * PAGE, 3)
    assert other.look(view(area, SIZE))
    other.close()
    assert watched.process.table is None


def test_a_look_while_another_thread_looks_hashes(looker: Looker, counted: Counted, area: int) -> None:
    looker.look(view(area, SIZE))
    fill(area, 2)
    seen: list[bool] = []

    def meanwhile() -> None:
        counted.then = int
        thread = threading.Thread(target=lambda: seen.append(looker.look(view(area, SIZE))))
        thread.start()
        thread.join()
        seen.append(looker.look(view(area, SIZE)))  # a signal handler

    counted.then = meanwhile
    looker.look(view(area, SIZE))
    assert seen == [False, False]
    assert looker.look(view(area, SIZE))


def test_threads_that_write_all_the_time(looker: Looker, area: int) -> None:
    stop = threading.Event()

    def write(seed: int) -> None:
        at = seed
        while not stop.is_set():
            at = (at * 48271) % 0x7FFFFFFF
            fill(area + at % SIZE, at & 255)

    for round_ in range(15):
        stop.clear()
        threads = [threading.Thread(target=write, args=(round_ * 2 + n + 1,)) for n in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(40):
            looker.memory.turn()
            _, found = looker.memory.digests(view(area, SIZE), 0, LIMIT)
            if found is not None:
                looker.held[found.key] = found
        stop.set()
        for thread in threads:
            thread.join()
        looker.look(view(area, SIZE))


def test_what_is_rewritten_every_time_is_left_unprotected(looker: Looker, counted: Counted, area: int) -> None:
    looker.look(view(area, SIZE))
    for byte in range(5):
        fill(area, byte, SIZE)
        looker.look(view(area, SIZE))
    (found,) = looker.held.values()
    assert found is not None
    assert found.resting
    for _ in range(3):
        looker.look(view(area, SIZE))
    counted.taken()
    looker.look(view(area, SIZE))
    assert counted.taken() == 0, "it is watched again, since it stays as it is"
    fill(area + PAGE, 3)
    looker.look(view(area, SIZE))
    assert counted.taken() == 1


def test_pinned_memory_is_hashed(looker: Looker, counted: Counted, area: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert looker.look(view(area, SIZE))
    monkeypatch.setattr(watched, "has_pinned", lambda: True)
    assert not looker.look(view(area, SIZE))
    monkeypatch.undo()
    looker.look(view(area, SIZE))


def test_what_nobody_knows_of_any_more_is_not_registered(looker: Looker, area: int) -> None:
    table = watched.process.table
    assert table is not None
    looker.look(view(area, SIZE))
    kept = view(area + SIZE // 2, SIZE // 2)
    looker.look(kept)
    assert list(table._runs) == [(area, area + SIZE)]
    for key in [key for key in looker.held if key[1] == SIZE]:
        del looker.held[key]
    looker.look(kept)
    assert list(table._runs) == [(area + SIZE // 2, area + SIZE)]
    looker.drop()
    looker.look(bytearray(10))
    assert not [run for run in table._runs if run[0] <= area < run[1]]
    assert len(table._refs) <= 1


def test_the_number_of_maps_is_limited(looker: Looker, area: int) -> None:
    table = watched.process.table
    assert table is not None
    table._most_maps = max(4000, 4 * Mappings().count)  # this process has its own, too
    free = table._most_maps // 4 // 2
    start = mapped(2 * (free + 20) * PAGE)
    taken = [looker.look(view(start + 2 * n * PAGE, PAGE)) for n in range(free + 20)]
    assert taken == [True] * free + [False] * 20
    assert looker.look(view(start + PAGE, PAGE)), "it makes no more of them"


def test_single_maps_are_told_as_all_of_them_are() -> None:
    whole = Mappings()
    with open("/proc/self/maps", "rb") as file:
        lines = file.read().splitlines()
    places = [tuple(int(part, 16) for part in line.split(b" ")[0].split(b"-")) for line in lines]
    kept = bytearray(SIZE)
    places += [(mappings.address_of(memoryview(kept)), mappings.address_of(memoryview(kept)) + SIZE)]
    try:
        told = {place: mappings.are_ordinary(*place) for place in places}
    except OSError as error:
        pytest.skip(f"this kernel does not answer: {error}")
    assert told == {place: whole.are_ordinary(*place) for place in places}
    assert set(told.values()) == {False, True}
    assert not mappings.are_ordinary(places[0][0], places[-2][1])  # with what is not mapped in between
    assert abs(mappings.count_maps() - len(lines)) < 20


def test_where_single_maps_are_not_told_all_are_read(
    looker: Looker, area: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOTTY, "not here")

    monkeypatch.setattr(mappings, "private_map_at", refuse)
    assert looker.look(view(area, SIZE))


def test_what_is_closed_is_hashed(area: int) -> None:
    one = Looker()
    one.look(view(area, SIZE))
    before = set(os.listdir("/proc/self/fd"))
    one.close()
    assert len(before - set(os.listdir("/proc/self/fd"))) >= 2
    assert not one.look(view(area, SIZE))
    assert one.memory.how == "hashed: the session is closed"


def test_descriptors_that_the_user_has_closed(area: int) -> None:
    one = Looker()
    one.look(view(area, SIZE))
    table = watched.process.table
    assert table is not None
    ours = (table._pages._fault, table._pages._map)
    for descriptor in ours:
        os.close(descriptor)
    files = [os.open(os.devnull, os.O_RDONLY) for _ in ours]
    fill(area, 3)
    assert not one.look(view(area, SIZE))
    one.close()
    for file in files:
        os.close(file)  # still ours


def test_descriptors_are_not_inherited(looker: Looker, area: int) -> None:
    looker.look(view(area, SIZE))
    table = watched.process.table
    assert table is not None
    assert not os.get_inheritable(table._pages._fault)
    assert not os.get_inheritable(table._pages._map)


def test_small_buffers_are_hashed() -> None:
    memory = Memory()
    found = memory.digests(memoryview(bytearray(100_000)), 0, LIMIT)[1]
    memory.close()
    assert found is None
