"""From captures to value records: which chunks a version of a co-variable needs, and putting them into the store.

In two steps, because the second may be done while code of the user runs again. A *draft* says all that is known when
the capture is there, and which pieces the store does not have by the names that are known. *Settling* it puts those and
gives them their names. A draft that is *detached* holds no object of the user's, only addresses: the bytes are then
read from a snapshot of the memory (`state.snapshots`).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from timeslip.codec.captured import Captured
from timeslip.codec.chunking import buffer_pieces, piece_ends, stream_pieces
from timeslip.codec.earlier import Same
from timeslip.codec.parts import OtherItemsError, Part, data_of, size_of
from timeslip.config import Settings
from timeslip.state.covariables import Covariable
from timeslip.state.fingerprint import piece_digest
from timeslip.state.mappings import address_of
from timeslip.store import ahead
from timeslip.store.mapping import MAP_FROM, phase
from timeslip.store.repository import Repository
from timeslip.values import FORMAT, LISTED, SHORT_LIST, lists_of, named_by, python_tag

if TYPE_CHECKING:
    from typing_extensions import Buffer

_OWN = frozenset({bytes, Same})
"""Types of segments that the user cannot write to."""

_AT_ONCE = 8 << 20
"""So many bytes of a snapshot are read at a time: each time costs a turn of the interpreter's lock."""


def _unheard(_: int) -> None:
    """Nobody wants to know."""


Read = Callable[[int, memoryview], None]
"""Fills memory with what was at an address: see `Snapshot.read_into`."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A value record that is ready for a transaction.

    Attributes:
        body: of the record, JSON-ready.
        chunks: that it needs.
        lists: those of them that are lists of others, which it needs as well -> what each names.
        pieces: digest of a piece -> chunk, for the next version.
        bytes: streams and buffers before chunking and compression.
        torn: a buffer was written while it was being saved: the co-variable has to be looked at again.
    """

    body: dict[str, Any]
    chunks: tuple[str, ...]
    pieces: dict[bytes, str]
    bytes: int
    torn: bool = False
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Cut:
    """One buffer: where its pieces are, and the names of their chunks, None where they are not known.

    Attributes:
        data: its bytes; None once it is detached.
        address: of the first byte; known of one that is detached.
        is_part: whether it is one of the parts of an array of objects: no memory, but what the next version may have.
    """

    size: int
    row: int
    limit: int
    marks: tuple[bytes, ...]
    names: list[str | None]
    data: memoryview | None
    address: int = 0
    is_part: bool = False

    def parts(self) -> list[tuple[int, int]]:
        """Where each piece begins and ends."""
        ends = [*piece_ends(self.size, self.row, self.limit)]
        return list(zip([0, *ends], ends, strict=False))

    def ends(self) -> set[int]:
        """The pieces with which a row ends."""
        return {at for at, (_, stop) in enumerate(self.parts()) if self.row and not stop % self.row}


