"""A quick mark of values that are made of plain lists, dicts, tuples, text and numbers, taken without a pass.

`marshal` writes such values ten times faster than `pickle`: it does not note every object, only those that more than
one reference leads to. What it writes says all the same which parts are one object, so equal marks mean that a value is
as it was, with the aliases inside it. One with something outside shows by the second reference, unless the part that it
took the place of had one as well. Different marks mean nothing: another reference somewhere changes what is written.

Buffers of all kinds look alike to `marshal`. So a mark counts only for a value that a pass has found to hold none.

Most functions have marks that count whatever a pass has met: their code, and constants. So has a name for a function
or class of the session, which is recorded by identity.
"""

from __future__ import annotations

import builtins
import types
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import chain, islice
from marshal import dumps
from sys import getrefcount
from typing import TYPE_CHECKING, Any

import xxhash

from timeslip.codec.definitions import dump_code, is_definition
from timeslip.codec.linking import is_atom

if TYPE_CHECKING:
    from timeslip.codec.capture import Encoder

PLAIN: frozenset[type] = frozenset({list, dict, tuple, str})
"""What a memo holds of a value that marks count for; numbers, booleans and None are in no memo."""

_CONTAINERS = (list, dict, tuple)
_COUNTED = frozenset(map(id, PLAIN | {int, float, bool, type(None)}))
"""Addresses of types: a metaclass may let nobody hash its classes."""
_FEW = 16

_VERSION = 4  # with references; later ones write nothing else that matters here

_CONSTANTS = frozenset(map(id, (int, float, bool, type(None), str, bytes)))
_BUILTIN = {id(kind): name for name, kind in vars(builtins).items() if type(kind) is type}
_OF_FUNCTION, _OF_NAME = b"function ", b"name of "


def mark_of_nodes(nodes: Sequence[tuple[str, Any]], encoder: Encoder) -> bytes | None:
    """The mark of what is captured together: node keys and their objects."""
    if len(nodes) > 1:
        return mark_of([obj for _, obj in nodes])
    key, obj = nodes[0]
    if key.startswith("def:"):
        return _mark_of_function(obj, encoder.namespace)
    identity = encoder.registry.known(obj)
    if identity is not None and is_definition(obj, encoder.namespace):
        return _OF_NAME + identity.encode()
    return mark_of([obj])


def is_sufficient(mark: bytes | None) -> bool:
    """Whether a mark tells all that a pass would, whatever that has met."""
    return mark is not None and mark.startswith((_OF_FUNCTION, _OF_NAME))


def _mark_of_function(function: Any, namespace: dict[str, Any]) -> bytes | None:
    """What a function consists of, if nothing of it can change by itself or be anybody else's.

    That one of its dicts is somebody else's as well shows by the number of references.
    """
    if type(function) is not types.FunctionType or function.__globals__ is not namespace:
        return None
    attributes, annotations = function.__dict__, function.__annotations__
    others = (function.__closure__, function.__kwdefaults__, attributes, getattr(function, "__type_params__", ()))
    if any(others):
        return None
    said = [
        (name, kind, None) if (of := _BUILTIN.get(id(kind))) is None else (name, None, of)
        for name, kind in annotations.items()
    ]
    parts = (function.__name__, function.__qualname__, function.__module__, function.__doc__)
    defaults = function.__defaults__
    if not all(id(type(part)) in _CONSTANTS and is_atom(part) for part in chain(parts, defaults or (), *said)):
        return None
    held = getrefcount(attributes), getrefcount(annotations)
    return _OF_FUNCTION + xxhash.xxh3_128_digest(dumps((dump_code(function.__code__), parts, defaults, said, held), 2))


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
