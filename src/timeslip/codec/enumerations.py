"""Enumerations of the session: their members and the tables of their class, which `enum` fills while it makes them.

A member is never replaced: what it holds is changed in place, as with any definition, and so are the tables in which
the class looks values and aliases up.
"""

from __future__ import annotations

import enum
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any

from timeslip.codec.changes import Change

SKIP = frozenset(
    {
        "_generate_next_value_",
        "_member_names_",
        "_member_map_",
        "_value2member_map_",
        "_unhashable_values_",
        "_unhashable_values_map_",
        "_hashable_values_",
        "_member_type_",
        "_use_args_",
        "_value_repr_",
        "_new_member_",
        "_flag_mask_",
        "_all_bits_",
        "_boundary_",
        "_singles_mask_",
        "_inverted_",
        "_order_",
        "__new__",
        "__new_member__",
        "__members__",
    }
)
"""Attributes of the class that are made with it, or recorded by this module."""

_TABLES = ("_use_args_", "_unhashable_values_", "_unhashable_values_map_", "_hashable_values_")
_FACTORIES = ("_generate_next_value_", "__new_member__", "_new_member_")
"""How members are made: for enumerations that derive from this one."""

OF_MEMBER = frozenset({"_value_", "_name_", "__objclass__", "_sort_order_"})


def members(cls: Any) -> Mapping[str, Any]:
    """The members of an enumeration, aliases among them."""
    found: Mapping[str, Any] = cls.__members__
    return found


def _own(cls: Any) -> Iterator[tuple[str, Any]]:
    """The members by their first names."""
    return ((name, member) for name, member in members(cls).items() if member._name_ == name)


# ---- what cannot change


def header_of(cls: Any) -> dict[str, Any]:
    """What an enumeration cannot be made without, beside what any class needs."""
    header: dict[str, Any] = {"members": [(name, member._value_) for name, member in members(cls).items()]}
    boundary = cls.__dict__.get("_boundary_")
    if boundary is not None:
        header["boundary"] = str(boundary._name_)
    if not _can_be_made(cls):
        return header
    # values that may hold the class itself come with the content: until then a member's first name stands for its value
    late = [name for name, value in header["members"] if not _is_plain(value)]
    first = {name: str(member._name_) for name, member in members(cls).items()}
    header["members"] = [(name, first[name] if name in late else value) for name, value in header["members"]]
    header["late"] = late
    header["data"] = {name: _data(member) for name, member in members(cls).items()}
    header["order"] = {name: list(vars(member)) for name, member in _own(cls)}
    return header


_PLAIN = frozenset({type(None), bool, int, float, complex, str, bytes})
_NATIVE = (int, str, float, bytes, tuple)


def _is_plain(value: Any) -> bool:
    return type(value) in _PLAIN or (type(value) is tuple and all(map(_is_plain, value)))


def _is_same(one: Any, other: Any) -> bool:
    """Whether two values are plain and nobody can tell one from the other."""
    return _is_plain(one) and type(one) is type(other) and (one is other or one == other)


def _can_be_made(cls: Any) -> bool:
    """Whether members consist of attributes and at most one of `_NATIVE`."""
    for base in cls.__mro__:
        if type(base.__dict__.get("__new__")) is types.BuiltinFunctionType:
            return base is object or base in _NATIVE
    return False


def _data(member: Any) -> Any:
    """What a member is apart from being one: the number of an `enum.IntEnum`, the text of an `enum.StrEnum`."""
    kind: Any
    for kind in _NATIVE:
        if issubclass(type(member), kind):
            return kind.__getnewargs__(member)[
                0
            ]  # the constructor would ask the member, whose methods are the session's
    return None


def make(metaclass: Any, header: Mapping[str, Any], body: Mapping[str, Any]) -> Any:
    """The class with its members. Runs no code of the session."""
    bases = header["bases"]
    prepared = metaclass.__prepare__(header["name"], bases)
    for key, value in body.items():
        prepared[key] = value
    maker = _Maker(header) if "data" in header else None
    if maker is not None:
        prepared["__new__"], prepared["__init__"] = maker.new, _leave_alone
    for name, value in header["members"]:
        prepared[name] = value if maker is None else name
    options: dict[str, Any] = {}
    if "boundary" in header and sys.version_info >= (3, 11):
        options["boundary"] = enum.FlagBoundary[header["boundary"]]
    made = metaclass(header["name"], bases, prepared, **options)
    if maker is not None:
        maker.leave(made)
    return made


def _leave_alone(*_: Any) -> None:
    """What `enum` calls after a member was made."""


class _Later:
    """Stands for the value of a member until the content is there; found nowhere by its value."""

    __hash__ = None  # type: ignore[assignment]  # so that no table of `enum` has it as a key


