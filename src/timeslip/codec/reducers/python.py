"""Python's own objects: definitions, methods, cells, descriptors, modules, exceptions, weak references, views."""

from __future__ import annotations

import builtins
import contextlib
import contextvars
import copyreg
import functools
import gc
import importlib
import inspect
import io
import sys
import threading
import types
import typing
import weakref
from typing import TYPE_CHECKING, Any

from timeslip.codec import definitions, imports, load
from timeslip.codec.guarding import guarded
from timeslip.codec.hidden import state_of
from timeslip.codec.kinds import (
    attributes_of,
    filled,
    held_attributes,
    library_of,
    own_slots,
    set_attributes,
    set_slots,
)
from timeslip.codec.placeholder import Placeholder
from timeslip.codec.reducers import instances, subclasses, system, typed, views
from timeslip.codec.reducers.caches import fill_cache, lru_cache  # noqa: F401 - as older streams name them

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_STATIC_TYPES = {
    value: f"types.{name}" for name, value in vars(types).items() if isinstance(value, type) and name.endswith("Type")
}


def _function(state: Pass, function: types.FunctionType) -> Any:
    if definitions.is_definition(function, state.namespace):
        if function.__globals__ is not state.namespace:
            state.meet_scope(function)
        return state.refer(function)
    part = definitions.importable_part(function)
    if part:
        return imports.reference(state, function.__module__, f"{function.__qualname__}.{part}", function)
    if part == "" and not imports.is_found(function.__module__):
        return imports.reference(state, function.__module__, function.__qualname__, function)
    if part == "":
        state.encoder.named.note(function.__module__, function.__qualname__, function)
    return NotImplemented


def _class(state: Pass, cls: type) -> Any:
    if id(cls) in state.by_name:
        return NotImplemented
    if definitions.is_made_by_ctypes(cls):
        return importlib.import_module("timeslip.codec.reducers.ctypes").made_type(cls)
    if definitions.is_definition(cls, state.namespace):
        return state.refer(cls)
    if definitions.resolve_global(cls.__module__, cls.__qualname__) is cls:
        if not imports.is_found(cls.__module__):
            return imports.reference(state, cls.__module__, cls.__qualname__, cls)
        state.by_name[id(cls)] = cls
        if definitions.of(cls, "__flags__") & definitions.HEAP_TYPE:
            state.encoder.named.note(cls.__module__, cls.__qualname__, cls)
        return NotImplemented
    known = _STATIC_TYPES.get(cls)
    if known is not None:
        module, _, name = known.partition(".")
        return load.attribute, (module, name)
    if cls in (type(None), type(Ellipsis), type(NotImplemented)):
        return NotImplemented
    module_dict = getattr(definitions.module_of(cls), "__dict__", {})
    for name, value in list(module_dict.items()):
        if value is cls:
            return load.attribute, (cls.__module__, name)
    if cls.__module__ == "_ctypes" and issubclass(cls, type):
        found = importlib.import_module("timeslip.codec.reducers.ctypes").metaclass(cls)
        if found is not None:
            return found
    return state.hole(cls, "a type that cannot be found by its name")


def _method(state: Pass, method: types.MethodType) -> Any:
    found = imports.exported(method)
    if found is not None:
        return imports.reference(state, *found)
    return types.MethodType, (method.__func__, method.__self__)


def _builtin(state: Pass, function: types.BuiltinFunctionType) -> Any:
    owner = function.__self__
    if owner is None or issubclass(type(owner), types.ModuleType):
        return guarded(state, function) if state.careful else NotImplemented
    found = imports.exported(function)
    return (getattr, (owner, function.__name__)) if found is None else imports.reference(state, *found)


def _code(state: Pass, code: types.CodeType) -> Any:
    return load.code, (str(sys.implementation.cache_tag), definitions.dump_code(code))


def _cell(state: Pass, cell: types.CellType) -> Any:
    owner, index = state.cells.get(id(cell), (None, 0))
    try:
        contents: tuple[Any, ...] = (cell.cell_contents,)
    except ValueError:
        contents = ()
    if contents and type(contents[0]) is dict:
        contents = (_shown_dict(state, contents[0]),)
    return load.cell, (owner, index), contents, None, None, load.set_cell


class _ClassDict:
    """Stands for the very dict of a class, which expressions in a class body see that are evaluated late."""

    __slots__ = ("of",)

    def __init__(self, of: type) -> None:
        self.of = of


