"""Classes that are declared with the ORM of SQLAlchemy: what of them is the library's, and what their registry knows.

What the library makes of such a class (its mapper, its table, descriptors for the columns) is one net with tables of
the library's own. It is never copied: the live one stays with the live class. Only what the base class knows of the
classes below it follows a restore, so that a class statement that was undone can be run again.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from timeslip.codec.changes import Change

_OF_CLASS = frozenset({"_sa_class_manager", "_sa_registry"})
"""What the library gives classes that it maps to tables, and their bases."""


def is_declared(attributes: Any) -> bool:
    """Whether a class with these attributes of its own is declared with the ORM."""
    return not _OF_CLASS.isdisjoint(attributes)


def is_theirs(name: str, value: Any) -> bool:
    """Whether an attribute of such a class belongs to the library."""
    if name.startswith("_sa_") or str(type(value).__module__).startswith("sqlalchemy."):
        return True
    return type(value) is types.FunctionType and str(value.__module__).startswith("sqlalchemy.")


def known_to(cls: type) -> tuple[list[type], list[str]] | None:
    """What the registry of a base class knows: the mapped classes, and the names of tables without a class; or None."""
    registry = type.__getattribute__(cls, "__dict__").get("_sa_registry")
    if registry is None or not hasattr(registry, "_class_registry"):
        return None
    found = _classes(registry)
    of_classes = {id(_table(mapped)) for mapped in found}
    return found, sorted(key for key, table in registry.metadata.tables.items() if id(table) not in of_classes)


def _classes(registry: Any) -> list[type]:
    kept: dict[int, type] = {}
    for entry in list(registry._class_registry.values()):
        several = type(getattr(entry, "contents", None)) is set  # classes of one name
        found = [entry] if isinstance(entry, type) else entry if several else ()
        kept.update((id(one), one) for one in found if one is not None)
    return sorted(kept.values(), key=lambda one: (one.__module__, one.__qualname__, id(one)))


def _table(cls: type) -> Any:
    return vars(cls).get("__table__")


class Known(Change):
    """What the registry of a base class knows is as it was: later classes and tables are taken out, earlier put back.

    What a later class put into an earlier one (a backref) is taken out with it, and not put back.
    """

    __slots__ = ()

    def __init__(self, cls: type, known: tuple[list[type], list[str]]) -> None:
        super().__init__(cls, "_sa_registry", (*known, None))

    def apply(self) -> None:
        """See `Change.apply`."""
        registry = vars(self.target)["_sa_registry"]
        known = known_to(self.target)
        assert known is not None
        self._before = (*known, {key: registry.metadata.tables[key] for key in known[1]})
        self._set(self.value)

    def _set(self, value: Any) -> None:
        classes, names, tables = value
        registry = vars(self.target)["_sa_registry"]
        known = known_to(self.target)
        assert known is not None
        later = _missing(known[0], classes)
        for cls in later:
            registry._dispose_cls(cls)
            registry._managers.pop(_manager(cls), None)  # it would be configured with the others, or fail
            _take_out(registry.metadata, _table(cls))
        _forget_relations(registry, later)
        for cls in _missing(classes, known[0]):
            _adder()(cls.__name__, cls, registry._class_registry)
            registry._managers[_manager(cls)] = True
            _put_in(registry.metadata, _table(cls))
        for key in set(known[1]) - set(names):
            _take_out(registry.metadata, registry.metadata.tables.get(key))
        for key in set(names) - set(known[1]):
            _put_in(registry.metadata, (tables or {}).get(key))


def _manager(cls: type) -> Any:
    return vars(cls)["_sa_class_manager"]


def _forget_relations(registry: Any, later: Iterable[type]) -> None:
    """Take out what *later* classes put into others: the other side of a relation. There is no way back."""
    gone = {id(_manager(cls).mapper) for cls in later}
    for mapper in list(registry.mappers) if gone else ():
        for key, one in list(mapper._props.items()):
            if id(getattr(one, "__dict__", {}).get("mapper")) in gone:
                mapper._props.pop(key)
                _take_descriptor(mapper.class_manager, key)
                mapper._expire_memoizations()


def _take_descriptor(manager: Any, key: str) -> None:
    """What ``uninstrument_attribute`` does, where the metaclass of declared classes does not let it."""
    if manager.local_attrs.pop(key, None) is not None:
        type.__delattr__(manager.class_, key)
    manager.pop(key, None)
    manager._reset_memoizations()


def _adder() -> Any:
    library = import_module("sqlalchemy.orm.clsregistry")
    return getattr(library, "_add_class", None) or library.add_class  # the first from release 2.1 on


def _missing(some: Iterable[type], others: Iterable[type]) -> list[type]:
    there = {id(cls) for cls in others}
    return [cls for cls in some if id(cls) not in there]


def _take_out(metadata: Any, table: Any) -> None:
    if table is not None and metadata.tables.get(table.key) is table:
        metadata.remove(table)


def _put_in(metadata: Any, table: Any) -> None:
    if table is not None and table.key not in metadata.tables:
        metadata._add_table(table.name, table.schema, table)
