"""Random writes, maps, moves, forks and looks, each look held against plain hashing."""

from __future__ import annotations

import os
import threading

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.state.areas import (
    ANONYMOUS,
    DONTNEED,
    FREE,
    MAYMOVE,
    SHARED,
    Looker,
    call,
    fill,
    mapped,
    needs_kernel,
    view,
)

from timeslip.state.pages import PAGE
from timeslip.state.watched import Runs

PAGES = 24
SIZE = PAGES * PAGE

OFFSETS = st.integers(0, SIZE - 1)
PAGE_RANGES = st.tuples(st.integers(0, PAGES - 1), st.integers(1, PAGES)).map(
    lambda drawn: (drawn[0] * PAGE, min(drawn[1], PAGES - drawn[0]) * PAGE)
)
BUFFERS = st.tuples(
    st.one_of(OFFSETS, st.integers(0, PAGES - 1).map(lambda page: page * PAGE)),
    st.integers(1, SIZE),
    st.sampled_from([0, 70_000, 3 * PAGE]),
    st.sampled_from([PAGE, 2 * PAGE, 5000, 1 << 20]),
)


class Memory(RuleBasedStateMachine):
    """One arena of memory, buffers in it, and two sessions that look at them."""

    @initialize()
    def begin(self) -> None:
        self.start = mapped(SIZE)
        self.buffers: list[tuple[int, int, int, int]] = [(0, SIZE, 0, 2 * PAGE)]
        self.arrays: list[tuple[int, int, int, int]] = []
        self.lookers = (Looker(), Looker())
        self.byte = 0

    def _next(self) -> int:
        self.byte = self.byte % 255 + 1
        return self.byte

    @rule(drawn=BUFFERS)
    def another_buffer(self, drawn: tuple[int, int, int, int]) -> None:
        offset, size, row, limit = drawn
        self.buffers.append((offset, min(size, SIZE - offset), row, limit))

    @rule(which=st.integers(0, 1), number=st.integers(0, 20))
    def look(self, which: int, number: int) -> None:
        offset, size, row, limit = self.buffers[number % len(self.buffers)]
        self.lookers[which].look(view(self.start + offset, size), row, limit)

    @rule(which=st.integers(0, 1))
    def look_at_all(self, which: int) -> None:
        for number in range(len(self.buffers)):
            self.look(which, number)

    @rule(drawn=BUFFERS, step=st.sampled_from([PAGE // 2, PAGE, 3 * PAGE]))
    def another_array(self, drawn: tuple[int, int, int, int], step: int) -> None:
        offset, size, _, limit = drawn
        self.arrays.append((offset, min(size, SIZE - offset), step, limit))

    @rule(which=st.integers(0, 1), number=st.integers(0, 20))
    def look_at_items(self, which: int, number: int) -> None:
        if self.arrays:
            offset, size, step, limit = self.arrays[number % len(self.arrays)]
            self.lookers[which].look_at_items(self.start + offset, size, step, limit)

    @rule(number=st.integers(0, 20))
    def forget_an_array(self, number: int) -> None:
        if self.arrays:
            offset, size, step, limit = self.arrays.pop(number % len(self.arrays))
            for looker in self.lookers:
                looker.held.pop((self.start + offset, size, -step, limit), None)

    @rule(number=st.integers(0, 20))
    def forget(self, number: int) -> None:
        if len(self.buffers) > 1:
            gone = self.buffers.pop(number % len(self.buffers))
            for looker in self.lookers:
                looker.held.pop((self.start + gone[0], *gone[1:]), None)

    @rule(offset=OFFSETS, size=st.sampled_from([1, 2, 100, PAGE, 5 * PAGE]))
    def write(self, offset: int, size: int) -> None:
        fill(self.start + offset, self._next(), min(size, SIZE - offset))

    @rule(offset=OFFSETS)
    def write_by_thread(self, offset: int) -> None:
        thread = threading.Thread(target=fill, args=(self.start + offset, self._next()))
        thread.start()
        thread.join()

    @rule(offset=OFFSETS)
    def write_by_read(self, offset: int) -> None:
        reading, writing = os.pipe()
        os.write(writing, bytes([self._next()]) * 3)
        os.readv(reading, [view(self.start + offset, min(3, SIZE - offset))])
        os.close(reading)
        os.close(writing)

    @rule(offset=OFFSETS, inside=st.booleans())
    def write_beside_a_fork(self, offset: int, inside: bool) -> None:
        going, gone = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(gone)
            if inside:
                fill(self.start + offset, 255)
            os.read(going, 1)
            os._exit(0)
        fill(self.start + offset, self._next())
        os.close(gone)
        os.waitpid(child, 0)
        os.close(going)

    @rule(part=PAGE_RANGES, advice=st.sampled_from([DONTNEED, FREE]))
    def give_back(self, part: tuple[int, int], advice: int) -> None:
        try:
            call("madvise", self.start + part[0], part[1], advice)
        except OSError:
            assert advice == FREE  # which shared memory cannot

    @rule(part=PAGE_RANGES, shared=st.booleans())
    def map_anew(self, part: tuple[int, int], shared: bool) -> None:
        at = self.start + part[0]
        call("munmap", at, part[1])
        if shared:
            mapped(part[1], at, SHARED | ANONYMOUS)
        else:
            mapped(part[1], at)

    @rule(page=st.integers(0, PAGES - 1))
    def move_a_page_here(self, page: int) -> None:
        elsewhere = mapped(PAGE)
        fill(elsewhere, self._next(), PAGE)
        call("mremap", elsewhere, PAGE, PAGE, MAYMOVE | 2, self.start + page * PAGE)

    @invariant()
    def digests_are_those_of_the_content(self) -> None:
        """Held by every look."""

    def teardown(self) -> None:
        for looker in self.lookers:
            looker.close()
        call("munmap", self.start, SIZE)


Memory.TestCase.settings = settings(
    max_examples=2 * settings.default.max_examples // 5,  # of fifty steps, each of which asks the kernel
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
TestMemory = needs_kernel(Memory.TestCase)


@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(1, 12)), max_size=12))
def test_runs_are_the_addresses_that_were_added_and_not_taken_out(steps: list[tuple[bool, int, int]]) -> None:
    runs, expected = Runs(), set[int]()
    for adding, first, length in steps:
        part = set(range(first, first + length))
        meets = bool({at + by for at in expected for by in (-1, 0, 1)} & part)
        assert runs.touches(first, first + length) == meets
        expected = expected | part if adding else expected - part
        (runs.add if adding else runs.remove)(first, first + length)
    assert {at for first, last in runs for at in range(first, last)} == expected
    assert all(one[1] < other[0] for one, other in zip(runs, list(runs)[1:], strict=False)) or not steps
