"""sqlite3 connections: in-memory databases by content, files by path; with temporary tables and options.

A database that was attached comes back if it is in memory. Functions, collations and files that were attached are not
asked what they consist of: they are named.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import xxhash

from timeslip.standard import os

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _library() -> Any:
    return sys.modules["sqlite3"]


def _connection(state: Pass, connection: Any) -> Any:
    try:
        files = _files(connection)
    except _library().ProgrammingError as error:
        if "closed" in str(error).lower():
            return state.resource(connection, "a closed connection", "closed", closed, ())
        return state.hole(connection, f"this connection cannot be read: {error}")
    path = files.get("main", "")
    options = (connection.isolation_level, connection.row_factory, connection.text_factory)
    token = f"{connection.total_changes},{connection.in_transaction},{_settings(connection)}"
    own, without = _own(connection, files)
    told = {key: value for key, value in own.items() if key != "attached"}
    token += xxhash.xxh3_128_hexdigest(repr((told, without)).encode("utf-8", "backslashreplace"))
    token += "".join(name + _digest(content) for name, content in own.get("attached", {}).items())
    state.keep += (own, *own.values(), options)
    if path:
        reason = "a new connection to the same file" + without
        return state.resource(connection, reason, token, connect, (path, *options, own))
    content = _content(connection)
    token += _digest(content)
    if connection.in_transaction:  # as nearly always: inserting a row opens one
        reason = "an in-memory database, by content; what its open transaction changed cannot be rolled back" + without
        return state.resource(connection, reason, token, in_transaction, (content, *options, own))
    reason = "an in-memory database, by content" + without
    return state.resource(connection, reason, token, in_memory, (content, *options, own))


def _files(connection: Any) -> dict[str, str]:
    """Name -> path of the databases of a connection, the path empty for one in memory.

    One that was made from an image has a path without a folder, or one that leads nowhere (the memdb of SQLite).
    """
    found = {}
    for _, name, path in _rows(connection, "PRAGMA database_list"):
        there = os.path.isabs(path or "") and (os.path.exists(path) or not _keeps_no_journal(connection, name))
        found[str(name)] = str(path) if there else ""
    return found


def _keeps_no_journal(connection: Any, name: str) -> bool:
    """Whether a database writes down nowhere what it changes, as none in memory does."""
    return any(row[0] in ("memory", "off") for row in _asked(connection, f"PRAGMA {_quoted(name)}.journal_mode"))


def _digest(content: bytes | str) -> str:
    return xxhash.xxh3_128_hexdigest(content if isinstance(content, bytes) else content.encode())


def _content(connection: Any, name: str = "main") -> Any:
    """The database in memory: an image, or SQL text before Python 3.11; empty while there is nothing in it."""
    if not _rows(connection, f"SELECT 1 FROM {_quoted(name)}.sqlite_master LIMIT 1"):  # noqa: S608 - no value of a user's
        return b""
    return connection.serialize(name=name) if hasattr(connection, "serialize") else "\n".join(connection.iterdump())


def _rows(connection: Any, query: str) -> list[Any]:
    """What a query gives, whatever the user has asked rows and text to be made of."""
    cursor = _library().Connection.cursor(connection)
    cursor.row_factory = None
    kept, connection.text_factory = connection.text_factory, str
    try:
        return list(cursor.execute(query).fetchall())
    finally:
        connection.text_factory = kept


def _settings(connection: Any) -> str:
    """What belongs to a connection and is only compared."""
    told: list[Any] = [connection.isolation_level, id(connection.row_factory), id(connection.text_factory)]
    told += [_asked(connection, query) for query in _COMPARED]
    return xxhash.xxh3_64_hexdigest(repr(told).encode())


def _asked(connection: Any, query: str) -> list[Any]:
    try:
        return _rows(connection, query)
    except _library().Error:  # a release of SQLite that does not know it
        return []


_COMPARED = ("PRAGMA schema_version", "PRAGMA temp.schema_version", "PRAGMA database_list")

_NAMED = {
    "function": "SELECT DISTINCT name FROM pragma_function_list WHERE NOT builtin ORDER BY name",
    "collation": "SELECT name FROM pragma_collation_list ORDER BY name",
}
"""What a connection may have that comes back with none."""

_PRAGMAS = (
    "automatic_index",
    "busy_timeout",
    "count_changes",
    "defer_foreign_keys",
    "foreign_keys",
    "full_column_names",
    "ignore_check_constraints",
    "legacy_alter_table",
    "query_only",
    "read_uncommitted",
    "recursive_triggers",
    "reverse_unordered_selects",
    "short_column_names",
    "trusted_schema",
)
"""Options of a connection; the last ones of a restore, for some of them keep it from being filled."""

Own = dict[str, Any]
"""What belongs to a connection and no file: its options as far as they are unusual, its temporary tables, and what is
attached to it in memory."""


@functools.cache
def _usual() -> tuple[dict[str, Any], dict[str, set[str]]]:
    """Options of a new connection, and the names of what it has."""
    connection = _library().connect(":memory:")
    try:
        return _pragmas(connection), {what: _names(connection, what) for what in _NAMED}
    finally:
        connection.close()


def _pragmas(connection: Any) -> dict[str, Any]:
    found = {name: _asked(connection, f"PRAGMA {name}") for name in _PRAGMAS}
    return {name: rows[0][0] for name, rows in found.items() if rows}


def _names(connection: Any, what: str) -> set[str]:
    return {str(row[0]) for row in _asked(connection, _NAMED[what])}


def _own(connection: Any, files: dict[str, str]) -> tuple[Own, str]:
    """What belongs to *connection* and no file, and what is said of what is left out."""
    options, names = _usual()
    own: Own = {"pragmas": {key: value for key, value in _pragmas(connection).items() if options.get(key) != value}}
    without = [f"the {what} {name}" for what in _NAMED for name in sorted(_names(connection, what) - names[what])]
    attached = [name for name in files if name not in ("main", "temp")]
    by_content = [name for name in attached if not files[name] and hasattr(connection, "serialize")]
    without += [f"the attached {name}" for name in attached if name not in by_content]
    if by_content:
        own["attached"] = {name: _content(connection, name) for name in by_content}
    try:
        own["temporary"] = _temporary(connection)
    except (_library().Error, ValueError):
        without.append("its temporary tables")
    return own, f", without {', '.join(without)}" if without else ""


Table = tuple[str, str, str, list[str], list[Any]]
"""Kind, name and SQL text of what is temporary; of a table its columns and rows."""


def _temporary(connection: Any) -> list[Table]:
    found: list[Table] = []
    query = "SELECT type, name, sql FROM sqlite_temp_master WHERE sql IS NOT NULL AND substr(name, 1, 7) != 'sqlite_'"
    for kind, name, sql in _rows(connection, query):
        if sql.upper().startswith("CREATE VIRTUAL"):
            raise ValueError("a virtual table has tables of its own")
        found.append((kind, name, sql, *(_table(connection, name) if kind == "table" else ([], []))))
    return sorted(found, key=lambda one: _ORDER.index(one[0]))


_ORDER = ("table", "index", "view", "trigger")


def _table(connection: Any, name: str) -> tuple[list[str], list[Any]]:
    described = _rows(connection, f"PRAGMA temp.table_xinfo({_quoted(name)})")
    columns = [_quoted(row[1]) for row in described if not row[6]]  # what is computed is not given
    # an expression has no declared type and no name of the user's, so nothing converts what is in it
    asked = ", ".join(f"+{column} AS c{number}" for number, column in enumerate(columns))
    source = f" FROM temp.{_quoted(name)}"
    if "rowid" not in [str(row[1]).lower() for row in described]:
        try:
            return ["rowid", *columns], _rows(connection, f"SELECT rowid, {asked}{source}")
        except _library().OperationalError:  # a table without
            pass
    return columns, _rows(connection, f"SELECT {asked}{source}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _set_own(connection: Any, own: Own | None) -> None:
    """Give a new connection what belonged to the other one alone."""
    for name, content in (own or {}).get("attached", {}).items():
        connection.execute(f"ATTACH ':memory:' AS {_quoted(name)}")
        if content:
            connection.deserialize(content, name=name)
    for kind, name, sql, columns, rows in (own or {}).get("temporary", ()):
        known = sql if kind == "index" else sql.replace("CREATE", "CREATE TEMP", 1)
        connection.execute(known)
        if rows:
            places = ", ".join("?" * len(columns))
            into = f" INTO temp.{_quoted(name)} ({', '.join(columns)}) VALUES ({places})"
            connection.executemany("INSERT" + into, rows)
    connection.commit()
    for name, value in (own or {}).get("pragmas", {}).items():
        connection.execute(f"PRAGMA {name} = {int(value)}")


def _set_options(connection: Any, isolation: Any, row_factory: Any, text_factory: Any) -> Any:
    connection.isolation_level = isolation
    connection.row_factory = row_factory
    connection.text_factory = text_factory
    return connection


def connect(path: str, isolation: Any, row_factory: Any, text_factory: Any, own: Own | None = None) -> Any:
    """A connection to the database file at *path*, which must exist."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"the database {path} is gone")
    connection = _library().connect(path)
    _set_own(connection, own)
    return _set_options(connection, isolation, row_factory, text_factory)


def in_memory(content: Any, isolation: Any, row_factory: Any, text_factory: Any, own: Own | None = None) -> Any:
    """An in-memory database with that content (an image, or SQL text before Python 3.11)."""
    connection = _library().connect(":memory:")
    if isinstance(content, bytes):
        if content:
            _fill(connection, content)
    else:
        connection.executescript(content)
    _set_own(connection, own)
    return _set_options(connection, isolation, row_factory, text_factory)


def _fill(connection: Any, image: bytes) -> None:
    """Copy *image* into an empty database: one that is made of an image itself cannot be told from a file later on."""
    source = _library().connect(":memory:")
    try:
        source.deserialize(image)
        source.backup(connection)
    finally:
        source.close()


def in_transaction(content: Any, isolation: Any, row_factory: Any, text_factory: Any, own: Own | None = None) -> Any:
    """The same, with a transaction open."""
    connection = in_memory(content, isolation, row_factory, text_factory, own)
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
