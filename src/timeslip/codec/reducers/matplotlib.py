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
    """A registry of callbacks, with those of the user, its counter left where it is.

    matplotlib asks the counter for its next number to store it, so that no two captures of one figure were equal. It
    drops all callbacks but some of its own; those that belong to the canvas are made again with the canvas.
    """
    held = vars(registry)
    counter = held.get("_cid_gen")
    number = re.fullmatch(r"count\((\d+)\)", repr(counter)) if type(counter) is itertools.count else None
    if number is None:
        return NotImplemented
    try:
        reduced = registry.__reduce_ex__(5)
    finally:
        held["_cid_gen"] = itertools.count(int(number[1]))
    reduced[2]["callbacks"] = {
        signal: {cid: proxy() for cid, proxy in connected.items() if cid in held["_pickled_cids"] or _is_users(proxy())}
        for signal, connected in held["callbacks"].items()
    }
    return reduced


def _is_users(callback: Any) -> bool:
    """Whether a callback is a function or method that no library has connected by itself."""
    function = getattr(callback, "__func__", callback)
    module = getattr(function, "__module__", None)
    return type(module) is str and module.partition(".")[0] not in _LIBRARIES and callable(function)


_LIBRARIES = frozenset({"IPython", "ipympl", "matplotlib", "matplotlib_inline", "mpl_toolkits"})
"""Their callbacks belong to a canvas, a window or a toolbar."""


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