@dataclass(slots=True)
class Draft:
    """A value record whose chunks may not be put yet. See the module.

    Attributes:
        body: of the record, but for its stream and buffers.
        size: streams and buffers before chunking and compression, bytes.
        segments: of the stream; None for a value that could not be captured.
        islands: as `Captured.islands`.
        digests: of the segments, where it is of islands.
        known: chunks of earlier versions by digest of the piece.
    """

    body: dict[str, Any]
    size: int = 0
    segments: Sequence[bytes | Same] | None = None
    islands: bool = False
    digests: Sequence[bytes] = ()
    known: Mapping[bytes, str] = field(default_factory=dict)
    _buffers: list[_Cut] = field(default_factory=list)
    _out_of_band: list[_Cut] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """Bytes of buffers that are not known to be in the store."""
        return sum(
            stop - start
            for cut in self._cuts()
            for (start, stop), name in zip(cut.parts(), cut.names, strict=True)
            if name is None
        )

    @property
    def streamed(self) -> int:
        """Bytes of the stream."""
        return sum(map(len, self.segments or ()))

    def own_stream(self) -> None:
        """Before `detach`: what a pickler has passed on as it is, and the user may write to, is copied."""
        if self.segments is not None:
            self.segments = [part if isinstance(part, Same) else bytes(part) for part in self.segments]

    @property
    def borrowed(self) -> int:
        """So many bytes of the stream are those of objects that may be written to (a bytearray)."""
        return sum(len(part) for part in self.segments or () if type(part) not in _OWN)

    def places(self) -> list[tuple[int, int]]:
        """Where in the memory those buffers begin and end of which something is missing."""
        found = []
        for cut in self._cuts():
            if cut.size and None in cut.names:
                if cut.data is not None:
                    cut.address = address_of(cut.data)
                found.append((cut.address, cut.address + cut.size))
        return found

    def detach(self) -> None:
        """After `places` and `own_stream`: hold nothing any more that the user may write to, nor keep it from its end.

        It is settled only with what reads from a snapshot.
        """
        for cut in self._cuts():
            cut.data = None

    def _cuts(self) -> Iterator[_Cut]:
        return chain(self._buffers, self._out_of_band)


def _bytes_of_part(part: Part) -> memoryview:
    """The bytes of *part*; of the same size where a thread has written to the array since: then its digest tells."""
    with suppress(OtherItemsError):
        data = part.data()
        if len(data) == part.size:
            return memoryview(data)
    return memoryview(bytes(part.size))


