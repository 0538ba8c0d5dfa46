"""How two arrays differ: shape, dtype, how many cells, and where the first ones are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from timeslip.describing.kinds import kind_of, library
from timeslip.describing.report import Report, arrow
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
        return (plain.float() if plain.dtype is torch.bfloat16 else plain).numpy()
    if issubclass(type(value), numpy.ma.MaskedArray):
        return value.filled()
    return value.view(numpy.ndarray)


def same_arrays(x: Any, y: Any, work: Work) -> bool:
    """Whether two arrays or tensors are of one shape and dtype and hold the same, NaN being equal to NaN."""
    if x.shape != y.shape or x.dtype != y.dtype or not _same_mask(x, y):
        return False
    return changed_cells(as_array(x), as_array(y), work, examples=1)[0] == 0


def _same_mask(x: Any, y: Any) -> bool:
    numpy = library("numpy")
    if numpy is None or not issubclass(type(x), numpy.ma.MaskedArray):
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


def diff_arrays(before: Any, after: Any, path: str, report: Report, level: int) -> str:
    """Summary of how two arrays or tensors differ; the first changed cells go to *report*."""
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
        said.append(
            f"{count:,}{within} cells changed" if x.ndim else arrow(scalar_of(x[()]), scalar_of(y[()]), report.patience)
        )
    for place in first if x.ndim else ():
        label = f"{path}[{', '.join(map(str, place))}]"
        report.changed(label, cell(x[place], report.patience, 40), cell(y[place], report.patience, 40))
    if count > len(first):
        report.more(count - len(first), "changed cell")
    if not _same_mask(before, after):
        said.append("mask changed")
    return "; ".join(said)


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
