"""One line below the cell about work that takes long. Imported with the extension, so it imports next to nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from timeslip.rendering.progress import Ticker
from timeslip.standard import os


@contextmanager
def progress(shell: Any, session: Any, title: str) -> Iterator[None]:
    """Around work that may take long: one line that is updated, and taken away when the work has ended."""
    ticker = Ticker(title, _line_of_notebook(shell) if hasattr(shell, "kernel") else _line_of_terminal)
    before = session.progress.tell, session.progress.say
    try:
        session.progress.tell, session.progress.say = ticker, say
        yield
    finally:
        session.progress.tell, session.progress.say = before
        ticker.close()


def say(text: str) -> None:
    """Write one line to the user's standard error, now."""
    try:
        sys.stderr.write(f"timeslip: {text}\n")
        sys.stderr.flush()
    except Exception:  # a closed or replaced stderr of the user's must not stop the work that is announced
        return


def _line_of_terminal(text: str) -> None:
    """Write a line over the one before; nothing where nobody watches."""
    try:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
    except Exception:  # a closed or replaced stderr of the user's must not stop the work that is shown
        return


def _line_of_notebook(shell: Any) -> Callable[[str], None]:
    """A display of its own below the cell, changed in place."""
    transient: dict[str, str] = {}

    def show(text: str) -> None:
        begun = bool(transient)
        try:
            if not begun:  # only now: hardly any work takes so long that it is shown
                transient["display_id"] = f"timeslip-{os.urandom(4).hex()}"
            shell.display_pub.publish({"text/plain": text}, transient=transient, update=begun)
        except Exception:  # a front end that has gone must not stop the work that is shown
            return

    return show
