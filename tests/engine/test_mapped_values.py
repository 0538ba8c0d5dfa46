"""Large arrays come back as pages of the store's files: the same values as by reading, and what is said of damage."""

from __future__ import annotations

import builtins
import mmap
import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import timeslip
from timeslip import values
from timeslip.codec.reducers.array_memory import empty_pages
from timeslip.errors import DamagedStoreError, TimeslipError
from timeslip.state import digesting, fingerprint, mapped
from timeslip.store.pages import is_possible
from timeslip.values import content_of

numpy = pytest.importorskip("numpy")
pytestmark = pytest.mark.skipif(not is_possible(), reason="needs Linux and the GNU C library")

MADE = "import numpy; r = numpy.random.default_rng(1); a = r.random(1_000_000)"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    with attach(tmp_path) as session:
        yield session


def attach(folder: Path, **settings: Any) -> Any:
    namespace = {"__name__": "__main__", "__builtins__": builtins}
    return timeslip.attach(namespace, store=folder, name="s", min_free_bytes=0, facets=(), **settings)


def bytes_mapped(session: Any) -> int:
    return int(session.repository.maps.mapped)


def damage(folder: Path) -> None:
    """Spoil a byte in the middle of every pack."""
    for pack in (folder / "packs").iterdir():
        with open(pack, "r+b") as file:
            file.seek(4 << 20)
            file.write(b"damage")


def test_an_array_comes_back_as_it_was(session: Any) -> None:
    session.run(MADE)
    session.run("a.flags.writeable = False; f = numpy.asfortranarray(r.random((700, 900))); v = f[3:]")
    session.run("s = numpy.zeros(200_000, [('x', 'f8'), ('y', 'i2')]); s['x'] = r.random(200_000)")
    before = {name: session.namespace[name].copy(order="K") for name in "afvs"}
    last = session.log()[0].id
    session.run("del a, f, v, s")
    session.checkout(last)
    assert bytes_mapped(session) > 13_000_000
    for name, kept in before.items():
        now = session.namespace[name]
        assert (now.dtype, now.shape) == (kept.dtype, kept.shape)
        assert now.tobytes() == kept.tobytes()
    a, f, v = (session.namespace[name] for name in "afv")
    assert (a.base, a.flags.owndata, a.flags.writeable) == (None, True, False)
    assert (f.flags.f_contiguous, f.flags.owndata, v.base is f) == (True, True, True)
    f[3, 0] = -1
    assert v[0, 0] == -1
    f[3, 0] = before["f"][3, 0]
    del v
    session.namespace.pop("v")
    session.namespace["s"].resize(300_000, refcheck=False)
    assert session.namespace["s"][250_000] == numpy.zeros((), before["s"].dtype)


def test_writes_after_it_are_found_and_stored_by_themselves(session: Any) -> None:
    session.run(MADE)
    session.run("a = a * 2")
    session.undo()
    value = session.namespace["a"][500_000]
    session.run("a[500_000] = 1.5")
    commit = session.log()[0]
    assert commit.names.changed == ("a",)
    assert commit.stats.bytes_stored < 1_200_000
    session.undo()
    assert session.namespace["a"][500_000] == value
    session.run("b = a.sum()")
    assert session.log()[0].names.changed == ()
    assert session.verify().changed == {}


