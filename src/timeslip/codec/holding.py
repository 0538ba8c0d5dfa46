"""What a live object holds, whatever its kind: also the parts of objects that cannot be stored.

A generator, a view of a dict or a reader written in C holds objects that no capture of it meets. They are found here by
asking the garbage collector, which knows the references of every kind of object.
"""

from __future__ import annotations

import gc
import sys
import types
from collections.abc import Iterable
from typing import Any

from timeslip.codec.linking import is_atom, never_links

MOST = 200_000
"""A walk gives up after so many objects."""

_CLOSED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType)
"""Never walked through: from there everything of the process can be reached."""

_RUNS = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)


def held_by(value: Any, outside: Iterable[Any]) -> frozenset[int] | None:
    """Addresses of what *value* holds at any depth, itself and closure cells excepted; None when it is too much.

    The addresses are good only as long as nothing runs that could free an object.

    Args:
        value: any object.
        outside: objects that are not walked through (the namespace, lists of the session).
    """
    closed = {id(obj) for obj in outside}
    closed.update(id(getattr(module, "__dict__", None)) for module in list(sys.modules.values()))
    found: set[int] = set()
    seen = {id(value)}
    work = [value]
    while work:
        for part in _parts(work.pop()):
            if id(part) in seen or id(part) in closed or is_atom(part) or isinstance(part, _CLOSED):
                continue
            seen.add(id(part))
            if never_links(type(part)):
                continue
            if len(seen) > MOST:
                return None
            if type(part) not in (types.CellType, types.FrameType):
                found.add(id(part))
            work.append(part)
    return frozenset(found)


def _parts(value: Any) -> list[Any]:
    """What *value* refers to directly; of what is under way, its variables and what it waits for."""
    if isinstance(value, types.FrameType):
        return list(value.f_locals.values())  # not all it refers to: that includes the globals, and who called it
    parts = gc.get_referents(value)
    if isinstance(value, _RUNS):
        for name in ("gi_frame", "cr_frame", "ag_frame", "gi_yieldfrom", "cr_await", "ag_await"):
            parts.append(getattr(value, name, None))
    return parts
