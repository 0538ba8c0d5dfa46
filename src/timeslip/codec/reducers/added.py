"""Attributes that users hang on objects of libraries, and that neither the library nor its reducer takes along.

What the library's own code keeps in an instance is known by name (`kinds.stored_names`). Everything else was added.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from timeslip.codec import load, tried
from timeslip.codec.kinds import attributes_of, stored_names
from timeslip.errors import UnstorableError

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

Reducer = Callable[["Pass", Any], Any]

_AS_THEY_ARE = (load.hole, load.attribute, load.definition, tried.live)
"""What gives the very object, with whatever is on it."""


def to(obj: Any, known: Collection[str] = ()) -> dict[str, Any]:
    """The attributes that were added to *obj*; *known* are those that its library sets without naming them in code."""
    attributes = attributes_of(obj)
    if not attributes:
        return {}
    kind: Any = type(obj)
    own = stored_names(kind)
    return {name: value for name, value in attributes.items() if name not in own and name not in known}


def text(added: dict[str, Any]) -> str:
    """Short text that is another one when other things were added; of what can be changed, its identity alone."""
    plain = (int, float, str, bytes, bool, type(None))
    return " ".join(f"{name}={value if type(value) in plain else id(value)}" for name, value in added.items())


def keeping(reducer: Reducer | None, known: Collection[str] = ()) -> Reducer:
    """*reducer*, or pickle's own way where it is None, with what was added to the object."""

    def reduce(state: Pass, obj: Any) -> Any:
        result = NotImplemented if reducer is None else reducer(state, obj)
        extra = to(obj, known)
        if not extra:
            return result
        if result is NotImplemented:
            result = obj.__reduce_ex__(5)
        if isinstance(result, str) or result[0] in _AS_THEY_ARE:
            return result
        parts: list[Any] = [*result, None, None, None, None]
        make, args, own, items, entries, put = parts[:6]
        kept = own[0] if type(own) is tuple and own else own
        if type(kept) is dict:
            extra = {name: value for name, value in extra.items() if kept.get(name, kept) is not value}
        if not extra:
            return result
        return make, args, (own, put, extra), items, entries, put_added

    if reducer is None:
        reduce.looks_on = True  # type: ignore[attr-defined]  # its own pickling is tried all the same
    return reduce


def put_added(obj: Any, parts: tuple[Any, ...]) -> None:
    """State setter: as the object's own says, then what was added."""
    own, put, extra = parts
    if put is not None:
        put(obj, own)
    elif own is not None:
        _put(obj, own)
    attributes = attributes_of(obj)
    if attributes is not None:
        attributes.update(extra)


def _put(obj: Any, own: Any) -> None:
    """As pickle does it."""
    setter = getattr(obj, "__setstate__", None)
    if setter is not None:
        setter(own)
        return
    attributes, slots = own if type(own) is tuple and len(own) == 2 else (own, None)
    if attributes:
        vars(obj).update(attributes)
    for name, value in (slots or {}).items():
        setattr(obj, name, value)


_trying: set[int] = set()
"""Addresses of values that are being tried: one may hold the object that it hangs on."""


def storable(state: Pass, value: Any) -> bool:
    """Whether *value*, which belongs to something that is worth more, can be stored by itself."""
    if id(value) in _trying:
        return True
    _trying.add(id(value))
    try:
        captured = state.encoder.capture([("attribute", value)])
    except UnstorableError:
        return False
    finally:
        _trying.discard(id(value))
    found = not any(hole.fatal for hole in captured.holes)
    captured.release()
    return found
