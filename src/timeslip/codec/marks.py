"""A quick mark of values that are made of plain lists, dicts, tuples, text and numbers, taken without a pass.

`marshal` writes such values ten times faster than `pickle`: it does not note every object, only those that more than
one reference leads to. What it writes says all the same which parts are one object, so equal marks mean that a value is
as it was, with the aliases inside it. One with something outside shows by the second reference, unless the part that it
took the place of had one as well. Different marks mean nothing: another reference somewhere changes what is written.

Buffers of all kinds look alike to `marshal`. So a mark counts only for a value that a pass has found to hold none.

Most functions have marks that count whatever a pass has met: their code, and constants. So have classes of methods and
constants, and a name for a function or class of the session, which is recorded by identity.
"""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import chain, islice
from marshal import dumps
from sys import getrefcount
from typing import TYPE_CHECKING, Any

import xxhash

from timeslip.codec.definitions import CLASS_SKIP, class_name, dump_code, is_definition, of, registered_with
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
_OF_FUNCTION, _OF_CLASS, _OF_NAME = b"function ", b"class ", b"name of "


def mark_of_nodes(nodes: Sequence[tuple[str, Any]], encoder: Encoder) -> bytes | None:
    """The mark of what is captured together: node keys and their objects."""
    if len(nodes) > 1:
        return mark_of([obj for _, obj in nodes])
    key, obj = nodes[0]
    if key.startswith("def:"):
        return _mark_of_class(obj, encoder) if type(obj) is type else _mark_of_function(obj, encoder.namespace)
    identity = _identity_of(obj, encoder)
    return _OF_NAME + identity.encode() if identity is not None else mark_of([obj])


def _identity_of(obj: Any, encoder: Encoder) -> str | None:
    """The identity of a function or class of the session that has one already."""
    identity = encoder.registry.known(obj)
    return str(identity) if identity is not None and is_definition(obj, encoder.namespace) else None


def is_sufficient(mark: bytes | None) -> bool:
    """Whether a mark tells all that a pass would, whatever that has met."""
    return mark is not None and mark.startswith((_OF_FUNCTION, _OF_CLASS, _OF_NAME))


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
    if not all(map(_is_constant, chain(parts, defaults or (), *said))):
        return None
    held = getrefcount(attributes), getrefcount(annotations)
    return _OF_FUNCTION + xxhash.xxh3_128_digest(dumps((dump_code(function.__code__), parts, defaults, said, held), 2))


def _mark_of_class(cls: type, encoder: Encoder) -> bytes | None:
    """What a class consists of, if that is methods of the session and constants, and its bases are such classes."""
    names: dict[str, Any] = dict(of(cls, "__dict__"))
    parts = (of(cls, "__name__"), of(cls, "__qualname__"), names.get("__module__"))
    bases = [_identity_of(base, encoder) for base in cls.__bases__ if base is not object]
    said: list[tuple[Any, ...]] = []
    for name, value in names.items():
        if name in CLASS_SKIP:
            continue
        method = _identity_of(value, encoder) if type(value) is types.FunctionType else None
        # Python 3.13 says which attributes methods set.
        values = value if name == "__static_attributes__" and type(value) is tuple else (value,)
        if method is None and not all(map(_is_constant, values)):
            return None
        said.append((name, method, None if method is not None else value))
    if "jax" in sys.modules or None in bases or not all(map(_is_constant, (*parts, *names))):
        return None
    with_it = [class_name(known) for known in registered_with(cls)]
    return _OF_CLASS + xxhash.xxh3_128_digest(dumps((parts, len(cls.__bases__), bases, said, with_it), 2))


def _is_constant(value: Any) -> bool:
    return id(type(value)) in _CONSTANTS and is_atom(value)


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
