"""Classes and functions made in the session: who they are, what they consist of, how they are changed in place.

A definition is referred to by identity (`DefinitionId`) from everything that uses it, and stored once by itself, in
two parts. The *header* is what the object cannot be made without (code and number of cells, or metaclass, bases and
slots); the *content* is what may change during its life (defaults, attributes, cells). A live object of the same
identity is never replaced: its content is changed, so that instances nobody reloads still belong to the class.
"""

from __future__ import annotations

import abc
import collections.abc
import enum
import numbers
import sys
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from marshal import dumps as dumps_code
from marshal import loads as loads_code
from typing import Any

from timeslip.codec import enumerations, generics, mapped, pytrees
from timeslip.codec.changes import Change, cell_value
from timeslip.codec.scopes import Scope, ScopeRegistry, foreign_scope
from timeslip.errors import UnrestorableError
from timeslip.ids import DefinitionId

# The C half of abc, always there on CPython: the only way to read what was registered. Typeshed does not know it.
_abc: Any = import_module("_abc")

HEAP_TYPE = 1 << 9
"""Py_TPFLAGS_HEAPTYPE: made at run time, unlike the static types of the interpreter."""

FUNCTION, CLASS = "function", "class"


class Registry:
    """Which definition id belongs to which live object. Holds only weak references.

    Not thread-safe by itself: used under the session's lock.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, weakref.ref[Any]] = {}
        self._by_address: dict[int, tuple[weakref.ref[Any], DefinitionId]] = {}
        self.scopes = ScopeRegistry()

    def id_of(self, obj: Any) -> DefinitionId:
        """The id of *obj*; a new one when it was never seen."""
        known = self._by_address.get(id(obj))
        if known is not None and known[0]() is obj:
            return known[1]
        new = DefinitionId.new()
        self.bind(new, obj)
        return new

    def known(self, obj: Any) -> DefinitionId | None:
        """The id of *obj* if it has one."""
        entry = self._by_address.get(id(obj))
        return entry[1] if entry is not None and entry[0]() is obj else None

    def bind(self, identity: DefinitionId, obj: Any) -> None:
        """Say that *obj* is the live object of *identity*."""
        address = id(obj)

        def forget(
            reference: weakref.ref[Any],
            by_id: dict[str, weakref.ref[Any]] = self._by_id,
            by_address: dict[int, tuple[weakref.ref[Any], DefinitionId]] = self._by_address,
        ) -> None:
            if by_id.get(identity) is reference:
                del by_id[identity]
            entry = by_address.get(address)
            if entry is not None and entry[0] is reference:
                del by_address[address]

        reference = weakref.ref(obj, forget)
        self._by_id[identity] = reference
        self._by_address[address] = (reference, identity)

    def objects(self) -> list[Any]:
        """Every live class, function and scope that has an id."""
        found = [self.live(identity) for identity in list(self._by_id)]
        scopes = [self.scopes.live(identity) for identity, _ in self.scopes.all()]
        return [obj for obj in (*found, *scopes) if obj is not None]

    def live(self, identity: str) -> Any | None:
        """The live object of *identity*, or None."""
        reference = self._by_id.get(identity)
        return reference() if reference is not None else self.scopes.live(identity)


def is_a(obj: Any, kinds: Any) -> bool:
    """`isinstance` without asking *obj* for its ``__class__``, which proxies answer for what they stand for."""
    return issubclass(type(obj), kinds)


def of(kind: type, name: str) -> Any:
    """What Python gives every class under *name*, without asking the metaclass, whose code may be the user's."""
    try:
        return type.__getattribute__(kind, name)
    except AttributeError:  # a class that was made where there is no ``__name__`` says of no module that it is its own
        return None
    except TypeError:  # ``list[int]`` on Python 3.10, which says that it is a class
        return getattr(kind, name, None)


def class_name(kind: type) -> str:
    """The dotted name of a class, whatever its metaclass says."""
    return f"{of(kind, '__module__')}.{of(kind, '__qualname__')}"


def resolve_global(module_name: str | None, qualname: str) -> Any | None:
    """What ``module.qualname`` is now, without importing anything; None when it is nothing."""
    module = sys.modules.get(module_name or "")
    if module is None or "<locals>" in qualname:
        return None
    found: Any = module
    for part in qualname.split("."):
        try:
            found = getattr(found, part)
        except Exception:  # any module may define __getattr__ that raises what it likes
            return None
    return found


