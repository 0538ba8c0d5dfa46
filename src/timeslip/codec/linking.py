"""Which of the objects that a pass met link names: those whose identity ordinary code can see.

Written rule (design: *Linking*). Never: text and bytes up to 1 kB, numbers, None, booleans, empty containers that
Python itself shares, classes, functions, modules, and immutable helpers of libraries that they share among all their
objects (dtypes, time zones, enum members, indexes of pandas without a name). Always: mutable containers, instances,
cells, non-empty tuples, NaN objects (those of libraries, too), large immutables. Objects made by the reduction itself
are told apart by their reference count: nothing but the pass holds them. Tuples of nothing but numbers and text, and
what installed libraries own, count here, and are found out when two values turn out to have them in common
(`timeslip.state.sharing`).
"""

from __future__ import annotations

import datetime
import enum
import sys
import types
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence, Set
from itertools import chain, compress, filterfalse
from operator import le, not_
from typing import Any

from timeslip.codec.addresses import Links, addresses_in, links_of, without
from timeslip.codec.definitions import module_of, of
from timeslip.codec.detached import Detached
from timeslip.codec.kinds import is_made_by_library, is_of_session, is_users_module, module_names, references_in_lists

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
LARGE = 1024
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
    }
)


_CODE = frozenset(map(id, (types.FunctionType, type, type(None), bool)))
"""Addresses of types of which all are atoms, and of which modules and classes are full."""


def is_atom(value: Any) -> bool:
    """Whether the identity of *value* means nothing (see the written rule), so that two names may share it."""
    kind = type(value)
    try:
        is_sized = kind in _SIZED
    except Exception:  # a metaclass of the session that lets nobody hash or compare its classes
        return False
    if is_sized:
        return len(value) <= LARGE
    if kind is float:
        return bool(value == value)
    if kind is types.ModuleType or (kind not in _ATOMS and issubclass(kind, types.ModuleType)):
        return sys.modules.get(module_names(value).get("__name__", "")) is value
    if kind is int:
        return bool(value.bit_length() <= 8 * LARGE)
    if kind is types.BuiltinFunctionType:
        return is_unbound(value)
    return kind in _ATOMS or (kind in (tuple, frozenset) and not value) or issubclass(kind, type)


def is_unbound(function: types.BuiltinFunctionType) -> bool:
    """Whether *function*, written in C, has no state; a method of an object has all of that object's."""
    owner = function.__self__
    return owner is None or issubclass(type(owner), (types.ModuleType, type))


_skip_cache: dict[type, bool] = {}


def never_links(kind: type) -> bool:
    """Whether instances of *kind* never link, unless a name is bound to them directly."""
    try:
        known = _skip_cache.get(kind)
    except Exception:  # as in `is_atom`
        return False
    if known is not None:
        return known
    skip = kind in _NEVER or issubclass(kind, (type, enum.Enum))
    if not skip and (is_made_by_library(kind) or not is_of_session(kind)):  # whose instances may have attributes
        names = {(str(of(base, "__module__")).partition(".")[0], of(base, "__name__")) for base in of(kind, "__mro__")}
        skip = issubclass(kind, (datetime.tzinfo, datetime.date, datetime.timedelta)) or not names.isdisjoint(
            _NEVER_NAMES
        )
        skip = skip and ("numpy", "void") not in names  # rows of structured arrays can change
    if _lives_long(kind):
        _skip_cache[kind] = skip
    return skip


def is_value_tuple(obj: Any) -> bool:
    """Whether *obj* is a small tuple or frozenset of nothing but numbers, text and the like, at any depth.

    The compiler and libraries share equal ones as they like: nothing follows from two values holding the same one.
    """
    if type(obj) is not tuple and type(obj) is not frozenset:
        return False
    work, size = [obj], 0
    while work:
        part = work.pop()
        kind = type(part)
        if kind is tuple or kind is frozenset:
            size += 8 * len(part)
            if size > LARGE:
                return False
            work.extend(part)
        elif not is_atom(part):
            return False
    return True


def _lives_long(kind: type) -> bool:
    """Whether *kind* belongs to an installed module: a cache would keep a class of the session alive."""
    module = module_of(kind)
    return (
        module is not None
        and of(kind, "__module__") != "__main__"
        and getattr(module, of(kind, "__name__"), None) is kind
    )


_outside_cache: dict[type, frozenset[int]] = {}


