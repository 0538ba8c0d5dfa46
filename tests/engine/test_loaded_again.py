"""Modules of the user's that are loaded again: no class or function of the same name takes another's place unsaid."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip

MODULE = "onefile_of_a_test"
TEXT = """\
class T:
    def __init__(self, v): self.v = v
def f(): return 1
"""
BEGIN = f"import {MODULE} as m, importlib, sys\ns = m.T([1]); K = m.T; g = [m.f]"


@pytest.fixture
def namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    (tmp_path / f"{MODULE}.py").write_text(TEXT)
    monkeypatch.syspath_prepend(tmp_path)
    yield {"__name__": "__main__"}
    sys.modules.pop(MODULE, None)


def attach(namespace: dict[str, Any], tmp_path: Path) -> Any:
    return timeslip.attach(namespace, store=tmp_path / "store", name="again")


def test_what_a_reload_gave_is_said_not_to_be_what_was_meant(namespace: dict[str, Any], tmp_path: Path) -> None:
    with attach(namespace, tmp_path) as session:
        session.run(BEGIN)
        session.run("_ = importlib.reload(m); s = m.T([2]); g.append(2)")
        back = session.undo()
        assert (namespace["s"].v, type(namespace["s"]) is namespace["K"]) == ([1], False)
        assert (back.fidelity["s"], back.fidelity["g"], back.fidelity["K"]) == ("rebuilt", "rebuilt", "exact")
        assert f"{MODULE} was loaded again" in back.notes["s"]
        assert f"{MODULE}.f" in back.notes["g"]


def test_what_is_there_still_is_used_when_its_module_was_taken_out(namespace: dict[str, Any], tmp_path: Path) -> None:
    with attach(namespace, tmp_path) as session:
        session.run(BEGIN)
        session.run("del sys.modules[m.__name__]; s.v.append(2); g.append(2)")
        back = session.undo()
        assert (namespace["s"].v, type(namespace["s"]) is namespace["K"]) == ([1], True)
        assert namespace["g"] == [namespace["m"].f]
        assert set(back.fidelity.values()) == {"exact"}
        assert MODULE not in sys.modules
        session.run("import onefile_of_a_test; s.v.append(3)")
        assert session.undo().fidelity["s"] == "rebuilt", "there is another one now"


def test_what_a_module_gives_as_ever_is_exact(namespace: dict[str, Any], tmp_path: Path) -> None:
    with attach(namespace, tmp_path) as session:
        session.run(BEGIN)
        session.run("s.v.append(2); g.append(2)")
        session.run("del s, K, g")
        assert set(session.undo(2).fidelity.values()) == {"exact"}
        assert type(namespace["s"]) is namespace["K"] is namespace["m"].T
