"""From the JSON form of an answer to what a person sees, the same at every door; needs no IPython and no terminal.

``document(answer)`` makes blocks, `text.to_text` draws them for a terminal, `html.to_html` for a notebook.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from timeslip.rendering import history, results, states
from timeslip.rendering.document import Document
from timeslip.rendering.html import to_html
from timeslip.rendering.text import PLAIN, Screen, terminal_screen, to_text
from timeslip.rendering.units import Clock

_DOCUMENTS: dict[str, Callable[[dict[str, Any], Clock], Document]] = {
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


def document(answer: dict[str, Any], clock: Clock | None = None) -> Document:
    """The blocks of an answer. *clock* decides which moments are of today (default: now, local time)."""
    return _DOCUMENTS[answer["verb"]](answer, clock or Clock.local())


__all__ = ["PLAIN", "Clock", "Document", "Screen", "document", "terminal_screen", "to_html", "to_text"]
