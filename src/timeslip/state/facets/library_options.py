"""Facet ``library_options``: how numpy and torch print, how scikit-learn is configured, and the like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from timeslip.state.facets.base import register
from timeslip.state.facets.option_table import Option, OptionTable

_PLAIN = (int, float, str, bool, type(None))
_PRINTING = {
    "precision": 8,
    "threshold": 1000,
    "edgeitems": 3,
    "linewidth": 75,
    "suppress": False,
    "nanstr": "nan",
    "infstr": "inf",
    "sign": "-",
    "floatmode": "maxprec",
    "legacy": False,
}
"""What can be written down of how numpy prints: a function that formats cannot."""
_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_PRINTING_OF_TORCH = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}


def _other(values: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: values[name]
        for name in usual
        if name in values and values[name] != usual[name] and type(values[name]) in _PLAIN
    }


def _usual(sklearn: Any) -> dict[str, Any]:
    """What scikit-learn begins with, which depends on its release and on the environment."""
    found: dict[str, Any] = sklearn._config._global_config
    return found


def _printing_of_torch(torch: Any) -> dict[str, Any]:
    options = torch._tensor_str.PRINT_OPTS
    return _other({name: getattr(options, name) for name in _PRINTING_OF_TORCH}, _PRINTING_OF_TORCH)


_OPTIONS: dict[str, dict[str, Option]] = {
    "numpy": {
        "printing": Option(
            {},
            lambda numpy: _other(numpy.get_printoptions(), _PRINTING),
            lambda numpy, value: numpy.set_printoptions(**{**_PRINTING, **value}),
        ),
        "errors": Option(
            {},
            lambda numpy: _other(numpy.geterr(), _ERRORS),
            lambda numpy, value: numpy.seterr(**{**_ERRORS, **value}),
        ),
    },
    "torch": {
        "printing": Option(
            {},
            _printing_of_torch,
            lambda torch, value: torch.set_printoptions(**{**_PRINTING_OF_TORCH, **value}),
        ),
    },
    "sklearn": {
        "configuration": Option(
            {},
            lambda sklearn: _other(sklearn.get_config(), _usual(sklearn)),
            lambda sklearn, value: sklearn.set_config(**{**_usual(sklearn), **value}),
        ),
    },
    "logging": {
        "disabled up to": Option(
            0,
            lambda logging: logging.root.manager.disable,
            lambda logging, value: logging.disable(value),
        ),
    },
}
_COMPLETE = {
    "numpy": "get_printoptions",
    "torch": "set_printoptions",
    "sklearn": "set_config",
    "logging": "disable",
}
"""What a library has when it is loaded completely."""


@register
class LibraryOptionsFacet(OptionTable):
    """See `OptionTable`."""

    name: ClassVar[str] = "library_options"
    subject = "options of libraries"
    options = _OPTIONS
    complete = _COMPLETE
