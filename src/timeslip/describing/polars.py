"""How two frames or series of polars differ, and what one looks like: by column and row, counted by the library itself.

They are written in Rust and say nothing of themselves that Python could compare: ``==`` gives a frame, and what they
hold is out of sight of everything that looks at attributes.
"""

from __future__ import annotations

from typing import Any

from timeslip.describing.brief import FAILURES, Patience
from timeslip.describing.kinds import library, type_name
from timeslip.describing.report import Report
from timeslip.describing.sameness import Work, same
from timeslip.describing.summary import counted
from timeslip.describing.tables import cell, table

_EXAMPLES = 3
_COLUMNS = 12
_TOLD = 8
"""Columns whose first changed cells are shown."""


def columns_of(value: Any) -> list[Any]:
    """The columns of a frame; a series is one."""
    return list(value.get_columns()) if hasattr(value, "get_columns") else [value]


def same_polars(x: Any, y: Any, work: Work) -> bool:
    """Whether two frames or series have the same names, dtypes and values; missing values equal each other."""
    if x.shape != y.shape:
        return False
    pairs = list(zip(columns_of(x), columns_of(y), strict=True))
    if any((a.name, a.dtype) != (b.name, b.dtype) for a, b in pairs):
        return False
    return not any(changed_places(a, b, work).any() for a, b in pairs)


def changed_places(x: Any, y: Any, work: Work) -> Any:
    """Which items of two series of equal length differ: a series of booleans."""
    polars = library("polars")
    numbers = x.dtype.is_numeric() and y.dtype.is_numeric()
    if x.dtype != y.dtype and not numbers:
        return polars.Series([True] * len(x), dtype=polars.Boolean)
    if not x.dtype.is_nested() and x.dtype != polars.Object:
        return x.ne_missing(y)
    pairs = zip(x.to_list(), y.to_list(), strict=True)
    return polars.Series([not work.cut and not same(a, b, work) for a, b in pairs], dtype=polars.Boolean)


def diff_polars(before: Any, after: Any, path: str, report: Report, level: int) -> str:
    """Summary of how two frames or two series differ, with the columns that came and went and the first cells."""
    old = {column.name: column for column in columns_of(before)}
    new = {column.name: column for column in columns_of(after)}
    framed = hasattr(before, "get_columns")
    if not framed:  # a series has one column, whatever it is called
        new = dict(zip(old, new.values(), strict=True))
    said = _columns_said(old, new, path, report)
    if not framed and before.name != after.name:
        said.append(f"name {report.text(before.name, 30)} -> {report.text(after.name, 30)}")
    if len(before) != len(after):
        said.append(f"{len(before):,} -> {counted(len(after), 'row' if framed else 'value')}")
    retyped: list[str] = []
    changed: list[str] = []
    for name in [name for name in old if name in new]:
        x, y = (column.head(min(len(before), len(after))) for column in (old[name], new[name]))
        if x.dtype != y.dtype:
            retyped.append(f"{report.text(name, 30)} {x.dtype} -> {y.dtype}" if framed else f"{x.dtype} -> {y.dtype}")
        count = _changed_column(x, y, f"{path}[{name!r}]" if framed else path, report, len(changed) < _TOLD)
        if count:
            changed.append(f"{counted(count, 'cell')} of {report.text(name, 30)}" if framed else _values(count))
    if retyped:
        word = f"column{'' if len(retyped) == 1 else 's'} retyped: " if framed else "dtype "
        said.append(word + _list(retyped, 3))
    if changed:
        said.append(_list(changed, 3) + " changed")
    return "; ".join(said)


def _values(count: int) -> str:
    return counted(count, "value")


def _columns_said(old: dict[str, Any], new: dict[str, Any], path: str, report: Report) -> list[str]:
    """Which columns came and went, as parts of the summary; each on a line of its own, too."""
    said = []
    head = path + ": " if path else ""
    for sign, these, others, word in (("-", old, new, "dropped"), ("+", new, old, "added")):
        names = [name for name in these if name not in others]
        for name in names[:_COLUMNS]:
            report.line(f"{sign} {head}column {report.text(name, 40)} ({these[name].dtype})")
        if len(names) > _COLUMNS:
            report.more(len(names) - _COLUMNS, "column")
        if names:
            listed = _list([report.text(name, 30) for name in names], 3)
            said.append(f"column{'' if len(names) == 1 else 's'} {listed} {word}")
    common = [name for name in old if name in new]
    if common != [name for name in new if name in old]:
        said.append("columns reordered")
    return said


def _list(items: list[str], most: int) -> str:
    return ", ".join(items[:most]) + (f" and {len(items) - most:,} more" if len(items) > most else "")


def _changed_column(x: Any, y: Any, path: str, report: Report, shown: bool) -> int:
    """Count the changed cells of one column, and write the first ones if they are to be *shown*."""
    try:
        mask = changed_places(x, y, report.work)
    except FAILURES as error:  # a dtype that does not compare, or an __eq__ of the user's: its type is told anyway
        report.line(f"  {path}: values could not be compared ({type_name(type(error))})")
        return 0
    count = int(mask.sum())
    for at in mask.arg_true().head(_EXAMPLES).to_list() if shown and count else ():
        told = [
            report.text(value, 40) if type(value) is str else cell(value, report.patience, 40)
            for value in (x[at], y[at])
        ]
        report.changed(f"{path} at {at}".lstrip(), *told)
    if shown and count > _EXAMPLES:
        report.more(count - _EXAMPLES, "changed cell", path)
    return count


def polars_table(value: Any, width: int, lines: int, patience: Patience) -> list[str]:
    """Column names, their types and the first rows of a frame or series."""
    columns = columns_of(value)
    shown = max(1, min(lines - 3, len(value)))
    wide = min(max(1, width // 3), len(columns))
    told = [
        [
            cell(column.name, patience),
            str(column.dtype),
            *(cell(item, patience) for item in column.head(shown).to_list()),
        ]
        for column in columns[:wide]
    ]
    text = table(list(zip(*told, strict=True)), width)
    if text and wide < len(columns) and not text[0].endswith("…"):
        text = [line + "  …" for line in text]
    return [*text, f"… {counted(len(value) - shown, 'more row')}"] if len(value) > shown else text