def test_the_look_after_it_reads_nothing(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session.run(MADE)
    session.run("a = a * 2")
    twice = session.log()[0].id
    read: list[int] = []
    real = mapped.xxhash.xxh3_128_digest

    class Counting:
        xxh3_128 = mapped.xxhash.xxh3_128

        @staticmethod
        def xxh3_128_digest(data: Any) -> bytes:
            read.append(memoryview(data).nbytes)
            return real(data)

    for module in (mapped, fingerprint, digesting):
        monkeypatch.setattr(module, "xxhash", Counting)
    session.undo()
    looked = sum(read) - session.namespace["a"].nbytes  # before it, to see whether there is something to be recorded
    read.clear()
    session.run("b = a[0]")
    assert looked <= 2 * (2 << 20) < session.namespace["a"].nbytes, "only the pieces at both ends are"
    assert sum(read) <= 2 << 20
    session.checkout(twice, "a")
    assert session.log()[0].stats.bytes_stored < 10_000


def test_in_another_process_nothing_is_read_either(tmp_path: Path) -> None:
    with attach(tmp_path) as session:
        session.run(MADE)
    mapped.forget_mapped()
    with attach(tmp_path) as session:
        session.resume()
        known = [digest for entry in mapped._known.values() for digest in entry.digests]
        assert len(known) == 8
        assert None not in known
        assert session.namespace["a"].sum() > 0


def test_columns_of_a_frame_lie_where_their_pages_are(session: Any) -> None:
    pandas = pytest.importorskip("pandas")
    session.run("import numpy, pandas; values = numpy.random.default_rng(1).random((6, 300_001))")
    session.run("df = pandas.DataFrame(values.T.copy(order='F'), columns=list('abcdef')); del values")
    session.run("df = df.drop(columns='b')")
    session.run("df = df[['a', 'f']].copy()")
    before = bytes_mapped(session)
    session.undo()
    frame = session.namespace["df"]
    if int(pandas.__version__.partition(".")[0]) >= 3:  # before, the memory of a frame is a plain array's
        assert bytes_mapped(session) - before > 11_000_000
    assert list(frame.columns) == list("acdef")
    bases = [block.values.base for block in frame._mgr.blocks]
    assert not any(isinstance(base, mmap.mmap) for base in bases), "libraries take that for the map of a file"
    assert frame.sum().round().gt(149_000).all()
    session.run("view = df['c'].to_numpy(); df.loc[7, 'c'] = 5.0")
    assert session.log()[0].names.changed == ("df",)
    assert session.namespace["view"][7] == 5.0, "as pandas has it"
    session.undo()
    assert session.namespace["df"].loc[7, "c"] != 5.0
    session.undo()
    assert list(session.namespace["df"].columns) == list("abcdef")
    assert session.verify().changed == {}


def test_memory_of_pages_counts_as_an_array_s_own(session: Any) -> None:
    session.run("import numpy")
    session.namespace["a"] = empty_pages((1_000_000,), numpy.dtype("f8"), "C", 96)
    assert session.namespace["a"].base is not None
    session.namespace["b"] = numpy.zeros(1_000_000)
    session.record()
    live = session._live
    bodies = [live.body(live.records[name]) for name in "ab"]
    contents = [content_of({**body, "keys": ["x"]}) for body in bodies]
    assert contents[0] == contents[1]


def test_damage_is_found_in_idle_time_and_said_once(tmp_path: Path) -> None:
    with attach(tmp_path) as session:
        session.repository.maps.later = True
        session.run(MADE)
        session.run("a = a * 2; b = a[:10]")
        session.repository.maps._verified.clear()
        damage(tmp_path)
        session.undo()
        assert session.repository.maps.unverified
        while session.audit(10.0):
            pass
        assert session.repository.maps.unverified == 0
        (notice,) = session.notices()
        assert notice.startswith("a came back damaged")
        assert "timeslip check" in notice
        session.run("c = 1")
        assert "a" in session.log()[0].names.changed, "what is there is not what was recorded"
        assert not any("damaged" in notice for notice in session.notices())


def test_verify_looks_at_what_was_mapped(tmp_path: Path) -> None:
    with attach(tmp_path) as session:
        session.repository.maps.later = True
        session.run(MADE)
        session.run("a = a * 2")
        damage(tmp_path)
        session.undo()
        found = session.verify()
        assert found.unrestorable.keys() == {"a"}
        assert "a" not in found.intact


@pytest.mark.parametrize("how", ["eager", "verify", "at once"])
def test_damage_is_found_before_anything_is_changed(tmp_path: Path, how: str) -> None:
    with attach(tmp_path, verify="eager" if how == "eager" else "lazy", replay="never") as session:
        session.repository.maps.later = how != "at once"
        session.run(MADE)
        session.run("a = None")
        damage(tmp_path)
        with pytest.raises((DamagedStoreError, TimeslipError)):
            session.undo(verify=how == "verify")
        assert session.namespace["a"] is None


def test_values_without_digests_of_their_pieces_come_back(session: Any) -> None:
    session.run(MADE)
    before = session.namespace["a"].copy()
    session.run("a = None")
    for body in session._live._bodies.values():
        for entry in body.get("buffers", ()):
            del entry["marks"]
    session.undo()
    assert (session.namespace["a"] == before).all()
    assert bytes_mapped(session) > 7_000_000
    session.run("a[9] = 1")
    assert session.log()[0].names.changed == ("a",)


def test_where_nothing_can_be_mapped_the_same_comes_back(session: Any) -> None:
    session.repository.maps.allowed = False
    session.run(MADE)
    before = session.namespace["a"].copy()
    session.run("a = None")
    session.undo()
    assert bytes_mapped(session) == 0
    assert (session.namespace["a"] == before).all()


def test_what_is_mapped_stays_when_the_session_ends_and_the_store_goes(tmp_path: Path) -> None:
    with attach(tmp_path) as session:
        session.run(MADE)
        before = session.namespace["a"].copy()
        session.run("a = None")
        session.undo()
        assert bytes_mapped(session)
        namespace = session.namespace
    for pack in (tmp_path / "packs").iterdir():
        os.unlink(pack)
    assert (namespace["a"] == before).all()
    namespace["a"][:] = 0
    assert not namespace["a"].any()


@settings(deadline=None)
@given(cuts=st.sets(st.integers(1, 60), max_size=12), ends=st.sets(st.integers(0, 60), max_size=8))
def test_what_is_left_to_be_read(cuts: set[int], ends: set[int]) -> None:
    bounds = sorted({0, 60, *cuts})
    parts = list(pairwise(bounds))
    places = sorted(ends)
    spans = [(first, last, "", 0) for first, last in zip(places[::2], places[1::2], strict=False)]
    untouched = [
        number
        for number, (start, stop) in enumerate(parts)
        if not any(first < stop and start < last for first, last, *_ in spans)
    ]
    assert list(values._beside(parts, spans)) == untouched
