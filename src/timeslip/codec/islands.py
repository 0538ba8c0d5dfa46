"""Long lists and dicts, written as many small pickles of some of the elements each: *islands*.

What the pass is about is one of them, or holds some within short containers (`codec.longs`): what is around them is
then written behind the islands, and refers to them.

One pickle of a million dicts keeps two million objects in one table, numbers all that it has met, and marks batches of
a thousand elements: an element more at the front changes all that follows, and the table does not fit in the cache of
the processor. An island has a memo of its own, so that its bytes depend on its own elements only, and what a pass asks
of each object is asked while that object is in the cache. Where an island ends is decided by the elements around it, so
that behind an element more or less the islands are the same as before.

Nothing that can be told from a copy may be on two islands, because each of them would load one of its own. Only short
text, and tuples of numbers and text, may: their identity means nothing (`linking`). The number of references tells what
may be on several. If anything is, or is met that only the whole pass knows how to write, the value is written as one
pickle instead. That must not depend on who else refers to its parts: else it would look changed when somebody does.

What is known of the islands of the last pass (`earlier`) may say that some are as they were: they are not written.
What is told of the value must be the same whether they were or not (tests/codec/test_earlier.py).
"""

from __future__ import annotations

import gc
import io
import marshal
import pickle
import sys
import types
from array import array
from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, compress, repeat
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_64_intdigest

from timeslip.codec import load
from timeslip.codec.addresses import Links, addresses_in, links_of
from timeslip.codec.captured import Captured, Form, Island
from timeslip.codec.definitions import of
from timeslip.codec.earlier import Earlier, form_of, holders_among, is_among, is_interned, mark_of_island, parted
from timeslip.codec.kinds import is_of_session, references_in_lists
from timeslip.codec.linking import (
    PLAIN_HOLDERS,
    is_value_tuple,
    linking_objects,
    named_kinds,
    outside_addresses,
    plain_holders,
    texts_of,
)
from timeslip.codec.longs import Within, elements_around, have_elements_in_common, longest, longs_within
from timeslip.codec.marks import PLAIN
from timeslip.codec.picklers import FastPickler, met_objects, shared_attributes
from timeslip.codec.reducers import instances
from timeslip.codec.streams import SegmentWriter, has_special, may_hold_large_text, unframed
from timeslip.codec.walked import kinds_of

if TYPE_CHECKING:
    from timeslip.codec.capture import Encoder
    from timeslip.codec.passes import Pass

_BYTES = 1 << 17
"""An island is to have about so many bytes."""
_MOST = 1 << 15
"""Elements of an island at most."""
_STEP, _FEWEST = 256, 32
"""After so many elements an island may end; where they are large, after so few."""
_LARGE = 1 << 13
"""Bytes of a large element."""
_WINDOW = 16
"""So many elements are compared to find where an island may end."""
_LIMIT = 1 << 22
"""An island of more bytes holds more than its elements: what they lead to is large, or all the others."""
_EVERY = 8
"""Of so many islands one is looked at to see how much text is on several."""
_AROUND = 1 << 18
"""What is around long lists and dicts has at most so many bytes: all of it is written anew when any of it differs."""
_NODES = 16
"""So many names for it and its elements are written with it at most."""

_ALONE = references_in_lists(4)
"""An object that nobody else holds is in its container, in the memo, and in two lists of what was found."""


class OneStreamError(Exception):
    """The value has to be written as one pickle."""


class _LargeError(OneStreamError):
    """An island has become too large."""


class _Writer(SegmentWriter):
    """The file of one island after the other."""

    __slots__ = ("left",)

    def begin(self) -> None:
        """An island begins here."""
        self.segments = []
        self.left = _LIMIT

    def write(self, data: bytes) -> int:
        """As any file; what becomes too large for an island is given up at once."""
        self.left -= len(data)
        if self.left < 0:
            raise _LargeError
        self.segments.append(data)
        return len(data)


