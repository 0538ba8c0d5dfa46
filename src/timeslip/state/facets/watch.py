"""Telling in a few microseconds that options and generators are as they were, without running code of their values."""

from __future__ import annotations

import ctypes
import enum
import sys
from collections.abc import Iterable
from itertools import chain
from operator import is_
from typing import Any

from timeslip.state.facets.plain import IMMUTABLE

_SEQUENCES = frozenset({list, tuple})


class Watch:
    """Remembers some dictionaries and answers whether they still hold the very same things.

    Compares identities only (no ``__eq__`` of a user's object runs). Keeps no reference to anything whose life a user
    could watch: only to immutable plain values and to members of enums of loaded modules. Dictionaries with any other
    value are never "unchanged", except that they may hold each other. Lists and tuples are looked into, one level deep.

    Args:
        skip: keys whose values the caller compares itself.
    """

    __slots__ = ("_keys", "_known", "_lengths", "_sequences", "_skip", "_skipped", "_values")

    def __init__(self, skip: frozenset[str] = frozenset()) -> None:
        self._skip = skip
        self.forget()

    def forget(self) -> None:
        """Make the next answer "changed"."""
        self._known = False
        self._lengths: list[int] = []
        self._keys: list[Any] = []
        self._values: list[Any] = []
        self._skipped: list[int] = []
        self._sequences: list[tuple[int, type, list[Any]]] = []

    def unchanged(self, dicts: Iterable[dict[str, Any]]) -> bool:
        """Whether *dicts* hold what they held at the last `remember`. False when in doubt."""
        if not self._known:
            return False
        dicts = list(dicts)
        if [dict.__len__(d) for d in dicts] != self._lengths:
            return False
        values = list(chain.from_iterable(dict.values(d) for d in dicts))
        for position in self._skipped:
            values[position] = None
        for position, kind, items in self._sequences:
            live = values[position]
            if not is_(type(live), kind) or len(live) != len(items) or not all(map(is_, live, items)):
                return False
            values[position] = None
        keys = chain.from_iterable(map(dict.keys, dicts))
        return all(map(is_, values, self._values)) and all(map(is_, keys, self._keys))

    def remember(self, dicts: Iterable[dict[str, Any]]) -> None:
        """Take note of what *dicts* hold: always the same dictionaries, in the same order."""
        self.forget()
        dicts = list(dicts)
        keys = list(chain.from_iterable(map(dict.keys, dicts)))
        values = list(chain.from_iterable(dict.values(d) for d in dicts))
        for position, value in enumerate(values):
            if keys[position] in self._skip:
                self._skipped.append(position)
            elif type(value) in _SEQUENCES and all(map(_is_steady, value)):
                self._sequences.append((position, type(value), list(value)))
            elif _is_steady(value) or any(value is group for group in dicts):
                continue
            else:
                self.forget()
                return
            values[position] = None
        self._lengths = [dict.__len__(d) for d in dicts]
        self._keys, self._values, self._known = keys, values, True


def _is_steady(value: Any) -> bool:
    kind = type(value)
    return kind in IMMUTABLE or (issubclass(type(kind), enum.EnumMeta) and kind.__module__ != "__main__")


_COUNT = ctypes.sizeof(ctypes.c_ssize_t)


def memory_of(obj: object) -> bytes | None:
    """The bytes of an object, but for the number of references to it; None where they cannot be read.

    For objects of classes written in C that have all of their state in themselves: as long as no byte is another, it is
    the same. To ask a generator for the 624 words of its state takes many times as long.
    """
    if sys.implementation.name != "cpython":
        return None
    return ctypes.string_at(id(obj) + _COUNT, type.__dict__["__basicsize__"].__get__(type(obj)) - _COUNT)
