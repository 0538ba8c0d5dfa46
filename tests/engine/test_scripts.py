"""The namespace of a script: what of it is state, and modules as values."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip


class Lazy(types.ModuleType):
    """As libraries make them that load their parts late."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    namespace = {"__name__": "__main__", "__file__": "s.py", "__cached__": None, "__spec__": None, "timeslip": timeslip}
    made = timeslip.attach(namespace, store=tmp_path / "store", name="script", min_free_bytes=0)
    yield made
    made.close()


def test_what_python_puts_into_a_script_is_no_state(session: Any) -> None:
    assert session.names() == ["timeslip"]
    assert session.status().inexact == {}


def test_a_module_with_a_class_of_its_own(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Lazy("lazy_module")
    monkeypatch.setitem(sys.modules, "lazy_module", module)
    session.run("import lazy_module; both = [lazy_module, lazy_module]")
    session.run("other = 1")
    assert session.status().inexact == {}
    session.run("del lazy_module, both")
    assert session.undo().fidelity["lazy_module"] == "exact"
    assert session.namespace["lazy_module"] is module
    assert session.namespace["both"][1] is module
    assert session.namespace["timeslip"] is timeslip
