"""sortedcontainers: a sorted dict with the order in which its keys were put in, which its own pickling forgets."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import added

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass


def _sorted_dict(state: Pass, held: Any) -> Any:
    items = dict(dict.items(held))
    state.keep.append(items)
    return type(held), (held._key, items)


def find(kind: type) -> Any:
    """The reducer for a sorted dict, or None."""
    library = sys.modules.get("sortedcontainers.sorteddict")
    return added.keeping(_sorted_dict) if library is not None and kind is library.SortedDict else None
