"""A digest of every name of a session, by structure: what the values are, not how or by whom they were saved.

Runs inside the kernel that is looked at. It shares no code with Timeslip, on purpose: a fault there must not be able
to hide itself here. Two values have the same digest when they have the same types, the same contents and the same
aliases among their mutable parts. Floats count by their bits, sets without order, dicts with it. What has no value of
its own (a generator, a socket, a lock) counts by its type only.

Known kinds (arrays, frames, figures, functions, classes of the session) have a rule each; everything else is taken
apart by its own ``__reduce_ex__``, failing that by its ``__dict__``.
"""

from __future__ import annotations

import copyreg
import functools
import hashlib
import json
import struct
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import digest_rules

SKIPPED = frozenset({"In", "Out", "get_ipython", "exit", "quit", "open"})
"""Names that IPython puts into the namespace."""

BIG = 200_000
"""Nodes per name; a value with more parts than this counts as the parts seen so far."""

_OPAQUE = (
    types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType, types.FrameType, types.TracebackType,
    types.ModuleType, types.MappingProxyType,
)  # fmt: skip
_PLAIN_MODULES = ("builtins", "datetime", "decimal", "fractions", "pathlib", "uuid", "re", "ipaddress", "zoneinfo")


class Walk:
    """One value taken apart into a stream of bytes, without recursion."""

    def __init__(self) -> None:
        self.hash = hashlib.blake2b(digest_size=16)
        self.numbers: dict[int, int] = {}
        self.alive: list[object] = []  # an id means something only as long as its object lives
        self.nodes = 0
        self.stack: list[object] = []

    def token(self, *parts: object) -> None:
        """Feed *parts*, each with its length in front, so that no two sequences give the same stream."""
        for part in parts:
            data = part if isinstance(part, bytes) else str(part).encode("utf-8", "surrogatepass")
            self.hash.update(struct.pack("<q", len(data)))
            self.hash.update(data)

    def push(self, *children: object) -> None:
        """Look at *children* next, in this order."""
        self.stack.extend(reversed(children))

    def seen(self, value: object) -> bool:
        """Whether *value*, an object with visible identity, was met before; numbers it if not."""
        number = self.numbers.get(id(value))
        if number is not None:
            self.token("again", number)
            return True
        self.numbers[id(value)] = len(self.numbers)
        self.alive.append(value)
        return False

    def run(self, value: object) -> str:
        """Take *value* apart completely; the digest, 32 hexadecimal digits."""
        self.push(value)
        while self.stack and self.nodes < BIG:
            self.nodes += 1
            self.step(self.stack.pop())
        return self.hash.hexdigest()

    def step(self, value: Any) -> None:
        """Take one object apart by the first rule that fits."""
        kind = type(value)
        rule = _ATOMS.get(kind) or _CONTAINERS.get(kind)
        if rule is not None:
            rule(self, value)
            return
        for test, found in _KINDS:
            if test(value, kind):
                found(self, value)
                return
        take_apart(self, value)


def digest(value: object) -> str:
    """The digest of one value, 32 hexadecimal digits."""
    return Walk().run(value)


# ---- atoms and containers ------------------------------------------------------------------------------------------


def _atom(walk: Walk, value: object) -> None:
    walk.token(type(value).__name__, repr(value))


def _float(walk: Walk, value: float) -> None:
    walk.token("float", "nan" if value != value else struct.pack("<d", value))


def _complex(walk: Walk, value: complex) -> None:
    walk.token("complex", struct.pack("<2d", value.real, value.imag))


def _text(walk: Walk, value: str) -> None:
    walk.token("str", value)


def _bytes(walk: Walk, value: bytes) -> None:
    walk.token("bytes", value)


def _list(walk: Walk, value: list[object]) -> None:
    if not walk.seen(value):
        walk.token("list", len(value))
        walk.push(*value)


def _tuple(walk: Walk, value: tuple[object, ...]) -> None:
    walk.token("tuple", len(value))
    walk.push(*value)


def _dict(walk: Walk, value: dict[object, object]) -> None:
    if not walk.seen(value):
        walk.token("dict", len(value))
        walk.push(*(part for pair in list(value.items()) for part in pair))


