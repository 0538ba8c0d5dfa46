"""The decimal context that calculations go by is the thread's own after undo and after a restart, with its values."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fidelity.recording import attach, fresh, in_another_process, told

PROBE = "(x is decimal.getcontext(), x.prec, decimal.getcontext().prec, held[0] is x, other.prec)"
CELLS = (
    "import decimal\nx = decimal.getcontext(); x.prec = 6; held = [x]; other = decimal.Context(prec=11)",
    "x.prec = 30; other.prec = 12",
    "decimal.setcontext(decimal.Context(prec=9)); held.append(x)",
)


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    before = decimal.getcontext()
    decimal.setcontext(before.copy())
    yield
    decimal.setcontext(before)


def test_the_context_that_is_in_use(tmp_path: Path) -> None:
    namespace = fresh()
    session = attach(tmp_path, namespace, "one")
    commits, states = [], []
    for cell in CELLS:
        commits.append(session.run(cell).commit)
        states.append(told(namespace, PROBE))
    assert all(commit.names.inexact == {} for commit in commits)
    for state in reversed(states[:-1]):
        session.undo()
        assert told(namespace, PROBE) == state
    session.run("x.prec = 3; y = decimal.Decimal(1) / 3")
    assert str(namespace["y"]) == "0.333"
    session.close()

    job = {"directory": str(tmp_path), "session": "one", "name": "x", "probe": PROBE, "files": []}
    [found] = in_another_process([job | {"commits": [commit.id for commit in commits]}])
    assert [answer.told for answer in found[1:]] == list(reversed(states[:-1]))
