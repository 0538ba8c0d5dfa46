"""matplotlib: what its own pickling changes in the object that is pickled."""

from __future__ import annotations

import itertools
import re
import sys
from typing import TYPE_CHECKING, Any

from timeslip.codec import load

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


def _figure(state: Pass, figure: Any) -> Any:
    """A figure, and its number in pyplot while it is open.

    Left to itself, matplotlib opens a window of another number as soon as such a figure is loaded, be it only to look
    at a value of the past.
    """
    reduced = figure.__reduce_ex__(5)
    parts = reduced[2] if len(reduced) > 2 else None
    if type(parts) is not dict or not parts.pop("_restore_to_pylab", False):
        return reduced
    return (*reduced[:2], (parts, figure.canvas.manager.num), None, None, load.set_figure)


def find(kind: type) -> Any:
    """The reducer for figures and registries of callbacks, or None."""
    cbook, figures = sys.modules.get("matplotlib.cbook"), sys.modules.get("matplotlib.figure")
    if cbook is not None and kind is cbook.CallbackRegistry:
        return _callbacks
    return _figure if figures is not None and issubclass(kind, figures.Figure) else None
