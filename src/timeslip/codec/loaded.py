"""What a pass would find out about a value that was just loaded, known without one.

A value of plain containers, text and numbers is written again with the very bytes that it came from, and the memo of
the unpickler holds the objects that the memo of a pickler would.
"""

from __future__ import annotations

import gc
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pickle import Unpickler, dumps
from typing import Any

from timeslip.codec.captured import Captured
from timeslip.codec.linking import linking_addresses
from timeslip.codec.marks import is_plain, mark_of
from timeslip.codec.streams import pieces_may_hold_large_text


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loaded value with its capture.

    Attributes:
        value: itself.
        captured: as a pass would give it, its links found.
        mark: of the value.
        seconds: what loading it took, which is about what a pass would take.
    """

    value: Any
    captured: Captured
    mark: bytes
    seconds: float


class Met:
    """What an unpickler has met, to be told from what else it refers to.

    Args:
        unpickler: before it loads.
    """

    def __init__(self, unpickler: Any) -> None:
        self._unpickler = unpickler
        self._bare = set(map(id, gc.get_referents(unpickler)))

    def capture(self, keys: tuple[str, ...], segments: Sequence[bytes], own: set[int]) -> Captured | None:
        """The capture of the one node that was loaded, its links found; None when only a pass can tell.

        Args:
            keys: of the node.
            segments: its stream.
            own: addresses of the payload and of the session's own objects.
        """
        met = self._objects()
        kinds = set(map(type, met))
        if not is_plain(kinds, met, own) or (_has_short_text(segments) and len(set(map(id, met))) < len(met)):
            return None
        texts = pieces_may_hold_large_text(segments)
        links = linking_addresses(met, kinds, own, (), frozenset(), (), texts, reduced=False)
        return Captured(keys, segments=list(segments), links=links, plain=True)

    def _objects(self) -> list[Any]:
        if not _SHOWS_MEMO:
            return list(self._unpickler.memo.copy().values())
        held = gc.get_referents(self._unpickler)
        for part in (slice(-_ENDS, None), slice(_ENDS)):
            held[part] = [obj for obj in held[part] if id(obj) not in self._bare]
        return held


_ENDS = 64


def _has_short_text(segments: Sequence[bytes]) -> bool:
    """Whether there may be text in a stream of which Python has one object for all: "" and single characters.

    An equal text that was an object of its own when it was saved is that one object once it is loaded.
    """
    return any(opcode in segment for segment in segments for opcode in _SHORT_TEXT)


_SHORT_TEXT = (b"\x8c\x00", b"\x8c\x01", b"\x8c\x02\xc2", b"\x8c\x02\xc3")
"""Opcodes of text without a character, with one of ASCII, with one more of Latin-1."""


def with_mark(captured: Captured, value: Any, seconds: float) -> Loaded | None:
    """*captured* with the mark of *value*, which must be taken when the unpickler is gone; None without one."""
    mark = mark_of([value])
    return Loaded(value, captured, mark, seconds) if mark is not None else None


def _shows_memo() -> bool:
    """Whether the garbage collector sees what is in the memo of an unpickler: on CPython 3.11 and later it does."""
    unpickler = Unpickler(io.BytesIO(dumps([[]], 5)))
    made = unpickler.load()
    return any(held is made[0] for held in gc.get_referents(unpickler))


_SHOWS_MEMO = _shows_memo()
