"""Finding the run that made a version: it costs what is looked at of history, and nothing if no cell may be run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from timeslip.history import History
from timeslip.store.manifests import MAX_DEPTH
from timeslip.store.records import RecordTable

Attach = Callable[..., Any]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of the records that are read from here on."""
    found: list[str] = []
    through = RecordTable.open

    def counted(self: RecordTable, row: Any, kind: str, **how: Any) -> dict[str, Any]:
        found.append(kind)
        return through(self, row, kind, **how)

    monkeypatch.setattr(RecordTable, "open", counted)
    return found


def fresh(session: Any) -> History:
    """The history as another process sees it: nothing is remembered."""
    session.repository._manifests.drop_cache()
    return History(session.repository, session._live.session)


def test_one_commit_and_one_manifest_are_read_for_each_commit_looked_at(attach: Attach, reads: list[str]) -> None:
    session = attach()
    session.run("v0, v1, v2, v3 = 0, 1, 2, 3\nclass C: pass")
    made = session.run("g = [1]; D = C").commit.id
    for number in range(150):  # further than one chain of manifests goes
        session.run(f"w = {number}")
    near = session.run("late = [1]").commit.id
    head = session.run("w = None").commit.id
    history = fresh(session)
    for name, maker, commits in (("g", made, 154), ("D", made, 154), ("late", near, 3)):
        reads.clear()
        assert history.maker(head, name) == maker
        assert reads.count("commit") <= commits + 1
        assert reads.count("manifest") <= commits + 2 * MAX_DEPTH, "a name that was not there yet is in no difference"


def test_a_version_that_a_checkout_brought_is_found_with_one_read_of_each(attach: Attach, reads: list[str]) -> None:
    session = attach()
    made = session.run("g = [1]").commit.id
    session.run("del g")
    for number in range(80):
        session.run(f"w = {number}")
    session.checkout(made, "g")
    commits = len(session.log(all=True))
    history = fresh(session)
    reads.clear()
    assert history.maker(session.head, "g") == made
    assert reads.count("commit") <= 2 * commits + 2
    assert reads.count("manifest") <= commits + MAX_DEPTH


@pytest.mark.parametrize("mode", ["never", "ask"])
def test_history_is_not_searched_when_no_cell_may_be_run(
    attach: Attach, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    session = attach()
    session.run("g = (i for i in range(3))")
    session.run("g = None")
    monkeypatch.setattr(History, "maker", None)
    result = session.undo(replay=mode)
    assert result.placeholders == ("g",)
    assert f"replay is set to '{mode}'" in result.notes["g"]


def test_what_was_replayed_on_request_can_be_again(attach: Attach) -> None:
    session = attach()
    session.run("import time")
    session.run("g = (i for i in [7 if time.time() else 0])")  # reads a clock: not run unasked
    session.run("del g")
    assert session.undo().fidelity["g"] == "lost"
    assert session.replay("g").fidelity["g"] == "replayed"
    session.run("n = 1")
    session.run("del g")
    session.undo()
    assert session.replay("g").fidelity["g"] == "replayed"
    assert next(session.namespace["g"]) == 7


# ---- what a restore makes again

AGAIN = (
    "class M(type): pass\nclass D(metaclass=M): pass\nd = D(); d.items = [1]; d.left = (i for i in d.items)",
    "d.items.append(2)",
)
"""The run makes a class again of which instances cannot be made to belong to the live one."""


def test_what_a_restore_made_again_is_still_made_by_the_same_run(attach: Attach) -> None:
    session = attach()
    for cell in AGAIN:
        session.run(cell)
    for _ in range(4):
        assert session.undo().fidelity["d"] == "replayed"
        assert session.namespace["d"].items == [1]
        assert session.redo().fidelity["d"] == "replayed"
        assert session.namespace["d"].items == [1, 2]
    assert all("d" not in commit.names.changed for commit in session.log(all=True) if commit.kind == "live")


def test_a_run_that_only_records_what_a_restore_made_again_has_not_changed_it(attach: Attach) -> None:
    session = attach()
    for cell in AGAIN:
        session.run(cell)
    made = session.log()[1].id
    session.undo()
    assert session.run("y = 1").commit.names.changed == ()
    assert session._history.maker(session.head, "d") == made
    for _ in range(2):
        session.undo()
        assert session.redo().fidelity["d"] == "replayed"
    own = session.run("d.items.append(5)").commit
    assert own.names.changed == ("d",)
    assert session._history.maker(session.head, "d") == own.id
    session.undo()
    session.redo()
    assert session.namespace["d"].items == [1, 5]
