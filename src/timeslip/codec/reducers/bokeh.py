"""bokeh: models by their attributes, properties by their class, and values that know whose they are.

A list or dict that is the value of a property notes its owners, each with the descriptor of the property. Pickled as
usual, it asks for them before it has them, and the descriptors come back as copies that no class knows.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import instances, subclasses

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _value(kind: type, library: Any) -> Any:
    def reduce(state: Pass, value: Any) -> Any:
        items = list(value.items()) if library is dict else list(library.__iter__(value))
        flat = [part for pair in items for part in pair] if library is dict else items
        owners = [(owner, descriptor.name) for owner, descriptor in value._owners]
        owners.sort(key=lambda owned: (str(owned[0].id), owned[1]))  # a set has them in the order of their addresses
        return subclasses.native_new, (kind, library, ()), (library, flat, owners), None, None, set_value

    return reduce


def set_value(value: Any, parts: tuple[Any, list[Any], list[tuple[Any, str]]]) -> None:
    """State setter for values of properties: items, and the owners with the names of the properties."""
    library, items, owners = parts
    subclasses.fill_items(value, library, items)
    value._owners = {(owner, getattr(type(owner), name)) for owner, name in owners}


def _model(kind: type) -> Any:
    by_attributes = instances.by_attributes(kind)

    def reduce(state: Pass, model: Any) -> Any:
        return (*by_attributes(state, model)[:5], set_model)

    return reduce


def set_model(model: Any, parts: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """State setter for models. bokeh counts to find an id that is free: from now on behind that of *model*."""
    instances.set_instance(model, parts)
    ids, given = import_module("bokeh.util.serialization"), re.fullmatch(r"p(\d+)", str(parts[0].get("_id")))
    if given is not None:
        ids._simple_id = max(ids._simple_id, int(given[1]))  # type: ignore[attr-defined]


def find(kind: type) -> Any:
    """The reducer for models and for values of properties that notify them, or None."""
    wrappers, models = sys.modules.get("bokeh.core.property.wrappers"), sys.modules.get("bokeh.model.model")
    if wrappers is not None and issubclass(kind, wrappers.PropertyValueContainer):
        library = next((base for base in (dict, list, set) if issubclass(kind, base)), None)
        return None if library is None else _value(kind, library)
    return _model(kind) if models is not None and issubclass(kind, models.Model) else None
