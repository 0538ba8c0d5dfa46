"""Value records: one version of one co-variable in the store (layout: docs/format/v1.md, *Value records*).

Below the engine the codec knows bytes and the store knows chunks; here they meet.
"""

from __future__ import annotations

import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from timeslip.codec.captured import Captured
from timeslip.codec.chunking import buffer_pieces, piece_ends, stream_pieces
from timeslip.codec.proof import DIFFERS, FAILS, OUTSIDE, Verdict
from timeslip.codec.stored import Stored, StoredBuffer
from timeslip.config import Settings
from timeslip.errors import DamagedStoreError
from timeslip.model import is_name
from timeslip.state.covariables import Covariable
from timeslip.state.fingerprint import piece_digest
from timeslip.state.mapped import note_mapped
from timeslip.store.mapping import MAP_FROM, Part, Piece, phase, place_in_page
from timeslip.store.repository import Repository

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value record that is ready for a transaction.

    Attributes:
        body: of the record, JSON-ready.
        chunks: that it needs.
        pieces: digest of a piece -> chunk, for the next version.
        bytes: streams and buffers before chunking and compression.
        torn: a buffer was written while it was being saved: the co-variable has to be looked at again.
    """

    body: dict[str, Any]
    chunks: tuple[str, ...]
    pieces: dict[bytes, str]
    bytes: int
    torn: bool = False


def python_tag() -> str:
    """Which bytecode this process runs, such as "cpython-311"."""
    return str(sys.implementation.cache_tag)


class ValueWriter:
    """Puts captures into the store as chunks and describes them. Used under the session's lock."""

    def __init__(self, repository: Repository, settings: Settings) -> None:
        self._repository = repository
        self._settings = settings
        self._torn = False

    def encode(
        self,
        group: Covariable,
        captured: Captured | None,
        known: Mapping[bytes, str],
        about: Mapping[str, Any],
    ) -> Encoded:
        """Put the chunks of one co-variable.

        Args:
            group: the co-variable.
            captured: its bytes, before their release; None when it could not be captured.
            known: chunks of earlier versions by digest of the piece: these are not hashed for their name again.
            about: further fields of the record: "summary", "seeds", "definitions", "aliases", "hooked", "hooked_of".

        Raises:
            StoreFullError, StoreReadOnlyError: nothing is published.
        """
        body: dict[str, Any] = {"format": FORMAT, "keys": list(group.keys), "python": python_tag(), **about}
        if group.failure is not None or captured is None:
            body["failure"] = group.failure or "it could not be captured"
            return Encoded(body, (), {}, 0)
        chunks: list[str] = []
        pieces: dict[bytes, str] = {}
        if captured.headers:
            body["headers"] = {key: b64encode(data).decode() for key, data in captured.headers.items()}
        if captured.references:
            body["references"] = sorted(captured.references)
        if captured.holes:
            body["holes"] = [[hole.type_name, hole.reason, hole.fatal] for hole in captured.holes]
            if said := [n for n, hole in enumerate(captured.holes) if not hole.identity and not hole.fatal]:
                body["noted"] = said  # what is missing of objects in the stream, wherever it is loaded
            if any(len(own.holes) < len(captured.holes) for own in captured.own.values()):
                body["holes_of"] = {key: list(own.holes) for key, own in captured.own.items()}
        body["stream"] = self._stream(captured.segments, chunks, islands=captured.islands)
        self._torn = False
        split = len(captured.buffers)
        digests = group.fingerprint.pieces
        buffers = self._buffers(captured.buffers, captured.rows, digests[:split], known, pieces)
        if buffers:
            body["buffers"] = buffers
        extra = captured.out_of_band
        others = self._buffers(extra, [0] * len(extra), digests[split:], known, pieces)
        if others:
            body["out_of_band"] = others
        chunks += [chunk for entry in (*buffers, *others) for chunk in entry["chunks"]]
        return Encoded(body, tuple(chunks), {} if self._torn else pieces, captured.size, self._torn)

    def _stream(self, segments: Sequence[bytes], chunks: list[str], *, islands: bool = False) -> dict[str, Any]:
        if sum(map(len, segments)) <= self._settings.inline_bytes:
            return {"inline": b64encode(b"".join(segments)).decode()}
        pieces = stream_pieces(segments, self._settings.chunk_bytes, islands=islands)
        names = [self._repository.put_chunk(piece) for piece in pieces]
        chunks += names
        return {"chunks": [str(name) for name in names]}

    def _buffers(
        self,
        buffers: Sequence[Any],
        rows: Sequence[int],
        digests: Sequence[tuple[bytes, ...]],
        known: Mapping[bytes, str],
        pieces: dict[bytes, str],
    ) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        limit = self._settings.chunk_bytes
        for buffer, row, marks in zip(buffers, rows, digests, strict=True):
            data = memoryview(buffer).cast("B")
            names: list[str] = []
            start = 0
            for piece, mark in zip(buffer_pieces(data, row, limit), marks, strict=True):
                name = known.get(mark) or pieces.get(mark)
                if name is None:
                    name = str(self._repository.put_chunk(piece, phase(start)))
                    if piece_digest(piece) != mark:
                        self._torn = True  # by a thread, since it was compared
                pieces[mark] = name
                names.append(name)
                start += len(piece)
            entry = {"size": len(data), "row": row, "cut": limit, "chunks": names}
            if len(data) >= MAP_FROM and not self._torn:
                entry["marks"] = b64encode(b"".join(marks)).decode()
            entries.append(entry)
        return entries

    def facet(self, key: str, data: bytes) -> Encoded:
        """A facet's bytes as a value record."""
        body: dict[str, Any] = {"format": FORMAT, "keys": [key]}
        chunks: list[str] = []
        body["facet"] = self._stream([data], chunks)
        return Encoded(body, tuple(chunks), {}, len(data))


