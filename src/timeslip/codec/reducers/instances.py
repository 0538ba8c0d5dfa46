"""Instances of classes made in the session: by their attributes, without running the session's own pickling hooks.

``__getstate__`` may drop state, ``__reduce__`` may answer anything, ``__new__`` may return an object that exists
already (a singleton would then be *changed* by loading an old version of it). A plain instance is its type, its
``__dict__`` and its slots; so that is what is stored, and how it is made again.
"""

from __future__ import annotations

import copyreg
import enum
import sys
import types
from typing import TYPE_CHECKING, Any

from timeslip.codec import load
from timeslip.codec.definitions import module_of, resolve_global

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass

_HOOKS = frozenset(
    {
        "__new__",
        "__reduce__",
        "__reduce_ex__",
        "__getstate__",
        "__setstate__",
        "__getnewargs__",
        "__getnewargs_ex__",
        "__setattr__",
    }
)
_HEAP_TYPE = 1 << 9
_IMMUTABLE_TYPE = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE: types of C modules that are made at run time since Python 3.12

_COMPILED_FUNCTIONS = frozenset({"cython_function_or_method", "fused_cython_function"})
"""Functions of compiled modules: found by their names, although their types are found nowhere."""

# An instance's own dict is referred to by the instance, the local variable and the argument of getrefcount.
_OWN_REFERENCES = 3


def _by_attributes(state: Pass, obj: Any) -> Any:
    kind = type(obj)
    attributes = _dict_of(obj)
    slots = {}
    for name in copyreg._slotnames(kind):  # type: ignore[attr-defined]  # what object.__reduce_ex__ itself uses
        try:
            slots[name] = object.__getattribute__(obj, name)
        except AttributeError:
            continue  # an empty slot
    return load.instance, (kind,), (attributes, slots), None, None, load.set_instance


def _plain(state: Pass, obj: Any) -> Any:
    # The dict itself may be shared: by all instances through the class, or with a name.
    attributes = _dict_of(obj)
    if attributes is None or sys.getrefcount(attributes) <= _OWN_REFERENCES:
        return NotImplemented
    for base in type(obj).__mro__[:-1]:
        if any(value is attributes for value in base.__dict__.values()):
            return _by_attributes(state, obj)
    if any(value is attributes for value in state.namespace.values()):
        return _by_attributes(state, obj)
    return NotImplemented


def _with_attributes(state: Pass, obj: Any) -> Any:
    """As pickle does it, with the attributes that the reduction of the type written in C leaves out."""
    attributes = _dict_of(obj)
    if not attributes:
        return NotImplemented
    reduced = obj.__reduce_ex__(5)
    if not isinstance(reduced, tuple) or len(reduced) < 2 or not isinstance(reduced[1], tuple):
        return NotImplemented
    if (len(reduced) > 2 and reduced[2] is not None) or hasattr(type(obj), "__setstate__"):
        return NotImplemented
    return (*reduced[:2], attributes, *reduced[3:])


def _dict_of(obj: Any) -> dict[str, Any] | None:
    try:
        found = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        return None
    return found if type(found) is dict else None


def _member(state: Pass, member: enum.Enum) -> Any:
    kind = type(member)
    if kind.__members__.get(str(member._name_)) is member:
        return load.member, (kind, member._name_)
    return NotImplemented  # a combination of flags: by its value


def member(kind: Any, name: str) -> Any:
    """A member of an enumeration."""
    return kind.__members__[name]


def find(kind: type) -> Any:
    """The reducer for instances of a class of the session that is built on plain ``object``, else None."""
    if issubclass(kind, enum.Enum):
        return _member
    if kind.__name__ in _COMPILED_FUNCTIONS:
        return None
    own = False
    for base in kind.__mro__[:-1]:
        if not base.__flags__ & _HEAP_TYPE or base.__flags__ & _IMMUTABLE_TYPE or "__module__" not in base.__dict__:
            # Built on a type written in C: object.__new__ does not make such an instance.
            return _with_attributes if _is_of_session(kind) else None
        hooked = not _HOOKS.isdisjoint(base.__dict__)
        imported = _is_imported(base)
        if imported and hooked:
            return _by_attributes if own else None
        own = own or (hooked and not imported)
    if _is_imported(kind):
        return None
    return _by_attributes if own else _plain


def _is_of_session(kind: type) -> bool:
    """Whether *kind* is a class statement's, not a metaclass or an exception, and not of an installed module."""
    made = kind.__flags__ & _HEAP_TYPE and not kind.__flags__ & _IMMUTABLE_TYPE
    return bool(made) and not issubclass(kind, (type, BaseException)) and not _is_imported(kind)


def _is_imported(kind: type) -> bool:
    return kind.__module__ != "__main__" and resolve_global(kind.__module__, kind.__qualname__) is kind


def type_variable(state: Pass, variable: Any) -> Any:
    """Type variables of the session by what they are made of; their own reduction is a name in ``__main__``."""
    module = module_of(variable)
    imported = module is not None and module.__dict__ is not state.namespace
    if imported and getattr(module, variable.__name__, None) is variable:
        return NotImplemented
    options = (variable.__bound__, variable.__covariant__, variable.__contravariant__, variable.__module__)
    constraints = getattr(variable, "__constraints__", ())
    return make_type_variable, (type(variable), variable.__name__, constraints, options)


def make_type_variable(kind: Any, name: str, constraints: tuple[Any, ...], options: tuple[Any, ...]) -> Any:
    """A TypeVar or ParamSpec."""
    bound, covariant, contravariant, module = options
    made = kind(name, *constraints, bound=bound, covariant=covariant, contravariant=contravariant)
    made.__module__ = module
    return made


def make_instance(kind: type) -> Any:
    """An empty instance, without running ``__new__`` of the session."""
    return object.__new__(kind)


def set_instance(obj: Any, state: tuple[dict[str, Any] | None, dict[str, Any]]) -> None:
    """Give an instance its attributes, without running ``__setattr__`` or ``__setstate__`` of the session."""
    attributes, slots = state
    if attributes is not None:
        object.__setattr__(obj, "__dict__", attributes)
    for name, value in slots.items():
        for base in type(obj).__mro__:
            slot = base.__dict__.get(name)
            if isinstance(slot, types.MemberDescriptorType):
                slot.__set__(obj, value)
                break
