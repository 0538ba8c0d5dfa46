"""Pickle streams as lists of segments, so that a large bytes object is neither copied on the way out nor joined.

The C pickler hands every frame (about 64 kB) and every large payload to ``file.write`` as one bytes object; payloads
are passed on as they are. `SegmentWriter` keeps those objects, `SegmentReader` reads them back.
"""

from __future__ import annotations

from collections.abc import Iterable

from timeslip.codec import load

NAN_PATTERNS = (b"G\x7f\xf8", b"G\xff\xf8", b"G\x7f\xf0", b"G\xff\xf0")
"""How a stream that holds a NaN looks: the opcode and the first two bytes (infinity matches as well, harmlessly)."""


def scope_prefix(identities: Iterable[str]) -> bytes:
    """Opcodes that put the globals of these identities into the unpickler's memo, behind the seeds."""
    name = f"c{load.MODULE}\nscope_globals\n".encode()
    return b"".join(
        name + b"\x8c" + len(identity).to_bytes(1, "little") + identity.encode() + b"\x85R\x94"
        for identity in identities
    )


class SegmentWriter:
    """The file object for a pickler: keeps what is written as a list.

    Attributes:
        segments: what was written, in order. Large payloads are the user's own immutable bytes objects.
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