def _set(walk: Walk, value: Iterable[object]) -> None:
    if isinstance(value, set) and walk.seen(value):
        return
    members = sorted(digest(member) for member in value)
    walk.token(type(value).__name__, len(members), *members)


def _bytearray(walk: Walk, value: bytearray) -> None:
    if not walk.seen(value):
        walk.token("bytearray", bytes(value))


def _slice(walk: Walk, value: slice) -> None:
    walk.token("slice")
    walk.push(value.start, value.stop, value.step)


Rule = Callable[[Walk, Any], None]
_ATOMS: dict[type, Rule] = {
    type(None): _atom, bool: _atom, int: _atom, type(...): _atom, type(NotImplemented): _atom, range: _atom,
    float: _float, complex: _complex, str: _text, bytes: _bytes, slice: _slice,
}  # fmt: skip
_CONTAINERS: dict[type, Rule] = {
    list: _list, tuple: _tuple, dict: _dict, set: _set, frozenset: _set, bytearray: _bytearray
}  # fmt: skip


# ---- functions, classes, methods -----------------------------------------------------------------------------------


def _is_importable(value: Any) -> bool:
    """Whether *value* belongs to an installed module, so that its name says everything."""
    module = getattr(value, "__module__", None)
    if not isinstance(module, str) or module == "__main__":
        return False
    found: Any = sys.modules.get(module)
    for part in str(getattr(value, "__qualname__", "")).split("."):
        found = getattr(found, part, None)
    return found is value


def _by_name(walk: Walk, value: Any) -> None:
    walk.token("global", value.__module__, value.__qualname__)


def _code(walk: Walk, code: types.CodeType) -> None:
    walk.token("code", code.co_name, code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_flags)
    walk.push(*code.co_consts)


def _function(walk: Walk, value: types.FunctionType) -> None:
    if _is_importable(value):
        _by_name(walk, value)
    elif not walk.seen(value):
        walk.token("function", value.__qualname__)
        cells: list[object] = []
        for cell in value.__closure__ or ():
            try:
                cells.append(cell.cell_contents)
            except ValueError:
                cells.append("(empty cell)")
        walk.push(value.__code__, value.__defaults__, value.__kwdefaults__, dict(value.__dict__), *cells)


_CLASS_MACHINERY = frozenset(
    {"__dict__", "__weakref__", "__module__", "__firstlineno__", "__static_attributes__", "__slotnames__"}
)
"""What Python itself keeps on a class; ``__slotnames__`` appears when an instance is pickled for the first time."""


def _class(walk: Walk, value: type) -> None:
    if _is_importable(value):
        _by_name(walk, value)
        return
    if walk.seen(value):
        return
    walk.token("class", value.__qualname__, len(value.__bases__))
    own = {  # in no order: a class that is made again, as one with slots is, has another
        name: item
        for name, item in sorted(vars(value).items())
        if name not in _CLASS_MACHINERY
        and not isinstance(item, (types.GetSetDescriptorType, types.MemberDescriptorType))
        and not name.startswith("_abc_")
    }
    walk.push(*value.__bases__, own)


def _method(walk: Walk, value: types.MethodType) -> None:
    walk.token("method")
    walk.push(value.__func__, value.__self__)


def _partial(walk: Walk, value: Any) -> None:
    """Attributes that nobody has set are made by looking for them."""
    if not walk.seen(value):
        walk.token("partial", type(value).__qualname__)
        walk.push(value.func, value.args, value.keywords, value.__dict__ or {})


def _builtin(walk: Walk, value: Any) -> None:
    owner = getattr(value, "__self__", None)
    walk.token("builtin", getattr(value, "__qualname__", value.__name__))
    if owner is not None and not isinstance(owner, types.ModuleType):
        walk.push(owner)


def _property(walk: Walk, value: Any) -> None:
    walk.token("property")
    walk.push(value.fget, value.fset, value.fdel)


def _wrapped(walk: Walk, value: Any) -> None:
    walk.token(type(value).__name__)
    walk.push(value.__func__)


