"""Are two namespaces the same graph of objects? Values, types *and* who shares what with whom.

`compare_states` walks two namespaces side by side and pairs every object of the one with the object that stands at the
same place in the other. The two are isomorphic when paired objects have corresponding types and equal values, and when
the pairing is one to one: an object met twice on the left is met at the same two places on the right, and the reverse.

What has an identity that ordinary code can see takes part in the pairing: mutable objects, instances, functions,
classes, NaN, `object()` sentinels, immutables over 1 kB, tuples that hold any of these. Small immutables do not:
whether two names hold the *same* ``3`` or ``"a"`` is the interpreter's business.

Nothing here recurses (a linked list of 100,000 nodes is compared in a loop), nothing of the user's own is called
(``__eq__``, ``__repr__``, ``__reduce__`` of classes made in the namespace), and no library of the user's is imported.
"""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Any

from timeslip.testing import graph_kinds as kinds
from timeslip.testing import graph_libraries as libraries

_MODULE_NAMES = frozenset(
    "__builtins__ __builtin__ __cached__ __doc__ __file__ __loader__ __name__ __package__ __spec__ __warningregistry__".split()
)
"""What the interpreter puts into a namespace by itself."""

_MOST_DIFFERENCES = 40


class Path:
    """The way from a name to an object, as a linked list: 100,000 steps must not cost 100,000 strings."""

    __slots__ = ("after", "before", "parent")

    def __init__(self, parent: Path | None, after: str, before: str = "") -> None:
        self.parent, self.after, self.before = parent, after, before

    def then(self, after: str, before: str = "") -> Path:
        """One step further, such as ``[3]`` or ``.name``; with *before* the whole is put in between: ``type(x[3])``."""
        return Path(self, after, before)

    def __str__(self) -> str:
        steps: list[tuple[str, str]] = []
        node: Path | None = self
        while node is not None:
            steps.append((node.before, node.after))
            node = node.parent
        steps.reverse()
        if len(steps) > 24:
            steps[12:-12] = [("", f"<{len(steps) - 24} steps>")]
        text = ""
        for before, after in steps:
            text = f"{before}{text}{after}"
        return text


def compare_states(
    a: Mapping[str, object],
    b: Mapping[str, object],
    *,
    ignore: Collection[str] = (),
    namespaces: tuple[Mapping[str, object], Mapping[str, object]] | None = None,
) -> list[str]:
    """What differs between two namespaces, in sentences; an empty list when they are isomorphic.

    Args:
        a: the first state.
        b: the second state.
        ignore: names that are left out on both sides.
        namespaces: the dicts that stand behind *a* and *b* when these are excerpts of them; a function's
            ``__globals__`` must be the one on the one side and the other on the other.

    Returns:
        Sentences such as ``x['a'][3]: 1 != 2`` or ``x and y[0] are the same object in the first state only``, at most
        40 of them, shortest paths first. Neither side is changed. Not safe while another thread changes either side.
    """
    comparison = Comparison(a, b, namespaces or (a, b))
    comparison.names(frozenset(ignore) | _MODULE_NAMES)
    return comparison.run()


