"""What is inside an object, for `graphs`: one function per kind, which pairs the parts of two objects of that kind."""

from __future__ import annotations

import datetime
import decimal
import functools
import io
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from timeslip.codec import numbers
from timeslip.graphs import kinds, libraries, sympy

if TYPE_CHECKING:
    from timeslip.graphs.comparison import Comparison, Path

Handler = Callable[["Comparison", "Path", Any, Any], None]
Sides = tuple[dict[str, Any], dict[str, Any]]
"""Attributes of two instances, as `kinds.attributes` gives them."""


def handler(kind: type) -> Handler:
    """How the insides of two instances of *kind* are compared."""
    exact = _HANDLERS.get(kind)
    if exact is not None:
        return exact
    special = libraries.handler(kind)
    if special is not None:
        return special
    for base, made in _BY_BASE:
        if issubclass(kind, base):
            return made
    return _instance


def _value(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """Immutables that carry nothing but a value. NaN equals NaN of the same bits, -0.0 is not 0.0, True is not 1."""
    if left is right:
        return
    if numbers.is_nan(left) and numbers.is_nan(right):
        same = numbers.to_bytes(left) == numbers.to_bytes(right)
    else:
        same = repr(left) == repr(right) if type(left) in _TOLD else left == right
    if not same:
        c.report(path, f"{kinds.brief(left)} != {kinds.brief(right)}")


_TOLD = frozenset({float, complex, decimal.Decimal, range, datetime.timezone})
"""Kinds of which unlike values may be called equal (1.0 and 1.00, the names of zones); how they are written tells."""


def _moment(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """Dates and times of a day, with what `==` does not look at: the fold, and the zone itself."""
    if left is right:
        return
    if repr(left.replace(tzinfo=None)) != repr(right.replace(tzinfo=None)):
        c.report(path, f"{kinds.brief(left)} != {kinds.brief(right)}")
    c.pair(path.then(".tzinfo"), left.tzinfo, right.tzinfo)


def _by_type(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """Objects that cannot be looked into without using them up: their type is all that is compared."""


def _module(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is not right and left.__name__ != right.__name__:
        c.report(path, f"module {left.__name__} != module {right.__name__}", "another module")


def _sequence(c: Comparison, path: Path, left: Any, right: Any) -> None:
    ones, others = kinds.items(left), kinds.items(right)
    if len(ones) != len(others):
        c.report(path, f"length {len(ones)} != {len(others)}", "another length")
    for index, (one, other) in enumerate(zip(ones, others, strict=False)):
        if one is not other or not kinds.is_plain(one):
            c.pair(path.then(f"[{index}]"), one, other)


def _deque(c: Comparison, path: Path, left: Any, right: Any) -> None:
    c.pair(path.then(".maxlen"), *(_MAXLEN.__get__(side) for side in (left, right)))
    _sequence(c, path, left, right)


_MAXLEN: Any = deque.maxlen


def _mapping(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is c.namespaces[0] or right is c.namespaces[1]:
        if not (left is c.namespaces[0] and right is c.namespaces[1]):
            same = "is the namespace itself in one state only"
            c.report(path, same, same)
        return
    ones, others = kinds.pairs(left), kinds.pairs(right)
    names = [kinds.key_name(key) for key, _ in ones]
    other_names = [kinds.key_name(key) for key, _ in others]
    if names == other_names:
        for name, (key, value), (other_key, other_value) in zip(names, ones, others, strict=True):
            if not kinds.is_plain(key):
                c.pair(path.then(")", "key of ("), key, other_key)
            c.pair(path.then(f"[{name[:60]}]", plain=_plain_key(path, key)), value, other_value)
        return
    _unlike_keys(c, path, dict(zip(names, ones, strict=True)), dict(zip(other_names, others, strict=True)))


def _plain_key(path: Path, key: Any) -> str:
    """How a key is written where no content may be told: names of attributes may, for they are the class's."""
    if path.after in _OF_NAMES and type(key) is str and key.isidentifier():
        return f"[{key!r}]"
    return "[key]"


_OF_NAMES = frozenset({".__dict__", ".__kwdefaults__", ".__annotations__"})


def _unlike_keys(c: Comparison, path: Path, ones: dict[str, Any], others: dict[str, Any]) -> None:
    missing = [name for name in ones if name not in others]
    added = [name for name in others if name not in ones]
    if missing:
        plain = f"{len(missing)} keys only in the first state{_plain_keys(path, missing, ones)}"
        c.report(path, f"key {', '.join(missing[:5])} only in the first state", plain)
    if added:
        plain = f"{len(added)} keys only in the second state{_plain_keys(path, added, others)}"
        c.report(path, f"key {', '.join(added[:5])} only in the second state", plain)
    if not missing and not added:
        c.report(path, "keys in another order", "keys in another order")
    for name in ones:
        if name in others:
            where = path.then(f"[{name[:60]}]", plain=_plain_key(path, ones[name][0]))
            c.pair(where, ones[name][1], others[name][1])


def _plain_keys(path: Path, names: list[str], side: dict[str, Any]) -> str:
    """Names of attributes among *names*, for the end of a sentence."""
    told = [text[2:-2] for text in (_plain_key(path, side[name][0]) for name in names[:5]) if text != "[key]"]
    return f" ({', '.join(told)})" if told else ""


def _set(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """Order-free: plain members by value at once, the rest when everything else is paired."""
    rests: list[list[Any]] = []
    plains: list[dict[str, Any]] = []
    for side in (left, right):
        members = list(kinds.items(side))
        plains.append({kinds.key_name(m): m for m in members if kinds.is_plain(m)})
        rests.append([m for m in members if not kinds.is_plain(m)])
    for name in plains[0].keys() - plains[1].keys():
        c.report(path, f"member {name} only in the first state", "members only in the first state")
    for name in plains[1].keys() - plains[0].keys():
        c.report(path, f"member {name} only in the second state", "members only in the second state")
    if len(rests[0]) != len(rests[1]):
        c.report(path, f"{len(rests[0])} members that are not plain values != {len(rests[1])}", "more or fewer members")
    elif rests[0]:
        c.sets.append((path, rests[0], rests[1]))


def _function(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is right and (c.trial or c.visibility.outside_function(left)):
        return
    if c.visibility.outside_function(left) or c.visibility.outside_function(right):
        c.report(path, f"{kinds.brief(left)} != {kinds.brief(right)}")
        return
    kinds.compare_code(lambda text: c.report(path, text, "another code"), left.__code__, right.__code__)
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        if getattr(left, name) != getattr(right, name):
            c.report(path, f"{name} {getattr(left, name)!r} != {getattr(right, name)!r}", f"another {name}")
    _globals(c, path, left.__globals__, right.__globals__)
    for name in ("__defaults__", "__kwdefaults__", "__dict__", "__annotations__", "__closure__"):
        c.pair(path.then("." + name), getattr(left, name) or None, getattr(right, name) or None)


def _globals(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is c.namespaces[0] and right is c.namespaces[1]:
        return
    if left is c.namespaces[0] or right is c.namespaces[1]:
        same = "__globals__ is the namespace in one state only"
        c.report(path, same, same)
    elif left is not right:
        c.pair(path.then(".__globals__"), left, right)


def _cell(c: Comparison, path: Path, left: Any, right: Any) -> None:
    sides = [kinds.cell_contents(cell) for cell in (left, right)]
    if (sides[0] is kinds.EMPTY) != (sides[1] is kinds.EMPTY):
        c.report(path, "cell is empty in one state only", "cell is empty in one state only")
    elif sides[0] is not kinds.EMPTY:
        c.pair(path.then(".cell_contents"), *sides)


def _class(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is right and (c.trial or c.visibility.outside_class(left)):
        return
    if c.visibility.outside_class(left) or c.visibility.outside_class(right):
        c.report(path, f"{kinds.brief(left)} != {kinds.brief(right)}")
        return
    for name in ("__name__", "__qualname__", "__module__"):
        if kinds.class_attribute(left, name) != kinds.class_attribute(right, name):
            c.report(path, f"{name} differs", f"another {name}")
    c.pair(path.then(".__bases__"), left.__bases__, right.__bases__)
    ones, others = kinds.class_dict(left), kinds.class_dict(right)
    _pair_attributes(c, path, ones, others)


def _descriptor(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """Slots, C methods and the like: the same name in corresponding classes."""
    if left is right:
        return
    if left.__name__ != right.__name__:
        c.report(path, f"{left.__name__} != {right.__name__}")
    c.pair(path.then(".__objclass__"), left.__objclass__, right.__objclass__)


def _builtin(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is right:
        return
    if left.__name__ != right.__name__:
        c.report(path, f"{kinds.brief(left)} != {kinds.brief(right)}")
    c.pair(path.then(".__self__"), left.__self__, right.__self__)


def _method(c: Comparison, path: Path, left: Any, right: Any) -> None:
    c.pair(path.then(".__func__"), left.__func__, right.__func__)
    c.pair(path.then(".__self__"), left.__self__, right.__self__)


def _attributes(*names: str) -> Handler:
    def compare(c: Comparison, path: Path, left: Any, right: Any) -> None:
        for name in names:
            c.pair(path.then("." + name), getattr(left, name, None), getattr(right, name, None))

    return compare


def _weak(c: Comparison, path: Path, left: Any, right: Any) -> None:
    c.pair(path.then("()"), left(), right())
    if not isinstance(left, weakref.WeakMethod):  # which has one of its own, around itself
        c.pair(path.then(".__callback__"), left.__callback__, right.__callback__)


def _cache(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """What an `lru_cache` wrapper remembers cannot be seen; what it wraps, and how, can."""
    sides = [{**side.__dict__, "cache_parameters": side.cache_parameters()} for side in (left, right)]
    c.pair(path.then(".__dict__"), *sides)


def _stream(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """Text or bytes in memory: contents and position."""
    if left.closed or right.closed:
        c.pair(path.then(".closed"), left.closed, right.closed)
        return
    c.pair(path.then(".getvalue()"), left.getvalue(), right.getvalue())
    c.pair(path.then(".tell()"), left.tell(), right.tell())
    if isinstance(left, io.StringIO):
        text: Any = io.StringIO
        c.pair(path.then(".newline"), *(text.__getstate__(side)[1] for side in (left, right)))
    c.pair(path.then(".__dict__"), getattr(left, "__dict__", None) or None, getattr(right, "__dict__", None) or None)


def _weak_mapping(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """Dicts and sets that hold weakly: what is alive in them."""
    one, other = (dict(side) if issubclass(type(side), Mapping) else set(side) for side in (left, right))
    c.pair(path, one, other)


def _proxy(c: Comparison, path: Path, left: Any, right: Any) -> None:
    c.pair(path, dict(left), dict(right))


def _logger(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is not right and left.name != right.name:
        c.report(path, f"logger {left.name} != logger {right.name}", "another logger")


def _file(c: Comparison, path: Path, left: Any, right: Any) -> None:
    for name in ("name", "mode", "closed", "encoding", "errors", "line_buffering", "write_through"):
        one, other = getattr(left, name, None), getattr(right, name, None)
        if one != other:
            c.report(path.then("." + name), f"{one!r} != {other!r}", "another text" if type(one) is str else "differs")
    one, other = _position(left), _position(right)
    if one != other and not c.trial:  # in which nothing is behind the descriptor of the first
        c.report(path.then(".tell()"), f"{one} != {other}", "another position")


def _position(file: Any) -> int | None:
    """Where an open file is; None where asking would write, or cannot be answered."""
    try:
        return None if file.closed or file.writable() else int(file.tell())
    except (OSError, ValueError):  # a pipe, one that is being iterated over, one without its buffer
        return None


def _memory(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """A view of memory: what it is of, its form and its content."""
    facts = [_view_facts(side) for side in (left, right)]
    if facts[0] != facts[1]:
        c.report(path, f"view {facts[0]} != view {facts[1]}", "another form")
    elif facts[0] is not None:
        c.pair(path.then(".obj"), left.obj, right.obj)
        if left.tobytes() != right.tobytes():
            c.report(path, "its bytes differ", "its bytes differ")


def _view_facts(view: memoryview) -> tuple[Any, ...] | None:
    """None for one that was released."""
    try:
        return view.format, view.shape, view.strides, view.readonly
    except ValueError:
        return None


def _exception(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """What was given, what came before, and what its class keeps beside that (a file's name, a position)."""
    for name in ("args", "__cause__", "__context__"):
        c.pair(path.then("." + name), getattr(left, name, None), getattr(right, name, None))
    _pair_attributes(c, path, *(kinds.attributes(side) for side in (left, right)))


def _instance(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """An object of a class that has no rule of its own: contents, ``__dict__``, slots, else what pickling would see."""
    kind = type(left)
    for base, compare in _CONTENTS:
        if issubclass(kind, base):
            compare(c, path, kinds.plain(left, base), kinds.plain(right, base))
    outside = c.visibility.outside_class(kind)
    thorough = outside and c.thorough(kind)
    if c.trial:
        sympy.ask(left, right)
    attributes = kinds.attributes(left), kinds.attributes(right)
    if outside and not kinds.has_contents(kind) and not (thorough and any(attributes)):
        ones, others = kinds.reduced(left), kinds.reduced(right)
        if ones is not None and others is not None:
            if c.trial:
                others = _in_order_of(ones, others, attributes)
            c.pair(path.then("", owner=kind), kinds.Reduced(ones), kinds.Reduced(others))
            return
    if thorough or (c.trial and libraries.made_anew(kind)):
        # in whatever order: a library's own pickling may set them in another
        attributes = _without_caches(kind, _flat(attributes[0]), _flat(attributes[1]))
    _pair_attributes(c, path.then("", owner=kind), *attributes)
    if kinds.hidden_base(c.visibility, kind):
        ones, others = kinds.reduced(left), kinds.reduced(right)
        if ones is not None and others is not None:
            c.pair(path.then(".__reduce_ex__(4)"), kinds.Reduced(ones), kinds.Reduced(others))


def _flat(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of an instance, those in its ``__dict__`` and its slots alike."""
    rest = {name: value for name, value in attributes.items() if name != "__dict__"}
    return {**{str(name): value for name, value in attributes.get("__dict__", {}).items()}, **rest}


def _in_order_of(ones: tuple[Any, ...], others: tuple[Any, ...], attributes: Sides) -> tuple[Any, ...]:
    """*others* with the state in the order of that in *ones*, where it consists of nothing but attributes."""
    state, other = (parts[2] if len(parts) > 2 else None for parts in (ones, others))
    if type(state) is not dict or type(other) is not dict or state.keys() != other.keys():
        return others
    if any(state.keys() - side.get("__dict__", {}).keys() for side in attributes):
        return others
    return (*others[:2], {name: other[name] for name in state}, *others[3:])


def _without_caches(kind: type, *sides: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """*sides* without what only one of them has, and the other answers as well: by its class, or by working it out."""
    unlike = sides[0].keys() ^ sides[1].keys()
    held = {name: (sides[0] if name in sides[0] else sides[1])[name] for name in unlike}
    caches = {
        name for name, value in held.items() if _is_default(kind, name, value) or _is_worked_out(kind, name, value)
    }
    caches |= libraries.made_anew(kind)
    one, other = ({name: value for name, value in side.items() if name not in caches} for side in sides)
    return one, other


def _is_default(kind: type, name: str, value: Any) -> bool:
    """Whether *value* is the plain value that *kind* has for the attribute *name* of all its instances."""
    scope = next((scope for scope in map(kinds.class_namespace, type.mro(kind)) if name in scope), None)
    if scope is None or not kinds.is_plain(value) or not kinds.is_plain(scope[name]):
        return False
    return type(scope[name]) is type(value) and kinds.key_name(scope[name]) == kinds.key_name(value)


def _is_worked_out(kind: type, name: str, value: Any) -> bool:
    """Whether *kind* itself puts *value* into the attribute *name* of an instance that is asked for it.

    So do `functools.cached_property` and what other libraries have in its place: under the name of the attribute there
    is a descriptor around a function of that name, and no way to set it. Where instances have slots there is no room
    for one; SQLAlchemy's have a method instead that says what is to be remembered.
    """
    found = _in_class(kind, name)
    if isinstance(found, functools.cached_property):
        return True
    if type(found) is types.MemberDescriptorType:
        return any(_in_class(kind, f"_memoized_{what}_{name}") is not None for what in ("attr", "method"))
    how = type(found)
    if how is types.FunctionType or _in_class(how, "__get__") in (None, property.__get__) or callable(value):
        return False
    if issubclass(how, property):
        return found.fset is None and _is_named(found.fget, name)
    parts = _flat(kinds.attributes(found)).values()
    return _in_class(how, "__set__") is None and any(_is_named(part, name) for part in parts)


def _is_named(part: Any, name: str) -> bool:
    return type(part) is types.FunctionType and part.__name__ == name


def _in_class(kind: type, name: str) -> Any:
    return next((scope[name] for scope in map(kinds.class_namespace, type.mro(kind)) if name in scope), None)


def _pair_attributes(c: Comparison, path: Path, ones: Mapping[str, Any], others: Mapping[str, Any]) -> None:
    for name in sorted(ones.keys() ^ others.keys()):
        where = f"only in the {'first' if name in ones else 'second'} state"
        c.report(path, f"attribute {name} {where}", f"{'attribute ' + name if name.isidentifier() else 'one'} {where}")
    for name in ones:
        if name in others:
            c.pair(path.then("." + name, plain=None if name.isidentifier() else ".?"), ones[name], others[name])


def _reduced(c: Comparison, path: Path, left: kinds.Reduced, right: kinds.Reduced) -> None:
    if len(left.parts) != len(right.parts):
        c.report(path, "pickles in another form", "pickles in another form")
    for one, other in zip(left.parts, right.parts, strict=False):
        c.pair(path, one, other)


def _code(c: Comparison, path: Path, left: Any, right: Any) -> None:
    kinds.compare_code(lambda text: c.report(path, text, "another code"), left, right)


def _table(kinds_of: Iterable[tuple[tuple[type, ...], Any]]) -> dict[type, Any]:
    return {kind: handler for group, handler in kinds_of for kind in group}


_HANDLERS: dict[type, Handler] = _table(
    [
        (tuple(kinds.VALUE_TYPES - {datetime.datetime, datetime.time}), _value),
        ((datetime.datetime, datetime.time), _moment),
        ((slice,), _attributes("start", "stop", "step")),
        ((list, tuple), _sequence),
        ((deque,), _deque),
        ((memoryview,), _memory),
        ((dict,), _mapping),
        ((set, frozenset), _set),
        ((types.FunctionType,), _function),
        ((types.CellType,), _cell),
        ((types.MethodType,), _method),
        ((types.BuiltinFunctionType, type([].__len__)), _builtin),
        (
            (
                types.WrapperDescriptorType,
                types.MethodDescriptorType,
                types.ClassMethodDescriptorType,
                types.GetSetDescriptorType,
                types.MemberDescriptorType,
            ),
            _descriptor,
        ),
        ((types.ModuleType,), _module),
        ((types.MappingProxyType,), _proxy),
        ((property,), _attributes("fget", "fset", "fdel", "__doc__")),
        ((staticmethod, classmethod), _attributes("__func__")),
        ((types.GenericAlias, types.UnionType), _attributes("__origin__", "__args__")),
        ((types.CodeType,), _code),
        ((kinds.Reduced,), _reduced),
        (tuple(kinds.opaque_types()), _by_type),
    ]
)

_BY_BASE: list[tuple[type, Handler]] = [
    (type, _class),
    (types.ModuleType, _module),
    *((kind, _weak) for kind in kinds.weak_types()),
    *((kind, _attributes("func", "args", "keywords", "__dict__")) for kind in kinds.partial_types()),
    *((kind, _cache) for kind in kinds.cache_types()),
    *((kind, _logger) for kind in kinds.logger_types()),
    *((kind, _file) for kind in kinds.file_types()),
    *((kind, _stream) for kind in kinds.stream_types()),
    *((kind, _weak_mapping) for kind in kinds.weak_containers()),
    *((kind, _by_type) for kind in kinds.opaque_bases()),
    (BaseException, _exception),
]

_CONTENTS: list[tuple[type, Handler]] = [
    (dict, _mapping),
    (list, _sequence),
    (tuple, _sequence),
    (deque, _deque),
    (set, _set),
    (frozenset, _set),
    (int, _value),
    (float, _value),
    (complex, _value),
    (str, _value),
    (bytes, _value),
    (bytearray, _value),
]
