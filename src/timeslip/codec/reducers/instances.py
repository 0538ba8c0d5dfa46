"""Instances of classes made in the session: by their attributes, without running the session's own pickling hooks.

``__getstate__`` may drop state, ``__reduce__`` may answer anything, ``__new__`` may return an object that exists
already (a singleton would then be *changed* by loading an old version of it). A plain instance is its type, its
``__dict__`` and its slots; so that is what is stored, and how it is made again.
"""

from __future__ import annotations

import collections
import copyreg
import enum
import inspect
import sys
import types
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from timeslip.codec import imports, inline, load
from timeslip.codec.definitions import HEAP_TYPE, module_of, of, resolve_global
from timeslip.codec.hashing import hashes_by_value
from timeslip.codec.kinds import (
    COMPILED_FUNCTIONS,
    all_slots,
    attributes_of,
    compares_oddly,
    filled,
    hides_slots,
    is_imported,
    is_made_by_library,
    is_of_session,
    is_plain,
    is_users_module,
    library_of,
    set_slots,
)
from timeslip.codec.reducers import registries, subclasses

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_LOOKUPS = frozenset({"__getattr__", "__getattribute__"})
"""Pickle asks the object itself for its hooks: these may answer for any name."""

HOOKS = _LOOKUPS | frozenset(
    {
        "__new__",
        "__reduce__",
        "__reduce_ex__",
        "__getstate__",
        "__setstate__",
        "__getnewargs__",
        "__getnewargs_ex__",
        "__setattr__",
    }
)


def by_attributes(kind: type) -> Any:
    """The reducer for instances of *kind* as their attributes and slots, whatever their class says about pickling."""
    slots = all_slots(kind)
    hashed = hashes_by_value(kind)

    def reduce(state: Pass, obj: Any) -> Any:
        attributes, held = attributes_of(obj), filled(obj, slots)
        early = state.leads.early_parts(obj, attributes, held) if hashed else None
        made = (kind,) if early is None else (kind, early)
        return load.instance, made, (attributes, held), None, None, load.set_instance

    return reduce


class AsPickle:
    """Reduction of the instances of one class as pickle itself does it: Python need not be called for each of them.

    Attributes:
        unasked: as with `Plain`.
        dict_of: as with `Plain`.
    """

    __slots__ = ()
    unasked = True
    dict_of = None
    has_them_inside = False

    def __call__(self, state: Pass, obj: Any) -> Any:
        """As any reducer."""
        return NotImplemented


class Plain:
    """Reduction of the instances of one class as pickle itself does it, which is the fastest.

    By attributes, where the attribute dict belongs to others as well, or the instance may be a key of what it holds.

    Attributes:
        unasked: whether all instances are alike in that, dicts excepted: then Python need not be called for each.
        dict_of: gives the attribute dict of an instance; None where there is none.
        slots: by name.
        has_them_inside: whether an instance may have attributes and no dict (`codec.inline`).
    """

    __slots__ = ("_by_attributes", "_hashed", "dict_of", "has_them_inside", "slots", "unasked")

    def __init__(self, kind: type) -> None:
        self._by_attributes = by_attributes(kind)
        self.slots = all_slots(kind)
        self._hashed = hashes_by_value(kind)
        found: Any = next((base.__dict__["__dict__"] for base in kind.__mro__ if "__dict__" in base.__dict__), None)
        own = type(found) is types.GetSetDescriptorType
        self.dict_of: Callable[[Any], Any] | None = found.__get__ if own else attributes_of if found else None
        self.unasked = not self._hashed and (own or found is None) and not compares_oddly(kind)
        self.has_them_inside = self.unasked and own and not self.slots and inline.may_have_them(kind)

    def slots_in(self, obj: Any) -> dict[str, Any] | None:
        """What is in the slots of *obj*; None for nothing."""
        return filled(obj, self.slots) or None if self.slots else None

    def __call__(self, state: Pass, obj: Any) -> Any:
        """As any reducer."""
        inside = state.attributes_inside(obj) if self.has_them_inside else None
        if inside is not None:  # as pickle writes it, which would have made a dict
            state.left.add(id(type(obj)))
            return copyreg.__newobj__, (type(obj),), inside or None  # type: ignore[attr-defined]
        attributes = attributes_of(obj)
        if id(attributes) in state.shared_dicts:
            return self._by_attributes(state, obj)
        if self._hashed:
            held = filled(obj, self.slots) if self.slots else {}
            early = state.leads.early_parts(obj, attributes, held)
            if early is not None:
                return load.instance, (type(obj), early), (attributes, held), None, None, load.set_instance
        if id(type(obj)) in state.plain:
            state.plain[id(type(obj))].append(obj)
        return NotImplemented


