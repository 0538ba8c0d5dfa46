"""Facet ``decimal``: the decimal context of the thread that runs the cells."""

from __future__ import annotations

import importlib
import sys
from typing import Any, ClassVar

from timeslip.errors import FacetError
from timeslip.state.facets.base import FacetBase, register, shortened
from timeslip.state.facets.differences import EMPTY, canonical, parsed

_DEFAULTS: dict[str, Any] = {
    "prec": 28,
    "rounding": "ROUND_HALF_EVEN",
    "Emin": -999999,
    "Emax": 999999,
    "capitals": 1,
    "clamp": 0,
    "flags": [],
    "traps": ["DivisionByZero", "InvalidOperation", "Overflow"],
}


@register
class DecimalFacet(FacetBase):
    """Where the current context differs from Python's default one: ``{"prec": 50}``. Flags that are up count too."""

    name: ClassVar[str] = "decimal"
    absent: ClassVar[bytes | None] = EMPTY

    def __init__(self) -> None:
        super().__init__()
        self._seen = ""
        self._data = EMPTY

    def available(self) -> bool:
        """Whether ``decimal`` is loaded, completely."""
        return hasattr(sys.modules.get("decimal"), "getcontext")

    def capture(self) -> bytes:
        """The differences from the default context."""
        decimal: Any = sys.modules["decimal"]
        context = decimal.getcontext()
        seen = decimal.Context.__repr__(context)  # everything there is, in a microsecond
        if seen != self._seen:
            state = _state(context)
            document = {key: value for key, value in state.items() if value != _DEFAULTS[key]}
            self._data = canonical(document).encode() if document else EMPTY
            self._seen = seen
        return self._data

    def restore(self, data: bytes) -> None:
        """Change the current context in place; it stays the object that it is."""
        if data == EMPTY and not self.available():
            return
        decimal: Any = importlib.import_module("decimal")
        context = decimal.getcontext()
        document = {**_DEFAULTS, **parsed(data)}
        if document.keys() != _DEFAULTS.keys():
            raise FacetError("the recorded decimal context is not of a form that this release knows")
        try:
            for key in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp"):
                setattr(context, key, document[key])
            for key in ("flags", "traps"):
                signals = getattr(context, key)
                for signal in list(signals):
                    signals[signal] = signal.__name__ in document[key]
        except (TypeError, ValueError) as error:
            raise FacetError(f"the decimal context cannot take the recorded state ({error})") from error

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """``decimal context: prec 28 -> 50``."""
        old, new = ({**_DEFAULTS, **parsed(data or EMPTY)} for data in (before, after))
        parts = [f"{key} {_shown(old[key])} -> {_shown(new[key])}" for key in _DEFAULTS if old[key] != new.get(key)]
        return "decimal context: " + (shortened(parts) or "unchanged")


def _state(context: Any) -> dict[str, Any]:
    state = {key: getattr(context, key) for key in _DEFAULTS}
    for key in ("flags", "traps"):
        state[key] = sorted(signal.__name__ for signal, up in state[key].items() if up)
    return state


def _shown(value: Any) -> str:
    return "+".join(value) or "none" if isinstance(value, list) else str(value)
