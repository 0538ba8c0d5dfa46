"""duckdb: in-memory databases by content, files by path, relations by their query.

The content is an image: a database file into which DuckDB itself copies everything, so every type, constraint, view,
macro and sequence is in it. A duplicate of the connection is asked for it, because the user's own may be in the middle
of a result. What only the user's own connection knows (an open transaction, temporary tables) it is asked for where
that takes nothing from the user.
"""

from __future__ import annotations

import functools
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import xxhash

from timeslip.codec.hidden import Hidden
from timeslip.codec.reducers.system import stamp_of
from timeslip.errors import in_brief
from timeslip.standard import os

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_PROCESS = os.getpid()
"""A copy of the process made by fork has none of the threads that answer queries."""
_LARGEST = 64 << 20
"""An image of more bytes is not stored."""
_CELLS = 8_000_000
"""Tables with more values in memory than this are not even written out to see how large they are."""
_HEADER = 4096
"""The first bytes of an image are random."""
_headers: dict[str, bytes] = {}
"""Digest of what follows -> the first bytes of the first image that it followed."""
_HEADERS = 256
"""So many are remembered."""
_OURS = "timeslip_image"
_SETTINGS = (
    "TimeZone",
    "default_null_order",
    "default_order",
    "integer_division",
    "memory_limit",
    "preserve_insertion_order",
    "threads",
)
"""What is commonly set, on one connection or all, and decides what queries answer."""

_ASKED = """
SELECT txid_current(),
    (SELECT list(name ORDER BY name) FROM (
        SELECT table_name AS name FROM duckdb_tables() WHERE temporary AND NOT internal
        UNION ALL SELECT view_name AS name FROM duckdb_views() WHERE temporary AND NOT internal)),
    (SELECT list(DISTINCT function_name ORDER BY function_name) FROM duckdb_functions()
        WHERE NOT internal AND function_type NOT IN ('macro', 'table_macro')),
    (SELECT list([name, value] ORDER BY name) FROM duckdb_settings() WHERE name IN ({names})),
    current_database(), current_schema()
"""
"""What only a connection knows, in one row."""

_WRITTEN = """
SELECT list(DISTINCT function_name ORDER BY function_name) FROM duckdb_functions()
    WHERE internal AND extension_name IS NULL AND function_type IN ('scalar', 'aggregate', 'table')
"""
"""What is of no extension: the built-in functions, and among them what was written in Python."""

_VARIABLES = "SELECT list([name, value, type] ORDER BY name) FROM duckdb_variables()"

Databases = list[tuple[str, "str | None", bool]]
"""Name, path and whether read-only, of all that are attached."""


class _Own(NamedTuple):
    """What only the connection itself knows.

    Attributes:
        known: whether it could be asked.
        transaction: whether one is open.
        parts: names of temporary tables and views, also those that stand for Python objects.
        functions: names of functions written in Python.
        place: names of the database and schema in use.
        settings: names and values.
        variables: names, values as text, and types.
        other: names of variables whose text does not give the value again.
    """

    known: bool
    transaction: bool = False
    parts: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    place: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str, str], ...] = ()
    other: tuple[str, ...] = ()


def _library() -> Any:
    return import_module("duckdb")


def _connection(state: Pass, connection: Any) -> Any:
    library = _library()
    if os.getpid() != _PROCESS:
        return state.hole(connection, "a database of the process that this one is a copy of", Hidden("", False))
    try:
        own = _own(connection, connection.description is not None)
        databases = _databases(connection)
        if own.transaction:
            return state.hole(connection, "a connection with an open transaction cannot be stored", Hidden("", False))
        images = _images(connection, databases)
    except (library.Error, OSError, ValueError) as error:
        if type(error) is library.ConnectionException and "closed" in str(error):
            return state.resource(connection, "a closed connection", "closed", closed, ())
        reason = in_brief(str(error))
        return state.hole(connection, f"the database cannot be read: {reason}", Hidden("", False))
    digests = {name: xxhash.xxh3_128_hexdigest(image[_HEADER:]) for name, image in images.items()}
    stamps = [[stamp_of(path), stamp_of(f"{path}.wal")] for _, path, _ in databases if path]
    token = xxhash.xxh3_128_hexdigest(repr((databases, digests, stamps, own)).encode("utf-8", "backslashreplace"))
    kept = [databases[0], *(one for one in databases[1:] if one[1] is None)]
    arguments = (kept, images, own.place, dict(own.settings), own.variables)
    complete = own.known and not (own.parts or own.functions or own.other)
    return state.resource(connection, _said(databases, own), token, connect, arguments, complete=complete)


