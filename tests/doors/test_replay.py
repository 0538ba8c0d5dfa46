"""Replay in an IPython shell: outputs, magics, displays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.doors.shells import a_shell, run

import timeslip


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("TIMESLIP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TIMESLIP_KEY_FILE", str(tmp_path / "key"))
    with a_shell(min_free_bytes=0) as made:
        run(made, "%load_ext timeslip")
        yield made
        run(made, "%unload_ext timeslip")


def session() -> Any:
    return timeslip.session()


def lose(shell: Any, name: str = "g") -> Any:
    run(shell, f"{name} = None")
    return session().undo()


def test_an_output_that_could_not_be_stored_is_rebuilt(shell: Any) -> None:
    run(shell, "x = [1, 2]", "(i for i in x)")
    number = shell.execution_count - 1
    commit = session().head
    run(shell, "1", "2", "3", f"del Out[{number}], _{number}")
    shell.user_ns_hidden.pop(f"_{number}")  # IPython keeps every output there, too
    gc.collect()
    result = session().checkout(commit)
    names = shell.user_ns
    assert result.fidelity[f"Out[{number}]"] == "replayed", result.notes
    assert names["Out"][number] is names["_"] is names[f"_{number}"]
    names["x"].append(3)
    assert list(names["_"]) == [1, 2, 3]


def test_what_earlier_cells_have_shown_comes_back_with_what_a_later_one_changed(shell: Any) -> None:
    """One object under a name and under the outputs of three cells, each of which made a version of it."""
    run(shell, "g = (i * i for i in range(10)); g")
    first = shell.execution_count - 1
    run(shell, "next(g); g", "a = [1]; a", "b = [a, g]; b")
    commit = session().head
    run(shell, "list(g)")
    result = session().checkout(commit)
    names, shown = shell.user_ns, shell.user_ns["Out"]
    assert not result.placeholders, result.notes
    made_again = {"_", "___", "b", "g", *(f"Out[{first + more}]" for more in (0, 1, 3))}
    assert made_again == {name for name, how in result.fidelity.items() if how == "replayed"}
    assert names["g"] is shown[first] is shown[first + 1] is names["b"][1] is names["___"]
    assert names["b"] is shown[first + 3] is names["_"]
    assert names["a"] is names["b"][0] is shown[first + 2] is names["__"]
    assert next(names["g"]) == 1


@pytest.mark.parametrize("cell", ["g = (i for i in _)", "g = (i for i in _{n})", "g = (i for i in Out[{n}])"])
def test_a_cell_that_reads_outputs_is_given_them(shell: Any, cell: str) -> None:
    run(shell, "[7, 8]")
    number = shell.execution_count - 1
    run(shell, cell.replace("{n}", str(number)))
    assert lose(shell).fidelity["g"] == "replayed"
    assert list(shell.user_ns["g"]) == [7, 8]


def test_live_outputs_are_not_changed_by_a_replay(shell: Any) -> None:
    run(shell, "[7, 8]")
    number = shell.execution_count - 1
    run(shell, f"Out[{number}].append(9); g = (i for i in Out[{number}])")
    assert lose(shell).fidelity["g"] == "replayed"
    assert shell.user_ns["Out"][number] == [7, 8, 9]
    assert shell.user_ns[f"_{number}"] is shell.user_ns["Out"][number]
    shell.user_ns["Out"][number].append(10)
    assert list(shell.user_ns["g"]) == [7, 8, 9, 10]


@pytest.mark.parametrize(
    ("cell", "replayed"),
    [
        ("%%time\ng = (i for i in range(3))", True),
        ("%%capture out\nprint(1)\ng = (i for i in range(3))", True),
        ("%time g = (i for i in range(3))", True),
        ("from IPython.display import display, HTML\ndisplay(HTML('a')); g = (i for i in range(3))", True),
        ("print('shown')\ng = (i for i in range(3))", True),
        ("!true\ng = (i for i in range(3))", False),
        ("a = !echo x\ng = (i for i in range(3))", False),
        ("%env A=1\ng = (i for i in range(3))", False),
        ("async def f(): return 1\nv = await f(); g = (i for i in range(3))", False),
        ("get_ipython().user_ns['z'] = 1; g = (i for i in range(3))", False),
        ("%timeslip status\ng = (i for i in range(3))", False),
    ],
)
def test_magics(shell: Any, cell: str, replayed: bool, capsys: pytest.CaptureFixture[str]) -> None:
    run(shell, cell)
    run(shell, "g = None")
    capsys.readouterr()
    result = session().undo()
    assert (result.fidelity["g"] == "replayed") is replayed, result.notes
    assert "shown" not in capsys.readouterr().out


def test_the_command_rebuilds_what_was_not_run_unasked(shell: Any) -> None:
    run(shell, "import time", "t = time.time(); g = (i for i in [t])")
    before = shell.user_ns["t"]
    assert lose(shell).placeholders == ("g",)
    run(shell, "%timeslip replay g")
    assert next(shell.user_ns["g"]) > before
    assert shell.user_ns["t"] == before
