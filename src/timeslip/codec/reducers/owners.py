"""Whose memory it is that an object of another library looks into, where that library does not tell.

`torch.from_numpy`, ``pyarrow.array`` and their like keep the owner of the memory where Python cannot see it. So it is
looked for in what names are bound to and in what that holds, by the addresses.
"""

from __future__ import annotations

import array
import sys
from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec.addresses import Ranges
from timeslip.codec.kinds import attributes_of
from timeslip.codec.reducers.array_memory import is_owner, root_of
from timeslip.codec.reducers.numpy import span

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_MOST_LOOKED_AT = 20_000
"""So many objects are looked at to find out whose memory it is."""


class Owners:
    """The owners of memory that one pass can find, those that were met so far by address.

    Args:
        namespace: where to look.
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._left = _held(namespace, self._may_own)
        self._known: list[tuple[int, int, int]] = []  # first byte, end, number of the object
        self._objects: list[Any] = []
        self._seen: set[int] = set()
        pandas, types = sys.modules.get("pandas"), sys.modules.get("pandas.api.extensions")
        self._numpy: Any = sys.modules["numpy"]
        self._frames = tuple(getattr(pandas, name) for name in ("DataFrame", "Series") if hasattr(pandas, name))
        self._extension: Any = getattr(types, "ExtensionArray", ())

    def of(self, start: int, size: int) -> tuple[Any, int, int] | None:
        """The owner of *size* bytes from address *start*, the first byte in there, and how many; None: none is known.

        The owner is an array of numpy that is in one piece, a bytearray, an `array.array`, or an array of pandas with
        the name of the attribute under which it has its memory.
        """
        found = self._among_known(start, size)
        while found is None:
            value = next(self._left, None)
            if value is None:
                return None
            if self._note(value):
                found = self._among_known(start, size)
        return found

    def ranges(self) -> Ranges:
        """The memory of all owners that are known."""
        return Ranges((first, stop) for first, stop, _ in self._known)

    def _among_known(self, start: int, size: int) -> tuple[Any, int, int] | None:
        at = bisect_right(self._known, (start, sys.maxsize, 0)) - 1
        if at < 0:
            return None
        first, stop, number = self._known[at]
        return (self._objects[number], start - first, size) if start + size <= stop else None

    def _note(self, value: list[Any]) -> bool:
        """Whether there was an owner in *value* (one object, in a list: it may be None) that is not known yet."""
        new = [(owner, memory) for owner, memory in self._owners(value[0]) if id(memory) not in self._seen]
        for owner, memory in new:
            self._seen.add(id(memory))
            is_array = isinstance(memory, self._numpy.ndarray)
            first, stop = span(memory if is_array else self._numpy.frombuffer(memory, "u1"))
            if stop > first:
                insort(self._known, (first, stop, len(self._objects)))
                self._objects.append(owner)
        return bool(new)

    def _may_own(self, kind: type) -> bool:
        """Whether instances of *kind* may have memory that others look into."""
        if kind is self._numpy.ndarray or kind is bytearray or kind is array.array:
            return True
        return issubclass(kind, self._extension) or issubclass(kind, self._frames)

    def _owners(self, value: Any) -> Iterator[tuple[Any, Any]]:
        """What *value* may have its memory in, each with the array or bytes that have it."""
        kind = type(value)
        if kind is self._numpy.ndarray or issubclass(kind, self._extension):
            yield from self._owners_of_array(value)
        elif kind is bytearray or kind is array.array:
            if len(value):
                yield value, value
        elif issubclass(kind, self._frames):
            manager = (attributes_of(value) or {}).get("_mgr")  # none yet in one that is just being made
            for block in getattr(manager, "blocks", ()):
                yield from self._owners_of_array(block.values)

    def _owners_of_array(self, one: Any) -> Iterator[tuple[Any, Any]]:
        ndarray = self._numpy.ndarray
        if type(one) is ndarray:
            root = root_of(one)
            if is_owner(root) and not root.dtype.hasobject and root.flags.forc:
                yield root, root
        elif issubclass(type(one), self._extension):
            for name in _OF_EXTENSIONS:
                part: Any = getattr(one, name, None)
                if type(part) is ndarray and not part.dtype.hasobject and part.flags.forc:
                    yield (one, name), part


def of(state: Pass, start: int, size: int) -> tuple[Any, int, int] | None:
    """As `Owners.of`, for that pass."""
    state.sought = True
    searched = state.encoder.searched
    if searched is not None and searched.ranges is not None and not searched.ranges.may_hold(start, start + size):
        return None
    if state.owners is None:
        state.owners = Owners(state.namespace)
    found: tuple[Any, int, int] | None = state.owners.of(start, size)
    if found is None and searched is not None:
        searched.ranges = state.owners.ranges()
    return found


_OF_EXTENSIONS = ("_ndarray", "_data", "_mask")
"""Under these names arrays of pandas have their memory."""


def _held(namespace: dict[str, Any], may_own: Callable[[type], bool]) -> Iterator[list[Any]]:
    """What names are bound to, and what that holds in containers and attributes, level by level.

    Only what *may_own* memory, each in a list, of so many objects at most that are looked at. They may be all values of
    thousands of names, for each capture of a text of pandas: what there is to do is asked once for each class.
    """
    seen: set[int] = {id(namespace)}
    kinds: dict[int, tuple[type, bool, _Way]] = {}
    left, level = _MOST_LOOKED_AT, list(namespace.values())
    while level and left > 0:
        del level[left:]
        left -= len(level)
        for value in level:
            kind = type(value)
            known = kinds.get(id(kind))
            if known is None:
                known = kinds[id(kind)] = kind, may_own(kind), _way_into(kind)
            if known[1]:
                yield [value]
        parts: list[Any] = []
        for value in level:
            way = kinds[id(type(value))][2] if id(value) not in seen else None
            if way is not None:
                seen.add(id(value))
                parts += way(value)
                if len(parts) > _MOST_LOOKED_AT:
                    break
        level = parts


_Way = Callable[[Any], Iterable[Any]] | None
"""What gives what an object holds; None where nobody looks into it."""


def _way_into(kind: type) -> _Way:
    if kind is dict:
        return dict.values
    if kind is list or kind is tuple:
        return iter
    if kind.__module__ == "builtins" or issubclass(kind, type):
        return None
    return _attribute_values


def _attribute_values(value: Any) -> Iterable[Any]:
    return (attributes_of(value) or {}).values()


def bytes_of(owner: Any, offset: int, size: int) -> Any:
    """An array of the *size* bytes from byte *offset* on of the memory of *owner* (`Owners.of`)."""
    return array_over(owner, (size,), "u1", offset, (1,))


def array_over(
    owner: Any, shape: tuple[int, ...], dtype: Any, offset: int, strides: tuple[int, ...], writeable: bool = True
) -> Any:
    """An array over the memory of *owner* (`Owners.of`); read-only where *owner* is, or *writeable* is False."""
    numpy = import_module("numpy")
    memory = getattr(*owner) if type(owner) is tuple else owner
    if not isinstance(memory, numpy.ndarray):
        memory = numpy.frombuffer(memory, numpy.uint8)
    line = memory if memory.flags.c_contiguous else memory.T
    made = numpy.ndarray(shape, dtype, line, offset, strides)
    if not writeable:
        made.flags.writeable = False
    return made
