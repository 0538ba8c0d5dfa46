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
