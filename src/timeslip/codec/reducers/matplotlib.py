"""matplotlib: what its own pickling changes in the object that is pickled."""

from __future__ import annotations

import itertools
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass


def _callbacks(state: Pass, registry: Any) -> Any:
    """A registry of callbacks, its counter left where it is.

    matplotlib asks the counter for its next number to store it, so that no two captures of one figure were equal.
    """
    held = vars(registry)
    counter = held.get("_cid_gen")
    number = re.fullmatch(r"count\((\d+)\)", repr(counter)) if type(counter) is itertools.count else None
    if number is None:
        return NotImplemented
    try:
        return registry.__reduce_ex__(5)
    finally:
        held["_cid_gen"] = itertools.count(int(number[1]))


def find(kind: type) -> Any:
    """The reducer for registries of callbacks, or None."""
    cbook = sys.modules.get("matplotlib.cbook")
    return _callbacks if cbook is not None and kind is cbook.CallbackRegistry else None
