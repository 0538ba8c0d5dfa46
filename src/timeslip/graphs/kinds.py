"""What `graphs` needs to know about kinds of objects: which have a visible identity, and what is inside them.

Every question is answered without running code of the user's: no ``repr``, ``==``, ``len`` or ``__reduce__`` of a class
that was made in the namespace.
"""

from __future__ import annotations

import datetime
import decimal
import functools
import io
import itertools
import logging
import pathlib
import re
import subprocess
import sys
import threading
import types
import uuid
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from timeslip.graphs import libraries

LARGE = 1024
"""Immutables beyond this many bytes have an identity worth keeping."""

VALUE_TYPES: frozenset[type] = frozenset(
    {
        type(None),
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        type(...),
        type(NotImplemented),
        range,
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
        datetime.timezone,
        decimal.Decimal,
        uuid.UUID,
        pathlib.PurePosixPath,
        pathlib.PosixPath,
        pathlib.PureWindowsPath,
        re.Pattern,
    }
)
"""Immutable values without parts: equality is all that can be said about them."""

_NO_IDENTITY: frozenset[type] = frozenset(
    {
        types.MethodType,
        types.BuiltinFunctionType,
        type([].__len__),
        types.WrapperDescriptorType,
        types.MethodDescriptorType,
        types.ClassMethodDescriptorType,
        types.GetSetDescriptorType,
        types.MemberDescriptorType,
        types.MappingProxyType,
        types.CodeType,
        types.ModuleType,
        types.GenericAlias,
        types.UnionType,
    }
)
"""Immutable views of something else, made anew whenever they are asked for."""

_CONTAINERS: tuple[type, ...] = (dict, list, tuple, deque, set, frozenset)
_SCALARS: tuple[type, ...] = (int, float, complex, str, bytes, bytearray)

EMPTY = object()
"""Stands for the contents of an empty closure cell."""

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE

_AUTOMATIC = frozenset(
    "__dict__ __weakref__ _abc_impl __firstlineno__ __slotnames__ __static_attributes__ __annotations_cache__".split()
)
"""Attributes of a class that the interpreter makes, and that say nothing about what the class does."""


