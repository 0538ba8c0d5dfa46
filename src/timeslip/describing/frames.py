"""How two data frames, series or indexes differ: by column and by row, counted by the library itself."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from timeslip.describing.arrays import changed_mask
from timeslip.describing.brief import FAILURES
from timeslip.describing.kinds import kind_of, library, type_name
from timeslip.describing.report import Report
from timeslip.describing.sameness import Work, same
from timeslip.describing.summary import counted
from timeslip.describing.tables import cell, scalar_of

_EXAMPLES = 3
_COLUMNS = 12
_RENAMES = 40
_TOLD = 8
"""Columns whose first changed cells are shown."""


def same_frames(x: Any, y: Any, work: Work) -> bool:
    """Whether two frames, series or indexes have the same labels, dtypes and values."""
    if kind_of(type(x))[0] == "index":
        return bool(x.dtype == y.dtype and list(x.names) == list(y.names) and same_labels(x, y, work))
    if x.shape != y.shape or not same_labels(x.index, y.index, work) or not same(x.attrs, y.attrs, work):
        return False
    if x.ndim == 1:
        return bool(x.dtype == y.dtype and same(x.name, y.name, work) and not changed_rows(x, y, work).any())
    if not same_labels(x.columns, y.columns, work):
        return False
    columns = ((x.iloc[:, at], y.iloc[:, at]) for at in range(x.shape[1]))
    return all(a.dtype == b.dtype and not changed_rows(a, b, work).any() for a, b in columns)


def same_labels(x: Any, y: Any, work: Work) -> bool:
    """Whether two indexes hold the same labels in the same order."""
    if len(x) != len(y):
        return False
    if x.dtype == object or y.dtype == object:
        return same(x.tolist(), y.tolist(), work)
    return bool(x.equals(y))


def changed_rows(x: Any, y: Any, work: Work) -> Any:
    """Which rows of two series of equal length differ, by position; missing values equal each other."""
    numpy, pandas = library("numpy"), library("pandas")
    if x.dtype == object or y.dtype == object:
        return changed_mask(x.to_numpy(dtype=object), y.to_numpy(dtype=object), work)
    if x.dtype != y.dtype and "category" in (x.dtype.name, y.dtype.name):
        x, y = x.astype(object), y.astype(object)
        return changed_mask(x.to_numpy(), y.to_numpy(), work)
    equal = pandas.Series(x.array == y.array)
    if equal.dtype != bool:
        equal = pandas.Series(equal.to_numpy(dtype=bool, na_value=False))
    both_missing = x.isna().to_numpy(dtype=bool) & y.isna().to_numpy(dtype=bool)
    mask = ~equal.to_numpy(dtype=bool) & ~both_missing
    return numpy.asarray(mask)


class Rows:
    """Which rows of two frames belong together.

    Attributes:
        before: positions of the common rows in the first, or None for all of them.
        after: the same in the second.
        said: summary parts about rows.
        lines: label lists of what came and went, as ("+" or "-", labels, count).
    """

    def __init__(self, x: Any, y: Any, work: Work) -> None:
        self.before: Any = None
        self.after: Any = None
        self.said: list[str] = []
        self.lines: list[tuple[str, list[Any], int]] = []
        if same_labels(x, y, work):
            return
        x, y = x[:], y[:]  # copies without the look-up tables that the user's own index would then carry along
        try:
            usable = bool(x.is_unique and y.is_unique)
        except TypeError:  # labels that cannot be hashed
            usable = False
        if usable:
            self._by_label(x, y)
        else:
            self._by_position(x, y, "labels are not unique: compared by position")

    def _by_position(self, x: Any, y: Any, why: str) -> None:
        numpy = library("numpy")
        common = min(len(x), len(y))
        self.before = self.after = numpy.arange(common)
        if len(x) != len(y):
            self.said.append(f"{len(x):,} -> {counted(len(y), 'row')}")
        self.said.append(why)

    def _by_label(self, x: Any, y: Any) -> None:
        numpy = library("numpy")
        places = x.get_indexer(y)
        kept = places >= 0
        if not kept.any() and len(x) == len(y) and len(x):
            self._by_position(x, y, "index replaced")
            return
        self.before, self.after = places[kept], numpy.flatnonzero(kept)
        gone = numpy.ones(len(x), bool)
        gone[self.before] = False
        for sign, labels, mask, word in (("+", y, ~kept, "added"), ("-", x, gone, "removed")):
            count = int(mask.sum())
            if count:
                self.said.append(f"{counted(count, 'row')} {word}")
                self.lines.append((sign, labels[numpy.flatnonzero(mask)[:6]].tolist(), count))
        if len(self.before) > 1 and bool((numpy.diff(self.before) < 0).any()):
            self.said.append("rows reordered")

    def tell(self, path: str, report: Report, word: str = "row") -> None:
        """Write which labels came and went."""
        for sign, labels, count in self.lines:
            names = ", ".join(report.text(scalar_of(label), 30) for label in labels)
            more = f", … ({count:,} in all)" if count > len(labels) else ""
            report.line(f"{sign} {path + ': ' if path else ''}{word}{'' if count == 1 else 's'} {names}{more}")


def diff_frames(before: Any, after: Any, path: str, report: Report, level: int) -> str:
    """Summary of how two data frames differ, with lines by column and row."""
    rows = Rows(before.index, after.index, report.work)
    columns = Columns(before, after, rows, report.work)
    said = [*columns.said(report), *rows.said]
    columns.tell(path, report)
    rows.tell(path, report)
    labels = before.index if rows.before is None else before.index[rows.before]
    retyped: list[str] = []
    changed: list[str] = []
    for name, at, to in columns.common:
        if not report.patience.left():
            report.work.cut = True
            break
        x, y = _taken(before.iloc[:, at], rows.before), _taken(after.iloc[:, to], rows.after)
        label = _label(name, report)
        if x.dtype != y.dtype:
            retyped.append(f"{report.text(name, 30)} {_dtypes(x, y)}")
        count = _changed_column(x, y, labels, f"{path}[{label}]", report, len(changed) < _TOLD)
        if count:
            changed.append(f"{counted(count, 'cell')} of {label}")
    if len(changed) > _TOLD:
        report.more(len(changed) - _TOLD, "column with changed cells", many="columns with changed cells")
    if retyped:
        said.append(f"column{'' if len(retyped) == 1 else 's'} retyped: " + _list(retyped, 3))
    if changed:
        said.append(_list(changed, 3) + " changed")
    said += _attrs(before, after, path, report)
    if list(before.index.names) != list(after.index.names):
        said.append(f"index name {report.text(list(before.index.names))} -> {report.text(list(after.index.names))}")
    return "; ".join(said)


def _attrs(before: Any, after: Any, path: str, report: Report) -> list[str]:
    """The user's notes on a frame or series (``.attrs``)."""
    if same(before.attrs, after.attrs, report.work):
        return []
    report.changed(f"{path}.attrs", report.text(before.attrs), report.text(after.attrs))
    return ["attrs changed"]


