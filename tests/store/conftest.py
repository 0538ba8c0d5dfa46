from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.steps import Steps

from timeslip.store.repository import Repository


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def repo(directory: Path) -> Iterator[Repository]:
    with Repository.open(directory, min_free_bytes=0) as repository:
        yield repository


@pytest.fixture
def steps(repo: Repository) -> Steps:
    return Steps(repo)
