"""What kind of class an instance has: made in the session or not, on what it is built, where its attributes are."""

from __future__ import annotations

import copyreg
import dis
import functools
import itertools
import struct
import sys
import types
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from timeslip.codec.definitions import is_a, is_written_in_c, of, resolve_global
from timeslip.standard import os

HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made at run time, unlike the static types of the interpreter
_POINTER = struct.calcsize("P")


def is_imported(kind: type) -> bool:
    """Whether *kind* is found under its name in an installed module."""
    return (
        of(kind, "__module__") != "__main__"
        and resolve_global(of(kind, "__module__"), of(kind, "__qualname__")) is kind
    )


def is_of_session(kind: type) -> bool:
    """Whether *kind* is a class statement's, and not of an installed module: of a cell, or of a file of the user's."""
    if not of(kind, "__flags__") & HEAP_TYPE:
        return False
    if is_imported(kind) and not is_users_module(of(kind, "__module__")):
        return False
    return not is_written_in_c(kind)  # asked last: it looks at all that the class has


COMPILED_FUNCTIONS = frozenset({"cython_function_or_method", "fused_cython_function"})
"""Functions of compiled modules: found by their names, although their types are found nowhere."""


_DICT: Any = vars(types.ModuleType)["__dict__"]


def module_names(module: types.ModuleType) -> dict[str, Any]:
    """The dict of a module, without asking the module: one that is loaded when it is first used would be loaded."""
    found: dict[str, Any] = _DICT.__get__(module)
    return found


def is_users_module(name: Any) -> bool:
    """Whether a module is a file of the user's: in Python, neither of the Python that runs, nor installed, nor our own.

    Not the program itself, whose names may be those of the session.
    """
    if name in ("__main__", "__mp_main__"):
        return False
    module: Any = sys.modules.get(name) if type(name) is str else None
    file = module_names(module).get("__file__") if is_a(module, types.ModuleType) else None
    if type(file) is not str or not file.endswith(".py") or name.partition(".")[0] == "timeslip":
        return False
    return not is_installed(file)


_users_modules: tuple[tuple[int, str], list[str]] = ((0, ""), [])
_others: dict[str, weakref.ref[types.ModuleType]] = {}
"""Modules with a file that is none of the user's, by name: they stay so. Where libraries are loaded there are
thousands, and each import would have all of them looked at again."""


def users_modules() -> list[str]:
    """The names of all loaded files of the user's. Looked for only when modules have come or gone."""
    global _users_modules
    seen = len(sys.modules), next(reversed(sys.modules))  # the newest stands last
    if _users_modules[0] != seen:
        _users_modules = seen, list(_find_users_modules())
    return [name for name in _users_modules[1] if name in sys.modules]


def _find_users_modules() -> Iterator[str]:
    loaded: list[tuple[str, Any]] = list(sys.modules.items())  # programs put other things than modules there, too
    for name, module in loaded:
        known = _others.get(name)
        if known is not None and known() is module:
            continue
        if is_users_module(name):
            yield name
        elif is_a(module, types.ModuleType) and type(module_names(module).get("__file__")) is str:
            _others[name] = weakref.ref(module)


_users_reducers: tuple[tuple[int, ...], frozenset[type]] = ((), frozenset())


def users_reducers(namespace: dict[str, Any]) -> frozenset[type]:
    """The classes with a reduction in `copyreg` that is a function of the session or of a file of the user's."""
    global _users_reducers
    seen = (id(namespace), *map(id, copyreg.dispatch_table.values()))
    if _users_reducers[0] != seen:
        _users_reducers = seen, _find_users_reducers(namespace)
    return _users_reducers[1]


def _find_users_reducers(namespace: dict[str, Any]) -> frozenset[type]:
    found = []
    for kind, function in list(copyreg.dispatch_table.items()):
        if type(function) is not types.FunctionType:
            continue
        if function.__globals__ is namespace or is_users_module(function.__globals__.get("__name__")):
            found.append(kind)
    return frozenset(found)


