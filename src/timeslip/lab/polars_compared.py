"""Two data frames of polars over each other: rows by their place, columns by their names, which are unique there."""

from __future__ import annotations

from typing import Any

from timeslip.describing.brief import Patience
from timeslip.describing.kinds import library
from timeslip.describing.polars import changed_places, columns_of
from timeslip.describing.sameness import Work
from timeslip.describing.tables import cell
from timeslip.lab.tables import COLUMNS, ROWS

_BEFORE = 3
"""So many rows before the first change are shown with it."""

Json = dict[str, Any]
_Pair = tuple[Any, Any, Any]
"""A column before and after, None where it is not there, and which of the common rows have changed in it."""


def polars_compared(before: Any, after: Any) -> Json:
    """`ROWS` × `COLUMNS` of both around the first change, and what changed there."""
    work = Work(Patience(5.0))
    count = min(len(before), len(after))
    pairs = _paired(before, after, count, work)
    hit = library("polars").Series([False]).new_from_index(0, count)
    for _, _, mask in pairs:
        hit = hit if mask is None else hit | mask
    changed = hit.arg_true()
    start = max(0, min(int(changed[0]) - _BEFORE if len(changed) else 0, count - ROWS))
    shown = _chosen(pairs)
    return {
        "shape": {"a": list(before.shape), "b": list(after.shape)},
        "columns": [_heading(pair) for pair in shown],
        "rows": [_row(shown, at, work.patience) for at in range(start, min(start + ROWS, count))],
        "first": start,
        "of": count,
        "changed_rows": len(changed),
        "changed_cells": sum(_cells(pair) for pair in pairs),
        "rows_added": len(after) - count,
        "rows_removed": len(before) - count,
        "renamed": [],
        "hidden_columns": len(pairs) - len(shown),
        "note": "not everything was compared: it takes too long" if work.cut else "",
    }


def _paired(before: Any, after: Any, count: int, work: Work) -> list[_Pair]:
    new = {column.name: column for column in columns_of(after)}
    pairs: list[_Pair] = []
    for old in columns_of(before):
        other = new.pop(old.name, None)
        mask = None if other is None else changed_places(old.head(count), other.head(count), work)
        pairs.append((old, other, mask))
    return pairs + [(None, column, None) for column in new.values()]


def _cells(pair: _Pair) -> int:
    return 0 if pair[2] is None else int(pair[2].sum())


def _differs(pair: _Pair) -> bool:
    old, new, _ = pair
    return old is None or new is None or old.dtype != new.dtype or _cells(pair) > 0


def _chosen(pairs: list[_Pair]) -> list[_Pair]:
    """The columns to show: what differs first of all, in the order of the frames."""
    differs = [at for at, pair in enumerate(pairs) if _differs(pair)]
    same = [at for at in range(len(pairs)) if at not in set(differs)]
    kept = {*differs[:COLUMNS], *same[: max(0, COLUMNS - len(differs))]}
    return [pair for at, pair in enumerate(pairs) if at in kept]


def _heading(pair: _Pair) -> Json:
    old, new, _ = pair
    dtypes = [None if column is None else str(column.dtype) for column in (old, new)]
    change = "added" if old is None else "removed" if new is None else "retyped" if dtypes[0] != dtypes[1] else ""
    return {
        "name": cell((new if old is None else old).name, Patience(), 60),
        "change": change or ("changed" if _cells(pair) else "same"),
        "dtype_a": dtypes[0],
        "dtype_b": dtypes[1],
        "cells": _cells(pair),
    }


def _row(shown: list[_Pair], at: int, patience: Patience) -> Json:
    told = [[None if column is None else cell(column[at], patience, 80) for column in pair[:2]] for pair in shown]
    return {
        "label": str(at),
        "a": [old for old, _ in told],
        "b": [new for _, new in told],
        "changed": [mask is not None and bool(mask[at]) for _, _, mask in shown],
    }