def _label(name: Any, report: Report) -> str:
    """A column's label where it could be taken for a number of cells or a position: 1 of column 3."""
    text = report.text(scalar_of(name), 30)
    return text if type(name) is str else f"column {text}"


def _dtypes(before: Any, after: Any, word: str = "") -> str:
    old, new = str(before.dtype), str(after.dtype)
    return f"{word}{old} -> {new}" if old != new else "categories changed" if old == "category" else f"another {old}"


def _list(items: list[str], most: int) -> str:
    return ", ".join(items[:most]) + (f" and {len(items) - most:,} more" if len(items) > most else "")


def _taken(series: Any, places: Any) -> Any:
    return series if places is None else series.iloc[places]


def _changed_column(x: Any, y: Any, labels: Any, path: str, report: Report, shown: bool = True) -> int:
    """Count the changed cells of one column, and write the first ones if they are to be *shown*."""
    numpy = library("numpy")
    try:
        where = numpy.flatnonzero(changed_rows(x, y, report.work))
    except FAILURES as error:  # two dtypes that do not compare, or an __eq__ of the user's: the types are told anyway
        report.line(f"  {path}: values could not be compared ({type_name(type(error))})")
        return 0
    for at in where[:_EXAMPLES].tolist() if shown else ():
        old, new = (cell(series.iloc[at], report.patience, 40) for series in (x, y))
        if type(x.iloc[at]) is str or type(y.iloc[at]) is str:
            old, new = report.text(x.iloc[at], 40), report.text(y.iloc[at], 40)
        report.changed(f"{path} at {report.text(scalar_of(labels[at]), 30)}".lstrip(), old, new)
    if shown and len(where) > _EXAMPLES:
        report.more(len(where) - _EXAMPLES, "changed cell", path)
    return len(where)


