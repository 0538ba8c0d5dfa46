"""The only user of sqlite3: one connection, its lock, its transactions, and its errors told in our words.

A `Database` is safe from many threads (one lock, `Database.lock`) and many processes (SQLite's own locks). It belongs
to the process that opened it: in a forked child every call raises, and the inherited connection is neither used nor
closed there, because closing it could remove files that the parent still needs.

Never open ``timeslip.db`` by any other means in this process: closing such a descriptor would drop SQLite's locks.
Several connections of one process are fine: SQLite knows of each other's locks. One that only reads (`read_only`) never
waits for the transaction of another one where the journal is a write-ahead log.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
import urllib.parse
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from timeslip.errors import (
    DamagedStoreError,
    InternalError,
    NewerStoreError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreNotFoundError,
    StoreReadOnlyError,
)
from timeslip.interrupts import uninterrupted
from timeslip.standard import open_file, os
from timeslip.store import schema
from timeslip.store.files import Files
from timeslip.store.host import is_local

Row = tuple[Any, ...]
Durability = Literal["normal", "full"]

_MAGIC = b"SQLite format 3\0"
"""How every database of SQLite begins."""

_FAILURES = (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeDecodeError)
"""What sqlite3 raises; the last when the damage is in a text that it wants to quote."""

FILE_NAME = "timeslip.db"
_open_database = sqlite3.connect
"""As it was when Timeslip was imported, see `timeslip.standard`."""

BUSY_SECONDS = 10.0
"""How long a call waits for another process's transaction before it gives up, seconds."""

_PAGE_BYTES = 1024
"""Of a new database. A commit changes a few bytes on a dozen pages, and each goes into the log as a whole; and of some
twenty tables and indexes, each takes a page in the smallest store. Larger ones would make neither faster."""

_AUTOCHECKPOINT_PAGES = 8192
"""Checkpoints are made by the background sync; this one inside a commit only bounds the log when that cannot run."""

_open: weakref.WeakSet[Database] = weakref.WeakSet()
_leaked: list[sqlite3.Connection] = []


