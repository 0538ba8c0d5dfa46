"""Long lists and dicts, by themselves or within short containers, as data from a file or a service often are."""

from __future__ import annotations

import sys
import types
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from timeslip.codec.addresses import addresses_in
from timeslip.codec.earlier import parted
from timeslip.codec.inline import attributes_inside, may_have_them
from timeslip.codec.kinds import all_slots, filled, held_by_class, is_of_session, references_in_lists
from timeslip.codec.linking import PLAIN_HOLDERS, is_value_tuple

MANY = 4096
"""From so many elements on a list or dict is written as islands (`codec.islands`)."""

_LOOKED_AT, _INSTANCES = 256, 16
"""So many objects within containers are looked at, and into so many instances."""

_SAMPLES = 3
"""So many elements tell whether long ones have some in common."""
_HELD_ONCE = references_in_lists(1)
_PLAIN = frozenset(map(id, PLAIN_HOLDERS))
"""By address: a class of the session may let nobody hash it."""


def is_long(value: Any) -> bool:
    """Whether *value* is long enough to be written as islands."""
    return (type(value) is list or type(value) is dict) and len(value) >= MANY


def longest(values: Iterable[Any]) -> Any:
    """The longest one of *values* that is written as islands; None where none is long enough."""
    return max(filter(is_long, values), key=len, default=None)


@dataclass(slots=True)
class Within:
    """The long lists and dicts among some values and within their short containers.

    Attributes:
        longs: these, in the order in which they are met.
        around: the others: lists, dicts, tuples, and instances of the session's classes.
        held: by address how often those around hold one of them all.
    """

    longs: list[Any]
    around: list[Any]
    held: Counter[int]


def longs_within(values: Sequence[Any], own: Container[int], is_alone: Callable[[], bool] | None = None) -> Within:
    """Look for long lists and dicts among *values* and within their short containers.

    Where there is much to look at, only what is met first, level by level: what is found depends on the value alone.

    Args:
        values: to look into.
        own: addresses of what belongs to the session and is not looked into.
        is_alone: as `Encoder.is_alone`; None to look into no instances.
    """
    found: dict[int, Any] = {}
    around: dict[int, Any] = {}
    held: Counter[int] = Counter()
    may_hold = dict.fromkeys(_PLAIN, True)
    level, left, is_top = list(values), _LOOKED_AT, True
    instances = 0
    while level:
        below: list[Any] = []
        for obj in level:
            kind = type(obj)
            if id(kind) not in may_hold:
                may_hold[id(kind)] = is_alone is not None and is_of_session(kind)
            if not may_hold[id(kind)] or id(obj) in own:
                continue
            held[id(obj)] += not is_top
            if is_long(obj):
                found[id(obj)] = obj
            elif id(obj) not in around:
                around[id(obj)] = obj
                instances += id(kind) not in _PLAIN
                if instances > _INSTANCES and id(kind) not in _PLAIN:
                    continue
                inside = obj.values() if kind is dict else obj if id(kind) in _PLAIN else _attributes(obj, is_alone)
                if len(inside) <= left:
                    left -= len(inside)
                    below += inside
        level, is_top = below, False
    return Within(list(found.values()), list(around.values()), held)


def _attributes(obj: Any, is_alone: Callable[[], bool] | None) -> list[Any]:
    """The attributes of an instance of a class of the session, in the order in which they were set, and its slots."""
    kind = type(obj)
    found = attributes_inside(obj, {}) if is_alone is not None and may_have_them(kind) and is_alone() else None
    dict_of = held_by_class(kind, "__dict__")
    if found is None and type(dict_of) is types.GetSetDescriptorType:  # and no property of the session's
        found = dict_of.__get__(obj)
    return [*filled(obj, all_slots(kind)).values(), *(found or {}).values()]


def keep_leading(within: Within) -> None:
    """Of what is around long ones keep only the lists, dicts and tuples that lead to one of them."""
    leading = set(map(id, within.longs))
    before = 0
    while before < len(leading):  # once more where something leads back
        before = len(leading)
        for obj in reversed(within.around):
            kind = type(obj)
            inside = obj.values() if kind is dict else obj if id(kind) in _PLAIN else ()
            if not leading.isdisjoint(map(id, inside)):
                leading.add(id(obj))
    within.around[:] = [obj for obj in within.around if id(obj) in leading]


def elements_around(within: Within, names: int) -> list[tuple[Any, int, int]]:
    """The elements of long ones that are around these as well: each, the number of its list or dict, and its place.

    But for tuples of nothing but numbers and text: which one that is means nothing.

    Args:
        within: of some values.
        names: how many there are. Of one nobody looks whether it is an element of its own.
    """
    around, held = within.around, within.held
    counts = list(map(sys.getrefcount, around)) if names < 2 else []  # names hold what they are bound to, too
    suspected = {
        id(obj)
        for number, obj in enumerate(around)
        if (names > 1 or (number and counts[number] > _HELD_ONCE + held[id(obj)])) and not is_value_tuple(obj)
    }
    found: list[tuple[Any, int, int]] = []
    for number, value in enumerate(within.longs if suspected else ()):
        elements = parted(value)[1]
        addresses = addresses_in(elements)
        for address in suspected.intersection(addresses):
            place = addresses.index(address)
            found.append((elements[place], number, place))
            suspected.discard(address)
    return sorted(found, key=lambda one: one[1:])


def have_elements_in_common(longs: Sequence[Any]) -> bool:
    """Whether some of *longs* seem to have containers in common, going by a few elements of each.

    Then they cannot be written as islands, which would be found out much later.
    """
    if len(longs) < 2:
        return False
    each = [parted(value) for value in longs]
    suspected = {
        id(elements[at]): number
        for number, (keys, elements) in enumerate(each)
        for at in (len(elements) * place // _SAMPLES for place in range(_SAMPLES))
        if id(type(elements[at])) in _PLAIN and sys.getrefcount(elements[at]) > _HELD_ONCE + (keys is not None)
    }
    return bool(suspected) and any(
        suspected[address] != number
        for number, (_, elements) in enumerate(each)
        for address in suspected.keys() & set(addresses_in(elements))
    )