def _said(databases: Databases, own: _Own) -> str:
    if databases[0][1]:
        said = "a new connection to the same database file, with what is in it by then"
    else:
        said = "a database in memory, by content and apart from other connections to it"
    if not own.known:
        said += ", without its unfinished result, temporary tables and open transaction"
    if others := [name for name, path, _ in databases[1:] if path is not None]:
        said += f", without the attached {', '.join(others)}"
    if own.parts:
        said += f", without the temporary {', '.join(own.parts)}"
    if own.functions:
        said += f", without the functions {', '.join(own.functions)}"
    if own.other:
        said += f", without the variables {', '.join(own.other)}"
    return said


def _databases(connection: Any) -> Databases:
    query = "SELECT database_name, path, readonly FROM duckdb_databases() WHERE NOT internal ORDER BY database_oid"
    with _duplicate(connection) as cursor:
        found = [(name, path or None, bool(only)) for name, path, only in cursor.execute(query).fetchall()]
    if not found:
        raise ValueError("it has no database")
    return [(name, os.path.abspath(path) if path else None, only) for name, path, only in found if name != _OURS]


@contextmanager
def _duplicate(connection: Any) -> Iterator[Any]:
    cursor = connection.cursor()
    try:
        yield cursor
    finally:
        cursor.close()


def _own(connection: Any, has_result: bool) -> _Own:
    """What the connection says of itself. One with a result is only asked if it would rather refuse than drop that."""
    if has_result and not hasattr(connection, "abort"):
        return _Own(False)
    library = _library()
    refuses = getattr(library, "ResourceInUseException", ())

    def ask(query: str) -> Any:
        return connection.sql(query).fetchall()[0]

    try:
        names = ", ".join(f"'{name}'" for name in _SETTINGS)
        number, parts, functions, settings, *place = ask(_ASKED.format(names=names))
        if ask("SELECT txid_current()")[0] == number:  # otherwise every query has one of its own
            return _Own(True, True)
        pairs = tuple((str(name), str(value)) for name, value in settings or ())
        functions = sorted({*(functions or ()), *_written(connection)})
        variables, other = _variables(connection)
        return _Own(True, False, tuple(parts or ()), tuple(functions), tuple(place), pairs, variables, other)
    except refuses:
        return _Own(False)
    except library.Error as error:
        if "transaction" in str(error).lower():  # one that has failed and waits for its end
            return _Own(True, True)
        raise


def _written(connection: Any) -> set[str]:
    """Functions written in Python, which count as built-in from release 2 on."""
    try:
        return {*(connection.sql(_WRITTEN).fetchall()[0][0] or ())} - _built_in()
    except (_library().BinderException, _library().CatalogException):  # a release that names no extension
        return set()


@functools.cache
def _built_in() -> frozenset[str]:
    connection = _library().connect(":memory:")
    try:
        return frozenset(connection.execute(_WRITTEN).fetchall()[0][0])
    finally:
        connection.close()


def _variables(connection: Any) -> tuple[tuple[tuple[str, str, str], ...], tuple[str, ...]]:
    """Variables of a connection: those that come back from their text, and the names of all others."""
    try:
        found = [tuple(map(str, one)) for one in connection.sql(_VARIABLES).fetchall()[0][0] or ()]
    except _library().CatalogException:  # a release without
        return (), ()
    good, other = [], []
    for name, value, kind in found:
        asked = f"getvariable('{_quoted(name, chr(39))}') IS NOT DISTINCT FROM {_literal(value, kind)}"
        try:
            is_same = connection.sql("SELECT " + asked).fetchall()[0][0]
        except (_library().ConversionException, _library().ParserException, _library().BinderException):
            is_same = False
        good += [(name, value, kind)] if is_same else []
        other += [] if is_same else [name]
    return tuple(good), tuple(other)


def _literal(value: str, kind: str) -> str:
    return f"'{_quoted(value, chr(39))}'::{kind}"


def _images(connection: Any, databases: Databases) -> dict[str, bytes]:
    """What is in the databases that have no file."""
    found: dict[str, bytes] = {}
    in_memory = [name for name, path, _ in databases if path is None]
    if not in_memory:
        return found
    with _duplicate(connection) as cursor:
        query = "SELECT database_name, sum(estimated_size * column_count) FROM duckdb_tables() GROUP BY ALL"
        if sum(size or 0 for name, size in cursor.execute(query).fetchall() if name in in_memory) > _CELLS:
            raise ValueError("it is too large to be stored")
        for name in in_memory:
            found[name] = _steady(_image(cursor, name))
    if sum(map(len, found.values())) > _LARGEST:
        raise ValueError("it is too large to be stored")
    return found


