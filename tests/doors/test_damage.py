"""One damaged entry of a store keeps nobody from loading the extension, nor from the states that are whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.doors.shells import a_shell, run

import timeslip
from timeslip.store.maintenance import check
from timeslip.store.repository import Repository


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a session of three steps, whose kernel has ended."""
    with timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="old", min_free_bytes=0) as session:
        for cell in ("x = [1]", "x.append(2)", "x.append(3)"):
            session.run(cell)
    return tmp_path / "store"


@pytest.fixture
def shell(store: Path) -> Iterator[Any]:
    with a_shell(store=str(store), name="old", min_free_bytes=0) as shell:
        yield shell
        shell.run_line_magic("unload_ext", "timeslip")


def spoil(store: Path, statement: str) -> None:
    with closing(sqlite3.connect(store / "timeslip.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        assert connection.execute(statement).rowcount, statement


def commits(store: Path) -> list[str]:
    """Ids of the three steps, oldest first."""
    with Repository.open(store, read_only=True) as repository:
        rows = repository._database.execute(
            "SELECT r.id FROM commits c JOIN records r ON r.n = c.record JOIN sessions s ON s.n = c.session "
            "WHERE s.name = 'old' ORDER BY c.seq"
        )
        return [row[0].hex() for row in rows]


NEWEST = "(SELECT record FROM commits ORDER BY seq DESC LIMIT 1)"


@pytest.mark.parametrize("details", ["patched", "<{}>", "[1, 2]", "null"])
def test_words_about_an_operation(details: str, store: Path, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(store, f"UPDATE operations SET details = '{details}' WHERE seq = (SELECT max(seq) FROM operations)")
    run(shell, "%load_ext timeslip", "%timeslip resume")
    assert shell.user_ns["x"] == [1, 2, 3]
    run(shell, "x.append(4)", "%undo")
    assert shell.user_ns["x"] == [1, 2, 3]
    session = timeslip.session()
    assert session is not None
    assert any("damaged" in operation.details for operation in session.ops())
    assert any("is damaged: its details" in problem.text for problem in check(session.repository).problems)


def test_the_last_commit(store: Path, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(store, f"UPDATE records SET body = x'00' WHERE n = {NEWEST}")
    run(shell, "%load_ext timeslip")
    said = capsys.readouterr().out
    assert "recording 'old'; what was recorded before is damaged" in said
    assert "timeslip check" in said
    run(shell, "%timeslip resume")
    assert "[store-damaged]" in capsys.readouterr().out
    run(shell, f"%timeslip resume {commits(store)[1][:12]}")
    assert shell.user_ns["x"] == [1, 2]
    run(shell, "x.append(9)", "%undo")
    assert shell.user_ns["x"] == [1, 2]


def test_where_the_session_was(store: Path, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(store, "UPDATE heads SET record = 999999")
    run(shell, "%load_ext timeslip")
    assert "where 'old' was is damaged" in capsys.readouterr().err
    session = timeslip.session()
    assert session is not None
    assert any(problem.subject == "name" for problem in check(session.repository).problems)
    run(shell, f"%timeslip resume {commits(store)[1][:12]}")
    assert shell.user_ns["x"] == [1, 2]
    run(shell, "x.append(9)", "%undo")
    assert shell.user_ns["x"] == [1, 2]


def test_a_history_that_cannot_be_gone_on_with(store: Path, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(store, "UPDATE operations SET time = 'soon'")
    run(shell, "y = 1", "%load_ext timeslip")
    said = capsys.readouterr().err
    assert "the history of 'old' is damaged" in said
    assert "recording goes on in a session of its own, 'old-2'" in said
    run(shell, "y += 1", "%undo")
    assert shell.user_ns["y"] == 1
