"""Several lines for one value, cut to a screen: what `show REF NAME` prints under its headline."""

from __future__ import annotations

import types
from collections.abc import Callable
from itertools import islice
from typing import Any

from timeslip.describing.arrays import as_array
from timeslip.describing.brief import (
    Patience,
    brief,
    cut,
    describe_error,
    has_builtin_repr,
    is_written_from_parts,
    own_repr,
)
from timeslip.describing.generators import generator_lines
from timeslip.describing.hidden import hidden_parts
from timeslip.describing.kinds import (
    attributes,
    bases,
    is_pure,
    kind_of,
    library,
    short_name,
    type_name,
)
from timeslip.describing.plots import plot_lines
from timeslip.describing.polars import polars_table
from timeslip.describing.sameness import module_members
from timeslip.describing.sources import class_attributes, source_of
from timeslip.describing.summary import counted, signature
from timeslip.describing.tables import array_lines, frame_table, index_lines, series_table


def look(value: object, width: int, lines: int, patience: Patience) -> list[str]:
    """Head, repr or source of *value* in at most *lines* lines of about *width* characters.

    Raises what a broken object or a library raises: the caller says it.
    """
    kind, _ = kind_of(type(value))
    shown = _LOOKS.get(kind, _other)(value, width, lines, patience)
    if len(shown) > lines:
        shown = [*shown[: lines - 1], f"… {counted(len(shown) - lines + 1, 'more line')}"]
    return [cut(line, width) for line in shown]


def _function(value: types.FunctionType, width: int, lines: int, patience: Patience) -> list[str]:
    source = source_of(value, patience)
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
    source = source_of(value, patience)
    return said if source is None else [*said, "", "as it was written:", *source.splitlines()]


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
    return [*pieces, f"… {counted(size - shown, 'more character')}"] if shown < size else pieces


def _instance(value: object, width: int, lines: int, patience: Patience) -> list[str]:
    held = attributes(value)
    if not is_written_from_parts(type(value)) and type(value) is not memoryview:
        return _other(value, width, lines, patience)
    if not is_pure(type(value)) or not held:
        held = hidden_parts(value, patience) or held
    if type(held.get("__wrapped__")) is types.FunctionType:
        held = {name: item for name, item in held.items() if name == "__wrapped__" or not name.startswith("__")}
    if not held:
        return _other(value, width, lines, patience)
    said = [f"<{type_name(type(value))}>"]
    shown = len(held) if len(held) < lines else max(1, lines - 2)
    for name, item in islice(held.items(), shown):
        said.append(f"  .{name} = {brief(item, width, patience=patience, depth=3)}")
    return [*said, f"  … {counted(len(held) - shown, 'more attribute')}"] if len(held) > shown else said


def _other(value: object, width: int, lines: int, patience: Patience) -> list[str]:
    whole = brief(value, width, patience=patience)
    if "…" not in whole and "\\n" not in whole:
        return [whole]
    if is_written_from_parts(type(value)) or kind_of(type(value))[0] in ("int", "bytes", "enum"):
        return [brief(value, width * max(1, lines - 1), patience=patience)]
    return own_repr(value, width * lines, patience).split("\n")


def _tensor(value: Any, width: int, lines: int, patience: Patience) -> list[str]:
    """Edge items as of an array; a tensor that is not a plain block of memory (sparse, quantized) as torch shows it."""
    plain = value.detach()
    if library("numpy") is None or str(plain.layout) != "torch.strided" or plain.is_quantized:
        return own_repr(plain, width * lines, patience).split("\n")
    return array_lines(as_array(plain), width, lines, patience)


def _module(value: Any, width: int, lines: int, patience: Patience) -> list[str]:
    held = object.__getattribute__(value, "__dict__")
    file = held.get("__file__")
    said = [f"module {held.get('__name__')}" + (f" from {file}" if type(file) is str else "")]
    if type(file) is str or "__path__" in held:
        return said
    # made by hand: what it holds is all there is to it
    members = [item for item in module_members(value).items() if item[0] not in ("__name__", "__doc__", "__package__")]
    return said + [f"  .{name} = {brief(item, width, patience=patience, depth=3)}" for name, item in members]


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
    "index": index_lines, "array": _array, "tensor": _tensor, "module": _module, "figure": plot_lines,
    "polars": polars_table, "axes": plot_lines, "artist": plot_lines, "rng": generator_lines,
}  # fmt: skip


def failed(value: object, error: BaseException) -> str:
    """The sentence for a value that could not be looked at."""
    return f"this {type_name(type(value))} cannot be shown: {describe_error(error)}"
