"""Whether two values are the same, part by part, without recursion and within bounds.

The rule: equal types (a class that was loaded again counts as the one of the same name), equal parts, NaN equal to NaN,
sets and dicts in any order. Instances are compared by what they hold, not by their own ``__eq__``, which may lie, raise
or return an array; only what holds nothing that Python can see is asked for its ``__eq__``.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any

from timeslip.describing.brief import FAILURES, Patience, brief, own_repr
from timeslip.describing.hidden import BOUND, hidden_parts
from timeslip.describing.kinds import attributes, bases, is_pure, kind_of, maker_of, namespace, type_name

SCALARS = frozenset({int, float, complex, str, bytes, bool, type(None)})
_UNBOUND: dict[str, Any] = {"int": int, "float": float, "complex": complex, "str": str, "bool": int}
_SCALAR_IDS = frozenset(id(cls) for cls in SCALARS)
_PLAIN_IDS = frozenset(id(cls) for cls in (list, tuple, dict, *SCALARS))
"""By address, because hashing a class can run its metaclass."""
_STEPS = 3_000_000
_PAIRING = 30
_NESTED = 20
_REMEMBERED = 2000


class Work:
    """What one comparison may cost, and what was left out.

    Args:
        patience: time for methods of users' objects.
        steps: parts that may be looked at.
    """

    def __init__(self, patience: Patience | None = None, steps: int | None = None) -> None:
        self.patience = patience or Patience(5.0)
        self._steps = _STEPS if steps is None else steps
        self.cut = False
        self.unseen = False
        """Whether an object was met that shows nothing of what it is."""
        self.depth = 0
        self.known: dict[tuple[int, int], tuple[object, object, bool]] = {}

    def spend(self, steps: int = 1) -> bool:
        """Whether *steps* more parts may be looked at."""
        self._steps -= steps
        if self._steps < 0 or (self._steps % 1024 < steps and not self.patience.left()):
            self.cut = True
        return not self.cut


def same_scalar(a: Any, b: Any) -> bool:
    """Two exact scalars of one type, NaN being equal to NaN (in parts of a complex number, too)."""
    if a == b:
        return True
    if type(a) is complex:
        return same_scalar(a.real, b.real) and same_scalar(a.imag, b.imag)
    return bool(a != a and b != b)


def same_class(a: type, b: type) -> bool:
    """Whether two classes are one, or one that was loaded again: of one name, on top of the same classes in C."""
    if a is b:
        return True
    if type_name(a) != type_name(b) or type_name(a) == "?":
        return False
    return _written_in_c(a) == _written_in_c(b)


def _written_in_c(cls: type) -> list[int]:
    """The bases that are not made by a class statement, by address; *cls* itself when it is none either."""
    return [id(base) for base in bases(cls) if base is not object and "__module__" not in namespace(base)]


def same(a: object, b: object, work: Work) -> bool:
    """Whether *a* and *b* have the same value. True also where *work* is used up: it is then marked as cut."""
    if work.depth >= _NESTED:  # sets and object arrays, each in the next: the only way that leads back into here
        work.cut = True
        return True
    if id(type(a)) in _SCALAR_IDS and type(a) is type(b):
        return same_scalar(a, b)
    known = work.known.get((id(a), id(b)))
    if known is not None:
        return known[2]
    work.depth += 1
    try:
        answer = _same(a, b, work)
    finally:
        work.depth -= 1
    if not work.cut and len(work.known) < _REMEMBERED:
        work.known[id(a), id(b)] = (a, b, answer)  # kept alive with it, so that the addresses stay theirs
    return answer


def _same(a: object, b: object, work: Work) -> bool:
    stack: list[tuple[object, object]] = []
    if not _collect([(a, b)], stack, work):
        return False
    seen: set[tuple[int, int]] = set()
    keep: list[object] = []  # parts made on the way stay alive, so that an address in `seen` means one object
    while stack:
        x, y = stack.pop()
        pair = (id(x), id(y))
        if pair in seen:
            continue
        seen.add(pair)
        keep.append((x, y))
        parts = _parts(x, y, work)
        if parts is None or not _collect(parts, stack, work):
            return False
    return True


def same_sharing(a: object, b: object, work: Work) -> bool:
    """Whether two values of equal parts also use the same objects in the same places: ``[x, x]`` is not ``[x, y]``.

    Asked of equal values only. Looks at what can change in place; True where *work* is used up.
    """
    there: dict[int, object] = {}
    back: dict[int, object] = {}
    stack: list[tuple[object, object]] = [(a, b)]
    keep: list[object] = []
    while stack:
        x, y = stack.pop()
        if id(type(x)) in _SCALAR_IDS or x is y or not work.spend():
            continue
        known = there.get(id(x), back)  # `back` itself stands for "not met yet"
        if known is not back or id(y) in back:
            if known is not y or back.get(id(y)) is not x:
                return False
            continue
        keep.append((x, y))
        if kind_of(type(x))[0] not in ("tuple", "plain", "bytes", "str", "enum", "libscalar", "npscalar", "class"):
            there[id(x)], back[id(y)] = y, x
        if kind_of(type(x))[0] not in ("figure", "axes", "artist", "rng", "function", "class", "array", "frame"):
            stack += _parts(x, y, work) or ()
    return True


def _collect(pairs: Iterable[tuple[Any, Any]], stack: list[tuple[object, object]], work: Work) -> bool:
    """Push the pairs that need a closer look; False at the first that differs for sure."""
    for x, y in pairs:
        if x is y:
            continue
        if not work.spend():
            return True
        if id(type(x)) in _SCALAR_IDS and type(y) is type(x):
            if not same_scalar(x, y):
                return False
        else:
            stack.append((x, y))
    return True


def _parts(x: Any, y: Any, work: Work) -> Iterable[tuple[Any, Any]] | None:
    """Pairs of parts that decide whether *x* and *y* are the same; None when they differ already."""
    if not same_class(type(x), type(y)):
        return None
    kind, _ = kind_of(type(x))
    if kind in ("list", "tuple", "deque"):
        return _sequence(x, y)
    if kind == "dict":
        pairs, removed, added = match_keys(x, y, work)
        held = _held(x, y)
        return None if removed or added or held is None else [*pairs, *held]
    if kind == "set":
        return None if any(match_elements(x, y, work)) else []
    if kind in _UNBOUND:
        return _held(x, y) if _UNBOUND[kind].__eq__(x, y) or (kind == "float" and x != x and y != y) else None
    if kind in ("array", "frame", "series", "index", "tensor", "sparse", "polars"):
        return [] if _same_library(x, y, kind, work) else None
    if kind in ("figure", "axes", "artist", "rng"):
        return _told(x, y, kind, work)
    if kind == "module":
        return _members_of_modules(x, y)
    if kind == "function":
        return function_parts(x, y)
    if kind == "class":
        return class_parts(x, y)
    if type(x) in BOUND:  # these compare by the identity of their object, which is another one after loading
        return [(hidden_parts(x, work.patience), hidden_parts(y, work.patience))]
    if kind == "placeholder" or (is_pure(type(x)) and (attributes(x) or attributes(y))):
        return _held(x, y)
    return _leaf(x, y, work)


def _sequence(x: Any, y: Any) -> list[tuple[Any, Any]] | None:
    base: Any = next(base for base in bases(type(x)) if kind_of(base)[1])
    if base.__len__(x) != base.__len__(y):
        return None
    held = _held(x, y)
    return None if held is None else [*zip(base.__iter__(x), base.__iter__(y), strict=True), *held]


def _held(x: object, y: object) -> list[tuple[Any, Any]] | None:
    """Pairs of attributes of two instances; None when they do not hold the same names."""
    if id(type(x)) in _PLAIN_IDS:
        return []
    before, after = attributes(x), attributes(y)
    if before.keys() != after.keys():
        return None
    return [(item, after[name]) for name, item in before.items()]


def _has_eq(x: object) -> bool:
    return maker_of(type(x), "__eq__") is not object


def _told(x: Any, y: Any, kind: str, work: Work) -> list[tuple[Any, Any]] | None:
    """Plots by what can be seen of them, random generators by where they are; by attributes where these fail."""
    from timeslip.describing.generators import generator_state
    from timeslip.describing.plots import card_of

    tell = generator_state if kind == "rng" else card_of
    try:
        return [(tell(x), tell(y))]
    except FAILURES as error:  # a broken one, or a library of an unknown version
        work.patience.failed(x, "comparison", error)
        return _held(x, y)


def _members_of_modules(x: Any, y: Any) -> list[tuple[Any, Any]] | None:
    before, after = module_members(x), module_members(y)
    return [(item, after[name]) for name, item in before.items()] if before.keys() == after.keys() else None


def module_members(module: Any) -> dict[str, object]:
    """What a module holds besides what Python puts there."""
    held = object.__getattribute__(module, "__dict__")
    hidden = ("__builtins__", "__loader__", "__spec__", "__cached__", "__file__", "__path__")
    return {name: item for name, item in dict.items(held) if type(name) is str and name not in hidden}


def _leaf(x: object, y: object, work: Work) -> list[tuple[Any, Any]] | None:
    """Ask the object itself; where it says nothing or fails, what it is saved as and what it shows decide."""
    if _has_eq(x) and work.patience.left():
        try:
            return [] if bool(x == y) else None
        except FAILURES as error:  # the user's own __eq__ (or the truth of its answer): its repr has to do
            work.patience.failed(x, "__eq__", error)
    parts = hidden_parts(x, work.patience), hidden_parts(y, work.patience)
    if parts[0] is not None and parts[1] is not None:
        return [parts]
    if maker_of(type(x), "__repr__") is object:
        held = _held(x, y)
        work.unseen = work.unseen or (held == [] and type(x) is not object)
        return held
    return [] if own_repr(x, 10_000, work.patience) == own_repr(y, 10_000, work.patience) else None


def match_keys(x: Any, y: Any, work: Work) -> tuple[list[tuple[Any, Any]], list[Any], list[Any]]:
    """Pairs of values under equal keys, keys only in *x*, keys only in *y*.

    Keys that compare by identity are paired by what they hold, when they are few.
    """
    pairs, removed, added = matched_keys(x, y, work)
    return [(a, b) for _key, a, b in pairs], removed, added


def matched_keys(x: Any, y: Any, work: Work) -> tuple[list[tuple[Any, Any, Any]], list[Any], list[Any]]:
    """Like `match_keys`, with the key before each pair."""
    pairs, removed = [], []
    own = {id(key): key for key in dict.keys(y)}
    for key, item in dict.items(x):
        if not work.spend():
            break
        try:
            there = dict.__contains__(y, key)
            other = dict.__getitem__(y, key) if there else None
        except FAILURES as error:  # the user's own __hash__ or __eq__ of a key
            work.patience.failed(key, "__eq__ or __hash__", error)
            there, other = False, None
        if there:
            pairs.append((key, item, other))
        else:
            removed.append(key)
    if work.cut:
        return pairs, [], []
    if len(pairs) == len(own) and not removed:
        return pairs, [], []
    found = {id(key) for key in own.values() if _is_in(x, key, work)}
    added = [key for key in own.values() if id(key) not in found]
    again, removed, added = _pair_up(removed, added, work)
    pairs += [(a, dict.get(x, a), dict.get(y, b)) for a, b in again]
    return pairs, removed, added


def _is_in(container: Any, item: object, work: Work) -> bool:
    base: Any = next(base for base in bases(type(container)) if kind_of(base)[1])
    try:
        return bool(base.__contains__(container, item))
    except FAILURES as error:  # the user's own __hash__ or __eq__ of an element
        work.patience.failed(item, "__eq__ or __hash__", error)
        return False


def match_elements(x: Any, y: Any, work: Work) -> tuple[list[Any], list[Any]]:
    """Elements only in *x* and only in *y*, for two sets."""
    base: Any = set if issubclass(type(x), set) else frozenset
    if not work.spend(base.__len__(x) + base.__len__(y)):
        return [], []
    removed = [item for item in base.__iter__(x) if not _is_in(y, item, work)]
    added = [item for item in (set if issubclass(type(y), set) else frozenset).__iter__(y) if not _is_in(x, item, work)]
    _, removed, added = _pair_up(removed, added, work)
    return removed, added


def _pair_up(removed: list[Any], added: list[Any], work: Work) -> tuple[list[tuple[Any, Any]], list[Any], list[Any]]:
    """Pair elements that hold the same although they do not compare equal (NaN, instances loaded again)."""
    if not removed or not added or len(removed) > _PAIRING or len(added) > _PAIRING:
        return [], removed, added
    pairs, left, rest = [], [], list(added)
    for item in removed:
        at = next((at for at, other in enumerate(rest) if same(item, other, work)), None)
        if at is None:
            left.append(item)
        else:
            pairs.append((item, rest.pop(at)))
    return pairs, left, rest


def function_parts(x: types.FunctionType, y: types.FunctionType) -> list[tuple[Any, Any]] | None:
    """What decides whether two functions do the same: code without line numbers, defaults, what they close over."""
    if not same_code(x.__code__, y.__code__):
        return None
    cells = (
        [(_cell(a), _cell(b)) for a, b in zip(x.__closure__, y.__closure__, strict=True)]
        if x.__closure__ and y.__closure__
        else []
    )
    return [(x.__defaults__, y.__defaults__), (x.__kwdefaults__, y.__kwdefaults__), (x.__dict__, y.__dict__), *cells]


def _cell(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return None  # not filled yet


def same_code(x: types.CodeType, y: types.CodeType) -> bool:
    """Whether two code objects do the same, wherever in a file they stand."""
    stack = [(x, y)]
    while stack:
        a, b = stack.pop()
        if a.co_code != b.co_code or a.co_names != b.co_names or a.co_varnames != b.co_varnames:
            return False
        if (a.co_flags, a.co_argcount, a.co_kwonlyargcount) != (b.co_flags, b.co_argcount, b.co_kwonlyargcount):
            return False
        if len(a.co_consts) != len(b.co_consts) or a.co_freevars != b.co_freevars:
            return False
        for one, two in zip(a.co_consts, b.co_consts, strict=True):
            if type(one) is not type(two):
                return False
            if type(one) is types.CodeType:
                stack.append((one, two))
            elif repr(one) != repr(two):  # tells 0.0 from -0.0 and takes NaN for NaN; constants are builtins
                return False
    return True


def class_parts(x: type, y: type) -> list[tuple[Any, Any]] | None:
    """What decides whether two classes are the same: their bases and what their bodies define."""
    from timeslip.describing.sources import class_attributes

    if not same_class(x, y):
        return None
    if [type_name(base) for base in bases(x)] != [type_name(base) for base in bases(y)]:
        return None
    before, after = class_attributes(x), class_attributes(y)
    if before.keys() != after.keys():
        return None
    return [(unwrapped(item), unwrapped(after[name])) for name, item in before.items()]


def unwrapped(item: Any) -> object:
    """The functions behind a property, class method or static method."""
    if type(item) is staticmethod or type(item) is classmethod:
        return (type(item).__name__, item.__func__)
    if type(item) is property:
        return ("property", item.fget, item.fset, item.fdel)
    if type(item) is types.MemberDescriptorType or type(item) is types.GetSetDescriptorType:
        return "slot"
    return item


def _same_library(x: Any, y: Any, kind: str, work: Work) -> bool:
    """Arrays and frames by their own comparison; where that fails, by what they show of themselves."""
    try:
        if kind in ("array", "tensor"):
            from timeslip.describing.arrays import same_arrays

            return same_arrays(x, y, work)
        if kind == "sparse":
            from timeslip.describing.sparse import same_sparse

            return same_sparse(x, y)
        if kind == "polars":
            from timeslip.describing.polars import same_polars

            return same_polars(x, y, work)
        from timeslip.describing.frames import same_frames

        return same_frames(x, y, work)
    except FAILURES as error:  # elements with an __eq__ of the user's, or a library of an unknown version
        work.patience.failed(x, "comparison", error)
        return brief(x, 2000) == brief(y, 2000)
