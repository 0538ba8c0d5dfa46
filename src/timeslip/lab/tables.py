"""Recorded values as tables of text: frames and series of pandas and polars, arrays and tensors of two dimensions."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from timeslip.describing.arrays import as_array
from timeslip.describing.brief import Patience
from timeslip.describing.polars import columns_of
from timeslip.describing.tables import cell

ROWS, COLUMNS = 50, 20
"""Of a table so much is shown at most."""

_LABEL, _CELL = 60, 80

Json = dict[str, Any]


def table_of(value: Any, sort: str, notes: list[str]) -> Json:
    """The first rows and columns of *value* as text, and in *notes* what is not shown; empty when it is no table.

    Args:
        value: what was recorded.
        sort: its kind, as `kind_of` names it.
        notes: what is not shown is added here.
    """
    patience = Patience()
    if sort in ("frame", "series"):
        return _pandas(value, patience, notes)
    if sort == "polars":
        return _polars(value, patience, notes)
    if sort in ("array", "tensor") and len(value.shape) == 2 and 0 not in value.shape:
        return _array(value, patience, notes)
    return {}


def _pandas(value: Any, patience: Patience, notes: list[str]) -> Json:
    frame = value if value.ndim == 2 else value.to_frame()
    head = frame.iloc[:ROWS, :COLUMNS]
    columns = [(label, dtype) for label, dtype in zip(head.columns.tolist(), head.dtypes.tolist(), strict=True)]
    index = [cell(label, patience, _LABEL) for label in head.index.tolist()]
    by_column = [_cells(head.iloc[:, at].tolist(), patience) for at in range(head.shape[1])]
    return _table(value.shape, frame.shape, columns, index, by_column, patience, notes)


def _polars(value: Any, patience: Patience, notes: list[str]) -> Json:
    series = columns_of(value)
    shown = series[:COLUMNS]
    by_column = [_cells(column.head(ROWS).to_list(), patience) for column in shown]
    index = [str(at) for at in range(min(ROWS, len(value)))]
    columns = [(column.name, column.dtype) for column in shown]
    return _table(value.shape, (len(value), len(series)), columns, index, by_column, patience, notes)


def _array(value: Any, patience: Patience, notes: list[str]) -> Json:
    # Item by item: a list of Python's own would have numbers in the place of moments in time.
    head = as_array(value[:ROWS, :COLUMNS]) if hasattr(value, "detach") else value[:ROWS, :COLUMNS]
    height, width = head.shape
    by_column = [_cells([head[row, at] for row in range(height)], patience) for at in range(width)]
    columns = [(at, value.dtype) for at in range(width)]
    index = [str(at) for at in range(height)]
    return _table(value.shape, value.shape, columns, index, by_column, patience, notes)


def _cells(items: Sequence[Any], patience: Patience) -> list[str]:
    return [cell(item, patience, _CELL) for item in items]


def _table(
    shape: Sequence[int],
    size: Sequence[int],
    columns: Sequence[tuple[Any, Any]],
    index: list[str],
    by_column: list[list[str]],
    patience: Patience,
    notes: list[str],
) -> Json:
    height, width = size
    told = [{"name": cell(name, patience, _LABEL), "dtype": str(dtype)} for name, dtype in columns]
    rows = [list(row) for row in zip(*by_column, strict=True)] if by_column else [[] for _ in index]
    if height > ROWS or width > COLUMNS:
        notes.append(f"shown: {min(height, ROWS)} of {height:,} rows, {min(width, COLUMNS)} of {width:,} columns")
    return {"shape": list(shape), "columns": told, "index": index, "rows": rows, "html": _html(told, index, rows)}


def _html(columns: Sequence[Json], index: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    said = html.escape
    head = "".join(f'<th scope="col" title="{said(one["dtype"])}">{said(one["name"])}</th>' for one in columns)
    lines = [
        f'<tr><th scope="row">{said(label)}</th>{"".join(f"<td>{said(item)}</td>" for item in row)}</tr>'
        for label, row in zip(index, rows, strict=True)
    ]
    return f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