class Reduced:
    """What pickling would see of an object that has neither ``__dict__`` nor slots."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self.parts = parts


class Visibility:
    """Which objects belong to the session, and which of them have an identity that ordinary code can see."""

    def __init__(self, namespaces: tuple[Mapping[str, object], Mapping[str, object]]) -> None:
        self._namespaces = namespaces
        self._classes: dict[int, tuple[type, bool]] = {}

    def visible(self, value: Any) -> bool:
        """Whether sharing *value* can be told from having an equal copy of it."""
        kind = type(value)
        if kind in VALUE_TYPES:
            return _large_or_nan(value)
        if kind is tuple or kind is frozenset or kind is slice:
            return self._holds_visible(value)
        if kind in _NO_IDENTITY or kind is Reduced or libraries.without_identity(kind):
            return False
        if kind is types.FunctionType:
            return not self.outside_function(value)
        if issubclass(kind, type):
            return not self.outside_class(value)
        return not issubclass(kind, types.ModuleType)

    def _holds_visible(self, value: Any) -> bool:
        stack: list[Any] = [value]
        seen = 0
        while stack:
            part = stack.pop()
            seen += 1
            if seen > LARGE // 8:
                return True
            if type(part) is tuple or type(part) is frozenset:
                stack.extend(part)
            elif type(part) is slice:
                stack += (part.start, part.stop, part.step)
            elif self.visible(part):
                return True
        return False

    def outside_class(self, kind: type) -> bool:
        """Whether *kind* belongs to an installed package or to the interpreter, and so is the same for all."""
        known = self._classes.get(id(kind))
        if known is None:
            known = (kind, self._outside_class(kind))
            self._classes[id(kind)] = known
        return known[1]

    def _outside_class(self, kind: type) -> bool:
        if not kind.__flags__ & _HEAP_TYPE:
            return True
        return self._importable(class_attribute(kind, "__module__"), class_attribute(kind, "__qualname__"), kind)

    def outside_function(self, function: Any) -> bool:
        """Whether *function* can be imported from an installed module."""
        return self._importable(function.__module__, function.__qualname__, function)

    def _importable(self, module_name: Any, qualname: Any, wanted: object) -> bool:
        if not isinstance(module_name, str) or not isinstance(qualname, str) or module_name == "__main__":
            return False
        module = sys.modules.get(module_name)
        if module is None or any(vars(module) is namespace for namespace in self._namespaces):
            return False
        found: Any = module
        for part in qualname.split("."):
            scope = class_namespace(found) if isinstance(found, type) else getattr(found, "__dict__", {})
            if part not in scope:
                return False
            found = scope[part]
            if isinstance(found, (staticmethod, classmethod)):
                found = found.__func__
        return found is wanted


def _large_or_nan(value: Any) -> bool:
    kind = type(value)
    if kind is float or kind is complex:
        return bool(value != value)
    if kind is decimal.Decimal:
        return bool(value.is_nan())
    if kind is str or kind is bytes:
        return len(value) > LARGE
    return kind is int and value.bit_length() > LARGE * 8


def is_plain(value: Any) -> bool:
    """Whether *value* is fully told by its `key_name`: no identity, no parts that have one."""
    stack: list[Any] = [value]
    seen = 0
    while stack:
        part = stack.pop()
        seen += 1
        if seen > LARGE // 8:
            return False
        if type(part) is tuple or type(part) is frozenset:
            stack.extend(part)
        elif type(part) is slice:
            stack += (part.start, part.stop, part.step)
        elif type(part) not in VALUE_TYPES or _large_or_nan(part):
            return False
    return True


def key_name(value: Any) -> str:
    """How a dict's key or a set's member is written; unique among plain values."""
    kind = type(value)
    if kind in VALUE_TYPES or (kind is slice and is_plain(value)):
        return repr(value)
    if kind is tuple and is_plain(value):
        return "(" + ", ".join(key_name(part) for part in value) + ")"
    if kind is frozenset and is_plain(value):
        return "frozenset({" + ", ".join(sorted(key_name(part) for part in value)) + "})"
    return brief(value)


def brief(value: Any) -> str:
    """*value* in a few characters, without asking classes of the user's."""
    kind = type(value)
    if kind in VALUE_TYPES:
        text = repr(value) if kind in _SHORT or not _large_or_nan(value) else f"{kind.__name__} of {_size(value)} bytes"
        return text if len(text) <= 60 else text[:57] + "..."
    if kind in (list, tuple, dict, set, frozenset):
        return f"<{kind.__name__} of {len(value)}>"
    if type(value) is types.FunctionType:
        return f"<function {value.__qualname__}>"
    if issubclass(kind, type):
        return f"<class {class_attribute(value, '__qualname__')}>"
    return f"<{class_attribute(kind, '__qualname__')}>"


_SHORT = frozenset({float, complex, decimal.Decimal})


def unlike(left: Any, right: Any) -> str:
    """That two objects differ, by their kinds alone: no content is told."""
    one, other = (class_attribute(type(side), "__qualname__") for side in (left, right))
    return f"{one} != {other}" if one != other else f"another {one}"


def _size(value: Any) -> int:
    return value.bit_length() // 8 if type(value) is int else len(value)


def signature(value: Any) -> Hashable:
    """Something that equal members of two sets have in common: their type and their plain attributes."""
    name = class_attribute(type(value), "__qualname__")
    if is_plain(value):
        return (name, key_name(value))
    if type(value) in (tuple, frozenset):
        return (name, len(value))
    plain_parts = [
        (attribute, key, key_name(part))
        for attribute, parts in attributes(value).items()
        for key, part in (pairs(parts) if type(parts) is dict else [(attribute, parts)])
        if isinstance(key, str) and is_plain(part)
    ]
    return (name, tuple(sorted(plain_parts)))