class Comparison:
    """One walk over two graphs: a queue of pairs still to look at, and the pairing found so far."""

    def __init__(
        self,
        left: Mapping[str, object],
        right: Mapping[str, object],
        namespaces: tuple[Mapping[str, object], Mapping[str, object]],
        limit: int = _MOST_DIFFERENCES,
    ) -> None:
        self.left, self.right = left, right
        self.namespaces = namespaces
        self.limit = limit
        self.differences: list[str] = []
        self.queue: deque[tuple[Path, Any, Any]] = deque()
        # id -> (the object, its partner, where first met). The objects are held, so no id is used twice.
        self.to_right: dict[int, tuple[Any, Any, Path]] = {}
        self.to_left: dict[int, tuple[Any, Any, Path]] = {}
        self.mismatched: set[tuple[int, int]] = set()
        self.sets: list[tuple[Path, list[Any], list[Any]]] = []
        self.arrays: list[tuple[Path, Any, Any]] = []
        self.visibility = kinds.Visibility(namespaces)

    # ---- the walk

    def names(self, skipped: Collection[str]) -> None:
        """Queue what every name of the two namespaces holds."""
        left = {name for name in self.left if name not in skipped}
        right = {name for name in self.right if name not in skipped}
        for name in sorted(left - right):
            self.report(Path(None, name), "only in the first state")
        for name in sorted(right - left):
            self.report(Path(None, name), "only in the second state")
        for name in self.left:
            if name in left and name in right:
                self.pair(Path(None, name), self.left[name], self.right[name])

    def pair(self, path: Path, left: Any, right: Any) -> None:
        """Ask for *left* and *right* to be compared."""
        self.queue.append((path, left, right))

    def report(self, path: Path | None, sentence: str) -> None:
        """Note a difference."""
        self.differences.append(f"{path}: {sentence}" if path is not None else sentence)

    def run(self) -> list[str]:
        """Compare until nothing is left to look at, or enough differences are known."""
        while len(self.differences) < self.limit:
            if self.queue:
                self._look(*self.queue.popleft())
            elif self.sets:
                self._settle_set(*self.sets.pop())
            else:
                break
        else:
            return self.differences
        libraries.compare_memory(self)
        return self.differences

    def _look(self, path: Path, left: Any, right: Any) -> None:
        if not self._same_kind(path, left, right):
            return
        if self.visibility.visible(left) and not self._register(path, left, right):
            return
        self._handler(type(left))(self, path, left, right)

    def _same_kind(self, path: Path, left: Any, right: Any) -> bool:
        """Whether the types correspond; classes made in the session are compared as objects themselves."""
        one, other = type(left), type(right)
        if one is other and self.visibility.outside_class(one):
            return True
        if self.visibility.outside_class(one) or self.visibility.outside_class(other):
            self.report(path, f"{kinds.brief(left)} != {kinds.brief(right)}")
            return False
        self.pair(path.then(")", "type("), one, other)
        return True

    def _register(self, path: Path, left: Any, right: Any) -> bool:
        """Pair two objects with visible identity; True when their contents are still to be compared."""
        known = self.to_right.get(id(left))
        if known is not None and known[1] is right:
            return False
        back = self.to_left.get(id(right))
        if known is None and back is None:
            self.to_right[id(left)] = (left, right, path)
            self.to_left[id(right)] = (right, left, path)
            return True
        key = (id(left), id(right))
        if key in self.mismatched:
            return False
        self.mismatched.add(key)
        first, where = ("first", known) if known is not None else ("second", back)
        assert where is not None
        self.report(None, f"{where[2]} and {path} are the same object in the {first} state only")
        return True

    def _handler(self, kind: type) -> Callable[[Comparison, Path, Any, Any], None]:
        exact = _HANDLERS.get(kind)
        if exact is not None:
            return exact
        special = libraries.handler(kind)
        if special is not None:
            return special
        for base, handler in _BY_BASE:
            if issubclass(kind, base):
                return handler
        return _instance

    # ---- sets

    def _settle_set(self, path: Path, left: list[Any], right: list[Any]) -> None:
        """Pair the members of two sets that could not be told apart by value, once all else is paired."""
        left, right = self._drop_paired(left, right)
        groups: dict[Hashable, tuple[list[Any], list[Any]]] = {}
        for side, members in enumerate((left, right)):
            for member in members:
                groups.setdefault(kinds.signature(member), ([], []))[side].append(member)
        for ones, others in groups.values():
            if len(ones) != len(others):
                odd = (ones or others)[0]
                self.report(path, f"{len(ones)} members like {kinds.brief(odd)} != {len(others)}")
            elif len(ones) == 1:
                self.pair(path.then("{" + kinds.brief(ones[0]) + "}"), ones[0], others[0])
            else:
                self._match(path.then("{member}"), ones, others)

    def _drop_paired(self, left: list[Any], right: list[Any]) -> tuple[list[Any], list[Any]]:
        members = {id(member) for member in right}
        partners = {
            id(self.to_right[id(m)][1])
            for m in left
            if id(m) in self.to_right and id(self.to_right[id(m)][1]) in members
        }
        return (
            [m for m in left if id(m) not in self.to_right or id(self.to_right[id(m)][1]) not in partners],
            [m for m in right if id(m) not in partners],
        )

    def _match(self, path: Path, left: list[Any], right: list[Any]) -> None:
        """Try partners one after the other: greedy, which is enough for members that differ in value."""
        rest = list(right)
        for one in left:
            for index, other in enumerate(rest):
                trial = self._trial(path, one, other)
                if trial is not None:
                    self.to_right, self.to_left = trial.to_right, trial.to_left
                    self.arrays.extend(trial.arrays)
                    del rest[index]
                    break
            else:
                self.report(path, f"{kinds.brief(one)} has no equal in the second state")

    def _trial(self, path: Path, one: Any, other: Any) -> Comparison | None:
        trial = Comparison(self.left, self.right, self.namespaces, limit=1)
        trial.to_right, trial.to_left = dict(self.to_right), dict(self.to_left)
        trial.visibility = self.visibility
        trial.pair(path, one, other)
        return None if trial.run() else trial


# ---- what is inside: one function per kind of object


