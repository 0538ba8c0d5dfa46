"""A quick mark of values of instances, named tuples, sets, queues and plain containers, taken without a pass.

`marshal` writes what is plain ten times faster than `pickle`, and knows nothing else (`marks`). So a value is walked
level by level as far as it has to be: of what is at the same distance, all objects of one kind are looked at together,
what they hold is put into one list by code in C, and what of that is plain is left to `marshal`, all of it at once, so
that aliases show. Of each container that the walk comes to itself, its address, its class, what it holds, and the
number of references to it are digested: equal marks mean that the value consists of these very objects, with the
content of before, and that nobody else has begun to hold one. What is inside of something plain is told as `marks` does
it. Different marks mean nothing.

A value that holds anything of a kind that is not known here has no such mark. Design: 033.
"""

from __future__ import annotations

import collections
import copyreg
import datetime
import enum
import sys
import types
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain, compress, islice
from marshal import dumps
from operator import itemgetter, methodcaller, not_
from typing import TYPE_CHECKING, Any

import xxhash

from timeslip.codec import inline
from timeslip.codec.addresses import addresses_in
from timeslip.codec.definitions import is_definition, of
from timeslip.codec.kinds import attributes_of, compares_oddly, held_by_class, is_of_session, references_in_lists
from timeslip.codec.linking import LARGE
from timeslip.codec.reducers import found_of, instances, subclasses

if TYPE_CHECKING:
    from timeslip.codec.capture import Encoder

_WITH_REFERENCES, _WITHOUT = 4, 2
"""Versions of `marshal`: the second writes the same for equal text and numbers, whoever refers to them."""

_ATOMS = frozenset({int, float, complex, str})
"""Not bytes: in a container that is left to `marshal` they look like any buffer."""
_SINGLE = frozenset({bool, type(None), type(Ellipsis), type(NotImplemented)})
"""There is one object of each value."""
_PLAIN = frozenset({list, tuple, dict})
_ITEMS = frozenset({list, tuple, set, frozenset, collections.deque})
_MAPPINGS = frozenset({dict, collections.defaultdict, collections.Counter, collections.OrderedDict})
_WITH_BYTES = frozenset({datetime.datetime, datetime.date, datetime.time})
"""Pickle writes each with an object of bytes that it makes."""
_TIMES = _WITH_BYTES | {datetime.timedelta}
_DEFINITIONS = frozenset({type, types.FunctionType})
_EMPTY_IS_SHARED = frozenset({tuple, frozenset})
_BATCH = 2048
"""So many objects are looked at together: what is asked of one is asked while it is in the cache of the processor."""
_FEW = 8
"""So many of the first of them tell whether objects are expected to be plain."""
_DEEP = 2000
"""Levels: a pass over what is deeper takes no longer than a walk, because there is little on each."""
_TRIES = 16
"""So often it may turn out that something is not plain: each time may take as long as to write all that is."""
_OF_DICT, _OF_ANY = references_in_lists(2), references_in_lists(3)
"""References to what nobody else holds: its holder's and those of the lists that it is in here."""


class _UnknownError(Exception):
    """The value holds something of a kind that is not known here."""


MARK = b"walk "
"""Such marks begin with this."""


def is_walkable(
    kinds: Set[type], objects: Iterable[Any], own: set[int] | frozenset[int], table: Mapping[type, Any]
) -> bool:
    """Whether a memo that holds *objects* is that of a value that such marks count for.

    Args:
        kinds: types of the objects, as `kinds_of` tells them.
        objects: in the memo.
        own: addresses of what belongs to the pass itself.
        table: the reducers of the pass.
    """
    odd = {kind for kind in kinds if not _knows(kind, table)}
    return not odd or (bool(own) and own.issuperset(id(obj) for obj in objects if type(obj) in odd))


def kinds_of(met: Sequence[type]) -> set[type]:
    """The types of what a pass has met, but for bytes if there are only those that dates are written with.

    Args:
        met: the type of each object.
    """
    kinds = set(met)
    if bytes in kinds and met.count(bytes) == sum(map(met.count, _WITH_BYTES)):
        kinds.remove(bytes)
    return kinds


