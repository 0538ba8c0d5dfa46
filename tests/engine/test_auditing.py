"""What a run is not known to have reached and is expensive: assumed, looked at in idle time, told when it changed."""

from __future__ import annotations

import builtins
import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    """A session in which nothing that a run does not name is checked after it."""
    namespace = {"__name__": "__main__", "__builtins__": builtins}
    with timeslip.attach(namespace, store=tmp_path, name="s", min_free_bytes=0, facets=(), check_budget=0.0) as session:
        session.run("big = [[i] for i in range(500)]; other = [1]")
        yield session


def run(session: Any, count: int, code: str) -> Any:
    exec(code, session.namespace)
    return session.record(code, execution_count=count)


def audit(session: Any) -> int:
    """Everything that is assumed; how many pieces there were."""
    pieces = 1
    while session.audit(1e9):
        pieces += 1
    return pieces


def test_assumed_until_it_was_looked_at(session: Any) -> None:
    run(session, 2, "x = 1")
    assert session.status().assumed == ("big", "other")
    assert session.audit(1e9) == 1
    assert len(session.status().assumed) == 1
    assert session.audit(1e9) == 0
    assert session.status().assumed == ()
    assert session.audit(1e9) == 0
    assert len(session.log()) == 2, "nothing had changed"


def test_what_took_long_the_last_time_waits(session: Any) -> None:
    run(session, 2, "x = 1")
    slow = session._live.tracker.groups["big"]
    slow.seconds = 1.5
    assert session.audit(0.2) == 0
    assert session.audit(0.2) == 0
    assert session.status().assumed == ("big",)
    assert session.audit(2.0) == 0
    assert session.status().assumed == ()


def test_a_change_belongs_to_the_last_step_and_says_between_what(session: Any) -> None:
    run(session, 2, "x = 1")
    audit(session)
    run(session, 3, "y = 1")
    session.namespace["big"][0].append("from outside")
    run(session, 4, "z = 1")
    audit(session)
    found = session.log()[0]
    assert (found.kind, found.names.changed, found.names.late) == ("live", ("big",), ("big",))
    assert found.names.when == {"big": "between In[2] and In[4]"}
    assert session.status().head.names.when == found.names.when
    result = session.undo()
    assert "z" not in session.namespace
    assert session.namespace["big"][0] == [0], "the change belongs to the last step"
    assert any("big between In[2] and In[4]" in message for message in result.messages)
    session.redo()
    assert session.namespace["big"][0] == [0, "from outside"]
    assert session.redo is not None
    assert not session.undo().messages, "told once"


def test_a_change_found_by_the_next_run_or_before_travelling_says_so_too(session: Any) -> None:
    run(session, 2, "x = 1")
    session.namespace["big"][0].append(1)
    run(session, 3, "y = 1")
    run(session, 4, "globals()['w'] = 1")  # reaches everything, for all that is known, and so all is looked at
    late = session.log()[0].names
    assert late.late == ("big",)
    assert late.when["big"] == f"between {session.log()[-1].id[:8]} and In[4]"
    run(session, 5, "y = 2")
    session.namespace["big"][0].append(2)
    run(session, 6, "y = 3")
    result = session.checkout("HEAD")
    assert any("big between In[4] and In[6]" in message for message in result.messages)


def test_what_was_found_as_it_was_is_not_late_in_the_next_run(session: Any) -> None:
    run(session, 2, "x = 1")
    audit(session)
    session.namespace["big"][0].append(1)
    commit = run(session, 3, "big[1].append(1)")
    assert commit.names.late == ()
    assert commit.names.changed == ("big",)


def test_nothing_is_audited_while_it_could_be_taken_for_something_else(session: Any) -> None:
    run(session, 2, "x = 1")
    session.namespace["big"][0].append(1)
    session.note_unrecorded("big[0].append(1)")
    assert session.audit(1e9) == 0
    assert session.status().assumed == ("big", "other")
    commit = run(session, 3, "y = 1")
    assert commit.names.changed == ("big",)
    assert commit.names.late == ("big",), "it was assumed after In[2], which may have changed it as well"
    run(session, 4, "z = 1")
    session.namespace["bound between runs"] = 1
    assert session.audit(1e9) == 0


def test_nothing_is_held_between_pieces(session: Any) -> None:
    run(session, 2, "class K: pass\nheld = K(); l = [held]")
    run(session, 3, "x = 1")
    alive = weakref.ref(session.namespace["held"])
    gc.disable()
    try:
        session.audit(1e9)
        del session.namespace["held"], session.namespace["l"]
        assert alive() is None
    finally:
        gc.enable()


def test_a_torn_piece_is_made_good(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run(session, 2, "x = 1")
    session.namespace["big"][0].append(1)
    with monkeypatch.context() as broken:
        broken.setattr("timeslip.commit.write", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            audit(session)
    assert session.verify().changed.keys() == {"big"}
    session.undo()
    assert session.namespace["big"][0] == [0]