def outside_addresses(kind: type) -> frozenset[int]:
    """Addresses of what the installed class *kind*, its bases and their modules hold as attributes.

    Such an object (an empty list shared by all instances, a sentinel, a registry) is met in many values, but belongs
    to none of them. What a module of the user's holds is shared like anything else: names are bound to it, and so are
    attributes of instances.
    """
    known = _outside_cache.get(kind)
    if known is not None:
        return known
    found: set[int] = set()
    for base in of(kind, "__mro__"):
        if of(base, "__module__") in ("builtins", "__main__") or not _lives_long(base):
            continue
        module = vars(sys.modules[of(base, "__module__")])
        if is_users_module(of(base, "__module__")):
            continue
        for holder in (of(base, "__dict__"), module):
            others = [value for value in list(holder.values()) if id(type(value)) not in _CODE]
            found.update(id(value) for value in others if not is_atom(value))
    result = frozenset(found)
    if _lives_long(kind):
        _outside_cache[kind] = result
    return result


# What holds an object of the pass by the time its references are counted: the memo, the list of what is in it, the list
# of candidates; for the parts of temporary containers also a dict and a list of such parts.
_OWN_REFERENCES = references_in_lists(3)
_OF_PARTS = references_in_lists(5)


def _drop_parts(temporary: list[Any]) -> set[int]:
    """Addresses of what only temporary containers hold.

    Such a part has one reference more for each temporary container that it is in.

    Args:
        temporary: objects that nobody but the pass holds.
    """
    counts: Counter[int] = Counter()
    dropped: set[int] = set()
    work = temporary
    while work := [holder for holder in work if type(holder) in _CONTAINERS]:
        met = list(chain.from_iterable([holder.values() if type(holder) is dict else holder for holder in work]))
        kinds = list(map(type, met))
        large = [text for text in compress(met, map(_SIZED.__contains__, kinds)) if len(text) > LARGE]
        met = [*compress(met, map(not_, map(_NO_PARTS.__contains__, kinds))), *large]
        addresses = list(map(id, met))
        counts.update(addresses)
        parts = dict(zip(addresses, met, strict=True))
        del met, large, work
        unique = list(parts.values())
        references = map(sys.getrefcount, unique)
        most = map(_OF_PARTS.__add__, map(counts.__getitem__, parts))
        alone = list(compress(parts, map(le, references, most)))
        del unique, references
        work = list(map(parts.__getitem__, filterfalse(dropped.__contains__, alone)))
        dropped.update(alone)
        del parts
    return dropped


_NO_PARTS = _ATOMS | _SIZED
_CONTAINERS = frozenset({dict, tuple, list})

_NEVER_LINKS, _LINKS, _IF_LARGE, _IF_NAMED = range(4)


def _verdict(kind: type) -> int:
    if kind in _SIZED:
        return _IF_LARGE
    if kind in _NEVER:
        return _NEVER_LINKS
    return _IF_NAMED if kind is Detached or never_links(kind) else _LINKS


PLAIN_HOLDERS = frozenset({list, dict, tuple})
"""What links of values that are made of nothing but these, text, numbers and the like; and large text."""
_TEXT = frozenset({str})


def plain_holders(objects: Iterable[Any], kinds: Iterable[type], *, texts: bool) -> list[Any]:
    """What of the plain *objects*, of these *kinds*, links: as `linking_addresses`, for which they are too many.

    Args:
        objects: what a pass has met.
        kinds: their types, one by one.
        texts: whether there may be large text among them.
    """
    found = list(compress(objects, map(PLAIN_HOLDERS.__contains__, kinds)))
    if texts:
        found += [text for text in texts_of(objects, kinds) if len(text) > LARGE]
    return found


def texts_of(objects: Iterable[Any], kinds: Iterable[type]) -> list[str]:
    """The texts among *objects* of these *kinds*."""
    return list(compress(objects, map(_TEXT.__contains__, kinds)))


def named_kinds(kinds: Iterable[type]) -> set[type]:
    """Those of *kinds* whose instances link only where a name is bound to them."""
    return {kind for kind in kinds if _verdict(kind) == _IF_NAMED}


_condition_cache: dict[type, Callable[[Any], bool] | None] = {}


def _condition(kind: type) -> Callable[[Any], bool] | None:
    """What tells which instances of *kind* link although others do not; None: none do."""
    if kind in _condition_cache:
        return _condition_cache[kind]
    names = {(str(of(base, "__module__")), of(base, "__name__")) for base in of(kind, "__mro__")}
    found: Callable[[Any], bool] | None = None
    if not names.isdisjoint(_NAN_NAMES):
        found = _differs
    elif ("decimal", "Decimal") in names:
        found = _is_no_number
    elif any(name == "Index" and module.partition(".")[0] == "pandas" for module, name in names):
        found = _has_a_name
    if _lives_long(kind):
        _condition_cache[kind] = found
    return found


