"""One line for a value: asked for every changed name at every commit, so never O(size) and never code of the user."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from timeslip.describing.brief import cut, scalar
from timeslip.describing.kinds import attribute, attributes, bases, kind_of, library, namespace, short_name, type_name

_ROOM = 60
_FEW = 4


def summarize(value: object) -> tuple[str, str]:
    """The type of *value* (with the module for all but builtins) and one line about it.

    Typically 1 to 5 µs, independent of the size of the value. Runs no code of the user: neither ``__repr__`` nor
    ``__len__``, ``__getattr__``, properties or metaclasses. Never raises; the line is empty where nothing can be said.
    """
    cls = type(value)
    name = type_name(cls)
    try:
        kind, exact = kind_of(cls)
        return name, _LINES[kind](value, exact)
    except Exception:  # a library of another version, a container changed by a thread: a commit needs no summary
        return name, ""


def counted(number: int, word: str, many: str = "") -> str:
    """``1 row``, ``1,000 rows``."""
    return f"{number:,} {word if number == 1 else many or word + 's'}"


def part(value: object, room: int = 24) -> str:
    """An element in a few characters: exact scalars as they are, all else by the name of its type."""
    cls = type(value)
    kind, exact = kind_of(cls)
    if exact and kind in ("int", "float", "complex", "str", "bytes", "bool"):
        return scalar(value, kind, room)
    return repr(value) if kind == "none" else short_name(cls)


def _some(items: Iterable[object], size: int) -> str:
    few = [part(item) for item in islice(items, _FEW)]
    return ", ".join([*few, "…"] if size > len(few) else few)


def _plain(value: Any, exact: bool) -> str:
    return cut(repr(value), _ROOM) if exact else ""


def _number(value: Any, exact: bool) -> str:
    return scalar(value, kind_of(type(value))[0], _ROOM)


def _text(value: Any, exact: bool) -> str:
    size = str.__len__(value)
    shown = scalar(value, "str", _ROOM)
    return shown if size <= _ROOM else f"{counted(size, 'character')}: {shown}"


def _bytes(value: Any, exact: bool) -> str:
    size = (bytearray if issubclass(type(value), bytearray) else bytes).__len__(value)
    return f"{counted(size, 'byte')}: {scalar(value, 'bytes', 32)}" if size else "0 bytes"


def _sequence(value: Any, exact: bool) -> str:
    base: Any = next(base for base in bases(type(value)) if kind_of(base)[1])
    size = base.__len__(value)
    fields = namespace(type(value)).get("_fields") if base is tuple else None
    if type(fields) is tuple and len(fields) == size and all(type(field) is str for field in fields):
        pairs = zip(fields, tuple.__iter__(value), strict=True)
        return ", ".join([f"{name}={part(item)}" for name, item in islice(pairs, _FEW)] + ["…"] * (size > _FEW))
    return counted(size, "item") + (": " + _some(base.__iter__(value), size) if size else "")


def _dict(value: Any, exact: bool) -> str:
    size = dict.__len__(value)
    return counted(size, "key") + (": " + _some(dict.__iter__(value), size) if size else "")


def _set(value: Any, exact: bool) -> str:
    return counted((set if issubclass(type(value), set) else frozenset).__len__(value), "element")


def signature(function: types.FunctionType) -> str:
    """Names of the parameters of a function, as in its ``def`` line, without defaults and annotations."""
    code = function.__code__
    names = list(code.co_varnames)
    positional, keyword = code.co_argcount, code.co_kwonlyargcount
    parts = names[:positional]
    if code.co_posonlyargcount:
        parts.insert(code.co_posonlyargcount, "/")
    rest = positional + keyword
    if code.co_flags & 0x04:
        parts.append("*" + names[rest])
        rest += 1
    elif keyword:
        parts.append("*")
    parts += names[positional : positional + keyword]
    if code.co_flags & 0x08:
        parts.append("**" + names[rest])
    return f"({', '.join(parts)})"


def _function(value: Any, exact: bool) -> str:
    function: types.FunctionType = value
    return cut(f"def {function.__name__}{signature(function)}", _ROOM + 20)


def _class(value: Any, exact: bool) -> str:
    parents = [short_name(base) for base in bases(value)[1:2] if base is not object]
    own = sum(1 for name in namespace(value) if type(name) is str and not name.startswith("__"))
    return f"class {short_name(value)}{'(' + parents[0] + ')' if parents else ''}, {counted(own, 'attribute')}"


def _module(value: Any, exact: bool) -> str:
    held = object.__getattribute__(value, "__dict__")
    name, version = held.get("__name__"), held.get("__version__")
    return f"module {name if type(name) is str else '?'}{' ' + version if type(version) is str else ''}"


def _enum(value: Any, exact: bool) -> str:
    name = attribute(value, "_name_")
    return f"{short_name(type(value))}.{name}" if type(name) is str else ""


def _object(value: Any, exact: bool) -> str:
    held = attributes(value, _FEW + 1)
    if not held:
        return ""
    few = [f"{name}={part(item)}" for name, item in islice(held.items(), _FEW)]
    return cut(", ".join([*few, "…"] if len(held) > len(few) else few), _ROOM + 20)


def _array(value: Any, exact: bool) -> str:
    numpy = library("numpy")
    dtype, shape = numpy.ndarray.dtype.__get__(value), numpy.ndarray.shape.__get__(value)
    name = str(dtype) if dtype.fields is None else f"structured, {counted(len(dtype.fields), 'field')}"
    if not shape:
        return f"0-dimensional, {name}"
    sizes = " × ".join(map(str, shape)) if len(shape) > 1 else counted(shape[0], "element")
    return f"{sizes}, {name}"


def _axes(value: Any) -> Any:
    """Row and column labels of a frame or series: read from its manager, so that no property of a child class runs."""
    axes = list(reversed(object.__getattribute__(value, "_mgr").axes))
    if not all(type_name(type(axis)).startswith("pandas.") for axis in axes):
        raise TypeError("labels of a class of the user's")
    return axes


def _dtype_name(dtype: Any) -> str:
    """Name of a type of items, unless it is of a class that could answer with code of its own."""
    name = type_name(type(dtype))
    return str(dtype) if name.startswith(("numpy.", "pandas.")) else name


def _frame(value: Any, exact: bool) -> str:
    index, columns = _axes(value)
    rows, width = len(index), len(columns)
    shape = f"{counted(rows, 'row')} × {counted(width, 'column')}"
    if not width or kind_of(type(columns)) != ("index", True):
        return shape  # numbered or hierarchical columns: their names say little
    return f"{shape}: {cut(_some(columns[:_FEW]._values, width), _ROOM)}"


def _series(value: Any, exact: bool) -> str:
    (index,) = _axes(value)
    name = object.__getattribute__(value, "_name")
    dtype = _dtype_name(object.__getattribute__(value, "_mgr").dtype)
    return f"{counted(len(index), 'row')}, {dtype}" + (f", name {part(name)}" if name is not None else "")


def _index(value: Any, exact: bool) -> str:
    if not type_name(type(value)).startswith("pandas."):
        return ""
    return f"{counted(len(value), 'label')}, {_dtype_name(value.dtype)}"


def _shaped(value: Any, exact: bool) -> str:
    if not exact:
        return ""  # a child class may answer with code of its own
    sizes = " × ".join(map(str, value.shape))
    dtype = str(getattr(value, "dtype", ""))
    device = str(getattr(value, "device", ""))
    where = [text for text in (dtype, device if device != "cpu" else "") if text]
    return ", ".join([sizes or "0-dimensional", *where])


def _estimator(value: Any, exact: bool) -> str:
    held = attributes(value, 100)
    inner = named_parts(held)
    fitted = [name for name in held if name.endswith("_") and not name.startswith("_")]
    if inner:  # a pipeline, or what votes, stacks or joins: its parts are the estimator
        done = fitted or any(_is_fitted(part) for _, part in inner)
        names = cut(", ".join(name for name, _ in inner), _ROOM)
        return f"{counted(len(inner), 'part')}: {names}, {'fitted' if done else 'not fitted'}"
    return f"fitted: {cut(', '.join(fitted[:6]), _ROOM)}" if fitted else "not fitted"


def named_parts(held: dict[str, object]) -> list[tuple[str, object]]:
    """The (name, estimator) pairs that an estimator is made of, read from its parameters."""
    for name in ("steps", "transformers", "transformer_list", "estimators"):
        listed = held.get(name)
        if type(listed) is list and listed and all(type(item) is tuple and len(item) >= 2 for item in listed):
            pairs = [(item[0], item[1]) for item in listed if type(item[0]) is str]
            if len(pairs) == len(listed):
                return pairs
    return []


def _is_fitted(value: object) -> bool:
    return any(name.endswith("_") and not name.startswith("_") for name in attributes(value, 100))


def _sparse(value: Any, exact: bool) -> str:
    if not type_name(type(value)).startswith("scipy."):
        return ""
    sizes = " × ".join(f"{size:,}" for size in value.shape)
    return f"{sizes} sparse ({value.format}), {value.dtype}, {counted(value.nnz, 'stored entry', 'stored entries')}"


def _figure(value: Any, exact: bool) -> str:
    plots = attribute(value, "_localaxes")
    return f"figure, {counted(len(plots), 'plot')}" if type(plots) is list else "figure"


def _axes_line(value: Any, exact: bool) -> str:
    """Only what is read without asking the axes: this runs at every commit."""
    title = attribute(attribute(value, "title"), "_text")
    drawn = attribute(value, "_children")
    said = [repr(title)] if type(title) is str and title else []
    if type(drawn) is list:
        said.append(f"{counted(len(drawn), 'thing')} drawn")
    return "axes" + (f": {cut(', '.join(said), _ROOM)}" if said else "")


def _artist(value: Any, exact: bool) -> str:
    label = attribute(value, "_label")
    return f"label {label!r}" if type(label) is str and label and not label.startswith("_") else ""


def _generator(value: Any, exact: bool) -> str:
    if not exact or type_name(type(value)) != "numpy.random._generator.Generator":
        return ""
    return short_name(type(value.bit_generator))


def _placeholder(value: Any, exact: bool) -> str:
    reason = attribute(value, "timeslip_reason")
    return f"placeholder: {cut(reason, _ROOM + 60)}" if type(reason) is str else "placeholder"


def _numpy_scalar(value: Any, exact: bool) -> str:
    known = type_name(type(value)).startswith("numpy.") and value.dtype.char not in "OV"
    return cut(repr(value.item()), _ROOM) if known else ""


_LINES: dict[str, Callable[[Any, bool], str]] = {
    "none": _plain, "plain": _plain, "bool": _number, "int": _number, "float": _number, "complex": _number,
    "str": _text, "bytes": _bytes, "list": _sequence, "tuple": _sequence, "deque": _sequence, "dict": _dict,
    "set": _set, "function": _function, "class": _class, "module": _module, "enum": _enum, "libscalar": _plain,
    "object": _object, "array": _array, "npscalar": _numpy_scalar, "frame": _frame, "series": _series, "index": _index,
    "polars": _shaped, "arrow": _shaped, "tensor": _shaped, "estimator": _estimator, "figure": _figure,
    "axes": _axes_line, "artist": _artist, "sparse": _sparse, "rng": _generator,
    "placeholder": _placeholder,
}  # fmt: skip
