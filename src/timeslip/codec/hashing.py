"""Instances that are hashed by their attributes, and may be keys of containers that they hold.

While a stream is loaded, an object is made first and given its attributes when everything they hold is there. A dict
among that may have the object as a key, and wants its hash before. So such an object is made with as much of what it
may be hashed by as cannot lead back to it.
"""

from __future__ import annotations

import datetime
import enum
import types
from collections.abc import Iterable
from typing import Any

from timeslip.codec.definitions import HEAP_TYPE
from timeslip.codec.kinds import Slots, all_slots, attributes_of, filled, is_plain

_ATOMS = frozenset(
    {
        int,
        float,
        complex,
        bool,
        str,
        bytes,
        type(None),
        type,
        types.FunctionType,
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
    }
)
_FEW = 64
"""Objects that are looked at, for one attribute, to see where it leads: those that themselves lead somewhere."""


def hashes_by_value(kind: type) -> bool:
    """Whether a class has a ``__hash__`` of its own."""
    found = next(base.__dict__["__hash__"] for base in kind.__mro__ if "__hash__" in base.__dict__)
    return found is not None and found is not object.__hash__


class Leads:
    """Where the parts of such instances lead. Of one pass, in which nothing changes: what is known is kept.

    Followed are only the ways on which one object has to be made before the other: the parts of a tuple, and what an
    object that is hashed by value is itself made with.
    """

    def __init__(self) -> None:
        self._slots: dict[int, tuple[type, Slots | None]] = {}
        self._next: dict[int, tuple[Any, list[Any]]] = {}
        self._sizes: dict[int, int] = {}

    def early_parts(self, obj: Any, attributes: dict[str, Any] | None, slots: dict[str, Any]) -> dict[str, Any] | None:
        """Attributes and slots that *obj* is to be made with; None when it can be no key of its own.

        Args:
            obj: an instance that is hashed by value.
            attributes: its attribute dict, or None.
            slots: what its slots hold.
        """
        parts = {**(attributes or {}), **slots} if slots else attributes or {}
        if all(map(_ends_soon, parts.values())):
            return None
        return {name: value for name, value in parts.items() if self._leads_elsewhere(value, obj)}

    def _leads_elsewhere(self, value: Any, obj: Any) -> bool:
        """Whether *value* is whole when it is made, and made without *obj*."""
        if _is_atom(value):
            return True
        if value is obj or not self._is_made_at_once(value):
            return False
        if not self._after(value):
            return True
        if self._size(value) > _FEW:
            return False
        seen: dict[int, Any] = {}
        work = [(value, True)]
        while work:
            part, own = work.pop()
            if part is obj:
                return False
            if id(part) in seen:
                continue
            seen[id(part)] = part
            if own and not self._is_made_at_once(part):  # what belongs to another instance is left out by that one
                return False
            own = own and type(part) in (tuple, frozenset)
            work += [(item, own) for item in self._after(part)]
        return True

    def _is_made_at_once(self, part: Any) -> bool:
        """Whether nothing can refer to *part* before it is as it may be hashed by."""
        return type(part) in (tuple, frozenset) or self._slots_of(type(part)) is not None

    def _slots_of(self, kind: type) -> Slots | None:
        """The slots of a class whose instances are their attributes and slots; None for other classes."""
        known = self._slots.get(id(kind))  # not by the class: its metaclass may say how it is hashed
        if known is None:
            plain = kind.__flags__ & HEAP_TYPE and is_plain(kind)
            known = self._slots[id(kind)] = kind, all_slots(kind) if plain else None
        return known[1]

    def _after(self, part: Any) -> list[Any]:
        """What has to be there before *part*, without atoms."""
        known = self._next.get(id(part))
        if known is None:
            found = {id(item): item for item in self._parts(part) if not _is_atom(item)}
            known = self._next[id(part)] = part, list(found.values())
        return known[1]

    def _parts(self, part: Any) -> Iterable[Any]:
        kind = type(part)
        if kind in (tuple, frozenset):
            return part  # type: ignore[no-any-return]
        slots = self._slots_of(kind)
        if slots is None or not hashes_by_value(kind):
            return ()
        held = (attributes_of(part) or {}).values()
        return [*held, *filled(part, slots).values()] if slots else held

    def _size(self, value: Any) -> int:
        """How many objects *value* leads to, itself included; more than `_FEW` as soon as there are more.

        From the far end on: what is large makes all that leads to it large, so a long chain is gone along once.
        """
        if id(value) in self._sizes:
            return self._sizes[id(value)]
        stack = [(value, iter(self._after(value)))]
        begun = {id(value)}
        while stack:
            part, rest = stack[-1]
            found = next((item for item in rest if id(item) not in begun and id(item) not in self._sizes), None)
            if found is not None:
                begun.add(id(found))
                stack.append((found, iter(self._after(found))))
                continue
            stack.pop()
            self._sizes[id(part)] = self._counted(part)
        return self._sizes[id(value)]

    def _counted(self, part: Any) -> int:
        after = self._after(part)
        sizes = [self._sizes.get(id(item)) for item in after]
        most = 1 + sum(size or 0 for size in sizes)
        if most <= _FEW and None not in sizes:  # none of them leads back
            return most
        if len(after) > _FEW or any(size is not None and size > _FEW for size in sizes):
            return _FEW + 1
        seen: dict[int, Any] = {}
        work = [part]
        while work and len(seen) <= _FEW:
            one = work.pop()
            if id(one) not in seen:
                seen[id(one)] = one
                work += self._after(one)
        return len(seen)


def _is_atom(value: Any) -> bool:
    return type(value) in _ATOMS or isinstance(value, (enum.Enum, type))


def _ends_soon(value: Any) -> bool:
    """Whether *value* is an atom, or a short tuple or set of atoms."""
    if type(value) in (tuple, frozenset):
        return len(value) <= _FEW and all(map(_is_atom, value))
    return _is_atom(value)