# ---- what is inside


def items(value: Any) -> list[Any]:
    """The members of a list, tuple, deque or set, subclasses included, by the base class's own iterator."""
    for base in (list, tuple, deque, set, frozenset):
        if issubclass(type(value), base):
            return list(base.__iter__(value))
    raise TypeError(type(value))


def pairs(value: Any) -> list[tuple[Any, Any]]:
    """The items of a dict in its order, by the base class's own method; of a namespace those that are the user's."""
    if issubclass(type(value), OrderedDict):
        return list(OrderedDict.items(value))
    if type(value) is dict and "__builtins__" in value:
        return [item for item in value.items() if item[0] not in MODULE_NAMES]
    return list(dict.items(value))


MODULE_NAMES = frozenset(
    "__builtins__ __builtin__ __cached__ __doc__ __file__ __loader__ __name__ __package__ __spec__"
    " __warningregistry__".split()
)
"""What the interpreter puts into a namespace by itself."""


def plain(value: Any, base: type) -> Any:
    """*value* itself for containers; for subclasses of numbers, text and bytes an instance of the base class."""
    if base in _CONTAINERS:
        return value
    if base is complex:
        return complex(float.__float__(value.real), float.__float__(value.imag))
    if base in (bytes, bytearray):
        return bytes(memoryview(value))
    converters: dict[type, Any] = {int: int.__int__, float: float.__float__, str: str.__str__}
    return converters[base](value)


def has_contents(kind: type) -> bool:
    """Whether instances of *kind* hold what a built-in container or scalar holds."""
    return issubclass(kind, _CONTAINERS) or issubclass(kind, _SCALARS)


def attributes(value: Any) -> dict[str, Any]:
    """The ``__dict__`` of an instance (under that name) and its slots, without calling its own ``__getattribute__``."""
    found: dict[str, Any] = {}
    own = threading.local if issubclass(type(value), threading.local) else object  # which has a dict for each thread
    try:
        mapping = own.__getattribute__(value, "__dict__")
    except AttributeError:
        mapping = None
    if type(mapping) is dict:
        found["__dict__"] = mapping
        if str(type(value).__module__).startswith("tensorflow.python.trackable."):
            # what a wrapper notes for checkpoints, by and by: made anew with the wrapper
            found["__dict__"] = {name: held for name, held in mapping.items() if not name.startswith("_self_")}
    for kind in type.mro(type(value)) if not issubclass(type(value), type) else ():
        for name, member in class_namespace(kind).items():
            if type(member) is types.MemberDescriptorType and name not in found:
                try:
                    found[name] = member.__get__(value, type(value))
                except AttributeError:
                    continue  # an empty slot
    return found


def reduced(value: Any) -> tuple[Any, ...] | None:
    """What ``__reduce_ex__`` answers, iterators unrolled; None when it refuses."""
    try:
        parts = value.__reduce_ex__(4)
    except Exception:  # any library may refuse in any way: the caller falls back to comparing attributes
        return None
    if isinstance(parts, str):
        return (parts,)
    function, arguments, *rest = parts
    state = rest[0] if rest else None
    streams = tuple(list(stream) if stream is not None else None for stream in rest[1:3])
    return (function, arguments, state, *streams)


def hidden_base(visibility: Visibility, kind: type) -> bool:
    """Whether a session's class extends a C type whose contents only pickling can see, without a say of its own."""
    for base in type.mro(kind):
        scope = class_namespace(base)
        if not visibility.outside_class(base):
            if scope.keys() & {"__reduce__", "__reduce_ex__", "__getstate__"}:
                return False
        elif base is object or has_contents(base):
            continue
        elif type(scope.get("__new__")) is types.BuiltinFunctionType:
            return True
    return False


def cell_contents(cell: types.CellType) -> Any:
    """The contents of a closure cell, or `EMPTY`."""
    try:
        return cell.cell_contents
    except ValueError:
        return EMPTY