_NAN_NAMES = frozenset({("numpy", name) for name in ("inexact", "datetime64", "timedelta64")})


def _differs(value: Any) -> bool:
    return bool(value != value)


def _is_no_number(value: Any) -> bool:
    return bool(value.is_nan())  # a comparison with one that signals raises


def _has_a_name(index: Any) -> bool:
    return any(name is not None for name in index.names)


def linking_addresses(
    objects: list[Any],
    met: Sequence[type],
    own: set[int],
    nans: Iterable[float],
    weak_roots: Collection[int],
    kinds: Iterable[type],
    texts: bool = True,
    reduced: bool = True,
) -> Links:
    """Addresses of those of *objects* that link, and of the NaN objects; arguments as `linking_objects`."""
    linking, sized, named = _by_verdict(met)
    if reduced or named or frozenset in linking:
        lasting, excluded = _linking(objects, met, own, weak_roots, kinds, texts, reduced)
        del objects
        found = without(addresses_in(list(lasting)), excluded)
    else:  # without touching the objects once more, which takes longer than all else that is done with them
        found = array("Q", compress(addresses_in(objects), map(linking.__contains__, met)))
        if sized and texts:
            found.extend(id(text) for text in compress(objects, map(sized.__contains__, met)) if len(text) > LARGE)
        found = without(found, own.union(*map(outside_addresses, kinds)))
    found.extend(map(id, nans))
    return links_of(found)


def linking_objects(
    objects: list[Any],
    met: Sequence[type],
    own: set[int],
    weak_roots: Collection[int],
    kinds: Iterable[type],
    texts: bool = True,
    reduced: bool = True,
) -> list[Any]:
    """Those of *objects* that link.

    There may be millions: each of them costs one step of a loop in C, or of a comprehension.

    Args:
        objects: what the pass met, each held by its memo and by this list.
        met: the type of each.
        own: addresses that belong to the pass itself.
        weak_roots: addresses of values that names are bound to directly. An immutable helper links only when it is
            one of them: then its identity can be compared with a name's.
        kinds: types of the objects that were met, plain containers excepted.
        texts: whether there may be large text or bytes among them.
        reduced: whether there may be something among them that a reduction made.
    """
    lasting, excluded = _linking(objects, met, own, weak_roots, kinds, texts, reduced)
    found = list(lasting)
    return list(compress(found, map(not_, map(excluded.__contains__, map(id, found)))))


def _by_verdict(met: Iterable[type]) -> tuple[set[type], set[type], set[type]]:
    """Those of the types *met* whose objects link: all of them, large ones, those that a name is bound to."""
    verdicts = {kind: _verdict(kind) for kind in set(met)}
    linking, sized, named = ({kind for kind, found in verdicts.items() if found == v} for v in range(1, 4))
    return linking, sized, named


def _linking(
    objects: list[Any],
    met: Sequence[type],
    own: set[int],
    weak_roots: Collection[int],
    kinds: Iterable[type],
    texts: bool,
    reduced: bool,
) -> tuple[Iterable[Any], set[int]]:
    """Those of *objects* that link, and the addresses of those among them that do not."""
    linking, sized, named = _by_verdict(met)

    def among(wanted: Set[type]) -> Iterable[Any]:
        return compress(objects, map(wanted.__contains__, met)) if wanted else ()

    candidates = list(among(linking))
    if frozenset in linking:
        candidates = [obj for obj in candidates if type(obj) is not frozenset or obj]
    if sized and texts:
        candidates += [text for text in among(sized) if len(text) > LARGE]
    for kind in named:
        links = _condition(kind)
        candidates += filter(links, among({kind})) if links is not None else ()
    if weak_roots:
        candidates += [obj for obj in among(named) if id(obj) in weak_roots]
    excluded = set(own)
    lasting: Iterable[Any] = candidates
    is_temporary = list(map(_OWN_REFERENCES.__ge__, map(sys.getrefcount, candidates))) if reduced else []
    if any(is_temporary):
        excluded |= _drop_parts(list(compress(candidates, is_temporary)))
        lasting = compress(candidates, map(not_, is_temporary))
    for kind in kinds:
        excluded |= outside_addresses(kind)
    return lasting, excluded
