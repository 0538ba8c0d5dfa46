"""What objects hold that Python's attributes do not show: read as `pickle` would read it, and given names.

A fitted tree of a library, a random generator, a buffer in memory or an iterator keeps what it is in C. Without this,
two of them look alike to everything that compares attributes and texts.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from itertools import islice
from typing import Any

from timeslip.describing.brief import FAILURES, Patience
from timeslip.describing.kinds import attributes, type_name

_WRAPPERS = (staticmethod, classmethod)
BOUND = (types.MethodType, types.MethodWrapperType, types.BuiltinFunctionType)
"""Functions bound to an object."""
_NAMES: dict[str, tuple[str, ...]] = {
    "_io.BytesIO": ("content", "position", "attributes"),
    "_io.StringIO": ("content", "newline", "position", "attributes"),
    "functools.partial": ("func", "args", "keywords", "attributes"),
    "random.Random": ("version", "state", "gauss_next"),
}
"""What the places of a state mean that is a tuple."""

_MOST = 1_000_000
"""Items that an object may hand out one by one before we stop asking."""


def hidden_parts(value: Any, patience: Patience) -> dict[str, object] | None:
    """What *value* is made of, by name; None when it does not say.

    Runs the object's own ``__reduce_ex__``, as saving it did. Never raises.
    """
    cls = type(value)
    if cls is property:
        return {"fget": value.fget, "fset": value.fset, "fdel": value.fdel}
    if cls in _WRAPPERS:
        return {"function": value.__func__}
    if cls is types.MethodType:
        return {"function": value.__func__, "object": value.__self__}
    if cls in BOUND:
        return {"function": value.__name__, "object": value.__self__}
    if cls is memoryview:
        return {"format": value.format, "shape": value.shape, "bytes": value.tobytes()}
    if not patience.left():
        return None
    try:
        told = value.__reduce_ex__(4)
    except FAILURES:  # it cannot be saved, or a method of the user's fails: then it does not say
        return None
    return _named(value, told)


def _named(value: object, told: Any) -> dict[str, object] | None:
    if type(told) is not tuple or not 2 <= len(told) <= 6:
        return None
    _, arguments, state, items, pairs = (*told, None, None, None)[:5]
    parts: dict[str, object] = {}
    if type(arguments) is tuple:
        # what an object is made anew from begins with its class where it is one
        given = arguments[1:] if arguments and arguments[0] is type(value) else arguments
        parts |= {f"argument {at}" if len(given) > 1 else "argument": item for at, item in enumerate(given)}
    parts |= _states(type_name(type(value)), state)
    for name, held in (("items", items), ("pairs", pairs)):
        if held is not None and isinstance(held, Iterable):
            parts[name] = list(islice(held, _MOST))
    return {**attributes(value), **parts}


def _states(name: str, state: Any) -> dict[str, object]:
    if type(state) is dict:
        return {key if type(key) is str else repr(key): item for key, item in state.items()}
    if type(state) is not tuple:
        return {} if state is None else {"state": state}
    names = _NAMES.get(name, ())
    if len(names) == len(state):
        return dict(zip(names, state, strict=True))
    if len(state) == 2 and all(part is None or type(part) is dict for part in state):  # attributes and slots
        return {key: item for part in state if part for key, item in part.items() if type(key) is str}
    return {f"state {at}": item for at, item in enumerate(state)}
