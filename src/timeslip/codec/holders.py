"""Whether nobody but a co-variable holds its arrays, or parts of its long lists and dicts, and what leads to them.

What modules keep for themselves, what a library looks into without saying so, the caches of both, an index over an
array: none of that is recorded, and nobody can be asked about it. But all of it holds references, which Python counts.
So the references to an array, and to each object that leads to it, are compared with those that come from what a
capture has met. Where there are more, somebody else holds it. Likewise those to the parts of a long list: whoever has
copied the list has its parts.
"""

from __future__ import annotations

import gc
import sys
import types
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sized
from itertools import compress
from typing import Any

from timeslip.codec.captured import Island
from timeslip.codec.collecting import uncollected
from timeslip.codec.definitions import of
from timeslip.codec.kinds import references_in_lists
from timeslip.codec.linking import PLAIN_HOLDERS, is_value_tuple
from timeslip.codec.reducers.array_memory import library

_MORE = 1000
"""So many objects that were not met are looked into at least; as many as were met at most, where these are more."""

_HOLD_NOTHING = frozenset(map(id, (str, bytes, int, float, complex, bool, type(None))))
"""By address: a class of the session may let nobody hash it."""

_FAILED = 3
"""When of so many islands something was held elsewhere, those are not looked at closely that look like it."""

_LEAD_AWAY = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType, types.FrameType)
"""What leads to all there is."""


def _references(objects: list[Any], place: int) -> int:
    """So many references there are. No variable: while code is traced, the locals of a frame hold it once more."""
    return sys.getrefcount(objects[place])


_WITHIN = _references([object()], 0)
"""How many of these references come from asking."""


def held_alone(
    arrays: list[Any], met: list[Any], roots: Container[int], names: Iterable[Any], apart: Iterable[Any] = ()
) -> list[bool]:
    """Of each of *arrays* whether all that holds it is among what was *met*, and likewise all that holds that.

    It may be False of one that nobody else holds, because not all of these holders can be found; never the opposite.

    Args:
        arrays: each once; the caller has no other reference to them.
        met: what a capture has met that was released; likewise. What is found of their holders is put into it.
        roots: addresses of what the names of the co-variable are bound to.
        names: containers, and objects with attributes, in which that may be under a name.
        apart: of *met*, what is no part of the co-variable.
    """
    places, holders = _look_into(met, {id(obj) for obj in (*names, *apart)})
    counts = Counter(map(id, arrays))
    for holder in _containers(names):
        counts.update(filter(roots.__contains__, map(id, gc.get_referents(holder))))
    known: dict[int, bool] = {}

    def is_alone(address: int) -> bool:
        if address not in known:
            place, there = places.get(address), counts[address] + len(holders.get(address, ()))
            known[address] = place is not None and _references(met, place) - _WITHIN == there
        return known[address]

    found = []
    for at in range(len(arrays)):
        work = _owners(arrays[at])
        seen = set(work)
        while work and is_alone(work[-1]):
            more = set(holders.get(work.pop(), ())) - seen
            seen |= more
            work += more
        found.append(not work)
    return found


def islands_alone(
    whole: list[Any], islands: Mapping[int, tuple[Island, int]], named: Mapping[int, int]
) -> dict[int, tuple[Island, int]]:
    """Those of some *islands* of which nobody but their list or dict, and some names, holds a list, dict or tuple.

    Tuples of nothing but numbers and text do not count. Nobody else holds the list or dict either, or there are none.

    Args:
        whole: only the list or dict, of plain objects, which the caller has no other reference to.
        islands: under any key, one of its islands, and its first element.
        named: address -> how often these names hold what is there.
    """
    with uncollected():
        if _references(whole, 0) - _WITHIN != named.get(id(whole[0]), 0):
            return {}
        elements, more, failed = whole[0], 0, 0
        if type(elements) is dict:
            elements, more = list(elements.values()), 1
        found = {}
        for key, (island, first) in islands.items():
            after = first + island.count
            alone = _looks_alone(elements[first:after], island.links, more)
            if not alone and failed < _FAILED:
                alone = _is_alone(elements[first:after], named, more)
                failed += not alone
            if alone:
                found[key] = islands[key]
    return found


def each_alone(objects: list[Any], held: Mapping[int, int]) -> bool:
    """Whether nobody but those that are known holds one of some lists, dicts and tuples.

    Tuples of nothing but numbers and text do not count.

    Args:
        objects: each once; the caller has no other reference to them.
        held: address -> how often what is there is known to be held.
    """
    return all(
        _references(objects, place) - _WITHIN == held.get(id(objects[place]), 0) or is_value_tuple(objects[place])
        for place in range(len(objects))
    )


