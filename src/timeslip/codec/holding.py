"""What a live object holds, whatever its kind: also the parts of objects that cannot be stored.

A generator, a view of a dict or a reader written in C holds objects that no capture of it meets. They are found here by
asking the garbage collector, which knows the references of every object that tells it of them. Arrays of numpy do not:
what they hold is looked up in them (`referred`). What else of C keeps to itself is not found.
"""

from __future__ import annotations

import collections
import sys
import types
import weakref
from collections.abc import Iterable, Set
from gc import get_referents
from itertools import chain
from typing import Any

from timeslip.codec.definitions import is_a, of
from timeslip.codec.hidden import frame_locals, frame_parts, holds_state, stands_alone
from timeslip.codec.kinds import module_names
from timeslip.codec.linking import is_atom, never_links

MOST = 200_000
"""A walk gives up after so many objects."""

_CLOSED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType)
"""Never walked through: from there everything of the process can be reached. Classes and functions that are state of
their own come back in place; what only a value holds (`held_by`) are functions and classes that nobody has named."""

_RUNS = frozenset(map(id, (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)))
"""By address, here and below: a metaclass of the user's may not let its classes be compared."""


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
            if type(part) is not types.CellType and type(part) is not types.FrameType:
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
        if id(type(part)) in _RUNS and id(part) not in seen:
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
    closed, modules = {id(obj) for obj in outside}, None
    seen = {id(value)}
    work = first
    while work and len(seen) < _NEAR:
        part = work.pop()
        if id(part) in seen or id(part) in closed:
            continue
        if type(part) is dict:
            modules = _names_of_modules() if modules is None else modules  # thousands, and seldom asked for
            if id(part) in modules:
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
    return {id(obj) for obj in outside} | _names_of_modules()


def _names_of_modules() -> set[int]:
    modules = [module for module in list(sys.modules.values()) if is_a(module, types.ModuleType)]
    return {id(module_names(module)) for module in modules}


def _is_entered(part: Any) -> bool:
    """Whether the walk goes into *part*; of functions written in C, into the methods of objects."""
    if id(type(part)) in _BOUND:
        owner = part.__self__
        return owner is not None and not is_a(owner, (type, types.ModuleType))
    return not (is_atom(part) or is_a(part, _CLOSED) or never_links(type(part)))


def _is_unnamed(part: Any) -> bool:
    """Whether *part* is a function, or a class of the session: to be entered unless it is state of its own."""
    return type(part) is types.FunctionType or (is_a(part, type) and of(part, "__module__") == "__main__")


_BOUND = frozenset(map(id, (types.BuiltinFunctionType, types.MethodWrapperType)))


_FINALIZE: Any = weakref.finalize
_FINALIZED: dict[Any, Any] = getattr(_FINALIZE, "_registry", {})
"""What Python keeps of each such object: the object itself refers to nothing."""

_arrays: list[Any] = []
"""Kinds of numpy's objects that show memory: arrays, rows of structured ones, iterators. Empty until they are there."""
_SHOW_MEMORY = ("ndarray", "void", "flatiter")


def _kinds_of_arrays() -> tuple[Any, ...]:
    if not _arrays:
        numpy: Any = sys.modules.get("numpy")
        names = module_names(numpy) if is_a(numpy, types.ModuleType) else {}
        found = [names.get(name) for name in _SHOW_MEMORY]
        if all(type(kind) is type and of(kind, "__module__") == "numpy" for kind in found):
            _arrays.extend(found)
    return tuple(_arrays)


def referred(obj: Any) -> list[Any]:
    """What *obj* refers to, as the garbage collector knows it; of arrays, which tell it nothing, what is in them.

    An array refers to what owns its memory, and to its elements where they are objects. No code of a subclass runs.
    """
    parts = get_referents(obj)
    kinds = _kinds_of_arrays()
    if kinds and issubclass(type(obj), kinds):
        array, row, _ = kinds
        shown = next(kind for kind in kinds if issubclass(type(obj), kind))
        parts.append(shown.base.__get__(obj))
        if (shown is array or shown is row) and shown.dtype.__get__(obj).hasobject:
            parts += _elements(shown.view(obj, array) if shown is array else shown.__array__(obj))
    return parts


def _elements(array: Any) -> list[Any]:
    """The objects in an array of numpy's own class; the parts of a structured one that are none are passed over."""
    if array.dtype.names is None:
        return list(array.flat) if array.dtype.kind == "O" else []
    names = [name for name in array.dtype.names if array.dtype[name].hasobject]
    return [part for name in names for part in _elements(array[name])]


def _parts(value: Any) -> list[Any]:
    """What *value* refers to directly; of what is under way, its variables and what it waits for."""
    if type(value) is types.FrameType:
        # not all it refers to: that includes the globals, and who called it
        return [*frame_locals(value), *frame_parts(value)]
    if id(type(value)) in _BOUND:
        return [value.__self__]
    if type(value) is types.FunctionType:  # not its globals
        more = ((value.__kwdefaults__ or {}).values(), value.__dict__.values())
        return [*(value.__closure__ or ()), *(value.__defaults__ or ()), *chain.from_iterable(more)]
    if is_a(value, type):
        return list(of(value, "__dict__").values())
    if type(value) is _FINALIZE:  # the object that it follows goes on, or it has nothing to follow
        info = _FINALIZED.get(value)
        return [] if info is None else [info.weakref(), info.func, *info.args, *(info.kwargs or {}).values()]
    parts = referred(value)
    if id(type(value)) in _RUNS:
        parts = [part for part in parts if type(part) is not types.FrameType]
        for name in ("gi_frame", "cr_frame", "ag_frame"):
            frame = getattr(value, name, None)
            parts += frame_parts(frame) if frame is not None else ()
        parts += [getattr(value, name, None) for name in ("gi_yieldfrom", "cr_await", "ag_await")]
    return parts