class Columns:
    """Which columns of two frames belong together.

    Attributes:
        common: (label, position before, position after).
        dropped: (label, position before).
        added: (label, position after).
        renamed: (label before, label after).
        reordered: whether the common columns stand in another order.
    """

    def __init__(self, before: Any, after: Any, rows: Rows, work: Work) -> None:
        self.before, self.after = before, after
        old, new = before.columns.tolist(), after.columns.tolist()
        matcher_needed = not (before.columns.is_unique and after.columns.is_unique)
        places = _by_order(old, new) if matcher_needed else _by_name(old, new)
        self.common = [(old[at], at, to) for at, to in places]
        self.reordered = [to for _, _, to in self.common] != sorted(to for _, _, to in self.common)
        kept_old, kept_new = {at for at, _ in places}, {to for _, to in places}
        self.dropped = [(label, at) for at, label in enumerate(old) if at not in kept_old]
        self.added = [(label, to) for to, label in enumerate(new) if to not in kept_new]
        self.renamed: list[tuple[Any, Any]] = []
        if len(self.dropped) <= _RENAMES and len(self.added) <= _RENAMES:
            self._find_renamed(rows, work)

    def _find_renamed(self, rows: Rows, work: Work) -> None:
        for label, at in list(self.dropped):
            x = _taken(self.before.iloc[:, at], rows.before)
            # The one in the same place first: several columns may hold the same.
            for other, to in sorted(self.added, key=lambda pair: abs(pair[1] - at)):
                y = _taken(self.after.iloc[:, to], rows.after)
                if work.patience.left() and _equal(x, y, work):
                    self.renamed.append((label, other))
                    self.dropped.remove((label, at))
                    self.added.remove((other, to))
                    break

    def said(self, report: Report) -> list[str]:
        """Summary parts."""
        parts = []
        if self.renamed:
            pairs = [f"{report.text(old, 30)} -> {report.text(new, 30)}" for old, new in self.renamed]
            parts.append(f"column{'' if len(pairs) == 1 else 's'} renamed: " + _list(pairs, 3))
        for found, word in ((self.dropped, "dropped"), (self.added, "added")):
            names = [report.text(label, 30) for label, _ in found]
            if names:
                parts.append(f"column{'' if len(names) == 1 else 's'} {_list(names, 3)} {word}")
        if self.reordered:
            parts.append("columns reordered")
        return parts

    def tell(self, path: str, report: Report) -> None:
        """Lines for what came and went."""
        head = path + ": " if path else ""
        for label, at in self.dropped[:_COLUMNS]:
            report.line(f"- {head}column {report.text(label, 40)} ({self.before.dtypes.iloc[at]})")
        for label, to in self.added[:_COLUMNS]:
            report.line(f"+ {head}column {report.text(label, 40)} ({self.after.dtypes.iloc[to]})")
        hidden = max(0, len(self.dropped) - _COLUMNS) + max(0, len(self.added) - _COLUMNS)
        if hidden:
            report.more(hidden, "column")


def _equal(x: Any, y: Any, work: Work) -> bool:
    """Whether two columns hold the same; most that do not already differ at their heads."""
    if not len(x) or x.dtype != y.dtype or changed_rows(x.iloc[:100], y.iloc[:100], work).any():
        return False
    return not changed_rows(x, y, work).any()


def _by_name(old: list[Any], new: list[Any]) -> list[tuple[int, int]]:
    there = {label: to for to, label in enumerate(new)}
    return [(at, there[label]) for at, label in enumerate(old) if label in there]


def _by_order(old: list[Any], new: list[Any]) -> list[tuple[int, int]]:
    """Columns of equal names in order: used where a name stands for several columns."""
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [(at + step, to + step) for at, to, size in matcher.get_matching_blocks() for step in range(size)]


def diff_series(before: Any, after: Any, path: str, report: Report, level: int) -> str:
    """Summary of how two series differ, with the first changed values."""
    said = []
    if before.dtype != after.dtype:
        said.append(_dtypes(before, after, "dtype "))
    if not same(before.name, after.name, report.work):
        said.append(f"name {report.text(before.name, 30)} -> {report.text(after.name, 30)}")
    said += _attrs(before, after, path, report)
    rows = Rows(before.index, after.index, report.work)
    said += rows.said
    rows.tell(path, report)
    labels = before.index if rows.before is None else before.index[rows.before]
    count = _changed_column(_taken(before, rows.before), _taken(after, rows.after), labels, path, report)
    if count:
        said.append(f"{counted(count, 'value')} changed")
    return "; ".join(said)


def diff_indexes(before: Any, after: Any, path: str, report: Report, level: int) -> str:
    """Summary of how two indexes differ."""
    said: list[str] = []
    if before.dtype != after.dtype:
        said.append(_dtypes(before, after, "dtype "))
    if list(before.names) != list(after.names):
        said.append(f"name {report.text(list(before.names))} -> {report.text(list(after.names))}")
    rows = Rows(before, after, report.work)
    rows.tell(path, report, "label")
    return "; ".join([*said, *_labels(rows.said)])


def _labels(said: Iterable[str]) -> list[str]:
    return [
        text.replace("rows", "labels").replace("row", "label").replace("index replaced", "all labels replaced")
        for text in said
    ]
