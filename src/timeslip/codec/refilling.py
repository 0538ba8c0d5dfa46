"""Dicts and sets whose keys say themselves how they are hashed: what is in them, so that none of it gets lost.

Such a container is filled by the methods of its keys while it is loaded. A key that was changed after it was put in
then takes the place of another one, or the other one its. So what was in the container is stored beside it, with the
numbers that it keeps for its keys. Where entries have got lost, it is filled again, past the methods of the keys.
"""

from __future__ import annotations

import ctypes
import types
from collections import OrderedDict
from collections.abc import Container, Iterable, Iterator, Set
from contextlib import contextmanager
from typing import Any

from timeslip.codec.definitions import is_a, of
from timeslip.codec.hashing import hashes_by_value
from timeslip.codec.kinds import compares_oddly, is_of_session

Check = tuple[Any, list[Any], list[int], int]
"""A container, its keys (and values, in turn), the numbers it keeps for the keys, and what texts are hashed with."""

SALT = hash("timeslip")
"""Differs between processes in which texts have other hashes."""


def hashes_itself(kind: type) -> bool:
    """Whether instances of *kind* may be changed, and say themselves how they are hashed."""
    if compares_oddly(kind) or issubclass(kind, (tuple, type, BaseException)) or not is_of_session(kind):
        return False
    given = (of(base, "__dict__").get("__dataclass_params__") for base in of(kind, "__mro__"))
    return hashes_by_value(kind) and not getattr(next(filter(None, given), None), "frozen", False)


def checks_of(objects: Iterable[Any], kinds: Set[type], seeds: Container[int]) -> list[Check]:
    """What there is to know of those of *objects* that are dicts or sets with keys of *kinds*.

    The objects at *seeds* are no part of a value: its stream only refers to them.
    """
    found: list[Check] = []
    for obj in objects:
        kind = type(obj)
        if id(obj) in seeds:
            continue
        if issubclass(kind, dict) and kind is not OrderedDict and _any_of(dict.__iter__(obj), kinds):
            found.append((obj, [part for pair in dict.items(obj) for part in pair], _numbers(obj), SALT))
        elif issubclass(kind, set) and _any_of(set.__iter__(obj), kinds):
            found.append((obj, list(set.__iter__(obj)), _numbers(obj), SALT))
        elif issubclass(kind, frozenset) and _any_of(frozenset.__iter__(obj), kinds):
            found.append((obj, list(frozenset.__iter__(obj)), _numbers(obj), SALT))
    return found


def _any_of(container: Iterable[Any], kinds: Set[type]) -> bool:
    try:
        return any(type(key) in kinds or (type(key) is tuple and _any_of(key, kinds)) for key in container)
    except Exception:  # a class among them that lets nobody hash or compare it
        return False


def _numbers(container: Any) -> list[int]:
    """The numbers that a dict or set keeps for its keys, in their order; none where this Python does not show them."""
    is_dict = is_a(container, dict)
    step: Any = getattr(ctypes.pythonapi, "_PyDict_Next" if is_dict else "_PySet_NextEntry", None)
    if step is None:
        return []
    position, number = ctypes.c_ssize_t(0), ctypes.c_ssize_t(0)
    key, value = ctypes.c_void_p(), ctypes.c_void_p()
    held = ctypes.py_object(container)
    places = [ctypes.byref(position), ctypes.byref(key)]
    places += [ctypes.byref(value)] if is_dict else []
    numbers = []
    while step(held, *places, ctypes.byref(number)):
        numbers.append(number.value)
    return numbers


def changed_elements(check: Check) -> str | None:
    """Why the container of *check* cannot be filled again, as far as that can be known before: None if it can.

    Nothing can be put into a frozenset once it is there, so its elements are asked now what they will be asked then.
    """
    container, parts, _, _ = check
    if not is_a(container, frozenset):
        return None
    try:
        return None if len(frozenset(parts)) == len(parts) else _CHANGED_ELEMENTS
    except Exception as error:  # methods of the session: anything may come
        return f"elements of a frozenset cannot be put into one any more: {type(error).__name__}"


def refill(check: Check) -> None:
    """Put into a container that was loaded what is missing in it.

    Raises:
        ValueError: a key is of a class that cannot be kept from being asked, or nothing can be put into the container.
    """
    container, parts, numbers, salt = check
    kind: Any = dict if is_a(container, dict) else set
    keys = parts[::2] if kind is dict else parts
    if is_a(container, frozenset):
        if len(container) == len(keys):
            return
        raise ValueError(_CHANGED_ELEMENTS)
    if kind.__len__(container) == len(keys):
        return
    values = parts[1::2] if kind is dict else keys
    known = salt == SALT and len(numbers) == len(keys)
    asked = numbers if known else [hash(key) for key in keys]  # as it was, whatever the keys say by now
    for attempt in range(1 if known else _ATTEMPTS):
        chosen = asked if known else _set_apart(asked, numbers, attempt)
        with _unasked(keys) as answers:
            kind.clear(container)
            for key, value, number in zip(keys, values, chosen, strict=True):
                answers[id(key)] = number  # one key may be there twice, with two numbers
                if kind is dict:
                    dict.__setitem__(container, key, value)
                else:
                    set.add(container, key)
        if kind.__len__(container) == len(keys):
            return
    raise ValueError("keys have changed since they were put in, and get in each other's way")


_CHANGED_ELEMENTS = "elements of a frozenset have changed since they were put in, and get in each other's way"
_ATTEMPTS = 64


def _set_apart(now: list[int], numbers: list[int], attempt: int) -> list[int]:
    """Of keys with one number, only the one that still has the number it was put in with is found, or the last.

    The others get numbers that nobody asks for; which ones depends on *attempt*.
    """
    chosen = list(now)
    by_number: dict[int, list[int]] = {}
    for place, number in enumerate(now):
        by_number.setdefault(number, []).append(place)
    for places in by_number.values():
        same = [place for place in places if place < len(numbers) and numbers[place] == now[place]]
        found = same[0] if same else places[-1]
        for place in places:
            if place != found:
                chosen[place] ^= (1 << 40) + 5 * attempt + place + 1
    return chosen


@contextmanager
def _unasked(keys: list[Any]) -> Iterator[dict[int, int]]:
    """Within the block keys that hash themselves are equal to nothing but themselves.

    They are hashed by what stands for their address in the dict that this gives.
    """
    changed: list[tuple[Any, type]] = []
    stand_ins: dict[type, type] = {}
    known: dict[int, int] = {}
    try:
        for key in {id(key): key for key in keys}.values():
            kind = type(key)
            if not hashes_itself(kind):
                continue
            if kind not in stand_ins:
                stand_ins[kind] = _stand_in(kind, known)
            try:
                object.__setattr__(key, "__class__", stand_ins[kind])
            except TypeError as error:
                raise ValueError(f"keys of class {kind.__name__} have changed since they were put in") from error
            changed.append((key, kind))
        yield known
    finally:
        for key, kind in changed:
            object.__setattr__(key, "__class__", kind)


def _stand_in(kind: type, known: dict[int, int]) -> type:
    """A class whose instances are laid out like those of *kind*."""
    body: dict[str, Any] = {"__hash__": lambda self: known[id(self)], "__eq__": object.__eq__}
    slots = [name for name, slot in vars(kind).items() if type(slot) is types.MemberDescriptorType]
    if slots or not kind.__dictoffset__:
        more = [name for name in ("__dict__", "__weakref__") if name in vars(kind)]
        body["__slots__"] = (*slots, *more)
    return type("StandIn", (), body)
