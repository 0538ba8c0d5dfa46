"""How the tests of libraries send values to and fro: create, change, undo, redo, undo, resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import timeslip

Attach = Callable[[], Any]


def sessions(store: Path) -> Iterator[Attach]:
    """The content of a fixture: a function that attaches a session of one name to a new namespace."""
    made: list[Any] = []

    def attach() -> Any:
        made.append(timeslip.attach({"__name__": "__main__"}, store=store, name="library", min_free_bytes=0))
        return made[-1]

    yield attach
    for session in made:
        session.close()


def ran(session: Any, code: str) -> Any:
    """The commit of a cell that must not fail."""
    result = session.run(code)
    assert result.error is None, result.error
    return result.commit


def travel(attach: Attach, start: str, case: tuple[str, str, str]) -> None:
    """A value has the same answer to a question before a change, after undo, and after a resume, and is exact.

    Args:
        attach: from `sessions`.
        start: the first cell.
        case: the cell that makes the value, one that changes it, and an expression that may not change anything.
    """
    first, change, question = case
    session = attach()
    ran(session, start)
    ran(session, first)

    def answer(asked: Any) -> str:
        return repr(eval(question, asked.namespace))

    wanted = answer(session)
    ran(session, change)
    changed = answer(session)
    result = session.undo()
    assert answer(session) == wanted != changed
    assert set(result.fidelity.values()) == {"exact"}, result.notes
    commits = len(session.log(all=True))
    session.redo()
    assert answer(session) == changed
    session.undo()
    assert len(session.log(all=True)) == commits, "nothing of it is found changed without a change"
    session.close()
    again = attach()
    resumed = again.resume()
    assert answer(again) == wanted
    assert set(resumed.fidelity.values()) == {"exact"}, resumed.notes
    ran(again, change)
    assert answer(again) == changed, "what came back can be used as the original"
