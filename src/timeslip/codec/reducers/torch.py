"""torch tensors by the storage that they look into, so that views stay views; and what else torch's pickling forgets.

torch's own pickling writes the storage anew for every tensor, with its address in it: two tensors over one storage come
back apart, a gradient and hooks are dropped, and the same tensor gives other bytes each time. A tensor on a device goes
by a copy in main memory and is put back there. Nested tensors, and subclasses that are no memory of their own (wrapped
or fake ones), go through torch's own pickling; optimizers keep their hooks here, and modules of TorchScript come back.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
import sys
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec import load
from timeslip.codec.captured import Hole
from timeslip.codec.kinds import attributes_of
from timeslip.codec.reducers import added, instances, owners
from timeslip.codec.reducers.numpy import owned, span

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_NO_GRAPH = "it comes back without the graph that its gradients go back through"
_OTHER_PROCESSES = "it comes back in memory of its own, which no other process shares"
_DEVICES = frozenset({"cuda", "xpu", "mps"})
"""Where memory is that can be copied to main memory and back."""


def library() -> Any:
    """torch: loaded where a tensor is stored; in a new process nothing may have asked for it yet."""
    return sys.modules.get("torch") or import_module("torch")


def _unasked() -> Any:
    """A context in which no code of a subclass runs when one of its tensors is asked for something."""
    torch = library()
    return getattr(torch._C, "DisableTorchFunctionSubclass", torch._C.DisableTorchFunction)


# ---- tensors


def _tensor(state: Pass, tensor: Any) -> Any:
    torch = library()
    if tensor.layout is not torch.strided:
        return _sparse(state, tensor)
    if not _has_memory(tensor):
        return NotImplemented
    where = (tensor.untyped_storage(), tensor.dtype, tensor.storage_offset(), tuple(tensor.size()), tensor.stride())
    made = (type(tensor), *where, tensor.requires_grad)
    more = _peculiar(tensor)
    return make_tensor, (*made, more) if more else made, _parts(state, tensor), None, None, set_parts


def _subclass(state: Pass, tensor: Any) -> Any:
    with _unasked()():
        return _tensor(state, tensor)


def _has_memory(tensor: Any) -> bool:
    """Whether storage, offset, shape and strides say what is in *tensor*."""
    known = tensor.device.type == "cpu" or tensor.device.type in _DEVICES
    return "numpy" in sys.modules and known and not tensor.is_nested


def _parts(state: Pass, tensor: Any) -> tuple[Any, ...] | None:
    """What else belongs to *tensor*: gradient, attributes, hooks."""
    leaf = tensor.is_leaf
    if not leaf:
        kind = type(tensor)
        name = f"{kind.__module__}.{kind.__qualname__}"
        # Going back through it frees it, which does not show.
        state.holes.append(Hole("", name, _NO_GRAPH, "", fatal=False, complete=False))
    grad = tensor.grad if leaf or tensor.retains_grad else None
    attributes = tensor.__dict__ or None
    hooks = (tensor._backward_hooks, getattr(tensor, "_post_accumulate_grad_hooks", None)) if leaf else ()
    if any(hooks):
        return grad, attributes, hooks
    return (grad, attributes) if grad is not None or attributes else None


def _peculiar(tensor: Any) -> dict[str, Any]:
    """What is not so in most tensors; empty for these."""
    found: dict[str, Any] = {}
    if tensor.is_conj():
        found["conj"] = True
    if tensor.is_neg():
        found["neg"] = True
    if tensor.is_inference():
        found["inference"] = True
    if tensor.is_quantized:
        found["quantizer"] = _quantizer(tensor)
    names = getattr(tensor, "names", ())
    if any(name is not None for name in names):
        found["names"] = tuple(names)
    return found


def _quantizer(tensor: Any) -> tuple[Any, ...]:
    torch = library()
    if tensor.qscheme() == torch.per_tensor_affine:
        return tensor.q_scale(), tensor.q_zero_point()
    return tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points(), tensor.q_per_channel_axis()


def make_tensor(
    kind: Any,
    storage: Any,
    dtype: Any,
    offset: int,
    shape: Any,
    strides: Any,
    requires_grad: bool,
    more: dict[str, Any] | None = None,
) -> Any:
    """A tensor, or parameter, that looks into *storage*; *more*: `_peculiar`."""
    torch, more = library(), more or {}
    mode = torch.inference_mode() if "inference" in more else contextlib.nullcontext()
    with _unasked()(), mode, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of kinds of tensors that torch is going to give up
        made = _empty(dtype, storage.device, more.get("quantizer")).set_(storage, offset, shape, strides)
        if "conj" in more:
            torch._C._set_conj(made, True)
        if "neg" in more:
            torch._C._set_neg(made, True)
        if "names" in more:
            made.rename_(*more["names"])
        return _of_kind(kind, made, requires_grad)


def _empty(dtype: Any, device: Any, quantizer: tuple[Any, ...] | None) -> Any:
    torch = library()
    if quantizer is None:
        return torch.empty(0, dtype=dtype, device=device)
    if len(quantizer) == 2:
        scale, zero = quantizer
        return torch._empty_affine_quantized([0], scale=scale, zero_point=zero, dtype=dtype, device=device)
    scales, zeros, axis = quantizer  # per channel
    shape = [len(scales) if position == axis else 0 for position in range(axis + 1)]
    known = {"scales": scales, "zero_points": zeros, "axis": axis, "dtype": dtype, "device": device}
    return torch._empty_per_channel_affine_quantized(shape, **known)


def _of_kind(kind: Any, made: Any, requires_grad: bool) -> Any:
    torch = library()
    if kind is torch.Tensor:
        return made.requires_grad_(True) if requires_grad else made
    return torch.Tensor._make_subclass(kind, made, requires_grad)


def set_parts(tensor: Any, parts: tuple[Any, ...]) -> None:
    """State setter for tensors: gradient, attributes, hooks."""
    grad, attributes, *hooks = parts
    with _unasked()():
        tensor.grad = grad
        for backward, accumulated in hooks:
            tensor._backward_hooks = backward
            if accumulated is not None:
                tensor._post_accumulate_grad_hooks = accumulated
    tensor.__dict__.update(attributes or {})


_COMPRESSED = {
    "torch.sparse_csr": ("crow_indices", "col_indices"),
    "torch.sparse_bsr": ("crow_indices", "col_indices"),
    "torch.sparse_csc": ("ccol_indices", "row_indices"),
    "torch.sparse_bsc": ("ccol_indices", "row_indices"),
}
"""Layout -> the methods that give the indices."""


def sparse_parts(tensor: Any) -> tuple[Any, ...] | None:
    """The tensors that a sparse one is made of, over the same memory; None for a layout that is not known."""
    plain = tensor.detach()
    if plain.layout is library().sparse_coo:
        return plain._indices(), plain._values()
    names = _COMPRESSED.get(str(plain.layout))
    return (*(getattr(plain, name)() for name in names), plain.values()) if names else None


def _sparse(state: Pass, tensor: Any) -> Any:
    if tensor.is_nested or (parts := sparse_parts(tensor)) is None:
        return NotImplemented
    coalesced = tensor.is_coalesced() if len(parts) == 2 else None
    made = (type(tensor), tensor.layout, parts, tuple(tensor.size()), coalesced, tensor.requires_grad)
    return make_sparse, made, _parts(state, tensor), None, None, set_parts


def make_sparse(kind: Any, layout: Any, parts: Any, size: Any, coalesced: bool | None, requires_grad: bool) -> Any:
    """A sparse tensor over the memory of *parts*."""
    torch = library()
    with _unasked()():
        if coalesced is None:
            made = torch.sparse_compressed_tensor(*parts, size, layout=layout, check_invariants=False)
        else:
            made = torch.sparse_coo_tensor(*parts, size, check_invariants=False)._coalesced_(coalesced)
        return _of_kind(kind, made, requires_grad)


# ---- storages


def _storage(state: Pass, storage: Any) -> Any:
    device = storage.device.type
    if "numpy" not in sys.modules or (device != "cpu" and device not in _DEVICES):
        return NotImplemented
    state.table[_Bytes] = _owned
    if device != "cpu":
        if storage.nbytes():
            state.spans.append((storage.data_ptr(), storage.data_ptr() + storage.nbytes(), True))
        return device_storage, (_Bytes(bytes_of(storage.cpu()), is_copy=True), str(storage.device))
    if not storage.resizable():  # then a numpy array may own the memory, or only look into it
        owner = owners.of(state, storage.data_ptr(), storage.nbytes())
        if owner is not None:
            return storage_over, owner
        within = _within(state, storage)
        if within is not None:
            return storage_within, within
    held = _Bytes(bytes_of(storage))
    if storage.is_shared():
        state.note(storage, _OTHER_PROCESSES, fatal=False)
        return make_storage, (held, "shared")
    if _is_pinned(storage):
        return make_storage, (held, "pinned")
    return make_storage, (held,)


def _is_pinned(storage: Any) -> bool:
    """Whether *storage* is pinned; only a process that uses CUDA has such memory, and no other is made to use it."""
    cuda = getattr(library(), "cuda", None)
    return cuda is not None and bool(cuda.is_initialized()) and bool(storage.is_pinned())


def _within(state: Pass, storage: Any) -> tuple[Any, int, int] | None:
    """The storage met before whose memory *storage* lies in, the first byte in there, and how many."""
    start, size = storage.data_ptr(), storage.nbytes()
    for first, stop, other in state.foreign:
        if first <= start and start + size <= stop:
            return other, start - first, size
        if first < start + size and start < stop:
            state.note(storage, "it comes back apart from a tensor that it shares memory with", fatal=False)
    state.foreign.append((start, start + size, storage))
    return None


def storage_within(storage: Any, offset: int, size: int) -> Any:
    """Another storage over a part of the memory of *storage*."""
    torch = library()
    whole = torch.empty(0, dtype=torch.uint8, device="cpu").set_(storage).numpy()
    return torch.from_numpy(whole[offset : offset + size]).untyped_storage()


def storage_over(owner: Any, offset: int, size: int) -> Any:
    """A storage over the memory of *owner*, an array or another object that gives its bytes."""
    return library().from_numpy(owners.bytes_of(owner, offset, size)).untyped_storage()


class _Bytes:
    """The memory of a storage, to be stored as an array of its own: an array over a tensor refers to the storage."""

    __slots__ = ("array", "is_copy")

    def __init__(self, array: Any, *, is_copy: bool = False) -> None:
        self.array, self.is_copy = array, is_copy


def _owned(state: Pass, held: _Bytes) -> Any:
    if held.array.nbytes and not held.is_copy:
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


def make_storage(data: Any, where: str = "") -> Any:
    """A storage that owns a copy of *data*, and can be resized as one that torch has made itself.

    Args:
        data: an array of bytes.
        where: "shared" for memory that other processes can be given; "pinned" for memory that devices read from, which
            it is only where CUDA is in use already.
    """
    torch = library()
    pinned = where == "pinned" and torch.cuda.is_initialized()
    made = torch.empty(data.nbytes, dtype=torch.uint8, device="cpu", pin_memory=pinned)
    ctypes.memmove(made.data_ptr(), data.ctypes.data, data.nbytes)
    return (made.share_memory_() if where == "shared" else made).untyped_storage()


def device_storage(data: Any, device: str) -> Any:
    """A storage on *device* with a copy of *data*."""
    torch = library()
    return torch.empty(0, dtype=torch.uint8, device="cpu").set_(make_storage(data)).to(device).untyped_storage()


def over_tensor(array: Any, tensor: Any) -> Any:
    """Reduction of a numpy array that looks into the memory of *tensor* (``tensor.numpy()``)."""
    storage = tensor.untyped_storage()
    offset = array.__array_interface__["data"][0] - storage.data_ptr()
    return array_over, (storage, array.shape, array.dtype, offset, array.strides, bool(array.flags.writeable))


def array_over(storage: Any, shape: Any, dtype: Any, offset: int, strides: Any, writeable: bool) -> Any:
    """A numpy array over the memory of *storage*."""
    torch = library()
    whole = torch.empty(0, dtype=torch.uint8, device="cpu").set_(storage).numpy()
    made = import_module("numpy").ndarray(shape, dtype, whole, offset, strides)
    made.flags.writeable = writeable
    return made


# ---- the rest of torch

_SCALERS = ("torch.amp.grad_scaler.GradScaler", "torch.cuda.amp.grad_scaler.GradScaler")
_BY_ATTRIBUTES = frozenset({"torch.nn.modules.module._WrappedHook", *_SCALERS})
"""Classes whose own pickling forgets something that is not made again."""


def _generator(state: Pass, generator: Any) -> Any:
    torch = library()
    if generator is torch.default_generator:
        return load.attribute, ("torch", "default_generator")
    if generator.device.type == "cuda":
        for position, default in enumerate(torch.cuda.default_generators):
            if default is generator:
                return default_generator, (position,)
    return make_generator, (str(generator.device), generator.get_state())


def make_generator(device: str, state: Any) -> Any:
    """A generator of random numbers."""
    return library().Generator(device).set_state(state)


def default_generator(position: int) -> Any:
    """The generator that torch has for a device of CUDA."""
    cuda = library().cuda
    cuda.init()
    return cuda.default_generators[position]


def _limits(state: Pass, limits: Any) -> Any:
    return make_limits, (type(limits).__name__, getattr(library(), limits.dtype))


def make_limits(kind: str, dtype: Any) -> Any:
    """``torch.finfo`` or ``torch.iinfo``."""
    return getattr(library(), kind)(dtype)


def _optimizer(state: Pass, optimizer: Any) -> Any:
    # its own pickling forgets hooks, and that a scheduler has changed `step`: all schedulers would complain then
    return make_optimizer, (type(optimizer),), (attributes_of(optimizer), {}), None, None, load.set_instance


def make_optimizer(kind: Any) -> Any:
    """An optimizer without attributes, its class prepared as when the first one is made."""
    made = object.__new__(kind)
    prepare = getattr(made, "_patch_step_function", None)
    if prepare is not None:
        prepare()
    return made


def _module(usual: Any) -> Any:
    def reduce(state: Pass, module: Any) -> Any:
        if attributes_of(module).get("_compiled_call_impl") is not None:  # each has them
            state.note(module, "it comes back without what its method `compile` has made", fatal=False)
        return NotImplemented if usual is None else usual(state, module)

    if usual is None:
        reduce.looks_on = True  # type: ignore[attr-defined]  # modules of libraries are tried all the same
    return reduce


def _is_usual_optimizer(kind: Any) -> bool:
    torch = library()
    base = getattr(getattr(torch, "optim", None), "Optimizer", None)
    if base is None or not issubclass(kind, base):
        return False
    return all(getattr(kind, name, None) is getattr(base, name, None) for name in ("__getstate__", "__reduce_ex__"))


def _script(state: Pass, module: Any) -> Any:
    """A module of TorchScript: what torch stores of it, and what Python holds around it and the modules in it."""
    torch = library()
    parts = dict(module.named_modules(remove_duplicate=False))
    traced = tuple((path, type(part)) for path, part in parts.items() if _is_traced(type(part)))
    if not _is_traced(type(module)) and type(module).__name__ != "RecursiveScriptModule":
        state.note(module, "it comes back as a module that torch.jit.load has made", fatal=False)
    file = io.BytesIO()
    torch.jit.save(module, file)
    tensors = dict([*module.named_parameters(), *module.named_buffers()])
    held, extra = {path: _shell(parts[path]) for path, _ in traced}, {}
    for path, part in parts.items():
        added_to = added.to(attributes_of(part).get(_ACTUAL, part), _OF_SCRIPT)
        own = {name: value for name, value in added_to.items() if not isinstance(value, torch._C.ScriptMethod)}
        if own:
            extra[path] = own
    state.keep += (parts, held, extra, *held.values(), *extra.values())
    if traced or extra.keys() - {""}:
        return make_script, (file.getvalue(), traced), (tensors, extra, held), None, None, set_script
    return make_script, (file.getvalue(),), (tensors, extra[""]) if extra else tensors, None, None, set_script


_ACTUAL = "_actual_script_module"
"""Under this name the module of TorchScript stands in what `torch.jit.trace` makes around it."""
_OF_SCRIPT = frozenset({"_backward_hooks", "_forward_hooks", "_name", _ACTUAL})
"""What torch sets in such a module without naming it in its class."""


def _is_traced(kind: Any) -> bool:
    """Whether instances of *kind* stand around a module of TorchScript."""
    return issubclass(kind, library().jit._trace.TracedModule) and kind.__module__.startswith("torch.")


def _shell(module: Any) -> dict[str, Any]:
    """What stands in a traced module beside that of TorchScript: its name, and the hooks of the user."""
    return {name: value for name, value in attributes_of(module).items() if name != _ACTUAL}


def make_script(data: bytes, traced: tuple[tuple[str, Any], ...] = ()) -> Any:
    """A module of TorchScript, those in it that were traced as such (path, class) with nothing set on them yet."""
    module = library().jit.load(io.BytesIO(data))
    for path, kind in reversed(traced):  # the inner ones first
        made = object.__new__(kind)
        made.__dict__[_ACTUAL] = _part(module, path)
        *owner, name = path.split(".")
        if name:
            _part(module, ".".join(owner))._modules[name] = made
        else:
            module = made
    return module


def _part(module: Any, path: str) -> Any:
    return functools.reduce(getattr, path.split(".") if path else (), module)


def set_script(module: Any, parts: Any) -> None:
    """State setter: its parameters and buffers are those that others hold as well; what was set on it in Python."""
    tensors, extra, *held = parts if type(parts) is tuple else (parts, {})
    if not held:  # of the module itself, which is none that was traced
        extra, held = {"": extra} if extra else {}, [{}]
    for path, attributes in held[0].items():
        own = _part(module, path).__dict__
        own.update({**attributes, _ACTUAL: own.pop(_ACTUAL)})
    for path, attributes in extra.items():
        part = _part(module, path)
        part.__dict__.get(_ACTUAL, part).__dict__.update(attributes)
    for name, tensor in tensors.items():
        path, _, last = name.rpartition(".")
        _part(module, path)._c.setattr(last, tensor)


def _operator(state: Pass, operator: Any) -> Any:
    return make_operator, (operator.namespace, operator._opname, operator._overloadname)


def _operators(state: Pass, packet: Any) -> Any:
    return make_operator, tuple(packet._qualified_op_name.split("::"))


def make_operator(*names: str) -> Any:
    """An operator by the names that lead to it from ``torch.ops``."""
    found = library().ops
    for name in names:
        found = getattr(found, name)
    return found


def find(kind: type) -> Any:
    """The reducer for what torch's own pickling gets wrong, or None."""
    torch = library()
    if kind is torch.Tensor or kind is torch.nn.Parameter:
        return _tensor
    if issubclass(kind, torch.Tensor):
        return _subclass if _is_memory(kind) else None
    if f"{kind.__module__}.{kind.__qualname__}" in _BY_ATTRIBUTES:
        return instances.by_attributes(kind)
    if _is_usual_optimizer(kind):
        return _optimizer
    if issubclass(kind, torch.jit.ScriptModule) and kind.__module__.startswith("torch."):
        return _script
    if issubclass(kind, torch.nn.Module):
        return _module(instances.by_attributes(kind) if _is_parametrized(kind) else instances.find(kind))
    return _found_by_name().get(kind)


def _is_parametrized(kind: Any) -> bool:
    """Whether *kind* was made by torch for one module, some of whose parameters are computed from others.

    Its ``__getstate__`` only raises: torch would have to make the class again where such a module is loaded. Here it is
    a definition like any other class that cannot be imported.
    """
    return any(base.__module__ == "torch.nn.utils.parametrize" for base in kind.__mro__)


def _found_by_name() -> dict[type, Any]:
    torch = library()
    return {
        torch.UntypedStorage: _storage,
        torch.Generator: _generator,
        torch.finfo: _limits,
        torch.iinfo: _limits,
        torch._ops.OpOverload: _operator,
        torch._ops.OpOverloadPacket: _operators,
    }


def _is_memory(kind: Any) -> bool:
    """Whether tensors of that class are memory and attributes, as those of its base are."""
    torch = library()
    usual = all(getattr(kind, name) is getattr(torch.Tensor, name) for name in ("__reduce__", "__torch_dispatch__"))
    own_way = {base.__dict__.get("__reduce_ex__") for base in kind.__mro__} - {None}
    return usual and own_way <= {base.__dict__.get("__reduce_ex__") for base in (*torch.nn.Parameter.__mro__,)}
