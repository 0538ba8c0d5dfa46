"""What a stored value lacks is said when it is recorded and when it comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Attach = Callable[..., Any]
WITHOUT = "builtins.ZeroDivisionError: without its traceback, which holds frames that have run"


def test_an_exception_comes_back_without_its_traceback_and_says_so(attach: Attach) -> None:
    session = attach()
    session.run("try:\n    1 / 0\nexcept Exception as e:\n    err = e\nplain = ValueError(1)")
    assert dict(session.log()[0].names.inexact) == {"err": f"comes back rebuilt: {WITHOUT}"}
    session.run("err.x = plain.x = 1")
    result = session.undo()
    assert (result.fidelity["err"], result.notes["err"]) == ("rebuilt", WITHOUT)
    assert result.fidelity["plain"] == "exact"
    err = session.namespace["err"]
    assert (str(err), err.__traceback__, hasattr(err, "x")) == ("division by zero", None, False)
    session.run("unrelated = 1")
    assert session.verify().changed == {}


@pytest.mark.parametrize("again", ["undo", "resume"])
def test_a_parser_of_arguments_parses_as_before(attach: Attach, again: str) -> None:
    session = attach()
    session.run(
        "import argparse\np = argparse.ArgumentParser(prog='p')\n"
        "a = p.add_argument('--a', type=int, help=argparse.SUPPRESS)\n"
        "q = p.add_subparsers(dest='cmd').add_parser('run'); q.add_argument('n', default=[1], nargs='?')"
    )
    head = session.head
    session.run("p.add_argument('--b')")
    if again == "undo":
        assert session.undo().fidelity["p"] == "exact"
    else:
        session.close()
        session = attach()
        session.resume(head)
    space = session.namespace
    assert vars(space["p"].parse_args(["--a", "3", "run"])) == {"a": 3, "cmd": "run", "n": [1]}
    assert space["p"]._option_string_actions["--a"] is space["a"]


@pytest.mark.parametrize("again", ["undo", "resume"])
def test_a_function_that_a_context_manager_decorates_comes_back(attach: Attach, again: str) -> None:
    session = attach()
    session.run(
        "import contextlib\nlog = []\n"
        "@contextlib.contextmanager\ndef within(name):\n    log.append(name)\n    yield\n    log.append('out')"
    )
    session.run("@within('in')\ndef f(): return len(log)")
    session.run("@contextlib.asynccontextmanager\nasync def later(): yield\nmanager = later()")
    assert not session.log()[0].names.inexact
    head = session.head
    session.run("del f, within, manager")
    if again == "undo":
        result = session.undo()
    else:
        session.close()
        session = attach()
        result = session.resume(head)
    assert set(result.fidelity.values()) == {"exact"}, result.notes
    assert [eval("f()", session.namespace) for _ in range(2)] == [1, 3]
    assert session.namespace["log"] == ["in", "out"] * 2
    session.run("async def use():\n    async with manager: return 7")
    assert eval("__import__('asyncio').run(use())", session.namespace) == 7


def test_a_context_manager_that_was_entered_is_reported(attach: Attach) -> None:
    session = attach()
    session.run("import contextlib\n@contextlib.contextmanager\ndef within(): yield\nm = within()\nm.__enter__()")
    assert "generator" in session.log()[0].names.inexact["m"]