class _Maker:
    """Makes members as they are, whatever the constructors of the session would make of their values."""

    def __init__(self, header: Mapping[str, Any]) -> None:
        later: dict[str, Any] = {}
        self._values = {
            name: later.setdefault(value, _Later()) if name in header["late"] else value
            for name, value in header["members"]
        }
        self._data = header["data"]
        self._order = header["order"]

    def new(self, cls: Any, given: Any) -> Any:
        """The member of that name, or what will be found to be an alias."""
        name = given[0] if type(given) is tuple else given  # as enumerations of tuples have it
        raw = self._data[name]
        made: Any = object.__new__(cls) if raw is None else type(raw).__new__(cls, raw)
        made._value_ = self._values[name]
        return made

    def leave(self, made: Any) -> None:
        """Take the traces of the maker away, and put the attributes of the members in their order."""
        base = made.__mro__[1] if isinstance(made.__mro__[1], enum.EnumMeta) else made.__bases__[-1]
        for name in ("__new_member__", "__init__"):
            if name in made.__dict__:
                type.__delattr__(made, name)
        if "_new_member_" in made.__dict__:
            type.__setattr__(made, "_new_member_", getattr(base, "__new_member__", made._member_type_.__new__))
        for name, order in self._order.items():
            attributes = vars(members(made)[name])
            held = dict(attributes)
            attributes.clear()
            for key in order:
                if key in held or key not in OF_MEMBER:
                    attributes[key] = held.pop(key, None)  # what is not there yet comes with the content
            attributes.update(held)


# ---- what may change


def content_of(cls: Any) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """What the members carry, by first name; and the tables of the class."""
    carried = {
        name: {key: value for key, value in vars(member).items() if key not in OF_MEMBER} for name, member in _own(cls)
    }
    also = _also(cls)
    tables = {
        "values": {name: member._value_ for name, member in _own(cls)},
        "aliases": {name: str(member._name_) for name, member in members(cls).items() if member._name_ != name},
        "also": [value for value, _ in also],
        "also_names": [name for _, name in also],
        "tables": {name: cls.__dict__[name] for name in _tables(cls) if name in cls.__dict__},
        "factories": {name: cls.__dict__[name] for name in _FACTORIES if _is_own(cls, name)},
    }
    return carried, tables


def _tables(cls: Any) -> tuple[str, ...]:
    """Attributes that `enum` computes, from what the maker does not give it."""
    return _TABLES if cls._member_type_ in (object, *_NATIVE) else (*_TABLES, "_member_type_", "_value_repr_")


def _also(cls: Any) -> list[tuple[Any, str]]:
    """Values by which members are found and which the header does not tell, with the member's name.

    Python 3.13 lets one add further values.
    """
    known = {id(member) for _, member in _own(cls)}  # the others are combinations of flags
    return [
        (value, str(member._name_))
        for value, member in cls._value2member_map_.items()
        if id(member) in known and not _is_same(value, member._value_)
    ]


def _is_own(cls: Any, name: str) -> bool:
    """Whether the class statement gave *name*; `enum` puts what is inherited into every class."""
    found = _function(cls.__dict__.get(name))
    inherited = [_function(base.__dict__[name]) for base in cls.__mro__[1:] if name in base.__dict__]
    return type(found) is types.FunctionType and (not inherited or inherited[0] is not found)


def _function(value: Any) -> Any:
    return getattr(value, "__func__", value)


def containers(tables: Mapping[str, Any] | None) -> Iterator[Any]:
    """The containers that `content_of` made for *tables*: nothing of the user's."""
    if tables is not None:
        yield tables
        yield from tables.values()


def changes(cls: Any, carried: Mapping[str, Mapping[str, Any]], tables: Mapping[str, Any]) -> Iterator[Change]:
    """The changes that give the members and the class what `content_of` told; nothing of it in older records."""
    done = set()
    for name, attributes in carried.items():
        member = members(cls)[name]
        if id(member) in done:
            continue  # older records tell what a member carries under each of its names
        done.add(id(member))
        here = {key for key in vars(member) if key not in OF_MEMBER}
        yield from (Change(member, key, value) for key, value in attributes.items())
        yield from (Change(member, key, Change.MISSING) for key in here - attributes.keys())
    for name, value in tables.get("values", {}).items():
        if not _is_same(members(cls)[name]._value_, value):
            yield Change(members(cls)[name], "_value_", value)
    for name, value in tables.get("tables", {}).items():
        yield Change(cls, name, value)
    if tables:
        yield from _changed_aliases(cls, tables)
        for name in _FACTORIES:
            if name in tables["factories"]:
                yield Change(cls, name, tables["factories"][name])
            elif _is_own(cls, name):
                yield Change(cls, name, Change.MISSING)


def _changed_aliases(cls: Any, tables: Mapping[str, Any]) -> Iterator[Change]:
    by_name, by_value = cls._member_map_, cls._value2member_map_
    for name in [name for name, member in members(cls).items() if member._name_ != name]:
        if name not in tables["aliases"]:
            yield Change(by_name, name, Change.MISSING)
            if name in cls.__dict__:
                yield Change(cls, name, Change.MISSING)
    for name, first in tables["aliases"].items():
        if name not in by_name:
            yield Change(by_name, name, by_name[first])
            yield Change(cls, name, by_name[first])
    recorded = list(zip(tables["also"], tables["also_names"], strict=True))
    for value, _ in _also(cls):
        if not any(other is value or other == value for other, _ in recorded):
            yield Change(by_value, value, Change.MISSING)
    for value, name in recorded:
        if by_value.get(value) is not by_name[name]:
            yield Change(by_value, value, by_name[name])
