"""traitlets and ipywidgets: objects with traits by the values of their traits, and by those who are told of changes.

Their own pickling drops the observers. A widget also holds the connection to its view on the page, which cannot be
stored: it comes back with a new one, and is seen where it is shown again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec.kinds import filled, is_imported, own_slots, set_slots
from timeslip.codec.reducers.instances import Lacking

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_OWN = frozenset({"_trait_values", "_trait_notifiers", "_trait_validators", "_cross_validation_lock", "_model_id"})
"""Attributes that are stored in a way of their own, or belong to the connection."""
_SIMPLE = frozenset({"Any", "Unicode", "Int", "Float", "Bool", "CInt", "CFloat"})
"""Traits that can be made again from their default value and metadata."""


def _library() -> Any:
    return sys.modules.get("traitlets") or import_module("traitlets")


def _is_widget(kind: type) -> bool:
    return any(base.__module__ == "ipywidgets.widgets.widget" and base.__name__ == "Widget" for base in kind.__mro__)


def _with_traits(state: Pass, obj: Any) -> Any:
    kind, added = type(obj), None
    base = kind.__mro__[1]
    if kind.__qualname__ == base.__qualname__ and not is_imported(kind):  # traits were added to this object
        added = {name: _described(trait) for name, trait in vars(kind).items() if hasattr(trait, "this_class")}
        kind = base
    lacks: tuple[Lacking, ...] = ()
    if _is_widget(kind):
        state.note(obj, "a widget with a new connection to the page: it is seen where it is shown again", fatal=False)
        lacks = (Lacking(),)
    attributes = {name: value for name, value in vars(obj).items() if name not in _OWN}
    values = {name: value for name, value in obj._trait_values.items() if name not in ("comm", "log")}
    made = (kind,) if added is None else (kind, added)
    more = filled(obj, own_slots(kind)), _checking(obj)
    rest = (more, *lacks) if any(more) else lacks
    return make, made, (attributes, values, list(_told(obj)), *rest), None, None, set_traits


def _checking(obj: Any) -> dict[str, Any]:
    """Trait -> what checks its values, without what the class itself adds to every instance."""
    own = _library().EventHandler
    return {name: check for name, check in obj._trait_validators.items() if not isinstance(check, own)}


def _told(obj: Any) -> Iterator[tuple[Any, Any, list[Any]]]:
    """Name, kind of change and functions, without those that the class itself adds to every instance."""
    for name, kinds in obj._trait_notifiers.items():
        for change, callbacks in kinds.items():
            own = [one for one in callbacks if not isinstance(one, _library().EventHandler)]
            if own:
                yield name, change, own


def _described(trait: Any) -> tuple[str, Any, dict[str, Any]]:
    if type(trait).__name__ not in _SIMPLE:
        raise TypeError(f"a {type(trait).__name__} was added to the traits of one object")
    return type(trait).__name__, trait.default_value, trait.metadata


def make(kind: Any, added: dict[str, tuple[str, Any, dict[str, Any]]] | None = None) -> Any:
    """An object with its traits as they are by default; a widget without connection."""
    made = kind.__new__(kind)
    if added is not None:
        library = _library()
        made.add_traits(
            **{name: getattr(library, trait)(value).tag(**more) for name, (trait, value, more) in added.items()}
        )
    return made


def set_traits(obj: Any, parts: tuple[Any, ...]) -> None:
    """State setter for objects with traits, past validation: nobody is told of values that were there before."""
    attributes, values, told, *rest = parts
    obj.__dict__.update(attributes)
    obj._trait_values.update(values)
    for name, change, callbacks in told:
        obj._trait_notifiers.setdefault(name, {}).setdefault(change, []).extend(callbacks)
    for slots, checking in (part for part in rest if type(part) is tuple):
        set_slots(obj, slots)
        obj._trait_validators.update(checking)
    if _is_widget(type(obj)):
        _connect(obj)


def _connect(widget: Any) -> None:
    """Give *widget* a connection to the page, and first to what it consists of: a message names them by theirs.

    In a cycle one of them gets its connection before it has its values; they are sent when it has.
    """
    if widget._trait_values.get("comm") is not None:
        widget.send_state()
        return
    work = [value for name, value in widget._trait_values.items() if widget.trait_metadata(name, "sync")]
    while work:
        part = work.pop()
        if isinstance(part, (list, tuple)):
            work += part
        elif isinstance(part, dict):
            work += part.values()
        elif _is_widget(type(part)) and part is not widget and part._trait_values.get("comm") is None:
            part.__dict__.setdefault("_model_id", None)
            part.open()
    widget.__dict__["_model_id"] = None
    widget.open()


def find(kind: type) -> Any:
    """The reducer for objects with traits, or None: what is configured (the shell, applications) is nobody's value."""
    library, config = sys.modules.get("traitlets"), sys.modules.get("traitlets.config.configurable")
    if library is None or not issubclass(kind, library.HasTraits):
        return None
    return None if config is not None and issubclass(kind, config.Configurable) else _with_traits
