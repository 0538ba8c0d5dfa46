"""Views of dicts, and iterators over dicts and sets: by the container they look at, and how far they have come.

Python's own reduction of such an iterator is a list of what is left: another type, and no longer tied to the container.
"""

from __future__ import annotations

import collections
import gc
import operator
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from timeslip.codec.definitions import is_a

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_PARTS = ("keys", "values", "items")


def _container_of(looking: Any, kinds: tuple[type, ...]) -> Any:
    """The container that a view or an iterator refers to; None for an iterator that has come to its end."""
    return next((part for part in gc.get_referents(looking) if is_a(part, kinds)), None)


def _view(part: str) -> Any:
    def reduce(state: Pass, view: Any) -> Any:
        return dict_view, (_container_of(view, (dict,)), part)

    return reduce


def dict_view(mapping: dict[Any, Any], part: str) -> Any:
    """The keys, values or items of *mapping*, whatever its class says of them."""
    kind: Any = collections.OrderedDict if is_a(mapping, collections.OrderedDict) else dict
    return getattr(kind, part)(mapping)


def _iterator(empty: Any, part: str, backwards: bool) -> Any:
    def reduce(state: Pass, iterator: Any) -> Any:
        container = _container_of(iterator, (type(empty), frozenset))
        if container is None:
            return spent, (empty, part, backwards)
        if type(empty) is set:
            return _over_set(state, iterator, container)
        left = operator.length_hint(iterator)  # 0 also when the container has changed: it gives nothing any more
        return advanced, (container, part, backwards, _length(container) - left)

    return reduce


def _over_set(state: Pass, iterator: Any, container: Any) -> Any:
    """An iterator over a set: in another process, or after other changes, an equal set has another order."""
    left = list(iterator.__reduce__()[1][0])
    if len(left) == len(container):
        return iter_set, (container,)
    token = " ".join(str(id(part)) for part in left)
    reason = "it gives the same of what is left of the set, perhaps in another order"
    return state.resource(iterator, reason, token, rest_of_set, (container, left))


def iter_set(container: Any) -> Iterator[Any]:
    """An iterator over a set, at its beginning."""
    return iter(container)


def rest_of_set(container: Any, left: list[Any]) -> Iterator[Any]:
    """An iterator that gives what is *left*: over the set itself, if that has the order it had."""
    steps = len(container) - len(left)
    rest = advanced(container, "", False, steps)
    if set(map(_named, rest)) == set(map(_named, left)):
        return advanced(container, "", False, steps)
    return iter(left)


def _named(part: Any) -> Any:
    """What tells a member of a set from the others, without asking objects that have methods of their own."""
    return part if type(part) in _ATOMS else id(part)


_ATOMS = frozenset({int, float, complex, bool, str, bytes, type(None)})


def _ordered(state: Pass, iterator: Any) -> Any:
    """An iterator over an ordered dict: one type for all parts and both directions, told apart by what is left."""
    container = _container_of(iterator, (collections.OrderedDict,))
    if container is None:
        return spent, (collections.OrderedDict(), _PARTS[0], False)
    left = list(iterator.__reduce__()[1][0])
    steps = _length(container) - len(left)
    for part in _PARTS:
        for backwards in (False, True):
            rest = list(advanced(container, part, backwards, steps))
            if len(rest) == len(left) and all(map(_same, rest, left)):
                return advanced, (container, part, backwards, steps)
    return state.hole(iterator, "what it goes over has changed since it began")


def _same(one: Any, other: Any) -> bool:
    if type(one) is tuple and type(other) is tuple and len(one) == len(other) == 2:
        return one[0] is other[0] and one[1] is other[1]
    return one is other


def _length(container: Any) -> int:
    return dict.__len__(container) if is_a(container, dict) else len(container)


def _begin(container: Any, part: str, backwards: bool) -> Iterator[Any]:
    if part:
        view = dict_view(container, part)
        return reversed(view) if backwards else iter(view)
    return iter(container)


def advanced(container: Any, part: str, backwards: bool, steps: int) -> Iterator[Any]:
    """An iterator over *container* that has gone so many steps."""
    made = _begin(container, part, backwards)
    next(islice(made, steps, steps), None)
    return made


def spent(empty: Any, part: str, backwards: bool) -> Iterator[Any]:
    """Such an iterator at its end."""
    made = _begin(empty, part, backwards)
    next(made, None)
    return made


def _table() -> dict[type, Any]:
    table: dict[type, Any] = {type(iter(set())): _iterator(set(), "", False)}
    mappings: tuple[dict[Any, Any], ...] = ({}, collections.OrderedDict())
    for empty in mappings:
        for part in _PARTS:
            table[type(dict_view(empty, part))] = _view(part)
    table[type(iter(mappings[1]))] = _ordered
    for part in _PARTS:
        for backwards in (False, True):
            table[type(_begin({}, part, backwards))] = _iterator({}, part, backwards)
    return table


REDUCERS: dict[type, Any] = _table()
