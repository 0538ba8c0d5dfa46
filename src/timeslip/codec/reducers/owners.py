"""Whose memory it is that an object of another library looks into, where that library does not tell.

`torch.from_numpy`, ``pyarrow.array`` and their like keep the owner of the memory where Python cannot see it. So it is
looked for in what names are bound to and in what that holds, by the addresses.
"""

from __future__ import annotations

import array
import sys
from bisect import bisect_right, insort
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from timeslip.codec.kinds import attributes_of
from timeslip.codec.reducers.numpy import root_of, span

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass

_MOST_LOOKED_AT = 20_000
"""So many objects are looked at to find out whose memory it is."""


class Owners:
    """The owners of memory that one pass can find, those that were met so far by address.

    Args:
        namespace: where to look.
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._left = islice(_held(namespace), _MOST_LOOKED_AT)
        self._known: list[tuple[int, int, int]] = []  # first byte, end, number of the object
        self._objects: list[Any] = []
        self._seen: set[int] = set()

    def of(self, start: int, size: int) -> tuple[Any, int, int] | None:
        """The owner of *size* bytes from address *start*, the first byte in there, and how many; None: none is known.

        The owner is an array of numpy that is in one piece, a bytearray or an `array.array`.
        """
        found = self._among_known(start, size)
        while found is None:
            value = next(self._left, None)
            if value is None:
                return None
            if self._note(value):
                found = self._among_known(start, size)
        return found

    def _among_known(self, start: int, size: int) -> tuple[Any, int, int] | None:
        at = bisect_right(self._known, (start, sys.maxsize, 0)) - 1
        if at < 0:
            return None
        first, stop, number = self._known[at]
        return (self._objects[number], start - first, size) if start + size <= stop else None

    def _note(self, value: list[Any]) -> bool:
        """Whether there was an owner in *value* (one object, in a list: it may be None) that is not known yet."""
        new = [root for root in _roots(value[0]) if id(root) not in self._seen]
        for root in new:
            self._seen.add(id(root))
            first, stop = _extent(root)
            if stop > first:
                insort(self._known, (first, stop, len(self._objects)))
                self._objects.append(root)
        return bool(new)


def of(state: Pass, start: int, size: int) -> tuple[Any, int, int] | None:
    """As `Owners.of`, for that pass."""
    if state.owners is None:
        state.owners = Owners(state.namespace)
    found: tuple[Any, int, int] | None = state.owners.of(start, size)
    return found


def _roots(value: Any) -> Iterator[Any]:
    """What *value* may have its memory in."""
    kind = type(value)
    if kind in (bytearray, array.array):
        if len(value):
            yield value
        return
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "ndarray"):
        return
    pandas = sys.modules.get("pandas")
    frames = tuple(getattr(pandas, name) for name in ("DataFrame", "Series") if hasattr(pandas, name))
    arrays = [block.values for block in value._mgr.blocks] if isinstance(value, frames) else [value]
    for one in arrays:
        root = root_of(one) if type(one) is numpy.ndarray else None
        if root is not None and root.base is None and not root.dtype.hasobject and root.flags.forc:
            yield root


def _extent(root: Any) -> tuple[int, int]:
    numpy = sys.modules["numpy"]
    return span(root if isinstance(root, numpy.ndarray) else numpy.frombuffer(root, numpy.uint8))


def _held(namespace: dict[str, Any]) -> Iterator[list[Any]]:
    """What names are bound to, and what that holds in containers and attributes, level by level, each in a list."""
    seen: set[int] = {id(namespace)}
    level = list(namespace.values())
    while level:
        yield from ([value] for value in level)
        parts: list[Any] = []
        for value in level:
            kind = type(value)
            if id(value) in seen or (kind.__module__ == "builtins" and kind not in (dict, list, tuple)):
                continue
            seen.add(id(value))
            if kind is dict:
                parts += value.values()
            elif kind in (list, tuple):
                parts += value
            elif not issubclass(kind, type):
                parts += (attributes_of(value) or {}).values()
            if len(parts) > _MOST_LOOKED_AT:
                break
        level = parts


def bytes_of(owner: Any, offset: int, size: int) -> Any:
    """An array of the *size* bytes from byte *offset* on of the memory of *owner*."""
    numpy = sys.modules["numpy"]
    if not isinstance(owner, numpy.ndarray):
        owner = numpy.frombuffer(owner, numpy.uint8)
    line = owner if owner.flags.c_contiguous else owner.T
    return numpy.ndarray((size,), "u1", line, offset)
