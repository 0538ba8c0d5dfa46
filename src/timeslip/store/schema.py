"""Tables of the store, and the way from one format version to the next. What a column means: docs/format/v1.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from timeslip.store.database import Database

APPLICATION_ID = 0x54736C70
"""``PRAGMA application_id`` of a store: the letters "Tslp"."""

FORMAT_VERSION = 1
"""``PRAGMA user_version`` that this release reads and writes."""

KINDS: dict[str, int] = {"commit": 1, "manifest": 2, "value": 3, "text": 4}
"""Kinds of records and their numbers in the ``kind`` column."""

LIVE, FORGOTTEN, DROPPED = 0, 1, 2
"""States of a record: whole; tombstone left by `forget`; body whole but chunks given up by retention."""

INLINE, PACKED, MISSING = 0, 1, 2
"""Where a chunk's bytes are: in ``chunk_data``; in a pack; nowhere (lost in a power cut)."""

TABLES = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "CREATE TABLE keys (n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, algorithm TEXT NOT NULL)",
    """CREATE TABLE records (
        n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL, state INTEGER NOT NULL,
        key INTEGER NOT NULL, mac BLOB NOT NULL, salt BLOB, codec INTEGER NOT NULL, size INTEGER NOT NULL, body BLOB,
        chunks BLOB, session INTEGER)""",
    """CREATE TABLE sessions (
        n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, notebook TEXT,
        created REAL NOT NULL, last_used REAL NOT NULL, commits INTEGER NOT NULL)""",
    """CREATE TABLE commits (
        session INTEGER NOT NULL, seq INTEGER NOT NULL, record INTEGER NOT NULL, execution_count INTEGER,
        created REAL NOT NULL, PRIMARY KEY (session, seq)) WITHOUT ROWID""",
    """CREATE INDEX commits_by_execution ON commits (session, execution_count, seq)
        WHERE execution_count IS NOT NULL""",
    "CREATE TABLE edges (parent INTEGER NOT NULL, child INTEGER NOT NULL, PRIMARY KEY (parent, child)) WITHOUT ROWID",
    """CREATE TABLE refs (
        session INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, record INTEGER NOT NULL, time REAL NOT NULL,
        PRIMARY KEY (session, kind, name)) WITHOUT ROWID""",
    """CREATE TABLE heads (
        n INTEGER PRIMARY KEY, session INTEGER NOT NULL, kernel TEXT NOT NULL, record INTEGER, branch TEXT, time REAL,
        UNIQUE (session, kernel))""",
    """CREATE TABLE operations (
        seq INTEGER PRIMARY KEY, session INTEGER NOT NULL, head INTEGER NOT NULL, kind TEXT NOT NULL,
        before INTEGER, after INTEGER, time REAL NOT NULL, details TEXT NOT NULL)""",
    "CREATE INDEX operations_by_session ON operations (session)",
    "CREATE TABLE notes (record INTEGER PRIMARY KEY, text INTEGER NOT NULL)",
    """CREATE TABLE leases (
        session INTEGER NOT NULL, kernel TEXT NOT NULL, holder INTEGER NOT NULL, pid INTEGER NOT NULL, started INTEGER,
        boot TEXT NOT NULL, host TEXT NOT NULL, time REAL NOT NULL, info TEXT NOT NULL,
        PRIMARY KEY (session, kernel)) WITHOUT ROWID""",
    """CREATE TABLE packs (
        id INTEGER PRIMARY KEY, size INTEGER NOT NULL, synced INTEGER NOT NULL, sealed INTEGER NOT NULL,
        boot TEXT NOT NULL)""",
    """CREATE TABLE chunks (
        n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, stored INTEGER NOT NULL,
        codec INTEGER NOT NULL, place INTEGER NOT NULL, pack INTEGER, offset INTEGER, refs INTEGER NOT NULL)""",
    "CREATE INDEX chunks_dead ON chunks (n) WHERE refs = 0",
    "CREATE INDEX chunks_by_pack ON chunks (pack) WHERE pack IS NOT NULL",
    "CREATE TABLE chunk_data (n INTEGER PRIMARY KEY, data BLOB NOT NULL)",
)

ADDED = (
    "ALTER TABLE sessions ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0",
    """CREATE TABLE forks (
        session INTEGER NOT NULL, seq INTEGER NOT NULL, parent INTEGER, depth INTEGER NOT NULL, level INTEGER NOT NULL,
        jump INTEGER NOT NULL, PRIMARY KEY (session, seq)) WITHOUT ROWID""",
    "CREATE INDEX operations_by_head ON operations (head)",
    """CREATE TABLE touches (
        session INTEGER NOT NULL, name INTEGER NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (session, name, seq)) WITHOUT ROWID""",
)
"""What later releases of version 1 add to a store that lacks it, the table ``touches`` last: who does not know it reads
and writes the store as ever (see `paths`)."""

KEPT = "CREATE TABLE IF NOT EXISTS kept (record INTEGER PRIMARY KEY, text INTEGER NOT NULL)"
"""Made when something is kept for the first time: who does not know it reads and writes the store as ever."""

MEMBERS = "CREATE TABLE IF NOT EXISTS members (list INTEGER PRIMARY KEY, id BLOB NOT NULL, packed BLOB NOT NULL)"
"""Made when the first list is counted for what it names. Who does not know it may leave chunks that nothing needs."""

Migration = Callable[["Database"], None]

MIGRATIONS: dict[int, Migration] = {}
"""From version n to n + 1. Each runs inside one exclusive transaction that also moves ``user_version``, so a crash
leaves the old version whole. A migration never needs the MAC key: it may move bytes, never change a record's body."""
