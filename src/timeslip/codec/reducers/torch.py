"""torch tensors in main memory: by the storage that they look into, so that views stay views.

torch's own pickling writes the storage anew for every tensor, with its address in it: two tensors over one storage come
back apart, a gradient is dropped, and the same tensor gives other bytes each time. Tensors of other kinds (on a device,
sparse, quantized, of a subclass) go through torch's own pickling.
"""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Any

from timeslip.codec.captured import Hole
from timeslip.codec.reducers.numpy import owned, root_of, span

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass

_NO_GRAPH = "it comes back without the graph that its gradients go back through"


def library() -> Any:
    """torch, which is loaded, or no tensor could be here."""
    return sys.modules["torch"]


def _tensor(state: Pass, tensor: Any) -> Any:
    if not _is_plain(tensor):
        return NotImplemented
    leaf = tensor.is_leaf
    if not leaf:
        kind = type(tensor)
        state.holes.append(Hole("", f"{kind.__module__}.{kind.__qualname__}", _NO_GRAPH, "", fatal=False))
    grad, attributes = tensor.grad if leaf else None, tensor.__dict__ or None
    where = (tensor.untyped_storage(), tensor.dtype, tensor.storage_offset(), tuple(tensor.size()), tensor.stride())
    parts = (grad, attributes) if grad is not None or attributes else None
    return make_tensor, (type(tensor), *where, tensor.requires_grad), parts, None, None, set_parts


def _is_plain(tensor: Any) -> bool:
    """Whether storage, offset, shape and strides say all of *tensor* but its gradient and attributes."""
    torch = library()
    return bool(
        "numpy" in sys.modules
        and tensor.device.type == "cpu"
        and tensor.layout is torch.strided
        and not (tensor.is_quantized or tensor.is_conj() or tensor.is_neg() or tensor.is_inference())
        and not tensor._backward_hooks
        and not any(name is not None for name in getattr(tensor, "names", ()))
    )


def make_tensor(kind: Any, storage: Any, dtype: Any, offset: int, shape: Any, strides: Any, requires_grad: bool) -> Any:
    """A tensor, or parameter, that looks into *storage*."""
    torch = library()
    made = torch.empty(0, dtype=dtype).set_(storage, offset, shape, strides)
    return made.requires_grad_(requires_grad) if kind is torch.Tensor else kind(made, requires_grad)


def set_parts(tensor: Any, parts: tuple[Any, dict[str, Any] | None]) -> None:
    """State setter for tensors: gradient and attributes."""
    tensor.grad, attributes = parts
    tensor.__dict__.update(attributes or {})


def _storage(state: Pass, storage: Any) -> Any:
    if storage.device.type != "cpu" or "numpy" not in sys.modules:
        return NotImplemented
    if not storage.resizable():  # then a numpy array may own the memory, or only look into it
        owner = _owner(state, storage)
        if owner is not None:
            return storage_over, owner
    state.table[_Bytes] = _owned
    return make_storage, (_Bytes(bytes_of(storage)),)


def _owner(state: Pass, storage: Any) -> tuple[Any, int, int] | None:
    """The array that the memory of *storage* belongs to (``torch.from_numpy``), the first byte in there, and how many.

    torch does not tell it, so it is found only where a name is bound to the array or to a view of it.
    """
    start = storage.data_ptr()
    for value in list(state.namespace.values()):
        if type(value) is not sys.modules["numpy"].ndarray:
            continue
        root = root_of(value)
        if root.base is None and not root.dtype.hasobject:
            first, stop = span(root)
            if first <= start and start + storage.nbytes() <= stop and root.flags.forc:
                return root, start - first, storage.nbytes()
    return None


def storage_over(array: Any, offset: int, size: int) -> Any:
    """A storage over the memory of *array*."""
    line = array if array.flags.c_contiguous else array.T
    flat = sys.modules["numpy"].ndarray((size,), "u1", line, offset)
    return library().from_numpy(flat).untyped_storage()


class _Bytes:
    """The memory of a storage, to be stored as an array of its own: an array over a tensor refers to the storage."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array


def _owned(state: Pass, held: _Bytes) -> Any:
    if held.array.nbytes:
        state.spans.append((*span(held.array), True))
    return owned(state, held.array)


def bytes_of(storage: Any) -> Any:
    """The memory of *storage* as an array of bytes; no copy.

    Not by way of ``Tensor.numpy()``: that would forbid the user to resize the tensor from then on.
    """
    numpy = sys.modules["numpy"]
    if not storage.nbytes():
        return numpy.empty(0, numpy.uint8)
    memory = (ctypes.c_ubyte * storage.nbytes()).from_address(storage.data_ptr())
    memory.storage = storage  # kept as long as its memory is looked at
    return numpy.frombuffer(memory, numpy.uint8)


def make_storage(data: Any) -> Any:
    """A storage that owns a copy of *data*, and can be resized as one that torch has made itself."""
    torch = library()
    made = torch.empty(data.nbytes, dtype=torch.uint8).untyped_storage()
    ctypes.memmove(made.data_ptr(), data.ctypes.data, data.nbytes)
    return made


def over_tensor(array: Any, tensor: Any) -> Any:
    """Reduction of a numpy array that looks into the memory of *tensor* (``tensor.numpy()``)."""
    storage = tensor.untyped_storage()
    offset = array.__array_interface__["data"][0] - storage.data_ptr()
    return array_over, (storage, array.shape, array.dtype, offset, array.strides, bool(array.flags.writeable))


def array_over(storage: Any, shape: Any, dtype: Any, offset: int, strides: Any, writeable: bool) -> Any:
    """A numpy array over the memory of *storage*."""
    torch = library()
    whole = torch.empty(0, dtype=torch.uint8).set_(storage).numpy()
    made = sys.modules["numpy"].ndarray(shape, dtype, whole, offset, strides)
    made.flags.writeable = writeable
    return made


def find(kind: type) -> Any:
    """The reducer for tensors and storages, or None."""
    torch = library()
    if kind is torch.Tensor or kind is torch.nn.Parameter:
        return _tensor
    return _storage if kind is torch.UntypedStorage else None
