"""Whether nobody but a co-variable holds its arrays, and what leads to them.

What modules keep for themselves, what a library looks into without saying so, the caches of both, an index over an
array: none of that is recorded, and nobody can be asked about it. But all of it holds references, which Python counts.
So the references to an array, and to each object that leads to it, are compared with those that come from what a
capture has met. Where there are more, somebody else holds it.
"""

from __future__ import annotations

import gc
import sys
import types
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from typing import Any

from timeslip.codec.reducers.array_memory import library

_MORE = 1000
"""So many objects that were not met are looked into at least; as many as were met at most, where these are more."""

_HOLD_NOTHING = frozenset(map(id, (str, bytes, int, float, complex, bool, type(None))))
"""By address: a class of the session may let nobody hash it."""

_LEAD_AWAY = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType, types.FrameType)
"""What leads to all there is."""


def _references(objects: list[Any], place: int) -> int:
    obj = objects[place]
    return sys.getrefcount(obj)


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


def _look_into(met: list[Any], apart: set[int]) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Leave in *met* what may hold something, once, and add what it holds that was not met, as attributes are.

    Returns:
        Address -> place in *met*; and address -> the addresses of what of *met* holds it, each as often as it does.
    """
    met[:] = {id(obj): obj for obj in met if _may_hold(obj) and id(obj) not in apart}.values()
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
            if new and not issubclass(type(held), _LEAD_AWAY):
                places[address] = len(met)
                met.append(held)
    return places, holders


def _may_hold(obj: Any) -> bool:
    return id(type(obj)) not in _HOLD_NOTHING


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
