"""What a stream refers to by name is found without loading anything."""

from __future__ import annotations

import datetime
import functools
import operator
import os
import pathlib
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from timeslip.codec.capture import Encoder
from timeslip.codec.definitions import Registry
from timeslip.codec.mentions import mentioned
from timeslip.codec.resources import Resources
from timeslip.state.holding import held_by, shares


def names_of(value: Any) -> set[tuple[str, str]]:
    """What the capture of *value* mentions, our own reducers left out."""
    encoder = Encoder({"__name__": "__main__"}, Registry(), Resources())
    captured = encoder.capture([("x", value)])
    found = mentioned(captured.segments, captured.headers, len(encoder.seeds))
    return {(module, name) for module, name in found if not module.startswith("timeslip")}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, "a", {2: (3.0, None)}], set()),
        ({"deep": [{"x": pathlib.PurePosixPath("a")}]}, {("pathlib", "PurePosixPath")}),
        ([open], {("io", "open")}),
        ({"run": subprocess.run}, {("subprocess", "run")}),
        (datetime.datetime.now, {("datetime", "datetime"), ("datetime", "datetime.now")}),
        ([os, 1], {("os", "")}),
        (functools.partial(open, "a"), {("functools", "partial"), ("io", "open")}),
        (operator.methodcaller("to_csv", "a"), {("?", "to_csv")}),
        (threading.Thread, {("threading", "Thread")}),
        ("x" * 5000, set()),
        (float("nan"), set()),
    ],
)
def test_mentions(value: Any, expected: set[tuple[str, str]]) -> None:
    found = names_of(value)
    public = {"pathlib._local": "pathlib", "_io": "io"}
    assert {(public.get(module, module), name) for module, name in found} == expected


def test_frames_and_arrays_mention_only_their_libraries() -> None:
    frame = pd.DataFrame({"a": [1], "b": ["x"], "c": pd.date_range("2020", periods=1, tz="UTC")})
    roots = {module.partition(".")[0] for module, _ in names_of([frame, np.arange(100_000), frame["a"]])}
    assert roots <= {"numpy", "pandas", "builtins", "datetime", "zoneinfo", "pytz", "types"}


def test_a_damaged_stream_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot be looked through"):
        mentioned([b"\x80\x05K\x01"], {}, 0)


def test_what_a_value_holds_is_found_through_generators() -> None:
    inner = [1]
    other: list[int] = []

    def generate(values: list[int]) -> Iterator[int]:
        yield from values

    for value in ((i for i in inner), generate(inner), iter(inner), map(str, inner), inner.append, [{"k": (inner,)}]):
        held = held_by([value])
        assert shares(held, [id(inner)])
        assert not shares(held, [id(other)])


def test_many_texts_and_numbers_hide_nothing_else_that_a_value_holds() -> None:
    inner = [1]
    texts = [f"text {i}" for i in range(100)]
    for many in (texts, list(range(1000, 1100)), np.array(texts, dtype=object), dict.fromkeys(texts)):
        assert shares(held_by([inner, many], most=10), [id(inner)])
        assert shares(held_by([[inner, [many]]], most=10), [id(inner)])


def test_texts_and_numbers_that_can_be_told_from_others_are_held() -> None:
    long, odd = "x" * 100_000, float("nan")
    assert shares(held_by([[long]]), [id(long)])
    assert shares(held_by([[odd]]), [id(odd)])
