"""Deep copies of a whole namespace, functions and classes included, with everything that was shared still shared.

`copy.deepcopy` hands back functions and classes as they are, and gives every numpy array memory of its own. A copy of
a *state* may do neither: a class attribute changes, a closure's cell changes, and a view must stay a view. What belongs
to installed packages is not copied.

The copier recurses and knows plain Python objects, numpy arrays and pandas frames: enough for a reference model, not a
replacement for the codec. What it cannot copy faithfully it refuses.
"""

from __future__ import annotations

import copyreg
import decimal
import enum
import functools
import sys
import types
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from timeslip.codec import numbers
from timeslip.graphs import kinds

Namespace = dict[str, Any]


def copy_namespace(namespace: Mapping[str, Any]) -> Namespace:
    """A namespace of its own that is isomorphic to *namespace*.

    Functions of the copy look up their globals in the copy. Modules, and classes and functions of installed packages,
    are the same objects on both sides.

    Raises:
        TypeError: an object that cannot be copied (an open file, a lock, a generator …).
    """
    copied: Namespace = {}
    copier = _Copier(namespace, copied)
    for name, value in namespace.items():
        copied[name] = value if name in ("__builtins__", "__builtin__") else copier.copy(value)
    return copied


class _Copier:
    def __init__(self, source: Mapping[str, Any], target: Namespace) -> None:
        self._source, self._target = source, target
        self._visibility = kinds.Visibility((source, target))
        # id -> (the object, its copy). The object is held, so that its id is not used twice.
        self._memo: dict[int, tuple[Any, Any]] = {id(source): (source, target)}

    def copy(self, value: Any) -> Any:
        known = self._memo.get(id(value))
        if known is not None:
            return known[1]
        made = self._rule(type(value))(self, value)
        return self._remember(value, made)

    def _remember(self, value: Any, made: Any) -> Any:
        return self._memo.setdefault(id(value), (value, made))[1]

    def _rule(self, kind: type) -> Callable[[_Copier, Any], Any]:
        rule = _RULES.get(kind)
        if rule is not None:
            return rule
        numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
        if numpy is not None and issubclass(kind, numpy.ndarray):
            return _Copier._array
        if pandas is not None and issubclass(kind, (pandas.DataFrame, pandas.Series, pandas.Index)):
            return _Copier._frame
        for base, made in _BASE_RULES:
            if issubclass(kind, base):
                return made
        return _Copier._instance

    # ---- one method per kind

    def _same(self, value: Any) -> Any:
        return value

    def _value(self, value: Any) -> Any:
        return value if kinds.is_plain(value) else _fresh(value)

    def _list(self, value: list[Any]) -> list[Any]:
        made: list[Any] = self._remember(value, [])
        made.extend(self.copy(item) for item in value)
        return made

    def _dict(self, value: dict[Any, Any]) -> dict[Any, Any]:
        made: dict[Any, Any] = self._remember(value, {})
        for key, item in value.items():
            made[self.copy(key)] = self.copy(item)
        return made

    def _tuple(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(self.copy(item) for item in value)

    def _slice(self, value: slice) -> slice:
        return slice(*(self.copy(part) for part in (value.start, value.stop, value.step)))

    def _set(self, value: set[Any] | frozenset[Any]) -> set[Any] | frozenset[Any]:
        return type(value)(self.copy(item) for item in value)

    def _cell(self, value: types.CellType) -> types.CellType:
        made: types.CellType = self._remember(value, types.CellType())
        contents = kinds.cell_contents(value)
        if contents is not kinds.EMPTY:
            made.cell_contents = self.copy(contents)
        return made

    def _function(self, value: types.FunctionType) -> types.FunctionType:
        if self._visibility.outside_function(value):
            return value
        namespace = self._target if value.__globals__ is self._source else value.__globals__
        cells = tuple(self.copy(cell) for cell in value.__closure__ or ()) or None
        made = types.FunctionType(value.__code__, namespace, value.__name__, None, cells)
        self._remember(value, made)
        for attribute in ("__defaults__", "__kwdefaults__", "__annotations__"):
            setattr(made, attribute, self.copy(getattr(value, attribute)))
        made.__qualname__, made.__module__, made.__doc__ = value.__qualname__, value.__module__, value.__doc__
        made.__dict__.update(self.copy(value.__dict__))
        return made

    def _method(self, value: types.MethodType) -> types.MethodType:
        return types.MethodType(self.copy(value.__func__), self.copy(value.__self__))

    def _builtin(self, value: Any) -> Any:
        owner = value.__self__
        if owner is None or isinstance(owner, types.ModuleType):
            return value
        return getattr(self.copy(owner), value.__name__)

    def _class(self, value: type) -> type:
        if self._visibility.outside_class(value):
            return value
        if isinstance(value, enum.EnumMeta):
            raise TypeError(f"{kinds.brief(value)} cannot be copied: an enumeration makes its members itself")
        contents: dict[str, Any] = {
            name: attribute
            for name, attribute in kinds.class_dict(value).items()
            if not isinstance(attribute, (types.MemberDescriptorType, types.GetSetDescriptorType))
        }
        first: list[str] = [name for name in ("__module__", "__qualname__", "__slots__") if name in contents]
        start: dict[str, Any] = {name: contents.pop(name) for name in first}
        bases = tuple(self.copy(base) for base in value.__bases__)
        made: type = self._remember(value, type.__new__(self.copy(type(value)), value.__name__, bases, start))
        for name, attribute in contents.items():
            type.__setattr__(made, name, self.copy(attribute))
        return made

    def _property(self, value: property) -> property:
        return property(self.copy(value.fget), self.copy(value.fset), self.copy(value.fdel), value.__doc__)

    def _wrapper(self, value: Any) -> Any:
        return type(value)(self.copy(value.__func__))

    def _cache(self, value: Any) -> Any:
        return functools.lru_cache(**value.cache_parameters())(self.copy(value.__wrapped__))

    def _weak(self, value: Any) -> Any:
        callback = value.__callback__ if type(value) is weakref.ref else None
        return type(value)(self.copy(value()), *([self.copy(callback)] if callback is not None else []))

    def _proxy(self, value: Any) -> Any:
        return types.MappingProxyType(self.copy(dict(value)))

    def _array(self, value: Any) -> Any:
        """Arrays that look into one memory do so in the copy."""
        numpy: Any = sys.modules["numpy"]
        root = value
        while isinstance(root.base, numpy.ndarray):
            root = root.base
        if root is value:
            made = self._remember(value, value.copy(order="K"))
            if value.dtype.hasobject:
                made[...] = self._objects(numpy, value)
            return made
        memory = self.copy(root)
        flat = memory.reshape(-1, order="A") if memory.flags.forc else memory
        start = value.__array_interface__["data"][0] - root.__array_interface__["data"][0]
        return numpy.ndarray(value.shape, value.dtype, buffer=flat, offset=start, strides=value.strides)

    def _objects(self, numpy: Any, value: Any) -> Any:
        cells = numpy.empty(value.shape, dtype=object)
        for index in numpy.ndindex(value.shape):
            cells[index] = self.copy(value[index])
        return cells

    def _frame(self, value: Any) -> Any:
        pandas: Any = sys.modules["pandas"]
        if kinds.is_copied_on_write(pandas) or isinstance(value, pandas.Index):
            return value.copy(deep=True)
        made = value.copy(deep=False)  # which keeps the blocks as they are: `deep` may put several into one
        for block, own in zip(value._mgr.blocks, made._mgr.blocks, strict=True):
            array = type(block.values) is sys.modules["numpy"].ndarray
            own.values = self.copy(block.values) if array else block.values.copy()
        return made

    def _instance(self, value: Any) -> Any:
        """As pickling would take it apart, with this copier in the place of the pickle."""
        reduced = kinds.reduced(value)
        if reduced is None:
            raise TypeError(f"{kinds.brief(value)} cannot be copied")
        if len(reduced) == 1:
            return value  # pickled by name: one object for all
        function, arguments, state, items, pairs = (*reduced, None, None)[:5]
        if function in (copyreg.__newobj__, copyreg.__newobj_ex__):  # type: ignore[attr-defined]
            made = self._remember(value, self._new(arguments))
        else:
            made = self._remember(value, function(*(self.copy(argument) for argument in arguments)))
        if items:
            made.extend(self.copy(item) for item in items)
        for key, item in pairs or ():
            made[self.copy(key)] = self.copy(item)
        if state is not None:
            _set_state(made, self.copy(state))
        return made

    def _new(self, arguments: tuple[Any, ...]) -> Any:
        kind, *rest = (self.copy(argument) for argument in arguments)
        return kind.__new__(kind, *rest)


def _set_state(made: Any, state: Any) -> None:
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    mapping, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    if mapping:
        made.__dict__.update(mapping)
    for name, value in (slots or {}).items():
        setattr(made, name, value)


def _fresh(value: Any) -> Any:
    """Another object that equals a NaN or a large immutable."""
    kind = type(value)
    if kind is float or kind is complex:
        return numbers.from_bytes(numbers.to_bytes(value))
    if kind is decimal.Decimal:
        return decimal.Decimal(value.as_tuple())
    if kind is str or kind is bytes:
        return value[:1] + value[1:]
    return value + 0 if kind is not int else int(str(hex(value)), 16)


_Rule = Callable[[_Copier, Any], Any]

_RULES: dict[type, _Rule] = {
    **dict.fromkeys(kinds.VALUE_TYPES, _Copier._value),
    list: _Copier._list,
    dict: _Copier._dict,
    tuple: _Copier._tuple,
    slice: _Copier._slice,
    set: _Copier._set,
    frozenset: _Copier._set,
    types.CellType: _Copier._cell,
    types.FunctionType: _Copier._function,
    types.MethodType: _Copier._method,
    types.BuiltinFunctionType: _Copier._builtin,
    types.CodeType: _Copier._same,
    types.ModuleType: _Copier._same,
    types.MappingProxyType: _Copier._proxy,
    property: _Copier._property,
    staticmethod: _Copier._wrapper,
    classmethod: _Copier._wrapper,
}

_BASE_RULES: list[tuple[type, _Rule]] = [
    (type, _Copier._class),
    *((kind, _Copier._cache) for kind in kinds.cache_types()),
    *((kind, _Copier._same) for kind in kinds.logger_types()),
    *((kind, _Copier._weak) for kind in kinds.weak_types()),
]
