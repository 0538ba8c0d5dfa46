"""Two states side by side: their code, which names differ and how, and one value of both in detail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timeslip.describing.brief import FAILURES, Patience
from timeslip.describing.frames import Columns, Rows, changed_rows
from timeslip.describing.kinds import kind_of, library
from timeslip.describing.sameness import Work
from timeslip.describing.tables import cell
from timeslip.diffing import diff_code, diff_values
from timeslip.errors import TimeslipError, UsageError
from timeslip.history import name_not_found
from timeslip.lab.states import how
from timeslip.lab.tables import COLUMNS, ROWS
from timeslip.looking import Cells
from timeslip.model import is_name

if TYPE_CHECKING:
    from timeslip.history import History
    from timeslip.ids import CommitId
    from timeslip.lab.view import View

_BEFORE = 3
"""So many rows before the first change are shown with it."""

Json = dict[str, Any]


def compare(view: View, a: str, b: str, name: object = None) -> Json:
    """How state *b* differs from state *a*: code, and the names with a few words; with *name*, its two values.

    Without *name*, no value is loaded.

    Raises:
        CommitNotFoundError, NameNotFoundError, UsageError, DamagedStoreError.
    """
    history = view.history
    first, second = history.resolve(a), history.resolve(b)
    states = history.state(first), history.state(second)
    code = [history.commit(commit).code or "" for commit in (first, second)]
    body: Json = {"a": first, "b": second, "name": None, "code": list(diff_code(*code)), "values": [], "value": None}
    if name is None:
        keys = sorted(filter(is_name, {*states[0], *states[1]}))
        body["values"] = [_in_words(history, *states, key) for key in keys if not _same(history, *states, key)]
        return body
    if not isinstance(name, str):
        raise UsageError("'name' is a name, or null for all")
    present = (name in states[0], name in states[1])
    if not is_name(name) or not any(present):
        raise name_not_found(name, sorted(filter(is_name, {*states[0], *states[1]})))
    return {**body, "name": name, "value": _in_full(view, (first, second), states, name, present)}


def _same(history: History, before: dict[str, Any], after: dict[str, Any], key: str) -> bool:
    """Whether a name has the same version in both, also of the class or function that it stands for."""
    if before.get(key) != after.get(key):
        return False
    definition = history.definition_key(before, key)
    return definition is None or before.get(definition) == after.get(definition)


def _in_words(history: History, before: dict[str, Any], after: dict[str, Any], key: str) -> Json:
    change = "changed" if key in before and key in after else "created" if key in after else "deleted"
    old, new = (_summary(history, state.get(key), key) for state in (before, after))
    about = how(old, new) if change == "changed" else "new" if change == "created" else "deleted"
    return {"name": key, "change": change, "about": about, "before": " ".join(old), "after": " ".join(new)}


def _summary(history: History, record: str | None, key: str) -> tuple[str, str]:
    if record is None:
        return "", ""
    try:
        body = history.repository.record("value", record, trusted=False, dropped=True)
    except TimeslipError:  # forgotten or damaged
        return "", ""
    kind, line = body.get("summary", {}).get(key, ("", ""))
    return str(kind), str(line)


def _in_full(
    view: View,
    commits: tuple[CommitId, CommitId],
    states: tuple[dict[str, Any], dict[str, Any]],
    name: str,
    present: tuple[bool, bool],
) -> Json:
    from timeslip.lab.values import behind_fence
    from timeslip.past import PastState

    change = "changed" if all(present) else "created" if present[1] else "deleted"
    told: Json = {"name": name, "change": change, "summary": "", "lines": [], "frame": None, "note": ""}
    try:
        with behind_fence():
            pasts = [PastState(view.repository, state) for state in states]
            values = [past.value(name) if there else None for past, there in zip(pasts, present, strict=True)]
            cells = Cells(view.history, *reversed(commits), names=(name,))
            found = diff_values(name, *values, present=present, cells=cells)
            told.update(summary=found.summary, lines=list(found.lines))
            told["frame"] = _over_each_other(*values) if all(present) else None
    except TimeslipError as error:
        told["note"] = f"cannot be compared: {error.message}"
    except FAILURES as error:  # an object of the user's, or a release of its library that we do not know
        told["note"] = f"shown in words only ({type(error).__name__})"
    return told


def _over_each_other(before: Any, after: Any) -> Json | None:
    """Two data frames of one library as one table; None for anything else."""
    sorts = {kind_of(type(value))[0] for value in (before, after)}
    if sorts == {"frame"}:
        return _framed(before, after)
    if sorts == {"polars"} and len(before.shape) == len(after.shape) == 2:
        from timeslip.lab.polars_compared import polars_compared

        return polars_compared(before, after)
    return None


def _framed(before: Any, after: Any) -> Json:
    """Two data frames over each other: `ROWS` × `COLUMNS` of them around the first change, and what changed there."""
    numpy = library("numpy")
    work = Work(Patience(5.0))
    rows = Rows(before.index, after.index, work)
    columns = Columns(before, after, rows, work)
    masks: dict[int, Any] = {}
    for _, at, to in columns.common:
        if not work.patience.left():
            break
        masks[at] = changed_rows(_taken(before.iloc[:, at], rows.before), _taken(after.iloc[:, to], rows.after), work)
    count = len(before) if rows.before is None else len(rows.before)
    hit = numpy.zeros(count, dtype=bool)
    for mask in masks.values():
        hit |= mask
    changed = numpy.flatnonzero(hit)
    start = max(0, min(int(changed[0]) - _BEFORE if len(changed) else 0, count - ROWS))
    shown = _chosen(before, after, columns, masks)
    places = range(start, min(start + ROWS, count))
    old_at = places if rows.before is None else [int(rows.before[place]) for place in places]
    new_at = places if rows.after is None else [int(rows.after[place]) for place in places]
    return {
        "shape": {"a": list(before.shape), "b": list(after.shape)},
        "columns": [_heading(before, after, at, to, masks) for at, to in shown],
        "rows": [
            {
                "label": cell(before.index[old], work.patience, 60),
                "a": [None if at is None else cell(before.iat[old, at], work.patience, 80) for at, _ in shown],
                "b": [None if to is None else cell(after.iat[new, to], work.patience, 80) for _, to in shown],
                "changed": [at is not None and at in masks and bool(masks[at][place]) for at, _ in shown],
            }
            for place, old, new in zip(places, old_at, new_at, strict=True)
        ],
        "first": start,
        "of": count,
        "changed_rows": len(changed),
        "changed_cells": int(sum(int(mask.sum()) for mask in masks.values())),
        "rows_added": len(after) - count,
        "rows_removed": len(before) - count,
        "renamed": [[cell(old, work.patience, 60), cell(new, work.patience, 60)] for old, new in columns.renamed],
        "hidden_columns": len(columns.common) + len(columns.dropped) + len(columns.added) - len(shown),
        "note": "not everything was compared: it takes too long"
        if work.cut or len(masks) < len(columns.common)
        else "",
    }


def _taken(series: Any, places: Any) -> Any:
    return series if places is None else series.iloc[places]


def _chosen(before: Any, after: Any, columns: Columns, masks: dict[int, Any]) -> list[tuple[int | None, int | None]]:
    """Positions of the columns to show, before and after: what differs first of all, in the order of the frames."""
    pairs: list[tuple[int | None, int | None]] = [(at, to) for _, at, to in columns.common]
    pairs += [(at, None) for _, at in columns.dropped] + [(None, to) for _, to in columns.added]
    differs = [pair for pair in pairs if None in pair or _differs(before, after, pair, masks)]
    same = [pair for pair in pairs if pair not in differs]
    kept = {*differs[:COLUMNS], *same[: max(0, COLUMNS - len(differs))]}
    chosen = [pair for pair in pairs if pair in kept]
    return sorted(chosen, key=lambda pair: (pair[0] if pair[0] is not None else pair[1] or 0, pair[0] is None))


def _differs(before: Any, after: Any, pair: tuple[int | None, int | None], masks: dict[int, Any]) -> bool:
    at, to = pair
    if at is None or to is None:
        return True
    return before.dtypes.iloc[at] != after.dtypes.iloc[to] or bool(at in masks and masks[at].any())


def _heading(before: Any, after: Any, at: int | None, to: int | None, masks: dict[int, Any]) -> Json:
    label = before.columns[at] if at is not None else after.columns[to]
    old = str(before.dtypes.iloc[at]) if at is not None else None
    new = str(after.dtypes.iloc[to]) if to is not None else None
    count = int(masks[at].sum()) if at is not None and at in masks else 0
    change = "added" if at is None else "removed" if to is None else "retyped" if old != new else ""
    return {
        "name": cell(label, Patience(), 60),
        "change": change or ("changed" if count else "same"),
        "dtype_a": old,
        "dtype_b": new,
        "cells": count,
    }
