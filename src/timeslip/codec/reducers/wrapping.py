"""What libraries make around functions of the session: by its attributes.

The own pickling of toolz names the function, and the name may have another one by then; that of tenacity and
multipledispatch leaves something out.
"""

from __future__ import annotations

import sys
from typing import Any

from timeslip.codec.reducers import instances

_CLASSES = (
    ("toolz.functoolz", "curry"),
    ("tenacity", "BaseRetrying"),
    ("multipledispatch.dispatcher", "Dispatcher"),
)


def find(kind: type) -> Any:
    """The reducer for curried functions, for what tries again, and for functions of several types, or None."""
    for module, name in _CLASSES:
        base = getattr(sys.modules.get(module), name, None)
        if isinstance(base, type) and issubclass(kind, base):
            return instances.by_attributes(kind)
    return None
