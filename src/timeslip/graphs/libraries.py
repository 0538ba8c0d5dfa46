"""What `graphs` knows about numpy and pandas, and that torch has a file of its own (`tensors`).

None of them is imported: there is nothing to compare before the user imports them.

Memory that two arrays share is aliasing: a write through one shows in the other. So is memory that pandas shares,
unless it does so under copy-on-write.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from timeslip.graphs import keras, kinds, tensors

if TYPE_CHECKING:
    from timeslip.graphs.comparison import Comparison, Path

MADE_ANEW = frozenset({"_compiled_call_impl"})
"""Attributes that a reducer reports where they are lost: that is no fault of the class."""

_Handler = Callable[["Comparison", "Path", Any, Any], None]


def handler(kind: type) -> _Handler | None:
    """The comparison for instances of *kind*, or None when it belongs to none of them."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None and hasattr(numpy, "ndarray"):
        if issubclass(kind, numpy.ndarray):
            return _array
        if issubclass(kind, numpy.generic):
            return _scalar
        if issubclass(kind, numpy.dtype):
            return _dtype
    if pandas is not None and hasattr(pandas, "DataFrame"):
        found = _pandas_handler(pandas, kind)
        if found is not None:
            return found
    return tensors.handler(kind) or keras.handler(kind)


def _pandas_handler(pandas: Any, kind: type) -> _Handler | None:
    if issubclass(kind, pandas.DataFrame):
        return _frame
    if issubclass(kind, pandas.Series):
        return _series
    if issubclass(kind, pandas.Index):
        return _index
    if issubclass(kind, pandas.api.extensions.ExtensionArray):
        return _extension_array
    if issubclass(kind, (pandas.Timestamp, pandas.Timedelta, pandas.Period, pandas.Interval)):
        return _equal
    return None


def without_identity(kind: type) -> bool:
    """Immutable values of a library: numpy scalars and dtypes, pandas timestamps, indexes and missing values."""
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if numpy is not None and hasattr(numpy, "generic") and issubclass(kind, (numpy.generic, numpy.dtype)):
        return True
    if tensors.without_identity(kind):
        return True
    if pandas is None or not hasattr(pandas, "Timestamp"):
        return False
    immutable = (pandas.Timestamp, pandas.Timedelta, pandas.Period, pandas.Interval, pandas.Index, type(pandas.NA))
    return issubclass(kind, immutable)


# ---- numpy


