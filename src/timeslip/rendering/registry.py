"""Which function draws which verb's answer: `document` is the way in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from timeslip.rendering import history, results, states
from timeslip.rendering.document import Document
from timeslip.rendering.units import Clock

DOCUMENTS: dict[str, Callable[[dict[str, Any], Clock], Document]] = {
    "status": states.status,
    "log": history.log,
    "show": states.show,
    "diff": states.diff,
    "blame": history.blame,
    "ops": history.ops,
    "undo": results.restore,
    "redo": results.restore,
    "checkout": results.restore,
    "resume": results.restore,
    "replay": results.restore,
    "switch": results.restore,
    "get": results.got,
    "commit": results.commit,
    "describe": results.commit,
    "branch": results.refs,
    "tag": results.refs,
    "verify": results.verification,
    "du": results.usage,
    "gc": results.collected,
    "config": results.settings,
    "trust": results.messages,
    "forget": results.messages,
    "mv": results.messages,
    "rm": results.messages,
    "sessions": results.sessions,
    "check": results.check,
}
"""Verb -> function that makes a document of its answer."""


def document(answer: dict[str, Any], clock: Clock | None = None) -> Document:
    """The blocks of an answer. *clock* decides which moments are of today (default: now, local time)."""
    return DOCUMENTS[answer["verb"]](answer, clock or Clock.local())
