"""Instances of session classes that are built on a type written in C, or on a library class with pickling hooks.

What the base is made of comes from the base's own reduction, called past the hooks of the session. What the base does
not know of, attributes and slots of the session's classes, is stored beside it. They are made again by the base's
constructor, filled by the base's methods, and given their attributes directly: no code of the session runs.
"""

from __future__ import annotations

import collections
import random
import types
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from timeslip.codec.kinds import (
    all_slots,
    attributes_of,
    filled,
    held_attributes,
    is_made_by_library,
    is_of_session,
    library_of,
    own_slots,
    set_attributes,
    set_slots,
    stored_names,
)

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

PROTOCOL = 5
_HOOKS = frozenset(
    {"__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__", "__getnewargs_ex__"}
)


# ---- making


def native(kind: Any, library: Any, args: tuple[Any, ...]) -> Any:
    """An instance of *kind* as *library*, its base, makes it from *args*."""
    if library.__init__ is object.__init__:
        return library.__new__(kind, *args)
    made = library.__new__(kind) if library.__new__ is object.__new__ else library.__new__(kind, *args)
    library.__init__(made, *args)
    return made


def native_new(kind: Any, library: Any, args: tuple[Any, ...], named: dict[str, Any] | None = None) -> Any:
    """The same without initialising it."""
    return library.__new__(kind, *args, **(named or {}))


def dead_reference(kind: Any) -> Any:
    """A weak reference of that kind whose object is gone."""
    return native(kind, weakref.ref, (_Gone(),))


class _Gone:
    """Something to refer to weakly and let go."""


# ---- state


def set_subclass(obj: Any, parts: tuple[Any, Any, Any, Any, Any]) -> None:
    """State setter: what *library* says of its part, then the attributes (all of them, or more of them) and slots."""
    library, state, whole, attributes, slots = parts
    if state is not None:
        setstate = getattr(library, "__setstate__", None)
        if setstate is not None:
            setstate(obj, state)
        else:
            _set_state(obj, state)
    if whole:
        set_attributes(obj, attributes)
    elif attributes:
        attributes_of(obj).update(attributes)
    set_slots(obj, slots or {})


def _set_state(obj: Any, state: Any) -> None:
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if attributes:
        attributes_of(obj).update(attributes)
    if slots:
        set_slots(obj, slots)


def fill_items(obj: Any, library: Any, items: list[Any]) -> None:
    """Give a container its items by the methods of *library*; for mappings key, value, key, value …"""
    _FAMILIES[library].fill(obj, items)


def fill(obj: Any, parts: tuple[Any, ...]) -> None:
    """State setter for containers: their items by the methods of *library*, then as `set_subclass`."""
    library, items, *rest = parts
    if items is not None:
        _FAMILIES[library].fill(obj, items)
    if issubclass(library, collections.defaultdict):
        vars(collections.defaultdict)["default_factory"].__set__(obj, rest.pop(0))
    set_subclass(obj, (library, None, *rest))


# ---- containers


class _Family:
    """How the items of a builtin container are read and put back, whatever a subclass overrides."""

    def __init__(
        self,
        items: Callable[[Any], Iterator[Any]],
        fill: Callable[[Any, Any], Any],
        args: Callable[[Any], tuple[Any, ...]] = lambda obj: (),
    ) -> None:
        self.items = items
        self.fill = fill
        self.args = args


def _fill_mapping(setitem: Callable[[Any, Any, Any], None]) -> Callable[[Any, Any], None]:
    def put(obj: Any, items: list[Any]) -> None:
        for key, value in zip(items[::2], items[1::2], strict=True):
            setitem(obj, key, value)

    return put


def _ordered_items(obj: Any) -> Iterator[tuple[Any, Any]]:
    ordered = collections.OrderedDict
    return ((key, dict.__getitem__(obj, key)) for key in ordered.__iter__(obj))


def _dict_items(obj: Any) -> Iterator[tuple[Any, Any]]:
    return iter(dict.items(obj))