class ValueWriter:
    """Puts captures into the store as chunks and describes them.

    `draft` is used under the session's lock, `settle` by any thread, one at a time for a draft.
    """

    def __init__(self, repository: Repository, settings: Settings) -> None:
        self._repository = repository
        self._settings = settings

    def draft(
        self,
        group: Covariable,
        captured: Captured | None,
        known: Mapping[bytes, str],
        about: Mapping[str, Any],
    ) -> Draft:
        """What there is to say of one co-variable.

        Args:
            group: the co-variable.
            captured: its bytes, before their release; None when it could not be captured.
            known: chunks of earlier versions by digest of the piece: these are not hashed for their name again.
            about: further fields of the record: "summary", "seeds", "definitions", "aliases", "hooked", "hooked_of".
        """
        body: dict[str, Any] = {"format": FORMAT, "keys": list(group.keys), "python": python_tag(), **about}
        if group.failure is not None or captured is None:
            body["failure"] = group.failure or "it could not be captured"
            return Draft(body)
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
        digests = group.fingerprint.segments
        draft = Draft(body, captured.size, captured.segments, captured.islands, digests, known)
        marks, extra = group.fingerprint.pieces, captured.out_of_band
        split = len(captured.buffers)
        draft._buffers = self._cut(captured.buffers, captured.rows, marks[:split], known)
        draft._out_of_band = self._cut(extra, [0] * len(extra), marks[split:], known)
        return draft

    def _cut(
        self,
        buffers: Sequence[Any],
        rows: Sequence[int],
        digests: Sequence[tuple[bytes, ...]],
        known: Mapping[bytes, str],
    ) -> list[_Cut]:
        limit, cuts = self._settings.chunk_bytes, []
        for buffer, row, marks in zip(buffers, rows, digests, strict=True):
            names = [known.get(mark) for mark in marks]
            data = _bytes_of_part(buffer) if type(buffer) is Part and None in names else None
            data = data_of(buffer) if type(buffer) is not Part else data
            cuts.append(_Cut(size_of(buffer), row, limit, marks, names, data, is_part=type(buffer) is Part))
        return cuts

    def settle(self, draft: Draft, read: Read | None = None, put: Callable[[int], object] = _unheard) -> Encoded:
        """Put the chunks of *draft* that are missing; the record that is then ready.

        Args:
            draft: to be used no more.
            read: for a draft that is detached.
            put: told of each piece how many bytes it has.

        Raises:
            StoreFullError, StoreReadOnlyError: nothing is published.
        """
        if draft.segments is None:
            return Encoded(draft.body, (), {}, 0)
        # A frame has a buffer for each column: what counts is how many names there are in the record.
        many = sum(len(cut.names) for cut in draft._cuts()) > LISTED
        settling = _Settling(self._repository, draft.known, read, put, many=many)
        body = draft.body
        if draft.islands:
            body["stream"] = self._islands(draft, settling, put)
        else:
            body["stream"] = self._stream(draft.segments, settling.chunks, put=put)
        for field_name, cuts in (("buffers", draft._buffers), ("out_of_band", draft._out_of_band)):
            entries = [settling.entry(cut, mapped=cuts is draft._buffers) for cut in cuts]
            if entries:
                body[field_name] = entries
        chunks = (*settling.chunks, *settling.named, *settling.lists)
        pieces = {} if settling.torn else settling.pieces
        return Encoded(body, chunks, pieces, draft.size, settling.torn, settling.lists)

    def _stream(
        self,
        segments: Sequence[Any],
        chunks: list[str],
        *,
        put: Callable[[int], object] = _unheard,
    ) -> dict[str, Any]:
        if sum(map(len, segments)) <= self._settings.inline_bytes:
            return {"inline": b64encode(b"".join(segments)).decode()}
        names: list[str] = []
        for piece in stream_pieces(segments, self._settings.chunk_bytes):
            names.append(str(self._repository.put_chunk(piece)))
            put(len(piece))
        chunks += names
        return {"chunks": names}

    def _islands(self, draft: Draft, settling: _Settling, put: Callable[[int], object]) -> dict[str, Any]:
        """The stream of a draft of islands: each is a chunk, and those of the version before are there."""
        names: list[str] = []
        for segment, digest in zip(draft.segments or (), draft.digests, strict=True):
            name = settling.pieces.get(digest) or draft.known.get(digest)
            if name is None:
                assert not isinstance(segment, Same), "an island that was not written again has a name"
                pieces = list(buffer_pieces(memoryview(segment), 0, self._settings.chunk_bytes))
                put_names = [str(self._repository.put_chunk(piece)) for piece in pieces]
                names += put_names
                name = put_names[0] if len(put_names) == 1 else None
            else:
                names.append(name)
            if name is not None:
                settling.pieces[digest] = name
            put(len(segment))
        settling.chunks += names
        return {"chunks": names}

    def facet(self, key: str, data: bytes) -> Encoded:
        """A facet's bytes as a value record."""
        body: dict[str, Any] = {"format": FORMAT, "keys": [key]}
        chunks: list[str] = []
        body["facet"] = self._stream([data], chunks)
        return Encoded(body, tuple(chunks), {}, len(data))