def read_stream(repository: Repository, stream: Mapping[str, Any]) -> list[bytes]:
    """The segments of a stored stream.

    Raises:
        DamagedStoreError: its chunks are not there or not what they should be.
    """
    if "inline" in stream:
        return [b64decode(stream["inline"])]
    return [repository.get_chunk(chunk) for chunk in stream["chunks"]]


def read_value(repository: Repository, body: Mapping[str, Any]) -> Stored:
    """A value record's content; buffers are read when they are asked for.

    Raises:
        DamagedStoreError: as `read_stream`.
    """
    names = tuple(filter(is_name, body["keys"]))
    return Stored(
        keys=tuple(body["keys"]),
        headers=read_headers(body),
        segments=read_stream(repository, body["stream"]),
        buffers=[_buffer(repository, entry, names) for entry in body.get("buffers", ())],
        out_of_band=[_buffer(repository, entry, names) for entry in body.get("out_of_band", ())],
        seeds=body["seeds"],
    )


def read_headers(body: Mapping[str, Any]) -> dict[str, bytes]:
    """The header streams of the definitions in a value record."""
    return {key: b64decode(data) for key, data in body.get("headers", {}).items()}


def _buffer(repository: Repository, entry: Mapping[str, Any], names: tuple[str, ...]) -> StoredBuffer:
    chunks: list[str] = entry["chunks"]
    places: list[list[Piece]] = []

    def lying() -> list[Piece]:
        if not places:
            places.append(repository.raw_pieces(chunks, _parts(entry)))
        return places[0]

    def read_into(target: memoryview, mapped: Sequence[Part] = ()) -> None:
        target = target.cast("B") if target.format != "B" or target.ndim != 1 else target
        for chunk, (start, stop) in zip(chunks, _parts(entry), strict=True):
            if not any(first < stop and start < last for first, last, *_ in mapped):
                repository.read_chunk_into(chunk, target[start:stop])

    def map_into(target: memoryview, alone: bool) -> None:
        mapped = repository.map_over(target, lying(), names, alone=alone)
        read_into(target, mapped)
        if mapped:
            note_mapped(target, entry["row"], entry["cut"], _marks(entry), mapped)

    if not repository.maps.allowed or entry["size"] < MAP_FROM:
        return StoredBuffer(entry["size"], read_into)
    return StoredBuffer(entry["size"], read_into, map_into, lambda: place_in_page(lying(), entry["size"]))


