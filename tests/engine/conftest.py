"""Sessions on plain namespaces for the tests of the engine."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip


@pytest.fixture
def attach(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Attaches sessions to fresh namespaces, on one store; closes them at the end."""
    made: list[Any] = []

    def attach(name: str = "case", **settings: Any) -> Any:
        namespace = {"__name__": "__main__", "__builtins__": builtins}
        session = timeslip.attach(namespace, store=tmp_path / "store", name=name, **{"min_free_bytes": 0, **settings})
        made.append(session)
        return session

    yield attach
    while made:
        made.pop().close()
