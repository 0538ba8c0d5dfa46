"""Where classes cannot be tried out, what they do while they are loaded is stopped before it touches the outside."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.engine.test_proving import _modules, session, written

from timeslip import proving

__all__ = ["_modules", "session", "written"]  # the fixtures


@pytest.fixture(autouse=True)
def _untried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "_can_fork", lambda: False)


def test_nothing_writes_over_a_file(session: Any, written: Path) -> None:
    written.write_text("the user's")
    session.run("x = library.Replaces(); y = library.Scratches(); n = [1]")
    session.run("x.value.append(2); y.value.append(2); n.append(2)")
    result = session.undo()
    assert result.fidelity["x"] in ("replayed", "lost")
    assert "it is not loaded, because that changes files" in result.notes["x"]
    assert written.read_text() == "the user's"
    assert (result.fidelity["y"], result.fidelity["n"]) == ("exact", "exact")


def test_nothing_reaches_the_network(session: Any) -> None:
    session.run("x = library.Connects()")
    session.run("x.value.append(2)")
    assert "uses the network" in session.undo().notes["x"]


def test_what_is_opened_again_on_purpose_is_opened(session: Any, tmp_path: Path) -> None:
    path = tmp_path / "file"
    session.run(f"x = [library.Plain(), open({str(path)!r}, 'w')]")
    session.run("x[0].value.append(2); x[1].close()")
    result = session.undo()
    assert result.fidelity["x"] == "rebuilt", result.notes
    session.run("_ = x[1].write('written'); x[1].close()")
    assert path.read_text() == "written"


def test_a_class_that_has_come_back_often_enough_is_loaded_as_it_is(
    session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "_can_fork", lambda: sys.platform == "linux")
    if sys.platform != "linux":
        pytest.skip("classes are tried on Linux only")
    for number in range(4):
        session.run(f"x{number} = library.Plain()")
        session.run(f"x{number}.value.append(2)")
        session.undo()
    found = session._live.prover
    assert found.is_known({"some_library.Plain": "some_library 1.5"})
    assert not found.is_known({"some_library.Drops": "some_library 1.5"})
