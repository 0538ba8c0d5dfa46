"""The attributes of an instance that has no attribute dict yet, read without giving it one.

CPython 3.11 and later keep the attributes of an ordinary instance as a row of values, and their names once for the
class. A dict is made of them when somebody asks for ``__dict__``, as pickle does, and from then on every access to an
attribute goes through that dict: a loop that calls a method takes 1.8 times as many instructions on CPython 3.11 (2.1
on 3.12, 1.4 on 3.13), as long as the instance lives, because it was recorded once.

So the order of the attributes and their names are read from where CPython has them (``Objects/dictobject.c``,
``Include/internal/pycore_dict.h`` and ``pycore_object.h``). Nothing is written. The values are what the garbage
collector sees, and must be at the very addresses that were read. Where they are not, and where the interpreter does not
keep things so (tried out once, with objects of our own: other versions, debug builds and those without the GIL do not),
the attribute dict is what tells.

Thread safety: only where no code of the user's runs in other threads, see `Encoder.is_alone` and `reading`.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from timeslip.codec.definitions import HEAP_TYPE, of
from timeslip.codec.kinds import attributes_of, defines, held_by_class, references_in_lists

_WORD = ctypes.sizeof(ctypes.c_size_t)
_VERSION = sys.version_info[:2]
_MANAGED, _INLINE = 1 << 4, 1 << 2
"""Py_TPFLAGS_MANAGED_DICT: what leads to the attributes is in front of an instance. Py_TPFLAGS_INLINE_VALUES, of
CPython 3.13: they are behind it."""
_FLAGS = _MANAGED | HEAP_TYPE | (_INLINE if _VERSION >= (3, 13) else 0)
_KEYS_OF_DICT = 4
"""The place of ``ma_keys`` in a dict, in words."""
_SPLIT = 2
"""DICT_KEYS_SPLIT: keys of a class, without values."""
_MOST = 30
"""SHARED_KEYS_MAX_SIZE: so many attributes can be kept so."""
ASKED = 64
"""So many instances of each class are asked in one pass."""
_OWN_REFERENCES = references_in_lists(2)
"""What is in a dict and in a list, and nobody else's."""
_address = id
"""A cell may put anything in the place of ``id``."""


class _Reading(threading.local):
    is_alone = False


_reading = _Reading()


@contextmanager
def reading(is_alone: bool) -> Iterator[None]:
    """Let `attributes_if_inside` of this thread look, if *is_alone*: no code of the user's runs in another one."""
    before, _reading.is_alone = _reading.is_alone, is_alone
    try:
        yield
    finally:
        _reading.is_alone = before


def attributes_if_inside(obj: Any) -> dict[str, Any] | None:
    """The attributes of any object as `attributes_inside` tells them; None as there, and outside of `reading`."""
    return attributes_inside(obj, {}) if _reading.is_alone and may_have_them(type(obj)) else None


def are_known() -> bool:
    """Whether this interpreter keeps attributes so."""
    return _keys_place() is not None


def may_have_them(kind: type) -> bool:
    """Whether instances of *kind*, which has no slots, may keep their attributes so."""
    return of(kind, "__flags__") & _FLAGS == _FLAGS and not of(kind, "__itemsize__") and _keys_place() is not None


def attributes_inside(obj: Any, known: dict[tuple[int, bytes], list[str]]) -> dict[str, Any] | None:
    """The attributes of *obj*, in their order, as a dict of their own; None where it has an attribute dict.

    Args:
        obj: an instance of a class of which `may_have_them` is true.
        known: names that were read for other instances of classes that are still there.
    """
    place = _keys_place()
    return _read(obj, place, known) if place is not None else None


class Asking:
    """Which instances one pass asks: some of each class, the rest it leaves to pickle, which is faster.

    Args:
        is_alone: as `Encoder.is_alone`.
    """

    def __init__(self, is_alone: Callable[[], bool]) -> None:
        self._is_alone = is_alone
        self._alone: bool | None = None
        self._left: dict[int, int] = {}
        """Address of a class -> how many more of its instances are asked."""
        self._names: dict[tuple[int, bytes], list[str]] = {}

    def begins(self, kind: type) -> bool:
        """Whether instances of *kind*, of which `may_have_them` is true, are asked in this pass."""
        if self._alone is None:
            self._alone = self._is_alone()
        if self._alone:
            self._left[id(kind)] = ASKED
        return self._alone

    def attributes(self, obj: Any) -> dict[str, Any] | None:
        """As `attributes_inside`; None also for what is not asked."""
        left = self._left.get(id(type(obj)), 0)
        if not left:
            return None
        self._left[id(type(obj))] = left - 1
        return attributes_inside(obj, self._names)

    def is_done(self, kind: type) -> bool:
        """Whether so many of *kind* were asked that the others are not."""
        return self._left.get(id(kind)) == 0


def give_anew(values: dict[str, Any], is_fit: Callable[[type], bool]) -> None:
    """Put new instances without an attribute dict in the place of those of *values* that pickle has just made with one.

    Only of those that nobody else holds, not even they themselves, and whose dict nobody else holds: nothing can tell.

    Args:
        values: by any key; nothing else may hold them for the caller.
        is_fit: whether an instance of a class is its attributes, and loading one has run no code of the class: that may
            have noted the address of the instance.
    """
    if not are_known():
        return
    for key in [key for key, value in values.items() if may_have_them(type(value))]:
        if is_fit(type(values[key])) and _is_own([values[key]]):
            values[key] = _made_anew(values[key])