def _scalar(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left.dtype != right.dtype or left.tobytes() != right.tobytes():
        c.report(path, f"{left!r} != {right!r}")


def _dtype(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left != right:
        c.report(path, f"dtype {left} != dtype {right}")


def _array(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left.dtype != right.dtype or left.shape != right.shape:
        c.report(path, f"array {left.dtype}{left.shape} != array {right.dtype}{right.shape}")
        return
    for flag in ("C_CONTIGUOUS", "F_CONTIGUOUS", "WRITEABLE"):
        if left.flags[flag] != right.flags[flag]:
            c.report(path, f"flag {flag}: {left.flags[flag]} != {right.flags[flag]}")
    c.arrays.append((path, left, right))
    _pair_elements(c, path, left, right)
    one, other = _array_attributes(left), _array_attributes(right)
    if one or other:
        c.pair(path.then(".__dict__"), one, other)


def _array_attributes(array: Any) -> dict[str, Any] | None:
    """The attributes of an instance of a subclass; what a masked array works out on demand is left out."""
    found = getattr(array, "__dict__", None)
    if found is None or "_fill_value" not in found:
        return found
    return {name: value for name, value in found.items() if name != "_fill_value"}


def _pair_elements(c: Comparison, path: Path, left: Any, right: Any) -> None:
    numpy: Any = sys.modules["numpy"]
    if left.dtype.hasobject:
        ones, others = numpy.asarray(left).ravel().tolist(), numpy.asarray(right).ravel().tolist()
        for index, (one, other) in enumerate(zip(ones, others, strict=True)):
            c.pair(path.then(f".flat[{index}]"), one, other)
        return
    count = _unlike(numpy, numpy.asarray(left), numpy.asarray(right))
    if count:
        c.report(path, f"{count} of {left.size} elements differ")


def _unlike(numpy: Any, left: Any, right: Any) -> int:
    """How many elements differ, bit by bit (NaN equals NaN, 0.0 does not equal -0.0), padding left out."""
    if left.dtype.names:
        return max((_unlike(numpy, left[name], right[name]) for name in left.dtype.names), default=0)
    size = left.dtype.itemsize
    if size == 0 or left.size == 0:
        return 0
    ones, others = (
        numpy.frombuffer(numpy.ascontiguousarray(array).tobytes(), dtype=numpy.uint8).reshape(-1, size)
        for array in (left, right)
    )
    return int((ones != others).any(axis=1).sum())


def compare_memory(c: Comparison) -> None:
    """Arrays that share memory on one side share it on the other, at the same distance; ``base`` likewise."""
    numpy = sys.modules.get("numpy")
    if numpy is None or len(c.arrays) == 0:
        return
    left, right = _sharing(numpy, [array for _, array, _ in c.arrays]), _sharing(numpy, [a for _, _, a in c.arrays])
    for i, j in sorted(left.keys() | right.keys()):
        one, other = c.arrays[i][0], c.arrays[j][0]
        if (i, j) not in left or (i, j) not in right:
            side = "first" if (i, j) in left else "second"
            c.report(None, f"{one} and {other} share memory in the {side} state only")
        elif left[i, j] != right[i, j]:
            apart = f"{left[i, j]} bytes apart in the first state, {right[i, j]} in the second"
            c.report(None, f"{one} and {other} lie {apart}")
    for path, one, other in c.arrays:
        _compare_base(c, path, one.base, other.base)


def _sharing(numpy: Any, arrays: list[Any]) -> dict[tuple[int, int], int]:
    """Which pairs of *arrays* overlap, and how far apart they start, bytes."""
    bounds = [(*_bounds(a), i) for i, a in enumerate(arrays) if a.nbytes]
    bounds.sort()
    found: dict[tuple[int, int], int] = {}
    active: list[tuple[int, int, int]] = []
    for start, stop, index in bounds:
        active = [entry for entry in active if entry[1] > start]
        for other_start, _, other in active:
            if numpy.shares_memory(arrays[index], arrays[other]):
                i, j = min(index, other), max(index, other)
                found[i, j] = start - other_start if j == index else other_start - start
        active.append((start, stop, index))
    return found


def _bounds(array: Any) -> tuple[int, int]:
    """The first byte of an array and the one after its last."""
    start: int = array.__array_interface__["data"][0]
    reach = [stride * (length - 1) for stride, length in zip(array.strides, array.shape, strict=True)]
    low, high = sum(step for step in reach if step < 0), sum(step for step in reach if step > 0)
    return start + low, start + high + array.itemsize


def _compare_base(c: Comparison, path: Path, one: Any, other: Any) -> None:
    """A base that can be reached in another way must be the partner; one that cannot is nobody's business."""
    for base, partner, table, side in ((one, other, c.to_right, "first"), (other, one, c.to_left, "second")):
        known = table.get(id(base)) if base is not None else None
        if known is not None and known[0] is base and known[1] is not partner:
            c.report(None, f"{path}.base is {known[2]} in the {side} state only")
            return


# ---- pandas


def _frame(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left.shape != right.shape:
        c.report(path, f"frame {left.shape} != frame {right.shape}")
        return
    _index(c, path.then(".index"), left.index, right.index)
    _index(c, path.then(".columns"), left.columns, right.columns)
    for position in range(left.shape[1]):
        where = path.then(f"[{str(left.columns[position])!r}]")
        _extension_array(c, where, left.iloc[:, position].array, right.iloc[:, position].array)
        _note_memory(c, where, left.iloc[:, position], right.iloc[:, position])
    _labels(c, path, left, right)


def _series(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left.shape != right.shape:
        c.report(path, f"series of {len(left)} != series of {len(right)}")
        return
    _index(c, path.then(".index"), left.index, right.index)
    _extension_array(c, path, left.array, right.array)
    _note_memory(c, path, left, right)
    c.pair(path.then(".name"), left.name, right.name)
    _labels(c, path, left, right)


def _note_memory(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """Without copy-on-write (an option before pandas 3) a column shows what is written through another name."""
    if kinds.is_copied_on_write(sys.modules["pandas"]):
        return
    numpy: Any = sys.modules["numpy"]
    if isinstance(left.dtype, numpy.dtype) and isinstance(right.dtype, numpy.dtype):
        c.arrays.append((path, left.to_numpy(), right.to_numpy()))


def _labels(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left.attrs or right.attrs:
        c.pair(path.then(".attrs"), left.attrs, right.attrs)
    if left.flags.allows_duplicate_labels != right.flags.allows_duplicate_labels:
        c.report(path, "flags differ")


def _index(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if type(left) is not type(right):
        c.report(path, f"{type(left).__name__} != {type(right).__name__}")
    elif len(left) != len(right):
        c.report(path, f"length {len(left)} != {len(right)}")
    else:
        c.pair(path.then(".names"), tuple(left.names), tuple(right.names))
        if getattr(left, "freq", None) != getattr(right, "freq", None):
            c.report(path, f"freq {left.freq} != {right.freq}")
        for level in range(left.nlevels):
            _extension_array(c, path, left.get_level_values(level).array, right.get_level_values(level).array)


def _extension_array(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """One column: dtype, then values; missing values equal each other."""
    if type(left) is not type(right) or left.dtype != right.dtype:
        c.report(path, f"dtype {left.dtype} != dtype {right.dtype}")
        return
    if len(left) != len(right):
        c.report(path, f"length {len(left)} != {len(right)}")
        return
    if hasattr(left, "to_numpy") and type(left).__name__ in ("NumpyExtensionArray", "PandasArray"):
        left, right = left.to_numpy(), right.to_numpy()
    dtype = left.dtype
    numpy: Any = sys.modules["numpy"]
    if isinstance(dtype, numpy.dtype) and dtype.kind != "O":
        count = _unlike(numpy, numpy.asarray(left), numpy.asarray(right))
    elif isinstance(dtype, numpy.dtype):
        for index, (one, other) in enumerate(zip(left, right, strict=True)):
            c.pair(path.then(f"[{index}]"), one, other)
        return
    else:
        missing = numpy.asarray(left.isna())
        count = int((missing != numpy.asarray(right.isna())).sum())
        if not count:
            ones, others = (numpy.asarray(side[~missing], dtype=object) for side in (left, right))
            count = int((ones != others).sum())
    if count:
        c.report(path, f"{count} of {len(left)} values differ")


def _equal(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left != right:
        c.report(path, f"{left!r} != {right!r}")
