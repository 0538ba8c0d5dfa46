"""ctypes: data by its bytes, parts of data by the whole they look into, pointers by what they point to.

What only an address tells is a hole. The types that ctypes makes of others (arrays, pointers) come from ctypes again.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import added, views

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _library() -> Any:
    return import_module("ctypes")


def _is_data(obj: Any) -> bool:
    return issubclass(type(obj), _library()._SimpleCData.__mro__[1])


# ---- types


def made_type(cls: type) -> tuple[Any, tuple[Any, ...]] | None:
    """How ctypes makes a type of another one: function and arguments; None for all others."""
    meta = type(cls)
    if meta.__module__ != "_ctypes" or "_ctypes" not in sys.modules:
        return None
    kept = type.__getattribute__(cls, "__dict__")
    of_what = kept.get("_type_")
    if not issubclass(type(of_what), type):
        return None
    if meta.__name__ == "PyCArrayType" and type(kept.get("_length_")) is int:
        return (array_type, (of_what, kept["_length_"])) if of_what * kept["_length_"] is cls else None
    if meta.__name__ == "PyCPointerType":
        return (pointer_type, (of_what,)) if _library().POINTER(of_what) is cls else None
    return None


def metaclass(meta: type) -> Any:
    """How the type of types of ctypes is found, which stands nowhere under its name; or None."""
    library = _library()
    kinds = (library.Structure, library.Union, library.Array, library._Pointer, library._SimpleCData, library._CFuncPtr)
    return next(((type, (kind,)) for kind in kinds if type(kind) is meta), None)


def array_type(of_what: Any, length: int) -> Any:
    """The type of arrays of that length."""
    return of_what * length


def pointer_type(to_what: Any) -> Any:
    """The type of pointers to that."""
    return _library().POINTER(to_what)


# ---- data


def _data(state: Pass, obj: Any) -> Any:
    owner = obj._b_base_
    if owner is not None:
        while owner._b_base_ is not None:
            owner = owner._b_base_
        return part_of, (type(obj), owner, _library().addressof(obj) - _library().addressof(owner))
    for held in (obj._objects or {}).values() if type(obj._objects) is dict else ():
        if type(held) is memoryview and held.obj is not None:
            offset = _library().addressof(obj) - views.address(memoryview(held.obj))
            return part_of, (type(obj), held.obj, offset)
    return obj.__reduce__()  # by its bytes; it refuses where they are addresses


def part_of(kind: Any, owner: Any, offset: int) -> Any:
    """Data that looks into the memory of *owner*."""
    return kind.from_buffer(owner, offset)


def _simple(state: Pass, obj: Any) -> Any:
    code = type(obj)._type_
    if obj._b_base_ is None and code in ("z", "Z"):  # a text, of which ctypes keeps the address
        return type(obj), (obj.value,)
    if obj._b_base_ is None and code == "O":
        return _object(obj)
    return _data(state, obj)


def _object(obj: Any) -> Any:
    try:
        return type(obj), (obj.value,)
    except ValueError:  # none
        return type(obj), ()


def _pointer(state: Pass, obj: Any) -> Any:
    if not obj:
        return type(obj), ()
    held = obj._objects if type(obj._objects) is dict else {}
    target = held.get("1")
    if obj._b_base_ is None and _is_data(target):
        there = _library().cast(obj, _library().c_void_p).value
        if there == _library().addressof(target):
            return type(obj), (target,)
    return state.hole(obj, "a pointer that does not tell what it points to cannot be stored")


def _function(state: Pass, obj: Any) -> Any:
    return state.hole(obj, "a function of a shared library cannot be stored")


def find(kind: type) -> Any:
    """The reducer for data of ctypes, or None."""
    library = _library()
    if issubclass(kind, library._CFuncPtr):
        return _function
    if issubclass(kind, library._Pointer):
        return added.keeping(_pointer)
    if issubclass(kind, library._SimpleCData):
        return added.keeping(_simple)
    return added.keeping(_data) if issubclass(kind, (library.Array, library.Structure, library.Union)) else None
