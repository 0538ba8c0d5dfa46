"""The judge of the real notebooks must see each kind of fault, and only faults."""

from __future__ import annotations

from typing import Any

from notebook_verdicts import Journey, Result, Trace, Visit, acquit, judge


def state(aliases: tuple[tuple[str, ...], ...] = (), **digests: str) -> dict[str, Any]:
    return {
        "digests": digests,
        "aliases": [list(group) for group in aliases],
        "shared_memory": [],
        "kinds": dict.fromkeys(digests, "list"),
        "picklable": dict.fromkeys(digests, True),
    }


def trace(*states: dict[str, Any]) -> Trace:
    return Trace(states=list(states), commits=[str(n) for n in range(len(states))])


def verdict(now: dict[str, Any], fidelity: dict[str, str] | None = None, live: dict[str, Any] | None = None) -> Result:
    bare = state(a="1", b="2", t="9")
    visit = Visit(0, fidelity or {}, {}, 0.1, now)
    result = Result("n")
    judge(result, [trace(bare), trace(state(a="1", b="2", t="8"))], Journey(trace(live or bare), [visit]))
    acquit(result, {0: {"b": "own"}})
    return result


def test_as_it_must_be() -> None:
    result = verdict(state(a="1", b="2", t="7"), {"b": "rebuilt"})
    assert not result.failed
    assert (result.names, result.unstable) == (2, 1)
    assert dict(result.fidelity) == {"exact": 1, "rebuilt": 1}


def test_a_wrong_value_a_missing_name_and_a_new_name() -> None:
    assert len(verdict(state(a="x", b="2", t="9")).wrong) == 1
    assert len(verdict(state(b="2", t="9")).wrong) == 1
    assert len(verdict(state(a="1", b="2", t="9", new="5")).wrong) == 1


def test_what_the_own_pickling_changes_is_told_apart() -> None:
    result = verdict(state(a="1", b="own", t="9"))
    assert len(result.own_pickling) == 1
    assert not result.failed


def test_a_new_alias_is_wrong() -> None:
    assert verdict(state((("a", "b"),), a="1", b="2", t="9")).wrong == ["cell 1: a, b are now aliases"]


def test_lost_is_a_failure_only_for_what_pickles() -> None:
    result = verdict(state(a="1", b="placeholder", t="9"), {"b": "lost"})
    assert result.failed
    assert result.fidelity["lost"] == 1


def test_attaching_that_changes_a_value() -> None:
    assert verdict(state(a="1", b="2", t="9"), live=state(a="x", b="2", t="9")).attached == ["cell 1: a"]