_FAMILIES: dict[Any, _Family] = {
    list: _Family(list.__iter__, list.extend),
    collections.deque: _Family(collections.deque.__iter__, collections.deque.extend, lambda obj: ((), obj.maxlen)),
    set: _Family(set.__iter__, set.update),
    dict: _Family(_dict_items, _fill_mapping(dict.__setitem__)),
    collections.Counter: _Family(_dict_items, _fill_mapping(dict.__setitem__)),
    collections.defaultdict: _Family(_dict_items, _fill_mapping(dict.__setitem__)),
    collections.OrderedDict: _Family(_ordered_items, _fill_mapping(collections.OrderedDict.__setitem__)),
}

_OVERRIDES = frozenset({"append", "extend", "__setitem__", "update", "items"})
"""Methods of a container that unpickling calls; one of the session's would run then."""


def container(kind: type, library: Any) -> Any:
    """The reducer for a class built on a container of Python: by its items and attributes, running none of its code."""
    family = _FAMILIES[library]
    mapping = issubclass(library, dict)
    slots = own_slots(kind) if is_of_session(kind) else all_slots(kind)
    make = native if library is collections.deque else native_new
    base = dict if library is collections.Counter else library
    by_fill = library is set or _overrides(kind, _OVERRIDES) or not is_of_session(kind)

    def reduce(state: Pass, obj: Any) -> Any:
        attributes, held = held_attributes(obj), filled(obj, slots) if slots else None
        extra: tuple[Any, ...] = (attributes is not None, attributes, held)
        if library is collections.defaultdict:
            extra = (obj.default_factory, *extra)
        items: Any = family.items(obj)
        made = (kind, base, family.args(obj))
        if by_fill:
            flat = [part for pair in items for part in pair] if mapping else list(items)
            return make, made, (library, flat, *extra), None, None, fill
        rest = (None, items) if mapping else (items, None)
        if attributes is None and not held and len(extra) == 3:
            return make, made, None, *rest
        return make, made, (library, None, *extra), *rest, fill

    return reduce


def find_of_library(kind: type) -> Any:
    """The reducer for a library's own kind of list, dict or set that does something when an item is added, else None.

    Pickled as usual, its items are added before it has its attributes, by methods that need them. A class that says
    itself how it is pickled is left alone.
    """
    library = next((base for base in kind.__mro__ if base in _FAMILIES), None)
    if library is None or kind in _FAMILIES or is_of_session(kind):
        return None
    own = [base for base in kind.__mro__[:-1] if not issubclass(library, base)]
    if any(name in base.__dict__ for base in own for name in (*_HOOKS, "__new__")):
        return None
    adds = any(name in base.__dict__ for base in own for name in _ADDING)
    return container(kind, library) if adds else None


_ADDING = frozenset({"append", "extend", "__setitem__", "update", "add"})
"""Methods of a container that pickle calls to fill it."""


def _overrides(kind: type, names: Iterable[str]) -> bool:
    bases = [base for base in kind.__mro__[:-1] if is_of_session(base)]
    return any(name in base.__dict__ for base in bases for name in names)


def own_attributes(kind: type, usual: Any) -> Any:
    """The reducer for dicts whose attributes may be their items: ``self.__dict__ = self``, as many an "AttrDict" does.

    Pickled as usual, such an object comes back with two dicts that know nothing of each other.

    Args:
        kind: subclass of dict.
        usual: the reducer for all others, or None.
    """
    library = next(base for base in kind.__mro__ if base in (collections.OrderedDict, dict))
    family = _FAMILIES[library]
    slots = all_slots(kind)

    def reduce(state: Pass, obj: Any) -> Any:
        if object.__getattribute__(obj, "__dict__") is not obj:
            return NotImplemented if usual is None else usual(state, obj)
        flat = [part for pair in family.items(obj) for part in pair]
        return native_new, (kind, library, ()), (library, flat, filled(obj, slots)), None, None, fill_itself

    return reduce