def _shown_dict(state: Pass, found: dict[str, Any]) -> Any:
    """*found*, or what stands for it when it is the dict of a class."""
    if "__module__" not in found or "__doc__" not in found:
        return found
    for owner in gc.get_referrers(found):
        if isinstance(owner, type) and _dict_of(owner) is found:
            stand_in = _ClassDict(owner)
            state.keep.append(stand_in)
            return stand_in
    return found


def _dict_of(cls: type) -> Any:
    return next(iter(gc.get_referents(type.__dict__["__dict__"].__get__(cls))), None)


def _class_dict(state: Pass, stand_in: _ClassDict) -> Any:
    return class_dict, (stand_in.of,)


def class_dict(cls: type) -> Any:
    """The very dict of a class."""
    return _dict_of(cls)


def _module(state: Pass, module: types.ModuleType) -> Any:
    name = module.__name__
    if sys.modules.get(name) is module:
        return imports.module_reference(state, module, name)
    if module.__dict__ is state.namespace:
        name = "__main__"  # not in a constant tuple: that would be one object in all captures, and link them
        return load.module, (name,)
    return load.scope_module, (str(state.refer_scope(module)),)


def _module_of_its_own_class(state: Pass, module: types.ModuleType) -> Any:
    """A module that a library has given a class of its own (lazy loading, warnings): by name, like any other."""
    name = module.__dict__.get("__name__")
    return (load.module, (name,)) if type(name) is str and sys.modules.get(name) is module else NotImplemented


def _property(state: Pass, value: property) -> Any:
    return property, (value.fget, value.fset, value.fdel, value.__doc__)


def _cached_property(state: Pass, value: Any) -> Any:
    """As what it was made of; the lock that it has before Python 3.12 is nobody's but its own."""
    own = {name: held for name, held in attributes_of(value).items() if type(held) is not _RLock}
    state.keep.append(own)
    return make_cached_property, (), own


_RLock = type(threading.RLock())


def make_cached_property() -> Any:
    """A `functools.cached_property` of nothing yet."""
    return functools.cached_property(lambda _: None)


def _super(state: Pass, proxy: Any) -> Any:
    # what the proxy says of its pickling is said of the object behind it; its own class is only asked by these names
    there = (proxy.__thisclass__,) if proxy.__self__ is None else (proxy.__thisclass__, proxy.__self__)
    return super, there


def _attribute_of_class(state: Pass, descriptor: Any) -> Any:
    """``__dict__`` and ``__weakref__`` of a class, which ``functools.wraps`` copies from it."""
    owner, name = descriptor.__objclass__, descriptor.__name__
    there = definitions.of(owner, "__dict__").get(name) is descriptor
    return (attribute_of_class, (owner, name)) if there else NotImplemented


def attribute_of_class(owner: type, name: str) -> Any:
    """What a class itself has under a name, without asking it for the value."""
    return definitions.of(owner, "__dict__")[name]


def _wrapper(state: Pass, value: Any) -> Any:
    return type(value), (value.__func__,)


def _mapping_proxy(state: Pass, proxy: types.MappingProxyType[Any, Any]) -> Any:
    behind = gc.get_referents(proxy)  # the only way to the mapping itself, which others may share
    mapping = behind[0] if behind else dict(proxy)
    return types.MappingProxyType, (_shown_dict(state, mapping) if type(mapping) is dict else mapping,)


def _weak_reference(state: Pass, reference: weakref.ref[Any]) -> Any:
    target = reference()
    if target is None:
        return dead_reference, ()
    callback: Any = reference.__callback__  # None when there is none, which typeshed does not say
    return weakref.ref, (target,) if callback is None else (target, callback)


class _Gone:
    """Something to refer to weakly and let go."""


def dead_reference() -> weakref.ref[Any]:
    """A weak reference whose object is gone."""
    return weakref.ref(_Gone())


def _partial(state: Pass, value: functools.partial[Any]) -> Any:
    reduced: Any = value.__reduce__()
    made, args, (function, positional, named, attributes) = reduced[:3]
    del reduced, attributes  # who else holds the dict is counted
    attributes = held_attributes(value)  # an empty dict is made by looking at it
    return made, args, (function, positional, named, attributes)


