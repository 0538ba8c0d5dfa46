"""What a pass would find out about a value that was just loaded, known without one.

A value of plain containers, text and numbers is written again with the very bytes that it came from, and the memo of
the unpickler holds the objects that the memo of a pickler would.
"""

from __future__ import annotations

import gc
import io
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pickle import Unpickler, dumps
from typing import Any

from timeslip.codec.addresses import addresses_in, links_of
from timeslip.codec.captured import Captured, Island
from timeslip.codec.earlier import parted
from timeslip.codec.linking import linking_addresses, plain_holders, texts_of
from timeslip.codec.marks import PLAIN, is_plain, mark_of
from timeslip.codec.streams import pieces_may_hold_large_text


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loaded value with its capture.

    Attributes:
        value: itself.
        captured: as a pass would give it, its links found.
        mark: of the value; None while what holds its elements besides has to go before it can be taken.
        seconds: what loading it took, which is about what a pass would take.
    """

    value: Any
    captured: Captured
    mark: bytes | None
    seconds: float


class Staying:
    """Elements of a live list or dict that go into what is loaded, in the place of copies of themselves.

    Args:
        values: the lists and dicts, as they are recorded.
        places: number of a segment of what is loaded -> the island whose bytes it has, the number of its list or dict,
            and its first element there.

    Attributes:
        used: whether something was taken.
    """

    def __init__(self, values: Sequence[Any], places: Mapping[int, tuple[Island, int, int]]) -> None:
        self._places = places
        self.used = False
        self._parted = list(map(parted, values))

    def without(self, segments: Sequence[bytes]) -> list[bytes]:
        """*segments* of a stream, with numbers in the place of the islands that need not be loaded."""
        kept = list(segments)
        for number in self._places:
            segment = segments[number]
            if segment[:1] != b"B" or int.from_bytes(segment[1:5], "little") != len(segment) - 5:
                return list(segments)  # it is part of something larger, which happens to have such bytes
            kept[number] = b"J" + number.to_bytes(4, "little")
        return kept

    def part(self, number: int) -> tuple[Any, Island]:
        """The elements in the place of segment *number*, as a list or dict, and what is known of them."""
        self.used = True
        island, which, first = self._places[number]
        keys, elements = self._parted[which]
        part = elements[first : first + island.count]
        if keys is None:
            return part, island
        return dict(zip(keys[first : first + island.count], part, strict=True)), island


class Met:
    """What an unpickler has met, to be told from what else it refers to.

    Args:
        unpickler: before it loads.
    """

    def __init__(self, unpickler: Any) -> None:
        self._unpickler = unpickler
        self._bare = set(map(id, gc.get_referents(unpickler)))
        self._links = array("Q")
        self._only_pass = False
        self._parts: list[Island] = []

    def add(self, island: Met, data: bytes, part: Any) -> None:
        """Note what was met on one *island*, when its unpickler has loaded *part* from *data*."""
        met, own = island._objects(), id(part)
        kinds = list(map(type, met))
        texts = texts_of(met, kinds)
        short = [text for text in texts if len(text) < _SHORT] if min(map(len, texts), default=_SHORT) < _SHORT else []
        if self._only_pass or not PLAIN.issuperset(kinds) or len(set(map(id, short))) < len(short):
            self._only_pass = True
            self._parts.append(Island(len(part), array("Q")))
            return
        addresses = addresses_in(plain_holders(met, kinds, texts=pieces_may_hold_large_text([data])))
        addresses.remove(own)
        self.stays(Island(len(part), addresses))

    def stays(self, island: Island) -> None:
        """Note an *island* of which it is known what is met there."""
        self._links.extend(island.links)
        self._parts.append(island)

    def capture(self, keys: tuple[str, ...], segments: Sequence[bytes], own: set[int]) -> Captured | None:
        """The capture of the one node that was loaded, its links found; None when only a pass can tell.

        Args:
            keys: of the node.
            segments: its stream.
            own: addresses of the payload and of the session's own objects.
        """
        met = self._objects()
        each = list(map(type, met))
        kinds = set(each)
        if self._only_pass or not is_plain(kinds, met, own):
            return None
        parts = tuple(self._parts)
        stream = list(segments)
        if parts and len(stream) != len(parts) + 2:  # it was cut elsewhere when it was put into chunks
            stream = parted_stream(b"".join(stream), len(parts))
        outside = stream[-1:] if parts else stream  # of islands
        if _may_be_doubled(outside, met):
            return None
        texts = pieces_may_hold_large_text(outside)
        links = linking_addresses(met, each, own, (), frozenset(), (), texts, reduced=False)
        if parts:
            self._links.extend(links)
            links = links_of(self._links)
        return Captured(keys, segments=stream, links=links, plain=True, islands=bool(parts), parts=parts)

    def _objects(self) -> list[Any]:
        if not _SHOWS_MEMO:
            return list(self._unpickler.memo.copy().values())
        held = gc.get_referents(self._unpickler)
        for part in (slice(-_ENDS, None), slice(_ENDS)):
            held[part] = [obj for obj in held[part] if id(obj) not in self._bare]
        return held


_ENDS = 64


def _may_be_doubled(segments: Sequence[bytes], met: list[Any]) -> bool:
    """Whether *met* has an object twice, and is of text of which Python has one object for all.

    That is "" and single characters: an equal text that was an object of its own when it was saved is that one object
    once it is loaded.
    """
    if not any(opcode in segment for segment in segments for opcode in _SHORT_TEXT):
        return False
    return len(set(addresses_in(met))) < len(met)


_SHORT = 2
"""All such text has fewer characters."""
_SHORT_TEXT = (b"\x8c\x00", b"\x8c\x01", b"\x8c\x02\xc2", b"\x8c\x02\xc3")
"""Opcodes of text without a character, with one of ASCII, with one more of Latin-1."""


def join(outer: Any, *islands: bytes | int) -> Any:
    """The list or dict of which *islands* have the elements; *outer* is the unpickler that has met them.

    A number stands for an island whose elements are there already, see `Staying`.
    """
    made: Any = None
    for data in islands:
        part = _staying(outer, data) if isinstance(data, int) else _loaded(outer, data)
        if made is None:
            made = part
        elif type(made) is dict:
            made.update(part)
        else:
            made += part
    return made


def join_all(outer: Any, *islands: Any) -> None:
    """Several lists and dicts, each joined of so many of the *islands* as the last of the arguments says."""
    at = 0
    for count in islands[-1]:
        outer.joined.append(join(outer, *islands[at : at + count]))
        at += count


def whole(outer: Any, number: int) -> Any:
    """That one of them."""
    return outer.joined[number]


def _loaded(outer: Any, data: bytes) -> Any:
    inner = outer.beside(data)
    met = Met(inner) if outer.met is not None else None
    part = inner.load()
    outer.took(inner)
    if met is not None and not outer.asked:
        outer.met.add(met, data, part)
    return part


def _staying(outer: Any, number: int) -> Any:
    part, island = outer.staying.part(number)
    outer.met.stays(island)
    return part


def parted_stream(stream: bytes, count: int) -> list[bytes]:
    """A stream of *count* islands as `islands` wrote it: each of them a segment, with one before and one behind."""
    at = stream.index(b"(") + 1
    found = [stream[:at]]
    for _ in range(count):
        end = at + 5 + int.from_bytes(stream[at + 1 : at + 5], "little")
        found.append(stream[at:end])
        at = end
    return [*found, stream[at:]]


def element(whole: Any, position: int) -> Any:
    """What stands at *position* in a list, or among the values of a dict."""
    return whole[position] if type(whole) is list else next(islice(whole.values(), position, None))


def with_mark(captured: Captured, value: Any, seconds: float, *, later: bool = False) -> Loaded | None:
    """*captured* with the mark of *value*, which must be taken when the unpickler is gone; None without one.

    *later*: that of a value of which some is live elsewhere is taken when it is not any more (`take_marks`).
    """
    if later:
        return Loaded(value, captured, None, seconds)
    mark = mark_of([value])
    return Loaded(value, captured, mark, seconds) if mark is not None else None


def take_marks(loaded: dict[str, Loaded]) -> None:
    """Take the marks that wait for what was replaced to be gone."""
    for key, known in loaded.items():
        if known.mark is None:
            loaded[key] = replace(known, mark=mark_of([known.value]))


def _shows_memo() -> bool:
    """Whether the garbage collector sees what is in the memo of an unpickler: on CPython 3.11 and later it does."""
    unpickler = Unpickler(io.BytesIO(dumps([[]], 5)))
    made = unpickler.load()
    return any(held is made[0] for held in gc.get_referents(unpickler))


_SHOWS_MEMO = _shows_memo()
