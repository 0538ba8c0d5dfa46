"""Every awkward session once more, each of its cells replayed: afterwards the session is as after running it once."""

from __future__ import annotations

import builtins
import os
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.engine.cases import EXACT

from timeslip.testing.graphs import compare_states

MARK = "\n_mark = (i for i in range(3))"
"""Makes a cell the maker of a value that cannot be stored."""

LONG = os.environ.get("TIMESLIP_TEST_PROFILE") == "soak"
"""All cells of all cases take minutes: by default one in the middle, and the last."""

CASES = [name for name, cells in EXACT.items() if not any("sleep" in cell for cell in cells)]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def bare(cells: list[str]) -> dict[str, Any]:
    """The namespace after *cells* without Timeslip."""
    random.seed(1)
    namespace = {"__name__": "__main__", "__builtins__": builtins}
    for cell in cells:
        try:
            exec(compile(cell, "<bare>", "exec", dont_inherit=True), namespace)
        except Exception:  # some cells are there to raise
            pass
    return namespace


@pytest.mark.parametrize("name", CASES)
def test_replaying_a_cell_leaves_nothing_behind(attach: Callable[..., Any], name: str) -> None:
    cells = EXACT[name]
    for number in range(len(cells)) if LONG else sorted({len(cells) // 2, len(cells) - 1}):
        if number and "from __future__" in cells[number]:
            continue  # what follows it there would not be the first statement
        marked = [*cells[:number], cells[number] + MARK]
        expected = bare(marked)
        random.seed(1)
        session = attach(f"{name} {number}")
        for cell in marked:
            session.run(cell)
        if "_mark" not in session.namespace:
            continue  # this cell raises
        session.run("_mark = None")
        result = session.undo()
        if result.placeholders:  # it seems to touch something: run it all the same
            assert "not run unasked" in result.notes["_mark"]
            session.replay("_mark")
        assert not session.verify().changed
        assert list(session.namespace.pop("_mark")) == [0, 1, 2]
        del expected["_mark"]
        found = compare_states(expected, session.namespace)
        assert not found, f"cell {number} replayed (bare first, session second):\n  " + "\n  ".join(found)
        session.close()
