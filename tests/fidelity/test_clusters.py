"""Clusters for real: what is on one is there after undo and redo, and is said to be lost before it is."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.fidelity.clusters import CLUSTERS
from tests.fidelity.recording import ROOT

pytestmark = pytest.mark.slow

_LIMIT = 240
"""Longer than this nothing may take: a commit or an undo that waits for a cluster waits for ever. Seconds."""


def play(name: str, folder: Path, *mode: str) -> Any:
    """The answers of the program `tests.fidelity.clusters`."""
    command = [sys.executable, "-m", "tests.fidelity.clusters", name, str(folder), *mode]
    places = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            env=places,
            start_new_session=True,
        )
        try:
            process.wait(_LIMIT)
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)  # with all that the cluster has started
            except ProcessLookupError:
                pass
    answers = folder / "answers.json"
    assert answers.is_file(), (folder / "output.txt").read_text(encoding="utf-8", errors="replace")[-3000:]
    found = json.loads(answers.read_text(encoding="utf-8"))
    answers.unlink()
    return found


@pytest.mark.parametrize("name", CLUSTERS)
def test_what_is_on_a_cluster_is_referred_to_and_never_fetched(name: str, tmp_path: Path) -> None:
    cluster = CLUSTERS[name]
    for module in cluster.needs:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    if name == "spark" and shutil.which("java") is None:
        pytest.skip("there is no Java")
    found = play(name, tmp_path)
    for handle in cluster.handles:
        assert "cluster" in found["said"][handle] or "Spark" in found["said"][handle], found["said"]
    assert found["fidelity"] == [dict.fromkeys(cluster.handles, "exact")] * 2
    assert found["told"] == [found["told"][0]] * 3
    assert not any("Error" in said for said in found["told"][0]), found["told"]
    later = play(name, tmp_path, "resume")
    assert later["fidelity"] == dict.fromkeys(cluster.handles, "lost")
    assert all(later["notes"][handle] for handle in cluster.handles)
