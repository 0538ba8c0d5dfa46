"""What an answer looks like, before it becomes terminal text or HTML: a list of blocks made of styled pieces.

Both doors draw the same document, so the words of an answer are written once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Style = Literal[
    "",
    "id",
    "branch",
    "tag",
    "head",
    "prompt",
    "code",
    "created",
    "changed",
    "deleted",
    "dim",
    "warn",
    "error",
    "strong",
]


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text in one style.

    Attributes:
        text: without line breaks.
        style: its meaning, not its colour.
        flex: True when it may be cut (with "…") to make its line fit.
    """

    text: str
    style: Style = ""
    flex: bool = False


Piece: TypeAlias = "Span | str"


@dataclass(frozen=True, slots=True)
class Line:
    """One line; wraps under *hang* columns when nothing in it may be cut."""

    spans: tuple[Span, ...]
    hang: int = 2


@dataclass(frozen=True, slots=True)
class Code:
    """Source code or a preview: lines kept as they are, cut at the edge of a terminal, never wrapped."""

    text: str
    indent: int = 2
    diff: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; columns in *right* are set flush right. What does not fit is cut (or wrapped, if last)."""

    rows: tuple[tuple[Span, ...], ...]
    header: tuple[str, ...] = ()
    right: frozenset[int] = field(default_factory=frozenset)
    wrap: bool = False


Block: TypeAlias = "Line | Code | Table"
Document = list[Block]

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")
# Characters that reorder what is shown around them: source code must not be able to hide in the log.
_CONTROL.update(dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\N{REPLACEMENT CHARACTER}"))


def clean(text: str) -> str:
    """*text* without terminal escapes and control characters, which a user's data may hold."""
    return _ANSI.sub("", text).translate(_CONTROL)


def one_line(text: str) -> str:
    """*text* as one clean line."""
    return " ".join(clean(text).split())


def span(text: object, style: Style = "", *, flex: bool = False) -> Span:
    """A clean one-line span."""
    return Span(clean(str(text)).replace("\n", " ").replace("\t", " "), style, flex)


def line(*pieces: Piece, hang: int = 2) -> Line:
    """A line of spans and plain texts."""
    return Line(tuple(piece if isinstance(piece, Span) else span(piece) for piece in pieces), hang)


def joined(pieces: Iterable[Span], separator: str = " ") -> list[Span]:
    """*pieces* with *separator* between them."""
    spans: list[Span] = []
    for piece in pieces:
        if spans:
            spans.append(Span(separator))
        spans.append(piece)
    return spans


def paragraphs(texts: Sequence[str], style: Style = "") -> Document:
    """One line per text."""
    return [line(span(text, style)) for text in texts]