def _memory_file(state: Pass, file: Any) -> Any:
    if file.closed:
        return state.resource(file, "a closed file", "closed", system.closed_file, (type(file), ""))
    made, args, parts = file.__reduce_ex__(5)[:3]
    return made, args, (*parts[:-1], parts[-1] or None)  # an empty dict is made by looking at it


def _weak_mapping(state: Pass, mapping: Any) -> Any:
    return weak_mapping, (type(mapping), list(mapping.items()))


def _weak_set(state: Pass, values: Any) -> Any:
    return weak_mapping, (type(values), list(values))


def weak_mapping(kind: Any, items: list[Any]) -> Any:
    """A weak dictionary or set with *items*; those whose objects nobody else holds vanish, as they must."""
    return kind(items)


def _placeholder(state: Pass, value: Placeholder) -> Any:
    fields = (value.timeslip_name, value.timeslip_record, value.timeslip_reason, value.timeslip_commit)
    state.note(value, f"a placeholder: {value.timeslip_reason}")
    return load.placeholder, fields


def _context_variable(state: Pass, variable: contextvars.ContextVar[Any]) -> Any:
    """A context variable with its value in this context."""
    default = gc.get_referents(variable)[1:2]  # after its name
    value = variable.get(_UNSET)
    there = () if value is _UNSET else (value,)
    known = state_of(there)
    reason = "a new context variable with the same value"
    args = (variable.name, tuple(default), there)
    return state.resource(variable, reason, known.token, context_variable, args, complete=known.complete)


_UNSET = object()


def context_variable(name: str, default: tuple[Any, ...], value: tuple[Any, ...]) -> contextvars.ContextVar[Any]:
    """A context variable, set in this context."""
    made: contextvars.ContextVar[Any] = contextvars.ContextVar(name, **({"default": default[0]} if default else {}))
    if value and not (default and value[0] is default[0]):
        made.set(value[0])
    return made


@functools.lru_cache(maxsize=512)
def _members(library: type) -> dict[str, Any]:
    """What an exception class keeps beside its arguments and attributes, and lets be set: as an ``errno``."""
    found: dict[str, Any] = {}
    for base in library.__mro__[: library.__mro__.index(BaseException)]:
        if not base.__flags__ & definitions.HEAP_TYPE and not issubclass(base, _GROUP):
            for name, value in vars(base).items():
                if isinstance(value, (types.MemberDescriptorType, types.GetSetDescriptorType)):
                    found.setdefault(name, value)
    return found


_GROUP: Any = getattr(builtins, "BaseExceptionGroup", ())  # whose parts cannot be set


def _reduced_exception(error: BaseException, library: Any) -> tuple[Any, Any, dict[str, Any] | None]:
    """What the class that is no one's of the session says of *error*: function, arguments, what else there is to set.

    A function of its own: who counts the holders of the attribute dict must have no variable that held it.
    """
    kind = type(error)
    reduced = library.__reduce_ex__(error, 5) if kind is library else library.__reduce__(error)
    function, args, extra = (*reduced, None)[:3]
    # ImportError adds what it was not made from; all others that are written in C answer their attribute dict
    more = {name: value for name, value in extra.items() if name not in vars(error)} if type(extra) is dict else {}
    for name, member in _members(library).items():
        try:
            value = member.__get__(error)
        except AttributeError:  # not set
            continue
        if value is not None or name in more:
            more[name] = value
    if _GROUP and isinstance(error, _GROUP) and function is kind:
        return new_group, (kind, args, error.exceptions), more
    return function, args, more


def _exception(state: Pass, error: BaseException) -> Any:
    """An exception without the constructor of the session, which may want other arguments than ``args``."""
    kind = type(error)
    if error.__traceback__ is not None:
        state.note(error, "without its traceback, which holds frames that have run", fatal=False)
    library: Any = library_of(kind)
    function, args, more = _reduced_exception(error, library)
    attributes = held_attributes(error)
    chain = (error.__cause__, error.__context__, error.__suppress_context__)
    slots = filled(error, own_slots(kind)) or None
    if function is kind and library.__reduce__ in _PLAIN_EXCEPTIONS:
        made: Any = (new_exception, (kind, args))
    elif function is kind:
        made = (subclasses.native, (kind, library, args))
    else:
        made = (function, args)
    lacks = () if error.__traceback__ is None else (instances.Lacking(),)
    return *made, (attributes, chain, slots, more or None, *lacks), None, None, set_exception


