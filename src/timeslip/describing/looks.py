"""Several lines for one value, cut to a screen: what `show REF NAME` prints under its headline."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from itertools import islice
from typing import Any

from timeslip.describing.brief import (
    FAILURES,
    Patience,
    brief,
    cut,
    describe_error,
    has_builtin_repr,
    is_written_from_parts,
    own_repr,
)
from timeslip.describing.kinds import (
    attributes,
    bases,
    kind_of,
    library,
    namespace,
    short_name,
    type_name,
)
from timeslip.describing.summary import signature
from timeslip.describing.tables import array_lines, frame_table, index_lines, series_table

_QUIET = frozenset(
    "__dict__ __weakref__ __module__ __doc__ __qualname__ __firstlineno__ __static_attributes__ __slots__ "
    "__annotations__ __annotate__ __annotate_func__ __annotations_cache__ __orig_bases__ __parameters__ "
    "__dataclass_fields__ __dataclass_params__ __match_args__ __abstractmethods__ _abc_impl __classcell__".split()
)
"""Entries of a class that Python itself puts there."""


def look(value: object, width: int, lines: int, patience: Patience) -> list[str]:
    """Head, repr or source of *value* in at most *lines* lines of about *width* characters.

    Raises what a broken object or a library raises: the caller says it.
    """
    kind, _ = kind_of(type(value))
    shown = _LOOKS.get(kind, _other)(value, width, lines, patience)
    if len(shown) > lines:
        shown = [*shown[: lines - 1], f"… {len(shown) - lines + 1:,} more lines"]
    return [cut(line, width) for line in shown]


def source_of(value: Any) -> str | None:
    """Source text of a function or class, when Python still knows it; None otherwise."""
    try:
        return inspect.cleandoc("\n" + inspect.getsource(value))
    except FAILURES:  # no file, a file that has changed, a cell that is gone: there is simply no source
        return None


def class_attributes(cls: type) -> dict[str, object]:
    """What the body of a class defines, without what Python adds."""
    return {name: item for name, item in namespace(cls).items() if type(name) is str and name not in _QUIET}


def _function(value: types.FunctionType, width: int, lines: int, patience: Patience) -> list[str]:
    source = source_of(value)
    if source is not None:
        return source.splitlines()
    said = [f"def {value.__name__}{signature(value)}: (source not known)"]
    if value.__defaults__:
        said.append(f"defaults: {brief(value.__defaults__, width - 10, patience=patience)}")
    return said


def _class(value: Any, width: int, lines: int, patience: Patience) -> list[str]:
    parents = ", ".join(type_name(base) for base in bases(value)[1:] if base is not object)
    said = [f"class {short_name(value)}({parents}):" if parents else f"class {short_name(value)}:"]
    for name, item in class_attributes(value).items():
        inner = item.__func__ if type(item) is staticmethod or type(item) is classmethod else item
        if type(inner) is types.FunctionType:
            said.append(f"    def {name}{signature(inner)}")
        elif type(inner) is property:
            said.append(f"    {name}: property")
        else:
            said.append(f"    {name} = {brief(item, width, patience=patience, depth=2)}")
    return said


def _sequence(value: Any, width: int, lines: int, patience: Patience) -> list[str]:
    whole = brief(value, width, patience=patience)
    if "…" not in whole or not has_builtin_repr(type(value)):
        return [whole] if has_builtin_repr(type(value)) else _other(value, width, lines, patience)
    base: Any = next(base for base in bases(type(value)) if kind_of(base)[1])
    size = base.__len__(value)
    shown = size if size <= lines else lines - 1
    said = [brief(item, width, patience=patience, depth=3) for item in islice(base.__iter__(value), shown)]
    return [*said, f"… {size - shown:,} more"] if size > shown else said


def _dict(value: Any, width: int, lines: int, patience: Patience) -> list[str]:
    whole = brief(value, width, patience=patience)
    if "…" not in whole or not has_builtin_repr(type(value)):
        return [whole] if has_builtin_repr(type(value)) else _other(value, width, lines, patience)
    size = dict.__len__(value)
    shown = size if size <= lines else lines - 1
    said = [
        f"{brief(key, width // 2, patience=patience, depth=2)}: {brief(item, width, patience=patience, depth=3)}"
        for key, item in islice(dict.items(value), shown)
    ]
    return [*said, f"… {size - shown:,} more"] if size > shown else said


def _text(value: Any, width: int, lines: int, patience: Patience) -> list[str]:
    size = str.__len__(value)
    start = str.__getitem__(value, slice(0, width * lines * 2))
    if "\n" not in start:
        return (
            [brief(start, width * max(1, lines - 1), patience=patience)]
            if size <= width
            else _folded(start, size, width, lines)
        )
    said = start.split("\n")
    return said if len(start) == size else [*said[: lines - 1], f"… {size:,} characters in all"]


def _folded(start: str, size: int, width: int, lines: int) -> list[str]:
    pieces = [start[at : at + width] for at in range(0, len(start), width)][: max(1, lines - 1)]
    shown = sum(map(len, pieces))
    return [*pieces, f"… {size - shown:,} more characters"] if shown < size else pieces


def _instance(value: object, width: int, lines: int, patience: Patience) -> list[str]:
    held = attributes(value)
    if not is_written_from_parts(type(value)) or not held:
        return _other(value, width, lines, patience)
    said = [f"<{type_name(type(value))}>"]
    shown = len(held) if len(held) < lines else max(1, lines - 2)
    for name, item in islice(held.items(), shown):
        said.append(f"  .{name} = {brief(item, width, patience=patience, depth=3)}")
    return [*said, f"  … {len(held) - shown:,} more attributes"] if len(held) > shown else said


def _other(value: object, width: int, lines: int, patience: Patience) -> list[str]:
    whole = brief(value, width, patience=patience)
    if "…" not in whole and "\\n" not in whole:
        return [whole]
    if is_written_from_parts(type(value)) or kind_of(type(value))[0] in ("int", "bytes", "enum"):
        return [brief(value, width * max(1, lines - 1), patience=patience)]
    return own_repr(value, width * lines, patience).split("\n")


def _tensor(value: Any, width: int, lines: int, patience: Patience) -> list[str]:
    return own_repr(value.detach().flatten()[: max(1, lines)], width * lines, patience).split("\n")


def _figure(value: Any, width: int, lines: int, patience: Patience) -> list[str]:
    titles = [axes.get_title() for axes in value.axes]
    said = ", ".join(repr(title) for title in titles if type(title) is str and title)
    width_inch, height_inch = value.get_size_inches()
    size = f"{width_inch:g} × {height_inch:g} inches"
    return [f"figure of {size}, {len(titles)} plot{'' if len(titles) == 1 else 's'}{': ' + said if said else ''}"]


def _module(value: Any, width: int, lines: int, patience: Patience) -> list[str]:
    held = object.__getattribute__(value, "__dict__")
    file = held.get("__file__")
    return [f"module {held.get('__name__')}" + (f" from {file}" if type(file) is str else "")]


def _frame(value: Any, width: int, lines: int, patience: Patience) -> list[str]:
    return (
        frame_table(value, width, lines, patience)
        if value.shape[1]
        else index_lines(value.index, width, lines, patience)
    )


def _array(value: Any, width: int, lines: int, patience: Patience) -> list[str]:
    if library("numpy") is None:
        return _other(value, width, lines, patience)
    return array_lines(value, width, lines, patience)


_LOOKS: dict[str, Callable[[Any, int, int, Patience], list[str]]] = {
    "function": _function, "class": _class, "list": _sequence, "tuple": _sequence, "deque": _sequence,
    "set": _sequence, "dict": _dict, "str": _text, "object": _instance, "frame": _frame, "series": series_table,
    "index": index_lines, "array": _array, "tensor": _tensor, "figure": _figure, "module": _module,
}  # fmt: skip


def failed(value: object, error: BaseException) -> str:
    """The sentence for a value that could not be looked at."""
    return f"this {type_name(type(value))} cannot be shown: {describe_error(error)}"
