"""Whether there is memory for what a restore loads, said before it does: a process that has none is killed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from timeslip.errors import StoreError
from timeslip.live import Live
from timeslip.state.available import available_bytes
from timeslip.store.mapping import MAP_FROM
from timeslip.store.repository import Repository
from timeslip.values import listed_pieces

_OBJECTS = 15
"""Bytes that objects take for a byte of their stream: 1.5 (long texts) to 36 (empty dicts), 14 for a list of dicts of
numbers and texts (measured with tracemalloc, CPython 3.11)."""


def short_of_memory(live: Live, records: Iterable[str]) -> str | None:
    """A sentence when loading *records* takes more memory than is free, as far as that can be told; else None."""
    free = available_bytes()
    if free is None:
        return None
    bodies: list[Mapping[str, Any]] = []
    for record in records:
        try:
            bodies.append(live.body(record))
        except StoreError:  # loading it says what is wrong
            continue
    most = sum(map(_at_most, bodies))
    if most < free:
        return None
    needed = sum(_needed(live.repository, body) for body in bodies)
    if needed < free:
        return None
    return (
        f"about {needed / 1e9:.1f} GB are to be loaded into memory, and {free / 1e9:.1f} GB of it are free: interrupt, "
        "and let go of something first, if this session must not be lost"
    )


def _entries(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*body.get("buffers", ()), *body.get("out_of_band", ())]


def _at_most(body: Mapping[str, Any]) -> int:
    """What *body* takes if nothing is mapped, without asking the store."""
    largest = max((entry["cut"] for entry in _entries(body)), default=1 << 20)
    streamed = len(body.get("stream", {}).get("chunks", ())) * largest
    return int(sum(entry["size"] for entry in _entries(body)) + _OBJECTS * streamed)


def _needed(repository: Repository, body: Mapping[str, Any]) -> int:
    """The same, with what the store says: what will be mapped, and how long the stream is."""
    try:
        needed = _OBJECTS * sum(map(repository.chunk_size, body.get("stream", {}).get("chunks", ())))
        for entry in _entries(body):
            needed += entry["size"]
            if repository.maps.allowed and entry["size"] >= MAP_FROM:
                needed -= sum(piece.size for piece in repository.raw_pieces(*listed_pieces(repository, entry)))
    except StoreError:  # as above
        return 0
    return needed
