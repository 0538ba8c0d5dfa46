"""Putting back what a replayed cell changed in the process although it was not given to it.

A replay works on recorded inputs, but a cell can also reach what is not among them: the classes and functions of the
session, attributes of modules and of classes of libraries, variables of the user's own modules, loggers, signal
handlers, figures. Each keeper here takes note of its part before the cell runs and puts back what differs after it, in
place, so that everybody who holds those objects sees them as they were.

Runs no user code, except for the metaclass of a class whose attribute is put back. Not thread-safe; keepers hold strong
references for the time of one run.
"""

from __future__ import annotations

import array
import collections
import functools
import io
import sys
import threading
import types
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from timeslip.codec import definitions
from timeslip.codec.definitions import class_name, is_a, of
from timeslip.codec.linking import is_atom
from timeslip.codec.scopes import Scope
from timeslip.standard import signal

_MISSING: Any = object()
_MOST_OBJECTS = 100_000
_MOST_BYTES = 1 << 26
"""Variables of modules beyond these sizes are not kept: a cell that may change them is not run unasked."""


class Keeper(Protocol):
    """What takes note of something when it is made, and puts it back later."""

    def put_back(self) -> None:
        """Undo what was done since; what is as it was stays untouched."""
        ...


class Definitions:
    """Classes, functions and scopes of the session: their attributes, defaults and cells, each object as it was.

    What these attributes hold is not looked into: a replay gives the definitions that a cell changed recorded content.

    Attributes:
        problem: what among them cannot be put back, or None.
    """

    def __init__(self, objects: Iterable[Any]) -> None:
        self.problem: str | None = None
        self._functions: list[tuple[types.FunctionType, dict[str, Any]]] = []
        self._scopes: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._classes: list[tuple[type, dict[str, Any]]] = []
        for obj in objects:
            if type(obj) is types.FunctionType:
                self._functions.append((obj, _function_parts(obj)))
            elif type(obj) is Scope:
                self._scopes.append((obj.globals, dict(obj.globals)))
            else:
                try:
                    self._classes.append((obj, definitions.class_content(obj)))
                except Exception:  # a metaclass of the session that refuses the look, with whatever it raises
                    self.problem = "a class that cannot be examined"

    def put_back(self) -> None:
        """See `Keeper.put_back`."""
        for function, parts in self._functions:
            _restore_function(function, parts)
        for names, items in self._scopes:
            _restore_dict(names, items)
        for kind, content in self._classes:
            for change in definitions.class_changes(kind, content):
                change.apply()


_FUNCTION_PARTS = (
    "__code__", "__name__", "__qualname__", "__module__", "__doc__", "__defaults__", "__kwdefaults__",
    "__annotations__", "__dict__",
)  # fmt: skip


def _function_parts(function: types.FunctionType) -> dict[str, Any]:
    parts: dict[str, Any] = {name: getattr(function, name) for name in _FUNCTION_PARTS}
    parts["items"] = {
        name: dict(parts[name]) for name in ("__dict__", "__annotations__", "__kwdefaults__") if parts[name]
    }
    parts["cells"] = [_cell(cell) for cell in function.__closure__ or ()]
    return parts


def _restore_function(function: types.FunctionType, parts: dict[str, Any]) -> None:
    for name in _FUNCTION_PARTS:
        if getattr(function, name) is not parts[name]:
            setattr(function, name, parts[name])
        held = parts[name]
        if type(held) is dict:
            _restore_dict(held, parts["items"].get(name, {}))
    for cell, value in zip(function.__closure__ or (), parts["cells"], strict=True):
        if _cell(cell) is not value:
            if value is _MISSING:
                del cell.cell_contents
            else:
                cell.cell_contents = value


