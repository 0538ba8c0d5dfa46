"""The identity watch: true answers, no code of values run, nothing of the user's kept alive."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeslip.state.facets.watch import Watch

steady = st.one_of(st.integers(0, 3), st.lists(st.integers(0, 3), max_size=2), st.none())
groups = st.dictionaries(st.sampled_from("abc"), steady, max_size=3)


@given(before=groups, after=groups)
def test_unchanged_is_never_said_of_what_changed(before: dict[str, Any], after: dict[str, Any]) -> None:
    live, watch = dict(before), Watch()
    assert not watch.unchanged([live])
    watch.remember([live])
    assert watch.unchanged([live])
    live.clear()
    live.update(after)
    if watch.unchanged([live]):
        assert before == after


def test_a_list_changed_in_place_is_seen() -> None:
    live: dict[str, Any] = {"fonts": ["a"], "other": (1.5, 2.5)}
    watch = Watch()
    watch.remember([live])
    live["fonts"].append("b")
    assert not watch.unchanged([live])
    watch.remember([live])
    live["fonts"][0] = "c"
    assert not watch.unchanged([live])
    watch.remember([live])
    live["other"] = list(live["other"])
    assert not watch.unchanged([live])


class Hostile:
    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    __hash__ = object.__hash__


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: (x,), lambda x: {"k": x}])
def test_objects_are_not_compared_and_not_kept(wrap: Any) -> None:
    live: dict[str, Any] = {"a": 1, "b": 2}
    watch = Watch()
    watch.remember([live])
    value = Hostile()
    gone = weakref.ref(value)
    live["b"] = wrap(value)
    assert not watch.unchanged([live])
    watch.remember([live])
    assert not watch.unchanged([live])
    del value
    live["b"] = 2
    gc.collect()
    assert gone() is None


def test_skipped_keys_do_not_count() -> None:
    live: dict[str, Any] = {"a": 1, "mine": object()}
    watch = Watch(skip=frozenset({"mine"}))
    watch.remember([live])
    live["mine"] = object()
    assert watch.unchanged([live])
