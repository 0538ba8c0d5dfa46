"""What `graphs` knows about torch and jax; neither is imported. Tensors of torch by the storage that they look into.

A storage is an object with an identity: two tensors that have it in common show each other's writes. Its memory may be
that of an array as well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.graphs.comparison import Comparison, Path

_Handler = Callable[["Comparison", "Path", Any, Any], None]

_VALUES = ("dtype", "device", "layout", "memory_format", "qscheme", "finfo", "iinfo")
"""Immutable helpers of torch."""


def handler(kind: type) -> _Handler | None:
    """The comparison for instances of *kind*, or None when neither library has such."""
    if kind.__name__ == "ArrayImpl" and "jax" in sys.modules:
        return _jax_array
    torch: Any = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "UntypedStorage") or not hasattr(torch, "jit"):
        return None
    if issubclass(kind, torch.Tensor):
        wraps = kind.__torch_dispatch__ is not torch.Tensor.__torch_dispatch__  # type: ignore[attr-defined]
        return None if wraps else _tensor
    if kind is torch.UntypedStorage:
        return _storage
    if kind is torch.Generator:
        return _generator
    if kind in _values(torch):
        return _value
    return _script if issubclass(kind, torch.jit.ScriptModule) and kind.__module__.startswith("torch.") else None


def without_identity(kind: type) -> bool:
    """Immutable values of torch."""
    torch: Any = sys.modules.get("torch")
    return torch is not None and kind in _values(torch)


def _values(torch: Any) -> list[type]:
    return [getattr(torch, name, object) for name in _VALUES]


def _value(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if repr(left) != repr(right):
        c.report(path, f"{left!r} != {right!r}")


_FACTS = "dtype layout device size requires_grad is_quantized"


def _tensor(c: Comparison, path: Path, left: Any, right: Any) -> None:
    torch: Any = sys.modules["torch"]
    with getattr(torch._C, "DisableTorchFunctionSubclass", torch._C.DisableTorchFunction)():
        for name in _FACTS.split():
            one, other = _asked(left, name), _asked(right, name)
            if one != other:
                c.report(path.then("." + name), f"{one} != {other}")
                return
        for name in ("is_conj", "is_neg", "is_inference", "names"):
            one, other = _asked(left, name), _asked(right, name)
            if one != other:
                c.report(path.then("." + name), f"{one} != {other}")
        _contents(torch, c, path, left, right)
        for name in ("grad", "_backward_hooks", "_post_accumulate_grad_hooks"):
            sides = [getattr(side, name, None) if side.is_leaf else None for side in (left, right)]
            c.pair(path.then("." + name), *sides)
    c.pair(path.then(".__dict__"), left.__dict__ or None, right.__dict__ or None)


def _asked(tensor: Any, name: str) -> Any:
    """A fact of *tensor*. Its size is asked for, because a parameter that is not initialized has no shape."""
    if name == "size" and tensor.is_nested:  # of which each part has its own
        return None
    found = getattr(tensor, name, None)
    return found() if callable(found) else found


def _contents(torch: Any, c: Comparison, path: Path, left: Any, right: Any) -> None:
    from timeslip.codec.reducers.torch import sparse_parts

    if left.is_nested or left.layout is not torch.strided:
        ones, others = (None, None) if left.is_nested else (sparse_parts(left), sparse_parts(right))
        c.pair(path.then(".parts"), ones, others)
        return
    for name in ("storage_offset", "stride"):
        one, other = getattr(left, name)(), getattr(right, name)()
        if one != other:
            c.report(path.then(f".{name}()"), f"{one} != {other}")
    if left.is_quantized:
        c.pair(path.then(".qscheme()"), *(_quantized(side) for side in (left, right)))
    c.pair(path.then(".untyped_storage()"), left.untyped_storage(), right.untyped_storage())


def _quantized(tensor: Any) -> tuple[Any, ...]:
    if "channel" not in str(tensor.qscheme()):
        return str(tensor.qscheme()), tensor.q_scale(), tensor.q_zero_point()
    parts = (tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points())
    return str(tensor.qscheme()), tensor.q_per_channel_axis(), *(part.tolist() for part in parts)


def _storage(c: Comparison, path: Path, left: Any, right: Any) -> None:
    from timeslip.codec.reducers.torch import bytes_of

    if left.nbytes() != right.nbytes() or left.device != right.device:
        c.report(path, f"{left.nbytes()} bytes on {left.device} != {right.nbytes()} bytes on {right.device}")
        return
    if left.device.type == "meta" or "numpy" not in sys.modules:
        return
    if left.device.type != "cpu":
        left, right = left.cpu(), right.cpu()
    ones, others = bytes_of(left), bytes_of(right)
    count = int((ones != others).sum())
    if count:
        c.report(path, f"{count} of {left.nbytes()} bytes differ")
    if ones.nbytes:
        c.arrays.append((path, ones, others))


def _generator(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left.device != right.device or left.get_state().tolist() != right.get_state().tolist():
        c.report(path, "generators in different states")


def _script(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """Modules of TorchScript: parameters, buffers, what they do, and which are traced."""
    sides = [dict([*side.named_parameters(), *side.named_buffers()]) for side in (left, right)]
    c.pair(path.then(".tensors"), *sides)
    kinds = [{name: type(part) for name, part in side.named_modules()} for side in (left, right)]
    c.pair(path.then(".modules"), *kinds)
    if getattr(left, "code", None) != getattr(right, "code", None):
        c.report(path.then(".code"), "differs")


def _jax_array(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is right:
        return
    sides = [(side.is_deleted(), str(side.dtype), side.shape, side.weak_type) for side in (left, right)]
    if sides[0] != sides[1]:
        c.report(path, f"{sides[0]} != {sides[1]}")
    elif not left.is_deleted():
        numpy: Any = sys.modules["numpy"]
        ones, others = (numpy.asarray(side) for side in (left, right))
        if ones.tobytes() != others.tobytes():
            c.report(path, "numbers differ")
        if left.sharding != right.sharding:
            c.report(path.then(".sharding"), f"{left.sharding} != {right.sharding}")
