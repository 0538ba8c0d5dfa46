from __future__ import annotations

import array
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.steps import Steps

from timeslip.errors import ChunkMissingError, StoreFullError, UsageError
from timeslip.store import chunks, packs
from timeslip.store.packs import PAGE
from timeslip.store.repository import Repository
from timeslip.testing.faults import FailingFiles

SIZES = [0, 1, 255, 256, 4095, 4096, 16383, 16384, 16385, 100_000, 1 << 20, (4 << 20) + 1]


def noise(size: int) -> bytes:
    return os.urandom(size)


def text(size: int) -> bytes:
    return (b"the same words again and again " * (size // 31 + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [noise, text])
def test_what_was_put_comes_back_pending_published_and_reopened(directory: Path, size: int, kind: object) -> None:
    data = kind(size)  # type: ignore[operator]
    with Repository.open(directory, min_free_bytes=0) as repo:
        chunk = repo.put_chunk(data)
        assert repo.get_chunk(chunk) == data
        assert repo.has_chunk(chunk)
        with repo.transaction():
            pass
        assert repo.get_chunk(chunk) == data
    with Repository.open(directory, min_free_bytes=0) as repo:
        assert repo.get_chunk(chunk) == data
        target = bytearray(size)
        repo.read_chunk_into(chunk, memoryview(target))
        assert target == data
        assert 0 <= repo.chunk_stored_size(chunk) <= size


@given(data=st.binary(max_size=70_000))
def test_put_is_idempotent(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    directory = tmp_path_factory.mktemp("s") / "store"
    with Repository.open(directory, min_free_bytes=0) as repo:
        first = repo.put_chunk(data)
        assert repo.put_chunk(bytearray(data)) == first
        with repo.transaction():
            pass
        before = repo.size_bytes()
        assert repo.put_chunk(memoryview(data)) == first
        with repo.transaction():
            pass
        assert repo.size_bytes() <= before + 16384  # pages of the log, no second copy
        assert repo._database.one("SELECT count(*) FROM chunks") == (1,)


def test_every_kind_of_buffer(repo: Repository) -> None:
    numbers = array.array("d", range(5000))
    chunk = repo.put_chunk(numbers)
    assert repo.get_chunk(chunk) == numbers.tobytes()
    numbers.append(1.0)  # no export is left behind
    matrix = memoryview(bytes(range(200)) * 100).cast("B", (100, 200))
    assert repo.get_chunk(repo.put_chunk(matrix)) == matrix.tobytes()
    every_second = memoryview(bytes(range(200)) * 100)[::2]
    assert repo.get_chunk(repo.put_chunk(every_second)) == every_second.tobytes()


def test_the_chunks_of_a_record_are_asked_for_and_counted_together(repo: Repository) -> None:
    names = [repo.put_chunk(b"%d" % number) for number in range(700)]
    told: list[str] = []
    for changed in range(2):  # new ones, and ones of which one is new: as a large buffer that was written in one place
        with repo.transaction() as transaction:
            repo._database._live().set_trace_callback(told.append)
            transaction.put_record("value", {"keys": [changed]}, chunks=[*names, names[0]])
            repo._database._live().set_trace_callback(None)
        names[5] = repo.put_chunk(b"another")
    assert sum(statement.startswith("SELECT") for statement in told) < 20
    counts = repo._database.execute("SELECT refs, count(*) FROM chunks GROUP BY refs ORDER BY refs")
    assert counts == [(1, 2), (2, 699)]


def test_large_raw_chunks_can_be_mapped(repo: Repository) -> None:
    import mmap

    data = [noise(1 << 20) for _ in range(3)]
    ids = [repo.put_chunk(item) for item in data]
    places = [repo.chunk_place(chunk) for chunk in ids]
    assert all(place is not None and place.offset % PAGE == 0 for place in places)
    first, second = places[0], places[1]
    assert first is not None
    assert second is not None
    assert second.offset == first.offset + first.size  # contiguous: one map for a whole column
    with open(first.path, "rb") as file:
        area = mmap.mmap(file.fileno(), first.size, access=mmap.ACCESS_READ, offset=first.offset)
        assert area[:] == data[0]
        area.close()
    assert repo.chunk_place(repo.put_chunk(text(1 << 20))) is None
    assert repo.chunk_place(repo.put_chunk(b"small")) is None


def test_read_into_wrong_size(repo: Repository) -> None:
    chunk = repo.put_chunk(noise(50_000))
    with pytest.raises(UsageError):
        repo.read_chunk_into(chunk, memoryview(bytearray(49_999)))


@pytest.mark.parametrize("name", ["", "zz", "00" * 31, "00" * 32, "é" * 64])
def test_unknown_ids(repo: Repository, name: str) -> None:
    with pytest.raises(ChunkMissingError):
        repo.get_chunk(name)


def test_record_with_unknown_chunk_is_refused_and_nothing_is_published(steps: Steps) -> None:
    with pytest.raises(ChunkMissingError), steps.repo.transaction() as tx:
        tx.put_record("text", {})
        tx.put_record("value", {}, chunks=["00" * 32])
    assert steps.repo._database.one("SELECT count(*) FROM records") == (0,)


def test_packs_are_capped(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "PACK_LIMIT", 300_000)
    data = [noise(100_000) for _ in range(8)] + [noise(400_000)]
    ids = [repo.put_chunk(item) for item in data]
    with repo.transaction():
        pass
    assert len(repo._packs.sizes()) == 5
    assert [repo.get_chunk(chunk) for chunk in ids] == data
    repo.sync()
    with repo.transaction():
        pass
    assert len(repo._packs.written()) == 1, "full packs are let go once they are safe"


def test_next_process_takes_up_the_pack(directory: Path) -> None:
    for _ in range(3):
        with Repository.open(directory, min_free_bytes=0) as repo:
            repo.put_chunk(noise(50_000))
            with repo.transaction():
                pass
    with Repository.open(directory, min_free_bytes=0) as one, Repository.open(directory, min_free_bytes=0) as two:
        for repo in (one, two):
            repo.put_chunk(noise(50_000))
            with repo.transaction():
                pass
        assert one._packs.written().isdisjoint(two._packs.written())
    assert len(list((directory / "packs").iterdir())) == 2


def test_many_small_chunks_do_not_pile_up_in_memory(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_SPILL_BYTES", 20_000)
    data = [noise(1000) for _ in range(100)]
    ids = [repo.put_chunk(item) for item in data]
    assert repo._chunks._pending_inline <= 21_000
    with repo.transaction() as tx:
        tx.put_record("value", {}, chunks=ids)
    assert [repo.get_chunk(chunk) for chunk in ids] == data
    assert repo._database.one("SELECT count(*), min(refs), max(refs) FROM chunks") == (100, 1, 1)


def test_threads_put_the_same_and_different_chunks(repo: Repository) -> None:
    data = [noise(20_000 + i) for i in range(20)]
    found: list[list[str]] = [[] for _ in range(4)]

    def work(number: int) -> None:
        for item in data:
            found[number].append(repo.put_chunk(bytearray(item)))
            with repo.transaction() as tx:
                tx.put_record("value", {"n": number}, chunks=[found[number][-1]])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(ids == found[0] for ids in found)
    assert [repo.get_chunk(chunk) for chunk in found[0]] == data
    assert repo._database.one("SELECT count(*), min(refs), max(refs) FROM chunks") == (20, 4, 4)


def test_memory_changed_while_it_is_saved_never_makes_a_wrong_chunk(repo: Repository) -> None:
    buffer, stop = bytearray(1 << 20), threading.Event()

    def scribble() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            buffer[n % len(buffer)] = n & 0xFF

    thread = threading.Thread(target=scribble)
    thread.start()
    try:
        ids = [repo.put_chunk(buffer) for _ in range(30)]
    finally:
        stop.set()
        thread.join()
    for chunk in ids:
        repo.get_chunk(chunk)  # verified against its id


def test_failed_pack_write_adds_nothing(directory: Path) -> None:
    files = FailingFiles("wwwwwwwww")  # opening and the header
    with Repository.open(directory, min_free_bytes=0, files=files) as repo:
        steps = Steps(repo)
        steps.commit({"a": noise(50_000)})
        files._schedule, files.events = "f", 0
        with pytest.raises(StoreFullError):
            repo.put_chunk(noise(50_000))
        good = steps.commit({"b": noise(50_000)})
        assert len(steps.state(good)) == 2
