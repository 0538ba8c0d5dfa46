"""Reducers that libraries bring themselves, by entry points (docs/how-to/write-a-reducer.md)."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from functools import lru_cache
from typing import Any

GROUP = "timeslip.reducers"
"""Entry points: the name is a top-level package, the object a function from a class to its reducer or None."""

KINDS: weakref.WeakSet[type] = weakref.WeakSet()
"""Classes that have such a reducer. It is tried out like the pickling of a class itself."""

problems: list[str] = []
"""What was wrong with them, a sentence each; whoever tells the user empties it."""

_NOT_A_LIBRARY = frozenset({"__main__", "__mp_main__", "timeslip"})


def find(package: str, kind: type) -> Any:
    """The reducer for instances of *kind* that somebody has brought for the classes of *package*, or None."""
    if package in sys.stdlib_module_names or package in _NOT_A_LIBRARY:
        return None
    try:
        found = _brought().get(package)
    except Exception:  # what a cell has done to `sys.path` or to what reads it: asked again for the next object
        return None
    if found is None:
        return None
    try:
        reducer = found(kind)
    except Exception as error:  # a library's own code: anything may come
        _brought().pop(package, None)
        problems.append(_complaint(package, error))
        return None
    if reducer is not None:
        KINDS.add(kind)
    return reducer


@lru_cache(maxsize=1)
def _brought() -> dict[str, Callable[[type], Any]]:
    """Top-level package -> what finds the reducers for its classes.

    Asked for when the first object of a package appears that is neither Python's nor known here: reading what is
    installed takes some 10 ms for every hundred distributions.
    """
    from importlib.metadata import entry_points

    found: dict[str, Callable[[type], Any]] = {}
    for point in entry_points(group=GROUP):
        try:
            found[point.name] = point.load()
        except Exception as error:  # importing a library's own code: anything may come
            problems.append(_complaint(point.name, error))
    return found


def _complaint(package: str, error: Exception) -> str:
    return (
        f"the reducers that are registered for {package} do not work ({type(error).__name__}: {error}): "
        "its objects are stored as pickle does"
    )
