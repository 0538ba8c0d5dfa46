"""Where buffers and streams are cut into chunks.

A buffer is cut at the ends of its rows (for a block of a frame, a row is one column) when they are long enough, and at
a fixed size inside them: adding, dropping or changing a column leaves the chunks of the others as they are. A stream
is cut at the segments that the pickler wrote, put together to about the same size; a large payload stands alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

SHORT_ROW = 1 << 16
"""Rows below this many bytes are not worth a cut of their own."""


def buffer_pieces(data: memoryview, row: int, limit: int) -> Iterator[memoryview]:
    """Pieces of *data* of at most *limit* bytes, cut at multiples of *row* bytes when rows are long.

    Args:
        data: one-dimensional memory of bytes.
        row: bytes of a row; 0 when there are none.
        limit: bytes.
    """
    step = row if row >= SHORT_ROW else len(data)
    for start in range(0, len(data), max(step, 1)):
        end = min(start + step, len(data))
        for first in range(start, end, limit):
            yield data[first : min(first + limit, end)]


def stream_pieces(segments: Sequence[bytes], limit: int) -> Iterator[bytes | memoryview]:
    """Pieces of a stream: small segments together up to *limit* bytes, large ones alone and cut at *limit*."""
    held: list[bytes] = []
    size = 0
    for segment in segments:
        if len(segment) > limit:
            if held:
                yield b"".join(held)
                held, size = [], 0
            yield from buffer_pieces(memoryview(segment), 0, limit)
            continue
        if size + len(segment) > limit:
            yield b"".join(held)
            held, size = [], 0
        held.append(segment)
        size += len(segment)
    if held:
        yield held[0] if len(held) == 1 else b"".join(held)
