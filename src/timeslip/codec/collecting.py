"""No cyclic garbage is collected while very many objects are made and none becomes garbage."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class _Lasting(threading.local):
    """What one thread has found out since its outermost `uncollected` began."""

    depth = 0

    def __init__(self) -> None:
        self.found: dict[Any, Any] = {}


_lasting = _Lasting()


@contextmanager
def uncollected() -> Iterator[None]:
    """Around work that makes many objects: a collection would go through all of them again and again."""
    was_enabled = gc.isenabled()
    _lasting.depth += 1
    try:
        gc.disable()
        yield
    finally:
        _lasting.depth -= 1
        if not _lasting.depth:
            _lasting.found.clear()
        if was_enabled:
            gc.enable()


def found_once(key: Any, find: Callable[[], T]) -> T:
    """What *find* gives: asked once for *key* while the outermost `uncollected` lasts, in which no cell runs."""
    if not _lasting.depth:
        return find()
    if key not in _lasting.found:
        _lasting.found[key] = find()
    found: T = _lasting.found[key]
    return found
