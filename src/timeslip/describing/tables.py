"""Small tables of text for frames, series, indexes and arrays: head, labels and types, cut to a screen.

Cells are written by `brief`, not by the library: its own formatting runs ``str`` of the user's objects without bound,
and follows display options that are no part of the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from timeslip.describing.brief import Patience, brief, cut
from timeslip.describing.kinds import library, type_name
from timeslip.describing.summary import counted

_CELL = 20
_MOMENTS = frozenset(
    "pandas.Timestamp pandas.Timedelta pandas.Period pandas._libs.tslibs.timestamps.Timestamp "
    "pandas._libs.tslibs.timedeltas.Timedelta pandas._libs.tslibs.period.Period numpy.datetime64 numpy.timedelta64 "
    "datetime.datetime datetime.date".split()
)
"""Classes whose text says all, without the name of the class around it."""


def cell(value: object, patience: Patience, room: int = _CELL) -> str:
    """One cell: numbers as they are, text without quotes."""
    if type(value) is str:
        return cut(value[: room + 1].replace("\n", "\\n"), room)
    if type(value) is float:
        text = repr(value)
        return text if len(text) <= 9 else f"{value:.6g}"
    if type_name(type(value)) in _MOMENTS:
        return cut(str(value).removesuffix(" 00:00:00"), room)
    return brief(scalar_of(value), room, patience=patience, depth=2)


def scalar_of(value: Any) -> object:
    """A NumPy number, text or record as a Python one, also in a tuple of labels; anything else as it is."""
    if type(value) is tuple:
        return tuple(map(scalar_of, value))
    numpy = library("numpy")
    if numpy is not None and issubclass(type(value), numpy.generic) and value.dtype.char in "?bhilqpBHILQPefdUS":
        return value.item()
    if numpy is not None and type(value) is numpy.void and value.dtype.fields is not None:
        return tuple(scalar_of(value[name]) for name in value.dtype.names)
    return value


def table(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Rows with aligned columns; columns that do not fit in *width* are left out, and that is said by "…"."""
    if not rows:
        return []
    sizes = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    kept, used = 0, 0
    for size in sizes:
        if kept and used + size + 2 > width - 3:
            break
        kept, used = kept + 1, used + size + 2
    end = "  …" if kept < len(sizes) else ""
    return [("  ".join(row[column].rjust(sizes[column]) for column in range(kept)) + end).rstrip() for row in rows]


def frame_table(frame: Any, width: int, lines: int, patience: Patience) -> list[str]:
    """Column names, their types and the first rows of a data frame."""
    shown = max(1, min(lines - 3, len(frame)))
    wide = min(max(1, width // 3), frame.shape[1])
    head = frame.iloc[:shown, :wide]
    columns = [
        [
            cell(label, patience),
            str(head.dtypes.iloc[at]),
            *(cell(item, patience) for item in head.iloc[:, at].tolist()),
        ]
        for at, label in enumerate(head.columns)
    ]
    names = ["", "", *(cell(label, patience) for label in head.index.tolist())]
    text = table(list(zip(*[names, *columns], strict=True)), width)
    if wide < frame.shape[1] and not text[0].endswith("…"):
        text = [line + "  …" for line in text]
    return [*text, f"… {counted(len(frame) - shown, 'more row')}"] if len(frame) > shown else text


def series_table(series: Any, width: int, lines: int, patience: Patience) -> list[str]:
    """The first labels and values of a series."""
    shown = max(1, min(lines - 1, len(series)))
    head = series.iloc[:shown]
    pairs = zip(head.index.tolist(), head.tolist(), strict=True)
    text = table([(cell(label, patience), cell(item, patience, width // 2)) for label, item in pairs], width)
    return [*text, f"… {counted(len(series) - shown, 'more row')}"] if len(series) > shown else text


def index_lines(index: Any, width: int, lines: int, patience: Patience) -> list[str]:
    """The first labels of an index."""
    return [cut(brief(index[: max(1, width)].tolist(), width * max(1, lines - 1), patience=patience), width * lines)]


def array_lines(array: Any, width: int, lines: int, patience: Patience) -> list[str]:
    """Edge items of an array, as NumPy lays them out; arrays of objects by their first items."""
    numpy = library("numpy")
    if array.dtype.hasobject:
        few = [brief(item, width, patience=patience, depth=2) for item in array.flat[: max(1, lines - 1)].tolist()]
        return [*few, f"… {counted(array.size - len(few), 'more item')}"] if array.size > len(few) else few
    masked = issubclass(type(array), numpy.ma.MaskedArray)
    plain = array.view(numpy.ma.MaskedArray if masked else numpy.ndarray)
    edge = 3 if plain.ndim < 3 else 2
    return str(
        numpy.array2string(plain, max_line_width=width, threshold=lines * 4, edgeitems=edge, separator=" ")
    ).splitlines()
