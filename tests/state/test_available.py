"""How much memory there is still, in a container too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from timeslip.state import available

if sys.platform != "linux":
    pytest.skip("nobody says so here", allow_module_level=True)

MEGABYTE = 1 << 20


def test_the_memory_that_there_is() -> None:
    found = available.available_bytes()
    assert found is None or found > MEGABYTE


@pytest.mark.parametrize(
    ("line", "group", "files"),
    [
        ("0::/", "", ("memory.max", "memory.current", "inactive_file")),
        ("0::/user/me", "user", ("memory.max", "memory.current", "inactive_file")),
        ("0::/hidden/outside", "", ("memory.max", "memory.current", "inactive_file")),
        ("5:memory,cpu:/a/b", "memory/a", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")),
        ("5:memory:/docker/1", "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")),
    ],
)
def test_the_limit_of_a_container_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, group: str, files: tuple[str, str, str]
) -> None:
    folder = tmp_path / group
    folder.mkdir(parents=True, exist_ok=True)
    (folder / files[0]).write_text(f"{100 * MEGABYTE}\n")
    (folder / files[1]).write_text(f"{70 * MEGABYTE}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{files[2]} {20 * MEGABYTE}\nfile 3\n")
    real = available._read
    monkeypatch.setattr(available, "_GROUPS", tmp_path)
    text = f"7:pids:/other\n{line}\n".encode()
    monkeypatch.setattr(available, "_read", lambda path: text if str(path) == "/proc/self/cgroup" else real(path))
    assert available.available_bytes() == 50 * MEGABYTE
    (folder / files[0]).write_text("max\n")
    found = available.available_bytes()
    assert found is None or found > 50 * MEGABYTE
