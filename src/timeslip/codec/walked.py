"""A quick mark of values of instances, named tuples, sets, queues and plain containers, taken without a pass.

`marshal` writes what is plain ten times faster than `pickle`, and knows nothing else (`marks`). So a value is walked
level by level as far as it has to be: of what is at the same distance, all objects of one kind are looked at together,
what they hold is put into one list by code in C, and what of that is plain is left to `marshal`, all of it at once, so
that aliases show. Of an object that `marshal` does not know its address, its class, what it holds, and the number of
references to it is digested: equal marks mean that the value consists of these very objects, with the content of
before, and that nobody else has begun to hold one. Different marks mean nothing.

A value that holds anything of a kind that is not known here has no such mark.
"""

from __future__ import annotations

import collections
import copyreg
import datetime
import enum
import sys
import types
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from itertools import chain, compress, islice
from marshal import dumps
from operator import itemgetter, methodcaller, ne
from typing import TYPE_CHECKING, Any

import xxhash

from timeslip.codec import inline
from timeslip.codec.addresses import addresses_in
from timeslip.codec.definitions import is_definition, of
from timeslip.codec.kinds import attributes_of, compares_oddly, is_of_session
from timeslip.codec.linking import LARGE
from timeslip.codec.reducers import found_of, instances, subclasses

if TYPE_CHECKING:
    from timeslip.codec.capture import Encoder

_WITH_REFERENCES, _WITHOUT = 4, 2
"""Versions of `marshal`: the second writes the same for equal text and numbers, whoever refers to them."""

_TEXTS = frozenset({str, bytes})
_ATOMS = frozenset({int, float, complex, str, bytes})
_SINGLE = frozenset({bool, type(None), type(Ellipsis), type(NotImplemented)})
"""There is one object of each value."""
_PLAIN = frozenset({list, tuple, dict})
_ITEMS = frozenset({list, tuple, set, frozenset, collections.deque})
_MAPPINGS = frozenset({dict, collections.defaultdict, collections.Counter, collections.OrderedDict})
_TIMES = frozenset({datetime.datetime, datetime.date, datetime.time, datetime.timedelta})
_DEFINITIONS = frozenset({type, types.FunctionType})
_BATCH = 2048
"""So many objects are looked at together: what is asked of one is asked while it is in the cache of the processor."""
_FEW = 8
"""So many of the first of them tell whether objects are expected to be plain."""


class _UnknownError(Exception):
    """The value holds something of a kind that is not known here."""


MARK = b"walk "
"""Such marks begin with this."""


def is_walkable(kinds: Set[type], objects: Iterable[Any], own: set[int], table: Mapping[type, Any]) -> bool:
    """Whether a memo that holds *objects* is that of a value that such marks count for.

    Args:
        kinds: types of the objects.
        objects: in the memo.
        own: addresses of what belongs to the pass itself.
        table: the reducers of the pass.
    """
    odd = {kind for kind in kinds if not _knows(kind, table)}
    return not odd or own.issuperset(id(obj) for obj in objects if type(obj) in odd)


def _knows(kind: type, table: Mapping[type, Any]) -> bool:
    """Whether objects of *kind* may be met; for classes and functions the walk itself finds out.

    Bytes may not: in a container that is left to `marshal` they look like any buffer.
    """
    if kind in _KNOWN_TO_PASS or issubclass(kind, (type, enum.Enum)):
        return True
    return type(table.get(kind)) is instances.Plain or (is_of_session(kind) and subclasses.is_named_tuple(kind))


def mark_of_walk(objects: list[Any], encoder: Encoder) -> bytes | None:
    """The mark of these objects together; None where there is none.

    Taken before the pass that it belongs to, as `marks.mark_of`. Nothing of the value is changed, and no code of the
    session runs.

    Args:
        objects: the values of some names.
        encoder: that captures them.
    """
    for hopeful in (True, False):
        try:
            return _Walk(encoder, hopeful).mark(objects)
        except ValueError:  # `marshal` met something else after all
            continue
        except (_UnknownError, MemoryError, RuntimeError, TypeError):  # or it changes meanwhile
            break
    return None


