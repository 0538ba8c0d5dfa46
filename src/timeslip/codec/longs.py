"""Long lists and dicts, by themselves or within short containers, as data from a file or a service often are."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from typing import Any

from timeslip.codec.addresses import addresses_in
from timeslip.codec.earlier import parted
from timeslip.codec.kinds import references_in_lists
from timeslip.codec.linking import PLAIN_HOLDERS

MANY = 4096
"""From so many elements on a list or dict is written as islands (`codec.islands`)."""

_LOOKED_AT = 256
"""So many objects within containers are looked at."""

_SAMPLES = 3


def is_long(value: Any) -> bool:
    """Whether *value* is long enough to be written as islands."""
    return (type(value) is list or type(value) is dict) and len(value) >= MANY


def longest(values: Iterable[Any]) -> Any:
    """The longest one of *values* that is written as islands; None where none is long enough."""
    return max(filter(is_long, values), key=len, default=None)


def longs_within(values: Sequence[Any], own: Container[int]) -> tuple[list[Any], Counter[int]]:
    """The long lists and dicts among *values* and within their short lists, dicts and tuples.

    Where there is much to look at, those that are met first, level by level: what is found depends on the value alone.

    Args:
        values: to look into.
        own: addresses of what belongs to the session and is not looked into.

    Returns:
        Each once, in the order in which they are met; and by address how often those are held by what is not long.
    """
    found: dict[int, Any] = {}
    held: Counter[int] = Counter()
    seen: set[int] = set()
    level, left, is_top = list(values), _LOOKED_AT, True
    while level:
        below: list[Any] = []
        for obj in level:
            if type(obj) not in PLAIN_HOLDERS or id(obj) in own:
                continue
            if is_long(obj):
                found[id(obj)] = obj
                held[id(obj)] += not is_top
            elif id(obj) not in seen and len(obj) <= left:
                seen.add(id(obj))
                left -= len(obj)
                below += obj.values() if type(obj) is dict else obj
        level, is_top = below, False
    return list(found.values()), held


def have_elements_in_common(longs: Sequence[Any]) -> bool:
    """Whether some of *longs* seem to have containers in common, going by a few elements of each.

    Then they cannot be written as islands, which would be found out much later.
    """
    if len(longs) < 2:
        return False
    each = [parted(value) for value in longs]
    suspected = [
        (number, id(elements[at]))
        for number, (keys, elements) in enumerate(each)
        for at in (len(elements) * place // _SAMPLES for place in range(_SAMPLES))
        if type(elements[at]) in (list, dict) and sys.getrefcount(elements[at]) > _HELD_ONCE + (keys is not None)
    ]
    if not suspected:
        return False
    there = [addresses_in(elements) for _, elements in each]
    return any(
        address in there[other] for number, address in suspected for other in range(len(each)) if other != number
    )


_HELD_ONCE = references_in_lists(1)
