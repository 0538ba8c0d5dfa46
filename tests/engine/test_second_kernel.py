"""Two kernels on one session: who holds it, which state is the session's, and what `resume` brings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import timeslip
from timeslip.errors import NameNotFoundError
from timeslip.history import History, main_head
from timeslip.session import Session


@pytest.fixture
def attach(tmp_path: Path) -> Iterator[Callable[[], Any]]:
    made: list[Any] = []

    def attach() -> Any:
        made.append(timeslip.attach({"__name__": "__main__"}, store=tmp_path / "s", name="one", min_free_bytes=0))
        return made[-1]

    yield attach
    for session in made:
        session.close()


def test_a_guest_is_on_a_branch_of_its_own(attach: Callable[[], Any]) -> None:
    host = attach()
    host.run("x = 1")
    guest = attach()
    assert guest.branch_name == "main-2"
    assert "another kernel" in guest.notices()[0]
    assert guest.status().shared
    assert guest.status().resumable == host.head
    guest.run("y = 1")
    assert guest.notices() == ["this step creates branch main-2"]
    host.run("x = 2")
    assert {ref.name: ref.commit for ref in host.branch()} == {"main": host.head, "main-2": guest.head}


def test_resume_in_a_guest_brings_what_the_host_has_now(attach: Callable[[], Any]) -> None:
    host = attach()
    host.run("x = 1")
    guest = attach()
    host.run("x = 2")
    assert guest.resume().commit == host.head
    assert guest.namespace["x"] == 2
    assert guest.status().next_branch == "main-2"
    assert guest.run("x = 3").commit.branch == "main-2"
    assert host.status().at_tip


@pytest.mark.parametrize("last", ["host", "guest"])
def test_when_both_are_gone_the_state_is_the_hosts(last: str, attach: Callable[[], Any]) -> None:
    host = attach()
    host.run("x = 'host'")
    guest = attach()
    guest.run("x = 'guest'")
    if last == "host":
        host.run("y = 1")
    head = host.head
    for session in (host, guest):
        session.close()
    third = attach()
    stored = History(third.repository, third.id)
    assert stored.head == head, "for commands without a kernel, too"
    told = [notice for notice in third.notices() if "resume main-2" in notice]
    assert len(told) == 1
    assert third.branch_name == "main"
    assert third.resume().commit == head
    assert third.namespace["x"] == "host"
    third.close()
    fourth = attach()
    assert fourth.notices() == [], "what was said is not said again"
    fourth.resume("main-2")
    assert (fourth.namespace["x"], fourth.branch_name) == ("guest", "main-2")


def test_a_guest_that_is_left_alone_holds_the_session(attach: Callable[[], Any]) -> None:
    host = attach()
    host.run("x = 'host'")
    guest = attach()
    guest.run("x = 'guest'")
    host.close()
    guest.run("y = 1")
    assert not guest.status().shared
    found = main_head(guest.repository, guest.id)
    assert found is not None
    assert found.commit == guest.head
    assert attach().status().shared, "and whoever comes now is its guest"
    guest.close()
    after = attach()
    assert after.resume().commit == guest.head


def test_a_new_kernel_looks_at_where_the_session_was(attach: Callable[[], Any]) -> None:
    first = attach()
    first.run("x = 1")
    first.run("x = 2")
    first.run("y = 1")
    first.undo()
    head = first.head
    first.close()
    second = attach()
    assert second.head is None
    assert [commit.code for commit in second.log()] == ["x = 2", "x = 1"]
    assert len(second.log(all=True)) == 3
    assert [commit.code for commit in second.blame("x")] == ["x = 2", "x = 1"]
    assert second.show("HEAD").commit.id == head
    (told,) = second.diff().values
    assert (told.name, told.summary) == ("x", "1 -> 2")
    (told,) = second.diff("HEAD~1").values
    assert (told.name, told.summary) == ("x", "1 -> 2")
    with pytest.raises(NameNotFoundError) as raised:
        second.blame("z")
    assert raised.value.hint == "names: x"
    assert not second.ops()[0].kind.startswith("live"), "looking records nothing"


# ---- what In[n] means, and whose run was the last


def cells(session: Session, *codes: str, first: int = 1) -> None:
    """Run *codes* as cells with execution counts."""
    for count, code in enumerate(codes, first):
        exec(code, session.namespace)
        session.record(code, execution_count=count)


def test_a_number_means_the_run_of_this_kernel(tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = timeslip.attach({}, store=store, name="s", min_free_bytes=0)
    cells(first, "x = 'a'", "x = 'b'", "x = 'c'")
    first.close()
    second = timeslip.attach({}, store=store, name="s", min_free_bytes=0)
    second.resume()
    assert second.show("In[2]").commit.code == "x = 'b'"
    (said,) = second.notices()
    assert said.startswith("In[2] is a run of another kernel than the present one: commit ")
    assert second.show("In[2]").commit.id[:8] in said
    second.notices()
    cells(second, "x = 'd'", "x = 'e'")
    assert second.show("In[2]").commit.code == "x = 'e'"
    assert second.notices() == []
    assert second.show("In[3]").commit.code == "x = 'c'"
    assert len(second.notices()) == 1
    second.close()


def test_a_number_of_a_kernel_beside_this_one(tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = timeslip.attach({}, store=store, name="s", min_free_bytes=0)
    second = timeslip.attach({}, store=store, name="s", min_free_bytes=0)
    cells(first, "x = 'first 1'", "x = 'first 2'")
    cells(second, "x = 'second 1'")
    cells(first, "x = 'first 3'", first=3)
    second.notices()
    assert first.show("In[1]").commit.code == "x = 'first 1'"
    assert second.show("In[1]").commit.code == "x = 'second 1'"
    assert first.notices() == second.notices() == []
    second.checkout("In[2]")
    assert second.namespace["x"] == "first 2"
    assert second.notices()[0].startswith("In[2] is a run of another kernel")
    assert [session.status().last.code for session in (first, second)] == ["x = 'first 3'", "x = 'second 1'"]  # type: ignore[union-attr]
    first.undo()
    assert first.status().last.code == "x = 'first 3'"  # type: ignore[union-attr]
    first.close()
    second.close()
    third = timeslip.attach({}, store=store, name="s", min_free_bytes=0)
    assert third.status().last is None, "it has not run anything"
    third.close()