def _member(state: Pass, member: enum.Enum) -> Any:
    kind = type(member)
    if kind.__members__.get(str(member._name_)) is member:
        return load.member, (kind, member._name_)
    if any(not name.startswith("_") for name in attributes_of(member) or ()):
        state.note(member, "a combination of flags, by its value and without what was set on it", fatal=False)
        return kind, (member._value_,), (Lacking(),), None, None, as_it_is
    return NotImplemented  # a combination of flags: by its value


def member(kind: Any, name: str) -> Any:
    """A member of an enumeration."""
    return kind.__members__[name]


def names_of(kind: type) -> dict[int, str]:
    """Addresses of the instances that the module of *kind* has now, with their names in it."""
    module = module_of(kind)
    space = vars(module) if module is not None else {}
    return {id(value): name for name, value in list(space.items()) if type(value) is kind}


def named(kind: type, usual: Any) -> Any:
    """The reducer for instances that the module of their class has under a name: sentinels and global objects.

    Args:
        kind: the class.
        usual: the reducer for all others, or None.
    """
    module = module_of(kind)
    if module is None or module.__name__ in ("__main__", "builtins"):
        return usual
    names = names_of(kind)
    if not names:
        return usual
    users = is_users_module(module.__name__)
    own = imports.assigned_names(module.__name__) if users else None
    registry = not users and module.__name__ not in sys.stdlib_module_names and registries.is_one(kind)

    def by_name(state: Pass, obj: Any) -> Any:
        name = names.get(id(obj))
        if name is None or getattr(sys.modules.get(module.__name__), name, None) is not obj:
            return NotImplemented if usual is None else usual(state, obj)
        if registry:
            return registries.reduce(state, obj, module.__name__, name)
        if own is not None and name not in own:
            told = f"as {module.__name__}.{name}, which its file does not set: a new kernel does not have it"
            state.note(obj, told, fatal=False)
        if not users or not (attributes_of(obj) or filled(obj, all_slots(kind))):
            return imports.reference(state, module.__name__, name, obj)
        state.note(obj, f"as the module {module.__name__} has it, whose own state is not recorded", fatal=False)
        return *imports.reference(state, module.__name__, name, obj), (Lacking(),), None, None, as_it_is

    return by_name


class Lacking:
    """Part of what is stored of a value that something is left out of: where it is loaded, the value is rebuilt."""

    __slots__ = ()


def lacking(state: Pass, mark: Lacking) -> Any:
    """As any reducer."""
    return load.resource, ("", type(None), ())


def as_it_is(obj: Any, state: Any) -> None:
    """State setter for what is found and not changed."""


def find(kind: type) -> Any:
    """The reducer for classes of the session, and for containers that plain pickling gets wrong, else None."""
    found = _of_session(kind) or subclasses.find_of_library(kind)
    if found is not None and is_imported(kind):
        found = named(kind, found)
    if issubclass(kind, dict) and kind.__dictoffset__ and not issubclass(kind, collections.defaultdict):
        return subclasses.own_attributes(kind, found)
    return found


def _of_session(kind: type) -> Any:
    if issubclass(kind, enum.Enum):
        return _member
    if kind.__name__ in COMPILED_FUNCTIONS or issubclass(kind, (type, BaseException)) or not is_of_session(kind):
        return None
    own = library = False
    if issubclass(kind, types.ModuleType) and is_imported(kind):
        return None  # by its name, like any module
    slots = all_slots(kind)
    hooks = HOOKS if slots else HOOKS - {"__setattr__"}  # which pickle uses for slots only
    hidden = hides_slots(kind, slots) or compares_oddly(kind)
    for base in kind.__mro__[:-1]:
        if hidden or not hooks.isdisjoint(base.__dict__):
            if is_of_session(base) and not _is_made_by_library(base):
                own = True
            else:
                library = True
    if library and not own and _is_made_by_library(kind):
        return None  # made by a library while it runs, and what its library says of its instances is all there is
    if library_of(kind) in subclasses.SPECIAL or not is_plain(kind) or (library and not own):
        return subclasses.reducer(kind)
    return by_attributes(kind) if own or _is_registered(kind) else Plain(kind)


