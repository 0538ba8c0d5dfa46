"""What a new kernel cannot bring back keeps nothing else away; what it can load again from a file comes back."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

MADE_FROM_FILE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location('plugged_in', {file!r})
plugged_in = importlib.util.module_from_spec(spec)
sys.modules['plugged_in'] = plugged_in
spec.loader.exec_module(plugged_in)
del spec
"""
PLUGIN = """
class P:
    pass
def f():
    return 7
shared = P()
shared.v = 1
"""
CLASH = """
class A:
    def __init__(self, v): self.v = v
    def __hash__(self): return hash(self.v)
    def __eq__(self, other): return self.v == other.v
p, q = A(1), A(2)
x = frozenset([p, q])
n = [1]
"""


@pytest.fixture(autouse=True)
def _modules() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def forget(*names: str) -> None:
    """As a new kernel, which has not imported these."""
    for name in names:
        sys.modules.pop(name, None)


def told(session: Any) -> dict[str, str]:
    """What was said of names when they were recorded last."""
    return dict(session.log()[0].names.inexact)


def test_a_module_that_a_cell_loads_from_a_file_is_loaded_from_it_again(
    attach: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "elsewhere" / "plugin.py"
    file.parent.mkdir()
    file.write_text(PLUGIN)
    session = attach()
    session.run(MADE_FROM_FILE.format(file=str(file)))
    session.run("x = plugged_in.P(); x.v = 1; kind = [plugged_in.P]; g = [plugged_in.f]; s = [plugged_in.shared]")
    session.run("del plugged_in; n = [1]")
    assert set(told(session)) <= {"s"}
    session.run("x.v = 2")
    session.undo()
    session.run("assert x.v == 1 and type(x) is kind[0] and g[0]() == 7")
    session.close()
    forget("plugged_in")
    again = attach()
    result = again.resume()
    assert {name: kind for name, kind in result.fidelity.items() if kind != "exact"} == {"s": "rebuilt"}
    again.run("import plugged_in\nassert type(x) is kind[0] is plugged_in.P and s[0] is plugged_in.shared and x.v == 1")
    again.run("assert g[0] is plugged_in.f and n == [1]")


def test_modules_of_a_package_that_a_cell_loads_from_a_file(attach: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere" / "inner"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("from plugged_in import part")
    (folder / "part.py").write_text(PLUGIN)
    session = attach()
    session.run(MADE_FROM_FILE.format(file=str(folder / "__init__.py")))
    session.run("x = plugged_in.part.P(); del plugged_in")
    assert told(session) == {}
    session.close()
    forget("plugged_in", "plugged_in.part")
    again = attach()
    assert again.resume().fidelity["x"] == "exact"
    again.run("import plugged_in.part\nassert type(x) is plugged_in.part.P")


def test_a_file_that_is_gone_keeps_nothing_else_away(attach: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(PLUGIN)
    session = attach()
    session.run(MADE_FROM_FILE.format(file=str(file)) + "x = [plugged_in.P()]")
    session.run("n = [1]")
    session.close()
    forget("plugged_in")
    file.unlink()
    again = attach()
    result = again.resume()
    again.run("assert n == [1]")
    assert (result.fidelity["plugged_in"], result.fidelity["x"]) == ("lost", "lost")
    assert any("x cannot be brought back" in message for message in result.messages), result.messages


def test_a_module_made_by_hand_is_said_to_be_not_recorded(attach: Callable[..., Any]) -> None:
    session = attach()
    session.run("import sys, types\nm = types.ModuleType('by_hand'); sys.modules['by_hand'] = m; m.v = [1]\nn = [1]")
    assert "made by hand" in told(session)["m"]
    session.run("m.v.append(2); n.append(2)")
    assert isinstance(sys.modules["by_hand"], types.ModuleType)
    result = session.undo()
    assert result.fidelity["n"] == "exact"
    session.redo()
    session.close()
    forget("by_hand")
    again = attach()
    result = again.resume()
    assert (result.fidelity["m"], result.fidelity["n"]) == ("lost", "exact")
    assert "made by hand" in result.notes["m"]


def test_elements_of_a_frozenset_that_are_in_each_others_way_are_told_at_once(attach: Callable[..., Any]) -> None:
    session = attach()
    session.run(CLASH)
    assert told(session) == {}
    session.run("q.v = 1; n.append(2)")
    assert "get in each other's way" in told(session)["x"]
    session.run("q.v = 9; n.append(3)")
    session.run("x = p = q = None; n.append(4)")
    result = session.undo(2)  # is not held up by what was said
    assert result.fidelity["n"] == "exact"
    assert result.fidelity["x"] in ("replayed", "lost")
    assert session.undo().fidelity["x"] == "exact"


def test_elements_that_cannot_be_hashed_any_more_are_told_at_once(attach: Callable[..., Any]) -> None:
    session = attach()
    session.run(CLASH)
    session.run("q.v = []")
    assert "cannot be put into one any more: TypeError" in told(session)["x"]


def test_an_instance_that_a_module_got_later_stays_that_of_the_module(
    attach: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "growing.py").write_text("class K: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    session = attach()
    session.run("import growing\nx = [growing.K()]")
    assert told(session) == {}
    session.run("growing.later = growing.K(); x.append(growing.later)")
    assert "a new kernel does not have it" in told(session)["x"]
    session.run("x.append(1)")
    session.run("x.append(2)")
    assert session.undo().fidelity["x"] == "rebuilt"  # which says it again
    session.run("assert x[1] is growing.later and x[0] is not x[1]")
