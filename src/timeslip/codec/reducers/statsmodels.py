"""statsmodels: models and their data by their attributes, with the design that a formula gave.

Its own pickling leaves the design out and evaluates the formula again where the model is loaded, looking for the
functions it names in the frames of whoever loads it; and models of counts start over there.
"""

from __future__ import annotations

from typing import Any

from timeslip.codec.definitions import of
from timeslip.codec.kinds import is_plain
from timeslip.codec.reducers import instances

_PICKLING = frozenset({"__getstate__", "__setstate__", "__reduce__", "__reduce_ex__"})


def find(kind: type) -> Any:
    """The reducer for what has a pickling of its own, or None."""
    bases = of(kind, "__mro__")[:-1]
    if not is_plain(kind) or all(_PICKLING.isdisjoint(of(base, "__dict__")) for base in bases):
        return None
    return instances.by_attributes(kind)
