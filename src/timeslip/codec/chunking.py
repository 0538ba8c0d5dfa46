"""Where buffers and streams are cut into chunks.

A buffer is cut at the ends of its rows (for a block of a frame, a row is one column) when they are long enough, and at
a fixed size inside them: adding, dropping or changing a column leaves the chunks of the others as they are. A stream
is cut where its content says so, at the place that a checksum chooses among those where pickle ends one batch of items
and begins the next: behind a change of another length the pieces are the same as before. A large payload stands alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from zlib import crc32

SHORT_ROW = 1 << 16
"""Rows below this many bytes are not worth a cut of their own."""


def buffer_pieces(data: memoryview, row: int, limit: int) -> Iterator[memoryview]:
    """Pieces of *data* of at most *limit* bytes, cut at multiples of *row* bytes when rows are long.

    Args:
        data: one-dimensional memory of bytes.
        row: bytes of a row; 0 when there are none.
        limit: bytes.
    """
    start = 0
    for end in piece_ends(len(data), row, limit):
        yield data[start:end]
        start = end


def piece_ends(size: int, row: int, limit: int) -> Iterator[int]:
    """Where the pieces of a buffer of *size* bytes end; the others as `buffer_pieces`."""
    step = row if row >= SHORT_ROW else size
    for start in range(0, size, max(step, 1)):
        end = min(start + step, size)
        for first in range(start, end, limit):
            yield min(first + limit, end)


def stream_pieces(segments: Sequence[bytes], limit: int) -> Iterator[bytes | memoryview]:
    """Pieces of a stream: small segments together, cut by content, and large ones alone, cut at *limit*.

    Args:
        segments: of the stream.
        limit: bytes.
    """
    held = bytearray()
    for segment in segments:
        if len(segment) > limit:
            yield from _cut(held, limit, 0)
            yield from buffer_pieces(memoryview(segment), 0, limit)
            continue
        held += segment
        yield from _cut(held, limit, limit + _SEEN)  # with less to look at, the same content could be cut elsewhere
    yield from _cut(held, limit, 0)


def _cut(held: bytearray, limit: int, left: int) -> Iterator[bytes]:
    """Take pieces from the front of *held* as long as more than *left* bytes are there."""
    while len(held) > left:
        end = _next_cut(held, limit)
        yield bytes(held[:end])
        del held[:end]


_BATCHES = re.compile(rb"[eu]\(")
_PARTS = re.compile(rb"\x94[\]}]\x94")
_INNER = re.compile(rb"[\]}]\x94\(")
"""How two batches of items meet in a stream, how a container begins behind something new, and how any that is not empty
does; text may look so by chance."""

_FEW = 64
"""So many places are compared."""

_SEEN = 32
"""Bytes on each side of a place that its checksum is of."""


def _next_cut(data: bytearray, limit: int) -> int:
    """Where the first piece of *data* ends."""

    def checksum(place: re.Match[bytes]) -> int:
        return crc32(data[max(place.start() - _SEEN, 0) : place.start() + _SEEN])

    short, usual = limit // 16, limit // 4
    nearby = [(pattern, short, usual) for pattern in (_BATCHES, _PARTS, _INNER)]
    for pattern, start, end in (*nearby, (_BATCHES, usual, limit)):
        places = list(islice(pattern.finditer(data, max(start, 1), end), _FEW))
        if places:
            return min(places, key=checksum).start()
    return min(limit, len(data))
