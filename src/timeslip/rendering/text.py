"""A document as text for a terminal: fits the width, coloured only when asked, ASCII where the terminal needs it."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from timeslip.rendering.document import Block, Code, Document, Line, Span, Style, Table, clean
from timeslip.standard import os

_COLOURS: dict[Style, str] = {
    "id": "33",
    "branch": "32;1",
    "tag": "36",
    "head": "35;1",
    "prompt": "34",
    "created": "32",
    "changed": "33",
    "deleted": "31",
    "dim": "2",
    "warn": "33;1",
    "error": "31;1",
    "strong": "1",
}
_ASCII = str.maketrans(
    {
        "✗": "x",
        "●": "*",
        "○": "o",
        "│": "|",
        "├": "+",
        "─": "-",
        "╯": "'",
        "┴": "+",
        "·": "-",
        "…": "~",
        "→": ">",
        "×": "x",
        "–": "-",
        "⋮": ":",
    }
)


@dataclass(frozen=True, slots=True)
class Screen:
    """What the text is for.

    Attributes:
        width: columns; lines are cut or wrapped to it.
        colour: whether to use ANSI colours.
        ascii: whether to avoid everything but ASCII in what Timeslip itself draws.
    """

    width: int = 100
    colour: bool = False
    ascii: bool = False


PLAIN = Screen()


def terminal_screen(stream: Any) -> Screen:
    """Width, colour and character set for *stream*; colour only on a terminal and without ``NO_COLOR``."""
    try:
        terminal = bool(stream.isatty())
    except (AttributeError, ValueError):
        terminal = False
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
    colour = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    width = shutil.get_terminal_size((100, 24)).columns if terminal else 100
    return Screen(max(40, width), colour, not encoding.startswith("utf"))


def to_text(document: Document, screen: Screen = PLAIN) -> str:
    """The document as text, without a final line break."""
    lines: list[str] = []
    for block in document:
        lines.extend(_block(block, screen))
    text = "\n".join(line.rstrip() for line in lines)
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode() if screen.ascii else text


def columns(text: str) -> int:
    """How many columns *text* takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Me", "Mn"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def shorten(text: str, width: int) -> str:
    """*text* cut to *width* columns, with "…" when something was cut."""
    if columns(text) <= width:
        return text
    kept, used = [], 0
    for character in text:
        used += _columns(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…" if width > 0 else ""


def _block(block: Block, screen: Screen) -> list[str]:
    if isinstance(block, Line):
        return _line(block, screen)
    if isinstance(block, Code):
        return _code(block, screen)
    return _table(block, screen)


def _paint(text: str, style: Style, screen: Screen) -> str:
    colour = _COLOURS.get(style, "")
    return f"\x1b[{colour}m{text}\x1b[0m" if screen.colour and colour and text.strip() else text


def _line(block: Line, screen: Screen) -> list[str]:
    spans = list(block.spans)
    excess = sum(columns(span.text) for span in spans) - screen.width
    for index, span in enumerate(spans):
        if excess > 0 and span.flex:
            width = columns(span.text)
            cut = shorten(span.text, max(8, width - excess))
            excess -= width - columns(cut)
            spans[index] = Span(cut, span.style)
    if excess <= 0:
        return ["".join(_paint(span.text, span.style, screen) for span in spans)]
    return _wrapped(spans, block.hang, screen)


def _wrapped(spans: Sequence[Span], hang: int, screen: Screen) -> list[str]:
    lines: list[str] = []
    current, used = "", 0
    for span in spans:
        for index, word in enumerate(span.text.split(" ")):
            gap = " " if index else ""
            needed = columns(word) + len(gap)
            if used + needed > screen.width and used > hang and word:
                lines.append(current)
                current, used, gap = " " * hang, hang, ""
                needed = columns(word)
            current += gap + _paint(word, span.style, screen)
            used += needed
    return [*lines, current]


def _code(block: Code, screen: Screen) -> list[str]:
    width = max(20, screen.width - block.indent)
    margin = " " * block.indent
    return [
        margin + _paint(shorten(text, width), _diff_style(text) if block.diff else "", screen)
        for text in clean(block.text).expandtabs(4).split("\n")
    ]


def _diff_style(text: str) -> Style:
    return {"+": "created", "-": "deleted"}.get(text[:1], "")  # type: ignore[return-value]


def _table(block: Table, screen: Screen) -> list[str]:
    header = [tuple(Span(text, "dim") for text in block.header)] if block.header else []
    rows = [*header, *block.rows]
    if not rows:
        return []
    count = max(len(row) for row in rows)
    widths = [max((columns(row[i].text) for row in rows if i < len(row)), default=0) for i in range(count)]
    over = sum(widths) + 2 * count - screen.width
    if block.wrap and over > 0:
        return _wrapped_rows(rows, widths, screen)
    if over > 0:
        widest = max(range(count), key=lambda i: widths[i])
        widths[widest] = max(8, widths[widest] - over)
    return [_row(row, widths, block.right, screen) for row in rows]


def _wrapped_rows(rows: Sequence[Sequence[Span]], widths: Sequence[int], screen: Screen) -> list[str]:
    margin = 2 + sum(widths[:-1]) + 2 * (len(widths) - 1)
    lines: list[str] = []
    for row in rows:
        cells = [Span("  "), *(Span(s.text.ljust(widths[i]) + "  ", s.style) for i, s in enumerate(row[:-1])), row[-1]]
        lines.extend(_line(Line(tuple(cells), hang=min(margin, screen.width // 2)), screen))
    return lines


def _row(row: Sequence[Span], widths: Sequence[int], right: frozenset[int], screen: Screen) -> str:
    cells = []
    for index, span in enumerate(row):
        text = shorten(span.text, widths[index])
        padding = " " * (widths[index] - columns(text))
        painted = _paint(text, span.style, screen)
        cells.append(padding + painted if index in right else painted + padding)
    return "  " + "  ".join(cells)
