"""Pieces that a thread names while others are written are what they would be without it; it leaves nothing behind."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from blake3 import blake3

from timeslip.errors import StoreError
from timeslip.state.fingerprint import piece_digest
from timeslip.store import ahead
from timeslip.store.repository import Repository

numpy = pytest.importorskip("numpy")

MADE = "import numpy; a = numpy.random.default_rng(1).random(100_000)"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_LEAST", 1)
    monkeypatch.setattr(ahead.os, "cpu_count", lambda: 2)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads that were started for it."""
    found: list[threading.Thread] = []
    usual = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name == "timeslip-naming":
            found.append(thread)
        usual(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    return found


@pytest.fixture
def session(attach: Callable[..., Any]) -> Any:
    return attach(facets=(), chunk_bytes=1 << 14, replay="never")


def test_pieces_are_named_in_order() -> None:
    pieces = [memoryview(random.Random(n).randbytes(1 + 997 * n % 5000)) for n in range(50)]
    with closing(ahead.named(pieces, piece_digest)) as found:
        for piece, (copy, name, mark) in zip(pieces, found, strict=True):
            assert (bytes(copy), name, mark) == (bytes(piece), blake3(piece).digest(), piece_digest(piece))


def test_what_is_stored_is_the_same(session: Any, started: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    session.run(MADE)
    with_it = session._live.body(session._live.records["a"])["buffers"]
    monkeypatch.setattr(ahead, "pays", lambda sizes: False)
    session.run(MADE.replace("a =", "b ="))
    assert session._live.body(session._live.records["b"])["buffers"] == with_it
    session.run("a[:] = 0")
    session.undo()
    assert (session.namespace["a"] == session.namespace["b"]).all()
    assert len(started) == 1
    assert not started[0].is_alive()
    session.namespace["a"].resize(10)  # which numpy refuses where somebody looks into the memory


def test_what_is_written_meanwhile_is_not_taken_for_what_was_compared(
    session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Repository.put_chunk

    def put_chunk(repository: Repository, *args: Any, **options: Any) -> Any:
        session.namespace["a"][-1] += 1.0  # as a thread of the user's may
        return usual(repository, *args, **options)

    session.run("import numpy; a = numpy.zeros(100_000)")
    with monkeypatch.context() as patched:
        patched.setattr(Repository, "put_chunk", put_chunk)
        session.run("a = numpy.random.default_rng(1).random(100_000)")
    last = session.namespace["a"][-1]
    session.run("x = 1")
    session.undo()
    session.undo()
    session.redo(2)
    assert session.namespace["a"][-1] == last
    assert session.verify().changed == {}


@pytest.mark.parametrize("after", [0, 1, 3])
@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_without_a_thread_or_memory_for_it_all_is_stored_all_the_same(
    session: Any, monkeypatch: pytest.MonkeyPatch, after: int, error: Exception
) -> None:
    left = [after]

    def name(data: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise error
        return blake3(data)

    if after:
        monkeypatch.setattr(ahead, "blake3", name)
    else:
        usual = threading.Thread.start

        def start(thread: threading.Thread) -> None:
            if thread.name == "timeslip-naming":
                raise error
            usual(thread)

        monkeypatch.setattr(threading.Thread, "start", start)
    session.run(MADE)
    monkeypatch.undo()
    expected = session.namespace["a"].copy()
    session.run("a = None")
    session.undo()
    assert (session.namespace["a"] == expected).all()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), StoreError("a full disk")])
def test_the_thread_ends_when_it_is_given_up(
    session: Any, started: list[threading.Thread], monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def put_chunk(*_: Any, **__: Any) -> Any:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(Repository, "put_chunk", put_chunk)
        with pytest.raises(type(error)):
            session.run(MADE)
    error.__traceback__ = None  # which holds frames, and they what was to be stored
    assert len(started) == 1
    assert not started[0].is_alive()
    session.namespace["a"].resize(100_001)
    session.run("x = 1")
    session.undo()
    assert "a" not in session.namespace
    session.redo()
    assert session.namespace["a"].shape == (100_001,)


def test_a_thread_that_is_gone_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_work", lambda *_: None)
    with (
        pytest.raises(RuntimeError, match="has ended"),
        closing(ahead.named([memoryview(b"piece")], piece_digest)) as found,
    ):
        next(found)
