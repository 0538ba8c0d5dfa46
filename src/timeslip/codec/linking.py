"""Which of the objects that a pass met link names: those whose identity ordinary code can see.

Written rule (design: *Linking*). Never: text and bytes up to 1 kB, numbers, None, booleans, empty containers that
Python itself shares, classes, functions, modules, and immutable helpers of libraries that they share among all their
objects (dtypes, time zones, enum members, indexes of pandas). Always: mutable containers, instances, cells, non-empty
tuples, NaN objects, large immutables. Objects made by the reduction itself are told apart by their reference count:
nothing but the pass holds them.
"""

from __future__ import annotations

import datetime
import enum
import sys
import types
from collections.abc import Iterable
from typing import Any

from timeslip.codec.definitions import module_of
from timeslip.codec.kinds import is_made_by_library, is_of_session

_NEVER: frozenset[type] = frozenset(
    {
        int,
        float,
        complex,
        bool,
        type(None),
        type(Ellipsis),
        type(NotImplemented),
        type,
        types.FunctionType,
        types.BuiltinFunctionType,
        types.ModuleType,
        types.CodeType,
        types.GenericAlias,
        range,
        slice,
        datetime.timezone,
        datetime.timedelta,
        datetime.date,
        datetime.datetime,
        datetime.time,
    }
)
_SIZED: frozenset[type] = frozenset({str, bytes})
_LARGE = 1024
_NEVER_NAMES = frozenset(
    {
        ("numpy", "dtype"),
        ("numpy", "ufunc"),
        ("numpy", "generic"),
        ("zoneinfo", "ZoneInfo"),
        ("pathlib", "PurePath"),
        ("decimal", "Decimal"),
        ("fractions", "Fraction"),
        ("uuid", "UUID"),
        ("re", "Pattern"),
        ("pandas", "Index"),
        ("pandas", "ExtensionDtype"),
        ("pandas", "BaseOffset"),
        ("pandas", "_Period"),
        ("pandas", "NAType"),
    }
)
"""Immutable (or treated as such) helpers, by top-level package and name of the type or of one of its bases."""

# References to an object that only the pass holds: the memo, the copy of the memo (its tuple), the loop variable,
# and the argument of getrefcount.
_OWN_REFERENCES = 4

_ATOMS: frozenset[type] = frozenset(
    {
        int,
        float,
        bool,
        type(None),
        type(Ellipsis),
        type(NotImplemented),
        type,
        types.FunctionType,
        types.BuiltinFunctionType,
    }
)


def is_atom(value: Any) -> bool:
    """Whether the identity of *value* means nothing (see the written rule), so that two names may share it."""
    kind = type(value)
    if kind in _SIZED:
        return len(value) <= _LARGE
    if kind is float:
        return bool(value == value)
    if kind is types.ModuleType or (kind not in _ATOMS and issubclass(kind, types.ModuleType)):
        return sys.modules.get(value.__dict__.get("__name__", "")) is value
    if kind is int:
        return bool(value.bit_length() <= 8 * _LARGE)
    return kind in _ATOMS or (kind in (tuple, frozenset) and not value) or issubclass(kind, type)


_skip_cache: dict[type, bool] = {}


def never_links(kind: type) -> bool:
    """Whether instances of *kind* never link, unless a name is bound to them directly."""
    known = _skip_cache.get(kind)
    if known is not None:
        return known
    skip = kind in _NEVER or issubclass(kind, (type, enum.Enum))
    if not skip and (is_made_by_library(kind) or not is_of_session(kind)):  # whose instances may have attributes
        names = {(str(base.__module__).partition(".")[0], base.__name__) for base in kind.__mro__}
        skip = issubclass(kind, (datetime.tzinfo, datetime.date, datetime.timedelta)) or not names.isdisjoint(
            _NEVER_NAMES
        )
        skip = skip and ("numpy", "void") not in names  # rows of structured arrays can change
    if _lives_long(kind):
        _skip_cache[kind] = skip
    return skip


def _lives_long(kind: type) -> bool:
    """Whether *kind* belongs to an installed module: a cache would keep a class of the session alive."""
    module = module_of(kind)
    return module is not None and kind.__module__ != "__main__" and getattr(module, kind.__name__, None) is kind


_outside_cache: dict[type, frozenset[int]] = {}


def outside_addresses(kind: type) -> frozenset[int]:
    """Addresses of what the installed class *kind*, its bases and their modules hold as attributes.

    Such an object (an empty list shared by all instances, a sentinel, a registry) is met in many values, but belongs
    to none of them.
    """
    known = _outside_cache.get(kind)
    if known is not None:
        return known
    found: set[int] = set()
    for base in kind.__mro__:
        if base.__module__ in ("builtins", "__main__") or not _lives_long(base):
            continue
        for holder in (vars(base), vars(sys.modules[base.__module__])):
            found.update(id(value) for value in list(holder.values()) if not is_atom(value))
    result = frozenset(found)
    if _lives_long(kind):
        _outside_cache[kind] = result
    return result


def _drop_parts(found: dict[int, Any], temporary: list[Any]) -> None:
    """Take out of *found* what only temporary containers hold.

    A part of a temporary container has one reference more for each such container, and the one from *found*.
    """
    seen: dict[int, int] = {}
    while temporary:
        holder = temporary.pop()
        kind = type(holder)
        if kind is dict:
            parts: Iterable[Any] = holder.values()
        elif kind in (tuple, list):
            parts = holder
        else:
            continue
        for part in parts:
            address = id(part)
            if address in found:
                seen[address] = seen.get(address, 0) + 1
                # memo, copy of the memo, found, the loop variable, the argument: five, and one for each holder
                if sys.getrefcount(part) <= 5 + seen[address]:
                    del found[address]
                    temporary.append(part)


def linking_addresses(
    memo: dict[int, tuple[int, Any]],
    own: set[int],
    nans: Iterable[float],
    weak_roots: frozenset[int],
    kinds: Iterable[type],
) -> frozenset[int]:
    """Addresses of the objects in *memo* that link, and of the NaN objects.

    Args:
        memo: a copy of the pickler's memo: address -> (number, object).
        own: addresses that belong to the pass itself.
        nans: NaN objects that the pass met.
        weak_roots: addresses of values that names are bound to directly. An immutable helper links only when it is
            one of them: then its identity can be compared with a name's.
        kinds: types of the objects that were met, plain containers excepted.
    """
    found: dict[int, Any] = {}
    temporary: list[Any] = []
    refcount = sys.getrefcount
    sized, never = _SIZED, _NEVER
    verdicts: dict[type, bool] = {}
    for address, (_, obj) in memo.items():
        kind = type(obj)
        if kind in sized:
            if len(obj) <= _LARGE:
                continue
        elif kind in never or (kind is frozenset and not obj):
            continue
        if refcount(obj) <= _OWN_REFERENCES:
            temporary.append(obj)
            continue
        skips = verdicts.get(kind)
        if skips is None:
            skips = verdicts[kind] = kind.__name__ == "Detached" or never_links(kind)
        if (skips and address not in weak_roots) or address in own:
            continue
        found[address] = obj
    obj = None
    _drop_parts(found, temporary)
    linking = {*found, *(id(nan) for nan in nans)}
    for kind in kinds:
        linking.difference_update(outside_addresses(kind))
    return frozenset(linking)
