"""Objects that fail, lie or are slow in every method that a description could be tempted to call."""

from __future__ import annotations

from typing import Any, NoReturn


class TouchedError(Exception):
    """A method of a hostile object was called."""


def _fail(*_args: Any, **_options: Any) -> NoReturn:
    raise TouchedError("touched")


METHODS = (
    "__repr__ __str__ __format__ __len__ __bool__ __eq__ __ne__ __hash__ __iter__ __contains__ __getitem__ __getattr__ "
    "__getattribute__ __lt__ __gt__ __int__ __float__ __index__ __bytes__ __dir__ __sizeof__ __reduce_ex__ keys items "
    "splitlines startswith bit_length shape dtype columns"
).split()


class HostileMeta(type):
    """Classes that may not even be compared, hashed or asked for their name."""

    __hash__ = _fail  # type: ignore[assignment]
    __eq__ = _fail  # type: ignore[assignment]
    __repr__ = _fail  # type: ignore[assignment]
    __instancecheck__ = _fail  # type: ignore[assignment]
    __subclasscheck__ = _fail  # type: ignore[assignment]

    def __getattribute__(cls, name: str) -> Any:
        raise TouchedError(name)


def hostile(base: type = object, *, meta: bool = False) -> Any:
    """A class over *base* whose every method fails; `meta`: the class itself does so, too."""
    body: dict[str, Any] = dict.fromkeys(METHODS, _fail)
    body["__class__"] = property(_fail)
    body["__module__"] = "__main__"
    return (HostileMeta if meta else type)("Hostile", (base,), body)


def make(base: type = object, *args: Any, meta: bool = False, **held: Any) -> Any:
    """An instance of `hostile`, with attributes *held* put in past its own methods."""
    value = base.__new__(hostile(base, meta=meta), *args)
    if base in (list, dict, set):
        base.__init__(value, *args)
    if held:
        _hold(value, held)
    return value


def _hold(value: Any, held: dict[str, Any]) -> None:
    for name, item in held.items():
        object.__setattr__(value, name, item)
