"""Objects that are only a way to look at another one: memoryviews, iterators over arrays, weak proxies."""

from __future__ import annotations

import collections
import gc
import io
import itertools
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_FULL_READ_ONLY = 0x011C  # PyBUF_FULL_RO of the buffer protocol


def memory_view(state: Pass, view: memoryview) -> Any:
    """A memoryview by the object that owns the memory, and the part of it that is seen."""
    owner: Any = view.obj  # None for memory that no object owns
    if owner is None:
        return state.hole(view, "a memoryview of memory that no object owns cannot be stored")
    if type(owner) is _BUFFER_OF_BYTES:  # which is made by the file in memory alone, and not for anybody to hold
        return state.hole(view, "a view of a file in memory cannot be stored")
    whole = memoryview(owner)
    if view.ndim == 1 and view.nbytes == whole.nbytes and whole.c_contiguous and view.c_contiguous:
        return cast_view, (owner, view.format, view.readonly)
    if view.ndim > 1 and view.nbytes == whole.nbytes and whole.c_contiguous and view.c_contiguous and view.nbytes:
        return shaped_view, (owner, view.format, view.shape, view.readonly)
    part = _part(view, whole) if view.ndim == 1 and whole.c_contiguous else None
    if part is None:
        return state.hole(view, "a memoryview of this shape cannot be stored")
    return part_view, (owner, view.format, view.readonly, *part)


_BUFFER_OF_BYTES = type(io.BytesIO().getbuffer().obj)


def _part(view: memoryview, whole: memoryview) -> tuple[int, int, int] | None:
    """First byte within *whole*, items, and step in items; None when it cannot be told."""
    step, rest = divmod(view.strides[0] if view.strides else view.itemsize, view.itemsize)
    start = address(view) - address(whole)
    low = start + min(0, step * view.itemsize * (len(view) - 1))
    if rest or low < 0 or start % view.itemsize != low % view.itemsize:
        return None
    return start, len(view), step


def address(view: memoryview) -> int:
    """Where the first item of *view* lies. Holds the memory only for the moment."""
    import ctypes

    class Buffer(ctypes.Structure):
        """The interpreter's ``Py_buffer``: the documented members."""

        _fields_ = (
            ("buf", ctypes.c_void_p), ("obj", ctypes.c_void_p), ("len", ctypes.c_ssize_t),
            ("itemsize", ctypes.c_ssize_t), ("readonly", ctypes.c_int), ("ndim", ctypes.c_int),
            ("format", ctypes.c_void_p), ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p),
            ("suboffsets", ctypes.c_void_p), ("internal", ctypes.c_void_p),
        )  # fmt: skip

    buffer = Buffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(view), ctypes.byref(buffer), _FULL_READ_ONLY)
    try:
        return int(buffer.buf or 0)
    finally:
        ctypes.pythonapi.PyBuffer_Release(ctypes.byref(buffer))


def cast_view(obj: Any, form: str, readonly: bool) -> memoryview:
    """A one-dimensional memoryview of all of *obj*."""
    view = memoryview(obj)
    view = view if view.format == form else view.cast("B").cast(form)  # type: ignore[call-overload]
    return view.toreadonly() if readonly else view


def shaped_view(obj: Any, form: str, shape: tuple[int, ...], readonly: bool) -> memoryview:
    """A memoryview of all of *obj* in more dimensions."""
    view: memoryview = memoryview(obj).cast("B").cast(form, shape)  # type: ignore[call-overload]
    return view.toreadonly() if readonly else view


def part_view(obj: Any, form: str, readonly: bool, start: int, items: int, step: int) -> memoryview:
    """A one-dimensional memoryview of part of *obj*: *items* of them from byte *start*, *step* items apart."""
    flat = memoryview(obj).cast("B")
    size = memoryview(b"").cast(form).itemsize  # type: ignore[call-overload]
    aligned = start % size
    flat = flat[aligned : aligned + (flat.nbytes - aligned) // size * size]
    every = flat if form == "B" else flat.cast(form)  # type: ignore[call-overload]
    first = (start - aligned) // size
    stop = first + step * items
    view = every[first : stop if stop >= 0 else None : step] if items else every[first:first]
    return view.toreadonly() if readonly else view


def flat_iterator(state: Pass, iterator: Any) -> Any:
    """An array's ``flat`` by its array, and how far it is."""
    return flat_at, (iterator.base, iterator.index)


def flat_at(array: Any, index: int) -> Any:
    """The flat iterator of *array*, advanced to *index*."""
    iterator = array.flat
    collections.deque(itertools.islice(iterator, index), maxlen=0)
    return iterator


class _Gone:
    """Something to refer to weakly and let go."""


def dead_proxy() -> Any:
    """A weak proxy whose object is gone."""
    return weakref.proxy(_Gone())


def weak_proxy(state: Pass, proxy: Any) -> Any:
    """A weak proxy by its object."""
    try:
        target = proxy.__reduce_ex__.__self__  # a proxy hands every question on; a bound method knows the object
    except ReferenceError:
        return dead_proxy, ()
    except AttributeError:
        return state.hole(proxy, "a weak proxy that does not tell its object cannot be stored")
    try:
        if weakref.proxy(target) is proxy:  # the one proxy without a callback that all share
            return weakref.proxy, (target,)
    except TypeError:  # the class answers the question itself, with something that has no weak references
        pass
    called = gc.get_referents(proxy)  # nothing else tells
    if len(called) != 1:
        return state.hole(proxy, "a weak proxy that does not tell its callback cannot be stored")
    return weakref.proxy, (target, called[0])