def _is_own(held: list[Any]) -> bool:
    """Whether the one in *held* is held there and in one other place, and one like it can be made."""
    kind = type(held[0])
    if (
        defines(kind, "__del__")
        or next(map(sys.getrefcount, held)) > _OWN_REFERENCES
        or weakref.getweakrefcount(held[0])
    ):
        return False
    attributes = [attributes_of(held[0])]
    if type(attributes[0]) is not dict or next(map(sys.getrefcount, attributes)) > _OWN_REFERENCES:
        return False
    return all(type(name) is str and not _is_described(kind, name) for name in attributes[0])


def _is_described(kind: type, name: str) -> bool:
    """Whether assigning that attribute asks a property or the like, also one that only says how it is deleted."""
    found = type(held_by_class(kind, name))
    return defines(found, "__set__") or defines(found, "__delete__")


def _made_anew(obj: Any) -> Any:
    try:
        made: Any = object.__new__(type(obj))
    except TypeError:  # of an abstract class
        return obj
    for name, value in attributes_of(obj).items():
        object.__setattr__(made, name, value)
    return made


def _read(obj: Any, keys_place: int, known: dict[tuple[int, bytes], list[str]]) -> dict[str, Any] | None:
    kind = type(obj)
    row = _row_of(_address(obj), of(kind, "__basicsize__"))
    if row is None:
        return None
    places, first = row
    keys = _word(_address(kind) + _WORD * keys_place)
    names = known.get((keys, places))
    if names is None:
        names = _names(keys, places)
        if names is None:
            return None
        known[keys, places] = names
    held, row_of_all = gc.get_referents(obj), _words(first, max(places, default=-1) + 1)
    addresses = list(map(_address, held))
    if len(held) != len(places) + 1 or addresses.pop() != _address(kind):
        return None
    in_row = sorted(places)  # as the garbage collector goes
    if addresses != [row_of_all[place] for place in in_row]:
        return None
    there = dict(zip(in_row, held, strict=False))
    return dict(zip(names, map(there.__getitem__, places), strict=True))


def _word(address: int) -> int:
    return ctypes.c_size_t.from_address(address).value


def _words(address: int, count: int) -> Any:
    return (ctypes.c_size_t * count).from_address(address)


def _row_of(address: int, size: int) -> tuple[bytes, int] | None:
    """Of the instance there the places of its values, in the order of the attributes, and the address of place 0.

    Args:
        address: of the instance.
        size: what its class needs by itself, bytes.
    """
    if _VERSION >= (3, 13):
        if _word(address - 3 * _WORD):  # a dict
            return None
        capacity, count, _, valid = ctypes.string_at(address + size, 4)
        if not valid or not count <= capacity <= _MOST:
            return None
        first = address + size + _WORD
        return ctypes.string_at(first + _WORD * capacity, count), first
    if _VERSION == (3, 12):
        tagged = _word(address - 3 * _WORD)
        first = tagged + 1 if tagged & 1 else 0  # else it is a dict
    else:
        first, made = _words(address - 4 * _WORD, 2)
        first = 0 if made else first
    if not first:
        return None
    count, room = ctypes.string_at(first - 2, 2)
    if count > _MOST or count + 2 > room:
        return None
    return ctypes.string_at(first - 2 - count, count)[::-1], first


def _names(keys: int, places: bytes) -> list[str] | None:
    """The names at these places among the keys of a class."""
    if not keys:
        return None
    _, index_bytes, form, _ = ctypes.string_at(keys + _WORD, 4)
    count = _word(keys + 3 * _WORD)
    if form != _SPLIT or index_bytes > 8 or count > _MOST or max(places, default=-1) >= count:
        return None
    entries = _words(keys + 4 * _WORD + (1 << index_bytes), 2 * count)
    if not all(entries[2 * place] for place in places):
        return None
    found = [ctypes.cast(entries[2 * place], ctypes.py_object).value for place in places]
    return found if all(type(name) is str for name in found) else None


class _Tried:
    """What is tried out first."""


@functools.cache
def _keys_place() -> int | None:
    """Where a class has the keys of its instances, in words; None where things are not as they are described above."""
    plain = sys.implementation.name == "cpython" and (3, 11) <= _VERSION <= (3, 13) and _WORD == 8
    debugged = any(hasattr(sys, name) for name in ("gettotalrefcount", "getobjects"))
    if not plain or debugged or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return None
    tried, other, third = _Tried(), _Tried(), _Tried()
    tried.b, tried.a, tried.c = [1], {2}, "c"  # type: ignore[attr-defined]  # what a cell does
    third.a, third.d, third.b = (3,), None, tried  # type: ignore[attr-defined]  # in another order
    del tried.a  # type: ignore[attr-defined]
    tried.a = 7  # type: ignore[attr-defined]
    if of(_Tried, "__flags__") & _FLAGS != _FLAGS:
        return None
    keys = _words(_address(vars(other)), _KEYS_OF_DICT + 1)[_KEYS_OF_DICT]
    there = [
        place for place, word in enumerate(_words(_address(_Tried), of(type, "__basicsize__") // _WORD)) if word == keys
    ]
    if len(there) != 1:
        return None
    for made in (tried, third):
        told = _read(made, there[0], {})
        again = _read(made, there[0], {})  # asking has not changed anything
        if told is None or again is None or list(told.items()) != list(vars(made).items()):
            return None
        if _read(made, there[0], {}) is not None:  # it has a dict now
            return None
    return there[0]