def _value(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """Immutables that carry nothing but a value. NaN equals NaN, 0.0 does not equal -0.0, True is not 1."""
    if left is right:
        return
    if type(left) in (float, complex):
        same = repr(left) == repr(right)
    else:
        same = left == right
    if not same:
        c.report(path, f"{kinds.brief(left)} != {kinds.brief(right)}")


def _by_type(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """Objects that cannot be looked into without using them up: their type is all that is compared."""


def _module(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is not right and left.__name__ != right.__name__:
        c.report(path, f"module {left.__name__} != module {right.__name__}")


def _sequence(c: Comparison, path: Path, left: Any, right: Any) -> None:
    ones, others = kinds.items(left), kinds.items(right)
    if len(ones) != len(others):
        c.report(path, f"length {len(ones)} != {len(others)}")
    for index, (one, other) in enumerate(zip(ones, others, strict=False)):
        if one is not other or not kinds.is_plain(one):
            c.pair(path.then(f"[{index}]"), one, other)


def _mapping(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is c.namespaces[0] or right is c.namespaces[1]:
        if not (left is c.namespaces[0] and right is c.namespaces[1]):
            c.report(path, "is the namespace itself in one state only")
        return
    ones, others = kinds.pairs(left), kinds.pairs(right)
    names = [kinds.key_name(key) for key, _ in ones]
    other_names = [kinds.key_name(key) for key, _ in others]
    if names == other_names:
        for name, (key, value), (other_key, other_value) in zip(names, ones, others, strict=True):
            if not kinds.is_plain(key):
                c.pair(path.then(")", "key of ("), key, other_key)
            c.pair(path.then(f"[{name[:60]}]"), value, other_value)
        return
    _unlike_keys(c, path, dict(zip(names, ones, strict=True)), dict(zip(other_names, others, strict=True)))


def _unlike_keys(c: Comparison, path: Path, ones: dict[str, Any], others: dict[str, Any]) -> None:
    missing = [name for name in ones if name not in others]
    added = [name for name in others if name not in ones]
    if missing:
        c.report(path, f"key {', '.join(missing[:5])} only in the first state")
    if added:
        c.report(path, f"key {', '.join(added[:5])} only in the second state")
    if not missing and not added:
        c.report(path, "keys in another order")
    for name in ones:
        if name in others:
            c.pair(path.then(f"[{name[:60]}]"), ones[name][1], others[name][1])


def _set(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """Order-free: plain members by value at once, the rest when everything else is paired."""
    rests: list[list[Any]] = []
    plains: list[dict[str, Any]] = []
    for side in (left, right):
        members = list(kinds.items(side))
        plains.append({kinds.key_name(m): m for m in members if kinds.is_plain(m)})
        rests.append([m for m in members if not kinds.is_plain(m)])
    for name in plains[0].keys() - plains[1].keys():
        c.report(path, f"member {name} only in the first state")
    for name in plains[1].keys() - plains[0].keys():
        c.report(path, f"member {name} only in the second state")
    if len(rests[0]) != len(rests[1]):
        c.report(path, f"{len(rests[0])} members that are not plain values != {len(rests[1])}")
    elif rests[0]:
        c.sets.append((path, rests[0], rests[1]))


def _function(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is right and c.visibility.outside_function(left):
        return
    if c.visibility.outside_function(left) or c.visibility.outside_function(right):
        c.report(path, f"{kinds.brief(left)} != {kinds.brief(right)}")
        return
    kinds.compare_code(lambda text: c.report(path, text), left.__code__, right.__code__)
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        if getattr(left, name) != getattr(right, name):
            c.report(path, f"{name} {getattr(left, name)!r} != {getattr(right, name)!r}")
    _globals(c, path, left.__globals__, right.__globals__)
    for name in ("__defaults__", "__kwdefaults__", "__dict__", "__annotations__", "__closure__"):
        c.pair(path.then("." + name), getattr(left, name) or None, getattr(right, name) or None)


def _globals(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is c.namespaces[0] and right is c.namespaces[1]:
        return
    if left is c.namespaces[0] or right is c.namespaces[1]:
        c.report(path, "__globals__ is the namespace in one state only")
    elif left is not right:
        c.pair(path.then(".__globals__"), left, right)


def _cell(c: Comparison, path: Path, left: Any, right: Any) -> None:
    sides = [kinds.cell_contents(cell) for cell in (left, right)]
    if (sides[0] is kinds.EMPTY) != (sides[1] is kinds.EMPTY):
        c.report(path, "cell is empty in one state only")
    elif sides[0] is not kinds.EMPTY:
        c.pair(path.then(".cell_contents"), *sides)


def _class(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is right and c.visibility.outside_class(left):
        return
    if c.visibility.outside_class(left) or c.visibility.outside_class(right):
        c.report(path, f"{kinds.brief(left)} != {kinds.brief(right)}")
        return
    for name in ("__name__", "__qualname__", "__module__"):
        if kinds.class_attribute(left, name) != kinds.class_attribute(right, name):
            c.report(path, f"{name} differs")
    c.pair(path.then(".__bases__"), left.__bases__, right.__bases__)
    ones, others = kinds.class_dict(left), kinds.class_dict(right)
    for name in sorted(ones.keys() ^ others.keys()):
        c.report(path, f"attribute {name} only in the {'first' if name in ones else 'second'} state")
    for name in ones:
        if name in others:
            c.pair(path.then("." + name), ones[name], others[name])


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


def _attributes(*names: str) -> Callable[[Comparison, Path, Any, Any], None]:
    def compare(c: Comparison, path: Path, left: Any, right: Any) -> None:
        for name in names:
            c.pair(path.then("." + name), getattr(left, name, None), getattr(right, name, None))

    return compare


def _weak(c: Comparison, path: Path, left: Any, right: Any) -> None:
    c.pair(path.then("()"), left(), right())


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
    c.pair(path.then(".__dict__"), getattr(left, "__dict__", None) or None, getattr(right, "__dict__", None) or None)


def _weak_mapping(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """Dicts and sets that hold weakly: what is alive in them."""
    one, other = (dict(side) if issubclass(type(side), Mapping) else set(side) for side in (left, right))
    c.pair(path, one, other)


def _proxy(c: Comparison, path: Path, left: Any, right: Any) -> None:
    c.pair(path, dict(left), dict(right))


def _logger(c: Comparison, path: Path, left: Any, right: Any) -> None:
    if left is not right and left.name != right.name:
        c.report(path, f"logger {left.name} != logger {right.name}")


def _file(c: Comparison, path: Path, left: Any, right: Any) -> None:
    for name in ("name", "mode", "closed"):
        one, other = getattr(left, name, None), getattr(right, name, None)
        if one != other:
            c.report(path.then("." + name), f"{one!r} != {other!r}")


def _instance(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """An object of a class that has no rule of its own: contents, ``__dict__``, slots, else what pickling would see."""
    kind = type(left)
    for base, handler in _CONTENTS:
        if issubclass(kind, base):
            handler(c, path, kinds.plain(left, base), kinds.plain(right, base))
    if c.visibility.outside_class(kind) and not kinds.has_contents(kind):
        ones, others = kinds.reduced(left), kinds.reduced(right)
        if ones is not None and others is not None:
            c.pair(path, kinds.Reduced(ones), kinds.Reduced(others))
            return
    _pair_attributes(c, path, kinds.attributes(left), kinds.attributes(right))
    if kinds.hidden_base(c.visibility, kind):
        ones, others = kinds.reduced(left), kinds.reduced(right)
        if ones is not None and others is not None:
            c.pair(path.then(".__reduce_ex__(4)"), kinds.Reduced(ones), kinds.Reduced(others))


def _pair_attributes(c: Comparison, path: Path, ones: Mapping[str, Any], others: Mapping[str, Any]) -> None:
    for name in sorted(ones.keys() ^ others.keys()):
        c.report(path, f"attribute {name} only in the {'first' if name in ones else 'second'} state")
    for name in ones:
        if name in others:
            c.pair(path.then("." + name), ones[name], others[name])


def _reduced(c: Comparison, path: Path, left: kinds.Reduced, right: kinds.Reduced) -> None:
    if len(left.parts) != len(right.parts):
        c.report(path, "pickles in another form")
    for one, other in zip(left.parts, right.parts, strict=False):
        c.pair(path, one, other)


def _table(kinds_of: Iterable[tuple[tuple[type, ...], Any]]) -> dict[type, Any]:
    return {kind: handler for group, handler in kinds_of for kind in group}


_HANDLERS: dict[type, Callable[[Comparison, Path, Any, Any], None]] = _table(
    [
        (tuple(kinds.VALUE_TYPES), _value),
        ((list, tuple, deque), _sequence),
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
        ((types.CodeType,), lambda c, p, x, y: kinds.compare_code(lambda text: c.report(p, text), x, y)),
        ((kinds.Reduced,), _reduced),
        (tuple(kinds.opaque_types()), _by_type),
    ]
)

_BY_BASE: list[tuple[type, Callable[[Comparison, Path, Any, Any], None]]] = [
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
    (BaseException, _attributes("args", "__dict__", "__cause__", "__context__")),
]

_CONTENTS: list[tuple[type, Callable[[Comparison, Path, Any, Any], None]]] = [
    (dict, _mapping),
    (list, _sequence),
    (tuple, _sequence),
    (deque, _sequence),
    (set, _set),
    (frozenset, _set),
    (int, _value),
    (float, _value),
    (complex, _value),
    (str, _value),
    (bytes, _value),
    (bytearray, _value),
]
