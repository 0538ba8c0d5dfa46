"""What came back is looked at no oftener than it takes to notice a change of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.test_cases import Sessions, _quiet, sessions

from timeslip.codec.capture import Encoder
from timeslip.store.repository import Repository

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


def test_the_commit_that_is_gone_to_is_read_twice_at_most(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    """For its state, and to be told of; what it says of the manifest is in that."""
    live = sessions.attach()
    live.run("x = 1", "x = 2")
    first = live.commits[0].id
    read: list[str] = []
    usual = Repository.commit

    def commit(self: Repository, identity: str) -> Any:
        read.append(identity)
        return usual(self, identity)

    monkeypatch.setattr(Repository, "commit", commit)
    result = live.session.checkout(first)
    assert result.at is not None
    assert result.at.id == first
    assert read.count(first) <= 2
    assert live.session._live.manifest == result.at.manifest
