"""Digests of many pieces are those of one after the other, and no thread goes on."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
import xxhash

from timeslip.state import digesting
from timeslip.state.digesting import digests_of

NOISE = memoryview(random.Random(3).randbytes(1 << 20))


@pytest.fixture(autouse=True)
def from_the_first_byte_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digesting, "_LEAST", 0)
    monkeypatch.setattr(digesting.os, "cpu_count", lambda: 2)


def pieces(count: int) -> list[memoryview]:
    return [NOISE[at * 1000 : at * 1000 + 1 + at * 7 % 1000] for at in range(count)]


def one_by_one(parts: list[memoryview]) -> list[bytes]:
    return [xxhash.xxh3_128_digest(part) for part in parts]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1000])
def test_they_are_those_of_one_after_the_other(count: int) -> None:
    before = threading.active_count()
    assert digests_of(pieces(count)) == one_by_one(pieces(count))
    assert threading.active_count() == before


def test_without_a_second_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert digests_of(pieces(50)) == one_by_one(pieces(50))


def test_what_the_helper_cannot_do_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    usual, main = xxhash.xxh3_128_digest, threading.get_ident()

    def digest(data: memoryview) -> bytes:
        if threading.get_ident() != main:
            raise MemoryError
        return usual(data)

    monkeypatch.setattr(xxhash, "xxh3_128_digest", digest)
    assert digests_of(pieces(500)) == [usual(part) for part in pieces(500)]


def test_an_interrupt_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    usual, main, raised = xxhash.xxh3_128_digest, threading.get_ident(), threading.Event()

    def digest(data: memoryview) -> bytes:
        if threading.get_ident() == main:
            raised.set()
            raise KeyboardInterrupt
        assert raised.wait(30)
        return usual(data)

    monkeypatch.setattr(xxhash, "xxh3_128_digest", digest)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        digests_of(pieces(500))
    assert threading.active_count() == before
