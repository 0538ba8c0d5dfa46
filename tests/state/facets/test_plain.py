"""The plain form of values: canonical, complete for what it claims, closed to the rest."""

from __future__ import annotations

import enum
import math
import re
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeslip.state.facets.plain import NotPlainError, text_of, value_of

atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(max_size=9),
    st.text(st.characters(categories=["Cs"]), max_size=3),
)
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.frozensets(st.one_of(st.integers(), st.text()), max_size=4),
        st.sets(st.integers(), max_size=4),
    ),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return bool(a == b) and (not isinstance(a, float) or math.copysign(1, a) == math.copysign(1, b))


@given(values)
def test_round_trip(value: Any) -> None:
    text = text_of(value)
    assert same(value_of(text), value)
    assert text_of(value_of(text)) == text
    assert text.isascii()


@pytest.mark.parametrize(
    "value", [DeprecationWarning, re.RegexFlag, re.compile("a(b)?", re.I | re.S), re.compile(b"x"), float("inf")]
)
def test_named_and_odd_atoms_round_trip(value: Any) -> None:
    assert value_of(text_of(value)) == value


def test_not_a_number_and_format_methods() -> None:
    assert math.isnan(value_of(text_of(float("nan"))))
    assert value_of(text_of("{:,.2f}".format))(1234.5) == "1,234.50"


def test_numbers_of_different_types_differ() -> None:
    assert len({text_of(value) for value in (1, 1.0, True, "1", [1], (1,), {1})}) == 7


class Text(str):
    __slots__ = ()


class Colour(enum.Enum):
    RED = 1


class Hostile:
    """Every way of being looked at raises."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(name)

    def __eq__(self, other: object) -> bool:
        raise AssertionError("eq")

    __hash__ = None  # type: ignore[assignment]


def _local() -> type:
    class Local(Warning):
        pass

    return Local


@pytest.mark.parametrize(
    "make",
    [
        lambda: Text("x"),
        object,
        lambda: Colour.RED,
        lambda: len,
        lambda: print,
        lambda: [].append,
        Hostile,
        lambda: [Hostile()],
        _local,
        lambda: _local()(),
        lambda: range(3),
    ],
)
def test_other_things_are_refused_without_touching_them(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Colour, "__module__", "__main__")
    with pytest.raises(NotPlainError):
        text_of(make())


@pytest.mark.skipif(not hasattr(sys, "get_int_max_str_digits"), reason="this Python prints any number")
def test_a_number_that_may_not_be_printed_is_refused() -> None:
    with pytest.raises(NotPlainError, match="too long"):
        text_of(10**6000)


def test_what_refers_to_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    for value in (loop, [[]] * 6000):
        with pytest.raises(NotPlainError):
            text_of(value)


@pytest.mark.parametrize("text", ['["c","no_such_module_x","K"]', '["c","os","nothing"]', '["zz"]', "[]"])
def test_names_that_do_not_exist_are_refused(text: str) -> None:
    with pytest.raises(NotPlainError):
        value_of(text)
