"""patsy: designs of formulas by their attributes, with the functions and values that the formula named.

patsy refuses to be pickled at all ("not supported yet"): models of statsmodels then evaluate the formula again where
they are loaded, which needs every name of it, and the data, as they were.
"""

from __future__ import annotations

import sys
from typing import Any

from timeslip.codec.kinds import is_plain
from timeslip.codec.reducers import instances

_MAKES_ITS_OWN_REFUSAL = frozenset({"Origin"})
"""Its module cannot import the function that refuses for all others."""


def find(kind: type) -> Any:
    """The reducer for what refuses to be pickled, or None. Matrices are arrays: theirs is that of arrays."""
    refusal = getattr(sys.modules.get("patsy.util"), "no_pickling", None)
    if refusal is None or not is_plain(kind):
        return None
    says = getattr(kind, "__getstate__", None)
    if says is not refusal and kind.__name__ not in _MAKES_ITS_OWN_REFUSAL:
        return None
    return instances.named(kind, instances.by_attributes(kind))  # every formula has the intercept of the library