def _knows(kind: type, table: Mapping[type, Any]) -> bool:
    """Whether objects of *kind* may be met; for classes and functions the walk itself finds out."""
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
        self._hopeful = hopeful
        self._encoder = encoder
        self._inside = inline.Asking(encoder.is_alone)
        self._asked: dict[int, bool] = {}
        """Address of a class -> whether its instances are asked for attributes without a dict."""
        self._hash = xxhash.xxh3_128()
        self._note(map(id, copyreg.dispatch_table.values()))
        self._met: set[int] = set()
        self._failed = 0
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
        self._several = len(objects) > 1
        for _ in range(_DEEP):
            batch = list(islice(level, _BATCH))
            if not batch:
                break
            self._below = []
            while batch:
                self._look(batch)
                batch = list(islice(level, _BATCH))
            level = chain.from_iterable(self._below)
            self._counts = True
        else:
            raise _UnknownError
        self._hash.update(dumps(self._plain, _WITH_REFERENCES))
        return MARK + self._hash.digest()

    def _note(self, numbers: Iterable[int]) -> None:
        self._hash.update(array("Q", list(numbers)))

    def _look(self, level: list[Any]) -> None:
        """Note what is at one distance, kind by kind."""
        kinds = list(map(type, level))
        addresses = addresses_in(kinds)
        there = dict(zip(addresses, kinds, strict=True))
        self._note((len(level), len(there), *there))
        if len(there) > 1:
            self._hash.update(addresses)
        for address, kind in there.items():
            self._among(kind, list(compress(level, map(address.__eq__, addresses)) if len(there) > 1 else level))

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
        elif kind in _TIMES:  # `marshal` does not know time zones
            self._hash.update(dumps(list(map(itemgetter(1), map(_REDUCED, objects))), _WITHOUT))
        elif issubclass(kind, enum.Enum):
            self._members(kind, objects)
        else:
            self._containers(kind, objects)

    def _members(self, kind: type, objects: list[Any]) -> None:
        """Note members of an enumeration, which are part of it, and combinations of flags, which are not."""
        self._class(kind)
        self._note(map(id, objects))
        dict_of = held_by_class(kind, "__dict__")
        if type(dict_of) is not types.GetSetDescriptorType:
            raise _UnknownError
        self._note(map(len, map(dict_of.__get__, {id(obj): obj for obj in objects}.values())))

    def _atoms(self, kind: type, objects: list[Any]) -> None:
        if kind is str and max(map(len, objects)) > LARGE:  # can be told from copies: `marshal` says which are one
            is_large = list(map(LARGE.__lt__, map(len, objects)))
            self._note(is_large)
            large = list(compress(objects, is_large))
            self._note(map(id, large))
            self._plain.append(large)
            objects = list(compress(objects, map(not_, is_large)))
        self._hash.update(array("d", objects) if kind is float else dumps(objects, _WITHOUT))

    def _containers(self, kind: type, objects: list[Any]) -> None:
        new = self._new(objects)
        counts = list(map(sys.getrefcount, new))
        if self._counts:
            self._note(compress(counts, new) if kind in _EMPTY_IS_SHARED else counts)
        if kind in _PLAIN and self._is_plain(new):
            self._plain.append(new)
            return
        if kind in _MARSHAL_HOLDS and (self._counts or self._several):
            self._held_twice(new, counts, _OF_ANY + (new is not objects))
        self._holders(kind, new)

    def _new(self, objects: list[Any]) -> list[Any]:
        """Those of *objects* that the walk has not come to before."""
        addresses = addresses_in(objects)
        self._hash.update(addresses)
        different = set(addresses)
        if len(different) < len(objects) or not self._met.isdisjoint(different):
            objects = [obj for obj in {id(obj): obj for obj in objects}.values() if id(obj) not in self._met]
        self._met |= different
        return objects

    def _is_plain(self, objects: list[Any]) -> bool:
        """Whether *objects* may be left to `marshal`."""
        if not _begins_with(_EXPECTED, objects):
            return False
        return self._hopeful or (self._failed < _TRIES and self._is_known(objects))

    def _is_known(self, objects: list[Any]) -> bool:
        """Whether `marshal` knows all that *objects* hold."""
        try:
            dumps(objects, _WITH_REFERENCES)
        except ValueError:
            self._failed += 1
            return False
        return True

    def _held_twice(self, objects: list[Any], counts: list[int], alone: int) -> None:
        """Leave to `marshal` as well what of *objects* may be inside of something that is left to it.

        Else that might take one and the other of two equal ones in turn, and nothing would show it.

        Args:
            objects: containers that are walked, of a kind that `marshal` knows.
            counts: how many references there are to each.
            alone: how many there are to one that has one holder.
        """
        for obj in compress(objects, map(alone.__lt__, counts)):
            if not _begins_with(_MARSHALS, (obj,)):
                continue
            if self._is_known([obj]):
                self._plain.append([obj])
            elif self._failed > _TRIES:
                raise _UnknownError

    def _holders(self, kind: type, objects: list[Any]) -> None:
        if kind in _ITEMS:
            if kind is collections.deque:
                self._hash.update(dumps([obj.maxlen for obj in objects], _WITHOUT))
            self._note(map(len, objects))
            self._below.append(chain.from_iterable(objects))
        elif kind in _MAPPINGS:
            if kind is collections.defaultdict:
                self._below.append([obj.default_factory for obj in objects])
            elif kind is not dict and any(map(attributes_of, objects)):
                raise _UnknownError
            self._mappings(objects, collections.OrderedDict if kind is collections.OrderedDict else dict)
        elif is_of_session(kind) and subclasses.is_named_tuple(kind):  # which may say itself how it is gone through
            self._class(kind)
            self._note(map(tuple.__len__, objects))
            self._below.append(chain.from_iterable(map(tuple.__iter__, objects)))
        else:
            self._instances(kind, objects)

    def _mappings(self, objects: list[Any], kind: type[dict[Any, Any]] = dict) -> None:
        """Note what *objects* hold, values in the order in which *kind* gives the keys."""
        self._note(map(len, objects))
        self._below.append(chain.from_iterable(objects))
        self._below.append(chain.from_iterable(map(kind.values, objects)))

    def _definition(self, obj: Any) -> None:
        identity = self._encoder.registry.known(obj)
        if identity is not None and is_definition(obj, self._encoder.namespace):
            self._hash.update(dumps(str(identity), _WITHOUT))
        elif type(obj) is type and not is_of_session(obj):
            self._class(obj)
        else:
            raise _UnknownError

    def _class(self, kind: type) -> None:
        """Note which class that is: another may be at its address."""
        names = of(kind, "__module__"), of(kind, "__qualname__")
        if not all(type(name) is str for name in names):  # it may be anything, and to make text of that run any code
            raise _UnknownError
        self._hash.update(dumps((*names, str(self._encoder.registry.known(kind))), _WITHOUT))

    def _instances(self, kind: type, objects: list[Any]) -> None:
        self._class(kind)
        reducer, hashes = found_of(kind, self._encoder.searched)
        if type(reducer) is not instances.Plain or reducer.dict_of is attributes_of:  # a property of the session's
            raise _UnknownError
        self._note((hashes, reducer.unasked, len(reducer.slots)))  # of which an assignment to the class may be new
        for slot in reducer.slots.values():
            self._slot(slot, objects)
        if reducer.dict_of is not None:
            self._attributes(kind, objects, reducer.dict_of, reducer.has_them_inside)

    def _slot(self, slot: types.MemberDescriptorType, objects: list[Any]) -> None:
        try:
            collections.deque(map(slot.__get__, objects), maxlen=0)
        except AttributeError:  # it is empty in some
            has = [_fills(slot, obj) for obj in objects]
            self._note(has)
            objects = list(compress(objects, has))
        self._note((len(objects),))
        self._below.append(map(slot.__get__, objects))  # not a list, which would refer to them once more

    def _attributes(self, kind: type, objects: list[Any], dict_of: Callable[[Any], Any], inside: bool) -> None:
        if inside and id(kind) not in self._asked:
            self._asked[id(kind)] = self._inside.begins(kind)
        if inside and self._asked[id(kind)] and not self._inside.is_done(kind):
            first, rest = objects[: inline.ASKED], objects[inline.ASKED :]
            asked = list(map(self._inside.attributes, first))
            self._note(found is None for found in asked)
            self._mappings([found for found in asked if found is not None])
            objects = [obj for obj, found in zip(first, asked, strict=True) if found is None] + rest
        dicts = list(map(dict_of, objects))
        if not {id(dict)}.issuperset(map(id, map(type, dicts))):
            raise _UnknownError
        new = self._new(dicts)
        counts = list(map(sys.getrefcount, new))
        self._note(counts)
        if self._is_plain(new):
            self._plain.append(new)
            return
        self._held_twice(new, counts, _OF_DICT + (new is not dicts))
        self._mappings(new)


