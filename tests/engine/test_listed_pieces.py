"""The chunks of a large buffer are listed in chunks: a new version adds what changed, and no names of what did not."""

from __future__ import annotations

import builtins
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip import values
from timeslip.errors import TimeslipError
from timeslip.store.chunks import ChunkStore
from timeslip.values import _listed, _read_list, lists_of, pieces_of

numpy = pytest.importorskip("numpy")

PIECE = 1 << 14
MADE = "import numpy; a = numpy.random.default_rng(1).random(1_000_000)"  # 489 pieces


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    with attach(tmp_path) as session:
        yield session


def attach(folder: Path, **settings: Any) -> Any:
    namespace = {"__name__": "__main__", "__builtins__": builtins}
    return timeslip.attach(
        namespace, store=folder, name="s", min_free_bytes=0, facets=(), chunk_bytes=PIECE, replay="never", **settings
    )


def stored(session: Any, code: str) -> int:
    before = session.repository.bytes_written
    session.run(code)
    return int(session.repository.bytes_written - before)


def entry_of(session: Any) -> Any:
    body = session._live.body(session._live.records["a"])
    return body["buffers"][0]


def test_a_change_stores_its_piece_and_few_names(session: Any) -> None:
    session.run(MADE)
    whole = session.namespace["a"].copy()
    stored(session, "a[5] = 0.5")  # the commit's own records are that large the first time
    assert stored(session, "a[500_000] = 0.5") < PIECE + 10_000  # with the names of all pieces it is 24 kB more
    session.undo()
    assert session.namespace["a"][500_000] == whole[500_000]
    assert stored(session, "a[500_000] = 0.25") < PIECE + 10_000  # also of what came back
    session.undo(2)
    assert (session.namespace["a"] == whole).all()
    assert session.verify().changed == {}


def test_a_value_of_many_buffers_names_few_pieces_too(session: Any) -> None:
    session.run("import numpy; g = numpy.random.default_rng(1); a = {n: g.random(80_000) for n in range(10)}")
    whole = session.namespace["a"][3].copy()
    assert all("lists" in entry for entry in session._live.body(session._live.records["a"])["buffers"])
    stored(session, "a[2][5] = 0.5")
    assert stored(session, "a[3][50_000] = 0.5") < PIECE + 10_000  # with the names of all pieces it is 20 kB more
    session.undo()
    assert (session.namespace["a"][3] == whole).all()
    assert session.verify().changed == {}


def test_what_comes_back_in_another_kernel_and_after_gc_is_the_same(tmp_path: Path) -> None:
    with attach(tmp_path) as session:
        session.run(MADE)
        session.run("a[7] = 0.5")
        session.run("b = 1")
        session.gc()
        assert not session.verify(session.log()[0].id).unrestorable
    with attach(tmp_path) as session:
        session.resume()
        expected = numpy.random.default_rng(1).random(1_000_000)
        expected[7] = 0.5
        assert (session.namespace["a"] == expected).all()
        assert stored(session, "a[500_000] = 0.5") < PIECE + 10_000


@pytest.mark.parametrize("how", ["DELETE FROM chunk_data", "UPDATE chunk_data SET data = zeroblob(length(data))"])
def test_a_damaged_list_is_told_before_anything_is_changed(tmp_path: Path, how: str) -> None:
    with attach(tmp_path) as session:
        session.run(MADE)
        names = entry_of(session)["lists"]
        session.run("a = None")
        values._lists_read.clear()
        connection = sqlite3.connect(tmp_path / "timeslip.db")
        with connection:
            connection.execute(f"{how} WHERE n IN (SELECT n FROM chunks WHERE id = ?)", (bytes.fromhex(names[3]),))
        connection.close()
        with pytest.raises(TimeslipError):
            session.undo()
        assert session.namespace["a"] is None
        assert "a" in session.verify(session.log()[1].id).unrestorable


def test_lists_are_cut_by_what_is_in_them(session: Any) -> None:
    session.run(MADE)
    names, marks = _listed(session.repository, entry_of(session))
    assert len(names) == len(marks) == 489
    assert pieces_of(session.repository, session._live.body(session._live.records["a"])).items() >= {
        *zip(marks, names, strict=True)
    }
    whole, shorter = ({*lists_of(names[start:], marks[start:])} for start in (0, 100))
    assert len(shorter - whole) <= 2
    assert {len(one) // 48 for one in lists_of(names[:1] * 500, marks[:1] * 500)} <= {4, 8, 116, 128}


def test_lists_end_with_the_columns_of_a_frame() -> None:
    names = [f"{1 + number % 250:02x}{number:062x}" for number in range(120)]
    marks = [number.to_bytes(16, "big") for number in range(120)]
    ends = {19, 39, 59, 79, 99, 119}
    whole = {*lists_of(names, marks, ends)}
    assert {*lists_of(names[40:60], marks[40:60], {19})} < whole
    assert not {*lists_of(names[40:60], marks[40:60])} < {*lists_of(names, marks)}


def test_few_pieces_are_named_in_the_record(session: Any) -> None:
    session.run("import numpy; a = numpy.random.default_rng(1).random(50_000)")
    assert len(entry_of(session)["chunks"]) == 25


def test_what_is_compared_is_what_is_stored(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread may write to memory between the look and the copy that is stored, and take it back after that."""
    session.run("import numpy; a = numpy.random.default_rng(1).random(50_000)")
    real = ChunkStore._stable

    def written_meanwhile(store: ChunkStore, data: Any) -> Any:
        array = session.namespace["a"]
        array[7] = 0.25
        copy = real(store, data)
        array[7] = 0.75
        return copy

    with monkeypatch.context() as torn:
        torn.setattr(ChunkStore, "_stable", written_meanwhile)
        session.run("a[7] = 0.75")
    session.run("b = 1")
    session.run("a = None")
    session.undo()
    assert session.namespace["a"][7] == 0.75


def test_lists_can_be_read_by_two_threads_at_once(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session.run(MADE)
    mine, theirs, *_ = entry_of(session)["lists"]
    other = threading.Thread(target=_read_list, args=(session.repository, theirs))
    read = threading.Event()

    class Asked(dict[str, Any]):
        def __iter__(self) -> Iterator[str]:
            there = super().__iter__()
            if other.ident is None:
                other.start()
                other.join(0.05)
            return there

        def __setitem__(self, key: str, value: Any) -> None:
            if key == theirs:
                read.wait(0.2)
            super().__setitem__(key, value)

    monkeypatch.setattr(values, "_lists_read", Asked.fromkeys(map(str, range(values._MOST_LISTS))))
    assert _read_list(session.repository, mine)[0]
    read.set()
    other.join()
    assert {mine, theirs} <= set(values._lists_read.keys())
    assert len(values._lists_read) == values._MOST_LISTS
