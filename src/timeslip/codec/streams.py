"""Pickle streams as lists of segments, so that a large bytes object is neither copied on the way out nor joined.

The C pickler hands every frame (about 64 kB) and every large payload to ``file.write`` as one bytes object; payloads
are passed on as they are. `SegmentWriter` keeps those objects, `SegmentReader` reads them back. Where frames begin
depends on all that comes before, so their headers are taken out of what is kept (`unframed`).
"""

from __future__ import annotations

import pickletools
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from timeslip.codec import load

LARGE_NUMBER = 1024
"""Whole numbers of more than this many bytes count as objects with an identity (design: *Linking*)."""

_NOT_A_NUMBER = re.compile(rb"(?s:G(?=[\x7f\xff](?!\xf0\x00{6})[\xf0-\xff]))")
"""How a NaN may look in a stream; other bytes may look so by chance."""


def _followed_by_size(opcode: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """What finds *opcode* before four bytes that say 1 kB or more; and the same before less than `_SMALL` bytes.

    The second is met a thousand times less by chance.
    """
    any_size = re.compile(rb"(?s:" + opcode + rb"(?=.[\x04-\xff]..|..[^\x00].|...[^\x00]))")
    return any_size, re.compile(rb"(?s:" + opcode + rb"(?=.(?:[\x04-\xff]\x00|.[\x01\x02])\x00))")


_SMALL = 0x30000
_LARGE = 1024
_LARGE_NUMBER = _followed_by_size(rb"\x8b")


def _fixed_lengths() -> dict[int, int]:
    """Opcode -> bytes that follow it; minus the width of the length field where that says how many follow."""
    lengths = {}
    for opcode in pickletools.opcodes:
        follows = 0 if opcode.arg is None else opcode.arg.n
        if follows == pickletools.TAKEN_FROM_ARGUMENT1:
            follows = -1
        elif follows in (pickletools.TAKEN_FROM_ARGUMENT4, pickletools.TAKEN_FROM_ARGUMENT4U):
            follows = -4
        elif follows == pickletools.TAKEN_FROM_ARGUMENT8U:
            follows = -8
        elif follows < 0:
            continue  # up to a line feed: no opcode of protocol 5
        lengths[ord(opcode.code)] = follows
    return lengths


_FOLLOWS = _fixed_lengths()


def has_special(segments: Iterable[bytes]) -> bool:
    """Whether a stream that the C pickler wrote holds a NaN or a large whole number.

    pickle keeps the identity of neither. Only frames are looked at; other segments are the bytes of large texts.
    """
    frames = (segment for segment, is_payload in _told_apart(segments) if not is_payload)
    return any(_is_special(frame) for frame in frames if frame.startswith(_FRAMES))


def _told_apart(segments: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The segments that the C pickler wrote, each with whether it is a large payload, which may look like a frame."""
    payload, begun = False, False
    for segment in segments:
        yield segment, payload
        begun |= segment.startswith(_PROTO)  # before that stand opcodes of our own
        payload = begun and not payload and _ends_before_payload(segment)


def _ends_before_payload(segment: bytes) -> bool:
    """Whether what the pickler writes after *segment*, if anything, is a large payload."""
    start = len(_PROTO) if segment.startswith(_PROTO) else 0
    if segment[start : start + 1] != _FRAME:
        return True  # too short for a frame: the end, or the opcode of a payload
    return len(segment) > _end_of_frame(segment, start)  # the opcode of a payload stands behind the frame


def _end_of_frame(segment: bytes, start: int) -> int:
    return start + 9 + int.from_bytes(segment[start + 1 : start + 9], "little")


_LARGE_TEXT, _LARGE_BYTES = _followed_by_size(b"X"), _followed_by_size(b"B")
_FRAME, _PROTO = b"\x95", b"\x80\x05"
_FRAMES = (_FRAME, _PROTO + _FRAME)


def may_hold_large_text(segments: Iterable[bytes]) -> bool:
    """Whether a stream that the C pickler wrote may hold text or bytes of 1 kB and more; never wrong with its no."""
    for segment, is_payload in _told_apart(segments):
        if is_payload or not segment.startswith(_FRAMES) or len(segment) > 1 << 31 or _large_text(segment, 0):
            return True
    return False


def pieces_may_hold_large_text(pieces: Sequence[bytes]) -> bool:
    """The same of a stream that is cut anywhere."""
    left = sum(map(len, pieces))
    for piece, after in zip_longest(pieces, pieces[1:], fillvalue=b""):
        left -= len(piece)
        if left + len(piece) > 1 << 31 or _large_text(piece + after[:5], left):
            return True
    return False


def _large_text(data: bytes, more: int) -> bool:
    """Whether *data*, which *more* bytes follow, may have the beginning of a large text."""
    if data[-5:-4] in (b"X", b"B") and int.from_bytes(data[-4:], "little") >= _LARGE:
        return True  # it stands behind *data*
    size = len(data) + more
    for patterns in (_LARGE_TEXT, _LARGE_BYTES):
        for match in patterns[size < _SMALL].finditer(data):
            at = match.end()
            if int.from_bytes(data[at : at + 4], "little") <= size - at - 4:
                return True
    return False


def _is_special(frame: bytes) -> bool:
    """Whether *frame* has a special number, and not only what looks like one and is part of something else."""
    # Two searches, because each begins with one certain byte: that is many times faster than a choice of two.
    places = {match.start() for match in _NOT_A_NUMBER.finditer(frame)}
    for match in _LARGE_NUMBER[len(frame) < _SMALL].finditer(frame):
        at = match.start()
        if int.from_bytes(frame[at + 1 : at + 5], "little") <= len(frame) - at - 5:
            places.add(at)
    last = max(places, default=-1)
    at = 0
    while at <= last:
        if at in places:
            return True
        follows = _FOLLOWS.get(frame[at])
        if follows is None:
            return True  # not to be read by us: take it for special, which is only slower
        width = -follows if follows < 0 else 0
        at += 1 + (width + int.from_bytes(frame[at + 1 : at + 1 + width], "little") if width else follows)
    return False


def scope_prefix(identities: Iterable[str]) -> bytes:
    """Opcodes that put the globals of these identities into the unpickler's memo, behind the seeds."""
    name = f"c{load.MODULE}\nscope_globals\n".encode()
    return b"".join(
        name + b"\x8c" + len(identity).to_bytes(1, "little") + identity.encode() + b"\x85R\x94"
        for identity in identities
    )


def names_prefix(places: Iterable[tuple[str, str]]) -> bytes:
    """Opcodes that put what modules have under these names into the unpickler's memo, behind the scopes."""
    name = f"c{load.MODULE}\nattribute\n".encode()
    texts = ([b"\x8c" + len(part).to_bytes(1, "little") + part.encode() for part in place] for place in places)
    return b"".join(name + module + qualname + b"\x86R\x94" for module, qualname in texts)


def cut_off_prefix() -> bytes:
    """Opcodes that say that the value is cut off from what has it outside the session."""
    return f"c{load.MODULE}\ncut_off\n)R0".encode()


def unframed(segments: Sequence[bytes]) -> list[bytes]:
    """A stream that the C pickler wrote, without the headers of its frames; large payloads are the same objects."""
    kept: list[bytes] = []
    for number, (segment, is_payload) in enumerate(_told_apart(segments)):
        start = len(_PROTO) if number == 0 else 0
        is_frame = not is_payload and segment[start : start + 1] == _FRAME
        kept.append(segment[:start] + segment[start + 9 :] if is_frame else segment)
    return kept


def framed(data: bytes) -> bytes:
    """*data*, some whole opcodes, as one frame: an unpickler reads it at once and not opcode by opcode."""
    return _FRAME + len(data).to_bytes(8, "little") + data


class SegmentWriter:
    """The file object for a pickler: keeps what is written as a list.

    Attributes:
        segments: what was written, in order. Large payloads are the user's own bytes and bytearrays.
    """

    __slots__ = ("segments",)

    def __init__(self) -> None:
        self.segments: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep *data*; returns its length in bytes."""
        self.segments.append(data)
        return len(data)


class SegmentReader:
    """The file object for an unpickler: reads a list of segments as one stream."""

    __slots__ = ("_current", "_offset", "_rest")

    def __init__(self, segments: Iterable[bytes]) -> None:
        self._rest = iter(segments)
        self._current = memoryview(b"")
        self._offset = 0

    def _advance(self) -> bool:
        for segment in self._rest:
            if len(segment):
                self._current = memoryview(segment)
                self._offset = 0
                return True
        return False

    def read(self, size: int = -1) -> bytes:
        """Up to *size* bytes (all when negative); fewer only at the end."""
        if size < 0:
            size = 1 << 62
        parts: list[memoryview] = []
        missing = size
        while missing > 0:
            if self._offset >= len(self._current) and not self._advance():
                break
            part = self._current[self._offset : self._offset + missing]
            self._offset += len(part)
            missing -= len(part)
            parts.append(part)
        if len(parts) == 1:
            part = parts[0]
            whole = part.obj
            # A segment that is one large bytes object comes back as itself: no copy.
            return whole if isinstance(whole, bytes) and len(part) == len(whole) else bytes(part)
        return b"".join(parts)

    def peek(self, size: int) -> bytes:
        """The next bytes, up to *size*, which are still to be read; none only at the end."""
        if self._offset >= len(self._current) and not self._advance():
            return b""
        return bytes(self._current[self._offset : self._offset + size])

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill *buffer*; returns how many bytes there were."""
        target = memoryview(buffer).cast("B")
        done = 0
        while done < len(target):
            if self._offset >= len(self._current) and not self._advance():
                break
            part = self._current[self._offset : self._offset + len(target) - done]
            target[done : done + len(part)] = part
            self._offset += len(part)
            done += len(part)
        return done

    def readline(self) -> bytes:
        """Bytes up to and with the next line feed."""
        line = bytearray()
        while True:
            if self._offset >= len(self._current) and not self._advance():
                return bytes(line)
            rest = bytes(self._current[self._offset : self._offset + 512])
            end = rest.find(b"\n")
            if end >= 0:
                line += rest[: end + 1]
                self._offset += end + 1
                return bytes(line)
            line += rest
            self._offset += len(rest)
