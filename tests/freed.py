"""Memory that other tests have freed: the C library gives that before it maps any for a request of its own."""

from __future__ import annotations

from typing import Any

from timeslip.store.pages import is_own_map

SIZE = 33 << 20


def used_up() -> list[Any]:
    """Arrays that hold all free memory of that size; nothing is written to them."""
    import numpy

    held: list[Any] = []
    while not held or not is_own_map(held[-1].ctypes.data, SIZE):
        held.append(numpy.empty(SIZE, "u1"))
    return held
