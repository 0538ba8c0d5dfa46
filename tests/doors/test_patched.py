"""Commands and messages while the user has patched what they would go by. See tests/engine/test_patched_modules.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from tests.doors.shells import a_shell, run

import timeslip

BEFORE_IMPORT = """
import json, os, time
json.dumps = json.loads = lambda *a, **k: "patched"
json.JSONEncoder.encode = json.JSONDecoder.decode = None
time.time = lambda: 1000.0
import timeslip
place = {"__name__": "__main__"}
with timeslip.attach(place, name="one", min_free_bytes=0) as session:
    session.run("x = [1]")
    session.run("x.append(2)")
    session.undo()
    session.redo()
with timeslip.attach(place := {"__name__": "__main__"}, name="one", min_free_bytes=0) as session:
    session.resume()
    os.write(1, repr(place["x"]).encode())
"""


def test_commands_while_open_and_paths_are_mocked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with a_shell(store=str(tmp_path / "store"), name="one", min_free_bytes=0) as shell:
        run(shell, "%load_ext timeslip", "x = [1]", "x.append(2)", "x.append(3)")
        with (
            mock.patch("builtins.open", mock.mock_open(read_data="d")),
            mock.patch("os.path.exists", return_value=True),
            mock.patch("json.dumps", return_value="{}"),
        ):
            run(shell, "%undo")
            assert shell.user_ns["x"] == [1, 2]
            run(shell, "%timeslip log", "%timeslip status --json", "%timeslip nosuch", "%undo 1")
        assert shell.user_ns["x"] == [1]
        said = capsys.readouterr().out
        assert "[internal]" not in said
        assert '"verb": "status"' in said
        assert "[usage]" in said
        run(shell, "%unload_ext timeslip")


def test_what_was_patched_before_the_import(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(timeslip.__file__).parents[1]),
        "TIMESLIP_HOME": str(tmp_path / "store"),
        "TIMESLIP_KEY_FILE": str(tmp_path / "key"),
    }
    program = [sys.executable, "-c", BEFORE_IMPORT]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[1, 2]"


def test_a_fault_says_what_is_patched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with a_shell(store=str(tmp_path / "store"), name="one", min_free_bytes=0) as shell:
        run(shell, "%load_ext timeslip", "x = [1]", "x.append(2)")
        with mock.patch("gc.isenabled", side_effect=RuntimeError("patched")):
            run(shell, "x.append(3)", "%undo")
        said = capsys.readouterr()
        assert "with gc.isenabled of Python's library replaced" in said.out + said.err
        run(shell, "x.append(4)")
        assert shell.user_ns["x"][:2] == [1, 2]
        run(shell, "%undo")
        assert shell.user_ns["x"][:2] == [1, 2], "nothing was lost"
        run(shell, "%unload_ext timeslip")
