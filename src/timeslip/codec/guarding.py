"""Reductions as pickle would ask for them, where a failing one leaves a hole with its reason instead of failing all."""

from __future__ import annotations

import copyreg
import pickle
import types
from typing import TYPE_CHECKING, Any

from timeslip.codec import definitions, load
from timeslip.codec.kinds import compares_oddly
from timeslip.codec.picklers import PROTOCOL
from timeslip.codec.reducers import instances
from timeslip.errors import in_brief

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

GLOBALS = (type, types.FunctionType, types.BuiltinFunctionType, pickle.PickleBuffer)
"""What pickle handles by itself, without a reduction."""


def guarded(state: Pass, obj: Any) -> Any:
    """Reduction as pickle would do it, but a failing one leaves a hole."""
    kind = type(obj)
    try:
        special = state.registered(kind)
        result = special(obj) if special is not None else obj.__reduce_ex__(PROTOCOL)
    except RecursionError:
        raise
    except Exception as error:  # the user's or a library's code: anything may come, and becomes the reason
        if not compares_oddly(kind) and kind in state.unheard:
            return _as_registered(state, obj, copyreg.dispatch_table[kind])
        return state.hole(obj, f"cannot be pickled: {one_line(error)}")
    if isinstance(result, str):
        module = getattr(obj, "__module__", None) or getattr(kind, "__module__", None)
        if definitions.resolve_global(module, result) is not obj:
            return state.hole(obj, f"cannot be pickled: it says to be {module}.{result}, which is something else")
        return load.attribute, (module, result)
    if not isinstance(result, tuple) or not 2 <= len(result) <= 6:
        return state.hole(obj, "cannot be pickled: __reduce__ returns something pickle does not accept")
    return result


def _as_registered(state: Pass, obj: Any, reducer: Any) -> Any:
    """As code of the user's says how *obj* is pickled: nothing else can tell, and nobody knows whether it is all."""
    try:
        result = reducer(obj)
    except Exception as error:  # the user's code
        return state.hole(obj, f"cannot be pickled: {one_line(error)}")
    if not isinstance(result, tuple) or len(result) != 2:
        return state.hole(obj, "cannot be pickled but in a way that the session has registered")
    state.note(obj, "as the reducer that is registered for it makes it", fatal=False)
    return (*result, (instances.Lacking(),), None, None, instances.as_it_is)


def one_line(error: BaseException) -> str:
    """An error as a line for people."""
    try:
        text = in_brief(str(error))
    except Exception:  # __str__ of a user's exception may raise as well
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def silent(*_: Any, **__: Any) -> None:
    """Stands in for `warnings.showwarning`: what pickling warns about is not the user's doing."""
