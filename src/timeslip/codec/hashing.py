"""Instances that are hashed by their attributes, and may be keys of containers that they hold.

While a stream is loaded, an object is made first and given its attributes when everything they hold is there. A dict
among that may have the object as a key, and wants its hash before. So such an object is made with as much of what it
may be hashed by as cannot lead back to it.
"""

from __future__ import annotations

import datetime
import enum
import types
from collections.abc import Iterable
from typing import Any

from timeslip.codec.definitions import HEAP_TYPE
from timeslip.codec.kinds import all_slots, attributes_of, filled, is_plain

_ATOMS = frozenset(
    {
        int,
        float,
        complex,
        bool,
        str,
        bytes,
        type(None),
        type,
        types.FunctionType,
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
    }
)
_FEW = 64
"""Objects that are looked at, for one attribute, to see where it leads."""


def hashes_by_value(kind: type) -> bool:
    """Whether a class has a ``__hash__`` of its own."""
    found = next(base.__dict__["__hash__"] for base in kind.__mro__ if "__hash__" in base.__dict__)
    return found is not None and found is not object.__hash__


def early_parts(obj: Any, attributes: dict[str, Any] | None, slots: dict[str, Any]) -> dict[str, Any] | None:
    """Attributes and slots that *obj*, hashed by value, is to be made with; None when it can be no key of its own."""
    parts = {**(attributes or {}), **slots}
    if all(_ends_soon(value) for value in parts.values()):
        return None
    return {name: value for name, value in parts.items() if _leads_elsewhere(value, obj)}


def _is_atom(value: Any) -> bool:
    return type(value) in _ATOMS or isinstance(value, (enum.Enum, type))


def _ends_soon(value: Any) -> bool:
    """Whether *value* is an atom, or a short tuple or set of atoms."""
    if type(value) in (tuple, frozenset):
        return len(value) <= _FEW and all(map(_is_atom, value))
    return _is_atom(value)


def _leads_elsewhere(value: Any, obj: Any) -> bool:
    """Whether *value* is whole when it is made, and made without *obj*.

    Followed are only the ways on which one object has to be made before the other: the parts of a tuple, and what an
    object that is hashed by value is itself made with.
    """
    seen: dict[int, Any] = {}
    work = [(value, True)]
    while work:
        part, own = work.pop()
        kind = type(part)
        if part is obj or len(seen) > _FEW:
            return False
        if id(part) in seen or _is_atom(part):
            continue
        seen[id(part)] = part
        if kind in (tuple, frozenset):
            work += [(item, own) for item in part]
        elif not kind.__flags__ & HEAP_TYPE or not is_plain(kind):
            if own:  # what belongs to another instance is left out by that one
                return False
        elif hashes_by_value(kind):
            work += [(item, False) for item in _parts(part)]
    return True


def _parts(instance: Any) -> Iterable[Any]:
    yield from (attributes_of(instance) or {}).values()
    yield from filled(instance, all_slots(type(instance))).values()
