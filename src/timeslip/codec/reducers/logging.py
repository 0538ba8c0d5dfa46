"""logging: loggers by name, with what has been set on them. Plain pickling keeps the name alone."""

from __future__ import annotations

import io
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec import load
from timeslip.codec.changes import Change
from timeslip.codec.kinds import filled, is_of_session, own_slots
from timeslip.codec.reducers import added
from timeslip.codec.reducers.system import MISSING, Borrowed

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_FIELDS = ("level", "propagate", "disabled", "filters")
_GIVEN = frozenset({"manager"})
"""What a logger is given by whoever makes it."""


def _library() -> Any:
    return import_module("logging")


def _logger(state: Pass, logger: Any) -> Any:
    name = logger.name
    if type(name) is not str or _named(name) is not logger:
        return NotImplemented
    fields = {field: getattr(logger, field) for field in _FIELDS}
    fields |= _own(logger)
    parts = tuple(_part(state, handler) for handler in logger.handlers)
    return load.logger, (name,), (fields, parts), None, None, load.set_logger


def _own(logger: Any) -> dict[str, Any]:
    """What users have set on *logger*, beside what every logger has."""
    return added.to(logger, _GIVEN) | filled(logger, own_slots(type(logger)))


def _named(name: str) -> Any:
    """The logger of that name, if there is one: none is made."""
    library = _library()
    return library.root if name == library.root.name else library.root.manager.loggerDict.get(name)


def _part(state: Pass, handler: Any) -> Any:
    """A handler that can be stored; of others, the live one while there is one."""
    library = _library()
    stream = getattr(handler, "stream", None)
    is_plain = type(handler) in (library.StreamHandler, library.FileHandler, library.NullHandler)
    known = stream in (sys.stdout, sys.stderr, None) or type(stream) in (io.StringIO, io.TextIOWrapper)
    if is_plain and known:
        return handler
    if is_of_session(type(handler)) and known and added.storable(state, handler):
        return handler
    part = Borrowed(handler, f"without its {type(handler).__name__}, which cannot be stored")
    state.keep.append(part)
    return part


def find_logger(name: str, *, apart: bool) -> Any:
    """The logger of that name; or one that only looks like it and that nobody writes to."""
    return _library().Logger(name) if apart else _library().getLogger(name)


def changes(logger: Any, state: tuple[dict[str, Any], tuple[Any, ...]]) -> list[Change]:
    """The in-place changes that make a logger what it was."""
    fields, parts = state
    handlers = [part for part in parts if type(part) is not str or part != MISSING]
    missing = [name for name in _own(logger) if name not in fields]
    found: list[Change] = [_Setting(logger, name, value) for name, value in fields.items()]
    found += [_Setting(logger, name, Change.MISSING) for name in missing]
    return [*found, _Setting(logger, "handlers", handlers)]


class _Setting(Change):
    """One attribute of a logger: all loggers remember what they have found out about levels."""

    __slots__ = ()

    def _set(self, value: Any) -> None:
        super()._set(value)
        _library().root.manager._clear_cache()


def find(kind: type) -> Any:
    """The reducer for loggers, or None."""
    return _logger if issubclass(kind, _library().Logger) else None
