"""What `graphs` knows about numpy and pandas, and that torch has a file of its own (`tensors`).

None of them is imported: there is nothing to compare before the user imports them.

Memory that two arrays share is aliasing: a write through one shows in the other. So is memory that pandas shares,
unless it does so under copy-on-write.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from timeslip.graphs import keras, kinds, sympy, tensors

if TYPE_CHECKING:
    from timeslip.graphs.comparison import Comparison, Path

_MADE_ANEW = {
    "asteval": frozenset({"code_text", "expr", "lineno", "start_time"}),  # what was evaluated last, for its messages
    "astropy": frozenset({"_format_funcs"}),  # how values are written, by format
    "loguru": frozenset({"_lock_acquired"}),  # whether this thread is writing just now
    "pyproj": frozenset({"_local"}),  # made of the text in each thread that asks for it
    "sympy": frozenset({"_mhash"}),
    "torch": frozenset({"_compiled_call_impl"}),  # a reducer reports where it is lost
}
"""Top-level package -> attributes of its objects that say nothing about them, or are no fault of the class."""

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
    return tensors.handler(kind) or keras.handler(kind) or sympy.handler(kind)


def _pandas_handler(pandas: Any, kind: type) -> _Handler | None:
    if issubclass(kind, pandas.DataFrame):
        return _frame
    if issubclass(kind, pandas.Series):
        return _series
    if issubclass(kind, pandas.Index):
        return _index
    if issubclass(kind, pandas.api.extensions.ExtensionArray):
        return _extension_array
    return next((made for name, made in _SINGLE.items() if issubclass(kind, getattr(pandas, name))), None)


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


def made_anew(kind: type) -> frozenset[str]:
    """Attributes of instances of *kind* that are made again by and by, and no part of what they are."""
    packages = {str(kinds.class_attribute(base, "__module__")).partition(".")[0] for base in type.mro(kind)}
    return frozenset().union(*(_MADE_ANEW[package] for package in packages & _MADE_ANEW.keys()))


# ---- numpy


def _scalar(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left.dtype != right.dtype or left.tobytes() != right.tobytes():
        c.report(path, f"{left!r} != {right!r}")


def _dtype(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is right:
        return
    if left != right or left.isalignedstruct != right.isalignedstruct:
        c.report(path, f"dtype {left!r} != dtype {right!r}", "another dtype")
        return
    c.pair(path.then(".metadata"), *(dict(side.metadata or {}) or None for side in (left, right)))
    for name in left.names or ():
        _dtype(c, path.then(f"[{name!r}]", plain="[field]"), left[name], right[name])
    if left.subdtype is not None:
        _dtype(c, path.then(".base"), left.base, right.base)


def _array(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left.dtype != right.dtype or left.shape != right.shape:
        sentence = f"array {left.dtype}{left.shape} != array {right.dtype}{right.shape}"
        c.report(path, sentence, "another shape" if left.dtype == right.dtype else "another dtype")
        return
    _dtype(c, path.then(".dtype"), left.dtype, right.dtype)
    for flag in ("C_CONTIGUOUS", "F_CONTIGUOUS", "WRITEABLE"):
        if left.flags[flag] != right.flags[flag]:
            c.report(path, f"flag {flag}: {left.flags[flag]} != {right.flags[flag]}", f"another flag {flag}")
    c.arrays.append((path, left, right))
    _pair_elements(c, path, left, right)
    one, other = _array_attributes(left), _array_attributes(right)
    if one or other:
        c.pair(path.then(".__dict__"), one, other)


def _array_attributes(array: Any) -> dict[str, Any] | None:
    """The attributes of an instance of a subclass; what a masked array works out on demand as it will be then."""
    found = getattr(array, "__dict__", None)
    if found is None or "_fill_value" not in found:
        return found
    numpy: Any = sys.modules["numpy"]
    filler = found["_fill_value"]
    if filler is None:
        filler = numpy.ma.default_fill_value(array.dtype)
    return {**found, "_fill_value": numpy.array(filler, dtype=array.dtype)}


def _pair_elements(c: Comparison, path: Path, left: Any, right: Any) -> None:
    numpy: Any = sys.modules["numpy"]
    if left.dtype.hasobject:
        ones, others = numpy.asarray(left).ravel().tolist(), numpy.asarray(right).ravel().tolist()
        for index, (one, other) in enumerate(zip(ones, others, strict=True)):
            c.pair(path.then(f".flat[{index}]"), one, other)
        return
    count = _unlike(numpy, numpy.asarray(left), numpy.asarray(right))
    if count:
        c.report(path, f"{count} of {left.size} elements differ", "elements differ")


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
            same = f"share memory in the {'first' if (i, j) in left else 'second'} state only"
            plain = f"{one.text(plain=True)} and {other.text(plain=True)}"
            c.report(None, f"{one} and {other} {same}", f"{plain} {same}")
        elif left[i, j] != right[i, j]:
            apart = f"{left[i, j]} bytes apart in the first state, {right[i, j]} in the second"
            plain = f"{one.text(plain=True)} and {other.text(plain=True)}"
            c.report(None, f"{one} and {other} lie {apart}", f"{plain} lie {apart}")
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
            plain = f"{path.text(plain=True)}.base is {known[2].text(plain=True)} in the {side} state only"
            c.report(None, f"{path}.base is {known[2]} in the {side} state only", plain)
            return


# ---- pandas


def _frame(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left.shape != right.shape:
        c.report(path, f"frame {left.shape} != frame {right.shape}", "another shape")
        return
    _index(c, path.then(".index"), left.index, right.index)
    _index(c, path.then(".columns"), left.columns, right.columns)
    for position in range(left.shape[1]):
        where = path.then(f"[{str(left.columns[position])!r}]", plain="[column]")
        _extension_array(c, where, left.iloc[:, position].array, right.iloc[:, position].array)
        _note_memory(c, where, left.iloc[:, position], right.iloc[:, position])
    _labels(c, path, left, right)


def _series(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left.shape != right.shape:
        c.report(path, f"series of {len(left)} != series of {len(right)}", "another length")
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
        c.report(path, "flags differ", "flags differ")
    _set_on(c, path, left, right)


_PARTS = frozenset("_mgr _item_cache _attrs _flags _name _is_copy _cacher _cache _index _typ _metadata".split())
"""What pandas itself keeps in the attribute dict of a frame or series; compared otherwise, or none of the value."""


def _set_on(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """Attributes that were set on a frame, a series or an index, those of a subclass among them."""
    own = type(left)._accessors | _PARTS  # an accessor is kept there once it was asked for
    index = not hasattr(left, "_mgr")
    sides: list[dict[str, Any]] = []
    for side in (left, right):
        held = getattr(side, "__dict__", {})
        sides.append({n: v for n, v in held.items() if n not in own and not (index and n.startswith("_"))})
    if sides[0] or sides[1]:
        c.pair(path.then(".__dict__"), *sides)


def _index(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if type(left) is not type(right):
        both = f"{type(left).__name__} != {type(right).__name__}"
        c.report(path, both, both)
        return
    if len(left) != len(right):
        c.report(path, f"length {len(left)} != {len(right)}", "another length")
        return
    c.pair(path.then(".names"), tuple(left.names), tuple(right.names))
    _set_on(c, path, left, right)
    if getattr(left, "freq", None) != getattr(right, "freq", None):
        c.report(path, f"freq {left.freq} != {right.freq}", "another freq")
    pandas: Any = sys.modules["pandas"]
    if isinstance(left, pandas.RangeIndex):
        one, other = ((side.start, side.stop, side.step) for side in (left, right))
        if one != other:
            c.report(path, f"range {one} != range {other}", "another range")
    elif isinstance(left, pandas.MultiIndex):
        _levels(c, path, left, right)
    else:
        _extension_array(c, path, left.array, right.array)


def _levels(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """A MultiIndex: its levels, those that are not used as well, and which stands where."""
    if left.nlevels != right.nlevels:
        c.report(path, f"{left.nlevels} levels != {right.nlevels}", "another number of levels")
        return
    for number in range(left.nlevels):
        where = path.then(f".levels[{number}]")
        _index(c, where, left.levels[number], right.levels[number])
        if left.codes[number].tobytes() != right.codes[number].tobytes():
            c.report(where, "stand elsewhere", "stand elsewhere")


def _extension_array(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """One column: dtype, then values; missing values equal each other."""
    if type(left) is not type(right) or left.dtype != right.dtype:
        c.report(path, f"dtype {left.dtype} != dtype {right.dtype}", "another dtype")
        return
    if len(left) != len(right):
        c.report(path, f"length {len(left)} != {len(right)}", "another length")
        return
    pandas: Any = sys.modules["pandas"]
    if isinstance(left, pandas.Categorical):
        _index(c, path.then(".categories"), left.categories, right.categories)
        if left.ordered != right.ordered or left.codes.tobytes() != right.codes.tobytes():
            c.report(path, "values differ", "values differ")
        return
    if isinstance(left, pandas.arrays.IntervalArray):
        for name in ("left", "right"):
            _extension_array(c, path.then("." + name), getattr(left, name).array, getattr(right, name).array)
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
            # Numbers by their bits: -0.0 is not 0.0.
            exact: Any = float if getattr(dtype, "kind", "") == "f" else object
            ones, others = (numpy.asarray(side[~missing], dtype=exact) for side in (left, right))
            count = _unlike(numpy, ones, others) if exact is float else int((ones != others).sum())
    if count:
        c.report(path, f"{count} of {len(left)} values differ", "values differ")


def _equal(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left != right:
        c.report(path, f"{left!r} != {right!r}")


def _instant(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """A point of time or a span: to what unit it is exact, and in which zone it is told."""
    facts = [(side.asm8.tobytes(), getattr(side, "unit", ""), getattr(side, "fold", 0)) for side in (left, right)]
    if facts[0] != facts[1]:
        c.report(path, f"{left!r} != {right!r}")
    c.pair(path.then(".tz"), getattr(left, "tz", None), getattr(right, "tz", None))


def _interval(c: Comparison, path: Path, left: Any, right: Any) -> None:
    for name in ("left", "right", "closed"):
        c.pair(path.then("." + name), getattr(left, name), getattr(right, name))


_SINGLE: dict[str, _Handler] = {
    "Timestamp": _instant, "Timedelta": _instant, "Period": _equal, "Interval": _interval,
}  # fmt: skip
"""Single values of pandas, by the names of their classes."""
