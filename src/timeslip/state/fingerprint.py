"""Digests by which a change is noticed.

The written rule. A co-variable's fingerprint is XXH3-128 over, in this order: its node keys (UTF-8, each followed by
a zero byte), the headers of its definitions (in key order), its stream, and the digest of every buffer; each part is
preceded by its length as eight bytes, little-endian. Of a stream of islands (`codec.islands`) it is over the digests of
its segments, XXH3-128 each: those that are as they were need not be written for it. A buffer's digest is XXH3-128 over
the digests of its pieces (`codec.chunking`). Streams name what cannot be stored by an id that changes with its state
(`codec.resources`).

Equal fingerprints mean "unchanged": a stream holds every value, type, order and alias that pickle can see. Different
ones may be equal states (a cache filled, a text interned): a fingerprint may wrongly say "changed", never wrongly
"unchanged". Fingerprints stay in memory and are never compared between processes; what is stored is named by BLAKE3.
The digests of the pieces of large buffers are noted in value records, so that what comes back as pages of a pack need
not be read to be compared (`state.mapped`): whoever changes the rule for those must give them another field there.

Which way the digests of a buffer come about (`state.memory`) makes no difference to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import xxhash

from timeslip.codec.captured import Captured
from timeslip.codec.earlier import Same
from timeslip.codec.parts import Part
from timeslip.state.memory import Memory
from timeslip.state.watched import Range

if TYPE_CHECKING:
    from typing_extensions import Buffer

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What one capture looked like.

    Attributes:
        digest: of the whole, 16 bytes.
        pieces: for each owned buffer, then each out-of-band one: the digests of its pieces, 16 bytes each.
        segments: of a stream of islands, the digests of its segments, 16 bytes each; no part of what is compared.
        ranges: what has to be kept so that the next look at large buffers is cheap; no part of what is compared.
    """

    digest: bytes
    pieces: tuple[tuple[bytes, ...], ...] = ()
    ranges: tuple[Range, ...] = field(default=(), compare=False, repr=False)
    segments: tuple[bytes, ...] = field(default=(), compare=False, repr=False)


def piece_digest(data: Buffer) -> bytes:
    """The digest of a piece of a buffer, 16 bytes."""
    return xxhash.xxh3_128_digest(data)


_HASHING = Memory(hashing=True)


def fingerprint(captured: Captured, limit: int = CHUNK_BYTES, memory: Memory = _HASHING) -> Fingerprint:
    """The fingerprint of *captured*; reads every byte of it at most once.

    Args:
        captured: before its `release`.
        limit: largest piece of a buffer, bytes.
        memory: knows which large buffers were not written since the last look; they are not read.
    """
    pieces: list[tuple[bytes, ...]] = []
    ranges: list[Range] = list(captured.kept)
    rows = [*captured.rows, *[0] * len(captured.out_of_band)]
    for buffer, row in zip([*captured.buffers, *captured.out_of_band], rows, strict=True):
        if type(buffer) is Part:
            pieces.append(buffer.digests(limit))
            continue
        digests, found = memory.digests(memoryview(buffer).cast("B"), row, limit)
        if found is not None:
            ranges.append(found)
        pieces.append(digests)
    segments = tuple(map(_segment_digest, captured.segments)) if captured.islands else ()
    return Fingerprint(digest_of(captured, pieces, segments), tuple(pieces), tuple(ranges), segments)


def _segment_digest(segment: bytes | Same) -> bytes:
    return segment.digest if isinstance(segment, Same) else piece_digest(segment)


def digest_of(captured: Captured, pieces: Iterable[tuple[bytes, ...]], segments: Iterable[bytes] = ()) -> bytes:
    """The digest of *captured*, of whose buffers those of the *pieces* are known, of whose islands those of *segments*.

    Without *segments* they are taken.
    """
    whole = xxhash.xxh3_128()

    def part(data: bytes) -> None:
        whole.update(len(data).to_bytes(8, "little"))
        whole.update(data)

    part(b"".join(key.encode() + b"\0" for key in captured.keys))
    for identity in sorted(captured.headers):
        part(captured.headers[identity])
    whole.update(sum(map(len, captured.segments)).to_bytes(8, "little"))
    stream = (segments or map(_segment_digest, captured.segments)) if captured.islands else captured.segments
    for segment in stream:
        whole.update(segment)
    for digests in pieces:
        part(b"".join(digests))
    return whole.digest()
