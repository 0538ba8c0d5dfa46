"""numpy arrays: large ones out of band, views as views of the array that owns the memory."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from timeslip.codec import definitions, load
from timeslip.codec.kinds import attributes_of, filled, is_of_session, own_slots, set_slots
from timeslip.codec.parts import note_filled, said
from timeslip.codec.reducers import added, views
from timeslip.codec.reducers.array_memory import (
    ItemsOf,
    Order,
    empty,
    is_owner,
    library,
    order_of,
    root_of,
    straight,
)
from timeslip.codec.reducers.items import (
    PART,
    InBuffers,
    Nans,
    Packed,
    loaded,
    noted_of,
    packed,
    put_nans,
    unpacked,
)

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass
    from timeslip.codec.stored import StoredBuffer

IN_BAND = 2048
"""Arrays up to this many bytes travel inside the stream: a buffer of their own would cost more than it saves."""


_POINTER = object.__basicsize__
"""Where an array has the pointer to its data: first of all, since every module compiled for numpy looks there."""


def _read_address(array: Any) -> int:
    return ctypes.c_void_p.from_address(id(array) + _POINTER).value or 0


def _ask_address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


@functools.cache
def _address_of() -> Callable[[Any], int]:
    """What gives the address of an array's data: read from the array, twenty times faster than what numpy answers."""
    array = library().arange(4)
    return _read_address if all(_read_address(a) == _ask_address(a) for a in (array, array[2:])) else _ask_address


def address_of(array: Any) -> int:
    """Address of the first item of *array*."""
    return _address_of()(array)


def span(array: Any) -> tuple[int, int]:
    """First byte and end of the memory that *array* touches."""
    start = stop = address_of(array)
    if not array.size:
        return start, start
    if array.flags.c_contiguous:
        return start, start + array.nbytes
    for length, stride in zip(array.shape, array.strides, strict=True):
        if stride < 0:
            start += (length - 1) * stride
        else:
            stop += (length - 1) * stride
    return start, stop + array.itemsize


def holds_objects(array: Any) -> bool:
    """Whether the items of *array* (or extension array) are Python objects."""
    return bool(getattr(array, "dtype", None) == library().dtype("O"))


def owned_anywhere(state: Pass, array: Any) -> Any:
    """As `owned`, of an array that a library holds for itself: nobody asks it whether it owns its memory."""
    return owned(state, array, anywhere=True)


