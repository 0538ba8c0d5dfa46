"""Chunks: immutable bytes named by their BLAKE3-256, written once, verified whenever they are read.

Small chunks lie in the database, large ones in packs; both are compressed when a sample shows that it pays, except
those that are to be mapped. A chunk that was put but not yet published is *pending*: its bytes may be in a pack
already, yet nobody but this process can see it before the next transaction.

A chunk that was put, or found to be there already, is *pinned* (`pins`) until the transaction that refers to it has
finished. Should it vanish all the same (no file locks, an expired pin), `reference` raises and the transaction is
rolled back: nothing that points to a missing chunk is ever published.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from timeslip.errors import ChunkMissingError, DamagedStoreError, StoreFullError, UnstorableError, UsageError
from timeslip.ids import ChunkId
from timeslip.standard import os
from timeslip.store.compression import INLINE_LIMIT, RAW, ZSTD, compress, decompress
from timeslip.store.database import Database, Row
from timeslip.store.files import Files, translate
from timeslip.store.guard import Reading
from timeslip.store.host import boot_id
from timeslip.store.mapping import RUN, PackMaps, Piece
from timeslip.store.members import MemberTable
from timeslip.store.packs import Location, PackDirectory, PackState
from timeslip.store.pins import Pins
from timeslip.store.schema import INLINE, MISSING, PACKED

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAX_CHUNK = 1 << 30
"""Largest chunk of format v1, bytes."""

_SCRATCH_LIMIT = 4 << 20
_SPILL_BYTES = 16 << 20
_AT_ONCE = 500
_COLUMNS = "n, size, stored, codec, place, pack, offset"


Look = Callable[["Buffer"], object]


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """Where the unchanged bytes of a chunk lie in a file, for mapping.

    Attributes:
        path: the pack file. It is only ever appended to or unlinked.
        offset: of the first byte, bytes.
        size: of the chunk, bytes.
    """

    path: Path
    offset: int
    size: int


@dataclass(slots=True)
class _Stored:
    """A chunk as the database has it, or will have it: *data* is set for small ones only."""

    size: int
    stored: int
    codec: int
    place: int
    pack: int | None = None
    offset: int | None = None
    data: bytes | None = field(default=None, repr=False)
    n: int = 0

    @property
    def location(self) -> Location:
        if self.pack is None or self.offset is None:
            raise DamagedStoreError("a packed chunk has no place")
        return Location(self.pack, self.offset)


class ChunkStore:
    """All chunks of a store. Safe from many threads and many processes.

    Args:
        database: where chunks are listed.
        packs: where large ones lie.
        files: asked for free space.
        pin_file: the file of the pin lock.
        min_free_bytes: called for the free space to leave on the disk, bytes.
    """

    def __init__(
        self, database: Database, packs: PackDirectory, files: Files, pin_file: Path, min_free_bytes: Callable[[], int]
    ) -> None:
        self._db = database
        self._packs = packs
        self._disk = packs.directory.parent
        self._files = files
        self._min_free_bytes = min_free_bytes
        self._pending: dict[bytes, _Stored] = {}
        self._pending_inline = 0
        self._published: dict[bytes, int] = {}
        self._appending = 0
        self._told: list[PackState] = []
        self._telling: list[PackState] = []
        self.pins = Pins(pin_file)
        self._threads = threading.local()
        self.maps = PackMaps(packs, allowed=database.local)
        self.members = MemberTable(database)
        self.written = 0
        """Bytes that new chunks took since this store was opened, after compression."""

    @property
    def written_here(self) -> int:
        """As `written`, by this thread alone."""
        found: int = getattr(self._threads, "written", 0)
        return found

    # --- putting

    def put(
        self,
        data: Buffer,
        phase: int | None = None,
        look: Look | None = None,
        *,
        stable: bool = False,
        name: bytes | None = None,
    ) -> ChunkId:
        """Store the present bytes of *data* and return their id; published by the next transaction.

        Idempotent: bytes that are known already are not written again. Bytes that are to be mapped have a *phase*: they
        start so many bytes behind the start of a page, and are not compressed where mapping is possible. *data* may
        change or be resized after the call, and another thread writing to it meanwhile cannot make a chunk that does
        not match its id; if it is *stable*, a memoryview of bytes that nobody writes to during the call, no copy is
        made for that, and *name* may be their BLAKE3. *look* is called with the bytes that the chunk has.

        Raises:
            StoreFullError: nothing was added.
            UnstorableError: more than `MAX_CHUNK` bytes.
        """
        self._db.check_process()
        kept = data if stable and isinstance(data, memoryview) else self._stable(data)
        _check_size(len(kept))
        try:
            if look is not None:
                look(kept)
            digest = name if name is not None and kept is data else blake3(kept).digest()
            self.pins.add(digest)
            if not self._known(digest):
                self._write(digest, kept, phase)
            return ChunkId(digest.hex())
        finally:
            if isinstance(kept, memoryview) and kept is not data:
                kept.release()

    def _stable(self, data: Buffer) -> bytes | memoryview:
        """*data* as bytes that nobody else can change: itself when immutable, else a copy in a reused buffer."""
        if type(data) is bytes:
            _check_size(len(data))
            return data
        with memoryview(data) as view:
            _check_size(view.nbytes)
            if not view.c_contiguous or view.nbytes > _SCRATCH_LIMIT or view.nbytes < 4096:
                return view.tobytes()
            scratch: bytearray | None = getattr(self._threads, "scratch", None)
            if scratch is None or len(scratch) < view.nbytes:
                scratch = self._threads.scratch = bytearray(max(view.nbytes, 1 << 20))
            with view.cast("B") as flat:
                copy = memoryview(scratch)[: view.nbytes]
                copy[:] = flat
                return copy

    def _known(self, digest: bytes) -> bool:
        with self._db.lock:
            if digest in self._pending:
                return True
            row = self._db.one(f"SELECT {_COLUMNS} FROM chunks WHERE id = ?", (digest,))
            return row is not None and self._is_there(row)

    @Reading("the list of chunks")
    def _is_there(self, row: Row) -> bool:
        """Whether the bytes of a listed chunk can be expected to be there: a pack may have been lost or removed."""
        _, _, stored, _, place, pack, offset = row
        if place != PACKED:
            return bool(place == INLINE)
        try:
            return bool(os.stat(self._packs.path(pack)).st_size >= offset + stored)
        except (OSError, TypeError):  # no such file, or a damaged row: it is written again
            return False

    def _write(self, digest: bytes, data: bytes | memoryview, phase: int | None) -> None:
        size = len(data)
        as_it_is = phase is not None and size >= RUN and self.maps.allowed
        codec, payload = (RAW, data) if as_it_is else compress(data)
        self.written += len(payload)
        self._threads.written = self.written_here + len(payload)
        if len(payload) < INLINE_LIMIT:
            entry = _Stored(size, len(payload), codec, INLINE, data=bytes(payload))
            with self._db.lock:
                self._pending[digest] = entry
                self._pending_inline += len(payload)
                if self._pending_inline > _SPILL_BYTES and not self._db.in_transaction():
                    self._spill()
            return
        self.require_space(len(payload))
        with self.appending():
            with memoryview(payload) as view:
                location = self._packs.append(view, phase=(phase or 0) if codec == RAW else None)
            with self._db.lock:
                self._pending[digest] = _Stored(size, len(payload), codec, PACKED, location.pack, location.offset)

    @contextmanager
    def appending(self) -> Iterator[None]:
        """While inside, no pack of this process is let go: something was appended that nothing points to yet."""
        with self._db.lock:
            self._appending += 1
        try:
            yield
        finally:
            with self._db.lock:
                self._appending -= 1

    def _spill(self) -> None:
        """Publish pending chunks early, unreferenced, so that they do not pile up in memory."""
        with self.publishing(unpin=False), self._db.write():
            self.publish()

    def require_space(self, extra: int = 0) -> None:
        """Raise StoreFullError when writing *extra* bytes would leave less than the floor of free disk space."""
        try:
            free = self._files.free_bytes(self._disk)
        except OSError as error:
            raise translate(error, "asking for free disk space") from error
        floor = self._min_free_bytes()
        if floor and free - extra < floor:
            raise StoreFullError(
                f"the disk of the store has {free // 1_000_000} MB left and the floor is {floor // 1_000_000} MB",
                hint="free some space, run `timeslip gc`, or lower the setting `min_free_bytes`",
            )

    # --- publishing, inside a transaction of the database

    @contextmanager
    def publishing(self, *, unpin: bool = True) -> Iterator[None]:
        """Surrounds a transaction: what it published is only forgotten here when the transaction finished.

        Never under a transaction that is open already. The inner block must include the COMMIT. Without *unpin* it
        is none that refers to what this thread has put.
        """
        with self._db.lock:
            self._published = {}
            try:
                yield
                self._committed()
            finally:
                self._published = {}
        if unpin:
            self.pins.drop_own()

    def reference(self, chunks: Iterable[str], refs: int = 1) -> list[int]:
        """Count more references to each of *chunks*, of which none may be there twice, and return their numbers.

        Raises:
            ChunkMissingError: one was never put, or a garbage collection removed it since: put it again.
        """
        digests = list(map(_digest, chunks))
        numbers = self._list(digests, refs)
        for digest in digests:
            if digest not in numbers:
                raise ChunkMissingError(
                    f"chunk {digest.hex()[:8]} is not in the store (not put, or removed since)",
                    hint="put it again and retry",
                )
        return [numbers[digest] for digest in digests]

    @Reading("the list of chunks")
    def _list(self, digests: Sequence[bytes], refs: int) -> dict[bytes, int]:
        """The numbers of chunks that are in the store, pending ones listed now, with so many references more.

        A record of a large buffer lists a thousand chunks of which a run has changed one: they are asked for and
        counted many at a time.
        """
        if not digests:
            return {}
        numbers: dict[bytes, int] = {}
        numbers.update((digest, self._published[digest]) for digest in digests if digest in self._published)
        counted = list(numbers.values())
        rows = self._rows([digest for digest in digests if digest not in numbers])
        for digest in digests:
            if digest in numbers:
                continue
            row, entry = rows.get(digest), self._pending.get(digest)
            if row is None and entry is not None:
                numbers[digest] = self._published[digest] = self._insert(digest, entry, refs)
            elif row is not None and (row[4] != MISSING or entry is not None):
                n = numbers[digest] = int(row[0])
                counted.append(n)
                if entry is not None:
                    if not self._is_there(row):
                        self._revive(n, entry)
                    self._published[digest] = n
        if refs:
            self._db.many("UPDATE chunks SET refs = refs + ? WHERE n = ?", [(refs, n) for n in counted])
        return numbers

    def _rows(self, digests: Sequence[bytes]) -> dict[bytes, Row]:
        """What is listed of chunks, many at a time."""
        found: dict[bytes, Row] = {}
        for first in range(0, len(digests), _AT_ONCE):
            some = digests[first : first + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            rows = self._db.execute(f"SELECT id, {_COLUMNS} FROM chunks WHERE id IN ({marks})", some)
            found.update((bytes(row[0]), row[1:]) for row in rows)
        return found

    def _insert(self, digest: bytes, entry: _Stored, refs: int) -> int:
        n = self._db.insert(
            "INSERT INTO chunks (id, size, stored, codec, place, pack, offset, refs) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (digest, entry.size, entry.stored, entry.codec, entry.place, entry.pack, entry.offset, refs),
        )
        if entry.data is not None:
            self._db.execute("INSERT OR REPLACE INTO chunk_data VALUES (?, ?)", (n, entry.data))
        return n

    def _revive(self, n: int, entry: _Stored) -> None:
        """Give a chunk whose bytes were lost its bytes back: all values that need it are whole again."""
        self._db.execute(
            "UPDATE chunks SET size = ?, stored = ?, codec = ?, place = ?, pack = ?, offset = ? WHERE n = ?",
            (entry.size, entry.stored, entry.codec, entry.place, entry.pack, entry.offset, n),
        )
        if entry.data is not None:
            self._db.execute("INSERT OR REPLACE INTO chunk_data VALUES (?, ?)", (n, entry.data))

    def publish(self) -> None:
        """List every pending chunk, and how far the packs of this process go, in the open transaction."""
        self._list([digest for digest in self._pending if digest not in self._published], 0)
        self._telling = self._packs.states()
        for state in self._telling:
            if state not in self._told:
                self._db.execute(
                    """INSERT INTO packs VALUES (?, ?, ?, 0, ?) ON CONFLICT (id) DO UPDATE SET
                       size = max(size, excluded.size), synced = max(synced, excluded.synced), boot = excluded.boot""",
                    (state.pack, state.size, state.synced, boot_id()),
                )
            row = self._db.one("SELECT sealed FROM packs WHERE id = ?", (state.pack,))
            if row is not None and row[0]:
                self._packs.retire(state.pack)

    def has_news(self) -> bool:
        """Whether `publish` has something to write: pending chunks, or a pack that is safer than recorded."""
        return bool(self._pending) or self._packs.states() != self._told

    def _committed(self) -> None:
        self._told = self._telling
        for digest in self._published:
            entry = self._pending.pop(digest, None)
            if entry is not None and entry.data is not None:
                self._pending_inline -= len(entry.data)
        if not self._appending:
            needed = {entry.pack for entry in self._pending.values()}
            self._packs.release_retired({s.pack for s in self._told if s.synced >= s.size and s.pack not in needed})

    # --- reading

    def get(self, chunk: str) -> bytes:
        """The bytes of *chunk*, verified.

        Raises:
            ChunkMissingError: it is not in the store (any more).
            DamagedStoreError: its bytes do not match its id.
        """
        return self._read(chunk, None)

    def read_into(self, chunk: str, target: memoryview) -> None:
        """Fill *target*, which has exactly the chunk's size, without a copy when the chunk is stored raw.

        *target* holds rubbish when this raises. Errors as `get`; UsageError for a target of another size.
        """
        with memoryview(target) as view, view.cast("B") if view.nbytes else memoryview(b"") as flat:
            self._read(chunk, flat)

    def raw_pieces(self, chunks: Sequence[str], parts: Sequence[tuple[int, int]]) -> list[Piece]:
        """Those pieces of a buffer that lie in packs as they are.

        Args:
            chunks: all of its pieces.
            parts: where each begins and ends in the buffer.
        """
        digests = list(map(_digest, chunks))
        raw = self._raw(list(dict.fromkeys(digests)))
        return [
            Piece(digest, start, stop - start, entry.location)
            for (start, stop), digest in zip(parts, digests, strict=True)
            if (entry := raw.get(digest)) is not None and entry.size == stop - start
        ]

    @Reading("the list of chunks")
    def _raw(self, wanted: list[bytes]) -> dict[bytes, _Stored]:
        """Those chunks of *wanted* digests that lie in packs as they are."""
        found = {digest: _entry(row) for digest, row in self._rows(wanted).items()}
        with self._db.lock:
            found.update((digest, self._pending[digest]) for digest in wanted if digest in self._pending)
        return {digest: entry for digest, entry in found.items() if entry.codec == RAW and entry.place == PACKED}

    def _read(self, chunk: str, target: memoryview | None) -> bytes:
        digest = _digest(chunk)
        entry = self._find(chunk)
        for _ in range(4):
            try:
                return self._load(digest, entry, target)
            except ChunkMissingError:
                again = self._find(chunk)  # gc may have moved it to another pack since we looked
                if (again.place, again.pack, again.offset) == (entry.place, entry.pack, entry.offset):
                    raise
                entry = again
        raise ChunkMissingError(f"chunk {chunk[:8]} keeps moving", hint="try again in a moment")

    def _load(self, digest: bytes, entry: _Stored, target: memoryview | None) -> bytes:
        if target is not None and target.nbytes != entry.size:
            raise UsageError(f"the chunk has {entry.size} bytes and the target {target.nbytes}")
        if target is not None and entry.codec == RAW and entry.place == PACKED:
            self._packs.read_into(entry.location, target)
            _verify(digest, target)
            self.maps.note_verified(entry.location)
            return b""
        data = decompress(entry.codec, self._payload(entry), entry.size)
        _verify(digest, data)
        if entry.codec == RAW and entry.place == PACKED:
            self.maps.note_verified(entry.location)
        if target:  # an empty one is read-only
            target[:] = data
        return data

    def _payload(self, entry: _Stored) -> bytes:
        if entry.data is not None:
            return entry.data
        if entry.place == PACKED:
            buffer = bytearray(entry.stored)
            with memoryview(buffer) as view:
                self._packs.read_into(entry.location, view)
            return bytes(buffer)
        row = self._db.one("SELECT data FROM chunk_data WHERE n = ?", (entry.n,))
        if row is None:
            raise ChunkMissingError("the bytes of a small chunk are not in the database")
        if not isinstance(row[0], bytes):
            raise DamagedStoreError("a small chunk is not made of bytes")
        return row[0]

    @Reading("the list of chunks")
    def _find(self, chunk: str) -> _Stored:
        digest = _digest(chunk)
        with self._db.lock:
            pending = self._pending.get(digest)
            if pending is not None:
                return pending
            row = self._db.one(f"SELECT {_COLUMNS} FROM chunks WHERE id = ?", (digest,))
        if row is None or row[4] == MISSING:
            raise ChunkMissingError(
                f"chunk {chunk[:8]} is not in the store: dropped by retention, or lost",
                hint="the value may come back by replay",
            )
        return _entry(row)

    def has(self, chunk: str) -> bool:
        """Whether *chunk* can be read here (without reading it)."""
        return self._known(_digest(chunk))

    def stored_size(self, chunk: str) -> int:
        """Bytes that *chunk* takes on disk, compression included. Raises ChunkMissingError."""
        return self._find(chunk).stored

    def size(self, chunk: str) -> int:
        """Bytes of *chunk*. Raises ChunkMissingError."""
        return self._find(chunk).size

    def place(self, chunk: str) -> ChunkPlace | None:
        """Where to map *chunk* from; None when it is small, compressed or not yet on disk. Raises ChunkMissingError.

        The file may be unlinked by gc before it is opened: ask again then.
        """
        entry = self._find(chunk)
        if entry.place != PACKED or entry.codec != RAW or not self._db.local:
            return None
        location = entry.location
        return ChunkPlace(self._packs.path(location.pack), location.offset, entry.size)

    def stored_form(self, row: Row) -> tuple[bytes, bytes]:
        """For maintenance: digest and stored bytes of a row ``(id, n, size, …)``, verified. Errors as `get`."""
        digest, entry = bytes(row[0]), _entry(row[1:])
        payload = self._payload(entry)
        _verify(digest, decompress(entry.codec, payload, entry.size))
        return digest, payload

    def close(self) -> None:
        """Drop what is pending and release all pins."""
        self.maps.close()
        self._pending.clear()
        self.pins.close()

    def abandon(self) -> None:
        """In a forked child: leave the parent's pins in place."""
        self.pins.abandon()