def _cell(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


def _restore_dict(held: dict[Any, Any], items: dict[Any, Any]) -> None:
    if not _same_items(held, items):
        held.clear()
        held.update(items)


def _same_items(first: dict[Any, Any], second: dict[Any, Any]) -> bool:
    """Whether both hold the same objects under the same keys in the same order."""
    if len(first) != len(second):
        return False
    pairs = zip(first.items(), second.items(), strict=True)
    return all(a is c and b is d for (a, b), (c, d) in pairs)


class Attributes:
    """Attributes of certain names, of all modules and of all classes that do not belong to the session.

    Args:
        names: that the cell may set on some object.
        but: classes of the session: `Definitions` has them.
    """

    def __init__(self, names: Iterable[str], but: Iterable[Any] = ()) -> None:
        self._names = tuple(frozenset(names))
        self._kept: list[tuple[Any, Mapping[str, Any], dict[str, Any]]] = []
        if not self._names:
            return
        skipped = {id(obj) for obj in but}
        for module in {id(module): module for module in list(sys.modules.values())}.values():
            if issubclass(type(module), types.ModuleType):  # anything may be put into the table
                self._keep(module)
        for kind in _classes():
            if id(kind) not in skipped:
                self._keep(kind)

    def _keep(self, target: Any) -> None:
        """Take note of *target*; there are thousands, and most have none of the names."""
        attributes = _attributes(target)
        self._kept.append((target, attributes, {name: attributes[name] for name in self._names if name in attributes}))

    def put_back(self) -> None:
        """See `Keeper.put_back`."""
        for target, attributes, before in self._kept:
            for name in self._names:
                value = before.get(name, _MISSING)
                if attributes.get(name, _MISSING) is not value:
                    _set_attribute(target, name, value)


def _attributes(target: Any) -> Any:
    if is_a(target, type):
        return type.__dict__["__dict__"].__get__(target)
    return object.__getattribute__(target, "__dict__")


def _set_attribute(target: Any, name: str, value: Any) -> None:
    if not is_a(target, type):
        names = object.__getattribute__(target, "__dict__")
        if value is _MISSING:
            names.pop(name, None)
        else:
            names[name] = value
    elif value is _MISSING:
        type.__delattr__(target, name)
    else:
        type.__setattr__(target, name, value)


def _classes() -> list[type]:
    """Every class of the process that can be changed."""
    found: dict[int, type] = {}
    work: list[type] = [object]
    while work:
        below: list[type] = type.__subclasses__(work.pop())
        for kind in below:
            if id(kind) not in found:
                found[id(kind)] = kind
                work.append(kind)
    return list(found.values())


class Variables:
    """Live objects with what they hold, through containers and plain instances.

    Attributes:
        problem: what among them cannot be put back, or None.
    """

    def __init__(self, roots: Iterable[Any]) -> None:
        self.problem: str | None = None
        self._kept: list[tuple[Any, Any, Callable[[Any, Any], None]]] = []
        self._bytes = 0
        self._walk(roots)

    def _walk(self, roots: Iterable[Any]) -> None:
        seen: dict[int, Any] = {}
        work = list(roots)
        while work and self.problem is None:
            obj = work.pop()
            if id(obj) in seen or is_atom(obj):
                continue
            seen[id(obj)] = obj
            if len(seen) > _MOST_OBJECTS:
                self.problem = "too many objects"
                break
            work += self._keep(obj)

    def _keep(self, obj: Any) -> list[Any]:
        """Take note of one object; what it holds."""
        kind: Any = type(obj)
        simple: Any = _SIMPLE.get(kind)
        if simple is not None:
            copy, restore = simple
            saved = copy(obj)
            self._kept.append((obj, saved, restore))
            if kind in _MAPPINGS:
                return [*saved, *saved.values()]
            return list(saved) if kind in _SEQUENCES else []
        if kind in (tuple, frozenset):
            return list(obj)
        if class_name(kind) == "numpy.ndarray":
            return self._keep_array(obj)
        if issubclass(kind, (types.ModuleType, types.FunctionType)) or _is_constant(kind):
            return []
        if issubclass(kind, type):
            saved = dict(_attributes(obj))
            self._kept.append((obj, saved, _restore_class))
            return [value for value in saved.values() if type(value) in _SIMPLE]
        names = _instance_dict(obj)
        if names is None or str(of(kind, "__module__")).partition(".")[0] in _STATEFUL:
            self.problem = class_name(kind)
            return []
        saved = dict(names)
        self._kept.append((names, saved, _restore_dict))
        return list(saved.values())

    def _keep_array(self, obj: Any) -> list[Any]:
        self._bytes += obj.nbytes
        if self._bytes > _MOST_BYTES:
            self.problem = "more memory than is worth a copy"
            return []
        self._kept.append((obj, obj.copy(), _restore_array))
        return list(obj.flat) if obj.dtype.hasobject else []

    def put_back(self) -> None:
        """See `Keeper.put_back`."""
        for obj, saved, restore in self._kept:
            restore(obj, saved)


class Containers:
    """Lists, dicts and sets, with what they hold themselves; not what that holds in its turn."""

    def __init__(self, containers: Iterable[Any]) -> None:
        self._kept = [(obj, _SIMPLE[type(obj)][0](obj)) for obj in containers]

    def put_back(self) -> None:
        """See `Keeper.put_back`."""
        for obj, saved in self._kept:
            _SIMPLE[type(obj)][1](obj, saved)


def _restore_list(held: Any, saved: Any) -> None:
    if len(held) != len(saved) or any(a is not b for a, b in zip(held, saved, strict=True)):
        held.clear()
        held.extend(saved)


def _restore_set(held: Any, saved: Any) -> None:
    if len(held) != len(saved) or {id(item) for item in held} != {id(item) for item in saved}:
        held.clear()
        held.update(saved)


def _restore_bytes(held: Any, saved: Any) -> None:
    if held != saved:
        held[:] = saved


def _restore_file(held: Any, saved: Any) -> None:
    content, position = saved
    if held.getvalue() != content:
        held.seek(0)
        held.truncate()
        held.write(content)
    held.seek(position)


def _restore_array(held: Any, saved: Any) -> None:
    if held.tobytes() != saved.tobytes():
        writeable = held.flags.writeable
        held.flags.writeable = True
        held[...] = saved
        held.flags.writeable = writeable


def _restore_class(kind: Any, saved: dict[str, Any]) -> None:
    now = dict(_attributes(kind))
    for name in now.keys() - saved.keys():
        _set_attribute(kind, name, _MISSING)
    for name, value in saved.items():
        if now.get(name, _MISSING) is not value:
            _set_attribute(kind, name, value)


_MAPPINGS = frozenset({dict, collections.OrderedDict, collections.defaultdict, collections.Counter})
_SEQUENCES = frozenset({list, set, collections.deque})
_SIMPLE: dict[type, tuple[Callable[[Any], Any], Callable[[Any, Any], None]]] = {
    **dict.fromkeys(_MAPPINGS, (dict, _restore_dict)),
    list: (list, _restore_list),
    collections.deque: (list, _restore_list),
    set: (set, _restore_set),
    bytearray: (bytes, _restore_bytes),
    array.array: (lambda held: held[:], _restore_bytes),
    io.StringIO: (lambda held: (held.getvalue(), held.tell()), _restore_file),
    io.BytesIO: (lambda held: (held.getvalue(), held.tell()), _restore_file),
}
_CONSTANTS = frozenset({
    ("re", "Pattern"), ("datetime", "date"), ("datetime", "datetime"), ("datetime", "time"), ("datetime", "timedelta"),
    ("datetime", "timezone"), ("decimal", "Decimal"), ("fractions", "Fraction"), ("uuid", "UUID"), ("numpy", "dtype"),
    ("numpy", "ufunc"), ("zoneinfo", "ZoneInfo"), ("builtins", "property"), ("builtins", "staticmethod"),
    ("builtins", "classmethod"), ("builtins", "method"), ("functools", "partial"), ("struct", "Struct"),
    ("_thread", "lock"), ("_thread", "RLock"), ("typing", "TypeVar"),
})  # fmt: skip
_STATEFUL = frozenset({"logging", "threading", "socket", "subprocess", "asyncio", "multiprocessing", "sqlite3"})


def _is_constant(kind: type) -> bool:
    bases = {(of(base, "__module__"), of(base, "__name__")) for base in of(kind, "__mro__")}
    if bases & (_CONSTANTS | {("enum", "Enum"), ("pathlib", "PurePath"), ("numpy", "generic")}):
        return True
    return kind is types.BuiltinFunctionType or kind is types.GenericAlias or of(kind, "__module__") == "typing"


def _instance_dict(obj: Any) -> dict[str, Any] | None:
    """The attributes of a plain instance; None for one that has state elsewhere."""
    kind = type(obj)
    if is_a(obj, functools._lru_cache_wrapper):
        return None
    for base in of(kind, "__mro__"):
        is_heap_type = of(base, "__flags__") & definitions.HEAP_TYPE
        if of(base, "__dict__").get("__slots__") or (base is not object and not is_heap_type):
            return None if base is not types.SimpleNamespace else obj.__dict__
    try:
        names = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        return None
    return names if type(names) is dict else None


class Process:
    """Loggers, signal handlers and the figures of pyplot."""

    def __init__(self) -> None:
        self._loggers: list[tuple[Any, dict[str, Any]]] = []
        logging = sys.modules.get("logging")
        if logging is not None:
            known = [
                item for item in list(logging.root.manager.loggerDict.values()) if isinstance(item, logging.Logger)
            ]
            for logger in (logging.root, *known):
                self._loggers.append((logger, {**vars(logger), "handlers": list(logger.handlers)}))
        self._signals = {number: signal.getsignal(number) for number in signal.valid_signals()}
        manager = getattr(sys.modules.get("matplotlib._pylab_helpers"), "Gcf", None)
        self._figures: Any = getattr(manager, "figs", None)
        self._open = list(self._figures.items()) if self._figures is not None else []
        if self._figures is not None:
            self._figures.clear()  # a cell that draws on "the current figure" would draw on a live one

    def put_back(self) -> None:
        """See `Keeper.put_back`."""
        for logger, before in self._loggers:
            _restore_list(logger.handlers, before["handlers"])
            for name in ("level", "propagate", "disabled"):
                if getattr(logger, name) is not before[name]:
                    setattr(logger, name, before[name])
        if threading.current_thread() is threading.main_thread():
            for number, handler in self._signals.items():
                if handler is not None and signal.getsignal(number) is not handler:
                    with suppress(OSError, ValueError):  # the system keeps some signals to itself
                        signal.signal(number, handler)
        if self._figures is None:
            self._figures = getattr(getattr(sys.modules.get("matplotlib._pylab_helpers"), "Gcf", None), "figs", None)
        if self._figures is not None:
            self._figures.clear()
            self._figures.update(self._open)