def holder_of(obj: Any, name: str) -> str | None:
    """The loaded module that holds *obj* under *name*, or None.

    For objects that do not say where they belong. pickle asks every loaded module with `getattr` each time: that takes
    milliseconds and wakes up modules that import or warn lazily; the dictionaries tell the same without either.
    """
    loaded: list[tuple[str, object]] = list(sys.modules.items())  # programs put other things than modules there, too
    for module_name, module in loaded:
        if module_name != "__main__" and isinstance(module, types.ModuleType) and vars(module).get(name) is obj:
            return module_name
    return None


def module_of(kind: Any) -> types.ModuleType | None:
    """The loaded module that a class says it belongs to; None when there is none (``__module__`` may be anything)."""
    name = of(kind, "__module__") if isinstance(kind, type) else kind.__module__
    return sys.modules.get(name) if isinstance(name, str) else None


def is_definition(obj: Any, namespace: dict[str, Any]) -> bool:
    """Whether a class or function was made in the session (or cannot be imported, which comes to the same)."""
    if type(obj) is types.FunctionType:
        if obj.__globals__ is namespace or _is_of(obj, namespace):
            return True
        return importable_part(obj) is None
    if not of(obj, "__flags__") & HEAP_TYPE or is_made_by_ctypes(obj):
        return False
    if _is_of(obj, namespace):
        return True
    return resolve_global(of(obj, "__module__"), of(obj, "__qualname__")) is not obj and not is_written_in_c(obj)


def is_made_by_ctypes(cls: type) -> bool:
    """Whether a class is no class statement's, but made by ctypes of another type: of arrays of it, or of pointers."""
    if type(cls).__module__ != "_ctypes" or type(cls).__name__ not in ("PyCArrayType", "PyCPointerType"):
        return False
    return import_module("timeslip.codec.reducers.ctypes").made_type(cls) is not None


_C_METHODS = (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)


def is_written_in_c(cls: type) -> bool:
    """Whether a class is none of a ``class`` statement: it has methods of its own that are written in C.

    Many such classes are found nowhere under the name they give themselves (``_json.Scanner`` is
    ``_json.make_scanner``), and none can be made again from its parts.
    """
    for value in of(cls, "__dict__").values():
        if type(value) in _C_METHODS and value.__objclass__ is cls:
            return True
        if type(value) is types.BuiltinFunctionType and value.__name__ == "__new__" and value.__self__ is cls:
            return True
    return False


_PARTS = ("__func__", "__wrapped__", "fget", "fset", "fdel")


def importable_part(function: types.FunctionType) -> str | None:
    """Where an installed module has *function*: "" under its own name, or the attribute of what has its name.

    A function behind a class method, a property or a decorator has the name of that.
    """
    found = resolve_global(function.__module__, function.__qualname__)
    if found is function:
        return ""
    if found is None:
        return None
    for part in _PARTS:
        try:
            if getattr(found, part, None) is function:
                return part
        except Exception:  # as in `resolve_global`
            continue
    return None


def _is_of(obj: Any, namespace: dict[str, Any]) -> bool:
    """Whether the module that *obj* says it belongs to is the session's own."""
    module = module_of(obj)
    return module is not None and module.__dict__ is namespace


def dump_code(code: types.CodeType) -> bytes:
    """Code as bytes, equal for equal code.

    Version 2 of marshal's format: later ones mark shared references by reference count, which changes from one call
    to the next.
    """
    return dumps_code(code, 2)


def load_code(tag: str, data: bytes) -> types.CodeType:
    """Inverse of `dump_code`.

    Raises:
        UnrestorableError: written by another version of Python.
    """
    if tag != sys.implementation.cache_tag:
        raise UnrestorableError(
            f"code recorded by {tag} cannot run in {sys.implementation.cache_tag}",
            hint="it comes back by running its cell again",
        )
    code = loads_code(data)
    assert isinstance(code, types.CodeType)
    return code


# ---- functions -------------------------------------------------------------------------------------------------


def function_header(
    function: types.FunctionType, namespace: dict[str, Any], cells: list[tuple[str, int]]
) -> dict[str, Any]:
    """What a function cannot be made without; plain data but for modules and foreign globals.

    Args:
        function: the function.
        namespace: the session's globals.
        cells: for each closure cell, the function of the co-variable that names it and its number there, so that
            functions that share a cell share it again.
    """
    where: Any = "session"
    if function.__globals__ is not namespace:
        scope = foreign_scope(function, namespace)
        where = sys.modules[str(function.__globals__["__name__"])] if scope is None else Scope(function)
    return {
        "kind": FUNCTION,
        "code": (str(sys.implementation.cache_tag), dump_code(function.__code__)),
        "cells": cells,
        "globals": where,
        "name": function.__name__,
    }


