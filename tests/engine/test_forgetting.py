"""What `forget` removes, and what it says of what still holds, says or makes the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import timeslip
from timeslip.errors import ForgottenError
from timeslip.session import Session


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    made = timeslip.attach({"__name__": "__main__"}, store=tmp_path / "store", name="secrets", min_free_bytes=0)
    yield made
    made.close()


def test_code_that_may_make_it_again_is_named(session: Session) -> None:
    session.run("password = 'sesame' * 2")
    made = session.head
    session.run("login = password.upper()")
    used = session.head
    session.run("passwords = 1")
    session.run("del password")
    forgotten = session.forget("password")
    told = "\n".join(forgotten.messages)
    assert forgotten.messages[0] == "forgot every recorded value of password for good"
    assert made is not None
    assert used is not None
    assert forgotten.code[0] == made
    assert used in forgotten.code
    assert f"{made[:8]}" in told
    assert f"`forget {made[:8]}` removes that code" in told
    assert "still in the namespace" not in told
    assert all(session.show(commit).commit.code != "passwords = 1" for commit in forgotten.code)
    assert session.show(made).commit.code == "password = 'sesame' * 2", "code is only forgotten when that is asked for"
    session.forget(made[:8])
    assert session.show(made).commit.code is None


def test_a_value_that_is_still_bound_is_named(session: Session) -> None:
    session.run("password = ['open']; alias = password; other = 1")
    forgotten = session.forget("password")
    assert forgotten.bound == ("alias", "password")
    assert "and alias, which shared objects with it" in forgotten.messages[0]
    assert "`del alias, password`" in forgotten.messages[1]
    session.run("del alias, password")
    again = session.forget("password")
    assert again.bound == ()
    session.run("x = 1")
    session.undo()
    assert "password" not in session.namespace
    assert session.namespace["other"] == 1


def test_a_commit(session: Session) -> None:
    session.run("password = ['open']")
    made = session.head
    assert made is not None
    session.describe(made, "an earlier message says sesame")
    repository = session.repository
    earlier = repository.note_record(session.id, made)
    session.describe(made, "the password is open")
    said = repository.note_record(session.id, made)
    assert said is not None
    assert earlier is not None
    with pytest.raises(ForgottenError):
        repository.record("text", earlier)
    value = session._history.state(made)["password"]
    session.run("del password")
    forgotten = session.forget(made[:8])
    assert forgotten.messages[0] == (
        f"forgot the code and message of commit {made[:8]}, for good, and the values that it made of password"
    )
    shown = session.show(made).commit
    assert shown.code is None
    assert shown.message is None
    for kind, record in (("text", said), ("value", value)):
        with pytest.raises(ForgottenError):
            repository.record(kind, record)
    assert forgotten.code == ()


def test_bytes_that_others_hold_are_told(session: Session) -> None:
    session.run("import os\ndata = os.urandom(3_000_000)")
    session.run("twin = bytes(bytearray(data)); del data")
    told = session.forget("data").messages
    assert any("other values hold the same bytes" in text for text in told), told
    told = session.forget("twin").messages
    assert not any("other values hold the same bytes" in text for text in told), told