class _Walk:
    """One walk through a value.

    Args:
        encoder: as of `mark_of_walk`.
        hopeful: take for plain what begins so. Else it is tried out.
    """

    def __init__(self, encoder: Encoder, hopeful: bool) -> None:
        self._is_plain = _begins_plain if hopeful else _is_plain
        self._encoder = encoder
        self._inside = inline.Asking(encoder.is_alone)
        self._hash = xxhash.xxh3_128(len(copyreg.dispatch_table).to_bytes(8, "little"))
        self._met: set[int] = set()
        self._plain: list[Any] = []
        """For `marshal`."""
        self._below: list[Iterable[Any]] = []
        """Give what the objects of this level hold."""

    def mark(self, objects: list[Any]) -> bytes:
        """As `mark_of_walk`.

        Raises:
            _UnknownError: there is none.
        """
        level: Iterator[Any] = iter(objects)
        self._counts = False  # who holds the value itself shows by names and links
        while batch := list(islice(level, _BATCH)):
            self._below = []
            while batch:
                self._look(batch)
                batch = list(islice(level, _BATCH))
            level = chain.from_iterable(self._below)
            self._counts = True
        self._hash.update(dumps(self._plain, _WITH_REFERENCES))
        return MARK + self._hash.digest()

    def _note(self, numbers: Iterable[int]) -> None:
        self._hash.update(array("Q", list(numbers)))

    def _look(self, level: list[Any]) -> None:
        """Note what is at one distance, kind by kind."""
        kinds = list(map(type, level))
        addresses = addresses_in(kinds)
        there = dict(zip(addresses, kinds, strict=True))
        self._note((len(level),))
        if len(there) > 1:
            self._note(addresses)
        for address, kind in there.items():
            self._among(kind, level if len(there) == 1 else list(compress(level, map(address.__eq__, addresses))))

    def _among(self, kind: type, objects: list[Any]) -> None:
        """Note what is particular of *objects* of one *kind*, and what they hold."""
        if compares_oddly(kind):
            raise _UnknownError
        if kind in _ATOMS:
            self._atoms(kind, objects)
        elif kind in _SINGLE:
            self._hash.update(addresses_in(objects))
        elif kind in _DEFINITIONS:
            for obj in objects:
                self._definition(obj)
        elif kind in _TIMES:
            said = list(map(itemgetter(1), map(methodcaller("__reduce__"), objects)))
            self._hash.update(dumps(said, _WITHOUT))  # which does not know time zones
        elif issubclass(kind, enum.Enum):
            self._class(kind)  # its members are part of it
            self._hash.update(addresses_in(objects))
        elif kind in _PLAIN and self._is_plain(objects):
            self._plain.append(objects)
        else:
            self._holders(kind, self._new(objects))

    def _atoms(self, kind: type, objects: list[Any]) -> None:
        self._hash.update(array("d", objects) if kind is float else dumps(objects, _WITHOUT))
        links = max(map(len, objects)) > LARGE if kind in _TEXTS else kind is not int and any(map(ne, objects, objects))
        if links:
            self._hash.update(addresses_in(objects))

    def _new(self, objects: list[Any]) -> list[Any]:
        """Those of *objects* that the walk has not come to before; also how many references each has."""
        addresses = addresses_in(objects)
        self._hash.update(addresses)
        different = set(addresses)
        if len(different) < len(objects) or not self._met.isdisjoint(different):
            objects = [obj for obj in {id(obj): obj for obj in objects}.values() if id(obj) not in self._met]
        self._met |= different
        if self._counts:
            self._note(map(sys.getrefcount, objects))
        return objects

    def _holders(self, kind: type, objects: list[Any]) -> None:
        if kind in _ITEMS:
            if kind is collections.deque:
                self._hash.update(dumps([obj.maxlen for obj in objects], _WITHOUT))
            self._items(objects)
        elif kind in _MAPPINGS:
            if kind is collections.defaultdict:
                self._below.append([obj.default_factory for obj in objects])
            elif kind is not dict and any(map(attributes_of, objects)):
                raise _UnknownError
            self._mappings(objects)
        elif is_of_session(kind) and subclasses.is_named_tuple(kind):
            self._class(kind)
            self._items(objects)
        else:
            self._instances(kind, objects)

    def _items(self, objects: list[Any]) -> None:
        self._note(map(len, objects))
        self._below.append(chain.from_iterable(objects))

    def _mappings(self, objects: list[Any]) -> None:
        self._note(map(len, objects))
        self._below.append(chain.from_iterable(objects))
        self._below.append(chain.from_iterable(map(dict.values, objects)))

    def _definition(self, obj: Any) -> None:
        identity = self._encoder.registry.known(obj)
        if identity is not None and is_definition(obj, self._encoder.namespace):
            self._hash.update(str(identity).encode())
        elif type(obj) is type and not is_of_session(obj):
            self._class(obj)
        else:
            raise _UnknownError

    def _class(self, kind: type) -> None:
        """Note which class that is: another may be at its address."""
        self._hash.update(f"{of(kind, '__module__')}.{of(kind, '__qualname__')}".encode("utf-8", "replace"))
        self._hash.update(str(self._encoder.registry.known(kind)).encode())

    def _instances(self, kind: type, objects: list[Any]) -> None:
        self._class(kind)
        reducer = found_of(kind, self._encoder.searched)[0]
        if type(reducer) is not instances.Plain:
            raise _UnknownError
        for slot in reducer.slots.values():
            self._below.append(map(slot.__get__, objects))
        if reducer.dict_of is not None:
            self._attributes(kind, objects, reducer.dict_of, reducer.has_them_inside)

    def _attributes(self, kind: type, objects: list[Any], dict_of: Callable[[Any], Any], inside: bool) -> None:
        if inside and self._inside.begins(kind):
            first, rest = objects[: inline.ASKED], objects[inline.ASKED :]
            asked = list(map(self._inside.attributes, first))
            self._note(found is None for found in asked)
            found = [attributes for attributes in asked if attributes is not None]
            self._note(map(len, found))
            self._below.append(chain.from_iterable(found))
            self._below.append(chain.from_iterable(map(dict.values, found)))
            objects = [obj for obj, attributes in zip(first, asked, strict=True) if attributes is None] + rest
        dicts = list(map(dict_of, objects))
        if set(map(type, dicts)) - {dict}:
            raise _UnknownError
        self._hash.update(addresses_in(dicts))
        self._note(map(sys.getrefcount, dicts))
        if self._is_plain(dicts):
            self._plain.append(dicts)
        else:
            self._mappings(dicts)


def _is_plain(objects: list[Any]) -> bool:
    """Whether `marshal` knows all that *objects* hold."""
    try:
        dumps(objects, _WITH_REFERENCES)
    except ValueError:
        return False
    return True


def _begins_plain(objects: Iterable[Any], depth: int = 2) -> bool:
    """Whether the first of *objects* hold only what `marshal` knows; *depth* levels are looked at."""
    for obj in islice(objects, _FEW):
        held = obj.values() if type(obj) is dict else obj
        kinds = set(map(id, map(type, islice(held, _FEW))))
        if not kinds <= _KNOWN:
            return False
        if depth and not _begins_plain((part for part in islice(held, _FEW) if type(part) in _PLAIN), depth - 1):
            return False
    return True


_KNOWN = frozenset(map(id, (_ATOMS - {bytes}) | _SINGLE | _PLAIN))
_KNOWN_TO_PASS = (
    (_ATOMS - {bytes}) | _SINGLE | _ITEMS | _MAPPINGS | _TIMES | {types.FunctionType, types.BuiltinFunctionType}
)
