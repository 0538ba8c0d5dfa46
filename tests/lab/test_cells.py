"""The cells of the notebook that are kept with commits: kept once, found again, refused when too large, forgotten."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
from tests.lab.looking import Looking, a_cell

from timeslip.errors import CommitNotFoundError, NotFoundError, UsageError
from timeslip.store import maintenance
from timeslip.store.database import Database


def sources(seen: Looking, ref: str) -> list[str] | None:
    found = seen.ask("cells", ref=ref)["cells"]
    return None if found is None else [cell["source"] for cell in found["cells"]]


def test_cells_come_back_as_they_were_given(seen: Looking) -> None:
    first = seen.run("x = 1")
    assert sources(seen, "HEAD") is None
    cells = [
        {**a_cell("x = 1", shown="ü\ud800"), "execution_count": 3},
        {"cell_type": "markdown", "id": "m", "metadata": {"a": [1]}, "source": ["# one\n", "two"], "attachments": {}},
        {"cell_type": "raw", "id": "r", "metadata": {}, "source": ""},
    ]  # fmt: skip
    given = {"cells": cells, "metadata": {"kernelspec": {"name": "python3"}}}
    told = seen.keeping.keep(seen.session.id, first, given, 10**6)
    assert (told["kept"], told["count"]) == (True, 3)
    assert seen.ask("cells", ref="HEAD")["cells"] == given
    assert seen.keeping.keep(seen.session.id, first, given, 10**6)["bytes"] == 0
    assert seen.ask("history")["states"][0]["cells"]


def test_the_nearest_before_counts(seen: Looking) -> None:
    first = seen.run("x = 1")
    seen.keep(first, "x = 1")
    seen.run("x = 2", "x = 3")
    found = seen.ask("cells", ref="HEAD")
    assert (found["commit"], found["ref"]) == (first, seen.session.head)
    assert [state["cells"] for state in seen.ask("history")["states"]] == [False, False, True]


@pytest.mark.parametrize(
    "given",
    [
        *(None, [], {}, {"cells": [3]}, {"cells": [{"source": "x"}]}, {"cells": [], "metadata": 3}),
        {"cells": [{"cell_type": "code", "source": 3}]},
    ],
)
def test_what_is_no_notebook_is_refused(seen: Looking, given: object) -> None:
    commit = seen.run("x = 1")
    with pytest.raises(UsageError):
        seen.keeping.keep(seen.session.id, commit, given, 10**6)
    assert sources(seen, "HEAD") is None


def test_too_large_a_notebook_and_an_unknown_commit_are_refused(seen: Looking) -> None:
    commit = seen.run("x = 1")
    with pytest.raises(UsageError, match="at most 1"):
        seen.keep(commit, "x = 1", shown="y" * 2000, most=1000)
    with pytest.raises(CommitNotFoundError):
        seen.keep("00" * 32, "x = 1")
    assert sources(seen, "HEAD") is None


def test_forgotten_code_is_in_no_kept_cell(seen: Looking) -> None:
    secret = f"password = '{os.urandom(16).hex()}'"
    first = seen.run("x = 1")
    seen.keep(first, "x = 1", secret)  # written, not run yet
    second = seen.run(secret)
    seen.keep(second, "x = 1", f"# a comment\n{secret}\nx = 5", "x = 2", shown="kept")
    third = seen.run("x = 2")
    seen.keep(third, "x = 2", secret)
    seen.session.forget(second)
    assert sources(seen, first) == ["x = 1", ""]
    assert sources(seen, second) == ["x = 1", "", "x = 2"]
    assert sources(seen, third) == ["x = 2", ""]
    gone = seen.ask("cells", ref=second)["cells"]["cells"][1]
    assert gone["metadata"] == {"timeslip": {"forgotten": True}}
    assert maintenance.check(seen.session.repository).problems == ()
    for file in seen.session.repository.directory.rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes(), file


def test_with_a_name_go_the_outputs_that_may_show_its_values(seen: Looking) -> None:
    commit = seen.run("secret = 'abc'")
    seen.keep(commit, "secret = 'abc'", "secret", shown="abc")
    report = seen.session.forget("secret")
    assert any("outputs" in message for message in report.messages)
    found = seen.ask("cells", ref="HEAD")["cells"]["cells"]
    assert [cell["source"] for cell in found] == ["secret = 'abc'", "secret"], "as the recorded code, which is named"
    assert [cell["outputs"] for cell in found] == [[], []]


def test_nothing_of_what_is_kept_is_ever_run(seen: Looking) -> None:
    commit = seen.run("x = 1")
    seen.keep(commit, "x = 99", "raise SystemExit")
    seen.run("y = 1")
    seen.session.undo(2)
    seen.session.redo(2)
    assert seen.ask("cells", ref="HEAD")["commit"] == commit
    assert seen.session.namespace["x"] == 1


def test_cells_are_kept_by_one_thread_while_another_records(seen: Looking) -> None:
    """As with a front end whose requests come in a subshell's thread: both write to the same store."""
    commits = [seen.run("import os; x = 0")]
    problems: list[BaseException] = []
    done = threading.Event()

    def page() -> None:
        turn = 0
        try:
            while not done.is_set():
                turn += 1
                seen.keep(commits[-1], "x = 0", f"x = {turn}", shown=os.urandom(12_000).hex())
                seen.ask("history", limit=5)
        except BaseException as error:  # told below: an assertion in a thread fails nobody
            problems.append(error)

    asking = threading.Thread(target=page)
    asking.start()
    try:
        for number in range(25):
            commits.append(seen.run(f"x = os.urandom(200_000); y = {number}"))
    finally:
        done.set()
        asking.join(20)
    assert problems == []
    assert maintenance.check(seen.session.repository).problems == ()
    seen.session.undo(5)
    assert seen.session.namespace["y"] == 19