class Database:
    """One open connection to the database file of a store.

    Args:
        path: the database file.
        read_only: never write, not even to make the schema.
        create: make the file and its tables when there are none.
        durability: "normal" leaves a committed transaction to the next sync, "full" syncs in every commit.
        files: where the names of the steps are told, for fault injection.

    Raises:
        StoreNotFoundError, NewerStoreError, DamagedStoreError, StoreReadOnlyError, StoreFullError, StoreBusyError.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        create: bool = True,
        durability: Durability = "normal",
        files: Files | None = None,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self.path = path
        self.read_only = read_only
        self.durability = durability
        self.local = is_local(path.parent)
        self.lock = threading.RLock()
        self._files = files or Files()
        self._busy_seconds = busy_seconds
        self._pid = os.getpid()
        self._page_bytes = 0
        self._writing = 0
        """The thread that is in a transaction: there, statements do not ask each time which process this is."""
        self._connection: sqlite3.Connection | None = None
        if not os.path.exists(path) and (read_only or not create):
            raise StoreNotFoundError(
                f"there is no store in '{path.parent}'", hint="`timeslip sessions` shows where it looks"
            )
        self._check_header()
        try:
            self._connection = self._connect()
            self._prepare()
        except BaseException:  # whatever went wrong, the file must not stay open
            self.close()
            raise
        _open.add(self)

    def _check_header(self) -> None:
        """Refuse a file that is no database before SQLite opens it: with a log beside it, it would write to it.

        Not looked at where this process has the file open already: closing it here would drop SQLite's locks on it, and
        another process, the last one as far as it can tell, would then remove the log.
        """
        if any(other.uses(self.path) for other in list(_open)):
            return
        try:
            with open_file(self.path, "rb") as file:
                start = file.read(len(_MAGIC))
        except OSError:  # missing, or not to be read: opening it says what is wrong
            return
        if start and start != _MAGIC:
            raise _damaged(self.path, "file is not a database")

    def uses(self, path: Path) -> bool:
        """Whether this is an open connection of this process to the file *path*."""
        if self._connection is None or self._pid != os.getpid():
            return False
        try:
            return bool(os.path.samefile(self.path, path))
        except OSError:  # one of them is gone: then they are not the same
            return False

    # --- statements

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Run one statement and return all its rows."""
        if self._writing != threading.get_ident():
            self.check_process()
        with self.lock:
            try:
                return self._live().execute(sql, parameters).fetchall()
            except _FAILURES as error:
                raise self._translate(error) from error

    def one(self, sql: str, parameters: Sequence[object] = ()) -> Row | None:
        """Run one statement and return its first row, or None."""
        if self._writing != threading.get_ident():
            self.check_process()
        with self.lock:
            try:
                row: Row | None = self._live().execute(sql, parameters).fetchone()
                return row
            except _FAILURES as error:
                raise self._translate(error) from error

    def insert(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run one INSERT and return the row number it gave."""
        if self._writing != threading.get_ident():
            self.check_process()
        with self.lock:
            try:
                return self._live().execute(sql, parameters).lastrowid or 0
            except _FAILURES as error:
                raise self._translate(error) from error

    def many(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        """Run one statement for each of *rows*; returns how many rows of the database it changed."""
        if self._writing != threading.get_ident():
            self.check_process()
        with self.lock:
            try:
                return self._live().executemany(sql, rows).rowcount
            except _FAILURES as error:
                raise self._translate(error) from error

    @contextmanager
    def write(self) -> Iterator[None]:
        """One transaction, all or nothing: ``BEGIN IMMEDIATE``, then COMMIT, or ROLLBACK after any exception.

        Holds `lock` throughout, so other threads of this process wait. Not reentrant. An interrupt waits for its end.

        Raises:
            StoreBusyError: another process kept the write lock for `BUSY_SECONDS`.
            StoreFullError, StoreReadOnlyError: nothing was written.
        """
        self.check_process()
        with self.lock, uninterrupted():  # nobody could tell an interrupt just before COMMIT from one just after it
            connection = self._live()
            if self.in_transaction():
                raise InternalError("a transaction was begun inside another one")
            if self.read_only:
                raise StoreReadOnlyError("the store was opened for reading only")
            self._files.step("begin")
            try:
                self._writing = threading.get_ident()
                self.execute("BEGIN IMMEDIATE")
                yield
                self._files.step("commit")
                self.execute("COMMIT")
                self._files.step("committed")
            except BaseException:  # whatever came, no transaction may stay open
                if self.in_transaction():
                    connection.rollback()
                raise
            finally:
                self._writing = 0

    def in_transaction(self) -> bool:
        """Whether a transaction of this connection is open."""
        return self._connection is not None and self._connection.in_transaction

    # --- the whole file

    def size_bytes(self) -> int:
        """Size of the database file, bytes, without its log."""
        pages = self.one("PRAGMA page_count")
        if not self._page_bytes:  # no database with a log ever changes it
            self._page_bytes = self._number("page_size")
        return int((pages or (0,))[0]) * self._page_bytes

    def shrink(self) -> None:
        """Give the free pages of the file back to the file system, and empty the log. Needs no transaction."""
        self.execute("PRAGMA incremental_vacuum")
        self.checkpoint(truncate=True)

    def checkpoint(self, *, truncate: bool = False) -> bool:
        """Move the log into the database file and sync both; False when readers kept a part of it back."""
        row = self.one(f"PRAGMA wal_checkpoint({'TRUNCATE' if truncate else 'PASSIVE'})")
        return row is not None and row[0] == 0 and row[1] == row[2]

    def checkpoint_beside(self) -> None:
        """As `checkpoint`, on a connection of its own: other threads go on using this one meanwhile."""
        self.check_process()
        try:
            connection = self._raw_connect(self.path, uri=False)
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def log_path(self) -> Path:
        """The write-ahead log, which exists only between the first write and the last close."""
        return self.path.with_name(self.path.name + "-wal")

    def log_is_empty(self) -> bool:
        """Whether nothing is left in the log, as after a checkpoint that emptied it."""
        log = self.log_path()
        return not os.path.exists(log) or os.stat(log).st_size == 0

    def integrity_problems(self) -> list[str]:
        """What SQLite itself finds wrong with the file; empty when it is sound."""
        rows = self.execute("PRAGMA integrity_check(20)")
        return [str(row[0]) for row in rows if row[0] != "ok"]

    def close(self) -> None:
        """Close the connection. Harmless a second time, and in a forked child (where it does nothing)."""
        if self._connection is None or os.getpid() != self._pid:
            return
        with self.lock:
            connection, self._connection = self._connection, None
            try:
                connection.close()
            except sqlite3.Error as error:
                raise self._translate(error) from error

    def abandon(self) -> None:
        """In a forked child: whatever is under way is under way in the parent."""
        self._writing = 0

    def check_process(self) -> None:
        """Raise unless this is the process that opened the store."""
        if os.getpid() != self._pid:
            raise StoreError(
                f"this store was opened by process {self._pid}; a forked child cannot use it",
                hint="open the store again in the child",
            )

    # --- opening

    def _connect(self) -> sqlite3.Connection:
        try:
            if not self.read_only:
                return self._raw_connect(self.path, uri=False)
            return self._connect_read_only()
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def _raw_connect(self, target: Path | str, *, uri: bool) -> sqlite3.Connection:
        connection = _open_database(
            target,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
            uri=uri,
        )
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
        except BaseException:  # whatever went wrong, the file must not stay open
            connection.close()
            raise
        return connection

    def _connect_read_only(self) -> sqlite3.Connection:
        url = "file:" + urllib.parse.quote(str(self.path))
        connection = self._raw_connect(url + "?mode=ro", uri=True)
        try:
            connection.execute("PRAGMA user_version")
            connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.OperationalError as error:
            connection.close()
            log = self.log_path()
            if os.path.exists(log) and os.stat(log).st_size:
                raise StoreReadOnlyError(
                    f"'{self.path.parent}' cannot be written and its last writer did not close it",
                    hint="copy the folder to a place that you can write, and open the copy",
                ) from error
            # Without a log nothing can change under a reader of a folder that cannot be written.
            connection = self._raw_connect(url + "?mode=ro&immutable=1", uri=True)
        except BaseException:  # as above
            connection.close()
            raise
        return connection

    def _prepare(self) -> None:
        version, application = self._number("user_version"), self._number("application_id")
        if not (version and application):
            if not self.read_only and not self._has_tables():
                self._create()
            # again, in any case: another process may have made the store between two of these questions
            version, application = self._number("user_version"), self._number("application_id")
        if application != schema.APPLICATION_ID:
            raise DamagedStoreError(f"'{self.path}' is not a store of Timeslip", hint="choose another store folder")
        self._check_version(version)
        if not self.read_only:
            self._set_journal()
            self._migrate()
            self._add_what_is_new()

    def _has_tables(self) -> bool:
        return bool(self.execute("SELECT 1 FROM sqlite_master LIMIT 1"))

    def _number(self, pragma: str) -> int:
        row = self.one(f"PRAGMA {pragma}")
        return int(row[0]) if row else 0

    def _check_version(self, version: int) -> None:
        if version > schema.FORMAT_VERSION:
            raise NewerStoreError(
                f"the store has format {version}; this release reads formats up to {schema.FORMAT_VERSION}",
                hint="update Timeslip, or choose another store folder",
            )
        if version < schema.FORMAT_VERSION and self.read_only:
            raise StoreReadOnlyError(
                f"the store has the older format {version} and must be migrated before it can be read",
                hint="open it once where it can be written",
            )

    def _create(self) -> None:
        self.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # this and the next are only possible before the first table
        self.execute("PRAGMA auto_vacuum = INCREMENTAL")
        with self.write():
            if self._has_tables():  # another process was first
                return
            for statement in (*schema.TABLES, *schema.ADDED):
                self.execute(statement)
            self.execute("INSERT INTO meta VALUES ('store_id', ?)", (os.urandom(16).hex(),))
            self.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            self.execute(f"PRAGMA user_version = {schema.FORMAT_VERSION}")
        os.chmod(self.path, 0o600)

    def _set_journal(self) -> None:
        mode = "WAL" if self.local else "DELETE"
        self.execute(f"PRAGMA journal_mode = {mode}")
        full = self.durability == "full" or not self.local
        self.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
        self.execute("PRAGMA secure_delete = ON")  # `forget` must not leave copies in freed pages
        self.execute(f"PRAGMA wal_autocheckpoint = {_AUTOCHECKPOINT_PAGES}")
        self.execute("PRAGMA journal_size_limit = 33554432")

    def _migrate(self) -> None:
        while self._number("user_version") < schema.FORMAT_VERSION:
            with self.write():
                version = self._number("user_version")
                if version >= schema.FORMAT_VERSION:  # another process migrated meanwhile
                    return
                step = schema.MIGRATIONS.get(version)
                if step is None:
                    raise DamagedStoreError(f"the store claims format {version}, which never existed")
                step(self)
                self.execute(f"PRAGMA user_version = {version + 1}")

    def _add_what_is_new(self) -> None:
        """Give a store of an earlier release of this format the tables that came since; it reads it all the same."""
        wanted = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'touches'"
        if self.one(wanted) is not None:
            return
        with self.write():
            if self.one(wanted) is None:  # another process was first
                for statement in schema.ADDED:
                    self.execute(statement)

    # --- errors

    def _live(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError("the store was closed", hint="open it again")
        return self._connection

    def _translate(self, error: Exception) -> StoreError | InternalError:
        text = str(error)
        if isinstance(error, UnicodeDecodeError):
            return _damaged(self.path, "its text is not text")
        if isinstance(error, OverflowError):
            return DamagedStoreError(f"a number in the store is out of range ({text})")
        for fragment, make in _MEANING.items():
            if fragment in text:
                return make(self.path, text)
        if isinstance(error, (sqlite3.DatabaseError, sqlite3.InterfaceError)) and not isinstance(
            error, sqlite3.ProgrammingError
        ):
            return _other(self.path, text, error)
        return InternalError(f"a statement of the store is wrong ({text})", hint="please report this")


def _full(path: Path, text: str) -> StoreError:
    return StoreFullError(f"the disk of the store is full ({text})", hint="free some space, then `timeslip gc`")


def _read_only(path: Path, text: str) -> StoreError:
    return StoreReadOnlyError(f"the store in '{path.parent}' cannot be written ({text})")


def _busy(path: Path, text: str) -> StoreError:
    return StoreBusyError("another process is writing to the store and does not finish", hint="try again in a moment")


def _damaged(path: Path, text: str) -> StoreError:
    return DamagedStoreError(
        f"the database of the store is damaged ({text})", hint="`timeslip check` says what can be read"
    )


def _closed(path: Path, text: str) -> StoreError:
    return StoreError("the store was closed", hint="open it again")


def _cannot_open(path: Path, text: str) -> StoreError:
    if os.path.exists(path.parent) and not os.access(path.parent, os.W_OK):
        return _read_only(path, text)
    return StoreError(f"'{path}' cannot be opened ({text})", hint="is the folder there, and is it yours?")


def _input_output(path: Path, text: str) -> StoreError:
    try:
        if Files().free_bytes(path.parent) < 1 << 20:
            return _full(path, text)
    except OSError:  # the disk cannot even be asked: then the message of SQLite is all there is to say
        pass
    return StoreError(
        f"the disk of the store does not work ({text})", hint=f"is '{path}' a file, and is its disk in order?"
    )


_MEANING = {
    "is full": _full,
    "readonly database": _read_only,
    "is locked": _busy,
    "locking protocol": _busy,
    "malformed": _damaged,
    "not a database": _damaged,
    "no such table": _damaged,
    "no such column": _damaged,
    "has no column": _damaged,
    "values were supplied": _damaged,
    "decode": _damaged,
    "constraint failed": _damaged,
    "datatype mismatch": _damaged,
    "cannot modify": _damaged,
    "cannot UPSERT a view": _damaged,
    "ON CONFLICT clause does not match": _damaged,
    "too big": _damaged,
    "closed database": _closed,
    "unable to open": _cannot_open,
    "disk I/O error": _input_output,
}
"""How the messages of SQLite are read: Python 3.10 gives no error codes, and these texts have long been the same."""


def _other(path: Path, text: str, error: Exception) -> StoreError:
    return StoreError(f"the database of the store refused ({type(error).__name__}: {text})")


def sqlite_version() -> Mapping[str, str]:
    """Versions for bug reports."""
    return {"sqlite": sqlite3.sqlite_version, "python": sys.version.split()[0]}


def _leave_connections_alone() -> None:
    """In a forked child: keep inherited connections from ever being closed by the garbage collector."""
    import ctypes

    for database in list(_open):
        connection = database._connection
        if connection is not None:
            _leaked.append(connection)
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_connections_alone)
