"""What a value holds, through objects of every kind: also through those that no capture looks into.

A generator, an iterator or a bound method of C refers to its objects only for the garbage collector, an array not even
for that (`codec.holding.referred`): together that is enough to find out what two values share, unless an extension in C
holds objects without telling anybody.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import Any

from timeslip.codec.definitions import of
from timeslip.codec.holding import referred
from timeslip.codec.linking import is_atom

_MOST = 500_000
_NOT_ENTERED = (types.ModuleType, types.CodeType)
_ENTERED = (types.FunctionType, types.ModuleType, type)
"""Of what `is_atom` says that its identity means nothing, those that lead to other objects."""


def held_by(values: Iterable[Any], apart: Iterable[Any] = (), most: int = _MOST) -> dict[int, Any]:
    """Every object that *values* reach, themselves included, by address; not the text and numbers in them.

    Modules, classes that were not made at run time, and the globals of functions are not entered. The identity of text
    and numbers means nothing, and where there are millions of them, nothing else would be found among the first *most*.

    Args:
        values: where to start.
        apart: objects that are neither entered nor in the answer (the session's namespace).
        most: so many objects are looked at.
    """
    found: dict[int, Any] = {}
    skipped = {id(obj) for obj in apart}
    work = [value for value in values if id(value) not in skipped]
    while work and len(found) < most:
        obj = work.pop()
        if id(obj) in found:
            continue
        found[id(obj)] = obj
        kind = type(obj)  # `isinstance` would ask the object for its class
        if issubclass(kind, _NOT_ENTERED) or (issubclass(kind, type) and of(obj, "__module__") != "__main__"):
            continue
        scope = obj.__globals__ if type(obj) is types.FunctionType else None
        parts = [part for part in referred(obj) if not _is_plain(part)]
        work += [part for part in parts if id(part) not in found and id(part) not in skipped and part is not scope]
    return found


def _is_plain(part: Any) -> bool:
    """Whether *part* is text, a number or the like, which leads nowhere and may be shared by anybody."""
    return is_atom(part) and not issubclass(type(part), _ENTERED)


def shares(held: Mapping[int, Any], addresses: Iterable[int]) -> bool:
    """Whether one of *addresses* is held."""
    return any(address in held for address in addresses)