def _parts(entry: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Where the pieces of a stored buffer begin and end."""
    ends = list(piece_ends(entry["size"], entry["row"], entry["cut"]))
    if len(ends) != len(entry["chunks"]):
        raise DamagedStoreError("a stored buffer has the wrong number of chunks", hint="run `timeslip check`")
    return list(zip([0, *ends], ends, strict=False))


def _marks(entry: Mapping[str, Any]) -> list[bytes]:
    """The digests of the pieces of a stored buffer, by which they are compared; none where they were not recorded."""
    marks = b64decode(entry.get("marks", ""))
    return [marks[first : first + _MARK] for first in range(0, len(marks), _MARK)]


def pieces_of(body: Mapping[str, Any]) -> dict[bytes, str]:
    """As `Encoded.pieces`, as far as the record says it."""
    entries = (*body.get("buffers", ()), *body.get("out_of_band", ()))
    return {mark: name for entry in entries for mark, name in zip(_marks(entry), entry["chunks"], strict=False)}


_MARK = 16
"""Bytes of the digest of a piece."""


def with_verdicts(body: dict[str, Any], verdict: Callable[[str, str], Verdict | None]) -> dict[str, Any]:
    """*body* with what is known of its classes now.

    Args:
        body: of a value record.
        verdict: for the name and release of a class, or None.

    Returns:
        *body* itself, or a copy with a field "doubts" that has the form of "holes" and says whether not to load it.
    """
    doubts = []
    for name, version in body.get("hooked", {}).items():
        found = verdict(name, version)
        if found is not None and found.word in _DOUBT:
            doubts.append((name, _DOUBT[found.word].format(found.reason), found.word != DIFFERS, found.word == OUTSIDE))
    return {**body, "doubts": doubts} if doubts else body


_DOUBT = {
    DIFFERS: "does not come back exactly as it was ({})",
    FAILS: "cannot be loaded ({})",
    OUTSIDE: "is not loaded, because that {}",
}


def noted(body: Mapping[str, Any]) -> str | None:
    """What is known to be missing whenever a value is loaded, wherever that is; or None."""
    return _joined([body["holes"][position] for position in body.get("noted", ())]) or None


def _joined(entries: Iterable[Sequence[Any]]) -> str:
    """What is said of objects (type, reason, …), each reason once: a figure has dozens of objects of a kind."""
    kinds: dict[str, dict[str, None]] = {}
    for type_name, reason, *_ in entries:
        kinds.setdefault(reason, {})[type_name] = None
    said = []
    for reason, names in kinds.items():
        few = [*names][:_FEW_KINDS]
        more = f" and {len(names) - len(few)} more" if len(names) > len(few) else ""
        said.append(f"{', '.join(few)}{more}: {reason}")
    return "; ".join(said)


_FEW_KINDS = 3
"""So many types are named for which one reason holds."""


def _found_missing(body: Mapping[str, Any], *, fatal: bool) -> list[Sequence[Any]]:
    return [entry for entry in (*body.get("holes", ()), *body.get("doubts", ())) if entry[2] == fatal]


def lost_reason(body: Mapping[str, Any]) -> str | None:
    """Why a recorded value cannot be loaded as it was, or None."""
    if "failure" in body:
        return str(body["failure"])
    return _joined(_found_missing(body, fatal=True)[:1]) or None


def doubt(body: Mapping[str, Any]) -> str | None:
    """What is known to differ in a value that was loaded, by the classes in it (`with_verdicts`); or None."""
    return "; ".join(f"{name}: {reason}" for name, reason, *_ in body.get("doubts", ())) or None


def refusal(body: Mapping[str, Any]) -> str | None:
    """Why a value is not even to be loaded for a try, or None."""
    refused = [f"{name} {reason}" for name, reason, _, refuse in body.get("doubts", ()) if refuse]
    return refused[0] if refused else None


def rebuilt_reason(body: Mapping[str, Any]) -> str | None:
    """What of a recorded value comes back rebuilt instead of exact, or None."""
    return _joined(_found_missing(body, fatal=False)) or None


def inexact_reason(body: Mapping[str, Any], name: str) -> str | None:
    """What is said of one of the names of a value that does not come back as it was; None where nothing is.

    Of a name that reaches nothing of that itself, which others it shares objects with.
    """
    own = _part(body, name)
    lost = lost_reason(body)
    if _found_missing(own, fatal=False) and not (lost and _found_missing(own, fatal=True)):
        return f"comes back rebuilt: {_joined(_found_missing(own, fatal=False))}"
    if lost is not None:
        return lost_reason_of(body, name)
    rebuilt = rebuilt_reason(body)
    shared = _by_sharing(body, name, fatal=False) if rebuilt else None
    return shared or (f"comes back rebuilt: {rebuilt}" if rebuilt else None)


def note_on(body: Mapping[str, Any], name: str) -> str:
    """`inexact_reason` for a list of values: also that it is not stored; "" where there is nothing to say."""
    reason = inexact_reason(body, name) or ""
    own = "failure" in body or _found_missing(_part(body, name), fatal=True)
    return f"not stored: {reason}" if own else reason


def lost_reason_of(body: Mapping[str, Any], name: str) -> str | None:
    """As `lost_reason`, of one of the names."""
    whole = lost_reason(body)
    if whole is None or "failure" in body:
        return whole
    own = _joined(_found_missing(_part(body, name), fatal=True)[:1])
    return own or _by_sharing(body, name, fatal=True) or whole


def rebuilt_reason_of(body: Mapping[str, Any], name: str) -> str | None:
    """As `rebuilt_reason`, of one of the names."""
    whole = rebuilt_reason(body)
    if whole is None:
        return None
    own = _joined(_found_missing(_part(body, name), fatal=False))
    return own or _by_sharing(body, name, fatal=False) or whole


def _by_sharing(body: Mapping[str, Any], name: str, *, fatal: bool) -> str | None:
    """What is said of a name that only shares objects with others of which there is something to say."""
    said = {
        key: found[:1] if fatal else found
        for key in body["keys"]
        if is_name(key) and key != name and (found := _found_missing(_part(body, key), fatal=fatal))
    }
    if not said:
        return None
    more = f" and {len(said) - _FEW_KINDS} more" if len(said) > _FEW_KINDS else ""
    names = ", ".join([*said][:_FEW_KINDS]) + more
    one, several = ("is not stored", "are not stored") if fatal else ("comes back rebuilt", "come back rebuilt")
    what = one if len(said) == 1 else several
    return f"it shares objects with {names}, which {what}: {_joined(next(iter(said.values())))}"


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What is said of *body*, as far as *name* reaches it itself."""
    part: dict[str, Any] = {}
    holes, doubts = body.get("holes", []), body.get("doubts", [])
    positions = body.get("holes_of", {}).get(name)
    part["holes"] = holes if positions is None else [holes[position] for position in positions]
    classes = body.get("hooked_of", {}).get(name)
    part["doubts"] = doubts if classes is None else [entry for entry in doubts if entry[0] in classes]
    return part


def content_of(body: Mapping[str, Any]) -> object:
    """What a recorded value is made of, to be compared: equal for equal bytes, because chunks are named by theirs.

    None for a value that could not be captured.
    """
    if "stream" not in body:
        return None
    parts = ("keys", "stream", "headers", "buffers", "out_of_band")
    return tuple(repr(_without_marks(body.get(part))) for part in parts)


def _without_marks(part: Any) -> Any:
    """*part* of a record without what follows from the rest, and is not in records of every age."""
    if type(part) is not list or not any(type(entry) is dict and "marks" in entry for entry in part):
        return part
    return [{key: value for key, value in entry.items() if key != "marks"} for entry in part]


def chunk_names(body: Mapping[str, Any]) -> Iterable[str]:
    """Every chunk that a value record needs."""
    for stream in (body.get("stream"), body.get("facet")):
        if stream is not None:
            yield from stream.get("chunks", ())
    for entry in (*body.get("buffers", ()), *body.get("out_of_band", ())):
        yield from entry["chunks"]
