"""Differences of mappings and lists: the laws every facet relies on."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeslip.errors import FacetError
from timeslip.state.facets.differences import ListDifference, MapDifference, parsed

keys = st.sampled_from("abcde")
texts = st.sampled_from(["1", "1.0", "true", "null", '"x"', '["l",1]'])
maps = st.dictionaries(keys, texts)
lists = st.lists(st.sampled_from(['"a"', '"b"', '"c"', '"d"']), max_size=7)


def applied(difference: MapDifference, document: dict, current: dict[str, str]) -> dict[str, str]:
    steps = difference.steps(document, current)
    assert not steps.unknown
    result = {**current, **steps.put}
    for key in steps.drop:
        del result[key]
    return result


@given(baseline=maps, then=maps, now=maps)
def test_a_mapping_comes_back_in_the_same_process(
    baseline: dict[str, str], then: dict[str, str], now: dict[str, str]
) -> None:
    difference = MapDifference(baseline)
    assert applied(difference, difference.document(then), now) == then


@given(baseline=maps, then=maps, other=maps, now=maps, third=maps)
def test_what_was_recorded_elsewhere_stays_recorded(
    baseline: dict[str, str], then: dict[str, str], other: dict[str, str], now: dict[str, str], third: dict[str, str]
) -> None:
    document = MapDifference(baseline).document(then)
    difference = MapDifference(other)
    restored = applied(difference, document, now)
    assert difference.document(restored) == document
    untouched = {*baseline, *then}
    assert all(restored[key] == other[key] for key in other.keys() - untouched)
    assert difference.document(applied(difference, document, third)) == document


@given(baseline=lists, then=lists, now=lists)
def test_a_list_comes_back_in_the_same_process(baseline: list[str], then: list[str], now: list[str]) -> None:
    difference = ListDifference(baseline)
    assert difference.target(json.loads(json.dumps(difference.document(then))), now) == then


@given(baseline=lists, then=lists, other=lists)
def test_a_list_is_put_on_top_of_another_baseline(baseline: list[str], then: list[str], other: list[str]) -> None:
    document = ListDifference(baseline).document(then)
    difference = ListDifference(other)
    target = difference.target(document, other)
    added = [json.dumps(value) for _, value in document.get("added", ())]
    rest = iter(target)
    assert all(text in rest for text in added)  # all there, in their order
    removed = {json.dumps(value) for value, _ in document.get("removed", ())}
    for text in set(other) - removed:
        assert text in target
    again = ListDifference(other)
    assert again.target(difference.document(target), other) == target


def test_positions_count_from_the_end_for_what_was_appended() -> None:
    document = ListDifference(['"a"', '"b"']).document(['"a"', '"b"', '"new"'])
    assert ListDifference(['"x"', '"y"', '"z"']).target(document, ()) == ['"x"', '"y"', '"z"', '"new"']


def test_odd_values_are_neither_recorded_nor_lost() -> None:
    difference = ListDifference(['"a"'])
    with_odd = ["!7", '"a"']
    assert difference.document(with_odd) == {"left": 1}
    assert difference.target({"left": 1}, with_odd) == with_odd
    assert difference.target({}, with_odd) == ['"a"']
    mapping = MapDifference({"k": "1", "other": "2"})
    document = mapping.document({"k": "!7", "other": "2"})
    assert document == {"left": ["k"]}
    assert mapping.steps(document, {"k": "!7", "other": "3"}).put == {"other": "2"}
    assert mapping.steps({}, {"k": "!7", "other": "2"}).put == {"k": "1"}
    assert mapping.steps(document, {"k": "1", "other": "2"}).unknown == ["k"]


@pytest.mark.parametrize("data", [b"", b"nonsense", b"[1]", b"\xff"])
def test_bytes_of_another_making_are_refused(data: bytes) -> None:
    with pytest.raises(FacetError):
        parsed(data)
