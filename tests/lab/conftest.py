from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.lab.looking import Looking, looking


@pytest.fixture
def seen(tmp_path: Path) -> Iterator[Looking]:
    with looking(tmp_path) as found:
        yield found
