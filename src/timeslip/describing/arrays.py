"""How two arrays differ: shape, dtype, how many cells, and where the first ones are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from timeslip.describing.containers import Child
from timeslip.describing.kinds import kind_of, library
from timeslip.describing.report import Report
from timeslip.describing.sameness import Work, same
from timeslip.describing.summary import counted, summarize
from timeslip.describing.tables import cell, scalar_of

_BLOCK = 1 << 22
_EXAMPLES = 5


def as_array(value: Any) -> Any:
    """A tensor as an array of the same numbers; an array as a plain one."""
    numpy = library("numpy")
    if kind_of(type(value))[0] == "tensor":
        torch = library("torch")
        plain = value.detach().cpu()
        plain = plain.dequantize() if plain.is_quantized else plain.to_dense()
        return (plain.float() if plain.dtype is torch.bfloat16 else plain).numpy()
    if _is_masked(value):
        return value.filled()
    return value.view(numpy.ndarray)


def same_arrays(x: Any, y: Any, work: Work) -> bool:
    """Whether two arrays or tensors are of one shape and dtype and hold the same, NaN being equal to NaN."""
    if x.shape != y.shape or x.dtype != y.dtype or not _same_mask(x, y):
        return False
    return changed_cells(as_array(x), as_array(y), work, examples=1)[0] == 0


def _same_mask(x: Any, y: Any) -> bool:
    numpy = library("numpy")
    if not _is_masked(x):
        return True
    return bool((numpy.ma.getmaskarray(x) == numpy.ma.getmaskarray(y)).all())


def changed_mask(x: Any, y: Any, work: Work) -> Any:
    """Which items of two one-dimensional arrays of equal length differ, NaN being equal to NaN."""
    numpy = library("numpy")
    if x.dtype.hasobject or y.dtype.hasobject:
        pairs = zip(x.tolist(), y.tolist(), strict=True)
        return numpy.fromiter((not work.cut and not same(a, b, work) for a, b in pairs), bool, len(x))
    if x.dtype.fields is not None and x.dtype == y.dtype:
        mask = numpy.zeros(len(x), bool)
        for name in x.dtype.names:
            a, b = x[name].reshape(len(x), -1), y[name].reshape(len(x), -1)
            for column in range(a.shape[1]):
                mask |= changed_mask(a[:, column], b[:, column], work)
        return mask
    mask = x != y
    if x.dtype.kind in "fcmM" and y.dtype.kind in "fcmM":
        mask &= ~((x != x) & (y != y))
    return mask


def changed_cells(x: Any, y: Any, work: Work, *, examples: int = _EXAMPLES) -> tuple[int, list[tuple[int, ...]]]:
    """How many cells of two arrays of one shape differ, and the positions of the first ones.

    Looks at blocks of 4 million cells, so that little more memory is needed than the arrays themselves have.
    """
    numpy = library("numpy")
    count = 0
    first: list[tuple[int, ...]] = []
    for start, a, b in _blocks(x, y):
        where = numpy.flatnonzero(changed_mask(a, b, work))
        count += len(where)
        few = where[: examples - len(first)].tolist()
        first += [tuple(int(place) for place in numpy.unravel_index(start + at, x.shape)) for at in few]
        if work.cut:
            break
    return count, first


def _blocks(x: Any, y: Any) -> Iterator[tuple[int, Any, Any]]:
    flat = [a.reshape(-1) if a.flags.c_contiguous else a.flat for a in (x, y)]
    for start in range(0, x.size, _BLOCK):
        yield start, flat[0][start : start + _BLOCK], flat[1][start : start + _BLOCK]


def diff_arrays(before: Any, after: Any, path: str, report: Report, level: int, child: Child | None = None) -> str:
    """Summary of how two arrays or tensors differ; the first changed cells go to *report*.

    With *child*, cells that are objects are compared part by part.
    """
    said = []
    if before.dtype != after.dtype:
        said.append(f"dtype {before.dtype} -> {after.dtype}")
    if before.shape != after.shape:
        said.append(f"shape {tuple(before.shape)} -> {tuple(after.shape)}")
    if before.ndim != after.ndim or 0 in before.shape or 0 in after.shape:
        report.replaced(path, before, after)
        return "; ".join(said)
    common = tuple(slice(0, min(sizes)) for sizes in zip(before.shape, after.shape, strict=True))
    x, y = as_array(before)[common], as_array(after)[common]
    if not _comparable(x, y):
        report.replaced(path, before, after)
        return "; ".join(said)
    count, first = changed_cells(x, y, report.work)
    if count:
        within = f" of the common {x.shape}" if before.shape != after.shape else f" of {x.size:,}"
        told = f"{told_cell(x[()], report)} -> {told_cell(y[()], report)}" if not x.ndim else ""
        said.append(told or f"{count:,}{within} cells changed{_fields(x, y, report.work)}")
    for place in first if x.ndim else ():
        label = f"{path}[{', '.join(map(str, place))}]"
        if child is not None:
            child(x[place], y[place], label, report, level + 1)
        else:
            old, new = (held[place] if _is_masked(held) else cells[place] for held, cells in ((before, x), (after, y)))
            _tell_cell(old, new, label, report)
    if count > len(first):
        report.more(count - len(first), "changed cell")
    if not _same_mask(before, after):
        said.append("mask changed")
    return "; ".join(said)


def told_cell(value: Any, report: Report) -> str:
    """One item of an array: texts in quotes, records as tuples, times and numbers as they are."""
    numpy = library("numpy")
    if value is numpy.ma.masked:
        return "masked"
    plain = scalar_of(value)
    return report.text(plain, 40) if type(plain) in (str, bytes, tuple, float) else cell(plain, report.patience, 40)


def _tell_cell(old: Any, new: Any, label: str, report: Report) -> None:
    """One changed cell; of a record only the fields that changed."""
    if type(scalar_of(old)) is not tuple or old.dtype != new.dtype:
        report.changed(label, told_cell(old, report), told_cell(new, report))
        return
    changed = [name for name in old.dtype.names if not same(scalar_of(old[name]), scalar_of(new[name]), report.work)]
    told = ", ".join(f"{name} {told_cell(old[name], report)} -> {told_cell(new[name], report)}" for name in changed)
    report.line(f"  {label}: {told}")


def _is_masked(array: Any) -> bool:
    numpy = library("numpy")
    return numpy is not None and issubclass(type(array), numpy.ma.MaskedArray)


def _fields(x: Any, y: Any, work: Work) -> str:
    """Which fields of records changed."""
    if x.dtype.fields is None or x.dtype != y.dtype:
        return ""
    names = [name for name in x.dtype.names if changed_cells(x[name], y[name], work, examples=1)[0]]
    return f" in {', '.join(names[:6])}" + (" …" if len(names) > 6 else "")


def _comparable(x: Any, y: Any) -> bool:
    if x.dtype == y.dtype:
        return True
    return (
        x.dtype.fields is None
        and y.dtype.fields is None
        and (
            (x.dtype.kind in "biufc" and y.dtype.kind in "biufc")
            or x.dtype.kind == y.dtype.kind
            or "O" in x.dtype.char + y.dtype.char
        )
    )


def describe(value: Any) -> str:
    """One line for an array that came or went."""
    return summarize(value)[1] or counted(value.size, "item")
