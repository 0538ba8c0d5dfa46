"""Whether and how the bytes of a chunk are compressed.

Loaded with the store: by the time that something is compressed, a cell may have put anything into `sys.path`.
"""

from __future__ import annotations

import threading
from typing import Any

import zstandard

from timeslip.errors import DamagedStoreError

RAW, ZSTD = 0, 1
"""Codecs of a chunk's stored bytes."""

INLINE_LIMIT = 16 << 10
"""Stored bytes below this size lie in the database, bytes."""

_SAMPLE = 16 << 10
_TRY_FROM = 256
_COLD_LEVEL = 3


def compress(data: bytes | memoryview) -> tuple[int, bytes | memoryview]:
    """The codec that pays for *data*, and the bytes to store."""
    return _compress(data, 3 if len(data) < INLINE_LIMIT * 4 else 1)


def compress_cold(data: bytes | memoryview) -> tuple[int, bytes | memoryview]:
    """As `compress`, where nobody waits for it."""
    return _compress(data, _COLD_LEVEL)


def _compress(data: bytes | memoryview, level: int) -> tuple[int, bytes | memoryview]:
    size = len(data)
    if size < _TRY_FROM:
        return RAW, data
    compressor = _compressor(level)
    if size > 8 * _SAMPLE:
        middle = size // 2
        sample = b"".join((data[:_SAMPLE], data[middle : middle + _SAMPLE], data[-_SAMPLE:]))
        if len(compressor.compress(sample)) > 0.8 * len(sample):
            return RAW, data
    payload: bytes = compressor.compress(data)
    return (ZSTD, payload) if len(payload) < 0.9 * size else (RAW, data)


def decompress(codec: int, payload: bytes, size: int) -> bytes:
    """The *size* bytes of a chunk of which *payload* is stored.

    Raises:
        DamagedStoreError: it is something else.
    """
    if codec == RAW:
        return payload
    try:
        if zstandard.frame_content_size(payload) != size:
            raise DamagedStoreError("a compressed chunk has another size than listed")
        data = zstandard.ZstdDecompressor().decompress(payload, max_output_size=size)
    except (zstandard.ZstdError, MemoryError) as error:
        raise DamagedStoreError(f"a compressed chunk cannot be read ({error})") from error
    if len(data) != size:
        raise DamagedStoreError("a compressed chunk has another size than listed")
    return data


_threads = threading.local()


def _compressor(level: int) -> Any:
    """One compressor for each thread and level."""
    made: dict[int, Any] = _threads.__dict__.setdefault("compressors", {})
    if level not in made:
        made[level] = zstandard.ZstdCompressor(level=level, write_content_size=True, write_checksum=False)
    return made[level]