def _opaque(walk: Walk, value: Any) -> None:
    walk.token("opaque", type(value).__module__, type(value).__qualname__, getattr(value, "__name__", ""))


# ---- numpy, pandas, matplotlib -------------------------------------------------------------------------------------


def _of(library: str) -> Any:
    return sys.modules.get(library)


def _is(library: str, *names: str) -> Callable[[Any, type], bool]:
    """A test for instances of *names* of *library*, which is not imported for it."""

    def test(value: Any, _kind: type) -> bool:
        module = _of(library)
        return module is not None and any(isinstance(value, getattr(module, name, ())) for name in names)

    return test


def _array(walk: Walk, value: Any) -> None:
    if walk.seen(value):
        return
    walk.token("array", type(value).__qualname__, str(value.dtype), value.shape)
    if value.dtype.hasobject:
        walk.push(*value.ravel().tolist())
    else:
        walk.token(_canonical_floats(value).tobytes())
    if isinstance(value, _of("numpy").ma.MaskedArray):
        walk.push(_of("numpy").ma.getmaskarray(value), value.fill_value)
    elif getattr(value, "__dict__", None):  # another subclass, such as one with a unit
        walk.push({name: part for name, part in vars(value).items() if name != "_mmap"})


def _canonical_floats(value: Any) -> Any:
    """*value* with every NaN the same: their payload bits are nobody's value."""
    numpy = _of("numpy")
    if value.dtype.kind not in "fc":
        return numpy.asarray(value)
    plain = numpy.array(value, subok=False)
    plain[plain != plain] = numpy.nan
    return plain


def _scalar(walk: Walk, value: Any) -> None:
    walk.token("scalar", str(value.dtype), _canonical_floats(_of("numpy").asarray(value)).tobytes())


def _column(walk: Walk, values: Any) -> None:
    """The values of a column, index or pandas array."""
    dtype = getattr(values, "dtype", None)
    walk.token("column", str(dtype))
    categories = getattr(dtype, "categories", None)
    if categories is not None:
        walk.token("categories", getattr(dtype, "ordered", None))
        _column(walk, categories)
        values = values.codes if hasattr(values, "codes") else values.cat.codes
    numpy = _of("numpy")
    if isinstance(getattr(values, "dtype", None), numpy.dtype) and values.dtype.kind in "biufcmM":
        walk.token(_canonical_floats(numpy.asarray(values)).tobytes())
    else:
        walk.push(*values.astype(object).tolist())


def _index(walk: Walk, value: Any) -> None:
    walk.token("index", type(value).__name__, str(getattr(value, "freqstr", "")), len(value))
    walk.push(list(value.names))
    if value.nlevels > 1:
        for level in range(value.nlevels):
            _column(walk, value.get_level_values(level))
    else:
        _column(walk, value)


def _series(walk: Walk, value: Any) -> None:
    if not walk.seen(value):
        walk.token("series", type(value).__qualname__)
        walk.push(value.name, value.attrs, value.index)
        _column(walk, value)


def _frame(walk: Walk, value: Any) -> None:
    if not walk.seen(value):
        walk.token("frame", type(value).__qualname__, value.shape)
        walk.push(value.attrs, value.index, value.columns)
        for place in range(value.shape[1]):
            _column(walk, value.iloc[:, place])


def _figure(walk: Walk, value: Any) -> None:
    """A figure as it is seen: caches, canvases and callbacks are nobody's value."""
    if not walk.seen(value):
        walk.token("figure", tuple(value.get_size_inches()), value.dpi, len(value.axes))
        walk.push(*value.axes)


def _axes(walk: Walk, value: Any) -> None:
    if walk.seen(value):
        return
    walk.token(
        "axes", value.get_title(), value.get_xlabel(), value.get_ylabel(), value.get_xscale(), value.get_yscale()
    )
    walk.push(tuple(map(float, value.get_xlim())), tuple(map(float, value.get_ylim())), list(value.get_children()))


def _callbacks(walk: Walk, _value: Any) -> None:
    walk.token("callbacks")