def test_only_what_changed_need_be_given(seen: Looking) -> None:
    first = seen.run("x = 1")
    sources_then = ["x = 1", "x = 2", "x = 3", "x = 4"]
    told = seen.keep(first, *sources_then, shown="then")
    second = seen.run("x = 2")
    parts = [[2, 2], a_cell("new", "now"), [0, 1]]
    again = seen.keeping.keep(seen.session.id, second, {"cells": parts}, 10**6, told["cells"])
    assert (again["count"], again["cells"] != told["cells"]) == (4, True)
    assert sources(seen, second) == ["x = 3", "x = 4", "new", "x = 1"]
    assert seen.ask("cells", ref=second)["cells"]["cells"][3] == a_cell("x = 1", "then")
    third = seen.run("x = 3")
    seen.keeping.keep(seen.session.id, third, {"cells": [[0, 4]]}, 10**6, again["cells"])
    assert sources(seen, third) == ["x = 3", "x = 4", "new", "x = 1"]
    assert sources(seen, first) == sources_then
    with pytest.raises(UsageError, match="at most"):
        seen.keeping.keep(seen.session.id, third, {"cells": [[0, 4]]}, 300, again["cells"])


@pytest.mark.parametrize("part", [[0, 2], [-1, 1], [0, -1], [0], ["0", 1], [0, True], [1, 1]])
def test_no_more_is_taken_from_cells_than_was_given(seen: Looking, part: list[object]) -> None:
    told = seen.keep(seen.run("x = 1"), "x = 1")
    second = seen.run("x = 2")
    with pytest.raises(UsageError):
        seen.keeping.keep(seen.session.id, second, {"cells": [part]}, 10**6, told["cells"])
    with pytest.raises(UsageError):
        seen.keeping.keep(seen.session.id, second, {"cells": [part]}, 10**6)


def test_cells_that_are_not_known_any_more_are_asked_for_again(seen: Looking) -> None:
    """The kernel is another one, many were given since, or what was given then has been forgotten."""
    first = seen.run("x = 1")
    given = {"cells": [a_cell("x = 1", os.urandom(20_000).hex())]}
    told = seen.keeping.keep(seen.session.id, first, given, 10**6)
    second = seen.run("y = 2")
    with pytest.raises(NotFoundError):
        seen.keeping.keep(seen.session.id, second, {"cells": [[0, 1]]}, 10**6, "unheard of")
    seen.session.forget(first)
    with pytest.raises(NotFoundError):
        seen.keeping.keep(seen.session.id, second, {"cells": [[0, 1]]}, 10**6, told["cells"])
    seen.keeping.keep(seen.session.id, second, given, 10**6)
    assert sources(seen, second) == ["x = 1"]


def test_what_keeping_takes_follows_what_changed(seen: Looking, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [a_cell(f"x{number} = {number}", f"{number}\n") for number in range(300)]
    told = seen.keeping.keep(seen.session.id, seen.run("x = 0"), {"cells": cells}, 10**7)
    statements, one = [], Database.one

    def counted(self: Database, text: str, *more: Any) -> Any:
        statements.append(text)
        return one(self, text, *more)

    for number in (0, 150, 299):
        commit = seen.run(f"x = {number}")
        with monkeypatch.context() as patch:
            patch.setattr(Database, "one", counted)
            parts = [[0, number], a_cell(f"y = {number}"), [number + 1, 299 - number]]
            told = seen.keeping.keep(seen.session.id, commit, {"cells": parts}, 10**7, told["cells"])
        assert told["count"] == 300
    assert len(statements) < 60, "a few for each of three lists, and none for each cell"
    assert maintenance.check(seen.session.repository).problems == ()
