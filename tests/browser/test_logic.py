"""The logic of the front end, which needs no browser: its own tests, run by node."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

import front_end
from timeslip.verbs import VERBS


def test_the_front_end_knows_the_verbs() -> None:
    text = (front_end.FOLDER / "src" / "logic" / "spoken.ts").read_text(encoding="utf-8")
    listed = text.partition("VERBS = [")[2].partition("]")[0]
    assert re.findall(r"'(\w+)'", listed) == sorted(VERBS)


def test_logic() -> None:
    npm = front_end.npm()
    if npm is None:
        pytest.skip("there is no node")
    if not (front_end.FOLDER / "node_modules" / "typescript").is_dir():
        pytest.skip("the front end's packages are not installed (`make lab` does it)")
    done = subprocess.run(
        [npm, "test"],
        cwd=front_end.FOLDER,
        env={**os.environ, "PATH": front_end._path()},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
