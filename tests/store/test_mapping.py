"""Buffers that come back as pages of packs: the same bytes as by reading, and nothing that is done to them gets out."""

from __future__ import annotations

import gc as collector
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.freed import used_up
from tests.store.steps import Steps

from timeslip.errors import ChunkMissingError, DamagedStoreError
from timeslip.store import maintenance, mapping, pages
from timeslip.store.mapping import PackMaps, phase, place_in_page
from timeslip.store.pages import PAGE, Maps, NotMappedError, is_own_map, is_possible, map_over
from timeslip.store.repository import Repository

numpy = pytest.importorskip("numpy")
pytestmark = pytest.mark.skipif(not is_possible(), reason="needs Linux and the GNU C library")

SIZE = 40 << 20
"""Enough that the C library maps it by itself."""


@pytest.fixture(autouse=True)
def _nothing_freed() -> Iterator[None]:
    held = used_up()
    yield
    held.clear()


def memory(size: int = SIZE) -> Any:
    made = numpy.empty(size, "u1")
    assert is_own_map(made.ctypes.data, size)
    return made


def pieces_of(data: bytes, limit: int = 1 << 20) -> list[tuple[int, int]]:
    return [(start, min(start + limit, len(data))) for start in range(0, len(data), limit)]


class Buffer:
    """A buffer in a store: its chunks, recorded in a commit."""

    def __init__(
        self, repo: Repository, data: bytes, limit: int = 1 << 20, *, shift: int = 0, as_it_is: bool = True
    ) -> None:
        self.repo, self.data, self.parts = repo, data, pieces_of(data, limit)
        places = [phase(a + shift) if as_it_is else None for a, _ in self.parts]
        self.chunks = [str(repo.put_chunk(data[a:b], place)) for (a, b), place in zip(self.parts, places, strict=True)]
        with repo.transaction() as tx:
            tx.put_record("value", {"chunks": self.chunks}, chunks=self.chunks)

    def load(self, target: Any, about: object = ("x",), *, alone: bool = False) -> int:
        """Fill *target* as the engine does; how many bytes were mapped."""
        with memoryview(target) as view:
            raw = self.repo.raw_pieces(self.chunks, self.parts)
            mapped = self.repo.map_over(view, raw, about, alone=alone)
            for chunk, (start, stop) in zip(self.chunks, self.parts, strict=True):
                if not any(first < stop and start < last for first, last, *_ in mapped):
                    self.repo.read_chunk_into(chunk, view[start:stop])
        return sum(stop - start for start, stop, *_ in mapped)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "MAP_FROM", 1)
    monkeypatch.setattr(mapping, "RUN", PAGE)


@pytest.fixture(scope="module")
def noise() -> bytes:
    return random.Random(1).randbytes(SIZE)


def test_a_large_buffer_is_mapped_whole_and_verified(repo: Repository, noise: bytes) -> None:
    buffer = Buffer(repo, noise)
    target = memory()
    assert buffer.load(target) > SIZE - 2 * PAGE
    assert target.tobytes() == noise
    assert repo.maps.unverified == 0
    assert target.flags.owndata
    assert target.base is None


