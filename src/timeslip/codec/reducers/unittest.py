"""unittest.mock: mocks by their attributes, what they were called with by what it is made of.

Each mock has a class of its own, on which its magic methods stand and which is found nowhere. And a mock answers when
pickle asks it for anything.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from timeslip.codec.kinds import attributes_of, filled, own_slots, set_slots

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_MADE = frozenset({"__module__", "__doc__", "__dict__", "__weakref__"})
"""What the class of every mock has."""


def _mock(state: Pass, mock: Any) -> Any:
    kind = type(mock)
    own = {name: value for name, value in vars(kind).items() if name not in _MADE}
    parts = attributes_of(mock), filled(mock, own_slots(kind)), own
    state.keep += (parts, *parts[1:])
    return make_mock, (kind.__name__, kind.__bases__), parts, None, None, set_mock


def make_mock(name: str, bases: tuple[type, ...]) -> Any:
    """A mock without attributes, of a class of its own."""
    made: Any = type(name, bases, {"__doc__": bases[-1].__doc__, "__module__": "unittest.mock"})
    return object.__new__(made)


def set_mock(mock: Any, parts: tuple[dict[str, Any], dict[str, Any], dict[str, Any]]) -> None:
    """State setter for mocks, past their own code, which would count this among what was done to them."""
    attributes, slots, own = parts
    object.__setattr__(mock, "__dict__", attributes)
    set_slots(mock, slots)
    for name, value in own.items():
        type.__setattr__(type(mock), name, value)


def _call(state: Pass, call: Any) -> Any:
    return make_call, (type(call), tuple(tuple.__iter__(call))), attributes_of(call), None, None, set_call


def make_call(kind: Any, parts: tuple[Any, ...]) -> Any:
    """What a mock was called with, without attributes."""
    return tuple.__new__(kind, parts)


def set_call(call: Any, attributes: dict[str, Any]) -> None:
    """State setter for calls."""
    object.__setattr__(call, "__dict__", attributes)


def find(kind: type) -> Any:
    """The reducer for mocks and what they were called with, or None."""
    library: Any = sys.modules.get("unittest.mock")
    if library is None or not hasattr(library, "NonCallableMock"):
        return None
    if issubclass(kind, library.NonCallableMock):
        has_own_class = "__module__" in vars(kind) and vars(kind)["__module__"] == "unittest.mock"
        return _mock if has_own_class and getattr(library, kind.__name__, None) is not kind else None
    return _call if kind is library._Call else None
