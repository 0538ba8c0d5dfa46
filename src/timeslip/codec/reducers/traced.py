"""What jax, TensorFlow and numba compile from functions of the session: how often is part of the state of a function.

Compiled code keeps what the global names held when it was made. It cannot be stored, and none of another time may be
used: so a function that was compiled since comes back as one that will be compiled when it is called.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from timeslip.codec.captured import Hole
from timeslip.codec.kinds import is_users_module

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_AGAIN = "it is compiled again when it is called, with what its global names hold then"
_MOST = 200
"""Functions that are looked at for what one of them uses."""
_FIXED = (type, types.ModuleType, types.BuiltinFunctionType, types.BuiltinMethodType)


def compiled(state: Pass, function: Any, times: int, python: Any, held: Collection[int] = ()) -> str:
    """What tells the compiled code of *function* from that of another state; says so where it may matter.

    Equal numbers do not make it the same: it may have been compiled in two branches of history. Of a function that
    uses no data of the session beside its arguments, the code will be the same again.

    Args:
        state: the pass.
        function: what a library has made of *python*.
        times: how often it was compiled.
        python: a function of Python.
        held: addresses of what the compiled code refers to as it is.
    """
    if not times:
        return ""
    if any(not callable(used) and id(used) not in held for used in used_by(python)):
        kind = type(function)
        state.holes.append(Hole("", f"{kind.__module__}.{kind.__qualname__}", _AGAIN, "", fatal=False))
    return state.encoder.resources.register(function, f"compiled {times}")


def used_by(function: Any) -> Iterator[Any]:
    """What global names and closures give a function, and the functions that it uses.

    Without modules and classes; of functions of libraries only what they are made around (derivatives, batches).
    Nothing is run or asked.
    """
    if type(function) is not types.FunctionType:
        return
    seen, walked, work = {id(function)}, {id(function)}, [function]
    while work and len(seen) < _MOST:
        for value in list(_held_by(work.pop())):
            if isinstance(value, _FIXED) or id(value) in seen:
                continue
            seen.add(id(value))
            yield value
            inner = value if type(value) is types.FunctionType else _wrapped(value)
            if type(inner) is types.FunctionType and id(inner) not in walked:
                walked.add(id(inner))
                work.append(inner)


def _wrapped(value: Any) -> Any:
    try:
        held = object.__getattribute__(value, "__dict__")
    except AttributeError:
        held = {}
    if type(held) is not dict:
        return None
    return next((held[name] for name in ("__wrapped__", "_python_function", "py_func") if name in held), None)


def _is_own(function: types.FunctionType) -> bool:
    """Whether the globals of *function* are not those of an installed module."""
    name = function.__globals__.get("__name__")
    module = sys.modules.get(name) if type(name) is str else None
    return name == "__main__" or module is None or vars(module) is not function.__globals__ or is_users_module(name)


def _held_by(function: types.FunctionType) -> Iterator[Any]:
    own = _is_own(function)
    for cell in function.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:
            continue
        if own or callable(value):
            yield value
    for name in _names(function.__code__) if own else ():
        if name in function.__globals__:
            yield function.__globals__[name]


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if type(constant) is types.CodeType:
            yield from _names(constant)
