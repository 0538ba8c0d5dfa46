"""What came back is looked at no oftener than it takes to notice a change of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.test_cases import Sessions, _quiet, sessions

from timeslip.codec.capture import Encoder

__all__ = ["_quiet", "sessions"]  # the fixtures


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The first name of every capture by a pass."""
    made: list[str] = []
    usual = Encoder.capture

    def capture(self: Encoder, nodes: Any, **options: Any) -> Any:
        made.append(nodes[0][0])
        return usual(self, nodes, **options)

    monkeypatch.setattr(Encoder, "capture", capture)
    return made


def test_what_gives_the_same_as_before_is_captured_once(sessions: Sessions, passes: list[str]) -> None:
    """A second capture shows whether the first has changed the object: not where it is what was noted then."""
    live = sessions.attach()
    live.run("import datetime\nx = [datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)]", "x.append(1)")
    for verb in (live.session.undo, live.session.redo, live.session.undo):
        passes.clear()
        verb()
        assert passes.count("x") == 2  # the look before, and this one
    live.run("y = 1", "y = 2")
    live.session.undo()
    live.run("len(x)")
    assert all("x" not in commit.names.changed for commit in live.commits[-3:])


@pytest.mark.parametrize("known", ["nothing", "another digest"])
def test_what_was_noted_otherwise_is_captured_twice(sessions: Sessions, passes: list[str], known: str) -> None:
    """As in a new kernel, and where it is not steady yet."""
    live = sessions.attach()
    live.run("import datetime\nx = [datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)]", "x.append(1)")
    digests = live.session._live.digests
    digests.update(dict.fromkeys(digests, b"another")) if known != "nothing" else digests.clear()
    passes.clear()
    live.session.undo()
    assert passes.count("x") == 3
    passes.clear()
    live.session.redo()
    live.session.undo()
    assert passes.count("x") == 5  # what came back then is noted
