"""Finalizers of the user's objects: which objects have one, and how it is kept from running.

A restore makes objects and lets others go, which the session as the user knows it never did: the object that an undo
replaces goes on in the one that takes its place. Were its ``__del__`` to run, it would close, remove or free what the
new one refers to. The same goes for a copy that is made to look at a value, and for the rest of a generator.

An object is finalized once: CPython notes in it that it was, and never calls its finalizer again (PEP 442). That note
is set by hand here, and taken back when the object turns out to live on. Where the note is not where it is in CPython
3.10 to 3.13 (tried out with an object of our own, as `gc.is_finalized` tells), nothing is written, and what is let go
has to be held instead.
"""

from __future__ import annotations

import ctypes
import functools
import sys
import types
import weakref
from collections.abc import Iterable
from gc import is_finalized
from typing import Any

from timeslip.codec.definitions import is_a, of
from timeslip.codec.kinds import is_of_session, is_users_module, module_names, users_modules

_SUSPENDED = frozenset(map(id, (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)))
"""Generators and coroutines, by address: a metaclass of the user's may not let its classes be compared."""
_COLLECTED = 1 << 14
"""Py_TPFLAGS_HAVE_GC: instances have a header for the garbage collector, with the note in it."""
_WORD = ctypes.sizeof(ctypes.c_size_t)
_REST = ("rest", ctypes.c_size_t, 8 * _WORD - 1)
_NOTED = ("noted", ctypes.c_size_t, 1)
_FINALIZE = weakref.finalize
_address = id
"""A cell may put anything in the place of ``id``, and what is written to another address ends the process."""


class _Header(ctypes.Structure):
    """The last word before an object: a pointer of the collector's, in whose lowest bit the note is.

    The collector moves objects between its lists, and so writes the pointer, whenever an object is made or freed, by
    any thread. Assigning the field reads and writes the word within one call in C, while no other code can run; taking
    the word, changing it and putting it back in Python could put back a pointer to what is freed by then.
    """

    _fields_ = (_NOTED, _REST) if sys.byteorder == "little" else (_REST, _NOTED)
    noted: int


def has_one(kind: type) -> bool:
    """Whether *kind* is a class of the user's with ``__del__``, its own or a library's."""
    bases = of(kind, "__mro__")[:-1]
    if not any("__del__" in of(base, "__dict__") for base in bases):
        return False
    return is_of_session(kind) or is_users_module(of(kind, "__module__"))


def among(objects: Iterable[object]) -> list[object]:
    """Those of *objects* that run code of the user's when they go: the rest of a generator is some, too."""
    kinds: dict[int, bool] = {}
    found = []
    for obj in objects:
        kind = type(obj)
        known = kinds.get(id(kind))
        if known is None:
            known = kinds[id(kind)] = id(kind) in _SUSPENDED or has_one(kind)
        if known:
            found.append(obj)
    return found


def users_have_some() -> bool:
    """Whether a class in a file of the user's has one: also a class within another, or one that a function makes."""
    return any(_has_some(name, module_names(sys.modules[name])) for name in users_modules())


def _has_some(module: str, names: dict[str, Any]) -> bool:
    seen: set[int] = set()
    work = list(names.values())
    while work:
        value = work.pop()
        kind = type(value)
        if kind is types.FunctionType:
            if id(value) not in seen and value.__globals__ is names:
                seen.add(id(value))
                if _makes_one(value.__code__):
                    return True
                work.append(value.__dict__.get("__wrapped__"))
        elif kind is staticmethod or kind is classmethod:
            work.append(value.__func__)
        elif kind is property:
            work += (value.fget, value.fset)
        elif issubclass(kind, type) and id(value) not in seen and of(value, "__module__") == module:
            seen.add(id(value))
            if has_one(value):
                return True
            work += of(value, "__dict__").values()
    return False


def _makes_one(code: types.CodeType) -> bool:
    inner = (part for part in code.co_consts if type(part) is types.CodeType)
    return "__del__" in code.co_names or any(map(_makes_one, inner))


def followed() -> list[object]:
    """The live objects for which `weakref.finalize` has something to do for the user when they go.

    Not what a library follows of its own with a function of its own: that is its bookkeeping.
    """
    registry: dict[object, Any] = getattr(_FINALIZE, "_registry", {})
    found = [
        (getattr(info, "weakref", lambda: None)(), getattr(info, "func", None)) for info in list(registry.values())
    ]
    return [target for target, function in found if target is not None and not _is_bookkeeping(type(target), function)]


def _is_bookkeeping(kind: type, function: Any) -> bool:
    home = _package(of(kind, "__module__"))
    return not _is_users(kind) and home != "builtins" and home == _package(_home(function))


def _home(function: Any) -> Any:
    """The name of the module that a callable is from."""
    while type(function) is types.MethodType or type(function) is functools.partial:
        function = function.__func__ if type(function) is types.MethodType else function.func
    if type(function) is types.FunctionType:
        return function.__globals__.get("__name__")
    owner: Any = function.__self__ if type(function) is types.BuiltinFunctionType else function
    if is_a(owner, types.ModuleType):
        return module_names(owner).get("__name__")
    return of(owner if is_a(owner, type) else type(owner), "__module__")


def _package(module: Any) -> str:
    return module.partition(".")[0] if type(module) is str else ""


def _is_users(kind: type) -> bool:
    return is_of_session(kind) or is_users_module(of(kind, "__module__"))


def hold_back(objects: Iterable[object]) -> list[object] | None:
    """Keep the finalizers of *objects* from running.

    Returns:
        Those which that concerned: not what Python has finalized before. None where it cannot be done: then hold all.
    """
    return [obj for obj in objects if not is_finalized(obj) and _set(obj, True)] if _can() else None


def let_run(objects: Iterable[object]) -> None:
    """Take `hold_back` back, for objects that it returned."""
    if _can():
        for obj in objects:
            _set(obj, False)


def _set(obj: object, noted: bool) -> bool:
    """Whether there is room for the note."""
    if not of(type(obj), "__flags__") & _COLLECTED:
        return False
    _Header.from_address(_address(obj) - _WORD).noted = noted
    return True


class _Probe:
    ran = False

    def __del__(self) -> None:
        _Probe.ran = True


def _try_out() -> bool:
    """Whether the note is where it is looked for. In doubt nothing is written.

    The size of a plain object tells builds without the lock, and those that keep a list of all objects: both have other
    headers.
    """
    if sys.implementation.name != "cpython" or not (3, 10) <= sys.version_info < (3, 14):
        return False
    probe = _Probe()
    told = object.__repr__(probe).rpartition(" at 0x")[2].rstrip(">")
    if object.__basicsize__ != 2 * _WORD or type(_address) is not types.BuiltinFunctionType:
        return False
    if f"{_address(probe):x}" != told.lower().lstrip("0"):
        return False
    _set(probe, True)
    noted = is_finalized(probe)
    _set(probe, False)
    taken_back = not is_finalized(probe)
    _set(probe, True)
    del probe
    return noted and taken_back and not _Probe.ran


_WORKS = _try_out()


def _can() -> bool:
    return _WORKS
