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
import gc
import sys
import sysconfig
import types
import weakref
from collections.abc import Iterable

from timeslip.codec.definitions import is_a, of
from timeslip.codec.kinds import is_of_session, is_users_module, module_names, users_modules

_SUSPENDED = frozenset(map(id, (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)))
"""Generators and coroutines, by address: a metaclass of the user's may not let its classes be compared."""
_COLLECTED = 1 << 14
"""Py_TPFLAGS_HAVE_GC: instances have a header for the garbage collector, with the note in it."""
_NOTE = 1
_WORD = ctypes.sizeof(ctypes.c_size_t)


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
    """Whether a class in a file of the user's has one."""
    for name in users_modules():
        for value in list(module_names(sys.modules[name]).values()):
            if is_a(value, type) and has_one(value):  # `isinstance` asks proxies, which make what they stand for
                return True
    return False


def followed() -> list[object]:
    """The live objects for which `weakref.finalize` has something to do when they go."""
    registry: dict[object, object] = getattr(weakref.finalize, "_registry", {})
    targets = [getattr(info, "weakref", lambda: None)() for info in list(registry.values())]
    return [target for target in targets if target is not None and _is_users(type(target))]


def _is_users(kind: type) -> bool:
    return is_of_session(kind) or is_users_module(of(kind, "__module__"))


def hold_back(objects: Iterable[object]) -> bool:
    """Keep the finalizers of *objects* from running; False where that cannot be done: then hold the objects."""
    if not _can():
        return False
    for obj in objects:
        if not gc.is_finalized(obj):
            _set(obj, True)
    return True


def let_run(objects: Iterable[object]) -> None:
    """Take `hold_back` back."""
    if _can():
        for obj in objects:
            _set(obj, False)


def _set(obj: object, noted: bool) -> None:
    if not of(type(obj), "__flags__") & _COLLECTED:
        return
    word = ctypes.c_size_t.from_address(id(obj) - _WORD)
    word.value = word.value | _NOTE if noted else word.value & ~_NOTE


class _Probe:
    ran = False

    def __del__(self) -> None:
        _Probe.ran = True


@functools.cache
def _can() -> bool:
    """Whether the note is where it is looked for."""
    if sys.implementation.name != "cpython" or not (3, 10) <= sys.version_info < (3, 14):
        return False
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return False
    probe = _Probe()
    _set(probe, True)
    noted = gc.is_finalized(probe)
    _set(probe, False)
    taken_back = not gc.is_finalized(probe)
    _set(probe, True)
    del probe
    return noted and taken_back and not _Probe.ran