class _Trial(FastPickler):
    """Writes single elements, of which nothing is loaded: only their checksums count.

    To write which class an object is of takes ten times as long as the object. So classes and functions that were met
    are put into the memo beforehand, under a number that their names give: an element has the same bytes wherever it
    stands. Others stand in for those that were not met yet, because what an element has in it twice is written by its
    place in the memo, behind all of them.
    """

    def __init__(self, state: Pass) -> None:
        super().__init__(state)
        override, self._met = self.reducer_override, list[Any]()
        self._named: dict[int, tuple[int, Any]] = {}
        self._pattern = pickle.Pickler(io.BytesIO())
        """Has the memo that each element begins with: one pickler's is copied to another in C."""
        self._fill(_NAMED)
        self._pattern.memo = self._named
        note = self._met.append

        def noting(obj: Any) -> Any:
            if issubclass(type(obj), _WITH_NAMES):
                note(obj)
            return override(obj)

        self.reducer_override = noting  # type: ignore[method-assign]  # as in `FastPickler`

    def _fill(self, count: int) -> None:
        self._spare = [object() for _ in range(count)]
        self._named.update((id(spare), (0, spare)) for spare in self._spare)

    def written(self, elements: Iterable[Any], writer: _Writer) -> list[bytes]:
        """The bytes of each of *elements*, which *writer* takes in."""
        writer.begin()
        found, segments = [], writer.segments
        for element in elements:
            if _is_flat(element):
                found.append(marshal.dumps(element, _WITHOUT_REFERENCES))
                if len(found[-1]) > _LIMIT:
                    raise _LargeError
                continue
            before = len(segments)
            self._dump(element, writer)
            if self._met:
                named = [obj for obj in self._met if _has_name(obj)]
                self._met.clear()
                if named and self._name(named):
                    self._pattern.memo = self._named
                    del segments[before:]
                    self._dump(element, writer)
                    self._met.clear()  # what is met again was made anew, as a reduction may do each time
            found.append(segments[before] if len(segments) == before + 1 else b"".join(segments[before:]))
        return found

    def _dump(self, element: Any, writer: _Writer) -> None:
        self.memo, writer.left = self._pattern.memo, _LIMIT
        self.dump(element)

    def _name(self, found: list[Any]) -> bool:
        """Put what was met into the memo; whether there was room for any of it."""
        for number, obj in enumerate(found):
            if not self._spare:
                if len(self._named) >= _MOST_NAMED:
                    return number > 0
                self._fill(len(self._named))
            del self._named[id(self._spare.pop())]
            self._named[id(obj)] = _number_of(obj), obj
        return True


def _is_flat(element: Any) -> bool:
    """Whether *element* is text or a number, or a list, dict or tuple of these, or a key with one of them."""
    kind = type(element)
    try:
        if kind is dict:
            return _ATOMS.issuperset(map(type, element.values())) and _ATOMS.issuperset(map(type, element))
        if kind is tuple and len(element) == 2 and type(element[1]) in _CONTAINERS:
            return type(element[0]) in _ATOMS and _is_flat(element[1])
        return kind in _ATOMS or (kind in _CONTAINERS and _ATOMS.issuperset(map(type, element)))
    except Exception:  # a metaclass of the session that lets nobody hash its classes
        return False


_ATOMS = frozenset({str, bytes, int, float, complex, bool, type(None)})
_CONTAINERS = frozenset({list, dict, tuple})

_WITHOUT_REFERENCES = 2
"""The last version of `marshal` that writes the same for equal objects, whoever else refers to them: what is shared is
written each time, so only what is flat is written so."""

_WITH_NAMES = (type, types.FunctionType, types.BuiltinFunctionType)
_NAMED, _MOST_NAMED = 16, 256
"""So many classes and functions have room in a memo at first, and at most: it is copied for each element."""


def _has_name(obj: Any) -> bool:
    """Whether it is not one of those methods that are made anew each time somebody asks for them."""
    if not issubclass(type(obj), types.BuiltinFunctionType):  # those of classes are of a class below it, since 3.9
        return True
    return type(obj.__self__) in (types.ModuleType, type(None))


