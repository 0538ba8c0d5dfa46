"""How two sparse matrices differ: shape, format, how many entries, and where the first ones are."""

from __future__ import annotations

from typing import Any

from timeslip.describing.arrays import told_cell
from timeslip.describing.kinds import library
from timeslip.describing.report import Report
from timeslip.describing.summary import counted

_EXAMPLES = 5
_MOST = 5_000_000
"""Stored entries that are compared one by one."""

Changed = tuple[int, list[tuple[tuple[int, ...], Any, Any]]]


def same_sparse(x: Any, y: Any) -> bool:
    """Whether two sparse matrices hold the same, stored in the same way, NaN being equal to NaN."""
    if x.shape != y.shape or x.dtype != y.dtype or x.format != y.format:
        return False
    return changed_entries(x, y)[0] == 0


def changed_entries(x: Any, y: Any) -> Changed:
    """How many entries of two sparse matrices of one shape differ; place, old and new value of the first ones."""
    numpy = library("numpy")
    both = [_entries(matrix) for matrix in (x, y)]
    places = numpy.union1d(both[0][0], both[1][0])
    old, new = (_at(places, found, values) for found, values in both)
    where = numpy.flatnonzero((old != new) & ~((old != old) & (new != new)))
    first = [
        (tuple(int(at) for at in numpy.unravel_index(int(places[at]), x.shape)), old[at], new[at])
        for at in where[:_EXAMPLES].tolist()
    ]
    return len(where), first


def _entries(matrix: Any) -> tuple[Any, Any]:
    """Flat positions, sorted, and the values there; entries stored twice are added up, as the matrix does."""
    numpy = library("numpy")
    stored = matrix.tocoo(copy=False)
    coordinates = stored.coords if hasattr(stored, "coords") else (stored.row, stored.col)
    wide = tuple(numpy.asarray(axis, dtype=numpy.int64) for axis in coordinates)
    flat, owners = numpy.unique(numpy.ravel_multi_index(wide, matrix.shape), return_inverse=True)
    values = numpy.zeros(len(flat), dtype=stored.data.dtype)
    numpy.add.at(values, owners.reshape(-1), stored.data)
    return flat, values


def _at(places: Any, flat: Any, values: Any) -> Any:
    numpy = library("numpy")
    found = numpy.zeros(len(places), dtype=values.dtype)
    found[numpy.searchsorted(places, flat)] = values
    return found


def diff_sparse(before: Any, after: Any, path: str, report: Report, level: int) -> str:
    """Summary of how two sparse matrices differ, with the first changed entries."""
    said = [
        f"{word} {old} -> {new}"
        for word, old, new in (
            ("format", before.format, after.format),
            ("dtype", before.dtype, after.dtype),
            ("shape", before.shape, after.shape),
            ("stored entries", before.nnz, after.nnz),
        )
        if old != new
    ]
    if before.shape != after.shape:
        return "; ".join(said)
    if max(before.nnz, after.nnz) > _MOST:
        report.work.cut = True
        return "; ".join(said)
    count, first = changed_entries(before, after)
    if count:
        said.append(f"{counted(count, 'entry', 'entries')} changed")
    for place, old, new in first:
        report.changed(f"{path}[{', '.join(map(str, place))}]", told_cell(old, report), told_cell(new, report))
    if count > len(first):
        report.more(count - len(first), "changed entry", many="changed entries")
    return "; ".join(said)