_REDUCED = methodcaller("__reduce_ex__", 5)
"""What pickle asks for: lower protocols leave out which of two equal times of a day is meant."""


def _fills(slot: types.MemberDescriptorType, obj: Any) -> bool:
    try:
        slot.__get__(obj)
    except AttributeError:
        return False
    return True


def _begins_with(known: Set[int], objects: Iterable[Any], depth: int = 2) -> bool:
    """Whether the first of *objects* hold only what is of kinds at *known* addresses; *depth* levels are looked at."""
    for obj in islice(objects, _FEW):
        held = obj.values() if type(obj) is dict else obj
        if not known >= set(map(id, map(type, islice(held, _FEW)))):
            return False
        if depth and not _begins_with(known, (part for part in islice(held, _FEW) if type(part) in _PLAIN), depth - 1):
            return False
    return True


_EXPECTED = frozenset(map(id, _ATOMS | _SINGLE | _PLAIN))
_MARSHAL_HOLDS = _PLAIN | {set, frozenset}
_MARSHALS = _EXPECTED | frozenset(map(id, (bytes, set, frozenset)))
_KNOWN_TO_PASS = _ATOMS | _SINGLE | _ITEMS | _MAPPINGS | _TIMES | {types.FunctionType, types.BuiltinFunctionType}