def _artist(walk: Walk, value: Any) -> None:
    if walk.seen(value):
        return
    label = value.get_label()  # that of an axis is a text, which drawing moves
    label = label.get_text() if hasattr(label, "get_text") else label
    walk.token("artist", type(value).__qualname__, value.get_visible(), value.get_zorder(), label)
    for name in ("get_xydata", "get_offsets", "get_array", "get_text", "get_color", "get_facecolor", "get_xy"):
        getter = getattr(value, name, None)
        if getter is None:
            continue
        try:
            walk.push(name, getter())
        except Exception as error:  # a getter of a half-built artist may raise anything: that, too, is how it is
            walk.token(name, type(error).__name__)


def _bunch(walk: Walk, value: Any) -> None:
    """A dict whose own ``__setstate__`` drops its attributes: the items are all that its class calls its value."""
    if not walk.seen(value):
        walk.token("bunch")
        walk.push(dict(value))


def _labelled(walk: Walk, value: Any) -> None:
    """An xarray object: taken apart as any other, but no attributes and none made yet are the same."""
    take_apart(walk, value, lambda state: {**state, "_attrs": state["_attrs"] or {}} if "_attrs" in state else state)


# ---- everything else -----------------------------------------------------------------------------------------------


def has_identity(kind: type) -> bool:
    """Whether ordinary code could tell two equal instances of *kind* apart, as far as we compare."""
    module: object = kind.__module__  # some extension types have a descriptor there
    return not (isinstance(module, str) and module.partition(".")[0] in _PLAIN_MODULES) and not issubclass(kind, tuple)


def take_apart(walk: Walk, value: Any, clean: Callable[[dict[str, Any]], dict[str, Any]] | None = None) -> None:
    """Any other object: its class, and what it says it is made of.

    Args:
        walk: where it goes.
        value: the object.
        clean: takes what is nobody's value out of its state (of each dict in it, when it is a tuple).
    """
    kind = type(value)
    if has_identity(kind) and walk.seen(value):
        return
    walk.token("object")
    try:
        parts = value.__reduce_ex__(4)
    except Exception as error:  # objects may refuse in any way they like; then their attributes are what we can see
        walk.token("refuses", type(error).__name__)
        parts = None
    walk.alive.append(parts)
    if isinstance(parts, str):
        walk.token("global", parts)
    elif isinstance(parts, tuple):
        function, arguments, state, items, pairs = (*parts, None, None, None)[:5]
        state = None if type(state) is dict and not state else state  # an empty dict is made by looking at it
        if clean is not None and isinstance(state, tuple):
            state = tuple(clean(part) if isinstance(part, dict) else part for part in state)
        if function in (copyreg.__newobj__, copyreg.__reduce_ex__):  # type: ignore[attr-defined]
            walk.push(arguments, state, list(items or ()), list(pairs or ()))
        else:
            walk.push(function, arguments, state, list(items or ()), list(pairs or ()))
    else:
        walk.push(kind, dict(getattr(value, "__dict__", {})))


_KINDS: tuple[tuple[Callable[[Any, type], bool], Rule], ...] = (
    (lambda value, _: isinstance(value, types.FunctionType), _function),
    (lambda value, _: isinstance(value, type), _class),
    (lambda value, _: isinstance(value, types.CodeType), _code),
    (lambda value, _: isinstance(value, types.MethodType), _method),
    (lambda value, _: isinstance(value, types.BuiltinFunctionType), _builtin),
    (lambda value, _: isinstance(value, functools.partial), _partial),
    (lambda value, _: isinstance(value, property), _property),
    (lambda value, _: isinstance(value, (staticmethod, classmethod)), _wrapped),
    (lambda value, _: isinstance(value, _OPAQUE), _opaque),
    (_is("pandas", "DataFrame"), _frame),
    (_is("pandas", "Series"), _series),
    (_is("pandas", "Index"), _index),
    (_is("pandas.api.extensions", "ExtensionArray"), _column),
    (_is("sklearn.utils", "Bunch"), _bunch),
    (_is("xarray", "Dataset", "DataArray", "Variable", "DataTree"), _labelled),
    (_is("numpy", "ndarray"), _array),
    (_is("numpy", "generic"), _scalar),
    (_is("matplotlib.figure", "FigureBase"), _figure),
    (_is("matplotlib.axes", "Axes"), _axes),
    (_is("matplotlib.artist", "Artist"), _artist),
    (_is("matplotlib.cbook", "CallbackRegistry"), _callbacks),
    *digest_rules.RULES,
)  # fmt: skip


