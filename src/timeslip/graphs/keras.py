"""What `graphs` knows about keras and TensorFlow; neither is imported.

What keras keeps by the addresses of objects is no value. Tensors and variables are their numbers and names, whatever
handles they have.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from timeslip.graphs import kinds

if TYPE_CHECKING:
    from timeslip.graphs.comparison import Comparison, Path

_Handler = Callable[["Comparison", "Path", Any, Any], None]

_LEFT_OUT = frozenset(
    "stored_ids _nodes _loss_ids build quantize train_function test_function predict_function".split()
)
"""Attributes that hold addresses, or functions around the object itself that are made with it or by its next use."""


_NUMBERS = frozenset({"EagerTensor", "ResourceVariable", "UnliftedInitializerVariable"})
_FACTS = "dtype shape device trainable name _unique_id _aggregation _synchronization"


def handler(kind: type) -> _Handler | None:
    """The comparison for layers, models, optimizers, what tracks their parts, tensors and variables; else None."""
    if str(kind.__module__).startswith("tensorflow.python.") and kind.__name__ in _NUMBERS:
        return _numbers
    saveable, tracking = sys.modules.get("keras.src.saving.keras_saveable"), sys.modules.get("keras.src.utils.tracking")
    base, tracker = getattr(saveable, "KerasSaveable", None), getattr(tracking, "Tracker", None)
    return _by_attributes if kind is tracker or (base is not None and issubclass(kind, base)) else None


def _by_attributes(c: Comparison, path: Path, left: Any, right: Any) -> None:
    sides = [kinds.attributes(side).get("__dict__", {}) for side in (left, right)]
    ones, others = ({name: value for name, value in side.items() if name not in _LEFT_OUT} for side in sides)
    for name in sorted(ones.keys() ^ others.keys()):
        c.report(path, f"attribute {name} only in the {'first' if name in ones else 'second'} state")
    for name in ones:
        if name in others:
            c.pair(path.then("." + name), ones[name], others[name])


def _numbers(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is right:
        return
    for name in _FACTS.split():
        one, other = _fact(left, name), _fact(right, name)
        if one != other:
            c.report(path.then("." + name), f"{one} != {other}")
    if left.dtype.name in ("resource", "variant"):
        return
    c.pair(path.then(".numpy()"), left.numpy(), right.numpy())
    c.pair(path.then("._constraint"), getattr(left, "_constraint", None), getattr(right, "_constraint", None))


def _fact(obj: Any, name: str) -> str:
    try:
        return str(getattr(obj, name, None))
    except Exception:  # an eager tensor has no name, and says so in its own way
        return ""
