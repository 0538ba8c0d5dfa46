"""Truncated and garbled streams: an error of Timeslip's own or a value, never another exception, never a hang.

Bytes from the store have passed their MAC before the codec sees them; these tests are about the second line: bugs,
bytes of other versions, and values whose own code misbehaves.
"""

# ruff: noqa: E501 - a cell of users' code stands on one line
from __future__ import annotations

import dataclasses
import pickle
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.codec.kernels import Kernel

from timeslip.codec import load
from timeslip.codec.placeholder import Placeholder
from timeslip.codec.stored import Stored, StoredBuffer
from timeslip.errors import InternalError, PlaceholderError, TimeslipError, UnrestorableError

CODE = (
    "n = float('nan')\nclass A:\n    x = [n]\n    def f(self, a=n): return a\n"
    "def make():\n    c = [1]\n    return lambda: c\ng = make(); a = A(); l = [a, g, {'k': (1, 2.5, 'text', b'bytes')}, 7 ** 5000]"
)


def recorded() -> Stored:
    return Kernel(CODE).stored()


def attempt(record: Stored) -> None:
    """Load into a process of its own; anything but a value or an error of Timeslip fails the test."""
    try:
        Kernel().load(record)
    except TimeslipError:
        return


def test_every_truncation_of_the_stream_is_refused() -> None:
    record = recorded()
    data = b"".join(record.segments)
    for size in range(0, len(data), 3):
        with pytest.raises(TimeslipError):
            Kernel().load(dataclasses.replace(record, segments=[data[:size]]))


def test_every_truncation_of_a_header_is_refused() -> None:
    record = recorded()
    for identity, data in record.headers.items():
        for size in range(0, len(data), 7):
            with pytest.raises(TimeslipError):
                Kernel().load(dataclasses.replace(record, headers={**record.headers, identity: data[:size]}))


HARMLESS = frozenset(range(256)) - set(b"\x93cioRbQPp")
"""Bytes that garbling puts in: no opcode that would call or import what a random name says."""


def test_missing_headers_are_refused() -> None:
    record = recorded()
    with pytest.raises(UnrestorableError):
        Kernel().load(dataclasses.replace(record, headers={}))


@settings(max_examples=150, deadline=None)
@given(place=st.floats(0, 0.999), seed=st.integers(0, 2**32))
def test_garbled_streams_raise_only_our_errors(place: float, seed: int) -> None:
    record = recorded()
    data = bytearray(b"".join(record.segments))
    choose = random.Random(seed)
    for _ in range(choose.randint(1, 3)):
        data[int(place * len(data))] = choose.choice(sorted(HARMLESS))
        place = choose.random() * 0.999
    attempt(dataclasses.replace(record, segments=[bytes(data)]))


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=60))
def test_any_bytes_raise_only_our_errors(data: bytes) -> None:
    safe = bytes(byte for byte in data if byte in HARMLESS)
    attempt(Stored(("x",), {}, [safe], (), (), 0))


def test_the_wrong_number_of_values_is_refused() -> None:
    record = Kernel("a = 1; b = 2").stored("a", "b")
    with pytest.raises(TimeslipError):
        Kernel().load(dataclasses.replace(record, keys=("a",)))


def failing(size: int, error: Exception) -> StoredBuffer:
    def read_into(_target: memoryview) -> None:
        raise error

    return StoredBuffer(size, read_into)


def test_a_buffer_that_cannot_be_read_is_an_error_of_ours() -> None:
    pytest.importorskip("numpy")
    record = Kernel("import numpy as np\na = np.arange(1000)").stored("a")
    for error in (OSError("gone"), UnrestorableError("gone")):
        broken = dataclasses.replace(record, buffers=[failing(8000, error)])
        with pytest.raises(UnrestorableError, match="gone"):
            Kernel().load(broken)
    with pytest.raises(UnrestorableError):
        Kernel().load(dataclasses.replace(record, buffers=[]))


@pytest.mark.parametrize(
    "error", ["ValueError('no')", "KeyError", "TypeError", "RecursionError", "MemoryError", "StopIteration"]
)
def test_an_error_while_loading_names_the_value(error: str) -> None:
    kernel = Kernel(
        "class K:\n    def __hash__(self):\n        if armed: raise ERROR\n        return 1\narmed = False\n".replace(
            "ERROR", error
        )
    )
    kernel.run("k = {K(): 1}")
    record = kernel.stored("k")
    kernel.run("armed = True")
    with pytest.raises(UnrestorableError, match="k cannot be loaded"):
        kernel.load(record)


def test_a_module_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    module = types.ModuleType("shortlived")
    exec("class Thing: pass", module.__dict__)
    monkeypatch.setitem(sys.modules, "shortlived", module)
    record = Kernel("import shortlived\nt = shortlived.Thing()").stored("t")
    monkeypatch.delitem(sys.modules, "shortlived")
    with pytest.raises(UnrestorableError, match="shortlived"):
        Kernel().load(record)


def test_a_failed_load_leaves_nothing_behind() -> None:
    kernel = Kernel(CODE)
    record = kernel.stored()
    data = b"".join(record.segments)
    before = kernel.stored()
    with pytest.raises(TimeslipError):
        kernel.load(dataclasses.replace(record, segments=[data[: len(data) // 2]]))
    after = kernel.stored()
    assert b"".join(before.segments) == b"".join(after.segments)


NAMES = [
    name
    for name, value in vars(load).items()
    if callable(value) and getattr(value, "__module__", "") == load.MODULE and not name.startswith("_")
]


@pytest.mark.parametrize("name", NAMES)
def test_the_names_of_a_stream_do_nothing_outside_a_load(name: str) -> None:
    function: Any = getattr(load, name)
    with pytest.raises(InternalError):
        function(*[None] * function.__code__.co_argcount)


def test_every_name_of_a_stream_has_a_meaning_in_a_load() -> None:
    from timeslip.codec.unpicklers import Unpickler

    kernel = Kernel()
    record = Stored((), {}, (), (), (), 0)
    import io

    unpickler = Unpickler(kernel.loader(record), io.BytesIO(), record)
    for name in NAMES:
        assert callable(unpickler.find_class("timeslip.codec.load", name))
    for name in ("load", "register", "_names", "seedx"):
        with pytest.raises(pickle.UnpicklingError):
            unpickler.find_class("timeslip.codec.load", name)


USES = [
    "v()",
    "v.x",
    "v[0]",
    "len(v)",
    "v + 1",
    "1 + v",
    "iter(v)",
    "bool(v)",
    "v == 1",
    "v.x = 1",
    "v[0] = 1",
    "-v",
    "int(v)",
    "1 in v",
    "v < 2",
]


@pytest.mark.parametrize("use", USES)
def test_any_use_of_a_placeholder_says_what_is_missing(use: str) -> None:
    v = Placeholder("df", "record", "its file is gone", "0123456789abcdef")
    with pytest.raises(PlaceholderError, match="'df' is not here: its file is gone") as caught:
        exec(use, {"v": v})
    assert "replay df" in caught.value.hint


def test_a_placeholder_can_be_shown_kept_and_recorded() -> None:
    v = Placeholder("df", "record", "its file is gone", "0123456789abcdef")
    assert "df" in repr(v)
    assert {v: 1}[v] == 1
    assert not hasattr(v, "_repr_html_")
    kernel = Kernel()
    kernel.namespace["v"] = v
    captured = kernel.capture("v")
    assert [hole.fatal for hole in captured.holes] == [True]
    found = kernel.load(kernel.stored("v"))["v"]
    assert type(found) is Placeholder
    assert found.timeslip_reason == "its file is gone"
