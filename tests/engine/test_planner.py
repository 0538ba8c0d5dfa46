"""The restore plan is a pure function: a table of small cases, and what holds for any two states."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeslip.model import is_facet, is_name
from timeslip.planner import Plan, ValueInfo, closure, make_plan

VALUES = {
    "x1": ValueInfo(("x",), None, "bytes of x1"),
    "x2": ValueInfo(("x",), None, "bytes of x2"),
    "x1 again": ValueInfo(("x",), None, "bytes of x1"),
    "lost": ValueInfo(("g",), "a generator cannot be stored"),
    "lost again": ValueInfo(("g",), "a generator cannot be stored"),
    "y1": ValueInfo(("y",), None, "bytes of y1"),
    "xy": ValueInfo(("x", "y"), None, "bytes of xy"),
    "def": ValueInfo(("def:1",), None, "class"),
    "f1": ValueInfo(("facet:random",), None),
    "f2": ValueInfo(("facet:random",), None),
}

CASES: dict[str, tuple[dict[str, str], dict[str, str], Plan]] = {
    "nothing to nothing": ({}, {}, Plan((), (), (), (), ())),
    "the same state": ({"x": "x1"}, {"x": "x1"}, Plan(("x",), (), (), (), ())),
    "another version": ({"x": "x2"}, {"x": "x1"}, Plan((), ("x1",), (), (), ())),
    "the same bytes stored twice": ({"x": "x1 again"}, {"x": "x1"}, Plan(("x",), (), (), (), ())),
    "not live": ({}, {"x": "x1"}, Plan((), ("x1",), (), (), ())),
    "only live": ({"x": "x1", "y": "y1"}, {}, Plan((), (), (), ("x", "y"), ())),
    "known as lost": ({}, {"g": "lost"}, Plan((), (), ("lost",), (), ())),
    "lost, but live": ({"g": "lost"}, {"g": "lost"}, Plan(("g",), (), (), (), ())),
    "lost, and another one live": ({"g": "lost again"}, {"g": "lost"}, Plan((), (), ("lost",), (), ())),
    "one of two that share is missing": ({"x": "xy"}, {"x": "xy", "y": "xy"}, Plan((), ("xy",), (), (), ())),
    "two that share now, apart then":
        ({"x": "xy", "y": "xy"}, {"x": "x1", "y": "y1"}, Plan((), ("x1", "y1"), (), (), ())),
    "two apart now, that shared then":
        ({"x": "x1", "y": "y1"}, {"x": "xy", "y": "xy"}, Plan((), ("xy",), (), (), ())),
    "a definition that is not used is not dropped": ({"def:1": "def"}, {}, Plan((), (), (), (), ())),
    "a facet that moved": ({"facet:random": "f1"}, {"facet:random": "f2"}, Plan((), (), (), (), ("facet:random",))),
    "a facet that did not": ({"facet:random": "f1"}, {"facet:random": "f1"}, Plan((), (), (), (), ())),
    "a facet that was not there is left alone": ({"facet:random": "f1"}, {}, Plan((), (), (), (), ())),
}  # fmt: skip


LIVING: dict[str, tuple[dict[str, str], dict[str, str], dict[str, dict[str, str]], Plan]] = {
    "within another version": (
        {"x": "xy", "y": "xy"}, {"x": "x1"}, {"x1": {"x": "x"}}, Plan(("x",), (), (), ("y",), ())),
    "with a name less": (
        {"x": "x1"}, {"x": "xz", "z": "xz"}, {"xz": {"x": "x"}}, Plan(("x",), (), (), (), (), {"z": "x"})),
    "a name is bound to something else": (
        {"x": "x1", "z": "z9"}, {"x": "xz", "z": "xz"}, {"xz": {"x": "x"}}, Plan(("x",), (), (), (), (), {"z": "x"})),
    "one of two objects": (
        {"x": "x1"}, {"x": "xy", "y": "xy"}, {"xy": {"x": "x"}}, Plan((), ("xy",), (), (), ())),
    "no name stays": ({"z": "z1"}, {"x": "x1"}, {"x1": {"x": "z"}}, Plan((), ("x1",), (), ("z",), ())),
}  # fmt: skip


@pytest.mark.parametrize(("live", "target", "lives", "wanted"), LIVING.values(), ids=LIVING.keys())
def test_what_lives_on_is_kept(
    live: dict[str, str], target: dict[str, str], lives: dict[str, dict[str, str]], wanted: Plan
) -> None:
    values = {
        **VALUES,
        "xz": ValueInfo(("x", "z"), None, "bytes of xz", {"z": "x"}),
        "z1": ValueInfo(("z",), None),
        "z9": ValueInfo(("z",), None),
    }
    assert make_plan(live, target, values.__getitem__, lives) == wanted


@pytest.mark.parametrize(("live", "target", "wanted"), CASES.values(), ids=CASES.keys())
def test_table(live: dict[str, str], target: dict[str, str], wanted: Plan) -> None:
    assert make_plan(live, target, VALUES.__getitem__) == wanted


States = tuple[dict[str, ValueInfo], dict[str, str], dict[str, str]]
KEYS = ("a", "b", "Out[1]", "_", "def:1", "def:2", "facet:random", "facet:cwd")


@st.composite
def two_states(draw: st.DrawFn) -> States:
    """Values that can be loaded or not, and two states made of whole co-variables."""
    values: dict[str, ValueInfo] = {}
    states: list[dict[str, str]] = []
    for side in ("live", "target"):
        state: dict[str, str] = {}
        free = list(draw(st.permutations(KEYS)))[: draw(st.integers(0, len(KEYS)))]
        while free:
            count = 1 if is_facet(free[0]) else draw(st.integers(1, 3))
            keys = tuple(sorted(key for key in free[:count] if is_facet(key) == is_facet(free[0])))
            free = [key for key in free if key not in keys]
            known = [name for name, info in values.items() if info.keys == keys]
            name = draw(st.sampled_from([*known, f"{side} {'+'.join(keys)}"]))
            content = draw(st.sampled_from([None, "one", "two"]))
            values.setdefault(name, ValueInfo(keys, draw(st.sampled_from([None, None, "lost"])), content))
            state.update(dict.fromkeys(keys, name))
        states.append(state)
    return values, states[0], states[1]


def keys_of(records: tuple[str, ...], target: Mapping[str, str]) -> list[str]:
    return [key for key, record in target.items() if record in records]


@given(two_states())
def test_every_key_of_the_target_has_one_fate(states: States) -> None:
    values, live, target = states
    plan = make_plan(live, target, values.__getitem__)
    fates = [*plan.keep, *keys_of(plan.load, target), *keys_of(plan.replay, target)]
    assert sorted(fates) == sorted(key for key in target if not is_facet(key))
    assert len(set(plan.load)) == len(plan.load)
    assert not set(plan.load) & set(plan.replay)


@given(two_states())
def test_what_is_dropped_is_what_the_target_has_not(states: States) -> None:
    values, live, target = states
    plan = make_plan(live, target, values.__getitem__)
    assert list(plan.drop) == sorted(key for key in live if key not in target and is_name(key))


@given(two_states())
def test_what_is_kept_is_kept_whole_and_equal(states: States) -> None:
    values, live, target = states
    plan = make_plan(live, target, values.__getitem__)
    for key in plan.keep:
        here, there = values[live[key]], values[target[key]]
        assert live[key] == target[key] or (here.content is not None and here.content == there.content)
        assert set(there.keys) <= set(plan.keep)
    for record in plan.load:
        assert values[record].lost is None
    for record in plan.replay:
        assert values[record].lost is not None


@given(two_states())
def test_going_where_one_is_does_nothing(states: States) -> None:
    values, live, _ = states
    plan = make_plan(live, live, values.__getitem__)
    assert (plan.load, plan.replay, plan.drop, plan.facets) == ((), (), (), ())


@given(two_states())
def test_the_plan_asks_about_facets_that_differ_only(states: States) -> None:
    values, live, target = states
    plan = make_plan(live, target, values.__getitem__)
    assert set(plan.facets) == {key for key in target if is_facet(key) and live.get(key) != target[key]}


@given(two_states(), st.sets(st.sampled_from(KEYS)))
def test_some_names_bring_their_whole_co_variables(states: States, keys: set[str]) -> None:
    values, _, target = states
    found = closure(target, keys, values.__getitem__)
    assert found >= keys & target.keys()
    assert found <= target.keys()
    for key in found:
        assert set(values[target[key]].keys) <= found
    assert closure(target, found, values.__getitem__) == found