def function_content(function: types.FunctionType) -> dict[str, Any]:
    """What may change during a function's life."""
    content = {
        "kind": FUNCTION,
        "name": function.__name__,
        "qualname": function.__qualname__,
        "module": function.__module__,
        "doc": function.__doc__,
        "defaults": function.__defaults__,
        "kwdefaults": function.__kwdefaults__,
        "annotations": function.__annotations__,
        "dict": function.__dict__,
        "cells": function.__closure__ or (),
    }
    if getattr(function, "__type_params__", ()):
        content["type_params"] = function.__type_params__  # type: ignore[attr-defined]  # Python 3.12 on
    return content


def held_functions(function: types.FunctionType) -> Iterator[types.FunctionType]:
    """The functions that *function* holds in its cells, defaults and attributes, without looking into containers."""
    cells = [cell_value(cell) for cell in function.__closure__ or ()]
    for value in (*cells, *(function.__defaults__ or ()), *function.__dict__.values()):
        if type(value) is types.FunctionType:
            yield value


def make_function(
    header: Mapping[str, Any], namespace: dict[str, Any], cells: tuple[types.CellType, ...]
) -> types.FunctionType:
    """A function from its header; its content is set later."""
    where = header["globals"]
    if type(where) is Scope:
        scope = where.globals
    else:
        scope = namespace if where == "session" else where.__dict__
    return types.FunctionType(load_code(*header["code"]), scope, header["name"], None, cells or None)


_FUNCTION_FIELDS = {
    "name": "__name__",
    "qualname": "__qualname__",
    "module": "__module__",
    "doc": "__doc__",
    "defaults": "__defaults__",
    "kwdefaults": "__kwdefaults__",
    "annotations": "__annotations__",
    "dict": "__dict__",
    "type_params": "__type_params__",
}


def function_changes(
    function: types.FunctionType, header: Mapping[str, Any], content: Mapping[str, Any]
) -> list[Change]:
    """The in-place changes that make *function* equal to header and content (cells excepted: see `restore`)."""
    changes: list[Change] = []
    tag, data = header["code"]
    if dump_code(function.__code__) != data:
        changes.append(Change(function, "__code__", load_code(tag, data)))
    for key, attribute in _FUNCTION_FIELDS.items():
        if key in content and getattr(function, attribute) is not content[key]:
            changes.append(Change(function, attribute, content[key]))
    return changes


# ---- classes ---------------------------------------------------------------------------------------------------

CLASS_SKIP = frozenset({"__dict__", "__weakref__", "_abc_impl", "__module__", "__qualname__", "__slotnames__"})


def _is_method(value: Any) -> bool:
    """Whether *value* is a function of a class, plain or wrapped; nothing that could refer to the class itself."""
    if is_a(value, (staticmethod, classmethod)):
        return isinstance(value.__func__, types.FunctionType)
    if type(value) is property:
        return all(part is None or type(part) is types.FunctionType for part in (value.fget, value.fset, value.fdel))
    return type(value) is types.FunctionType


def _is_plain(value: Any) -> bool:
    """Whether *value* is a number, a text, or a dict of such with nothing else in it."""
    if type(value) is dict:
        return all(type(key) is str and type(held) in _ATOMS for key, held in value.items())
    return type(value) in _ATOMS


_ATOMS = frozenset({int, float, bool, str, type(None)})