def _context_manager(state: Pass, manager: Any) -> Any:
    """What `contextlib.contextmanager` makes, while nothing has entered it: as a decorator it stays so for ever."""
    parts = vars(manager)
    function = parts.get("func")
    if parts.keys() != _MANAGER or type(function) is not types.FunctionType or not _is_unstarted(parts["gen"]):
        return NotImplemented
    if not function.__code__.co_flags & _MAKES_GENERATORS:
        return NotImplemented  # calling it would run it
    if definitions.is_definition(function, state.namespace) and (function.__defaults__ or function.__kwdefaults__):
        return NotImplemented  # which a function has only some time after it was made
    return type(manager), (function, parts["args"], parts["kwds"])


_MANAGER = {"gen", "func", "args", "kwds", "__doc__"}
_MAKES_GENERATORS = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def _is_unstarted(generator: Any) -> bool:
    if isinstance(generator, types.GeneratorType):
        return inspect.getgeneratorstate(generator) == inspect.GEN_CREATED
    frame = getattr(generator, "ag_frame", None)
    return frame is not None and not generator.ag_running and frame.f_lasti <= _BEFORE_START


async def _unstarted() -> Any:
    yield


_BEFORE_START = _unstarted().ag_frame.f_lasti


_PLAIN_EXCEPTIONS = (BaseException.__reduce__, OSError.__reduce__, ImportError.__reduce__)


def new_exception(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    """An exception of that type with those ``args``."""
    library: Any = library_of(kind)
    if issubclass(kind, (OSError, ImportError, StopIteration, SystemExit, UnicodeError)):
        made: BaseException = subclasses.native(kind, library, args)  # which takes C attributes from the arguments
        return made
    made = library.__new__(kind, *args)
    made.args = args
    return made


def new_group(kind: Any, args: tuple[Any, ...], exceptions: tuple[BaseException, ...]) -> Any:
    """A group of exceptions; the list it was made from may have changed since."""
    library: Any = library_of(kind)
    made = library.__new__(kind, args[0], list(exceptions))
    made.args = args
    return made


def set_exception(error: BaseException, state: tuple[Any, ...]) -> None:
    """State setter for exceptions: attributes, what caused it, slots."""
    attributes, (cause, context, suppress), slots, *more = state
    members = _members(library_of(type(error)))
    for name, value in (more[0] if more and more[0] else {}).items():
        if name in members:
            members[name].__set__(error, value)
        else:
            object.__setattr__(error, name, value)
    if attributes is not None:
        set_attributes(error, attributes)
    error.__cause__, error.__context__, error.__suppress_context__ = cause, context, suppress
    set_slots(error, slots or {})


def find(kind: type) -> Any:
    """The reducer for types that are not in the table, or None."""
    if issubclass(kind, type):
        return _class
    if issubclass(kind, BaseException):
        return _exception
    if issubclass(kind, types.ModuleType):
        return _module_of_its_own_class
    if kind.__reduce_ex__ is not object.__reduce_ex__ or kind in copyreg.dispatch_table:
        return None
    return instances.named(kind, None)


REDUCERS: dict[type, Any] = {
    types.FunctionType: _function,
    type: _class,
    types.MethodType: _method,
    types.BuiltinFunctionType: _builtin,
    types.CodeType: _code,
    types.CellType: _cell,
    types.ModuleType: _module,
    property: _property,
    functools.cached_property: _cached_property,
    super: _super,
    types.GetSetDescriptorType: _attribute_of_class,
    instances.Lacking: instances.lacking,
    contextlib._GeneratorContextManager: _context_manager,
    contextlib._AsyncGeneratorContextManager: _context_manager,
    staticmethod: _wrapper,
    classmethod: _wrapper,
    types.MappingProxyType: _mapping_proxy,
    _ClassDict: _class_dict,
    weakref.ref: _weak_reference,
    weakref.WeakKeyDictionary: _weak_mapping,
    weakref.WeakValueDictionary: _weak_mapping,
    weakref.WeakSet: _weak_set,
    memoryview: views.memory_view,
    weakref.ProxyType: views.weak_proxy,
    weakref.CallableProxyType: views.weak_proxy,
    functools.partial: _partial,
    io.BytesIO: _memory_file,
    io.StringIO: _memory_file,
    contextvars.ContextVar: _context_variable,
    Placeholder: _placeholder,
    **typed.REDUCERS,
    typing.NewType: instances.new_type,
}
