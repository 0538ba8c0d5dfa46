"""The memory of arrays: how it lies, whose it is, and what an array that comes back has for its own."""

from __future__ import annotations

import ctypes
import math
import mmap
import sys
from importlib import import_module
from typing import Any, NamedTuple


def library() -> Any:
    """numpy: loaded where an array is stored; in a new process nothing may have asked for it yet."""
    return sys.modules.get("numpy") or import_module("numpy")


def root_of(array: Any) -> Any:
    """The array at the end of the chain of bases."""
    ndarray, void = library().ndarray, library().void
    while True:
        base = array.base
        if isinstance(base, void):  # a row of a structured array, which is a view as well
            base = base.base
        if type(base).__name__ == "DummyArray":  # what numpy's stride tricks leave between a view and its array
            base = getattr(base, "base", None)
        if not isinstance(base, ndarray):
            return array
        array = base


Order = str | tuple[int, ...]
"""How the memory of an array goes: "C", "F", or its axes from the slowest to the fastest."""


def order_of(array: Any) -> Order:
    """The order of *array*'s memory; "C" where memory of its own would have another one."""
    if array.flags.c_contiguous:
        return "C"
    if array.flags.f_contiguous:
        return "F"
    shape, strides = array.shape, array.strides
    axes = sorted(range(array.ndim), key=lambda axis: -strides[axis])
    step = array.itemsize
    for axis in reversed(axes):
        if shape[axis] != 1 and strides[axis] != step:
            return "C"  # gaps, overlaps or backwards: nothing that memory of its own would have
        step *= shape[axis]
    return tuple(axes)


def straight(array: Any, order: Order) -> Any:
    """*array* with its axes in the order of its memory."""
    if order == "C":
        return array
    return array.T if order == "F" else array.transpose(order)


def empty(shape: tuple[int, ...], dtype: Any, order: Order) -> Any:
    """An array that owns its memory, in that order."""
    numpy = library()
    if isinstance(order, str):
        return numpy.empty(shape, dtype, order)
    pattern = numpy.empty([shape[axis] for axis in order], dtype).transpose(numpy.argsort(order))
    return numpy.empty_like(pattern, order="K")


_PLACE_OF_OWN = 16
"""Where in a page the memory begins that the GNU C library has mapped for one array."""

_ALWAYS_BY_ITSELF = 33 << 20
"""A request of so many bytes the GNU C library maps by itself, unless as much was freed before: the size from which it
does so grows up to 32 MB."""

_MOST_HELD = 8
"""So many pieces of freed memory are passed over."""


class _Byte(ctypes.c_ubyte):
    """Of memory that an array shows as if it were its own.

    That memory is a map, but the array must not show that as its base: joblib and others take it for one of a file.
    """


def empty_pages(shape: tuple[int, ...], dtype: Any, order: Order, place: int | None) -> Any:
    """As `empty`, with memory that was mapped for this array alone, where the C library does so.

    Args:
        shape: of the array.
        dtype: of its items.
        order: of its memory.
        place: where in a page the memory is to begin; only the array that owns its memory has it where it lies.
    """
    numpy = library()
    size = math.prod(shape) * dtype.itemsize
    if order not in ("C", "F"):
        return empty(shape, dtype, order)
    if place not in (None, _PLACE_OF_OWN) and place % dtype.alignment == 0:
        pages = mmap.mmap(-1, place + size, mmap.MAP_PRIVATE)
        return numpy.ndarray(shape, dtype, (_Byte * (place + size)).from_buffer(pages), place, order=order)
    if not size:
        return empty(shape, dtype, order)
    # Smaller memory may come from the heap. What was mapped stays mapped when it is made smaller.
    axis = 0 if order == "C" else len(shape) - 1
    more = list(shape)
    more[axis] += -(-_ALWAYS_BY_ITSELF * shape[axis] // size) if size < _ALWAYS_BY_ITSELF else 0
    made = numpy.empty(more, dtype, order)
    held: list[Any] = []  # memory that was freed before, which is given away first; nothing is written to it
    while made.ctypes.data % mmap.PAGESIZE != _PLACE_OF_OWN and len(held) < _MOST_HELD:
        held.append(made)
        try:
            made = numpy.empty(more, dtype, order)
        except MemoryError:  # any will do
            break
    if more != list(shape):
        made.resize(shape, refcheck=False)
    return made


def is_owner(array: Any) -> bool:
    """Whether *array* has its memory for itself."""
    base = array.base
    return base is None or getattr(type(base), "_type_", None) is _Byte


def place_of(array: Any) -> tuple[int, int]:
    """Address and size of the memory of *array*, which has no gaps, bytes."""
    return int(array.__array_interface__["data"][0]), int(array.nbytes)


class ItemsOf(NamedTuple):
    """An array of text and numbers whose parts are buffers.

    Attributes:
        array: the array; its memory is its own, without gaps.
        anywhere: whether a library holds it for itself.
        parts: how many buffers there are.
        nans: the numbers that are none, see `reducers.items`.
    """

    array: Any
    anywhere: bool
    parts: int
    nans: list[tuple[Any, bytes]]


class MetArrays:
    """What a pass has met that may say whether an array can stay (`staying`), or will not have to be read again.

    Attributes:
        of: the array of each buffer, and whether a library holds it for itself.
        items: by the number of the first of its buffers, those arrays that have several.
        kept: what `codec.parts.Looked` says is to be kept.
    """

    def __init__(self) -> None:
        self.of: list[tuple[Any, bool]] = []
        self.items: dict[int, ItemsOf] = {}
        self.kept: list[Any] = []

    def drop(self, first: int) -> None:
        """What was met from that number on was not written after all."""
        del self.of[first:]
        self.items = {number: held for number, held in self.items.items() if number < first}

    def alone(self) -> dict[int, Any]:
        """The arrays of buffers, by number, whose memory belongs to plain arrays and not to a file, say, or bytes.

        An array that no library holds for itself owns its memory: that it does shows.
        """
        return {number: array for number, (array, anywhere) in enumerate(self.of) if _is_alone(array, anywhere)}

    def items_alone(self) -> dict[int, ItemsOf]:
        """The same of arrays that have several buffers, by the number of the first; no numbers that are objects."""
        return {
            number: held
            for number, held in self.items.items()
            if _is_alone(held.array, held.anywhere) and all(isinstance(name, str) for name, _ in held.nans)
        }


def _is_alone(array: Any, anywhere: bool) -> bool:
    kind = library().ndarray
    owner = root_of(array) if anywhere and array is not None else array
    return type(array) is kind and type(owner) is kind and is_owner(owner)


def is_like(array: Any, shape: tuple[int, ...], dtype: Any, order: Order, writeable: bool) -> bool:
    """Whether *array* is what would be made anew of these, and of the bytes in its memory."""
    same = array.shape == shape and array.flags.writeable == writeable and _is_same(array.dtype, dtype)
    return same and order_of(array) == order and bool(straight(array, order).flags.c_contiguous)


def _is_same(kind: Any, other: Any) -> bool:
    """Whether nothing tells one type of items from the other: numpy calls those equal that have the same bytes.

    Metadata may be anything, which cannot be compared.
    """
    if kind != other or kind.metadata is not None or other.metadata is not None:
        return False
    if (type(kind), kind.type, kind.char, kind.flags, kind.isalignedstruct, kind.alignment) != (
        *(type(other), other.type, other.char, other.flags, other.isalignedstruct, other.alignment),
    ):
        return False
    if kind.subdtype is not None:
        return _is_same(kind.base, other.base)
    return all(_is_same(kind[name], other[name]) for name in kind.names or ())