def class_header(cls: type) -> dict[str, Any]:
    """What a class cannot be made without."""
    header: dict[str, Any] = {
        "kind": CLASS,
        "metaclass": type(cls),
        "name": of(cls, "__name__"),
        "module": cls.__dict__.get("__module__"),
        "qualname": of(cls, "__qualname__"),
        "bases": cls.__bases__,
    }
    slots = cls.__dict__.get("__slots__")
    if slots is not None:
        header["slots"] = slots if isinstance(slots, str) else tuple(slots)
    methods = {name: value for name, value in cls.__dict__.items() if _is_method(value)}
    if type(cls).__hash__ is not type.__hash__:  # as those of sympy: the class itself may be hashed before it is whole
        methods.update({name: value for name, value in cls.__dict__.items() if _is_plain(value)})
    if type(cls).__module__ == "_ctypes":
        header["layout"] = _layout(cls)
    if methods and not isinstance(cls, enum.EnumMeta):
        # instances may be made, hashed and compared before the class has its whole content
        header["methods"] = methods
    if not isinstance(cls, enum.EnumMeta):
        header["names"], header["later"] = _order(cls)
    if "__type_params__" in cls.__dict__:
        # the bounds of its parameters may be the class itself: they come with the content
        header["generic"] = tuple(type(parameter).__name__ for parameter in cls.__dict__["__type_params__"])
    elif "__orig_bases__" in cls.__dict__:
        header["orig_bases"] = cls.__dict__["__orig_bases__"]
    if isinstance(cls, enum.EnumMeta):
        header.update(enumerations.header_of(cls))
    if (reason := only_by_its_statement(cls)) is not None:
        header["only"] = reason
    return header


def only_by_its_statement(cls: type) -> str | None:
    """Why a class cannot be made without running its class statement, or None.

    What a library remembers of such a class, by itself and by tables of its own, is more than the class.
    """
    if not mapped.is_declared(of(cls, "__dict__")):
        return None
    return f"{of(cls, '__name__')} is declared with the ORM of SQLAlchemy: only its class statement makes such a class"


_LAYOUT = ("_pack_", "_align_", "_layout_", "_anonymous_", "_fields_")
"""What a structure of ctypes is made of, once for all. In the order in which ctypes wants it."""


def _layout(cls: type) -> dict[str, Any]:
    """What of `_LAYOUT` a class statement said."""
    found = {name: cls.__dict__[name] for name in _LAYOUT if name in cls.__dict__}
    for field in found.get("_fields_", ()):
        held: Any = field[1]
        while is_made_by_ctypes(held):
            held = held._type_
        if held is cls:
            raise TypeError(f"{of(cls, '__name__')} is a structure that refers to itself")
    return found


def class_content(cls: type) -> dict[str, Any]:
    """What may change during a class's life: its attributes, and what was registered with an ABC."""
    skip = CLASS_SKIP
    if isinstance(cls, enum.EnumMeta):
        skip = skip | enumerations.SKIP | frozenset(cls.__members__)
    attributes = _attributes(cls, skip)
    content: dict[str, Any] = {
        "kind": CLASS,
        "name": of(cls, "__name__"),
        "qualname": of(cls, "__qualname__"),
        "module": cls.__dict__.get("__module__"),
        "bases": cls.__bases__,
        "attributes": attributes,
    }
    if isinstance(cls, enum.EnumMeta):
        content["members"], content["enumeration"] = enumerations.content_of(cls)
    if "_abc_impl" in cls.__dict__:
        content["abc_registry"] = _abc_registry(cls)
    known = registered_with(cls)
    if known:
        content["registered_with"] = known
    if "jax" in sys.modules and (how := pytrees.registered(cls)) is not None:
        content["pytree"] = how
    if (seen := mapped.known_to(cls)) is not None:
        content["mapped"] = seen
    return content


def _attributes(cls: type, skip: frozenset[str]) -> dict[str, Any]:
    """The attributes of *cls* in their order, without slots, which are made anew with it, and what is a library's."""
    declared = mapped.is_declared(of(cls, "__dict__"))
    return {
        name: value
        for name, value in cls.__dict__.items()
        if name not in skip
        and type(value) not in (types.MemberDescriptorType, types.GetSetDescriptorType)
        and not _is_laid_out(name, value)
        and not (declared and mapped.is_theirs(name, value))
    }


def _is_laid_out(name: str, value: Any) -> bool:
    """Whether an attribute of a class is part of the layout of its instances, which ctypes makes and never changes."""
    return name in _LAYOUT or type(value).__name__ == "CField"


def _order(cls: type) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the attributes as they stand: of the class statement, and of what was set later, if that shows.

    Between the two, Python itself puts the docstring of a class that has none.
    """
    names = tuple(_attributes(cls, CLASS_SKIP))
    end = names.index("__doc__") if cls.__dict__.get("__doc__", "") is None else len(names)
    return names[:end], names[end + 1 :]


def _abc_registry(cls: type) -> list[type]:
    registry = _abc._get_dump(cls)[0]
    found = [reference() for reference in registry]
    return sorted((c for c in found if c is not None), key=lambda c: (c.__module__, c.__qualname__))


def registered_with(cls: type) -> list[type]:
    """The abstract classes of Python's own that a class has been registered with."""
    if type(cls) not in (type, abc.ABCMeta):
        return []  # its metaclass may say how classes are hashed
    reference = weakref.ref(cls)
    return [known for known in _ABSTRACT if reference in _abc._get_dump(known)[0]]


