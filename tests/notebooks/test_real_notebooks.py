"""Other people's notebooks under Timeslip, the small part: `make compat` runs all of them.

The library must be installed here, and its source distribution must come from the index; both are reasons to skip.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

import real_notebooks
from notebook_sources import SOURCES, NotAvailableError, fetch

pytest.importorskip("networkx", reason="the gallery of networkx needs networkx")
NETWORKX = next(source for source in SOURCES if source.project == "networkx")
SMALL = tuple(name for name in NETWORKX.notebooks if "snap" in name or "morse" in name or "dag" in name)


@pytest.fixture(scope="module")
def gallery() -> Path:
    try:
        return fetch(NETWORKX, real_notebooks.CACHE, timeout=60)
    except NotAvailableError as error:
        pytest.skip(str(error))


@pytest.mark.network
@pytest.mark.time_limit(180)
@pytest.mark.parametrize("name", SMALL)
def test_every_state_comes_back(name: str, gallery: Path, tmp_path: Path) -> None:
    if not (gallery / name).is_file():
        pytest.skip(f"this release of networkx has no {name}")
    runner = real_notebooks.Runner(Path(sys.executable), tmp_path / "run")
    result = real_notebooks.examine(runner, NETWORKX, name, gallery / name, bare_only=False, seed=1)
    assert not result.skipped, result.skipped
    assert not result.failed, dataclasses.asdict(result)
    assert result.states >= min(5, result.cells)
    assert result.fidelity["exact"] > 0.8 * result.names
