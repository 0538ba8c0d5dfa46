"""Requests in pieces: whatever order they come in, and however often, they are one request."""

from __future__ import annotations

from typing import Any

import pytest

from timeslip.errors import UsageError
from timeslip.lab.pieces import MOST_OPEN, Pieces
from timeslip.standard import json


def cut(request: Any, count: int, *, number: int = 1) -> list[dict[str, Any]]:
    text = json.dumps(request)
    size = -(-len(text) // count)
    texts = [text[start : start + size] for start in range(0, len(text), size)]
    return [{"id": number, "piece": at, "of": len(texts), "text": part} for at, part in enumerate(texts)]


def test_a_request_is_there_with_its_last_piece_whichever_that_is() -> None:
    pieces, request = Pieces(), {"id": 1, "verb": "keep", "cells": ["ö" * 50]}
    first, second, third = cut(request, 3)
    assert [pieces.take("a", part) for part in (third, first, first, second)] == [None, None, None, request]
    assert pieces.take("a", second) is None, "it begins anew"


def test_requests_of_others_are_others() -> None:
    pieces = Pieces()
    (one, two), (three, four) = cut({"id": 1}, 2), cut({"id": 1, "more": 2}, 2)
    assert [pieces.take("a", one), pieces.take("b", three), pieces.take("a", two)] == [None, None, {"id": 1}]
    assert pieces.take("b", four) == {"id": 1, "more": 2}


def test_what_nobody_finishes_is_forgotten() -> None:
    pieces = Pieces()
    parts = [cut({"id": number, "more": "text"}, 2, number=number) for number in range(MOST_OPEN + 1)]
    for first, _ in parts:
        pieces.take("a", first)
    found = [pieces.take("a", second) for _, second in reversed(parts)]
    assert found == [*({"id": number, "more": "text"} for number in range(MOST_OPEN, 0, -1)), None]


@pytest.mark.parametrize(
    "message",
    [
        {"piece": 1, "of": 1, "text": ""},
        {"piece": True, "of": 2, "text": ""},
        {"piece": 0, "of": 1, "text": 5},
        {"piece": 0, "of": 1, "text": "{"},
        {"piece": 0, "of": 1, "text": "[" * 100_000},
        {"piece": -1, "of": 1, "text": "{}"},
    ],
)
def test_what_is_no_piece_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Pieces().take("a", {"id": 1, **message})


def test_no_request_takes_all_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timeslip.lab.pieces.MOST_TEXT", 10)
    pieces = Pieces()
    pieces.take("a", {"id": 1, "piece": 0, "of": 3, "text": "123456"})
    with pytest.raises(UsageError, match="at most 10 characters"):
        pieces.take("a", {"id": 1, "piece": 1, "of": 3, "text": "123456"})