def class_namespace(kind: type) -> Mapping[str, Any]:
    """The class's own ``__dict__``, whatever its metaclass says."""
    found: Mapping[str, Any] = type.__getattribute__(kind, "__dict__")
    return found


def class_attribute(kind: type, name: str) -> Any:
    """``__name__``, ``__qualname__`` or ``__module__`` of a class, whatever its metaclass says."""
    return type.__getattribute__(kind, name)


def class_dict(kind: type) -> dict[str, Any]:
    """What the class defines, without what the interpreter adds."""
    return {name: value for name, value in class_namespace(kind).items() if name not in _AUTOMATIC}


_CODE_FIELDS = (
    "co_name co_argcount co_posonlyargcount co_kwonlyargcount co_flags co_names co_varnames co_freevars co_cellvars"
    " co_code"
).split()


def compare_code(report: Callable[[str], None], left: types.CodeType, right: types.CodeType) -> None:
    """Report where two code objects do different things; file names and line numbers do not count."""
    stack: list[tuple[Any, Any]] = [(left, right)]
    while stack:
        one, other = stack.pop()
        if one is other:
            continue
        for field in _CODE_FIELDS:
            if getattr(one, field) != getattr(other, field):
                report(f"code of {one.co_name}: {field} differs")
                return
        if len(one.co_consts) != len(other.co_consts):
            report(f"code of {one.co_name}: constants differ")
            return
        for first, second in zip(one.co_consts, other.co_consts, strict=True):
            if isinstance(first, types.CodeType) and isinstance(second, types.CodeType):
                stack.append((first, second))
            elif key_name(first) != key_name(second):
                report(f"code of {one.co_name}: constant {brief(first)} != {brief(second)}")
                return


# ---- lists of types


def _types(values: Iterable[Any]) -> list[type]:
    return [value for value in values if isinstance(value, type)]


def opaque_types() -> list[type]:
    """Types whose instances would be used up by looking inside."""
    samples: list[Any] = [iter([]), iter(()), iter({}), iter({}.values()), iter({}.items()), iter(set()), iter("")]
    samples += [iter(b""), iter(range(0)), reversed([]), threading.Lock(), threading.RLock(), iter(int, 1)]
    return [
        *{type(sample) for sample in samples},
        types.GeneratorType,
        types.CoroutineType,
        types.AsyncGeneratorType,
        types.FrameType,
        types.TracebackType,
        *(zip, map, filter, enumerate, reversed),
    ]


def opaque_bases() -> list[type]:
    """The same, with their subclasses."""
    kinds = [*_types(vars(itertools).values()), threading.Thread, subprocess.Popen]
    database = sys.modules.get("sqlite3")  # whose home is the store, which always loads it
    if database is not None:
        kinds += [database.Connection, database.Cursor]
    return [*kinds, weakref.ProxyType, weakref.CallableProxyType]


def weak_types() -> list[type]:
    """Weak references: what they refer to is compared."""
    return [weakref.ref]


def weak_containers() -> list[type]:
    """Containers that hold their keys, values or members weakly."""
    return [weakref.WeakKeyDictionary, weakref.WeakValueDictionary, weakref.WeakSet]


def partial_types() -> list[type]:
    """Partial applications."""
    return [functools.partial]


def cache_types() -> list[type]:
    """`functools.lru_cache` wrappers; what they have cached cannot be seen."""
    return [functools._lru_cache_wrapper]


def logger_types() -> list[type]:
    """Objects of which the process has one per name."""
    return [logging.Logger]


def stream_types() -> list[type]:
    """Streams in memory, compared by contents and position."""
    return [io.BytesIO, io.StringIO]


def file_types() -> list[type]:
    """Open files, compared by name and mode."""
    return [io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.FileIO]


def is_copied_on_write(pandas: Any) -> bool:
    """Whether frames never show what is written through another one: always from pandas 3 on, before it an option."""
    return int(pandas.__version__.split(".")[0]) >= 3 or pandas.options.mode.copy_on_write is True