def _entry(row: Row) -> _Stored:
    """A row of the chunk table, refused unless its numbers are possible."""
    n, size, stored, codec, place, pack, offset = row
    numbers = (n, size, stored, codec, place) + ((pack, offset) if place == PACKED else ())
    if set(map(type, numbers)) != {int}:
        raise DamagedStoreError("the list of chunks holds something that is not a number")
    bad_size = not (0 <= size <= MAX_CHUNK and 0 <= stored <= size)
    if (
        bad_size
        or codec not in (RAW, ZSTD)
        or place not in (INLINE, PACKED, MISSING)
        or (codec == RAW and stored != size)
    ):
        raise DamagedStoreError("the list of chunks holds an impossible size, codec or place")
    return _Stored(size, stored, codec, place, pack, offset, n=n)


def _digest(chunk: str) -> bytes:
    try:
        digest = bytes.fromhex(chunk)
    except ValueError as error:
        raise ChunkMissingError(f"'{chunk[:16]}' is not the id of a chunk") from error
    if len(digest) != 32:
        raise ChunkMissingError(f"'{chunk[:16]}' is not the id of a chunk")
    return digest


def _check_size(size: int) -> None:
    if size > MAX_CHUNK:
        raise UnstorableError(
            f"a chunk of {size} bytes is larger than the format allows", hint="cut it into smaller chunks"
        )


def _verify(digest: bytes, data: bytes | memoryview) -> None:
    if blake3(data).digest() != digest:
        raise DamagedStoreError(
            f"the stored bytes of chunk {digest.hex()[:8]} do not match its id",
            hint="`timeslip check` lists all damage",
        )
