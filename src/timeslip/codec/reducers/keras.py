"""keras: layers, models, optimizers, metrics and losses by their attributes.

keras' own pickling writes an archive that another object is made of: what two models share comes back twice, a metric
without its counts, an optimizer without its state, and a class of the session not at all. By attributes everything
comes back with what it shares. What keras keeps by the addresses of objects is written down anew for the new ones; the
compiled functions for training are made again by the next use.
"""

from __future__ import annotations

import collections
import inspect
import sys
import types
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec import load
from timeslip.codec.definitions import resolve_global
from timeslip.codec.kinds import attributes_of
from timeslip.codec.reducers import instances, subclasses

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_COMPILED = ("train_function", "test_function", "predict_function")
"""Attributes of a model: what is in them is made again where they are None."""
_MADE_BY_NEW = ("build", "quantize")
"""Attributes of a layer that hold the layer itself in functions."""


def _module(name: str) -> Any:
    return sys.modules.get(f"keras.src.{name}")


# ---- layers, models, optimizers, metrics


def _saveable(state: Pass, obj: Any) -> Any:
    attributes = dict(attributes_of(obj) or {})
    for name in _COMPILED:
        if attributes.get(name) is not None:
            attributes[name] = None
    if _is_layer(type(obj)):
        for name in _MADE_BY_NEW:
            attributes.pop(name, None)
    addressed = _addressed(attributes)
    return make, (type(obj),), (attributes, addressed), None, None, set_saveable


def _is_layer(kind: type) -> bool:
    module = _module("layers.layer")
    return module is not None and issubclass(kind, module.Layer)


def _addressed(attributes: dict[str, Any]) -> dict[str, Any]:
    """Take out of *attributes* what is keyed by addresses; name -> the objects."""
    found: dict[str, Any] = {}
    if attributes.get("_loss_ids"):  # kept during a call only
        attributes.pop("_loss_ids")
        found["_loss_ids"] = list(attributes.get("_losses", ()))
    nodes, operations = attributes.get("_nodes"), attributes.get("_operations")
    if type(nodes) is set and operations is not None:
        known = {str(id(operation)): operation for operation in operations}
        pairs = [key.rpartition("_ib-") for key in sorted(nodes)]
        found["_nodes"] = [(known[address], int(index)) for address, _, index in pairs if address in known]
        attributes.pop("_nodes")
    indices = attributes.get("_trainable_variables_indices")
    if indices and all(type(key) is int for key in indices):
        found["_trainable_variables_indices"] = list(attributes["_trainable_variables"])
        attributes.pop("_trainable_variables_indices")
    return found


def make(kind: Any) -> Any:
    """An object of *kind* without attributes, but for those of a layer that hold the layer itself."""
    return _module("layers.layer").Layer.__new__(kind) if _is_layer(kind) else object.__new__(kind)


def set_saveable(obj: Any, parts: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """State setter: attributes, and what is keyed by addresses."""
    attributes, addressed = parts
    own = obj.__dict__
    kept = {name: own[name] for name in _MADE_BY_NEW if name in own}
    own.clear()
    own.update(attributes, **kept)
    if "_loss_ids" in addressed:
        own["_loss_ids"] = set(map(id, addressed["_loss_ids"]))
    if "_nodes" in addressed:
        own["_nodes"] = {f"{id(operation)}_ib-{index}" for operation, index in addressed["_nodes"]}
    if "_trainable_variables_indices" in addressed:
        variables = addressed["_trainable_variables_indices"]
        own["_trainable_variables_indices"] = {id(variable): index for index, variable in enumerate(variables)}


# ---- what keeps track of their parts


def _tracker(state: Pass, tracker: Any) -> Any:
    attributes = dict(vars(tracker))
    config = {name: (*_nested(test), store) for name, (test, store) in attributes.pop("config").items()}
    stored = attributes.pop("stored_ids")
    objects = {name: [obj for obj in config[name][-1] if id(obj) in stored[name]] for name in stored}
    return load.instance, (type(tracker),), (attributes, config, objects), None, None, set_tracker


def set_tracker(tracker: Any, parts: tuple[dict[str, Any], dict[str, Any], dict[str, Any]]) -> None:
    """State setter: what is tracked, and by which tests."""
    attributes, config, objects = parts
    vars(tracker).update(attributes)
    tracker.config = {name: (_unnested(*test), store) for name, (*test, store) in config.items()}
    tracker.stored_ids = {name: set(map(id, tracked)) for name, tracked in objects.items()}


def _nested(function: Any) -> tuple[Any, ...]:
    """A function that another function of keras makes, by that one and its place in there; else the function itself."""
    if type(function) is types.FunctionType and not function.__closure__:
        outer = function.__qualname__.rpartition(".<locals>.")[0]
        position = _position(_code_of(function.__module__, outer), function.__code__)
        if outer and position >= 0:
            return function.__module__, outer, position
    return (function,)


def _code_of(module: str, name: str) -> Any:
    holder = resolve_global(module, name) if name else None
    return getattr(inspect.unwrap(holder), "__code__", None) if callable(holder) else None


def _position(code: Any, wanted: Any) -> int:
    constants = code.co_consts if code is not None else ()
    return next((position for position, constant in enumerate(constants) if constant is wanted), -1)


def _unnested(*parts: Any) -> Any:
    if len(parts) == 1:
        return parts[0]
    module, outer, position = parts
    scope = vars(import_module(module))
    code = _code_of(module, outer).co_consts[position]
    made = types.FunctionType(code, scope)
    made.__qualname__ = f"{outer}.<locals>.{code.co_name}"
    return made


def tracked(base: Any) -> Any:
    """The reducer for containers that know who tracks them: filled by the methods of *base*, which tell nobody."""

    def reduce(state: Pass, container: Any) -> Any:
        items: list[Any] = []
        if issubclass(base, dict):
            for pair in base.items(container):
                items.extend(pair)
        else:
            items.extend(base.__iter__(container))
        parts = (base, items, True, attributes_of(container), None)
        return subclasses.native_new, (type(container), base, ()), parts, None, None, subclasses.fill

    return reduce


_CONTAINERS: dict[str, Any] = {
    "TrackedList": list,
    "TrackedDict": dict,
    "TrackedOrderedDict": collections.OrderedDict,
    "TrackedSet": set,
}


def find(kind: type) -> Any:
    """The reducer for what keras pickles in its own way, or holds by address, or None."""
    saveable, tracking, variables = _module("saving.keras_saveable"), _module("utils.tracking"), _module("backend")
    if saveable is not None and issubclass(kind, saveable.KerasSaveable):
        return _saveable if getattr(kind, "__reduce__", None) is saveable.KerasSaveable.__reduce__ else None
    if tracking is not None and kind.__module__ == tracking.__name__:
        if kind is tracking.Tracker:
            return _tracker
        return tracked(_CONTAINERS[kind.__name__]) if kind.__name__ in _CONTAINERS else None
    if variables is not None and issubclass(kind, getattr(variables, "Variable", ())):
        return instances.by_attributes(kind)
    return instances.by_attributes(kind) if kind.__name__ == "DynamicBackend" else None  # which asks itself for all
