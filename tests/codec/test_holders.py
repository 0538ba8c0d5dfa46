"""What tells whether nobody but a co-variable holds its arrays."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from timeslip.codec.holders import held_alone

numpy = pytest.importorskip("numpy")


class Thing:
    """Something with an attribute."""

    def __init__(self, held: Any) -> None:
        self.held = held


def asked(names: dict[str, Any], find: Any, *others: Any) -> bool:
    """Whether the array that *find* gives of ``names["d"]`` is said to be held by nothing else."""
    met, roots = [names["d"]], {id(names["d"])}
    return held_alone([find(names["d"])], met, roots, (names, *others))[0]


def test_what_leads_to_an_array_is_followed() -> None:
    names: dict[str, Any] = {"d": {"t": Thing([numpy.zeros(3)])}}
    assert asked(names, lambda d: d["t"].held[0])


@pytest.mark.parametrize("part", ["the array", "a view", "what holds it", "what holds that", "the whole"])
def test_who_else_holds_some_of_it_is_seen(part: str) -> None:
    names: dict[str, Any] = {"d": {"t": Thing([numpy.zeros(3)])}}
    thing = names["d"]["t"]
    other = {
        "the array": thing.held[0],
        "a view": thing.held[0][1:],
        "what holds it": thing.held,
        "what holds that": thing,
        "the whole": names["d"],
    }[part]
    del thing
    assert not asked(names, lambda d: d["t"].held[0])
    del other
    assert asked(names, lambda d: d["t"].held[0])


def test_other_names_for_parts_are_others() -> None:
    names: dict[str, Any] = {"d": [numpy.zeros(3)]}
    names["e"] = names["d"][0]
    assert not asked(names, lambda d: d[0])


def test_the_dicts_of_a_shell_have_names_each_once() -> None:
    names: dict[str, Any] = {"d": [numpy.zeros(3)]}
    shell = SimpleNamespace(user_ns=names, hidden={"_3": names["d"]}, last=names["d"])
    assert asked(names, lambda d: d[0], shell)
    shell.other = (names["d"],)
    assert not asked(names, lambda d: d[0], shell)
