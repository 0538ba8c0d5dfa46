"""What a live object holds, whatever its kind: also the parts of objects that cannot be stored.

A generator, a view of a dict or a reader written in C holds objects that no capture of it meets. They are found here by
asking the garbage collector, which knows the references of every kind of object.
"""

from __future__ import annotations

import collections
import gc
import sys
import types
from collections.abc import Iterable, Set
from itertools import chain
from typing import Any

from timeslip.codec.definitions import is_a, of
from timeslip.codec.hidden import frame_locals, frame_parts, holds_state, stands_alone
from timeslip.codec.linking import is_atom, never_links

MOST = 200_000
"""A walk gives up after so many objects."""

_CLOSED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType)
"""Never walked through: from there everything of the process can be reached. Classes and functions that are state of
their own come back in place; what only a value holds (`held_by`) are functions and classes that nobody has named."""

_RUNS = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)


def held_by(value: Any, closed: Set[int]) -> frozenset[int] | None:
    """Addresses of what *value* holds at any depth, itself and closure cells excepted; None when it is too much.

    The addresses are good only as long as nothing runs that could free an object.

    Args:
        value: any object.
        closed: addresses of what is not walked through: `not_entered`, of the session's classes and functions, too.
    """
    found: set[int] = set()
    seen = {id(value)}
    work = [value]
    looked = 0
    while work:
        parts = _parts(work.pop())
        looked += len(parts)
        if looked > 20 * MOST:  # numbers, text and the like count less, but they count
            return None
        for part in parts:
            if id(part) in seen or id(part) in closed or not (_is_entered(part) or _is_unnamed(part)):
                continue
            seen.add(id(part))
            if len(seen) > MOST:
                return None
            if type(part) not in (types.CellType, types.FrameType):
                found.add(id(part))
            work.append(part)
    return frozenset(found)


def held_while_under_way(value: Any) -> list[Any]:
    """What a coroutine or generator holds itself, and what those that it waits for do."""
    found: list[Any] = []
    seen: set[int] = set()
    work = [value]
    while work:
        part = work.pop()
        if type(part) in _RUNS and id(part) not in seen:
            seen.add(id(part))
            parts = _parts(part)
            found += parts
            work += parts
    return found


def objects_at(addresses: Set[int], values: Iterable[Any], closed: Set[int]) -> dict[int, Any]:
    """Objects at *addresses* that *values* hold, by address; the nearest first, and a large value not to its end.

    Args:
        addresses: what to look for.
        values: where.
        closed: as for `held_by`.
    """
    found: dict[int, Any] = {}
    work: collections.deque[Any] = collections.deque(values)
    seen = set(map(id, work))
    found.update((id(value), value) for value in work if id(value) in addresses)
    looked = 0
    while work and len(found) < len(addresses) and looked < 20 * MOST:
        parts = _parts(work.popleft())
        looked += len(parts)
        for part in parts:
            if id(part) in addresses:
                found[id(part)] = part
            if id(part) not in seen and id(part) not in closed and (_is_entered(part) or _is_unnamed(part)):
                seen.add(id(part))
                work.append(part)
    return found


def states_held_by(value: Any, outside: Iterable[Any]) -> set[int]:
    """Addresses of the objects that *value* holds, at some depth, and that have a hidden state of their own.

    A generator over an iterator moves that iterator on; so whoever else holds it belongs together with the generator.
    Large containers are not looked into: what is in them is no part of how far the value has come.
    """
    found: set[int] = set()
    first = [part for part in _parts(value) if _is_entered(part)]
    if not first or stands_alone(type(value)):
        return found
    closed = not_entered(outside)
    seen = {id(value)}
    work = first
    while work and len(seen) < _NEAR:
        part = work.pop()
        if id(part) in seen or id(part) in closed:
            continue
        seen.add(id(part))
        if stands_alone(type(part)):
            continue
        if holds_state(type(part)):
            found.add(id(part))
        if not is_a(part, _CONTAINERS) or len(part) <= _FEW:
            work += [other for other in _parts(part) if id(other) not in seen and _is_entered(other)]
    return found


_CONTAINERS = (list, tuple, dict, set, frozenset, collections.deque)
_NEAR, _FEW = 1000, 100


def not_entered(outside: Iterable[Any]) -> set[int]:
    """Addresses of what no walk goes through: *outside* (the namespace, lists of the session), and what modules are."""
    closed = {id(obj) for obj in outside}
    closed.update(id(getattr(module, "__dict__", None)) for module in list(sys.modules.values()))
    return closed


def _is_entered(part: Any) -> bool:
    """Whether the walk goes into *part*; of functions written in C, into the methods of objects."""
    if type(part) in _BOUND:
        owner = part.__self__
        return owner is not None and not is_a(owner, (type, types.ModuleType))
    return not (is_atom(part) or is_a(part, _CLOSED) or never_links(type(part)))


def _is_unnamed(part: Any) -> bool:
    """Whether *part* is a function, or a class of the session: to be entered unless it is state of its own."""
    return type(part) is types.FunctionType or (is_a(part, type) and of(part, "__module__") == "__main__")


_BOUND = (types.BuiltinFunctionType, types.MethodWrapperType)


def _parts(value: Any) -> list[Any]:
    """What *value* refers to directly; of what is under way, its variables and what it waits for."""
    if type(value) is types.FrameType:
        # not all it refers to: that includes the globals, and who called it
        return [*frame_locals(value), *frame_parts(value)]
    if type(value) in _BOUND:
        return [value.__self__]
    if type(value) is types.FunctionType:  # not its globals
        more = ((value.__kwdefaults__ or {}).values(), value.__dict__.values())
        return [*(value.__closure__ or ()), *(value.__defaults__ or ()), *chain.from_iterable(more)]
    if is_a(value, type):
        return list(of(value, "__dict__").values())
    parts = gc.get_referents(value)
    if type(value) in _RUNS:
        parts = [part for part in parts if type(part) is not types.FrameType]
        for name in ("gi_frame", "cr_frame", "ag_frame"):
            frame = getattr(value, name, None)
            parts += frame_parts(frame) if frame is not None else ()
        parts += [getattr(value, name, None) for name in ("gi_yieldfrom", "cr_await", "ag_await")]
    return parts
