"""jax: arrays out of band, with their weak types and places; functions and derivatives as they were made.

jax's own pickling puts the memory of an array into the stream, forgets on which devices it was put, and makes 32 bits
of 64 where jax is not told to use 64 now. A compiled function loses its name, a function with a derivative of its own
cannot be loaded, and those of jax itself come back as copies.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import TYPE_CHECKING, Any

from timeslip.codec import load, tried
from timeslip.codec.definitions import resolve_global
from timeslip.codec.kinds import attributes_of
from timeslip.codec.reducers import instances, traced
from timeslip.codec.reducers.numpy import owned

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_WITH_DERIVATIVES = frozenset({"custom_jvp", "custom_vjp"})


def library() -> Any:
    """jax: loaded where an array is stored; in a new process nothing may have asked for it yet."""
    return sys.modules.get("jax") or importlib.import_module("jax")


class _Memory:
    """What is in an array. Nobody can write to it, so it links nothing."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array


def _memory(state: Pass, held: _Memory) -> Any:
    return owned(state, held.array)


def _array(state: Pass, array: Any) -> Any:
    if (itself := tried.reference(array)) is not None:
        return itself
    if array.is_deleted():
        return deleted_array, (array.shape, array.dtype)
    if not array.is_fully_addressable or array.dtype.hasobject:
        return NotImplemented
    state.table[_Memory] = _memory
    content = _Memory(sys.modules["numpy"].asarray(array))
    place = array.sharding if getattr(array, "committed", getattr(array, "_committed", False)) else None
    return make_array, (content, bool(array.weak_type), place)


def make_array(content: Any, weak: bool, place: Any) -> Any:
    """An array; *place*: on which devices, None for the one that jax uses by itself."""
    with _wide() if content.dtype.itemsize >= 8 else contextlib.nullcontext():
        made = library().device_put(content, place)
        if weak:
            made.aval = made.aval.update(weak_type=True)
        return made


def _wide() -> Any:
    """A context in which jax takes numbers of 64 bits as they are."""
    jax = library()
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    return importlib.import_module("jax.experimental").enable_x64()


def deleted_array(shape: Any, dtype: Any) -> Any:
    """An array whose memory was given away."""
    made = make_array(importlib.import_module("numpy").empty(shape, dtype), weak=False, place=None)
    made.delete()
    return made


def _device(state: Pass, device: Any) -> Any:
    return find_device, (device.platform, device.id)


def find_device(platform: str, number: int) -> Any:
    """The device of that number.

    Raises:
        LookupError: there is none here.
    """
    for device in library().devices(platform):
        if device.id == number:
            return device
    raise LookupError(f"there is no device {platform}:{number} here")


def _is_global(function: Any) -> bool:
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    return isinstance(name, str) and resolve_global(getattr(function, "__module__", None), name) is function


def _function(state: Pass, function: Any) -> Any:
    if function.__dict__.get("__module__") != "__main__" and _is_global(function):
        return load.attribute, (function.__module__, getattr(function, "__qualname__", None) or function.__name__)
    made, args, own, *_ = function.__reduce_ex__(5)
    traces = traced.compiled(state, function, function._cache_size(), getattr(function, "__wrapped__", None))
    return made, args, (own, attributes_of(function) or function.__dict__, traces), None, None, set_function


def set_function(function: Any, parts: tuple[Any, ...]) -> None:
    """State setter for compiled functions: jax's own, then name, documentation and the like.

    jax keeps what it has compiled with the Python function, also for a wrapper that is made later: that may be of the
    state that is left.
    """
    own, attributes, *_ = parts
    function.__setstate__(own)
    function.__dict__.update(attributes)
    for used in (function, *traced.used_by(getattr(function, "__wrapped__", None))):
        if type(used) is type(function) and (used is function or not used._cache_size()):
            used.clear_cache()


def _with_derivative(kind: type) -> Any:
    whole = instances.by_attributes(kind)

    def reduce(state: Pass, function: Any) -> Any:
        if function.__dict__.get("__module__") != "__main__" and _is_global(function):
            return load.attribute, (function.__module__, function.__qualname__)
        return whole(state, function)

    return reduce


def find(kind: type) -> Any:
    """The reducer for arrays, devices and functions, or None."""
    if kind.__name__ == "ArrayImpl":
        return _array
    if kind.__module__.startswith("jaxlib"):
        return {"PjitFunction": _function, "Device": _device}.get(kind.__name__)
    if kind.__name__ in _WITH_DERIVATIVES and kind.__module__ == "jax._src.custom_derivatives":
        return _with_derivative(kind)
    return None
