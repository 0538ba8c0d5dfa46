"""What is cold is compressed in idle time: states come back from it as they were, and nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip import compacting
from timeslip.errors import StoreFullError
from timeslip.session import Session
from timeslip.store import compaction, logfile
from timeslip.store.pages import is_possible

numpy = pytest.importorskip("numpy")
pytestmark = pytest.mark.skipif(not is_possible(), reason="elsewhere nothing is stored to be mapped")

COUNT = 400_000
"""3.2 MB each."""


@pytest.fixture
def values() -> dict[str, Any]:
    return {"__name__": "__main__"}


@pytest.fixture
def session(values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setattr(compacting, "WORTH", 1 << 20)
    with timeslip.attach(values, store=tmp_path / "store", name="x") as session:
        session.config("undo_steps", 2)
        session.run(f"import numpy\nrng = numpy.random.default_rng(0)\ndef new(): return rng.integers(0, 9, {COUNT})")
        yield session


def compacted(session: Session) -> bool:
    """Let it work to the end; whether it had begun."""
    begun = session.begin_compaction()
    thread = session._live.compactor._thread
    if thread is not None:
        thread.join(60)
    return begun


def test_states_come_back_from_what_was_compressed(session: Session, values: dict[str, Any]) -> None:
    wanted = {}
    for n in range(8):
        commit = session.run("a = new()").commit
        assert commit is not None
        wanted[commit.id] = values["a"].copy()
    session.run("a[5] = 77; b = a[::2]")
    before = session.repository.size_bytes()
    assert compacted(session)
    assert session.repository.size_bytes() < before - 3 * 0.8 * 8 * COUNT
    session.undo()
    session.redo()
    assert values["a"][5] == 77
    assert numpy.shares_memory(values["a"], values["b"])
    for commit, array in wanted.items():
        session.checkout(commit)
        assert (values["a"] == array).all()
    assert not compacted(session), "nothing was written since"
    assert not session.notices()


def test_it_stops_when_something_is_to_run(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(8):
        session.run("a = new()")
    at_it, go = threading.Event(), threading.Event()
    real = compaction.compress_cold

    def slow(data: bytes) -> object:
        at_it.set()
        go.wait(60)
        return real(data)

    monkeypatch.setattr(compaction, "compress_cold", slow)
    assert session.begin_compaction()
    assert at_it.wait(60)
    assert not session.begin_compaction(), "it is at it"
    session.end_compaction()
    session.run("a = new()")
    session.undo()
    assert session._live.compactor.is_at_it, "nobody has waited for it"
    go.set()
    session._live.compactor.close()
    monkeypatch.undo()
    monkeypatch.setattr(compacting, "WORTH", 1 << 20)
    assert compacted(session), "what was not done is done the next time"
    assert session.undo().commit


def test_the_session_ends_while_it_is_at_it(session: Session) -> None:
    for _ in range(8):
        session.run("a = new()")
    assert session.begin_compaction()
    session.close()
    assert not session._live.compactor.is_at_it
    assert not session.begin_compaction()


def test_what_goes_wrong_is_in_the_log_and_tried_again(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(6):
        session.run("a = new()")
    for error in (StoreFullError("there is no room"), RuntimeError("whatever")):

        def fails(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(compacting, "compact", fails)
            assert compacted(session)
        log = (session.repository.directory / logfile.FILE_NAME).read_text()
        assert "compressing in idle time" in log
        assert str(error.args[0] if error.args else error) in log
    assert compacted(session)
    assert session.undo().commit


def test_a_small_store_is_left_alone(tmp_path: Path) -> None:
    with timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="x") as session:
        session.run("a = 1")
        assert not session.begin_compaction()