# ---- the whole namespace -------------------------------------------------------------------------------------------


def names_of(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The user's names and outputs: what is compared."""
    found = {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_") and name not in SKIPPED and not isinstance(value, types.ModuleType)
    }
    found.update({f"Out[{number}]": value for number, value in dict(namespace.get("Out", {})).items()})
    return found


def digests(namespace: Mapping[str, Any]) -> dict[str, str]:
    """Name -> digest; a value that cannot be looked at counts by its type and the error."""
    result = {}
    for name, value in names_of(namespace).items():
        try:
            result[name] = digest(value)
        except Exception as error:  # users' objects may raise anything when they are looked at
            result[name] = f"unseen: {type(value).__qualname__}: {type(error).__name__}"
    return result


def aliases(namespace: Mapping[str, Any]) -> list[list[str]]:
    """Groups of names that are one object, of the kinds whose identity matters."""
    groups: dict[int, list[str]] = {}
    for name, value in names_of(namespace).items():
        if not isinstance(value, (int, float, complex, str, bytes, tuple, type(None), type(...))):
            groups.setdefault(id(value), []).append(name)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def shared_memory(namespace: Mapping[str, Any]) -> list[list[str]]:
    """Pairs of names of arrays where a write to one shows in the other."""
    numpy = _of("numpy")
    if numpy is None:
        return []
    found = {name: value for name, value in names_of(namespace).items() if type(value) is numpy.ndarray and value.size}
    arrays = [(name, found[name]) for name in sorted(found)[:150]]
    return [
        [name, other]
        for place, (name, one) in enumerate(arrays)
        for other, two in arrays[place + 1 :]
        if (one.flags.writeable or two.flags.writeable) and numpy.may_share_memory(one, two)
    ]


def kinds(namespace: Mapping[str, Any]) -> dict[str, str]:
    """Name -> type, for the report."""
    return {name: f"{type(v).__module__}.{type(v).__qualname__}" for name, v in names_of(namespace).items()}


def picklable(namespace: Mapping[str, Any]) -> dict[str, bool]:
    """Name -> whether the standard pickler takes it; what it takes may never be lost."""
    import pickle

    result = {}
    for name, value in names_of(namespace).items():
        try:
            pickle.dumps(value, protocol=5)
            result[name] = True
        except Exception:  # "does not pickle" comes as any exception there is
            result[name] = False
    return result


def round_trips(namespace: Mapping[str, Any], names: Iterable[str]) -> str:
    """Name -> digest of the value after the standard pickler and back, as a JSON text; names that fail are left out.

    Some classes give back something else than they were given (an int as a float, a cache filled): no tool that stores
    their values can do better, and a comparison should know.
    """
    import pickle

    values = names_of(namespace)
    result = {}
    for name in names:
        try:
            result[name] = digest(pickle.loads(pickle.dumps(values[name], protocol=5)))
        except Exception:  # "does not pickle" comes as any exception there is
            continue
    return json.dumps(result)


def write(namespace: Mapping[str, Any], path: str) -> str:
    """Write what this module sees of *namespace* to *path*; gives a JSON text so that it can be asked for."""
    seen = {
        "digests": digests(namespace),
        "aliases": aliases(namespace),
        "shared_memory": shared_memory(namespace),
        "kinds": kinds(namespace),
        "picklable": picklable(namespace),
    }
    Path(path).write_text(json.dumps(seen), encoding="utf-8")
    return "true"


def trace(value: object) -> str:
    """Every step of the walk through *value*, as a JSON text: compare two of them to see where digests part."""
    steps: list[str] = []

    class Tracing(Walk):
        def token(self, *parts: object) -> None:
            steps.append(" ".join(repr(part)[:80] for part in parts))
            super().token(*parts)

    Tracing().run(value)
    return json.dumps(steps)


def one(*values: object) -> str:
    """The digest of *values* together, as a JSON text."""
    return json.dumps(digest(list(values)))
