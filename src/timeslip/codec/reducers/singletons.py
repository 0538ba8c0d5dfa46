"""Objects that the process has one of and whose content a facet restores in place: referred to, never copied.

``rc = plt.rcParams`` gives a second name to the settings themselves. A copy would be cut off from the library.
"""

from __future__ import annotations

import decimal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from timeslip.codec import load
from timeslip.codec.definitions import of

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass

Reducer = Callable[["Pass", Any], Any]

_PLACES = {
    ("random", "Random"): ("random", "_inst"),
    ("matplotlib", "RcParams"): ("matplotlib", "rcParams"),
    ("numpy.random.mtrand", "RandomState"): ("numpy.random.mtrand", "_rand"),
}
"""Module and name of a type -> module and attribute of the one instance that is not copied."""


def with_reference(kind: type, reducer: Reducer | None) -> Reducer | None:
    """*reducer* of *kind*, but for the one instance that a module has."""
    if kind is decimal.Context:
        return lambda state, obj: (
            (decimal.getcontext, ()) if obj is decimal.getcontext() else _as_usual(reducer, state, obj)
        )
    place = _PLACES.get((of(kind, "__module__"), of(kind, "__name__")))
    if place is None:
        return reducer

    def refer(state: Pass, obj: Any) -> Any:
        if getattr(sys.modules.get(place[0]), place[1], None) is obj:
            return load.attribute, place
        return _as_usual(reducer, state, obj)

    return refer


def _as_usual(reducer: Reducer | None, state: Pass, obj: Any) -> Any:
    return reducer(state, obj) if reducer is not None else NotImplemented
