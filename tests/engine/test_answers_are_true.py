"""What verbs say of what they did."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import timeslip
from timeslip.errors import NameTakenError

Attach = Callable[..., Any]


def test_what_a_partial_checkout_cuts_off_is_said(attach: Attach) -> None:
    session = attach()
    session.run("a = [0]; L = [1]; o = 1")
    session.run("a[0] = 1; L.append(2); v = [a]; box = [L]; o = 2")
    expected = ("box shared objects with L, and keeps those it has", "v shared objects with a, and keeps those it has")
    assert session.checkout("HEAD~1", "a", "L", dry_run=True).messages == expected
    assert session.checkout("HEAD~1", "a", "L").messages == expected
    assert session.namespace["box"] == [[1, 2]]
    assert session.checkout("HEAD~1", "o").messages == ()


def test_a_difference_from_the_live_state(attach: Attach) -> None:
    session = attach()
    session.run("a = 1")
    session.run("a = 2; b = 1")
    there, back = session.diff("HEAD~1", "."), session.diff(".", "HEAD~1")
    assert [(value.name, value.change, value.summary) for value in there.values] == [
        ("a", "changed", "1 -> 2"),
        ("b", "created", "int: 1"),
    ]
    assert next((value.name, value.change, value.summary) for value in back.values) == ("a", "changed", "2 -> 1")
    assert back.values[1].change == "deleted"
    assert (back.a_live, back.b_live, there.a_live, there.b_live) == (True, False, False, True)
    assert back.b == there.a


def test_a_name_of_python_itself_is_not_hidden_by_get(attach: Attach) -> None:
    session = attach()
    session.run("a = 1")
    head = session.head
    with pytest.raises(NameTakenError, match="would hide Python's own 'print'"):
        session.get("HEAD", "a", "print")
    assert session.head == head


def test_undo_names_the_run_that_a_thread_went_on_after(attach: Attach) -> None:
    session = attach()
    goes = threading.Event()
    session.namespace["goes"] = goes
    session.run(
        "import threading\nL = []\nt = threading.Thread(target=lambda: (goes.wait(10), L.append(1)))\nt.start()"
    )
    session.run("model = 42")
    goes.set()
    session.namespace["t"].join()
    result = session.undo()
    assert [(step.kind, step.commit.code) for step in result.went] == [("run", "model = 42")]
    assert "model" not in session.namespace


def test_a_script_is_not_told_that_its_own_names_are_kept(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import __main__

    monkeypatch.setattr(__main__, "__file__", str(tmp_path / "script.py"), raising=False)
    before = dict(vars(__main__))
    try:
        with timeslip.attach(namespace=vars(__main__), store=tmp_path, name="script", min_free_bytes=0) as session:
            session.run("x_of_the_script = [3, 1, 2]")
            session.run("x_of_the_script.sort()")
            assert session.undo().messages == ()
            assert __main__.x_of_the_script == [3, 1, 2]  # type: ignore[attr-defined]
    finally:
        for name in vars(__main__).keys() - before.keys():
            delattr(__main__, name)


def test_a_part_of_a_name_means_another_session_than_this(attach: Attach) -> None:
    first = attach(name="session-one")
    first.run("x = 1")
    first.close()
    second = attach(name="session-two")
    assert second.resume(from_="session").fidelity == {"x": "exact"}


def test_a_temporary_file_stays_the_one_it_is(attach: Attach) -> None:
    session = attach()
    session.run(
        "import tempfile, os\nt = tempfile.NamedTemporaryFile('w+'); t.write('important'); t.flush(); m = {'f': t}"
    )
    session.run("m['n'] = 1")
    dry = session.undo(dry_run=True)
    result = session.undo()
    assert dry.fidelity == result.fidelity == {"m": "exact", "os": "exact", "t": "exact", "tempfile": "exact"}
    assert eval("os.path.exists(t.name) and m['f'] is t and m.keys() == {'f'}", session.namespace)
    session.namespace["t"].close()


def test_what_refers_to_a_class_that_cannot_be_stored_is_named_by_status(attach: Attach) -> None:
    session = attach()
    commit = session.run("class C:\n    going = (i for i in 'ab')\nx = [C()]\nn = 1").commit
    session.run("n = 2")
    assert set(commit.names.inexact) == set(session.status().inexact) == {"C", "x"}
