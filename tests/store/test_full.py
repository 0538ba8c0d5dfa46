"""A full disk: recording stops with one clear error, and everything recorded stays readable."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store.steps import Steps

from timeslip.errors import StoreError, StoreFullError
from timeslip.store import maintenance
from timeslip.store.repository import Repository
from timeslip.testing.faults import FailingFiles


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    point = tmp_path / "disk"
    point.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(point)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield point
    finally:
        subprocess.run(["umount", "-l", str(point)], check=True)


def fill(steps: Steps, chunk: int) -> tuple[dict[str, dict[str, bytes]], StoreFullError]:
    states: dict[str, dict[str, bytes]] = {}
    state: dict[str, bytes] = {}
    for n in range(10_000):
        change = {f"a{n % 7}": os.urandom(chunk)}
        try:
            commit = steps.commit(change)
        except StoreFullError as error:
            return states, error
        state = {**state, **change}
        states[commit] = state
    raise AssertionError("the disk never got full")


@pytest.mark.parametrize("chunk", [200, 5000, 300_000])
def test_disk_runs_full(small_disk: Path, chunk: int) -> None:
    with Repository.open(small_disk / "store", min_free_bytes=0) as repo:
        steps = Steps(repo)
        states, error = fill(steps, chunk)
        assert "full" in error.message
        assert "gc" in error.hint
        assert len(states) > 5
        assert steps.head == list(states)[-1]
        assert steps.state(steps.head) == states[str(steps.head)]
    with Repository.open(small_disk / "store", min_free_bytes=0) as repo:
        steps = Steps(repo, steps.session)
        assert all(steps.state(commit) == state for commit, state in list(states.items())[::25])
        assert maintenance.check(repo).problems == ()
        assert fill(steps, 300_000)[1].code == "store-full"
        with Repository.open(small_disk / "store", read_only=True) as reader:
            assert len(reader.commits(steps.session)) >= len(states)


def test_goes_on_when_there_is_room_again(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\1" * 4_000_000)
    with Repository.open(small_disk / "store", min_free_bytes=0) as repo:
        steps = Steps(repo)
        states, _ = fill(steps, 100_000)
        ballast.unlink()
        commit = steps.commit({"after": os.urandom(100_000)})
        assert set(steps.state(commit)) == {"after", *states[list(states)[-1]]}
        assert maintenance.check(repo).problems == ()


def test_floor_of_free_space(directory: Path) -> None:
    files = FailingFiles(free=10_000_000)
    with Repository.open(directory, min_free_bytes=5_000_000, files=files) as repo:
        steps = Steps(repo)
        commit = steps.commit({"a": os.urandom(50_000)})
        files.free = 4_999_999
        size = repo.size_bytes()
        for change in ({"a": b"small"}, {"a": os.urandom(50_000)}):
            with pytest.raises(StoreFullError, match="floor") as caught:
                steps.commit(change)
            assert "min_free_bytes" in caught.value.hint
        assert repo.size_bytes() == size
        assert len(steps.state(commit)["a"]) == 50_000
        maintenance.gc(repo)  # making room is allowed
        repo.min_free_bytes = 0
        assert steps.commit({"a": b"small"})


def test_limit_on_the_size_of_files(directory: Path) -> None:
    """A quota on files (RLIMIT_FSIZE) is a full disk, too."""
    pytest.importorskip("resource")
    program = f"""
import os, resource, signal
from pathlib import Path
from tests.store.steps import Steps
from timeslip.errors import StoreError
from timeslip.store.repository import Repository
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Repository.open(Path({str(directory)!r}), min_free_bytes=0) as repo:
    steps = Steps(repo)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
    n = 0
    try:
        while n < 1000:
            steps.commit({{"a": os.urandom(20_000)}})
            n += 1
    except StoreError as error:
        print(type(error).__name__)
    assert 1 <= n < 1000 and len(steps.state(steps.head)["a"]) == 20_000
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("StoreFullError", "StoreError")
    with Repository.open(directory, min_free_bytes=0) as repo:
        assert maintenance.check(repo).problems == ()


def test_error_is_a_store_error() -> None:
    assert issubclass(StoreFullError, StoreError)
