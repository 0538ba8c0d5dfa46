"""What `make test` does beside running pytest."""

from __future__ import annotations

from pathlib import Path

import pytest

import run_tests


@pytest.fixture(autouse=True)
def _usual_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)


def test_files_of_tests_are_in_memory_while_they_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tests, "has_room", lambda place: place == tmp_path)
    with run_tests.scratch(tmp_path) as variables:
        folder = Path(variables["TMPDIR"])
        assert folder.parent == tmp_path
        (folder / "pytest-of-me" / "pytest-0").mkdir(parents=True)
    assert not folder.exists()


def test_what_a_failed_test_has_left_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run_tests, "has_room", lambda _: True)
    with run_tests.scratch(tmp_path) as variables:
        left = Path(variables["TMPDIR"]) / "pytest-of-me" / "pytest-0" / "test_failed0"
        left.mkdir(parents=True)
    assert left.exists()
    assert variables["TMPDIR"] in capsys.readouterr().out


def test_where_there_is_no_room_they_go_where_they_usually_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not run_tests.has_room(tmp_path / "missing")
    monkeypatch.setattr(run_tests, "_ROOM", 1 << 60)
    assert not run_tests.has_room(tmp_path)
    with run_tests.scratch(tmp_path) as variables:
        assert variables == {}
    monkeypatch.setattr(run_tests, "has_room", lambda _: True)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with run_tests.scratch(tmp_path) as variables:
        assert variables == {}, "somebody has chosen another place"
