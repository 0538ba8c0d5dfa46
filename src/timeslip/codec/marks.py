"""A quick mark of values that are made of plain lists, dicts, tuples, text and numbers, taken without a pass.

`marshal` writes such values ten times faster than `pickle`: it does not note every object, only those that more than
one reference leads to. What it writes says all the same which parts are one object, so equal marks mean that a value is
as it was, with the aliases inside it. One with something outside shows by the second reference, unless the part that it
took the place of had one as well. Different marks mean nothing: another reference somewhere changes what is written.

Buffers of all kinds look alike to `marshal`. So a mark counts only for a value that a pass has found to hold none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from itertools import islice
from marshal import dumps
from typing import Any

import xxhash

PLAIN: frozenset[type] = frozenset({list, dict, tuple, str})
"""What a memo holds of a value that marks count for; numbers, booleans and None are in no memo."""

_CONTAINERS = (list, dict, tuple)
_COUNTED = frozenset(map(id, PLAIN | {int, float, bool, type(None)}))
"""Addresses of types: a metaclass may let nobody hash its classes."""
_FEW = 16

_VERSION = 4  # with references; later ones write nothing else that matters here


def mark_of(objects: list[Any]) -> bytes | None:
    """The mark of these objects together, 16 bytes; None where there is none.

    Taken before the pass that it belongs to: what a thread changes in between must look changed the next time.
    """
    if not any(issubclass(type(obj), _CONTAINERS) for obj in objects):  # of which marshal takes those of exact type
        return None
    try:
        if not _may_be_plain(objects):
            return None
        return xxhash.xxh3_128_digest(dumps(objects, _VERSION))
    except (ValueError, MemoryError, RuntimeError):  # it holds something else, is too deep or large, or grew meanwhile
        return None


def _may_be_plain(objects: Iterable[Any], depth: int = 2) -> bool:
    """Whether the first few things in *objects* are of kinds that marks count for.

    A mark of anything else is not used, and of large arrays it would take a copy of them all.
    """
    for obj in objects:
        kind = type(obj)
        if id(kind) not in _COUNTED:
            return False
        if depth and kind in _CONTAINERS and not _may_be_plain(islice(_items(obj), _FEW), depth - 1):
            return False
    return True


def _items(container: Any) -> Iterator[Any]:
    return iter(container.values() if type(container) is dict else container)


def is_plain(kinds: Set[type], objects: Iterable[Any], own: set[int]) -> bool:
    """Whether a memo that holds *objects* is that of a value that marks count for.

    Args:
        kinds: types of the objects.
        objects: in the memo.
        own: addresses of what belongs to the pass itself.
    """
    odd = kinds - PLAIN
    return not odd or own.issuperset(id(obj) for obj in objects if type(obj) in odd)
