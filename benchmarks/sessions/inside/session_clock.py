"""Inside the kernel: when the code of each cell began and ended, and what processor time was used up to then.

It sits where IPython hands the parsed cell on to be executed. What a recorder does before a cell is before "began",
and what it does after it is after "ended", whether it does it before the reply or later: the time from one beginning
to the next holds all of it. The clock is the same for all processes of the machine (Linux: CLOCK_MONOTONIC).
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

NOTES: list[tuple[float, float, float, float]] = []
"""For each cell: when it began and ended, and the processor time of the process and its children at both, seconds."""

_depth = 0


def _processor_time() -> float:
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system


def install(shell: Any) -> None:
    """Note the cells of *shell* from now on. A cell that runs within another one is a part of it."""
    original = shell.run_ast_nodes

    async def run_ast_nodes(*arguments: Any, **named: Any) -> Any:
        global _depth
        if _depth:
            return await original(*arguments, **named)
        _depth = 1
        used = _processor_time()
        began = time.perf_counter()
        try:
            return await original(*arguments, **named)
        finally:
            ended = time.perf_counter()
            NOTES.append((began, ended, used, _processor_time()))
            _depth = 0

    shell.run_ast_nodes = run_ast_nodes


def write(path: str, first: int) -> None:
    """Write all notes from number *first* on as JSON."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(NOTES[first:], file)
