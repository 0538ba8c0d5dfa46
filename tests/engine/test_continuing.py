"""Going on with a recorded session in a kernel that nothing ties to it: `resume` with the session's name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip.errors import AmbiguousReferenceError, CommitNotFoundError, SessionNotFoundError, UnrestorableError
from timeslip.session import Session

Attach = Callable[..., Session]


@pytest.fixture
def attach(tmp_path: Path) -> Iterator[Attach]:
    made: list[Session] = []

    def call(namespace: dict[str, Any] | None = None, **options: Any) -> Session:
        names = {"__name__": "__main__"} if namespace is None else namespace
        session = timeslip.attach(names, store=tmp_path / "store", min_free_bytes=0, **options)
        made.append(session)
        return session

    yield call
    for session in made:
        session.close()


def recorded(attach: Attach, *codes: str, **options: Any) -> str:
    """The name of a session in which *codes* ran and whose kernel has ended."""
    session = attach(**options)
    for code in codes:
        assert session.run(code).error is None
    session.close()
    return session.name


def test_a_nameless_kernel_goes_on_with_an_earlier_session(attach: Attach) -> None:
    name = recorded(attach, "x = [1]; y = x", "x.append(2)", "class C: pass\nc = C()")
    session = attach()
    assert session.name != name
    result = session.resume(from_=name)
    names = session.namespace
    assert names["x"] == [1, 2]
    assert names["y"] is names["x"]
    assert type(names["c"]) is names["C"]
    assert session.name == name
    assert f"this kernel is recorded in session '{name}' from now on" in result.messages
    session.run("y.append(3)")
    assert [commit.code for commit in session.log()][-1] == "x = [1]; y = x", "one history"
    session.undo()
    assert names["x"] == [1, 2]
    assert names["y"] is names["x"]
    taken = session.undo()
    assert "x" not in names, "the resume is a step, too"
    assert [step.kind for step in taken.went] == ["resume"]
    session.redo()
    assert names["y"] is names["x"]
    assert [row.name for row in session.sessions()] == [name], "the session that held nothing is gone"


def test_what_was_recorded_before_stays_and_comes_along(attach: Attach) -> None:
    name = recorded(attach, "x = [1]; y = x")
    session = attach()
    held = session.run("z = w = ['mine']") and session.namespace["z"]
    mine = session.name
    result = session.resume(from_=name)
    assert "z" not in session.namespace
    assert result.messages[0].endswith(f"what was recorded here before stays in '{mine}'")
    session.undo()
    assert session.namespace["z"] == held
    assert session.namespace["z"] is session.namespace["w"]
    assert "x" not in session.namespace
    other = attach(name=mine)
    assert [commit.code for commit in other.log()] == ["z = w = ['mine']"]


def test_any_state_of_it(attach: Attach) -> None:
    name = recorded(attach, "x = 1", "x = 2", "x = 3")
    session = attach()
    session.resume("HEAD~2", from_=name)
    assert session.namespace["x"] == 1
    session.switch("main")
    assert session.namespace["x"] == 3, "it is this session by now"


def test_a_dry_run_changes_nothing(attach: Attach) -> None:
    name = recorded(attach, "x = 1")
    session = attach()
    session.run("z = 1")
    before = (session.name, session.head, len(session.ops()), dict(session.namespace))
    result = session.resume(from_=name, dry_run=True)
    assert result.loaded == ("x",)
    assert result.dry_run
    assert (session.name, session.head, len(session.ops()), dict(session.namespace)) == before


@pytest.mark.parametrize(
    ("ref", "text", "error"),
    [
        (None, "nosuch", SessionNotFoundError),
        ("nosuch", "first", CommitNotFoundError),
        ("In[3]", "first", CommitNotFoundError),
        (None, "s", AmbiguousReferenceError),
        (None, "empty", CommitNotFoundError),
    ],
)
def test_wrong_use(ref: str | None, text: str, error: type[Exception], attach: Attach) -> None:
    recorded(attach, "x = 1", name="first")
    recorded(attach, "x = 1", name="second")
    recorded(attach, name="empty")
    session = attach()
    session.run("z = [1]")
    held, head = session.namespace["z"], session.head
    before = (session.name, session.head, len(session.ops()), len(session.sessions()))
    with pytest.raises(error) as raised:
        session.resume(ref, from_=text)
    assert raised.value.hint  # type: ignore[attr-defined]
    assert (session.name, session.head, len(session.ops()), len(session.sessions())) == before
    assert session.namespace["z"] is held
    session.run("z.append(2)")
    session.undo()
    assert session.head == head


def test_nothing_to_resume_names_what_there_is(attach: Attach) -> None:
    recorded(attach, "x = 1", name="old one")
    session = attach()
    with pytest.raises(CommitNotFoundError) as raised:
        session.resume()
    assert "`resume --from 'old one'`" in raised.value.hint
    assert "`sessions`" in raised.value.hint


def test_a_session_left_at_the_empty_state(attach: Attach) -> None:
    old = attach(name="old")
    old.run("x = 1")
    newest = old.head
    old.undo()
    old.close()
    session = attach()
    with pytest.raises(CommitNotFoundError) as raised:
        session.resume(from_="old")
    assert newest is not None
    assert f"`resume --from old {newest[:8]}`" in raised.value.hint
    session.resume(newest[:8], from_="old")
    assert session.namespace["x"] == 1


def test_beside_a_live_kernel(attach: Attach) -> None:
    first = attach(name="shared")
    first.run("x = [1]; y = x")
    second = attach()
    second.resume(from_="shared")
    assert second.status().shared
    assert second.branch_name == "main-2"
    assert second.namespace["x"] is second.namespace["y"]
    assert any("on a branch of its own" in notice for notice in second.notices())
    second.run("x.append(2)")
    assert first.namespace["x"] == [1]
    first.run("x.append('first')")
    assert first.branch_name == "main"
    assert second.namespace["x"] == [1, 2]


def test_a_restore_that_fails_leaves_the_namespace(attach: Attach, monkeypatch: pytest.MonkeyPatch) -> None:
    name = recorded(attach, "x = [1]; y = x")
    session = attach()
    session.run("z = [1]")
    held = session.namespace["z"]
    from timeslip.checkout import Checkout

    def fails(*_: Any) -> None:
        raise UnrestorableError("x cannot be brought back", hint="none")

    with monkeypatch.context() as patch:
        patch.setattr(Checkout, "prepare", fails)
        with pytest.raises(UnrestorableError):
            session.resume(from_=name)
    assert session.namespace["z"] is held
    assert "x" not in session.namespace
    session.resume(from_=name)
    assert session.namespace["x"] is session.namespace["y"]
    session.undo()
    assert session.namespace["z"] == [1]


def test_a_session_that_cannot_be_taken_up_leaves_all_as_it_was(
    attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    from timeslip import continuing

    name = recorded(attach, "x = [1]")
    session = attach()
    session.run("z = [1]")

    def fails(*_: Any) -> None:
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(continuing, "record_found", fails)
        with pytest.raises(OSError, match="no room"):
            session.resume(from_=name)
    assert session.name != name
    session.run("z.append(2)")
    session.undo()
    assert session.namespace["z"] == [1]
    other = attach(name=name)
    assert not other.status().shared, "no lease was left behind"


def test_environment_and_random_numbers_go_by_the_beginning_of_the_kernel(
    attach: Attach, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ABOUT_A_TEST", raising=False)
    name = recorded(attach, "import random; random.seed(1); r = random.random()")
    session = attach()
    session.run("import os; os.environ['ABOUT_A_TEST'] = 'set'")
    session.resume(from_=name)
    assert session.run("import os; seen = os.environ.get('ABOUT_A_TEST'); s = random.random()").error is None
    assert session.namespace["seen"] is None, "it was not set in that session"
    import random

    random.seed(1)
    random.random()
    assert session.namespace["s"] == random.random()
    session.undo(2)
    import os

    assert os.environ["ABOUT_A_TEST"] == "set"
    monkeypatch.delenv("ABOUT_A_TEST", raising=False)