def _is_made_by_library(kind: type) -> bool:
    """As `is_made_by_library`; also of classes that do not say it, but whose methods do.

    Not of a class of the session that takes the name of another one.
    """
    if is_made_by_library(kind):
        return resolve_global(of(kind, "__module__"), of(kind, "__qualname__")) is None
    functions = [value for value in kind.__dict__.values() if type(value) is types.FunctionType]
    homes = {str(function.__module__) for function in functions}
    known = bool(homes) and homes <= sys.modules.keys() - {"__main__", "builtins"}
    return known and kind.__module__ in (None, "builtins")


def find_any(kind: type) -> Any:
    """The reducer for instances of any class written in Python whose pickling nobody has changed, else None."""
    if not kind.__flags__ & HEAP_TYPE or not is_plain(kind) or _is_registered(kind):
        return None
    if issubclass(kind, (type, enum.Enum)):
        return None
    hooks = {hook for base in kind.__mro__[:-1] for hook in HOOKS.intersection(base.__dict__)}
    if not hooks:
        return Plain(kind)
    # Pickle asks an instance that has no attributes yet for its hooks: these classes look there.
    if hooks & _LOOKUPS and hooks <= _LOOKUPS | {"__setattr__"}:
        return by_attributes(kind)
    if hooks == {"__new__"} and _wants_arguments(kind):
        return by_attributes(kind)  # pickle calls it without any
    return None


def _is_registered(kind: type) -> bool:
    """Whether somebody has registered a reduction for *kind* with `copyreg`."""
    return not compares_oddly(kind) and kind in copyreg.dispatch_table


def _wants_arguments(kind: type) -> bool:
    """Whether an instance of *kind* cannot be made without arguments."""
    parameters = list(inspect.signature(kind.__new__).parameters.values())[1:]
    return any(p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)


def make_type_variable(kind: Any, name: str, constraints: tuple[Any, ...], options: tuple[Any, ...]) -> Any:
    """A TypeVar or ParamSpec."""
    bound, covariant, contravariant, module, *more = options
    variance = {"covariant": covariant, "contravariant": contravariant}
    made = kind(name, *constraints, bound=bound, **variance, **(more[0] if more else {}))
    made.__module__ = module
    return made


def new_type(state: Pass, made: Any) -> Any:
    """A `typing.NewType` of the session by what it is made of; its own reduction is a name in ``__main__``."""
    module = sys.modules.get(str(made.__module__))
    imported = module is not None and module.__dict__ is not state.namespace
    if imported and resolve_global(made.__module__, made.__qualname__) is made:
        return NotImplemented
    return make_new_type, (made.__name__, made.__qualname__, made.__module__, made.__supertype__)


def make_new_type(name: str, qualname: str, module: str, supertype: Any) -> Any:
    """A NewType."""
    kind: Any = typing.NewType  # a type checker wants a literal name
    made = kind(name, supertype)
    made.__name__, made.__qualname__, made.__module__ = name, qualname, module
    return made


def make_instance(kind: type, early: dict[str, Any] | None = None) -> Any:
    """An instance, without running ``__new__`` of the session; empty but for what it may be hashed by."""
    made: Any = object.__new__(kind)
    if early:
        held = attributes_of(made)
        if held is not None:
            held.update(early)
        set_slots(made, early)
    return made


def fill(payload: Any, parts: list[Any]) -> Any:
    """*payload*, after each instance of *parts* was given the slots and the attribute dict that follow it."""
    own: Any = iter(parts)
    for obj, slots, attributes, _ in zip(own, own, own, own, strict=True):
        if attributes is not None:
            object.__setattr__(obj, "__dict__", attributes)
        if slots is not None:
            set_slots(obj, slots)
    return payload


def set_instance(obj: Any, state: tuple[dict[str, Any] | None, dict[str, Any]]) -> None:
    """Give an instance its attributes, without running ``__setattr__`` or ``__setstate__`` of the session."""
    attributes, slots = state
    if attributes is not None:
        object.__setattr__(obj, "__dict__", attributes)
    set_slots(obj, slots)
