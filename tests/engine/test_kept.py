"""What a restore does not have to change stays the very same object, whatever died or was redefined in between."""

from __future__ import annotations

import pytest
from tests.engine.test_cases import Sessions, _quiet, sessions

__all__ = ["_quiet", "sessions"]  # the fixtures

HOLD = "def hold(x): return lambda: x\nget = hold(c)"
SEEN = "def f(v, seen=[]): seen.append(v); return seen"
CASES = {
    "a closure made again": ["a = [1, 2]; b = a; c = {'k': a}", HOLD, HOLD, "exec('h = [0]; x = h')"],
    "a function whose default was given away": [SEEN, "r = f(5)", SEEN, "y = 1"],
    "a definition that died": ["c = [1]", HOLD, "get = None", "y = 1"],
    "a class made again": ["class A: pass\na = A(); l = [a]", "class A: pass\nb = A()", "y = 1"],
    "globals of a function": ["g = {'x': [1]}; exec('def f(): return x', g); f = g['f']", "l = [g]", "y = 1"],
}


@pytest.mark.parametrize("name", CASES)
def test_an_undone_run_leaves_alone_what_it_did_not_touch(name: str, sessions: Sessions) -> None:
    cells = CASES[name]
    live = sessions.attach()
    live.run(*cells[:-1])
    before = dict(live.namespace)
    live.run(cells[-1])
    assert live.session.undo().loaded == ()
    assert {key: id(value) for key, value in live.namespace.items()} == {
        key: id(value) for key, value in before.items()
    }
    assert live.session.checkout("HEAD").loaded == ()
    assert [commit.kind for commit in live.session.log(all=True)] == ["run"] * len(cells)