def fill_itself(obj: Any, parts: tuple[Any, list[Any], dict[str, Any]]) -> None:
    """State setter for a dict that is its own attributes."""
    library, items, slots = parts
    _FAMILIES[library].fill(obj, items)
    object.__setattr__(obj, "__dict__", obj)
    set_slots(obj, slots)


# ---- everything else


def _of_reference(obj: Any) -> tuple[Any, ...]:
    callback = obj.__callback__
    return (obj(),) if callback is None else (obj(), callback)


_ARGUMENTS: dict[Any, Callable[[Any], tuple[Any, ...]]] = {
    property: lambda obj: (obj.fget, obj.fset, obj.fdel, vars(property)["__doc__"].__get__(obj)),
    staticmethod: lambda obj: (obj.__func__,),
    classmethod: lambda obj: (obj.__func__,),
    frozenset: lambda obj: (list(frozenset.__iter__(obj)),),
    weakref.ref: _of_reference,
    weakref.WeakKeyDictionary: lambda obj: (list(weakref.WeakKeyDictionary.items(obj)),),
    weakref.WeakValueDictionary: lambda obj: (list(weakref.WeakValueDictionary.items(obj)),),
    weakref.WeakSet: lambda obj: (list(weakref.WeakSet.__iter__(obj)),),
    random.SystemRandom: lambda obj: (),
}
"""What a base is made from, for bases that do not say so themselves, or ask the session's methods for it."""


def _reduction(kind: Any, library: Any) -> Callable[[Any], tuple[Any, ...]]:
    """What *library* says of its part of an object, past the hooks of the session."""
    if library in _ARGUMENTS:
        arguments = _ARGUMENTS[library]
        return lambda obj: (kind, arguments(obj))
    if not _overrides(kind, _HOOKS):
        return lambda obj: obj.__reduce_ex__(PROTOCOL)
    if library.__reduce_ex__ is not object.__reduce_ex__:
        return lambda obj: library.__reduce_ex__(obj, PROTOCOL)
    if library.__reduce__ is not object.__reduce__:
        reduce: Callable[[Any], tuple[Any, ...]] = library.__reduce__
        return reduce
    return _new_object(kind, library)


def _new_object(kind: Any, library: Any) -> Callable[[Any], tuple[Any, ...]]:
    """What ``object.__reduce_ex__`` would answer if the session had no hooks."""
    newargs_ex = getattr(library, "__getnewargs_ex__", None)
    newargs = getattr(library, "__getnewargs__", None)
    getstate = getattr(library, "__getstate__", None)
    if getstate is getattr(object, "__getstate__", None):  # which has it since Python 3.11
        getstate = None

    def reduce(obj: Any) -> tuple[Any, ...]:
        state = getstate(obj) if getstate is not None else None
        if newargs_ex is not None:
            args, named = newargs_ex(obj)
            return native_new, (kind, library, args, named), state
        if newargs is None and getstate is None:
            raise TypeError(f"cannot pickle {kind.__name__!r} object")
        return native_new, (kind, library, newargs(obj) if newargs is not None else ()), state

    return reduce


def _maker(kind: Any, library: Any, function: Any, args: tuple[Any, ...], obj: Any) -> tuple[Any, tuple[Any, ...]]:
    """The same as ``function(*args)``, with the constructor of *library* where it is the session's."""
    if function is kind:
        return native, (kind, library, tuple(args))
    name = getattr(function, "__name__", "")
    if name == "__newobj_ex__":
        return native_new, (kind, library, *args[1:])
    if name == "__newobj__":
        return native_new, (kind, library, args[1:])
    if any(part is kind for part in args):
        return function, args
    # a reduction that does not name the class: perhaps it forgets that there are subclasses
    package = str(library.__module__).partition(".")[0]
    if package == "numpy" and hasattr(library, "dtype"):
        return native_new, (kind, library, (function(*args),))
    if package == "numpy" and library.__name__ in ("Generator", "RandomState"):
        return native, (kind, library, (obj._bit_generator,))
    made = type(function(*args))  # it may look its classes up, as those of time zones do, or make them anew
    if made is not kind and not (is_made_by_library(kind) and _reads_like(made, kind)):
        raise TypeError(f"the reduction of {library.__name__} forgets the class {kind.__name__!r}")
    return function, args


