"""What libraries make around functions of the session: by its attributes.

The own pickling of toolz names the function, and the name may have another one by then; that of tenacity and
multipledispatch leaves something out.
"""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

from timeslip.codec.definitions import resolve_global
from timeslip.codec.kinds import is_users_module
from timeslip.codec.reducers import instances

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_CLASSES = (
    ("toolz.functoolz", "curry"),
    ("tenacity", "BaseRetrying"),
    ("multipledispatch.dispatcher", "Dispatcher"),
)


def find(kind: type) -> Any:
    """The reducer for curried functions, for what tries again, and for functions of several types, or None."""
    for module, name in _CLASSES:
        base = getattr(sys.modules.get(module), name, None)
        if isinstance(base, type) and issubclass(kind, base):
            by_attributes = instances.by_attributes(kind)
            return _of_library(by_attributes) if name == "curry" else by_attributes
    return None


def _of_library(usual: Any) -> Any:
    """As toolz does it for a function that a library has curried, which is found behind that alone; else *usual*."""

    def reduce(state: Pass, obj: Any) -> Any:
        function = obj.func
        if type(function) is types.FunctionType and not is_users_module(str(function.__module__)):
            found: Any = resolve_global(function.__module__, function.__qualname__)
            if type(found) is type(obj) and found.func is function and function.__globals__ is not state.namespace:
                return NotImplemented
        return usual(state, obj)

    return reduce
