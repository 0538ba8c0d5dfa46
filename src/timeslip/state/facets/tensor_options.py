"""Facet ``tensor_options``: how torch, jax and keras compute where nobody says otherwise: types of numbers and such."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from timeslip.errors import FacetError
from timeslip.state.facets.base import FacetBase, register, shortened
from timeslip.state.facets.differences import EMPTY, canonical, parsed


class _Option(NamedTuple):
    default: Any
    get: Callable[[Any], Any]
    set: Callable[[Any, Any], Any]


def _of_torch(default: Any, get: str, put: str) -> _Option:
    return _Option(default, lambda torch: getattr(torch, get)(), lambda torch, value: getattr(torch, put)(value))


def _of_jax(name: str, default: Any) -> _Option:
    return _Option(default, lambda jax: getattr(jax.config, name), lambda jax, value: jax.config.update(name, value))


def _of_keras(name: str, default: Any) -> _Option:
    return _Option(
        default,
        lambda keras: getattr(keras.config, name)(),
        lambda keras, value: getattr(keras.config, f"set_{name}")(value),
    )


def _default_dtype(torch: Any) -> str:
    return str(torch.get_default_dtype()).removeprefix("torch.")


_OPTIONS: dict[str, dict[str, _Option]] = {
    "torch": {
        "default dtype": _Option(
            "float32", _default_dtype, lambda torch, value: torch.set_default_dtype(getattr(torch, value))
        ),
        "gradients": _of_torch(True, "is_grad_enabled", "set_grad_enabled"),
        "deterministic algorithms": _of_torch(
            False, "are_deterministic_algorithms_enabled", "use_deterministic_algorithms"
        ),
        "float32 precision": _of_torch("highest", "get_float32_matmul_precision", "set_float32_matmul_precision"),
    },
    "jax": {
        name: _of_jax(name, default)
        for name, default in {
            "jax_enable_x64": False,
            "jax_debug_nans": False,
            "jax_numpy_dtype_promotion": "standard",
            "jax_numpy_rank_promotion": "allow",
            "jax_default_matmul_precision": None,
            "jax_default_prng_impl": "threefry2x32",
        }.items()
    },
    "keras": {
        "floatx": _of_keras("floatx", "float32"),
        "epsilon": _of_keras("epsilon", 1e-07),
        "image_data_format": _of_keras("image_data_format", "channels_last"),
        "dtype_policy": _Option(
            "float32",
            lambda keras: keras.config.dtype_policy().name,
            lambda keras, value: keras.config.set_dtype_policy(value),
        ),
    },
}
"""Library -> option -> its usual value, how it is asked for, how it is set."""
_COMPLETE = {"torch": "set_default_dtype", "jax": "config", "keras": "config"}
"""What a library has when it is loaded completely."""


@register
class TensorOptionsFacet(FacetBase):
    """Options that differ from their usual values: ``{"torch": {"default dtype": "float64"}}``."""

    name: ClassVar[str] = "tensor_options"
    absent: ClassVar[bytes | None] = EMPTY

    def available(self) -> bool:
        """Whether one of the libraries is loaded, completely."""
        return any(_loaded(library) is not None for library in _OPTIONS)

    def capture(self) -> bytes:
        """The differences. Options that a release does not have are left out."""
        document: dict[str, dict[str, Any]] = {}
        for library, options in _OPTIONS.items():
            module = _loaded(library)
            if module is None:
                continue
            for name, option in options.items():
                value = _value(module, option)
                if value != option.default:
                    document.setdefault(library, {})[name] = value
        return canonical(document).encode() if document else EMPTY

    def restore(self, data: bytes) -> None:
        """Set what differs from what was recorded, loading a library if that is needed.

        Raises:
            FacetError: a library is not here, or refuses a value (the others are set); bytes of another making.
        """
        document = parsed(data)
        if not all(
            type(options) is dict and options.keys() <= _OPTIONS.get(library, {}).keys()
            for library, options in document.items()
        ):
            raise FacetError("the recorded options for tensors are not of a form that this release knows")
        refused: list[str] = []
        for library, options in _OPTIONS.items():
            wanted = document.get(library, {})
            module = _loaded(library)
            try:
                module = importlib.import_module(library) if module is None and wanted else module
                for name, option in options.items() if module is not None else ():
                    value = wanted.get(name, option.default)
                    if _value(module, option) != value:
                        option.set(module, value)
            except Exception as error:  # a library's own code: anything may come
                refused.append(f"{library} ({error})")
        if refused:
            raise FacetError(f"recorded options cannot be set: {', '.join(refused)}")

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """``options for tensors: torch default dtype float32 -> float64``."""
        old, new = (parsed(data or EMPTY) for data in (before, after))
        parts = []
        for library, options in _OPTIONS.items():
            for name, option in options.items():
                values = [side.get(library, {}).get(name, option.default) for side in (old, new)]
                if values[0] != values[1]:
                    parts.append(f"{library} {name} {values[0]} -> {values[1]}")
        return "options for tensors: " + (shortened(parts) or "unchanged")


def _loaded(library: str) -> Any:
    module = sys.modules.get(library)
    return module if hasattr(module, _COMPLETE[library]) else None


def _value(module: Any, option: _Option) -> Any:
    try:
        return option.get(module)
    except AttributeError:  # a release that does not have it
        return option.default