_ABSTRACT = [
    value for module in (collections.abc, numbers) for value in vars(module).values() if type(value) is abc.ABCMeta
]


def class_changes(cls: type, content: Mapping[str, Any]) -> list[Change]:
    """The in-place changes that make *cls* equal to *content*."""
    changes: list[Change] = []
    target: dict[str, Any] = dict(content["attributes"])
    if cls.__bases__ != content["bases"]:
        changes.append(Change(cls, "__bases__", content["bases"]))
    for key, attribute in (("name", "__name__"), ("qualname", "__qualname__"), ("module", "__module__")):
        if getattr(cls, attribute) != content[key] and content[key] is not None:
            changes.append(Change(cls, attribute, content[key]))
    present = class_content(cls)["attributes"]
    if "__class__" in present:  # a proxy's property: only the class statement can put it there, nothing can change it
        target.pop("__class__", None)
        del present["__class__"]
    for name, value in target.items():
        if name not in present or present[name] is not value:
            changes.append(Change(cls, name, value))
    changes += [Change(cls, name, Change.MISSING) for name in present if name not in target]
    changes += _in_order(cls, list(present), target)
    if "members" in content:
        changes += enumerations.changes(cls, content["members"], content.get("enumeration", {}))
    if "abc_registry" in content and _abc_registry(cls) != content["abc_registry"]:
        changes.append(_Registered(cls, content["abc_registry"]))
    if registered_with(cls) != content.get("registered_with", []):
        changes.append(_RegisteredWith(cls, content.get("registered_with", [])))
    if "pytree" in content:
        changes.append(pytrees.Register(cls, content["pytree"]))
    if "mapped" in content and mapped.known_to(cls) != tuple(content["mapped"]):
        changes.append(mapped.Known(cls, content["mapped"]))
    return changes + generics.change(cls, content["attributes"])


def _in_order(cls: type, present: list[str], target: Mapping[str, Any]) -> list[Change]:
    """What gives the attributes of a live class their order: those after the first that is not in its place, anew.

    Names that mean something to Python stay where they are: some of them cannot be taken away.
    """
    wanted = [name for name in target if not name.startswith("__")]
    there = [name for name in present if name in target and not name.startswith("__")]
    there += [name for name in wanted if name not in present]
    place = next((place for place, (one, other) in enumerate(zip(there, wanted, strict=True)) if one != other), None)
    if place is None:
        return []
    removed = [Change(cls, name, Change.MISSING) for name in wanted[place:]]
    return removed + [Change(cls, name, target[name]) for name in wanted[place:]]


class _Registered(Change):
    """What is registered with an abstract class, with its inverse."""

    __slots__ = ()

    def __init__(self, cls: type, registry: list[type]) -> None:
        super().__init__(cls, "register", registry)

    def apply(self) -> None:
        """See `Change.apply`."""
        self._before = _abc_registry(self.target)
        self._set(self.value)

    def _set(self, value: Any) -> None:
        _set_registry(self.target, value)


class _RegisteredWith(Change):
    """With which abstract classes of Python's own a class is registered, with its inverse."""

    __slots__ = ()

    def __init__(self, cls: type, known: list[type]) -> None:
        super().__init__(cls, "registered_with", known)

    def apply(self) -> None:
        """See `Change.apply`."""
        self._before = registered_with(self.target)
        self._set(self.value)

    def _set(self, value: Any) -> None:
        for known in _ABSTRACT:
            registry = _abc_registry(known)
            others = [cls for cls in registry if cls is not self.target]
            if known in value and len(others) == len(registry):
                known.register(self.target)
            elif known not in value and len(others) < len(registry):
                _set_registry(known, others)


def _set_registry(cls: type, registry: list[type]) -> None:
    _abc._reset_registry(cls)
    for base in of(cls, "__mro__"):
        if "_abc_impl" in of(base, "__dict__"):
            _abc._reset_caches(base)  # what it has been asked before may not be true any more
    restore_abc(cls, registry)


def restore_abc(cls: type, registry: list[type]) -> None:
    """Register again what was registered with an abstract class made in the session."""
    register: Callable[[type], type] = cls.register  # type: ignore[attr-defined]  # only ABCs get here
    for subclass in registry:
        register(subclass)
