"""What a tiny run may cost, counted: what comes with every commit is done as seldom as it can be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip.codec.capture import Encoder
from timeslip.store.repository import Repository

STATEMENTS = 18
"""Of the store, for a run that changes one name."""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    made = timeslip.attach({"__name__": "__main__"}, store=tmp_path / "s", name="tiny", min_free_bytes=0)
    made.run("def f(x): return x + 1")
    made.run("k = f(0)")
    yield made
    made.close()


def test_statements_of_the_store(session: Any) -> None:
    made: list[str] = []
    session.repository._database._connection.set_trace_callback(made.append)
    session.run("k = f(1)")
    session.repository._database._connection.set_trace_callback(None)
    assert len(made) <= STATEMENTS, "\n".join(made)
    made.clear()


def test_all_names_are_gone_through_once(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(session._live.namespace)
    usual, times = kind.snapshot, []
    monkeypatch.setattr(kind, "snapshot", lambda self: times.append(1) or usual(self))
    session.run("k = f(1)")
    assert len(times) == 1


def test_far_below_its_limit_the_store_is_not_asked_for_its_size(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, times = Repository.size_bytes, []
    monkeypatch.setattr(Repository, "size_bytes", lambda self: times.append(1) or usual(self))
    for number in range(5):
        session.run(f"k = {number}")
    assert len(times) <= 1
    session.config("max_store_bytes", 1000)
    session.run("k = 5")
    assert len(times) > 1
    assert session.status().paused


def test_many_functions_are_looked_at_in_few_passes(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    session.config("check_budget", 60.0)
    session.run("\n".join(f"def f{number}(x, y={number}): return x + y" for number in range(40)))
    for number in range(3):  # each is captured once more before it has a mark, or is in a bundle
        session.run(f"k = {number}")
    passes: list[Any] = []
    capture = Encoder.capture

    def captured(self: Encoder, nodes: Any, **options: Any) -> Any:
        passes.append(nodes)
        return capture(self, nodes, **options)

    monkeypatch.setattr(Encoder, "capture", captured)
    names = session.run("k = 'another'").commit.names
    assert (names.assumed, names.assumed_more) == ((), 0)
    assert len(passes) <= 4