def owned(state: Pass, array: Any, *, anywhere: bool = False) -> Any:
    """Reduction of *array* as memory of its own, whatever it is a view of."""
    dtype, flags = array.dtype, array.flags
    if dtype.hasobject and dtype.names is not None:
        parts = [_plainly(field) for field in _fields(array)]
        return object_array, (array.shape, dtype, order_of(array)), (parts, flags.writeable), None, None, fill_fields
    order = "C" if flags.c_contiguous else order_of(array)
    if dtype.hasobject:
        line, address = _line(array, order)
        held: Any = packed(state, line, address)
        if type(held) is InBuffers:
            state.keep += (held.nans, *held.nans)
            if address:
                state.arrays.items[held.first] = ItemsOf(array, anywhere, held.count, held.nans)
            args = (held.first, held.count, array.shape, dtype, order, held.nans, flags.writeable)
            return load.items, args
        if held is None:
            held = line.tolist()
            state.keep.append(held)  # known to be the pass's own, it need not be told from what the session holds
        return object_array, (array.shape, dtype, order), (held, flags.writeable), None, None, fill_objects
    if array.nbytes <= IN_BAND or dtype.itemsize == 0:
        data = array.tobytes() if order == "C" else straight(array, order).tobytes()
        return small_array, (data, array.shape, dtype, order, flags.writeable)
    flat = straight(array, order)
    if not flat.flags.c_contiguous:
        flat = library().ascontiguousarray(flat)
    state.buffers.append(memoryview(flat.ravel().view(library().uint8)))
    state.arrays.of.append((array, anywhere))
    rows = flat.shape[0] if flat.ndim > 1 else 0
    state.rows.append(flat.nbytes // rows if rows else 0)
    made = (len(state.buffers) - 1, array.shape, dtype, order, flags.writeable)
    return load.array, (*made, True) if anywhere else made


def _line(array: Any, order: Order) -> tuple[Any, int]:
    """The items of *array* in one dimension; and the address of its memory if they lie there so, and it is its own."""
    flat, root = straight(array, order), root_of(array)
    if not flat.flags.c_contiguous:
        return flat.flatten(), 0
    line = flat.reshape(-1)
    return line, address_of(line) if type(root) is library().ndarray and is_owner(root) else 0


def _fields(array: Any) -> Iterator[Any]:
    """The fields of a structured array, those of structures in it, too, each as the array of one kind that numpy shows.

    Not item by item: numpy would show a field that is an array itself as a new view of a new array each time.
    """
    if array.dtype.names is None:
        yield array
        return
    for name in array.dtype.names:
        yield from _fields(array[name])


def _plainly(field: Any) -> list[Any] | bytes:
    """The items of *field*: Python objects, or the bytes of what else there is."""
    if not field.dtype.hasobject:
        return bytes(field.tobytes())
    items: list[Any] = field.flatten().tolist()
    return items


def _array(state: Pass, array: Any) -> Any:
    if is_owner(array):
        if array.nbytes:
            state.spans.append((*span(array), True))
            state.roots.add(id(array))
        return owned(state, array)
    root = root_of(array)
    if root is array:
        return _foreign(state, array)
    root = _plain(state, root)
    if root is array:  # it stands for the instance of a subclass that owns the memory
        if array.nbytes:
            state.spans.append((*span(array), True))
        return owned(state, array)
    if array.dtype.hasobject > root.dtype.hasobject or not _reachable(root, array):
        return owned(state, array)
    return view, (root, array.shape, array.dtype, _offset(root, array), array.strides, bool(array.flags.writeable))


def _offset(root: Any, array: Any) -> int:
    """Where in the memory of *root* that of *array* begins."""
    start, _ = span(root) if root.size else (address_of(array), 0)
    return address_of(array) - start


def _plain(state: Pass, root: Any) -> Any:
    """*root*, or for an instance of a subclass the one plain view that stands for its memory in this pass."""
    if not _is_subclass(type(root)):
        return root
    if id(root) not in state.stand_ins:
        state.stand_ins[id(root)] = root.view(library().ndarray)
    return state.stand_ins[id(root)]


def _is_subclass(kind: Any) -> bool:
    """Whether *kind* is a subclass: an array with attributes. Its own pickling forgets them, or the shared memory."""
    numpy = library()
    return kind is not numpy.ndarray and not issubclass(kind, (numpy.memmap, numpy.ma.core.MaskedConstant))


def _subclass(state: Pass, array: Any) -> Any:
    owner = root_of(array) is array
    if owner and array.nbytes:
        state.roots.add(id(array))
    kind, base = type(array), array.base
    attributes, slots = attributes_of(array) or None, filled(array, own_slots(kind)) or None
    parts = (attributes, slots) if attributes or slots else None
    if type(base) is kind and array.dtype.hasobject <= base.dtype.hasobject and _lies_in(base, array):
        known = (kind, base, array.shape, array.dtype, _offset(base, array), array.strides, array.flags.writeable)
        return subclass_view, known, parts, None, None, set_attributes
    plain = _plain(state, array) if owner else array.view(library().ndarray)
    state.keep.append(plain)
    return subclass, (kind, plain), parts, None, None, set_attributes


def subclass(kind: Any, plain: Any) -> Any:
    """An instance of a subclass of arrays, over the memory of *plain*."""
    with _not_finalized(kind):
        return library().ndarray.view(plain, kind)


def subclass_view(kind: Any, base: Any, shape: Any, dtype: Any, offset: int, strides: Any, writeable: bool) -> Any:
    """An instance of a subclass of arrays, over the memory of another one."""
    with _not_finalized(kind):
        return _over(kind, base, shape, dtype, offset, strides, writeable)


@contextlib.contextmanager
def _not_finalized(kind: Any) -> Iterator[None]:
    """Instances of *kind* are made without asking its ``__array_finalize__``, if that is the session's.

    What it did when the instances came about is part of what was recorded.
    """
    name = "__array_finalize__"
    home = next(base for base in definitions.of(kind, "__mro__") if name in definitions.of(base, "__dict__"))
    if not is_of_session(home):
        yield
        return
    hook = definitions.of(home, "__dict__")[name]
    type.__setattr__(home, name, library().ndarray.__array_finalize__)
    try:
        yield
    finally:
        type.__setattr__(home, name, hook)


def set_attributes(array: Any, parts: tuple[dict[str, Any] | None, dict[str, Any] | None]) -> None:
    """State setter for instances of subclasses."""
    attributes, slots = parts
    if attributes is not None:
        array.__dict__.clear()
        array.__dict__.update(attributes)
    set_slots(array, slots or {})


def _reachable(root: Any, array: Any) -> bool:
    """Whether *array* can be made over the memory of *root* (as_strided may reach outside of it)."""
    return type(root) in (library().ndarray, library().memmap) and _lies_in(root, array)


def _lies_in(root: Any, array: Any) -> bool:
    """Whether the memory of *array* is part of that of *root*, which has no gaps."""
    if not straight(root, order_of(root)).flags.c_contiguous:
        return False
    if not array.size or not root.size:
        return bool(root.size) or not array.size
    start, stop = span(root)
    first, last = span(array)
    return start <= first and last <= stop


def _foreign(state: Pass, array: Any) -> Any:
    """An array over memory that another object owns: bytes, bytearray, array.array, a memory map, data of ctypes."""
    base = array.base
    owner = base.obj if isinstance(base, memoryview) else base
    if "torch" in sys.modules and type(owner) is getattr(sys.modules["torch"], "Tensor", None):
        from timeslip.codec.reducers.torch import over_tensor

        return over_tensor(array, owner)
    if not _shows_memory(owner) or array.dtype.hasobject:
        if array.nbytes and str(type(owner).__module__).startswith("pyarrow."):
            from timeslip.codec.reducers import owners

            start, stop = span(array)
            found = owners.of(state, start, stop - start)
            if found is not None:
                root, first, _ = found
                offset = array.__array_interface__["data"][0] - start + first
                parts = (array.shape, array.dtype, offset, array.strides, bool(array.flags.writeable))
                return owners.array_over, (root, *parts)
        if array.nbytes:
            state.spans.append((*span(array), True))
        return owned(state, array)
    if array.nbytes:
        state.spans.append((*span(array), True))
        state.roots.add(id(array))
    whole = library().frombuffer(owner, dtype="u1")
    offset = address_of(array) - address_of(whole)
    return over, (owner, array.shape, array.dtype, offset, array.strides, bool(array.flags.writeable))


def _shows_memory(owner: Any) -> bool:
    """Whether *owner* can be stored with its memory, so that an array over it shares that again."""
    kind = type(owner)
    if kind in (bytes, bytearray):
        return True
    names = {(base.__module__, base.__name__) for base in kind.__mro__}
    return not names.isdisjoint({("array", "array"), ("mmap", "mmap"), ("_ctypes", "Array"), ("_ctypes", "Structure")})


def view(root: Any, shape: Any, dtype: Any, offset: int, strides: Any, writeable: bool) -> Any:
    """An array over the memory of *root*."""
    return _over(library().ndarray, root, shape, dtype, offset, strides, writeable)


def _over(kind: Any, root: Any, shape: Any, dtype: Any, offset: int, strides: Any, writeable: bool) -> Any:
    was = root.flags.writeable
    if writeable and not was:
        root.flags.writeable = True  # a read-only owner may have views made while it was writeable
    flat = straight(root, order_of(root))
    made = library().ndarray.__new__(kind, shape, dtype, flat, offset, strides)
    made.flags.writeable = writeable
    if root.flags.writeable != was:
        root.flags.writeable = was
    return made


def over(owner: Any, shape: Any, dtype: Any, offset: int, strides: Any, writeable: bool) -> Any:
    """An array over the memory of a bytes-like object."""
    made = library().ndarray(shape, dtype, owner, offset, strides)
    if made.flags.writeable and not writeable:
        made.flags.writeable = False
    return made


def small_array(data: bytes, shape: Any, dtype: Any, order: Order, writeable: bool) -> Any:
    """An array that owns a copy of *data*."""
    numpy = library()
    if writeable and order == "C" and data and dtype.kind in _WITHOUT_PADDING:
        return numpy.ndarray(shape, dtype, data).copy()
    made = empty(shape, dtype, order)
    if made.nbytes:  # as bytes, so that the padding of structures comes along
        straight(made, order).reshape(-1).view("u1")[...] = numpy.frombuffer(data, "u1")
    made.flags.writeable = writeable
    return made


_WITHOUT_PADDING = frozenset("biufcmMSU")
"""Kinds of items that numpy copies byte for byte: all but structures and objects."""


def object_array(shape: Any, dtype: Any, order: Order) -> Any:
    """An empty array of Python objects; `fill_objects` fills it, so that it may contain itself."""
    return empty(shape, dtype, order)


def fill_objects(array: Any, state: tuple[list[Any] | Packed, bool]) -> None:
    """State setter for arrays of Python objects."""
    held, writeable = state
    items = held if isinstance(held, list) else unpacked(*held)
    line = straight(array, order_of(array)).reshape(-1)
    numpy = library()  # which would take a list of lists apart, so that it is given them one by one
    if array.dtype == numpy.dtype("O") and tuple(map(int, numpy.__version__.split(".")[:2])) >= (1, 23):
        line[...] = numpy.fromiter(items, "O", len(items))
    else:
        for index, item in enumerate(items):
            line[index] = item
    array.flags.writeable = writeable


def fill_items(array: Any, parts: Sequence[StoredBuffer], nans: Nans, live: Mapping[tuple[int, Any], Any]) -> None:
    """Fill an array of text and numbers.

    Args:
        array: new.
        parts: its items in pickles.
        nans: what goes to which places besides.
        live: size and digests of a part -> the items of it, where there are such.
    """
    line = straight(array, order_of(array)).reshape(-1)
    known = [part.marks() for part in parts]
    at = 0
    for part, marks in zip(parts, known, strict=True):
        there = live.get((part.size, marks[1])) if marks is not None else None
        items = there if there is not None else loaded(part)
        line[at : at + len(items)] = items
        at += len(items)
    if at != len(line):
        raise ValueError("an array of text and numbers has parts for another number of items")
    put_nans(line, nans)
    noted = noted_of(nans, len(line), len(parts))
    limits = {marks[0] for marks in known if marks is not None}
    if noted is None or None in known or len(limits) != 1 or not is_owner(root_of(line)):
        return
    told = tuple(
        said(note, part.size, marks[1])
        for note, part, marks in zip(noted, parts, known, strict=True)
        if marks is not None
    )
    note_filled((address_of(line), line.nbytes, -line.itemsize * PART, limits.pop()), told)


def fill_fields(array: Any, state: tuple[list[list[Any] | bytes], bool]) -> None:
    """State setter for structured arrays with Python objects."""
    parts, writeable = state
    numpy = library()
    for field, part in zip(map(numpy.atleast_1d, _fields(array)), parts, strict=True):
        if not isinstance(part, bytes):
            for place, item in zip(numpy.ndindex(field.shape), part, strict=True):
                field[place] = item
        elif part:
            field[...] = numpy.frombuffer(part, field.dtype).reshape(field.shape)
    array.flags.writeable = writeable


def _row(state: Pass, row: Any) -> Any:
    """A row of a structured array: a scalar that looks into the array."""
    address = row.__array_interface__["data"][0]
    state.spans.append((address, address + row.nbytes, True))
    if row.base is None:
        return NotImplemented
    root = _plain(state, root_of(row))
    start, stop = span(root)
    if type(root) is not library().ndarray or not start <= address <= stop - row.nbytes:
        return NotImplemented
    return row_of, (type(row), root, row.dtype, address - start, bool(row.flags.writeable))


def row_of(kind: Any, root: Any, dtype: Any, offset: int, writeable: bool) -> Any:
    """A scalar that looks into the memory of *root*."""
    made = view(root, (), library().dtype((kind, dtype)), offset, (), writeable)
    return made[()]


def _memory_map(state: Pass, array: Any) -> Any:
    if array.base is None or getattr(array, "filename", None) is None:
        return NotImplemented
    if array.nbytes:
        state.spans.append((*span(array), True))
    root = root_of(array)
    if root is not array:
        start, _ = span(root) if root.size else (address_of(array), 0)
        offset = address_of(array) - start
        return map_view, (root, array.shape, array.dtype, offset, array.strides, bool(array.flags.writeable))
    if array.nbytes:
        state.roots.add(id(array))
    path = str(array.filename)
    if array.mode == "c":  # what was written to it is in no file
        plain = array.view(library().ndarray)
        state.keep.append(plain)
        make, arguments, *rest = owned(state, plain)
        return private_map, (path, array.offset, make, arguments, *rest)
    known = (path, array.dtype, array.mode, array.offset, array.shape, order_of(array))
    reason, token, complete = "a memory map of the same file", path, True
    if array.flags.writeable:  # through it into the file, which no restore puts back
        reason += ", with what is in the file by then"
        complete = array.nbytes <= _LOOKED_AT
        token += f" {hash(array.tobytes())}" if complete else ""
    token += added.text(added.to(array))
    return state.resource(array, reason, token, memory_map, known, complete=complete)


_LOOKED_AT = 1 << 20
"""A memory map of up to so many bytes is looked at for changes."""


def map_view(root: Any, shape: Any, dtype: Any, offset: int, strides: Any, writeable: bool) -> Any:
    """A view of a memory map, which is one itself."""
    made = library().ndarray.__new__(library().memmap, shape, dtype, root, offset, strides)
    made.flags.writeable = writeable
    for name in ("_mmap", "filename", "offset", "mode"):
        setattr(made, name, getattr(root, name))
    return made


def private_map(path: str, offset: int, make: Any, arguments: Any, *_: Any) -> Any:
    """A memory map with mode "c", whose content is its own."""
    made = make(*arguments).view(library().memmap)
    made.filename, made.offset, made.mode = path, offset, "c"
    return made


def memory_map(path: str, dtype: Any, mode: str, offset: int, shape: Any, order: str) -> Any:
    """A memory map of *path*; the file is never created or truncated."""
    return library().memmap(path, dtype, "r+" if mode.startswith("w") else mode, offset, shape, order)


_VECTORIZED = " (vectorized)"
"""What `numpy.frompyfunc` puts behind the name of the function."""


def vectorized(function: Any, inputs: int, outputs: int, identity: Any) -> Any:
    """What `numpy.frompyfunc` makes of a Python function."""
    if identity is None:
        return library().frompyfunc(function, inputs, outputs)
    return library().frompyfunc(function, inputs, outputs, identity=identity)


_homes: dict[str, str] = {}
"""Name of a ufunc -> the module where it was found last; asked again each time, so it need not be right."""


def _ufunc(state: Pass, ufunc: Any) -> Any:
    name = ufunc.__name__
    if name.endswith(_VECTORIZED):
        for function in gc.get_referents(ufunc)[:1]:  # numpy has no other way to ask for it
            if getattr(function, "__name__", "?") + _VECTORIZED == name:
                return _made_of(state, function, ufunc)
    home = getattr(ufunc, "__module__", None) or _homes.get(name)
    if definitions.resolve_global(home, name) is not ufunc:
        home = definitions.holder_of(ufunc, name)
        if home is None:
            return NotImplemented
        _homes[name] = home
    return load.attribute, (home, name)


def _made_of(state: Pass, function: Any, ufunc: Any) -> Any:
    """By the name that the module of *function* has for it, or made anew."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    if module is not None and vars(module) is not state.namespace:
        for name, value in list(vars(module).items()):
            if value is ufunc:
                return load.attribute, (module.__name__, name)
    return vectorized, (function, ufunc.nin, ufunc.nout, ufunc.identity)


def _dtype(state: Pass, dtype: Any) -> Any:
    # pickle makes a copy; code that asks `is`, as numpy's own `astype(copy=False)` does, then takes it for another type
    make = library().dtype
    for code in (dtype.str, dtype.char, dtype.type):  # the last for types that others have brought (bfloat16)
        with contextlib.suppress(TypeError):
            if make(code) is dtype:
                return make, (code,)
    return NotImplemented


def _limits(state: Pass, limits: Any) -> Any:
    return make_limits, (limits.dtype,)


def make_limits(dtype: Any) -> Any:
    """The ``numpy.finfo`` of a type of numbers; for types that others have brought they make it themselves."""
    home = sys.modules.get(dtype.type.__module__)
    return getattr(home, "finfo", library().finfo)(dtype)


def find(kind: type) -> Any:
    """The reducer for arrays and ufuncs, or None."""
    numpy = library()
    if kind is numpy.ndarray:
        return _array
    if issubclass(kind, numpy.dtype):
        return _dtype
    if kind is numpy.finfo:
        return _limits
    if kind is numpy.flatiter:
        return views.flat_iterator
    if kind is numpy.ufunc:
        return _ufunc
    if kind in (numpy.void, numpy.record):
        return _row
    if kind is numpy.memmap:
        return added.keeping(_memory_map)
    if issubclass(kind, numpy.ndarray) and _is_subclass(kind):
        return _subclass
    return None
