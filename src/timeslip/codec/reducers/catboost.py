"""catboost: models as they pickle themselves, with what Python knows of them, such as how many features there are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_IN_C = "_object"
"""Under this name a model has what is in C, which is the only thing that its own pickling takes along in full."""


def _model(state: Pass, model: Any) -> Any:
    make, arguments, own = model.__reduce_ex__(5)[:3]
    attributes = {name: value for name, value in vars(model).items() if name != _IN_C}
    parts = (own, attributes)
    state.keep += (own, attributes, parts)
    return make, arguments, parts, None, None, set_model


def set_model(model: Any, parts: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """State setter for models."""
    own, attributes = parts
    model.__setstate__(own)
    vars(model).update(attributes)


def find(kind: type) -> Any:
    """The reducer for models, or None."""
    base = getattr(sys.modules.get("catboost.core"), "_CatBoostBase", None)
    return _model if base is not None and issubclass(kind, base) else None
