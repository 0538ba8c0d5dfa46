"""The door of the store: one object through which everything is put, read and moved.

A `Repository` is safe from many threads (they take turns) and any number of processes may have one on the same
directory. It belongs to the process that opened it; a forked child gets a clear error from every call and opens its
own. What was published by a finished transaction survives the death of the process at any instant; see `durability`
for power cuts.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timeslip.config import Settings
from timeslip.errors import (
    DamagedStoreError,
    ForgottenError,
    NotFoundError,
    StoreBusyError,
    StoreFullError,
    StoreReadOnlyError,
)
from timeslip.ids import ChunkId, CommitId, RecordId, SessionId
from timeslip.interrupts import uninterrupted
from timeslip.standard import os
from timeslip.store import durability as durable
from timeslip.store.chunks import ChunkPlace, ChunkStore, Look
from timeslip.store.database import FILE_NAME, Database, Durability
from timeslip.store.files import Files, make_directory
from timeslip.store.guard import Reading
from timeslip.store.kept import KeptList, KeptTable
from timeslip.store.keys import KeyRing
from timeslip.store.log import LogTable
from timeslip.store.manifests import ManifestTable, Versions
from timeslip.store.mapping import PackMaps, Part, Piece
from timeslip.store.packs import PACK_LIMIT, PackDirectory
from timeslip.store.paths import PathTable
from timeslip.store.records import COLUMNS, RecordTable
from timeslip.store.rows import Head, Lease, OperationRow, Ref, SessionRow
from timeslip.store.schema import DROPPED, KINDS
from timeslip.store.sessions import SessionTable
from timeslip.store.transaction import Transaction
from timeslip.store.verdicts import VerdictFile

if TYPE_CHECKING:
    from typing_extensions import Buffer

_open: weakref.WeakSet[Repository] = weakref.WeakSet()


def default_store_directory() -> Path:
    """Where the user's store is: ``TIMESLIP_HOME``, else ``store`` in the platform's user-data directory."""
    chosen = os.environ.get("TIMESLIP_HOME")
    if chosen:
        return Path(chosen)
    import platformdirs  # here, because a process that is told the folder does not need it

    return Path(platformdirs.user_data_dir("timeslip", appauthor=False)) / "store"


class Repository:
    """An open store. Make one with `Repository.open`; close it, or use it as a context manager."""

    def __init__(
        self, directory: Path, database: Database, ring: KeyRing, files: Files, min_free_bytes: int, notices: list[str]
    ) -> None:
        self.directory = directory
        self.min_free_bytes = min_free_bytes
        """Writing stops with StoreFullError below this free space on the disk, bytes. May be set at any time."""
        self._database = database
        self._files = files
        self._ring = ring
        self._notices = notices
        row = database.one("SELECT value FROM meta WHERE key = 'store_id'")
        try:
            self._store_id = bytes.fromhex(row[0]) if row else b""
        except (TypeError, ValueError):  # anything but 32 hexadecimal digits is damage
            self._store_id = b""
        if len(self._store_id) != 16:
            raise DamagedStoreError("the store has no identity", hint="restore it from a backup")
        self._packs = PackDirectory(directory / "packs", self._store_id, files, self._adoptable_packs)
        self._chunks = ChunkStore(database, self._packs, files, directory / "pins.lock", lambda: self.min_free_bytes)
        self._records = RecordTable(database, ring)
        self._manifests = ManifestTable(self._manifest_body)
        self._sessions = SessionTable(database)
        self._kept = KeptTable(self)
        self._log = LogTable(database, self._records, self._sessions)
        self.paths = PathTable(database, self._sessions, self._log)
        """Ancestors, and the commits that touched a name, without going through the history."""
        self.verdicts = VerdictFile(directory, read_only=database.read_only)
        """What is known of the classes of libraries. Not part of what is recorded."""
        self._syncer = durable.Syncer(self)
        self._closed = False
        self.moved: Callable[[int], None] | None = None
        """Told after each chunk how many bytes were put or read. It must be quick, and may raise to stop the work."""
        self.published: Callable[[], None] | None = None
        """Told after each transaction that has finished. It must be quick, and never raises."""
        _open.add(self)

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        key_file: Path | None = None,
        durability: Durability = "normal",
        create: bool = True,
        read_only: bool = False,
        min_free_bytes: int | None = None,
        files: Files | None = None,
    ) -> Repository:
        """Open the store in *directory*.

        Args:
            directory: made with mode 0700 when it is missing and *create* is set.
            key_file: the user's signing key; default see `keys.default_key_file`.
            durability: see the module `durability`.
            create: make a store when there is none.
            read_only: change nothing that is recorded, not even locks; works in a folder that cannot be written.
            min_free_bytes: floor of free disk space, bytes; default that of `Settings`.
            files: for fault injection.

        Raises:
            StoreNotFoundError, NewerStoreError, DamagedStoreError, StoreReadOnlyError, StoreFullError, StoreBusyError.
        """
        directory, files = Path(directory), files or Files()
        create = create and not read_only
        if create:
            make_directory(directory)
        database = Database(
            directory / FILE_NAME, read_only=read_only, create=create, durability=durability, files=files
        )
        try:
            ring = KeyRing.load(key_file, create=not read_only)
            floor = Settings().min_free_bytes if min_free_bytes is None else min_free_bytes
            repository = cls(directory, database, ring, files, floor, list(ring.notices))
            repository._after_open()
        except BaseException:  # whatever went wrong, the database must not stay open
            database.close()
            raise
        return repository

    def beside(self) -> Repository:
        """The same store opened a second time, for reading only: a reader there waits for no transaction of this one.

        It sees what finished transactions have written. To be closed by whoever asked for it, before this one.
        """
        self._database.check_process()
        database = Database(self.directory / FILE_NAME, read_only=True, create=False, files=self._files)
        try:
            return Repository(self.directory, database, self._ring, self._files, self.min_free_bytes, [])
        except BaseException:  # whatever went wrong, the database must not stay open
            database.close()
            raise

    def _after_open(self) -> None:
        if not self._database.local:
            self._notices.append(
                f"'{self.directory}' is on a shared disk: slower, one machine at a time (TIMESLIP_HOME moves it)"
            )
        if not self._database.read_only:
            self._notices.extend(durable.recover(self))

    def close(self) -> None:
        """Make everything safe, release all locks and close. Harmless a second time, and in a forked child.

        Raises StoreError when the disk refuses to sync; the repository is closed all the same.
        """
        if self._closed or os.getpid() != self._database._pid:
            return
        self._closed = True
        self._syncer.stop()
        try:
            if not self._database.read_only:
                self._packs.sync()
                self._record_what_is_safe()
        finally:
            self._chunks.close()
            self._packs.close()
            self._database.close()

    def _record_what_is_safe(self) -> None:
        if not self._chunks.has_news():
            return
        try:
            with self._chunks.publishing(), self._database.write():
                self._chunks.publish()
        except (
            StoreFullError,
            StoreBusyError,
        ):  # nothing is lost: the next opening may have to verify more, that is all
            return

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- about the store

    @property
    def store_id(self) -> str:
        """Random name of the store, 32 hexadecimal digits."""
        return self._store_id.hex()

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should be told once, one sentence each: a shared disk, a power cut, an open key file …"""
        failure = self._syncer.failure
        return tuple(self._notices) + ((failure.message,) if failure is not None else ())

    @property
    def read_only(self) -> bool:
        """Whether every changing call raises StoreReadOnlyError."""
        return self._database.read_only

    def size_bytes(self) -> int:
        """What the store takes on disk: database and packs, bytes. Cheap.

        The database's log, which comes and goes (up to some 30 MB), is not counted.
        """
        return self._database.size_bytes() + sum(self._packs.sizes().values())

    @property
    def bytes_written(self) -> int:
        """Bytes that new chunks and records took since the store was opened here, after compression.

        Indexes are left out. Never less than before.
        """
        return self._chunks.written + self._records.written

    @property
    def record_bytes_written(self) -> int:
        """The part of `bytes_written` that records took."""
        return self._records.written

    @property
    def chunk_bytes_here(self) -> int:
        """Bytes that new chunks took, after compression, which the calling thread has put."""
        return self._chunks.written_here

    def sync(self) -> None:
        """Return when every finished transaction would survive a power cut. Raises StoreError."""
        self._database.check_process()
        self._syncer.sync()

    # --- chunks

    def put_chunk(
        self,
        data: Buffer,
        phase: int | None = None,
        look: Look | None = None,
        *,
        stable: bool = False,
        name: bytes | None = None,
    ) -> ChunkId:
        """Store the present bytes of *data*; published by the next transaction. See `ChunkStore.put`."""
        if self.read_only:
            raise StoreReadOnlyError("the store was opened for reading only")
        chunk = self._chunks.put(data, phase, look, stable=stable, name=name)
        if self.moved is not None:
            self.moved(memoryview(data).nbytes)
        return chunk

    def get_chunk(self, chunk: str) -> bytes:
        """The bytes of a chunk, verified. Raises ChunkMissingError, DamagedStoreError."""
        data = self._chunks.get(chunk)
        if self.moved is not None:
            self.moved(len(data))
        return data

    def read_chunk_into(self, chunk: str, target: memoryview) -> None:
        """Fill *target*, of exactly the chunk's size, with verified bytes; it holds rubbish when this raises."""
        self._chunks.read_into(chunk, target)
        if self.moved is not None:
            self.moved(target.nbytes)

    @property
    def maps(self) -> PackMaps:
        """What was mapped from the packs, and is still to be verified."""
        return self._chunks.maps

    def raw_pieces(self, chunks: Sequence[str], parts: Sequence[tuple[int, int]]) -> list[Piece]:
        """Where the pieces of a buffer lie that could be mapped: see `ChunkStore.raw_pieces`."""
        return self._chunks.raw_pieces(chunks, parts)

    def map_over(self, target: memoryview, pieces: Sequence[Piece], about: object, *, alone: bool) -> list[Part]:
        """Map what can be mapped instead of reading it: see `PackMaps.over`."""
        mapped = self.maps.over(target, pieces, about, alone=alone)
        if self.moved is not None and mapped:
            self.moved(sum(stop - start for start, stop, *_ in mapped))
        return mapped

    def has_chunk(self, chunk: str) -> bool:
        """Whether the chunk is here, without reading it."""
        return self._chunks.has(chunk)

    def chunk_stored_size(self, chunk: str) -> int:
        """Bytes the chunk takes on disk. Raises ChunkMissingError."""
        return self._chunks.stored_size(chunk)

    def chunk_size(self, chunk: str) -> int:
        """Bytes of the chunk itself. Raises ChunkMissingError."""
        return self._chunks.size(chunk)

    def chunk_place(self, chunk: str) -> ChunkPlace | None:
        """Where to map a chunk from, or None when it cannot be mapped. Raises ChunkMissingError."""
        return self._chunks.place(chunk)

    # --- writing

    def require_space(self, extra: int = 0) -> None:
        """Raise StoreFullError when writing *extra* bytes would leave less free space than the floor. Cheap."""
        self._chunks.require_space(extra)

    def held_pins(self) -> AbstractContextManager[int]:
        """What this thread puts inside is referred to by some later transaction: see `Pins.held`."""
        return self._chunks.pins.held()

    def unpin(self, hold: int) -> None:
        """That transaction has come, or will not come."""
        self._chunks.pins.let_go(hold)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All or nothing: see `Transaction`. Publishes every chunk put so far. An interrupt waits for its end.

        Raises:
            StoreFullError: less free space than the floor, or the disk is full; nothing was written.
            StoreBusyError, StoreReadOnlyError: nothing was written.
        """
        if self.read_only:
            raise StoreReadOnlyError("the store was opened for reading only")
        self._chunks.require_space()
        if self._database.durability == "full":
            self._packs.sync()
        with uninterrupted():
            try:
                with self._chunks.publishing(), self._database.write():
                    transaction = Transaction(self)
                    try:
                        yield transaction
                        self._files.step("publish")
                        self._chunks.publish()
                        if self._database.durability == "full":
                            self._packs.sync()
                    finally:
                        transaction._finish()
            except BaseException:
                # What was remembered of manifests may hold what is in no store, even that of the ones before.
                self._manifests.drop_cache()
                raise
            if self._database.durability == "normal":
                self._syncer.committed()
            if self.published is not None:
                self.published()

    def _raw_transaction(self) -> Transaction:
        """For maintenance: the methods of a transaction, inside a transaction of the database that is open already."""
        return Transaction(self)

    # --- records

    def record(self, kind: str, record: str, *, trusted: bool | None = None, dropped: bool = False) -> dict[str, Any]:
        """The body of a record, its MAC checked before it is returned.

        Args:
            kind: "commit", "manifest", "value" or "text".
            record: its id.
            trusted: whether a record of a foreign key is refused; default: values are, history is not. Give True for
                code that will be run.
            dropped: whether the body of a value whose chunks were dropped by retention is returned.

        Raises:
            NotFoundError, DamagedStoreError, UntrustedStoreError, ForgottenError.
        """
        row = self._records.row(record)
        if row is None or kind not in KINDS:
            raise NotFoundError(f"the store holds no {kind} {record[:8]}", hint="it may have been removed meanwhile")
        return self._records.open(row, kind, trusted=kind == "value" if trusted is None else trusted, dropped=dropped)

    @Reading("a record")
    def manifest(self, manifest: str) -> dict[str, RecordId]:
        """Node key -> value record, whole. The caller may change the answer."""
        self._database.check_process()
        return self._manifests.resolve(manifest)

    def versions(self, keys: Iterable[str]) -> Versions:
        """For looking up a few *keys* in many manifests without putting each together."""
        return Versions(self._manifest_body, keys)

    def _manifest_body(self, manifest: str) -> dict[str, Any]:
        return self.record("manifest", manifest)

    @Reading("a record")
    def dropped_values(self, manifest: str) -> set[RecordId]:
        """The values of *manifest* that were forgotten or dropped by retention: they cannot be loaded."""
        rows = self._database.execute("SELECT id FROM records WHERE state != 0")
        gone = {RecordId(row[0].hex()) for row in rows if isinstance(row[0], bytes)}
        return gone.intersection(self._manifests.resolve(manifest).values()) if gone else set()

    def _forgotten(self, kind: str, record: str, state: int) -> ForgottenError:
        how = "dropped to keep the store within its size limit" if state == DROPPED else "removed with `forget`"
        return ForgottenError(f"{kind} {record[:8]} was {how}", hint="record the value again")

    # --- history

    def commit(self, commit: str) -> dict[str, Any]:
        """The body of a commit. Raises CommitNotFoundError, DamagedStoreError."""
        return self._log.commit(commit)

    def commit_children(self, commit: str) -> list[CommitId]:
        """Commits whose parent is *commit*, oldest first."""
        return self._log.children(commit)

    def resolve_prefix(self, session: str, prefix: str) -> list[CommitId]:
        """Commits of *session* whose id begins with *prefix* (hexadecimal digits)."""
        return self._log.resolve_prefix(session, prefix)

    def commits(
        self, session: str, *, limit: int | None = None, before_seq: int | None = None
    ) -> list[tuple[CommitId, dict[str, Any]]]:
        """Commits of *session* with their bodies, newest first; *before_seq* continues after a page."""
        return self._log.commits(session, limit=limit, before_seq=before_seq)

    def every_commit(self, session: str, *, oldest_first: bool = False) -> Iterator[tuple[CommitId, dict[str, Any]]]:
        """All commits of *session* with bodies, newest first unless *oldest_first*, read as they are asked for."""
        return self._log.every_commit(session, oldest_first=oldest_first)

    def numbered_commit(self, session: str, seq: int) -> tuple[CommitId, dict[str, Any]]:
        """The commit number *seq* of *session*, and its body. Raises CommitNotFoundError."""
        return self._log.numbered(session, seq)

    def commits_with_execution_count(self, session: str, count: int) -> list[CommitId]:
        """Commits made by the cell run ``In[count]``, newest first."""
        return self._log.with_execution_count(session, count)

    def written_with(self, records: Iterable[str]) -> tuple[CommitId, dict[str, Any]] | None:
        """The commit that was written in the transaction of the newest of *records*, as far as the numbers tell."""
        return self._log.written_with(records)

    def coded(self, session: str, text: str, newest: int) -> Iterator[int]:
        """The numbers of the commits of *session*, *newest* first, whose code contains *text*, in lower case."""
        return self._log.coded(session, text, newest)

    def maker(self, session: str, commit: str) -> str | None:
        """The kernel that made a commit, as far as the operation log says."""
        return self._log.maker(session, commit)

    def last_made(self, session: str, kernel: str) -> CommitId | None:
        """The newest commit that a kernel made; None before its first."""
        return self._log.last_made(session, kernel)

    def refs(self, session: str, commit: str | None = None) -> list[Ref]:
        """Branches and tags, or those of one commit, sorted by kind and name."""
        return self._log.refs(session, commit)

    def ref_names(self, session: str) -> list[str]:
        """The names of all branches and tags."""
        return self._log.ref_names(session)

    def ref(self, session: str, kind: str, name: str) -> CommitId | None:
        """What the branch or tag *name* points at; None when there is none."""
        return self._log.ref(session, kind, name)

    def head(self, session: str, kernel: str | None = None) -> Head | None:
        """Where *kernel* is, or, without one, the kernel that moved last."""
        return self._log.head(session, kernel)

    def heads(self, session: str, *, whole: bool = False) -> list[Head]:
        """Where each kernel is, the newest move first; *whole* leaves out what is damaged."""
        return self._log.heads(session, whole=whole)

    def operations(self, session: str, *, kernel: str | None = None, limit: int | None = None) -> list[OperationRow]:
        """The operation log, newest first."""
        return self._log.operations(session, kernel=kernel, limit=limit)

    def first_operation(self, session: str, kernel: str) -> float | None:
        """When *kernel* began to work on *session*, Unix time, seconds."""
        return self._log.first_operation(session, kernel)

    def note(self, session: str, commit: str) -> str | None:
        """The note of a commit, or None. Raises ForgottenError."""
        return self._log.note(session, commit)

    def note_record(self, session: str, commit: str) -> RecordId | None:
        """The text record of a commit's note, or None."""
        return self._log.note_record(session, commit)

    def kept_cells(self, session: str, commit: str) -> KeptList | None:
        """The cells of the notebook that are kept with a commit, or None.

        Raises UntrustedStoreError, DamagedStoreError.
        """
        return self._kept.of(session, commit)

    def commits_with_cells(self, session: str, among: Collection[str] | None = None) -> set[CommitId]:
        """The commits, or those of *among*, with which cells of the notebook are kept."""
        return self._kept.commits(session) if among is None else self._kept.among(session, among)

    def noted(self, session: str) -> list[tuple[CommitId, str]]:
        """Which commits have a note, and the id of its text."""
        return self._log.noted(session)

    # --- sessions

    def create_session(self, name: str, notebook: str | None = None) -> SessionId:
        """A new session. A name that is taken gets the first free of ``-2``, ``-3`` …: read it back if it matters."""
        return self._sessions.create(name, notebook)

    def sessions(self) -> list[SessionRow]:
        """All sessions, the last used first."""
        return self._sessions.all()

    def find_session(self, text: str, but: str | None = None) -> SessionId:
        """By id, name, notebook path, or a unique part; *but*: the id of one of which no part is enough.

        Raises:
            SessionNotFoundError, AmbiguousReferenceError.
        """
        return self._sessions.find(text, but)

    def rename_session(self, session: str, name: str) -> None:
        """Raises NameTakenError, SessionNotFoundError."""
        self._sessions.rename(session, name)

    def move_session(self, session: str, notebook: str | None) -> None:
        """Tie the session to another notebook path, or to none."""
        self._sessions.move(session, notebook)

    def remove_session(self, session: str) -> None:
        """Remove a session with its history; gc gives the space back. Raises StoreBusyError (a live kernel uses it)."""
        self._sessions.remove(session)

    def acquire_lease(self, session: str, kernel: str, info: Mapping[str, Any]) -> bool:
        """Note that *kernel* uses *session*; True when it is now the one that holds it.

        False: another live kernel does, and *kernel* is listed beside it. May be asked again at any time. Raises
        StoreBusyError (another machine, on a shared disk).
        """
        return self._sessions.acquire(session, kernel, info, shared_disk=not self._database.local)

    def release_lease(self, session: str, kernel: str) -> None:
        """Give the lease up. Harmless when there is none."""
        self._sessions.release(session, kernel)

    def leases(self, session: str | None = None) -> list[Lease]:
        """Leases of a session, or of all; the holder first. `Lease.alive` tells whether the kernel still runs."""
        return self._sessions.leases(session)

    # --- trust

    @property
    def trusted(self) -> bool:
        """Whether every key that signed something in this store is trusted."""
        return not self._records.foreign_keys()

    @Reading("a record")
    def trust(self) -> int:
        """Sign everything that is in the store now with the user's own key, so that its values may be loaded.

        What somebody adds with a foreign key later is refused again. Returns how many records were signed. A record
        whose bytes do not fit its id is left as it is.
        """
        own = self._ring.own
        signed, last = 0, 0
        while True:
            with self._database.write():
                mine = self._records.own_key()
                rows = self._database.execute(
                    f"SELECT {COLUMNS} FROM records WHERE n > ? ORDER BY n LIMIT 2000", (last,)
                )
                foreign = [row for row in rows if row[4] != mine and not self._accepted(row[4])]
                signed += sum(self._records.sign_again(row) for row in foreign)
            if not rows:
                break
            last = int(rows[-1][0])
        with self._database.write():
            self._database.execute(
                "DELETE FROM keys WHERE id != ? AND n NOT IN (SELECT key FROM records)", (own.id if own else b"",)
            )
        return signed

    def _accepted(self, key: object) -> bool:
        if not isinstance(key, int):
            return False
        row = self._database.one("SELECT id FROM keys WHERE n = ?", (key,))
        return row is not None and isinstance(row[0], bytes) and self._ring.find(row[0]) is not None

    # --- helpers

    @Reading("a record")
    def _adoptable_packs(self) -> list[int]:
        rows = self._database.execute(
            "SELECT id FROM packs WHERE sealed = 0 AND size < ? ORDER BY size DESC LIMIT 8", (PACK_LIMIT,)
        )
        return [int(row[0]) for row in rows]

    def _abandon(self) -> None:
        self._database.abandon()
        self._chunks.abandon()
        self._packs.abandon()
        self._syncer.abandon()


def _abandon_all() -> None:
    """In a forked child: let go of inherited locks and descriptors without disturbing the parent."""
    for repository in list(_open):
        repository._abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)
