"""Makes classes of the session from their headers, without running their class statements."""

from __future__ import annotations

import abc
import contextlib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, Generic

from timeslip.codec import enumerations
from timeslip.codec.changes import written_in_c
from timeslip.codec.definitions import of
from timeslip.errors import UnrestorableError

_abc: Any = import_module("_abc")  # the C half of abc, as in `definitions`

_AT_ONCE = frozenset({"__class__", "__dict__", "__weakref__"})
"""What only the class statement can give a class; set later, it would mean the class itself."""


def make_class(header: Mapping[str, Any], namespace: dict[str, Any]) -> type:
    """A class from its header, with nothing in it yet but slots, methods and enum members.

    No code of the session runs: metaclass hooks and ``__init_subclass__`` of session classes are left out, because
    what they did is part of the recorded state.

    Raises:
        UnrestorableError: only its class statement makes it.
    """
    if "only" in header:
        raise UnrestorableError(header["only"])
    metaclass, bases = header["metaclass"], header["bases"]
    body: dict[str, Any] = {"__module__": header["module"], "__qualname__": header["qualname"]}
    body.update(_in_place_of(header.get("names", ())))
    body.update({name: header["methods"][name] for name in _AT_ONCE & header.get("methods", {}).keys()})
    body.update(header.get("layout", {}))
    if "slots" in header:
        body["__slots__"] = header["slots"]
    if "orig_bases" in header:
        body["__orig_bases__"] = header["orig_bases"]
    if "generic" in header:
        body["__orig_bases__"] = (_generic(header["generic"]),)  # made to be replaced by the content
    if "members" in header:
        made = enumerations.make(metaclass, header, body)
    else:
        made = _bare_class(metaclass, header["name"], bases, body, namespace)
        if "layout" in header:  # from Python 3.13 on it is only done then
            written_in_c(made, "__init__")(made, header["name"], bases, body)
        methods = header.get("methods", {})
        later = (name for name in header.get("later", ()) if name not in of(made, "__dict__"))
        for name, value in {**_in_place_of(later), **methods}.items():
            if name not in _AT_ONCE:
                written_in_c(made, "__setattr__")(made, name, value)
    assert isinstance(made, type)
    return made


def _generic(kinds: Any) -> Any:
    """What makes a class generic until it has its own parameters, of as many and of these kinds.

    A subclass that the class holds itself may say what they are, before the class is whole.
    """
    names = ("TypeVar",) if kinds is True else kinds  # older records do not tell
    stand_ins = [getattr(typing, kind)(f"_{number}") for number, kind in enumerate(names)]
    unpack: Any = getattr(typing, "Unpack", None)
    given = [unpack[it] if kind == "TypeVarTuple" else it for kind, it in zip(names, stand_ins, strict=True)]
    generic: Any = Generic
    return generic[tuple(given)]


def _in_place_of(names: Iterable[str]) -> dict[str, Any]:
    """Values for the attributes of a class until its content is there, so that ``vars`` gives them in their order.

    A subclass may be made before that, where the class itself holds one: what Python and libraries then ask the class
    for is empty instead of None.
    """
    return {name: _EMPTY.get(name, type(None))() for name in names}


class _NoParameters:
    """In the place of what a data class was declared with: `enum` asks for one thing of it, from Python 3.12 on."""

    repr = False


_EMPTY: dict[str, type] = {
    "__abstractmethods__": frozenset,
    "__annotations__": dict,
    "__dataclass_params__": _NoParameters,
    "__parameters__": tuple,
}


def _bare_class(
    metaclass: type, name: str, bases: tuple[type, ...], body: dict[str, Any], namespace: dict[str, Any]
) -> type:
    hooks = [base for given in bases for base in given.__mro__ if _hook_of(base) is not None]
    theirs = [base for base in hooks if _hook_of(base).__globals__ is not namespace]  # type: ignore[union-attr]
    if theirs:
        try:
            with _without_hooks(set(hooks) - set(theirs)):
                return _class_without_content(metaclass, name, bases, body)
        except Exception:  # a library's hook that wants what the class statement said: it ran then, and left its traces
            pass
    with _without_hooks(set(hooks)):
        return _class_without_content(metaclass, name, bases, body)


def _class_without_content(metaclass: type, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
    if not isinstance(metaclass.__new__, types.FunctionType):
        made: Any = metaclass.__new__(metaclass, name, bases, body)
    else:  # a metaclass written in Python: what its __new__ did to the class is among the recorded attributes
        made = type.__new__(metaclass, name, bases, body)
        if issubclass(metaclass, abc.ABCMeta):
            _abc._abc_init(made)
    assert isinstance(made, type)
    return made


@contextlib.contextmanager
def _without_hooks(bases: Iterable[type]) -> Iterator[None]:
    """Subclasses of *bases* are made without asking these."""
    saved = [(base, of(base, "__dict__")["__init_subclass__"]) for base in bases]
    for base, _hook in saved:
        type.__setattr__(base, "__init_subclass__", classmethod(lambda cls, **options: None))
    try:
        yield
    finally:
        for base, hook in saved:
            type.__setattr__(base, "__init_subclass__", hook)


def _hook_of(base: type) -> types.FunctionType | None:
    """The ``__init_subclass__`` of a class itself, if it is written in Python."""
    hook = getattr(of(base, "__dict__").get("__init_subclass__"), "__func__", None)
    return hook if type(hook) is types.FunctionType else None