class _Settling:
    """What comes out of settling one draft.

    Attributes:
        chunks: of its stream.
        named: of its buffers, where they are in no list.
        lists: the others -> the chunks of buffers that each names.
        pieces: as `Encoded.pieces`.
        torn: as `Encoded.torn`.
    """

    def __init__(
        self,
        repository: Repository,
        known: Mapping[bytes, str],
        read: Read | None,
        put: Callable[[int], object],
        *,
        many: bool,
    ) -> None:
        self._repository = repository
        self._known = known
        self._read = read
        self._put = put
        self._shortest = SHORT_LIST if many else LISTED + 1
        self.chunks: list[str] = []
        self.named: list[str] = []
        self.lists: dict[str, list[str]] = {}
        self.pieces: dict[bytes, str] = {}
        self.torn = False

    def entry(self, cut: _Cut, *, mapped: bool) -> dict[str, Any]:
        """Of one buffer, all of whose chunks are there then; *mapped*: it is of those that may come back as pages."""
        names = self._names(cut, mapped=mapped and cut.size >= MAP_FROM and not cut.is_part)
        entry: dict[str, Any] = {"size": cut.size, "row": cut.row, "cut": cut.limit}
        if len(names) >= self._shortest and not self.torn:
            entry["lists"] = [self._list(data) for data in lists_of(names, cut.marks, cut.ends())]
        else:
            entry["chunks"] = names
            if (cut.size >= MAP_FROM or cut.is_part) and not self.torn:
                entry["marks"] = b64encode(b"".join(cut.marks)).decode()
            self.named += names
        return entry

    def _names(self, cut: _Cut, *, mapped: bool) -> list[str]:
        bounds, names = cut.parts(), cut.names
        wanted = [at for at, name in enumerate(names) if name is None]
        wanted = self._put_ahead(cut, bounds, wanted, mapped=mapped)
        for at, piece in self._bytes_of(cut, bounds, wanted):
            mark = cut.marks[at]
            name = self.pieces.get(mark)
            if name is None:
                compare = partial(self._compare, mark)
                stable = cut.data is None
                place = phase(bounds[at][0]) if mapped else None
                name = str(self._repository.put_chunk(piece, place, compare, stable=stable))
            self._put(len(piece))
            self.pieces[mark] = names[at] = name
        self.pieces.update(zip(cut.marks, names, strict=True))  # type: ignore[arg-type]  # none is missing by now
        return names  # type: ignore[return-value]

    def _put_ahead(self, cut: _Cut, bounds: Sequence[tuple[int, int]], wanted: list[int], *, mapped: bool) -> list[int]:
        """Put what a thread can name while the piece before is written; numbers of what is left."""
        data = cut.data
        if data is None or not ahead.pays([bounds[at][1] - bounds[at][0] for at in wanted]):
            return wanted
        with (
            suppress(RuntimeError, MemoryError),
            closing(ahead.named([data[slice(*bounds[at])] for at in wanted], piece_digest)) as done,
        ):
            for at, (piece, name, mark) in zip(wanted, done, strict=True):
                self.torn |= mark != cut.marks[at]
                place = phase(bounds[at][0]) if mapped else None
                chunk = self._repository.put_chunk(piece, place, stable=True, name=name)
                self.pieces[cut.marks[at]] = cut.names[at] = str(chunk)
                self._put(len(piece))
        return [at for at in wanted if cut.names[at] is None]  # without a thread, or memory for it

    def _bytes_of(
        self, cut: _Cut, bounds: Sequence[tuple[int, int]], wanted: Sequence[int]
    ) -> Iterator[tuple[int, memoryview]]:
        """The bytes of pieces; of a buffer that is detached, valid until the next is asked for."""
        if cut.data is not None:
            yield from ((at, cut.data[slice(*bounds[at])]) for at in wanted)
            return
        held: memoryview | None = None
        first = stop = 0
        for place, at in enumerate(wanted):
            start, end = bounds[at]
            if end > stop or held is None:
                first, stop = start, _until(bounds, wanted, place)
                if held is None or len(held) < stop - first:
                    held = memoryview(bytearray(stop - first))
                if stop > first:  # else it needs no snapshot, and there may be none
                    assert self._read is not None
                    self._read(cut.address + first, held[: stop - first])
            yield at, held[start - first : end - first]

    def _compare(self, mark: bytes, stored: Buffer) -> None:
        """Whether what is stored of a piece is what was compared: a thread may have written to it since."""
        if piece_digest(stored) != mark:
            self.torn = True

    def _list(self, data: bytes) -> str:
        mark = piece_digest(data)
        self.pieces[mark] = name = self._known.get(mark) or str(self._repository.put_chunk(data))
        self.lists[name] = named_by(data)
        return name


def _until(bounds: Sequence[tuple[int, int]], wanted: Sequence[int], place: int) -> int:
    """Where those pieces end that follow the one at *place* in *wanted* without a gap, `_AT_ONCE` bytes at most."""
    start, stop = bounds[wanted[place]]
    for at in wanted[place + 1 :]:
        first, end = bounds[at]
        if first != stop or end - start > _AT_ONCE:
            break
        stop = end
    return stop
