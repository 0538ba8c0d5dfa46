"""Facet ``tensor_options``: how torch, jax and keras compute where nobody says otherwise: types of numbers and such."""

from __future__ import annotations

from typing import Any, ClassVar

from timeslip.state.facets.base import register
from timeslip.state.facets.option_table import Option, OptionTable


def _of_torch(default: Any, get: str, put: str) -> Option:
    return Option(default, lambda torch: getattr(torch, get)(), lambda torch, value: getattr(torch, put)(value))


def _of_jax(name: str, default: Any) -> Option:
    return Option(default, lambda jax: getattr(jax.config, name), lambda jax, value: jax.config.update(name, value))


def _of_keras(name: str, default: Any) -> Option:
    return Option(
        default,
        lambda keras: getattr(keras.config, name)(),
        lambda keras, value: getattr(keras.config, f"set_{name}")(value),
    )


def _default_dtype(torch: Any) -> str:
    return str(torch.get_default_dtype()).removeprefix("torch.")


def _default_device(torch: Any) -> str | None:
    """Where torch puts what it makes; None: where nobody has said."""
    context = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    return None if context is None else str(context.device)


_OPTIONS: dict[str, dict[str, Option]] = {
    "torch": {
        "default dtype": Option(
            "float32", _default_dtype, lambda torch, value: torch.set_default_dtype(getattr(torch, value))
        ),
        "default device": Option(None, _default_device, lambda torch, value: torch.set_default_device(value)),
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
        "dtype_policy": Option(
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
class TensorOptionsFacet(OptionTable):
    """See `OptionTable`."""

    name: ClassVar[str] = "tensor_options"
    subject = "options for tensors"
    options = _OPTIONS
    complete = _COMPLETE
