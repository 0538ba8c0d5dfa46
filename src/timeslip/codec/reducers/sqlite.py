"""sqlite3 connections: in-memory databases by content, files by path."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import xxhash

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass


def _library() -> Any:
    return sys.modules["sqlite3"]


def _connection(state: Pass, connection: Any) -> Any:
    try:
        rows = _rows(connection, "PRAGMA database_list")
    except _library().ProgrammingError as error:
        if "closed" in str(error).lower():
            return state.resource(connection, "a closed connection", "closed", closed, ())
        return state.hole(connection, f"this connection cannot be read: {error}")
    path = next((row[2] for row in rows if row[1] == "main"), "")
    options = (connection.isolation_level, connection.row_factory, connection.text_factory)
    token = f"{connection.total_changes},{connection.in_transaction},{_settings(connection)}"
    if path:
        return state.resource(connection, "a new connection to the same file", token, connect, (path, *options))
    content = _content(connection)
    token += xxhash.xxh3_128_hexdigest(content if isinstance(content, bytes) else content.encode())
    if connection.in_transaction:  # as nearly always: inserting a row opens one
        reason = "an in-memory database, by content; what its open transaction changed cannot be rolled back"
        return state.resource(connection, reason, token, in_transaction, (content, *options))
    return state.resource(connection, "an in-memory database, by content", token, in_memory, (content, *options))


def _content(connection: Any) -> Any:
    """The database in memory: an image, or SQL text before Python 3.11; empty while there is nothing in it."""
    if not _rows(connection, "SELECT 1 FROM sqlite_master LIMIT 1"):
        return b""
    return connection.serialize() if hasattr(connection, "serialize") else "\n".join(connection.iterdump())


def _rows(connection: Any, query: str) -> list[Any]:
    """What a query gives, whatever the user has asked rows to be made of."""
    cursor = _library().Connection.cursor(connection)
    cursor.row_factory = None
    return list(cursor.execute(query).fetchall())


def _settings(connection: Any) -> str:
    """What belongs to a connection and is no content: options, further databases, functions of the user's."""
    told: list[Any] = [connection.isolation_level, id(connection.row_factory), id(connection.text_factory)]
    for pragma in _PRAGMAS:
        try:
            told += _rows(connection, pragma)
        except _library().Error:  # a release of SQLite that does not know it
            told.append(None)
    return xxhash.xxh3_64_hexdigest(repr(told).encode())


_PRAGMAS = (
    "PRAGMA schema_version",
    "PRAGMA temp.schema_version",
    "PRAGMA foreign_keys",
    "PRAGMA database_list",
    "SELECT name, narg FROM pragma_function_list WHERE NOT builtin",
)


def _set_options(connection: Any, isolation: Any, row_factory: Any, text_factory: Any) -> Any:
    connection.isolation_level = isolation
    connection.row_factory = row_factory
    connection.text_factory = text_factory
    return connection


def connect(path: str, isolation: Any, row_factory: Any, text_factory: Any) -> Any:
    """A connection to the database file at *path*, which must exist."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"the database {path} is gone")
    return _set_options(_library().connect(path), isolation, row_factory, text_factory)


def in_memory(content: Any, isolation: Any, row_factory: Any, text_factory: Any) -> Any:
    """An in-memory database with that content (an image, or SQL text before Python 3.11)."""
    connection = _library().connect(":memory:")
    if isinstance(content, bytes):
        if content:
            connection.deserialize(content)
    else:
        connection.executescript(content)
    return _set_options(connection, isolation, row_factory, text_factory)


def in_transaction(content: Any, isolation: Any, row_factory: Any, text_factory: Any) -> Any:
    """The same, with a transaction open."""
    connection = in_memory(content, isolation, row_factory, text_factory)
    connection.execute("BEGIN")
    return connection


def closed() -> Any:
    """A closed connection."""
    connection = _library().connect(":memory:")
    connection.close()
    return connection


def _row(state: Pass, row: Any) -> Any:
    return make_row, (row.keys(), tuple(row))


def make_row(names: list[str], values: tuple[Any, ...]) -> Any:
    """A row with columns of these names; it keeps nothing of the connection."""
    columns = ", ".join(f'NULL AS "{name.replace(chr(34), chr(34) * 2)}"' for name in names)
    connection = _library().connect(":memory:")
    try:
        return _library().Row(connection.execute(f"SELECT {columns}"), values)
    finally:
        connection.close()


def find(kind: type) -> Any:
    """The reducer for connections and cursors, or None."""
    library = sys.modules.get("sqlite3")
    if library is None:
        return None
    if issubclass(kind, library.Connection):
        return _connection
    if kind is library.Row:
        return _row
    if issubclass(kind, library.Cursor):
        return lambda state, cursor: state.hole(cursor, "a database cursor cannot be stored")
    return None