def _looks_alone(part: list[Any], links: Sized, more: int) -> bool:
    """Whether of the elements in *part*, and below, each list, dict and tuple is held once.

    Args:
        part: the elements, which the caller has not kept.
        links: of their island.
        more: so many lists have the elements besides.
    """
    usual = references_in_lists(2)
    expected, left = usual + more, len(links)
    kinds = set(map(type, part))
    if kinds.isdisjoint(PLAIN_HOLDERS):
        return True
    if not kinds <= PLAIN_HOLDERS:
        part[:] = [obj for obj in part if type(obj) in PLAIN_HOLDERS]
    while part:
        counts = list(map(sys.getrefcount, part))
        if counts.count(expected) == len(part):
            left -= len(part)
            if left == 0:  # each is another one, and there are no more
                return True
        elif all(map(is_value_tuple, compress(part, map(expected.__lt__, counts)))):
            left = -1
        else:  # as of one in each circle, too
            return False
        part, expected = [obj for obj in gc.get_referents(*part) if type(obj) in PLAIN_HOLDERS], usual
    return True


def _is_alone(part: list[Any], named: Mapping[int, int], more: int) -> bool:
    """As `_looks_alone`, with the references that lists, dicts and tuples on the island itself and names have."""
    counts = Counter(map(id, part))
    known: dict[int, Any] = {}
    elements = set(counts)
    while part:
        part[:] = list(compress(part, map(PLAIN_HOLDERS.__contains__, map(type, part))))
        new = {id(obj): obj for obj in part if id(obj) not in known}
        known |= new
        part[:] = gc.get_referents(*new.values())
        counts.update(map(id, part))
    met = list(known.values())
    new = known = {}
    held = list(map(sys.getrefcount, met))
    own = references_in_lists(1)
    for place, count in enumerate(held):
        obj = met[place]
        address = id(obj)
        there = counts[address] + named.get(address, 0) + (more if address in elements else 0)
        if count - own != there and not is_value_tuple(obj):
            return False
    return True


def _look_into(met: list[Any], apart: set[int]) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Leave in *met* what may hold something, once, and add what it holds that was not met, as attributes are.

    Returns:
        Address -> place in *met*; and address -> the addresses of what of *met* holds it, each as often as it does.
    """
    leads = _Leads()
    met[:] = {id(obj): obj for obj in met if leads(obj) and id(obj) not in apart}.values()
    places = {address: place for place, address in enumerate(map(id, met))}
    holders: dict[int, list[int]] = {}
    limit, done = len(met) + max(len(met), _MORE), 0
    while done < len(met):
        obj = met[done]
        done += 1
        for held in filter(_may_hold, _held_by(obj)):
            address = id(held)
            known = holders.get(address)
            if known is not None:
                known.append(id(obj))
                continue
            holders[address] = [id(obj)]
            new = address not in places and address not in apart and len(met) < limit
            if new and leads(held):
                places[address] = len(met)
                met.append(held)
    return places, holders


def _may_hold(obj: Any) -> bool:
    return id(type(obj)) not in _HOLD_NOTHING


class _Leads:
    """Whether an object may lead to an array without leading to all there is, as classes, modules and functions do.

    Called with the object. Those functions too that compilers make, which have the globals of their module.
    """

    def __init__(self) -> None:
        self._known: dict[int, bool] = {}
        """By address of a class, which its instances keep there."""

    def __call__(self, obj: Any) -> bool:
        kind = type(obj)
        found = self._known.get(id(kind))
        if found is None:
            found = _may_hold(obj) and not issubclass(kind, _LEAD_AWAY)
            found = found and not any("__globals__" in of(base, "__dict__") for base in of(kind, "__mro__"))
            self._known[id(kind)] = found
        return found


def _containers(names: Iterable[Any]) -> Iterator[Any]:
    """*names*, each once, with the attributes of what is no dict and the dicts among these, as those of a shell."""
    found: dict[int, Any] = {}
    for holder in names:
        found[id(holder)] = holder
        attributes = getattr(holder, "__dict__", None)
        if type(attributes) is dict:
            found[id(attributes)] = attributes
            found.update((id(value), value) for value in attributes.values() if type(value) is dict)
    return iter(found.values())


def _held_by(obj: Any) -> list[Any]:
    """What *obj* holds; what the memory of an array belongs to, it does not tell of itself."""
    held = gc.get_referents(obj)
    if issubclass(type(obj), library().ndarray) and obj.base is not None:
        held.append(obj.base)
    return held


def _owners(array: Any) -> list[int]:
    """The addresses of *array* and of the arrays that it is a view of."""
    found, ndarray = [id(array)], library().ndarray
    while issubclass(type(array.base), ndarray):
        array = array.base
        found.append(id(array))
    return found