@functools.lru_cache(maxsize=4096)
def is_installed(file: str) -> bool:
    """Whether a file belongs to the Python that runs, or is installed for it."""
    if file.startswith(tuple(os.path.join(folder, "") for folder in (sys.prefix, sys.base_prefix))):
        return True
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)


def is_made_by_library(kind: type) -> bool:
    """Whether *kind* says that it belongs to a loaded module, as the classes do that libraries make while they run."""
    module: Any = of(kind, "__module__")  # which a class statement may set to anything
    return is_a(module, str) and module in sys.modules and module not in ("__main__", "builtins", "types")


def defines(kind: type, name: str) -> bool:
    """Whether *kind* or a base of it has *name*: `hasattr` would ask the metaclass, whose code may be the user's."""
    return any(name in of(base, "__dict__") for base in of(kind, "__mro__"))


def compares_oddly(kind: type) -> bool:
    """Whether the metaclass of *kind* says how classes are compared or hashed: no table of classes may be asked."""
    meta = type(kind)
    if meta is type:
        return False
    own = of(meta, "__mro__")
    return any(
        "__eq__" in of(base, "__dict__") or "__hash__" in of(base, "__dict__") for base in own[: own.index(type)]
    )


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
    """The slots of a plain class, by name. Not by asking the instance: a property may have the name of a slot.

    A slot that a class nearer to *kind* has again has a name of its own, ``v@1``: it is there all the same.
    """
    return _slots(of(kind, "__mro__")[:-1])


def _slots(bases: Iterable[type]) -> Slots:
    found: Slots = {}
    for base in bases:
        for name, slot in of(base, "__dict__").items():
            if type(slot) is types.MemberDescriptorType:
                found[name if name not in found else _again(name, found)] = slot
    return found


def _again(name: str, found: Slots) -> str:
    return next(other for number in itertools.count(1) if (other := f"{name}@{number}") not in found)


def own_slots(kind: type) -> Slots:
    """The slots that classes of the session have added to the instances of *kind*."""
    return _slots(base for base in of(kind, "__mro__") if "__slots__" in of(base, "__dict__") and is_of_session(base))


def hides_slots(kind: type, slots: Slots) -> bool:
    """Whether *kind* has something else under the name of one of its slots."""
    return any(held_by_class(kind, name) is not slot for name, slot in slots.items())


def held_by_class(kind: type, name: str) -> Any:
    """What *kind* or a base of it has as *name*, the nearest; None for nothing. Without asking a metaclass."""
    return next((of(base, "__dict__")[name] for base in of(kind, "__mro__") if name in of(base, "__dict__")), None)


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
        plain, _, number = name.partition("@")
        having = (of(base, "__dict__").get(plain) for base in of(type(obj), "__mro__"))
        found = (slot for slot in having if type(slot) is types.MemberDescriptorType)
        slot = next(itertools.islice(found, int(number or 0), None), None)
        if slot is not None:
            slot.__set__(obj, value)


def attributes_of(obj: Any) -> Any:
    """The attribute dict of *obj*, or None."""
    try:
        found = object.__getattribute__(obj, "__dict__")
    except Exception:  # none, or a property of the session's class that raises what it likes
        return None
    return found if is_a(found, dict) else None


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


_STORE_ATTR, _EXTENDED_ARG = dis.opmap["STORE_ATTR"], dis.EXTENDED_ARG


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
    # Looked for in the bytes: of all classes of a frame, `dis` takes a third of a second to tell every instruction.
    operations, arguments = code.co_code[::2], code.co_code[1::2]
    at = operations.find(_STORE_ATTR)
    while at >= 0:
        number, before = arguments[at], at - 1
        while before >= 0 and operations[before] == _EXTENDED_ARG:
            number |= arguments[before] << 8 * (at - before)
            before -= 1
        yield code.co_names[number]
        at = operations.find(_STORE_ATTR, at + 1)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _stored(constant)
