"""numba: compiled functions by the Python functions that they are made from.

numba's own pickling gives the live function wherever one is, and that may have been compiled in the state that is left.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

from timeslip.codec import load
from timeslip.codec.definitions import resolve_global
from timeslip.codec.reducers import added, traced

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass

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


def find(kind: type) -> Any:
    """The reducer for compiled functions, or None. A copy of a handle of LLVM would take down the original."""
    if kind.__module__.startswith("llvmlite.binding"):
        base = getattr(sys.modules.get("llvmlite.binding.ffi"), "ObjectRef", None)
        return _compiled if base is not None and issubclass(kind, base) else None
    library = sys.modules.get("numba.core.dispatcher")
    is_one = library is not None and issubclass(kind, library.Dispatcher)
    return added.keeping(_dispatcher, _WRAPPING) if is_one else None
