"""toolz: curried functions by what they hold; its own pickling names functions of the session."""

from __future__ import annotations

import sys
from typing import Any

from timeslip.codec.reducers import instances


def find(kind: type) -> Any:
    """The reducer for curried functions, or None."""
    library = sys.modules.get("toolz.functoolz")
    return instances.by_attributes(kind) if library is not None and issubclass(kind, library.curry) else None