def _reads_like(one: type, other: type) -> bool:
    """Whether two classes that a library makes while it runs are made alike."""
    return (one.__module__, one.__name__, one.__bases__) == (other.__module__, other.__name__, other.__bases__)


_dict_offset: Callable[[type], int] = vars(type)["__dictoffset__"].__get__
"""Of a class, whatever its metaclass says."""


def is_named_tuple(kind: type) -> bool:
    """Whether instances of *kind*, a subclass of tuple, are a tuple of that class and nothing else."""
    return library_of(kind) is tuple and not own_slots(kind) and not _dict_offset(kind)


def _general(kind: type, library: Any) -> Any:
    own_names = stored_names(library) if _is_python(library) else None
    reduction = _reduction(kind, library)
    slots = own_slots(kind)
    hooked = _overrides(kind, _HOOKS)
    if library is tuple and is_named_tuple(kind):  # there may be a million
        items: Callable[[Any], Any] = vars(tuple)["__getnewargs__"]
        return lambda state, obj: (native_new, (kind, tuple, items(obj)))

    def reduce(state: Pass, obj: Any) -> Any:
        if library is weakref.ref and obj() is None:
            reduced: Any = (dead_reference, (kind,))
        else:
            reduced = reduction(obj)
            if not isinstance(reduced, tuple) or not 2 <= len(reduced) <= 6:
                raise TypeError(f"{library.__name__} does not say what {kind.__name__!r} objects are made of")
            if reduced[0] is not native_new:
                reduced = (*_maker(kind, library, reduced[0], reduced[1], obj), *reduced[2:])
        made, args, own, listitems, dictitems, setter = (*reduced, None, None, None, None)[:6]
        attributes, held = held_attributes(obj), filled(obj, slots) if slots else None
        if own_names is not None and attributes:
            covered = _covered(own)
            attributes = {k: v for k, v in attributes.items() if k not in covered and k not in own_names} or None
        elif own is attributes or _is_usual(own, attributes):
            own = None
        if attributes is None and not held and (own is None or not hooked):
            return made, args, own, listitems, dictitems, setter
        if setter is not None:
            raise TypeError(f"{library.__name__} sets the state of its instances in a way of its own")
        parts = (library, own, attributes is not None and own_names is None, attributes, held)
        return made, args, parts, listitems, dictitems, set_subclass

    return reduce


def _is_usual(state: Any, attributes: Any) -> bool:
    """Whether *state* is what ``object`` answers for attributes and slots."""
    if not isinstance(state, tuple) or len(state) != 2:
        return False
    return (state[0] is None or state[0] is attributes) and type(state[1]) is dict


def _is_python(library: Any) -> bool:
    """Whether *library* keeps something of its own in the attribute dict: it or a base of it is written in Python."""
    return any(type(value) is types.FunctionType for base in library.__mro__ for value in vars(base).values())


def _covered(state: Any) -> set[str]:
    """Names of the attributes that a library's own state has."""
    parts = state if isinstance(state, tuple) else (state,)
    return {key for part in parts if isinstance(part, dict) for key in part}


SPECIAL = frozenset(_ARGUMENTS) | frozenset(_FAMILIES)
"""Bases whose instances are never taken for plain ones."""


def reducer(kind: type) -> Any:
    """The reducer for a class that is built on more than ``object``."""
    library = library_of(kind)
    return container(kind, library) if library in _FAMILIES else _general(kind, library)


REDUCERS: dict[type, Any] = {kind: reducer(kind) for kind in (collections.Counter, random.Random, random.SystemRandom)}
"""Library classes that take attributes and forget them (and a Counter that holds itself is pickled without end)."""