def test_what_is_written_goes_nowhere_else_and_everything_may_go_meanwhile(steps: Steps, noise: bytes) -> None:
    repo = steps.repo
    buffer = Buffer(repo, noise)
    one, other = memory(), memory()
    assert buffer.load(one)
    assert buffer.load(other)
    one[::5000] ^= 255
    assert other.tobytes() == noise
    child = os.fork()
    if not child:
        try:
            other[:] = 0
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert other.tobytes() == noise
    for chunk, (start, stop) in zip(buffer.chunks, buffer.parts, strict=True):
        assert repo.get_chunk(chunk) == noise[start:stop]
    with repo._database.write():
        repo._database.execute("UPDATE chunks SET refs = 0")
    maintenance.gc(repo)
    assert not any(repo._packs.sizes().values())
    assert other.tobytes() == noise
    one.resize(SIZE + 9, refcheck=False)
    assert one[SIZE:].tobytes() == bytes(9)
    assert one[5000] == noise[5000] ^ 255
    other.resize(SIZE // 2, refcheck=False)
    assert other.tobytes() == noise[: SIZE // 2]
    del one, other
    assert not numpy.zeros(SIZE, "u1").any(), "new memory has nothing of it"


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_however_pieces_lie_the_bytes_are_those_that_are_read(
    tmp_path_factory: pytest.TempPathFactory, small: None, data: st.DataObject
) -> None:
    rng = random.Random(data.draw(st.integers(0, 1 << 30)))
    sizes = data.draw(st.lists(st.sampled_from([100, 16384, 20_000, 65_536, 70_001]), min_size=1, max_size=25))
    ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    parts = list(zip([0, *ends], ends, strict=False))
    later = data.draw(st.booleans())
    with Repository.open(tmp_path_factory.mktemp("s") / "store", min_free_bytes=0) as repo:
        repo.maps.later = later
        whole, chunks = b"", []
        for start, stop in parts:
            kind = data.draw(st.sampled_from(["noise"] * 4 + ["text", "moved", "lonely"]))
            piece = rng.randbytes(stop - start) if kind != "text" else b"ab" * ((stop - start) // 2 + 1)
            piece = piece[: stop - start]
            if kind == "lonely":
                repo.put_chunk(rng.randbytes(20_000), 7)
            chunks.append(str(repo.put_chunk(piece, phase(start) if kind != "moved" else rng.randrange(PAGE))))
            whole += piece
        place = place_in_page(repo.raw_pieces(chunks, parts), len(whole))
        shift = place if place is not None else 16
        pages_of = mapping_memory(shift + len(whole))
        target = memoryview(pages_of)[shift:]
        raw = repo.raw_pieces(chunks, parts)
        mapped = repo.map_over(target, raw, "x", alone=True)
        for chunk, (start, stop) in zip(chunks, parts, strict=True):
            if not any(first < stop and start < last for first, last, *_ in mapped):
                repo.read_chunk_into(chunk, target[start:stop])
        assert target.tobytes() == whole
        assert all(first < last <= len(whole) for first, last, *_ in mapped)
        assert repo.maps.verify(60.0) == []
        assert repo.maps.unverified == 0
        target.release()
        pages_of.close()


def mapping_memory(size: int) -> Any:
    import mmap

    return mmap.mmap(-1, size, mmap.MAP_PRIVATE)


def test_rows_that_are_no_pages_lie_in_one_run(repo: Repository, noise: bytes) -> None:
    row = 4_800_008
    parts = [(s, min(s + (1 << 20), e)) for e in range(row, 8 * row + 1, row) for s in range(e - row, e, 1 << 20)]
    chunks = [str(repo.put_chunk(noise[a:b], phase(a))) for a, b in parts]
    raw = repo.raw_pieces(chunks, parts)
    assert len(mapping._runs(raw, 16)) == 1
    one = [piece for piece in raw if 2 * row <= piece.start < 3 * row]
    moved = [mapping.Piece(p.digest, p.start - 2 * row, p.size, p.location) for p in one]
    assert place_in_page(moved, row) == (16 + 2 * row) % PAGE, "a column by itself, where its page is"


def test_after_repacking_pieces_still_fit(steps: Steps, noise: bytes) -> None:
    repo = steps.repo
    filler = [repo.put_chunk(os.urandom(1 << 20)) for _ in range(60)]
    assert filler
    buffer = Buffer(repo, noise, 1_000_000)
    before = {piece.location.pack for piece in repo.raw_pieces(buffer.chunks, buffer.parts)}
    maintenance.gc(repo)
    after = {piece.location.pack for piece in repo.raw_pieces(buffer.chunks, buffer.parts)}
    assert before.isdisjoint(after)
    target = memory()
    assert buffer.load(target) > SIZE - 2 * PAGE
    assert target.tobytes() == noise


def test_what_does_not_fit_is_read(repo: Repository, noise: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    target = memory()
    old = Buffer(repo, noise, shift=-16)  # on pages, as once all chunks were
    assert old.load(target) == 0
    assert target.tobytes() == noise
    fits = Buffer(repo, noise[::-1])
    heap = numpy.empty(SIZE + PAGE, "u1")[100 : SIZE + 100]
    assert fits.load(heap) == 0
    assert heap.tobytes() == noise[::-1]
    monkeypatch.setattr(Maps, "may_add", lambda self, count: False)
    assert fits.load(memory()) == 0
    monkeypatch.undo()
    monkeypatch.setattr(mapping, "_MOST_RUNS", 0)
    assert fits.load(memory()) == 0
    monkeypatch.undo()
    monkeypatch.setattr(pages, "_place", lambda *a: a[3] == -1)  # the kernel has no page of a file for us
    refused = memory()
    assert fits.load(refused) == 0
    assert refused.tobytes() == noise[::-1]
    compressed = Buffer(repo, bytes(SIZE), as_it_is=False)
    assert compressed.load(memory()) == 0


def test_maps_are_counted_with_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_limit", lambda: 4000)
    counts = iter([900, 100, 999])
    monkeypatch.setattr(pages, "_count", lambda: next(counts))
    maps = Maps()
    assert maps.may_add(100)
    assert maps.may_add(50), "counted again: others have gone"
    assert maps.may_add(849)
    assert not maps.may_add(2)


@pytest.mark.parametrize("later", [False, True])
def test_damage_is_found_at_once_or_later(directory: Path, noise: bytes, later: bool) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        buffer = Buffer(repo, noise)
    (pack,) = (directory / "packs").iterdir()
    with open(pack, "r+b") as file:
        file.seek(20 << 20)
        file.write(b"damage")
    with Repository.open(directory, min_free_bytes=0) as repo:
        buffer.repo, repo.maps.later = repo, later
        target = memory()
        if not later:
            with pytest.raises(DamagedStoreError):
                buffer.load(target)
            return
        assert buffer.load(target, ("a", "b"))
        assert repo.maps.unverified == 40
        assert repo.maps.verify(0.0) == []
        assert repo.maps.unverified == 39, "one at a time"
        pack.unlink()
        assert repo.maps.verify(60.0) == [("a", "b")]
        assert repo.maps.unverified == 0


def test_what_was_read_before_is_not_read_again(repo: Repository, noise: bytes) -> None:
    repo.maps.later = True
    buffer = Buffer(repo, noise)
    for chunk in buffer.chunks[1:]:
        repo.get_chunk(chunk)
    assert buffer.load(memory())
    assert repo.maps.unverified == 1
    assert buffer.load(memory())
    assert repo.maps.unverified == 1
    fds = len(os.listdir("/proc/self/fd"))
    assert repo.maps.verify(60.0) == []
    repo.maps.verify(60.0)
    assert len(os.listdir("/proc/self/fd")) == fds - 1


def test_a_pack_that_is_too_short_is_damage_and_no_crash(directory: Path, noise: bytes) -> None:
    with Repository.open(directory, min_free_bytes=0) as repo:
        buffer = Buffer(repo, noise)
    (pack,) = (directory / "packs").iterdir()
    os.truncate(pack, 30 << 20)
    with Repository.open(directory, min_free_bytes=0) as repo:
        buffer.repo = repo
        with pytest.raises((DamagedStoreError, ChunkMissingError)):
            buffer.load(memory())


def test_maps_go_with_the_memory(repo: Repository, noise: bytes) -> None:
    buffer = Buffer(repo, noise)
    before = pages._count()
    for _ in range(20):
        target = memory()
        assert buffer.load(target)
        del target
    collector.collect()
    assert pages._count() <= before + 3


def test_not_on_a_shared_disk_nor_elsewhere(monkeypatch: pytest.MonkeyPatch, repo: Repository) -> None:
    assert repo.maps.allowed
    assert not PackMaps(repo._packs, allowed=False).allowed
    monkeypatch.setattr(sys, "platform", "darwin")
    is_possible.cache_clear()
    try:
        assert not PackMaps(repo._packs, allowed=True).allowed
    finally:
        monkeypatch.undo()
        is_possible.cache_clear()


def test_memory_that_cannot_be_mapped_over_stays_as_it_is(tmp_path: Path) -> None:
    target = memory()
    target[:] = 7
    with open(tmp_path / "file", "wb") as file, pytest.raises(NotMappedError):
        map_over(target.ctypes.data + 1, PAGE, file.fileno(), 0)
    assert (target == 7).all()


def test_what_is_mapped_takes_no_memory(repo: Repository, noise: bytes) -> None:
    def own() -> int:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))

    repo.maps.later = True
    buffer = Buffer(repo, noise)
    assert buffer.load(memory())
    before = own()
    target = memory()
    assert buffer.load(target)
    assert target[::PAGE].sum() > 0
    assert own() - before < 2000