def _number_of(obj: Any) -> int:
    """A number that the name of a class or function gives; the same for those of one name."""
    if issubclass(type(obj), type):
        module, name = of(obj, "__module__"), of(obj, "__qualname__")
    else:
        module, name = obj.__module__, obj.__qualname__
    # A module may be said to be anything, and to make text of that may be code of the session.
    texts = [text for text in (module, name) if type(text) is str]
    return xxh3_64_intdigest(".".join(texts).encode("utf-8", "replace")) >> _SPARE


_SPARE = 33
"""Bits that the number of an object in a memo cannot have."""


class IslandPickler:
    """Writes the long lists and dicts of a pass as islands, and what is around them.

    Args:
        state: of the pass; what is written goes to its writer.
        earlier: what is known of islands of it; those that are as they were are not written again.

    Attributes:
        kept: what the islands hold, of plain objects those that link: it must live as long as the capture.
        others: whether there is something that is not plain among it.
        are_plain: whether there is none on the islands.
        kinds: where there is: the types of what was met there, as `kinds_of` tells them.
        parts: what is known of each island.
    """

    def __init__(self, state: Pass, earlier: Earlier | None = None) -> None:
        self._state = state
        self._earlier = earlier
        self._longs: list[Any] = []
        self._same: list[tuple[int, int, Island]] = []
        """Those that were not written again, with the numbers of their list or dict and of their first elements."""
        self._whole, state.writer = state.writer, _Writer()
        self._pickler, self._trial = FastPickler(state), _Trial(state)
        self._pickler.bare.update(map(id, gc.get_referents(self._pickler)))
        self._writer: _Writer = state.writer
        self._suspected = set(state.encoder.seed_memo)
        self._texts: set[int] = set()
        self._looked = self._again = 0
        self._alone = _ALONE
        """So many references there are to a text that nobody else holds: the keys of a dict are in a list besides."""
        self._islands = 0
        self._links = array("Q")
        self._named = array("Q")
        self.kept: list[list[Any]] = []
        self.others = False
        self.are_plain = True
        self.kinds: set[type] = set()
        self.parts: list[Island] = []
        self._held: frozenset[int] = frozenset()

    def dump(self, payload: list[Any]) -> None:
        """Write the list *payload*: one long list or dict, and elements of it, or itself again; or what holds some.

        Raises:
            OneStreamError: it cannot be written so.
        """
        seeds, value = self._state.encoder.seed_memo, longest(payload)
        ends = _ends(len(seeds), payload, value, parted(value)[1]) if value is not None else None
        within = (
            longs_within(payload, seeds, self._state.encoder.is_alone)
            if ends is None
            else Within([value], [], Counter())
        )
        self._longs = within.longs
        if not self._longs or have_elements_in_common(self._longs):
            raise OneStreamError
        again = elements_around(within, len(payload))
        del within  # which holds what is around once more
        self._suspected.update(map(id, self._longs))
        self._links.extend(map(id, self._longs))
        self.kept.append([*self._longs])
        around = self._around(payload, [obj for obj, _, _ in again]) if ends is None else b""
        others, asked = self.others, self._state.asked
        self.others = self._state.asked = False
        segments: list[Any] = [b"\x80\x05" + _named("joined" if ends is not None else "joined_all") + b"("]
        counts = []
        for number in range(len(self._longs)):
            before = len(segments)
            self._write(number, segments)
            counts.append(len(segments) - before)
        self.are_plain = not (self.others or self._state.asked)
        self.others |= others
        self._state.asked |= asked
        self._pickler.clear_memo()
        self._whole.segments = [*segments, ends if ends is not None else _referred(len(seeds), counts, again) + around]
        self._state.writer = self._whole

    def _around(self, payload: list[Any], elements: list[Any]) -> bytes:
        """The bytes of *payload*, in which the long ones, and these *elements* of theirs, are referred to.

        What it is made of is noted.
        """
        known = [*self._state.encoder.seeds, *self._longs, *elements]
        self._pickler.memo = {id(obj): (number, obj) for number, obj in enumerate(known)}
        self._writer.begin()
        self._pickler.dump(payload)
        segments, state = self._writer.segments, self._state
        self._require_simple(segments)
        if sum(map(len, segments)) > _AROUND:
            raise OneStreamError
        if any(is_of_session(kind) and type(state.table[kind]) is not instances.Plain for kind in state.met):
            raise OneStreamError  # its instances may leave out what they hold
        addresses = set(map(id, known))
        met = [obj for obj in met_objects(self._pickler) if id(obj) not in addresses]
        self._note(met, id(payload), texts=may_hold_large_text(segments))
        self._pickler.clear_memo()
        return b"".join(unframed(segments))

    def _write(self, number: int, segments: list[Any]) -> None:
        """Put the islands of one long list or dict behind *segments*."""
        keys, elements = parted(self._longs[number])
        self._alone = _ALONE + (keys is not None)
        self._texts.clear()  # that dicts have the same keys says nothing of any of them
        self._looked = self._again = 0
        if self._earlier is not None:
            self._earlier.begin()
        at, end = 0, len(elements)
        while at < end:
            same = self._earlier.beginning(keys, elements, at, _STEP + _WINDOW) if self._earlier is not None else None
            if self._earlier is not None and same is not None:
                segments.append(self._earlier.segment(same))
                at += self._take(self._earlier.islands[same], number, at)
                continue
            after = whole = self._end(keys, elements, at, end)
            while True:
                try:
                    island = self._island(keys, elements, at, after)
                    break
                except _LargeError:
                    if after - at <= _FEWEST:
                        raise
                    after = at + max((after - at) // _FEWEST, _FEWEST)
            segments.append(b"B" + len(island).to_bytes(4, "little") + island)
            if after < whole:  # what was behind it had a say in where it ends
                self.parts[-1] = replace(self.parts[-1], mark=None)
            at = after
        self.parts[-1] = replace(self.parts[-1], is_last=True)

    def _end(self, keys: list[Any] | None, elements: Sequence[Any], at: int, end: int) -> int:
        """Where the island ends that begins at *at*.

        Every so often one of a few elements is chosen, the one with the least checksum, and the same checksum says
        whether an island ends behind it: behind a change soon the same are chosen, and what ends an island of many
        elements would end one of few as well. (Not a CRC: of elements that only count up, its least is always the one
        at the same place among so many, and what is shifted by more stays shifted.)
        """
        begun, step = at, _STEP
        while at + step + _WINDOW < end and at - begun < _MOST:
            candidates = self._written(keys, elements, at + step)
            size = sum(map(len, candidates)) // _WINDOW
            if step > _FEWEST and size > _LARGE:
                step = _FEWEST
                continue
            sums = list(map(xxh3_64_intdigest, candidates))
            least = min(sums)
            at += step + sums.index(least) + 1
            many = max(_BYTES // (size * step), 1).bit_length() - 1
            if not least & ((1 << many) - 1):
                break
        else:
            at = end if at + step + _WINDOW >= end else at
        self._trial.clear_memo()  # what it holds would count as held by somebody else
        return at

    def _written(self, keys: list[Any] | None, elements: Sequence[Any], first: int) -> list[bytes]:
        """Some elements from *first* on, each by itself as bytes."""
        parts: Iterable[Any] = elements[first : first + _WINDOW]
        if keys is not None:
            parts = zip(keys[first : first + _WINDOW], parts, strict=True)
        written = self._trial.written(parts, self._writer)
        self._forget_noted()
        return written

    def _island(self, keys: list[Any] | None, elements: Any, first: int, after: int) -> bytes:
        """The bytes of the island of some elements; what it is made of is noted."""
        self._pickler.clear_memo()
        self._writer.begin()
        form, mark = Form.UNKNOWN, None
        # Numbers and texts are written about as fast as they are looked at: not before there is a second time.
        if self._earlier is not None or type(elements[first]) in PLAIN_HOLDERS:
            form = form_of(None if keys is None else keys[first:after], elements[first:after])
            mark = mark_of_island(keys, elements, first, after, form)
        begins_with = id(elements[first] if keys is None else keys[first])
        part = elements[first:after]
        there = addresses_in(part)
        if keys is not None:
            part = dict(zip(keys[first:after], part, strict=True))
        self._pickler.dump(part)
        part.clear()  # what holds the elements once more would count as somebody else
        if keys is not None:
            elements[first:after] = repeat(None, after - first)
        segments = self._writer.segments
        self._require_simple(segments)
        met, linking = met_objects(self._pickler), len(self._links)
        texts = may_hold_large_text(segments)
        self._note(met, id(part), texts=texts)
        if texts and any(map(is_interned, self.kept[-1])):  # how many hold it, no mark tells
            mark = None
        # Of what is held inside of an element no mark tells which object it is.
        if self._held and not self._held.issubset(there):
            mark = None
        if self._islands < _EVERY or self._islands % _EVERY == 0:
            self._count_texts(met, after - first)
        self._islands += 1
        self.parts.append(Island(after - first, self._links[linking:], self._held, begins_with, form, mark))
        return b"".join(segments)

    def _require_simple(self, segments: list[bytes]) -> None:
        """Raise OneStreamError where there is in *segments* what the whole pass has to put in order."""
        state = self._state
        if has_special(segments) or not _is_simple(state):
            raise OneStreamError
        if state.dicts_of and shared_attributes(self._pickler, state.dicts_of, state.plain, state.encoder.picklers):
            raise OneStreamError
        self._forget_noted()

    def _note(self, met: list[Any], own: int, *, texts: bool) -> None:
        """Note what links of what an island has met: as `linking_addresses`, which plain objects are too many for."""
        state, kinds = self._state, list(map(type, met))
        if not (texts or state.asked) and kinds.count(str) + 1 == len(kinds):
            self._held = frozenset()
            self.kept.append([])  # nothing but the elements, and they are short texts
            return
        others = set(kinds) - PLAIN
        if not (state.asked or others):
            found = plain_holders(met, kinds, texts=texts)
            addresses = addresses_in(found)
            addresses.remove(own)
            self._links.extend(addresses)
            self._keep(found)
            return
        self.kinds |= kinds_of(kinds)
        found = linking_objects(met, kinds, {own}, (), state.met, texts, reduced=state.asked)
        self.others = True
        self._links.extend(addresses_in(found))
        named = named_kinds(others)
        if named:
            self._named.extend(id(obj) for obj in met if type(obj) in named)
        self._keep(found)
        self.kept[-1] = met

    def _take(self, island: Island, number: int, first: int) -> int:
        """Note an *island* that is as it was; how many elements it has."""
        if not self._suspected.isdisjoint(island.held):
            raise OneStreamError
        self._suspected |= island.held
        self._links.extend(island.links)
        self._same.append((number, first, island))
        self.parts.append(island)
        return island.count

    def _forget_noted(self) -> None:
        for noted in self._state.plain.values():
            noted.clear()

    def _keep(self, found: list[Any]) -> None:
        """Keep what can be told from copies; on no other island may be any of it."""
        counts = list(map(sys.getrefcount, found))
        self._held = frozenset()
        if counts and max(counts) > _ALONE:
            held = [obj for obj, count in zip(found, counts, strict=True) if count > _ALONE]
            addresses = {id(obj) for obj in held if not is_value_tuple(obj)}
            if not self._suspected.isdisjoint(addresses):
                raise OneStreamError
            self._suspected |= addresses
            self._held = frozenset(addresses)
        self.kept.append(found)

    def _count_texts(self, met: list[Any], count: int) -> None:
        """See to it that not too many texts are on several islands: they would be loaded that often."""
        texts = texts_of(met, list(map(type, met)))
        self._looked += count
        if max(map(sys.getrefcount, texts), default=0) <= self._alone:
            return
        shared = set(compress(map(id, texts), map(_ALONE.__lt__, map(sys.getrefcount, texts))))
        self._again += len(self._texts & shared)
        self._texts |= shared
        if not self._same and self._again > self._looked // 2:  # else a few islands would tell of all
            raise OneStreamError

    def objects_at(self, addresses: Container[int]) -> list[Any]:
        """What of it is kept at *addresses*."""
        wanted = addresses.__contains__
        found = list(chain.from_iterable(compress(part, map(wanted, map(id, part))) for part in self.kept))
        there = [same for same in self._same if is_among(addresses, same[2].links)]
        longs = {number: parted(self._longs[number]) for number, _, _ in there}
        for number, first, island in there:
            for part in filter(None, longs[number]):
                found += holders_among(part[first : first + island.count], addresses)
        return found

    def find(self, weak_roots: Collection[int]) -> Links:
        """As `linking_addresses`, of all islands."""
        outside = {address for kind in self._state.met for address in outside_addresses(kind)} if self._named else ()
        named = (address for address in self._named if address in weak_roots and address not in outside)
        return links_of(self._links + array("Q", named))


def _is_simple(state: Pass) -> bool:
    """Whether there was nothing that has to be put in order for the stream as a whole."""
    return not (state.buffers or state.out_of_band or state.holes or state.hashing or state.odd or state.nans)


def may_be_islands(nodes: Sequence[tuple[str, Any]], encoder: Encoder) -> bool:
    """Whether *nodes* (key, object) may be what `IslandPickler` writes for *encoder*."""
    values = [value for _, value in nodes]
    return _are_few(nodes) and bool(longs_within(values, encoder.seed_memo, encoder.is_alone).longs)


def _are_few(nodes: Sequence[tuple[str, Any]]) -> bool:
    return len(nodes) <= _NODES and not any(key.startswith("def:") for key, _ in nodes)


def _named(name: str) -> bytes:
    return f"c{load.MODULE}\n{name}\n".encode()


def with_names(
    captured: Captured, value: Any, nodes: Sequence[tuple[str, Any]], seeds: Mapping[int, Any]
) -> Captured | None:
    """The capture of some nodes together, without a pass; None when only one can tell.

    Args:
        captured: of *value* alone, since when nothing has changed.
        value: one of the nodes; the others are to be elements of it, or itself.
        nodes: key and object of each.
        seeds: the session's own objects, by address.

    Returns:
        A capture that knows no links, and nothing of what was met.
    """
    payload = [obj for _, obj in nodes]
    if not (captured.parts and _are_few(nodes)) or longest(payload) is not value or value is None:
        return None
    if len(captured.segments) != len(captured.parts) + 2:  # as loaded from one piece: where they end, nobody knows
        return None
    ends = _ends(len(seeds), payload, value, parted(value)[1])
    if ends is None:
        return None
    keys, segments = tuple(key for key, _ in nodes), [*captured.segments[:-1], ends]
    return replace(captured, keys=keys, segments=segments, links=frozenset(), memo=None, find=None)


def _ends(seeds: int, payload: list[Any], value: Any, elements: Sequence[Any]) -> bytes | None:
    """What follows the islands of *value*: the list *payload* of it and of some of its *elements*; None of others."""
    again = b"h" + seeds.to_bytes(1, "little")  # what comes behind the seeds in the memo
    places = list(map(id, elements)) if any(obj is not value for obj in payload) else []
    parts = []
    for obj in payload:
        if obj is value:
            parts.append(again)
        elif id(obj) in places:
            parts.append(_named("element") + again + b"J" + places.index(id(obj)).to_bytes(4, "little") + b"\x86R")
        else:
            return None
    return b"tR\x940]\x94(" + b"".join(parts) + b"e."


def _referred(seeds: int, counts: Sequence[int], again: Iterable[tuple[Any, int, int]]) -> bytes:
    """What follows islands of which each long list or dict has so many: these are put into the memo, in order.

    And those of their elements that are referred to *again*, as `elements_around` gives them; *seeds*: what is there.
    """
    told = b"(" + b"".join(b"J" + count.to_bytes(4, "little") for count in counts) + b"t"
    each = (_named("whole") + b"J" + number.to_bytes(4, "little") + b"\x85R\x940" for number in range(len(counts)))
    elements = (
        _named("element")
        + b"j"
        + (seeds + which).to_bytes(4, "little")
        + b"J"
        + place.to_bytes(4, "little")
        + b"\x86R\x940"
        for _, which, place in again
    )
    return told + b"tR0" + b"".join(each) + b"".join(elements)
