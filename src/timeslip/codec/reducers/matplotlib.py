"""matplotlib: what its own pickling changes in the object that is pickled."""

from __future__ import annotations

import functools
import itertools
import re
import sys
import types
from typing import TYPE_CHECKING, Any

from timeslip.codec import load

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _callbacks(state: Pass, registry: Any) -> Any:
    """A registry of callbacks, with all that do not belong to the canvas, its counter left where it is.

    matplotlib asks the counter for its next number to store it, so that no two captures of one figure were equal. It
    drops all callbacks but some of its own, as it cannot pickle the others: a colorbar would no longer hear of its
    image, and a widget of no event. Those that belong to the canvas are made again with the canvas.
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
    marked = held["_pickled_cids"]
    reduced[2]["callbacks"] = {
        signal: {
            cid: callback
            for cid, callback in ((cid, proxy()) for cid, proxy in connected.items())
            if callback is not None and (cid in marked or not _is_of_canvas(callback))
        }
        for signal, connected in held["callbacks"].items()
    }
    return reduced


def _is_of_canvas(callback: Any) -> bool:
    """Whether a callback was connected by a canvas, a window or a toolbar, which connect theirs again when made again.

    matplotlib wraps some callbacks in functions of its own: then what is wrapped decides.
    """
    if isinstance(callback, functools.partial):
        return _is_of_canvas(callback.func)
    owner = getattr(callback, "__self__", None)
    if owner is not None and isinstance(owner, _canvas_kinds()):
        return True
    function = getattr(callback, "__func__", callback)
    module = getattr(function, "__module__", None)
    if type(function) is not types.FunctionType or type(module) is not str:
        return False
    if module in _OF_CANVAS or module.startswith(_OF_FRONT_ENDS):
        return True
    wrapped = [cell.cell_contents for cell in function.__closure__ or () if cell != types.CellType()]
    return module.startswith("matplotlib.") and any(map(_is_of_canvas, filter(callable, wrapped)))


def _canvas_kinds() -> tuple[type, ...]:
    """What canvases, windows, toolbars and tools are instances of, as far as it is loaded."""
    places = ((sys.modules.get(module), names) for module, names in _KINDS.items())
    return tuple(kind for module, names in places for name in names if (kind := getattr(module, name, None)))


_KINDS = {
    "matplotlib.backend_bases": ("FigureCanvasBase", "FigureManagerBase", "NavigationToolbar2", "ToolContainerBase"),
    "matplotlib.backend_managers": ("ToolManager",),
    "matplotlib.backend_tools": ("ToolBase",),
}
_OF_CANVAS = frozenset({*_KINDS, "matplotlib._pylab_helpers"})
_OF_FRONT_ENDS = ("IPython.", "ipympl.", "matplotlib.backends.", "matplotlib_inline.")
"""Beginnings of the names of modules whose functions belong to a canvas, too."""


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


def _canvas(state: Pass, canvas: Any) -> Any:
    """A canvas, which events hold that widgets remember, without the backgrounds that widgets have saved on it.

    They are memory of the renderer, and matplotlib itself drops them at any time.
    """
    reduced = canvas.__reduce_ex__(5)
    parts = reduced[2] if len(reduced) > 2 else None
    if type(parts) is not dict or not parts.get("_blit_backgrounds"):
        return reduced
    return (*reduced[:2], {**parts, "_blit_backgrounds": {}}, *reduced[3:])


def find(kind: type) -> Any:
    """The reducer for figures, canvases and registries of callbacks, or None."""
    cbook, figures = sys.modules.get("matplotlib.cbook"), sys.modules.get("matplotlib.figure")
    if cbook is not None and kind is cbook.CallbackRegistry:
        return _callbacks
    bases = sys.modules.get("matplotlib.backend_bases")
    if bases is not None and issubclass(kind, bases.FigureCanvasBase):
        return _canvas
    return _figure if figures is not None and issubclass(kind, figures.Figure) else None
