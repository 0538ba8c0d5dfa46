"""Commands in messages as they are typed at the door that shows them.

Messages and hints are written once, with bare verbs between backticks: `log --all`. Who reads one in a notebook
types ``%timeslip log --all``, and in a shell ``timeslip log --all``.
"""

from __future__ import annotations

import re
from typing import Literal

from timeslip.rendering.document import Document, Line, Span
from timeslip.verbs import VERBS

Door = Literal["notebook", "shell"]

_COMMAND = re.compile(rf"`(%?timeslip )?({'|'.join(VERBS)})(?=[ `])")
_SENTENCES = ("", "dim", "warn")
"""Styles of what Timeslip says; everything else is the user's, or a name."""


def spoken(text: str, door: Door) -> str:
    """*text* with the commands in it as they are typed at *door*."""

    def typed(match: re.Match[str]) -> str:
        prefix, verb = match[1], match[2]
        if door == "notebook":
            return f"`%timeslip {verb}"
        # What needs a live kernel and is said with its prefix is meant for that kernel.
        return match[0] if prefix and not VERBS[verb].stored else f"`timeslip {verb}"

    return _COMMAND.sub(typed, text)


def spoken_document(blocks: Document, door: Door) -> Document:
    """*blocks* with the commands in their sentences as they are typed at *door*."""
    return [
        Line(tuple(_span(piece, door) for piece in block.spans), block.hang) if isinstance(block, Line) else block
        for block in blocks
    ]


def _span(piece: Span, door: Door) -> Span:
    if piece.flex or piece.style not in _SENTENCES or "`" not in piece.text:
        return piece
    return Span(spoken(piece.text, door), piece.style)
