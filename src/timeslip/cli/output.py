"""Where the command line prints."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from timeslip.errors import TimeslipError
from timeslip.progress import Tell
from timeslip.rendering.document import Document, clean, one_line
from timeslip.rendering.progress import Ticker
from timeslip.rendering.registry import document
from timeslip.rendering.spoken import spoken, spoken_document
from timeslip.rendering.text import terminal_screen, to_text


def write_answer(answer: dict[str, Any], *, as_json: bool) -> None:
    """Print an answer, as text that fits the terminal or in its JSON form."""
    if as_json:
        print(json.dumps(answer, indent=2))
    else:
        write_document(spoken_document(document(answer), "shell"))


def write_document(blocks: Document) -> None:
    """Print blocks, and make sure that they have left: a reader that has gone must be noticed here."""
    print(to_text(blocks, terminal_screen(sys.stdout)), flush=True)


def write_error(error: TimeslipError) -> None:
    """Print the message and the hint on standard error."""
    print(spoken(clean(error.render()), "shell"), file=sys.stderr)


def write_notice(text: str) -> None:
    """Print a sentence that is no part of the answer on standard error."""
    print(f"note: {spoken(one_line(text), 'shell')}", file=sys.stderr)


@contextmanager
def progress(title: str, *, as_json: bool) -> Iterator[Tell | None]:
    """Around work that may take long: gives what is to be told how far it is; None when nobody watches."""
    if as_json or not sys.stderr.isatty():
        yield None
        return
    ticker = Ticker(title, write_line)
    try:
        yield ticker
    finally:
        ticker.close()


def write_line(text: str) -> None:
    """Write a line over the one before on standard error, if that is a terminal; "" takes it away."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{one_line(text)}", end="", file=sys.stderr, flush=True)
