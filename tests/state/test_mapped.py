"""What is known of mapped buffers is what hashing them would say, whoever has written to them."""

from __future__ import annotations

import errno
import mmap
import os
import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeslip.codec.captured import Captured
from timeslip.codec.chunking import buffer_pieces
from timeslip.state import fingerprint as plain
from timeslip.state import mapped
from timeslip.state.fingerprint import piece_digest
from timeslip.state.mappings import private_map_at
from timeslip.state.memory import Memory
from timeslip.store.pages import PAGE, is_possible, map_over

numpy = pytest.importorskip("numpy")
pytestmark = pytest.mark.skipif(not is_possible(), reason="needs Linux and the GNU C library")

SIZE, LIMIT = 40 << 20, 1 << 20


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    mapped.forget_mapped()
    yield
    mapped.forget_mapped()


@pytest.fixture(params=["asked", "read", "page by page"], autouse=True)
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether the kernel is asked about single maps and for written pages, where it can be, or all is read."""

    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOTTY, "not here")

    if request.param == "read":
        monkeypatch.setattr(mapped, "private_map_at", refuse)
    elif request.param == "page by page":
        monkeypatch.setattr(mapped, "own_pages", refuse)
    return str(request.param)


def test_one_map_is_asked_for_and_not_all_are_read(how: str, noise: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    array, other = mapped_array(noise), numpy.empty(SIZE, "u1")
    with open("/proc/self/maps", "rb") as maps:
        try:
            found = private_map_at(maps.fileno(), array.ctypes.data + PAGE)
            assert private_map_at(maps.fileno(), 0) is None
        except OSError as error:
            pytest.skip(f"this kernel does not answer: {error}")
        lines = maps.read().splitlines()
    assert found is not None
    start, stop, offset, path, inode = found
    line = next(line for line in lines if line.startswith(b"%x-%x " % (start, stop)))
    assert line.split()[1:3] == [b"rw-p", b"%08x" % offset]
    assert line.endswith(path)
    assert int(line.split()[4]) == inode > 0
    monkeypatch.setattr(mapped, "_lines_of_packs", list)  # as if none were there
    assert (asked(array) is not None) == (how != "read")
    assert asked(other) is None


@pytest.fixture(scope="module")
def noise() -> bytes:
    return random.Random(2).randbytes(SIZE)


def digests(array: Any) -> tuple[bytes, ...]:
    return tuple(map(piece_digest, buffer_pieces(memoryview(array), 0, LIMIT)))


def mapped_array(noise: bytes, *, known: bool = True, gaps: Sequence[tuple[int, int]] = (), row: int = 0) -> Any:
    """An array with all its whole pages mapped from a file, but for *gaps*: page and number of pages, in order."""
    made = numpy.frombuffer(noise, "u1").copy()
    address = made.ctypes.data
    first, end = -address % PAGE, (address + SIZE) // PAGE * PAGE - address
    parts = []
    with tempfile.NamedTemporaryFile(suffix=".pack") as file:
        file.write(noise[first:])
        file.flush()
        for page, count in (*gaps, ((end - first) // PAGE, 0)):
            last = first + page * PAGE if not parts else parts[0][0] + page * PAGE
            map_over(address + first, last - first, file.fileno(), first - (parts[0][0] if parts else first))
            offset = first - parts[0][0] if parts else 0
            parts.append((first, last, os.path.basename(file.name), offset))
            first = last + count * PAGE
    marks = list(map(piece_digest, buffer_pieces(memoryview(noise), row, LIMIT))) if known else []
    mapped.note_mapped(memoryview(made), row, LIMIT, marks, parts)
    return made


def asked(array: Any) -> tuple[bytes, ...] | None:
    return mapped.known_digests(memoryview(array), 0, LIMIT, mapped.Lying())


def lie() -> None:
    """Make all that is known wrong, so that it shows what is taken from there."""
    for entry in mapped._known.values():
        entry.digests = [b"known" if digest is not None else None for digest in entry.digests]


@pytest.mark.parametrize("known", [True, False])
def test_what_was_not_written_is_not_read(noise: bytes, known: bool) -> None:
    array = mapped_array(noise, known=known)
    array.flags.writeable = False
    assert asked(array) == digests(array)
    lie()
    assert asked(array) == (b"known",) * 40
    assert asked(array[PAGE:]) == digests(array[PAGE:])
    assert mapped.known_digests(memoryview(array), 8, LIMIT, mapped.Lying()) is None


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_writes_of_every_kind_are_seen(noise: bytes, data: st.DataObject) -> None:
    array = mapped_array(noise)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, SIZE - 1))
        how = data.draw(st.sampled_from(["item", "read", "same", "looked", "slice"]))
        if how == "item":
            array[at] ^= 1
        elif how == "same":
            array[at] = array[at]
        elif how == "looked":
            assert array[at] >= 0
        elif how == "slice":
            array[at : at + 3 * PAGE] = 7
        else:
            with tempfile.TemporaryFile() as file:
                file.write(b"from a file")
                file.seek(0)
                os.readv(file.fileno(), [memoryview(array)[at : at + 11]])
        assert asked(array) == digests(array)


@pytest.mark.parametrize("at", [0, 5, -1, PAGE - 1])
def test_writes_beside_the_mapped_pages_are_seen(noise: bytes, at: int) -> None:
    array = mapped_array(noise)
    array[at] ^= 1
    assert asked(array) == digests(array)
    lie()
    found = asked(array)
    assert found is not None
    assert sum(digest != b"known" for digest in found) == 1
    array[at] ^= 1
    assert asked(array) == (b"known",) * 40 or at == PAGE - 1, "what is as it was need not be read"


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_maps_with_gaps_between_them(noise: bytes, data: st.DataObject) -> None:
    gaps, page = [], 0
    for _ in range(data.draw(st.integers(0, 4))):
        page += data.draw(st.integers(1, 1500))
        gaps.append((page, data.draw(st.sampled_from([1, 2, 3, 300]))))
        page += gaps[-1][1]
    array = mapped_array(noise, gaps=gaps)
    assert asked(array) == digests(array)
    lie()
    found = asked(array)
    assert found is not None
    assert found.count(b"known") >= 40 - sum(2 + count // 256 for _, count in gaps)
    mapped.forget_mapped()
    array = mapped_array(noise, gaps=gaps)
    for _ in range(data.draw(st.integers(1, 3))):
        near = data.draw(st.sampled_from([page + more for page, count in gaps for more in (0, count)] or [0]))
        at = min(max(near * PAGE + data.draw(st.integers(-2 * PAGE, 2 * PAGE)), 0), SIZE - 1)
        array[at] ^= 1
        assert asked(array) == digests(array)


@pytest.mark.parametrize(("row", "first", "rows"), [(4 << 20, 2, 5), (5_000_000, 1, 3), (5_000_000, 0, 7)])
def test_parts_of_it_with_the_same_pieces_are_known(noise: bytes, row: int, first: int, rows: int) -> None:
    array = mapped_array(noise, row=row)
    array.flags.writeable = False
    part = array[first * row : (first + rows) * row]

    def found(lies: bool) -> tuple[bytes, ...] | None:
        if lies:
            lie()
        return mapped.known_digests(memoryview(part), row, LIMIT, mapped.Lying())

    right = tuple(map(piece_digest, buffer_pieces(memoryview(part), row, LIMIT)))
    assert found(False) == right
    assert found(True) == (b"known",) * len(right)
    array.flags.writeable = True
    array[first * row + LIMIT + 3 * PAGE] ^= 1
    again = found(False)
    assert again is not None
    assert [digest == b"known" for digest in again] == [number != 1 for number in range(len(right))]
    assert mapped.known_digests(memoryview(part)[:-1], row, LIMIT, mapped.Lying()) is not None
    other = memoryview(array)[first * row + 8 : (first + 1) * row]
    expected = tuple(map(piece_digest, buffer_pieces(other, 0, LIMIT)))
    assert mapped.known_digests(other, 0, LIMIT, mapped.Lying()) in (expected, None)


def test_what_another_process_writes_is_not_ours(noise: bytes) -> None:
    array = mapped_array(noise)
    child = os.fork()
    if not child:
        try:
            array[:] = 0
            os._exit(asked(array) != digests(array))
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert asked(array) == digests(array)


def test_nothing_is_known_of_memory_that_was_given_to_others(noise: bytes) -> None:
    array = mapped_array(noise)
    address = array.ctypes.data
    array.resize(SIZE + (8 << 20), refcheck=False)
    others = [numpy.empty(SIZE, "u1") for _ in range(4)]
    assert any(other.ctypes.data == address for other in others)
    assert all(asked(other) is None for other in others)
    assert asked(array) is None
    again = mapped_array(noise)
    again.resize(SIZE // 2, refcheck=False)
    assert asked(again) is None


def test_half_of_it_mapped_anew_is_not_known(noise: bytes) -> None:
    array = mapped_array(noise)
    with tempfile.NamedTemporaryFile(suffix=".pack") as file:
        file.truncate(SIZE)
        map_over(-(-array.ctypes.data // PAGE) * PAGE + (20 << 20), 1 << 20, file.fileno(), 0)
    assert asked(array) is None


def test_buffers_that_are_gone_are_forgotten(noise: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "_MOST", 2)
    kept = [mapped_array(noise) for _ in range(2)]
    gone = mapped_array(noise)
    del gone
    kept.append(mapped_array(noise))
    assert {array.ctypes.data for array in kept} == mapped._known.keys()


@pytest.mark.parametrize("told", [b"", OSError("not to be asked")])
def test_where_the_kernel_does_not_say_everything_is_read(
    noise: bytes, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOTTY, "not here")

    monkeypatch.setattr(mapped, "own_pages", refuse)
    array = mapped_array(noise)
    array[5 * LIMIT] ^= 1

    class File:
        def __enter__(self) -> Any:
            return self

        __exit__ = seek = tell = lambda *_: 0

        def read(self, size: int) -> bytes:
            if isinstance(told, Exception):
                raise told
            return bytes(told)

    monkeypatch.setattr(mapped, "open_file", lambda name, *a, **k: File() if "page" in name else open(name, *a, **k))
    assert asked(array) == digests(array)


def test_the_fingerprint_is_the_same(noise: bytes) -> None:
    array, other = mapped_array(noise), numpy.arange(1000)
    array[3] = 1

    def captured() -> Captured:
        buffers, extra = [memoryview(array), memoryview(other).cast("B")], [b"extra" * 1000]
        return Captured(("x", "def:y"), {"y": b"header"}, [b"one", b"two"], buffers, extra, rows=[0, 8])

    with closing(Memory()) as memory:
        assert plain.fingerprint(captured(), LIMIT, memory) == plain.fingerprint(captured(), LIMIT)
        mapped.forget_mapped()
        assert plain.fingerprint(captured(), LIMIT, memory) == plain.fingerprint(captured(), LIMIT)
    assert mmap.PAGESIZE == PAGE