def _steady(image: bytes) -> bytes:
    """The very bytes that an earlier image of the same content had: else it would look changed every time."""
    content = image[_HEADER:]
    digest = xxhash.xxh3_128_hexdigest(content)
    header = _headers.pop(digest, image[:_HEADER])
    _headers[digest] = header
    if len(_headers) > _HEADERS:
        del _headers[next(iter(_headers))]
    return header + content


def _image(cursor: Any, name: str) -> bytes:
    with _folder() as folder:
        path = folder / "image.db"
        _attach(cursor, str(path), _OURS, "(BLOCK_SIZE 16384)")
        try:
            cursor.execute(f'COPY FROM DATABASE "{_quoted(name)}" TO {_OURS}')
            cursor.execute(f"FORCE CHECKPOINT {_OURS}")
        finally:
            cursor.execute(f"DETACH {_OURS}")
        if os.path.exists(f"{path}.wal") and os.path.getsize(f"{path}.wal"):
            raise ValueError("its copy is not all written out while a result is unfinished")
        return path.read_bytes()


@contextmanager
def _folder() -> Iterator[Path]:
    folder = tempfile.mkdtemp(prefix="timeslip-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _quoted(text: str, quote: str = '"') -> str:
    return text.replace(quote, quote * 2)


def _attach(connection: Any, path: str, name: str, options: str = "") -> None:
    connection.execute(f"ATTACH '{_quoted(path, chr(39))}' AS \"{_quoted(name)}\" {options}")


def connect(
    databases: Databases,
    images: dict[str, bytes],
    place: tuple[str, ...],
    settings: dict[str, str],
    variables: tuple[tuple[str, str, str], ...] = (),
) -> Any:
    """A connection to those databases: files that must exist, or in memory with that content.

    Args:
        databases: its own first, then those attached to it in memory.
        images: content by name, of those that have no file.
        place: database and schema in use.
        settings: names and values.
        variables: names, values and types.
    """
    (name, path, only), *more = databases
    if path and not os.path.exists(path):
        raise FileNotFoundError(f"the database {path} is gone")
    connection = _library().connect(path or ":memory:", read_only=only and path is not None)
    if path is None:
        if name != "memory":
            more = databases
        else:
            _fill(connection, name, images[name])
    for name, _, _ in more:
        _attach(connection, ":memory:", name)
        _fill(connection, name, images[name])
    for key, value in settings.items():
        with suppress(_library().Error):  # a setting of another release
            if connection.execute(f"SELECT current_setting('{key}')::VARCHAR").fetchone()[0] != value:
                connection.execute(f"SET {key} = '{_quoted(value, chr(39))}'")
    for key, value, kind in variables:
        connection.execute(f'SET VARIABLE "{_quoted(key)}" = {_literal(value, kind)}')
    if place:
        with suppress(_library().Error):  # a schema that was temporary
            connection.execute("USE " + ".".join(f'"{_quoted(part)}"' for part in place))
    return connection


def _fill(connection: Any, name: str, image: bytes) -> None:
    with _folder() as folder:
        path = folder / "image.db"
        path.write_bytes(image)
        _attach(connection, str(path), _OURS, "(READ_ONLY)")
        try:
            connection.execute(f'COPY FROM DATABASE {_OURS} TO "{_quoted(name)}"')
        finally:
            connection.execute(f"DETACH {_OURS}")


def closed() -> Any:
    """A closed connection."""
    connection = _library().connect(":memory:")
    connection.close()
    return connection


def _relation(state: Pass, relation: Any) -> Any:
    """A relation is a query that runs when it is read."""
    connection = getattr(relation, "_con", None)
    parts = [getattr(relation, name, None) for name in ("_params", "_handles", "_captured")]
    pending, seen = [relation], 0
    while pending and seen < 200:
        one = pending.pop()
        seen += 1
        parts += [getattr(one, name, None) for name in ("_params", "_handles", "_captured")]
        pending += getattr(one, "_inputs", ())
    if connection is None or pending or any(parts):
        return state.hole(
            relation, "a relation that reads Python objects, or does not tell what it reads, is not stored"
        )
    try:
        query, alias = relation.sql_query(), relation.alias
    except Exception as error:  # a closed connection, a table that is gone
        return state.hole(relation, f"a relation that does not tell its query cannot be stored: {error}")
    return make_relation, (connection, query, alias)


def make_relation(connection: Any, query: str, alias: str) -> Any:
    """A relation that reads what that query gives."""
    return connection.sql(query, alias=alias)


def find(kind: type) -> Any:
    """The reducer for connections and relations, or None."""
    if "duckdb" not in sys.modules:
        return None
    return {"DuckDBPyConnection": _connection, "DuckDBPyRelation": _relation}.get(kind.__name__)
