"""decimal: the context that calculations go by is one for each thread, and no other can stand for it.

Its values belong to the facet ``decimal``, which sets them in place.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _context(state: Pass, context: Any) -> Any:
    if sys.modules["decimal"].getcontext() is not context:
        return NotImplemented
    return current, ()


def current() -> Any:
    """The context of this thread."""
    return import_module("decimal").getcontext()


def find(kind: type) -> Any:
    """The reducer for contexts, or None."""
    return _context if kind is sys.modules["decimal"].Context else None
