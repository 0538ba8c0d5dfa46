"""sortedcontainers: as they are, without sorting anything again.

Their own pickling makes new ones of the items: that asks the key function, which may say something else in the state
that is left, and the order in which the keys of a dict were put in is lost.
"""

from __future__ import annotations

from typing import Any

from timeslip.codec.kinds import is_plain
from timeslip.codec.reducers import instances, subclasses

_SORTED = frozenset({"SortedDict", "SortedKeyList", "SortedList", "SortedSet"})


def find(kind: type) -> Any:
    """The reducer for a sorted list, set or dict of the library itself, or None."""
    if kind.__name__ not in _SORTED or not kind.__module__.startswith("sortedcontainers."):
        return None
    return instances.by_attributes(kind) if is_plain(kind) else subclasses.container(kind, dict)
