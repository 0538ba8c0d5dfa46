"""numba: compiled functions by the Python functions that they are made from; lists and dicts of one type by content.

numba's own pickling gives the live function wherever one is, and that may have been compiled in the state that is left.
Its lists and dicts it does not pickle at all: what is in them is memory of its own.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec import load
from timeslip.codec.definitions import resolve_global
from timeslip.codec.reducers import added, traced

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_WRAPPING = frozenset({"__wrapped__", *functools.WRAPPER_ASSIGNMENTS})
_PARTS = ("py_func", "locals", "targetoptions", "can_compile", "sigs")


def _dispatcher(state: Pass, function: Any) -> Any:
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if module != "__main__" and resolve_global(module, name) is function:
        return load.attribute, (module, name)
    parts = function._reduce_states()
    if any(part not in parts for part in _PARTS):
        return NotImplemented
    traces = traced.compiled(state, function, len(function.overloads), function.py_func)
    return make_dispatcher, (type(function), *(parts[part] for part in _PARTS), traces)


def make_dispatcher(
    kind: Any, function: Any, local: Any, options: Any, can_compile: bool, signatures: Any, _: Any
) -> Any:
    """A function that numba compiles when it is called; at once, if it was made for certain types only.

    In a new process the session may not have yet what it uses: then it is compiled when it is called.
    """
    made = kind(function, local, options)
    try:
        for signature in signatures:
            made.compile(signature)
    except Exception:  # of numba's own errors there are many, and what it compiles is the user's
        return kind(function, local, options)
    made._can_compile = can_compile
    return made


def _compiled(state: Pass, obj: Any) -> Any:
    return state.hole(obj, "compiled by LLVM: it has no form that can be stored")


_APART = "what is in it comes back apart from other names that it has"


def _is_value(kind: Any) -> bool:
    """Whether what numba holds of that type is a value without identity: nobody can have the same object beside it."""
    types = import_module("numba").types
    if isinstance(kind, types.BaseTuple):
        return all(map(_is_value, kind))
    return isinstance(kind, (types.Number, types.Boolean, types.UnicodeType, types.Literal, types.NPDatetime))


def _typed_list(state: Pass, held: Any) -> Any:
    if not held._typed:
        return make_list, (type(held), None, (), True)
    if not _is_value(held._dtype):
        state.note(held, _APART, fatal=False)
    items = list(held)
    state.keep.append(items)
    return make_list, (type(held), held._dtype, items, held._is_mutable())


def make_list(kind: Any, item: Any, items: Iterable[Any], mutable: bool) -> Any:
    """A list of numba's; *item*: the type of what is in it, None when nothing was put in yet."""
    if item is None:
        return kind()
    made = kind.empty_list(item)
    for value in items:
        made.append(value)
    if not mutable:
        made._make_immutable()
    return made


def _typed_dict(state: Pass, held: Any) -> Any:
    if not held._typed:
        return make_dict, (type(held), None, ())
    types = held._dict_type
    if not (_is_value(types.key_type) and _is_value(types.value_type)):
        state.note(held, _APART, fatal=False)
    items = list(held.items())
    state.keep.append(items)
    return make_dict, (type(held), (types.key_type, types.value_type), items)


def make_dict(kind: Any, types: tuple[Any, Any] | None, items: Iterable[tuple[Any, Any]]) -> Any:
    """A dict of numba's; *types*: of keys and values, None when nothing was put in yet."""
    if types is None:
        return kind()
    made = kind.empty(*types)
    for key, value in items:
        made[key] = value
    return made


def find(kind: type) -> Any:
    """The reducer for functions, lists and dicts, or None. A copy of a handle of LLVM would take down the original."""
    if kind.__module__.startswith("llvmlite.binding"):
        base = getattr(sys.modules.get("llvmlite.binding.ffi"), "ObjectRef", None)
        return _compiled if base is not None and issubclass(kind, base) else None
    typed: Any = sys.modules.get("numba.typed")
    containers = {typed.List: _typed_list, typed.Dict: _typed_dict} if typed is not None else {}
    if kind in containers:
        return added.keeping(containers[kind])
    library = sys.modules.get("numba.core.dispatcher")
    is_one = library is not None and issubclass(kind, library.Dispatcher)
    return added.keeping(_dispatcher, _WRAPPING) if is_one else None
