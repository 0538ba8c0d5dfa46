"""What is said of a name that does not come back exactly is what that name reaches itself."""

from __future__ import annotations

from typing import Any

from tests.engine.test_cases import Sessions, _quiet, sessions

__all__ = ["_quiet", "sessions"]  # the fixtures

GENERATOR = "builtins.generator: a generator's position cannot be stored"
LOCK = "_thread.lock: a new lock in the same position"
CELL = (
    "import threading\nbase = [1]\ng = (i for i in base); next(g)\nh = {'b': base, 'g': g}\n"
    "lk = [threading.Lock(), base]; plain = [base]; apart = [2]"
)


def told(live: Any) -> dict[str, str]:
    reasons: dict[str, str] = live.session.status().inexact
    return reasons


def test_each_name_has_its_own_reasons(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run(CELL)
    shared = f"it shares objects with g, h, which are not stored: {GENERATOR}"
    expected = {
        "base": shared,
        "g": GENERATOR,
        "h": GENERATOR,
        "lk": f"comes back rebuilt: {LOCK}",
        "plain": shared,
    }
    assert live.commits[-1].names.inexact == expected
    assert told(live) == expected
    notes = {value.name: value.note for value in live.session.show("HEAD").values}
    assert notes["g"] == f"not stored: {GENERATOR}"
    assert notes["plain"] == shared
    assert notes["lk"] == f"comes back rebuilt: {LOCK}"
    assert notes["apart"] == ""


def test_a_change_of_one_of_them_keeps_the_reasons_apart(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run(CELL, "plain.append(3)", "g = None")
    assert told(live)["plain"] == f"it shares objects with h, which is not stored: {GENERATOR}"
    assert told(live)["lk"] == f"comes back rebuilt: {LOCK}"


def test_what_only_shares_with_something_rebuilt_says_with_what(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run("import threading\nbase = [1]; lk = [threading.Lock(), base]")
    assert told(live) == {
        "base": f"it shares objects with lk, which comes back rebuilt: {LOCK}",
        "lk": f"comes back rebuilt: {LOCK}",
    }
    live.run("lk = base = None")
    assert live.session.undo().notes == {
        "base": f"it shares objects with lk, which comes back rebuilt: {LOCK}",
        "lk": LOCK,
    }


def test_what_a_function_holds_is_said_of_the_names_that_reach_it(sessions: Sessions) -> None:
    live = sessions.attach()
    live.run(
        "def make(g, base):\n    def f(): return g, base\n    return f\n"
        "base = [1]; f = make((i for i in base), base); k = [f]"
    )
    reasons = told(live)
    assert GENERATOR in reasons["f"]
    assert GENERATOR in reasons["k"]
    assert not reasons["f"].startswith("it shares")


def test_reasons_of_one_value_that_was_lost(sessions: Sessions) -> None:
    live = sessions.attach(replay="never")
    live.run(
        "base = [1]; g = (i for i in base); next(g); h = [base, g]\n"
        "async def work(): pass\nc = work(); both = [base, c]",
        "next(g, 0); c.close(); both.append(1)",
    )
    result = live.session.undo()
    assert set(result.placeholders) == {"g", "h", "c", "both"}
    assert "generator" in result.notes["h"]
    assert "coroutine" in result.notes["both"]
    assert "generator" not in result.notes["both"].partition(";")[0]
    assert "whole" in result.notes["base"]


def test_a_class_that_holds_a_lock_says_so_of_its_name_and_one_with_a_cached_property_does_not(
    sessions: Sessions,
) -> None:
    live = sessions.attach()
    live.run("import threading\nclass Locked:\n    lock = threading.Lock()")
    live.run("import functools\nclass Cached:\n    @functools.cached_property\n    def n(self): return 5")
    live.run("c = Cached(); c.n")
    reason = f"it refers to a class or function that comes back rebuilt: {LOCK}"
    assert live.commits[0].names.inexact == told(live) == {"Locked": reason}
    assert live.commits[1].names.inexact == live.commits[2].names.inexact == {}
    live.session.close()
    again = sessions.attach()
    result = again.session.resume()
    assert {name for name, fidelity in result.fidelity.items() if fidelity != "exact"} <= {"Locked"}
    namespace = again.session.namespace
    assert (vars(namespace["c"]), namespace["Cached"]().n, namespace["Cached"].n.attrname) == ({"n": 5}, 5, "n")
