"""A real IPython shell in this process, without its history database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


@contextmanager
def a_shell(**timeslip: Any) -> Iterator[Any]:
    """A fresh shell as the one of this process; taken away again afterwards."""
    config = Config()
    config.HistoryManager.enabled = False
    for name, value in timeslip.items():
        config.Timeslip[name] = value
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    try:
        yield shell
    finally:
        shell.atexit_operations = lambda: None
        InteractiveShell.clear_instance()


def run(shell: Any, *cells: str) -> Any:
    """Run cells as a front end does; the last result."""
    result = None
    for cell in cells:
        result = shell.run_cell(cell, store_history=True)
    return result
