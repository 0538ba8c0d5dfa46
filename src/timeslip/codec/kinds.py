"""What kind of class an instance has: made in the session or not, on what it is built, where its attributes are."""

from __future__ import annotations

import copyreg
import dis
import functools
import struct
import sys
import types
from collections.abc import Iterator
from typing import Any

from timeslip.codec.definitions import is_a, is_written_in_c, of, resolve_global

HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made at run time, unlike the static types of the interpreter
_POINTER = struct.calcsize("P")


def is_imported(kind: type) -> bool:
    """Whether *kind* is found under its name in an installed module."""
    return (
        of(kind, "__module__") != "__main__"
        and resolve_global(of(kind, "__module__"), of(kind, "__qualname__")) is kind
    )


def is_of_session(kind: type) -> bool:
    """Whether *kind* is a class statement's, and not of an installed module."""
    return bool(of(kind, "__flags__") & HEAP_TYPE) and not is_written_in_c(kind) and not is_imported(kind)


def is_made_by_library(kind: type) -> bool:
    """Whether *kind* says that it belongs to a loaded module, as the classes do that libraries make while they run."""
    module: Any = of(kind, "__module__")  # which a class statement may set to anything
    return isinstance(module, str) and module in sys.modules and module not in ("__main__", "builtins", "types")


def library_of(kind: type) -> type:
    """The first base of *kind* that is not of the session."""
    found: type = next(base for base in of(kind, "__mro__") if not is_of_session(base))
    return found


def is_plain(kind: type) -> bool:
    """Whether an instance of *kind* is its attributes and slots and nothing else, so that ``object.__new__`` makes one.

    As `copyreg` decides it: the constructor in C is that of ``object``, and there is no room for anything of C.
    """
    for base in of(kind, "__mro__"):
        new = of(base, "__dict__").get("__new__")
        if type(new) is types.BuiltinFunctionType:
            if base is not object:
                return False
            break
    size = object.__basicsize__
    size += _POINTER * ((of(kind, "__dictoffset__") > 0) + (of(kind, "__weakrefoffset__") > 0) + _slot_count(kind))
    return not of(kind, "__itemsize__") and of(kind, "__basicsize__") <= size


def _slot_count(kind: type) -> int:
    return len(copyreg._slotnames(kind))  # type: ignore[attr-defined]  # what object.__reduce_ex__ itself uses


Slots = dict[str, types.MemberDescriptorType]


def all_slots(kind: type) -> Slots:
    """The slots of a plain class, by name. Not by asking the instance: a property may have the name of a slot."""
    found: Slots = {}
    for base in of(kind, "__mro__")[:-1]:
        for name, slot in of(base, "__dict__").items():
            if isinstance(slot, types.MemberDescriptorType):
                found.setdefault(name, slot)
    return found


def own_slots(kind: type) -> Slots:
    """The slots that classes of the session have added to the instances of *kind*."""
    found: Slots = {}
    for base in of(kind, "__mro__"):
        if "__slots__" in of(base, "__dict__") and is_of_session(base):
            for name, slot in of(base, "__dict__").items():
                if isinstance(slot, types.MemberDescriptorType):
                    found.setdefault(name, slot)
    return found


def filled(obj: Any, slots: Slots) -> dict[str, Any]:
    """What of *slots* holds something in *obj*."""
    found = {}
    for name, slot in slots.items():
        try:
            found[name] = slot.__get__(obj)
        except AttributeError:
            continue  # an empty slot
    return found


def set_slots(obj: Any, slots: dict[str, Any]) -> None:
    """Fill slots directly, without ``__setattr__`` of the session."""
    for name, value in slots.items():
        for base in type(obj).__mro__:
            slot = of(base, "__dict__").get(name)
            if isinstance(slot, types.MemberDescriptorType):
                slot.__set__(obj, value)
                break


def attributes_of(obj: Any) -> Any:
    """The attribute dict of *obj*, or None."""
    try:
        found = object.__getattribute__(obj, "__dict__")
    except Exception:  # none, or a property of the session's class that raises what it likes
        return None
    return found if type(found) is dict else None


def references_in_lists(count: int) -> int:
    """What `sys.getrefcount` says, called by `map`, of an object that only *count* containers hold."""
    lists = [[object()]]
    lists += [list(lists[0]) for _ in range(count - 1)]
    return next(map(sys.getrefcount, lists[0]))


_OWN_REFERENCES = references_in_lists(2)
"""An instance and a list hold an attribute dict that is nobody else's. A list, because tracers look at variables."""


def held_attributes(obj: Any) -> dict[str, Any] | None:
    """The attribute dict of *obj*, unless there is none that anybody could tell from a new one."""
    found: list[dict[str, Any] | None] = [attributes_of(obj)]
    if found[0] or found[0] is None:
        return found[0]
    return found[0] if next(map(sys.getrefcount, found)) > _OWN_REFERENCES else None


def set_attributes(obj: Any, attributes: dict[str, Any]) -> None:
    """Give *obj* that very dict, which others may share; or what is in it, where its dict cannot be replaced."""
    try:
        object.__setattr__(obj, "__dict__", attributes)
    except (AttributeError, TypeError):
        held = attributes_of(obj)
        held.clear()
        held.update(attributes)


_STORE_ATTR = dis.opmap["STORE_ATTR"]


@functools.lru_cache(maxsize=512)
def stored_names(library: type) -> frozenset[str]:
    """Names of the attributes that the code of an installed class keeps in its instances: its own business."""
    found: set[str] = set()
    for base in library.__mro__:
        if is_of_session(base):
            continue
        for name, value in vars(base).items():
            if is_a(value, functools.cached_property):
                found.add(name)
            for function in _functions(value):
                found.update(_stored(function.__code__))
    return frozenset(found)


def _functions(value: Any) -> Iterator[types.FunctionType]:
    for part in (value, *(getattr(value, name, None) for name in ("__func__", "fget", "fset", "func", "__wrapped__"))):
        if type(part) is types.FunctionType:
            yield part


def _stored(code: types.CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opcode == _STORE_ATTR:
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _stored(constant)
