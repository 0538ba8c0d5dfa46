"""SQLAlchemy: engines by their URL and options, what was listened to, connections and sessions of an engine.

A password is never stored: neither that of a URL nor what looks like one among the options. An engine of an in-memory
SQLite database comes back with its content. A file of SQLite is never made.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import xxhash

from timeslip.codec.hidden import Hidden
from timeslip.codec.kinds import is_plain
from timeslip.codec.reducers import instances, secrets, sqlite
from timeslip.codec.reducers.instances import Lacking
from timeslip.standard import os

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_LEFT_OUT = ", without its password, which is not stored"


def _library() -> Any:
    return import_module("sqlalchemy")


# ---- urls


def _open_parts(url: Any) -> tuple[tuple[Any, ...], list[secrets.Secret]]:
    """What a URL consists of, with its secrets hidden, and these."""
    stands: list[secrets.Secret] = []
    query = {name: secrets.veiled(value, stands, _plain_name(name)) for name, value in url.query.items()}
    password = url.password
    if password is not None:
        password = secrets.hidden(str(password))
        stands.append(password)
    return (url.drivername, url.username, password, url.host, url.port, url.database, query), stands


def _plain_name(name: Any) -> str:
    """What an option is called, so that a secret one is known as such."""
    return "password" if any(part in str(name).lower() for part in _SHORT) else str(name)


_SHORT = ("pwd", "key")
"""Further parts of names of options that are secret."""


def _url(state: Pass, url: Any) -> Any:
    parts, stands = _open_parts(url)
    if not stands:
        return make_url, parts
    state.keep += (*stands, parts[6])
    state.note(url, "a URL" + _LEFT_OUT, fatal=False)
    return make_url, (*parts, Lacking())


def make_url(*parts: Any) -> Any:
    """A URL, of what `URL.create` wants."""
    return _library().engine.URL.create(*parts[:7])


# ---- engines


def _engine(state: Pass, engine: Any) -> Any:
    parts, stands = _open_parts(engine.url)
    options = _options(engine, stands)
    pool = engine.pool
    reason = "an engine with the same URL and options, without open connections"
    if getattr(pool._creator_arg, "__module__", "") != "sqlalchemy.engine.create":
        return state.hole(engine, "an engine that makes its connections with a function of its own cannot be stored")
    image: Any = None
    if _is_in_memory(engine):
        found = _raw_connections(pool)
        if len(found) > 1:
            return state.hole(engine, "an in-memory database of several threads cannot be stored")
        image = sqlite._content(found[0]) if found else b""
        reason = "an engine with an in-memory database, by content, and what was not committed yet"
    if stands:
        reason += _LEFT_OUT
    listening = [*_listeners(engine), *_listeners(pool), *_listeners(engine.dialect)]
    functions = [one for one in listening if type(one[2]) is types.FunctionType]  # others may hold the engine itself
    if len(functions) < len(listening):
        reason += ", without the methods and objects that listen to it"
    state.keep += (*stands, parts[6], options, *options.values(), functions, *listening)
    content = image if isinstance(image, bytes) else (image or "").encode()
    heard = [(*one[:2], id(one[2]), one[3]) for one in listening]
    told = repr((parts, _told(options), heard, xxhash.xxh3_128_hexdigest(content)))
    token = xxhash.xxh3_128_hexdigest(told.encode("utf-8", "backslashreplace"))
    return state.resource(engine, reason, token, make_engine, (parts, options, image, functions))


def _told(options: dict[str, Any]) -> list[Any]:
    plain = (str, int, float, bool, dict, type(None))
    return [(name, value if type(value) in plain else id(value)) for name, value in sorted(options.items())]


def _options(engine: Any, stands: list[secrets.Secret]) -> dict[str, Any]:
    """What `create_engine` is given; *stands* gets the secrets among it."""
    pool, dialect = engine.pool, engine.dialect
    options: dict[str, Any] = {
        "echo": engine._echo,
        "echo_pool": pool._echo,
        "hide_parameters": engine.hide_parameters,
        "isolation_level": getattr(dialect, "_on_connect_isolation_level", None),
        "poolclass": type(pool),
        "pool_recycle": pool._recycle,
        "pool_pre_ping": pool._pre_ping,
        "pool_reset_on_return": pool._reset_on_return.name.removeprefix("reset_"),
        "connect_args": _connect_arguments(engine, stands),
        "execution_options": dict(engine._execution_options),
        "logging_name": vars(engine).get("logging_name"),
        "pool_logging_name": pool._orig_logging_name,
        "query_cache_size": getattr(engine._compiled_cache, "capacity", 0),
        "max_identifier_length": getattr(dialect, "_user_defined_max_identifier_length", None),
    }
    if hasattr(pool, "_max_overflow"):
        options |= {"max_overflow": pool._max_overflow, "pool_timeout": pool._timeout, "pool_size": pool._pool.maxsize}
        options["pool_use_lifo"] = pool._pool.use_lifo
    held = vars(dialect)
    names = ("label_length", "paramstyle", "insertmanyvalues_page_size", "skip_autocommit_rollback", "native_datetime")
    options |= {name: held[name] for name in names if held.get(name)}
    options |= {name: held[f"_{name}"] for name in ("json_serializer", "json_deserializer") if held.get(f"_{name}")}
    return options


Listener = tuple[bool, str, Any, dict[str, bool]]
"""Whether it listens to the pool, to what, the function, and how it is to be registered."""


def _listeners(target: Any) -> Iterator[Listener]:
    """What the user has registered for events of an engine, of its pool or dialect."""
    dispatch = vars(target).get("dispatch")  # made when it is first asked for
    for name in dispatch._event_names if dispatch is not None else ():
        for listener in getattr(_held(dispatch, name), "listeners", ()):
            function, options = _unwrapped(listener)
            if function is not None:
                if function is listener and name in ("before_execute", "before_cursor_execute"):
                    options = {"retval": True}  # without that, the library puts a function of its own around it
                yield "Pool" in type(dispatch).__name__, name, function, options


def _unwrapped(listener: Any) -> tuple[Any, dict[str, bool]]:
    """The user's function in what the library put around it, and what it was registered with; None: it has none."""
    options: dict[str, bool] = {}
    while _is_made_inside(listener):
        outer = listener.__qualname__
        held = [cell.cell_contents for cell in listener.__closure__ or ()]
        if outer.startswith("only_once."):
            held = [one for part in held if type(part) is list for one in part]  # empty when it has been called
            options["once"] = True
        if outer.startswith("_wrap_fn_for_kw."):
            options["named"] = True
        functions = [one for one in held if callable(one) and not _is_of_library(one)]
        if not outer.startswith(_AROUND) or len(functions) != 1:
            return None, {}
        listener = functions[0]
    module = str(getattr(listener, "__module__", ""))
    return (None, {}) if module.partition(".")[0] == "sqlalchemy" else (listener, options)


_AROUND = ("ConnectionEvents._listen.", "only_once.", "_wrap_fn_for_kw.", "_wrap_fn_for_legacy.")


def _is_of_library(part: Any) -> bool:
    kind = part if isinstance(part, type) else type(part)
    return str(kind.__module__).partition(".")[0] == "sqlalchemy"


def _is_in_memory(engine: Any) -> bool:
    database = engine.url.database or ":memory:"
    return engine.dialect.name == "sqlite" and (database == ":memory:" or "mode=memory" in str(engine.url))


def _connect_arguments(engine: Any, stands: list[secrets.Secret]) -> dict[str, Any]:
    """What the user gave as ``connect_args``; *stands* gets the secrets among it."""
    creator = engine.pool._creator_arg
    cells = getattr(creator, "__closure__", None) or ()
    names = getattr(getattr(creator, "__code__", None), "co_freevars", ())
    given: dict[str, Any] = next(
        (cell.cell_contents for name, cell in zip(names, cells, strict=True) if name == "cparams"), {}
    )
    usual: Mapping[str, Any] = engine.dialect.create_connect_args(engine.url)[1]
    more = {name: value for name, value in given.items() if name not in usual or usual[name] != value}
    return {name: secrets.veiled(value, stands, _plain_name(name)) for name, value in more.items()}


def _raw_connections(pool: Any) -> list[Any]:
    """The open connections of a pool of an in-memory database, which has one for each thread or one for all."""
    records = [*getattr(pool, "_all_conns", ()), vars(pool).get("connection")]
    found = [getattr(record, "dbapi_connection", None) or record for record in records if record is not None]
    library = sys.modules.get("sqlite3")
    return [one for one in found if library is not None and isinstance(one, library.Connection)]


def make_engine(
    parts: tuple[Any, ...], options: dict[str, Any], image: Any, listening: list[Listener] | None = None
) -> Any:
    """An engine; that of an in-memory SQLite database with that content, and with what listens to it."""
    url = make_url(*parts)
    given = {name: value for name, value in options.items() if value is not None}
    engine = _library().create_engine(url, **given)
    if image:
        raw = engine.raw_connection()
        if isinstance(image, bytes):
            raw.driver_connection.deserialize(image)
        else:
            raw.driver_connection.executescript(image)
        raw.close()
    for of_pool, name, function, how in listening or ():
        _library().event.listen(engine.pool if of_pool else engine, name, function, **how)
    return engine


def _option_engine(state: Pass, engine: Any) -> Any:
    return option_engine, (engine._proxied, dict(engine._execution_options))


def option_engine(engine: Any, options: dict[str, Any]) -> Any:
    """The same engine with further options."""
    return engine.execution_options(**options)


def _connection(state: Pass, connection: Any) -> Any:
    if connection.closed:
        return state.resource(connection, "a closed connection", "closed", closed_connection, (connection.engine,))
    if connection.dialect.name != "sqlite":
        return state.hole(connection, "an open connection to a database server cannot be stored")
    reason = "a new connection of its engine, without an open transaction"
    token = f"{connection.in_transaction()} {connection.in_nested_transaction()}"
    return state.resource(connection, reason, token, open_connection, (connection.engine,))


def open_connection(engine: Any) -> Any:
    """A connection of that engine. The file of an SQLite database must exist: connecting would make it."""
    path = _path(engine)
    if path and not os.path.exists(path):
        raise FileNotFoundError(f"the database {path} is gone")
    return engine.connect()


def _path(engine: Any) -> str:
    """Where the file of an SQLite database is; empty for all others."""
    if engine.dialect.name != "sqlite" or _is_in_memory(engine):
        return ""
    arguments = engine.dialect.create_connect_args(engine.url)[0]
    path = str(arguments[0]) if arguments else str(engine.url.database)
    return path.removeprefix("file:").partition("?")[0] if path.startswith("file:") else path


def closed_connection(engine: Any) -> Any:
    """A closed one. Nothing is connected to for it: what it had is of a database in memory."""
    raw = _library().create_engine("sqlite://").raw_connection()
    connection = _library().engine.Connection(engine, connection=raw, _has_events=False)
    connection.close()
    return connection


# ---- sessions

_SESSION = ("autoflush", "expire_on_commit", "twophase", "autobegin", "join_transaction_mode")


def _session(state: Pass, session: Any) -> Any:
    """A session: its engine and options, and the objects in it. What it has written stays in its open transaction."""
    state.note(session, "a session of the same engine, without its open transaction", fatal=False)
    options = {name: getattr(session, name) for name in _SESSION if hasattr(session, name)}
    objects = ([*session.identity_map.values()], [state_.obj() for state_ in session._new])
    parts = (session.bind, dict(session.binds or {}), options, dict(session.info), objects)
    state.keep += (options, objects, *objects, *parts[1:])
    return make_session, (type(session),), (*parts, Lacking()), None, None, set_session


def make_session(kind: Any) -> Any:
    """A session without an engine."""
    return kind(bind=None)


def set_session(session: Any, parts: tuple[Any, ...]) -> None:
    """State setter for sessions."""
    bind, binds, options, info, (known, pending) = parts[:5]
    session.bind = bind
    if binds:
        session.binds = binds
    for name, value in options.items():
        setattr(session, name, value)
    session.info.update(info)
    with session.no_autoflush:
        session.add_all([*known, *pending])


def _registry(state: Pass, registry: Any) -> Any:
    """What a `scoped_session` has for every thread: that of this one."""
    value = getattr(registry.registry, "value", None)
    state.note(registry, "sessions of other threads are left out", fatal=False)
    return make_registry, (type(registry), registry.createfunc), (value, Lacking()), None, None, set_registry


def make_registry(kind: Any, create: Any) -> Any:
    """A registry in which there is nothing yet."""
    return kind(create)


def set_registry(registry: Any, parts: tuple[Any, Any]) -> None:
    """State setter for registries."""
    if parts[0] is not None:
        registry.set(parts[0])


def _result(state: Pass, result: Any) -> Any:
    return state.hole(result, "a result that rows are fetched from cannot be stored")


_RESULTS = ("CursorResult", "ScalarResult", "MappingResult", "TupleResult", "IteratorResult", "ChunkedIteratorResult")


# ---- what belongs to declared classes

_DECLARED = "belongs to classes that are declared with the ORM: only their class statements make it"


def _mapper(state: Pass, mapper: Any) -> Any:
    return mapper_of, (mapper.class_,)


def mapper_of(cls: type) -> Any:
    """How the ORM maps a class."""
    return import_module("sqlalchemy.orm").class_mapper(cls, configure=False)


def _manager(state: Pass, manager: Any) -> Any:
    return manager_of, (manager.class_,)


def manager_of(cls: type) -> Any:
    """What the ORM knows of the instances of a class."""
    return import_module("sqlalchemy.orm.instrumentation").manager_of_class(cls)


def _property(state: Pass, one: Any) -> Any:
    if getattr(one, "parent", None) is None or one.parent._props.get(one.key) is not one:
        return NotImplemented  # of no class yet
    return property_of, (one.parent.class_, one.key)


def property_of(cls: type, key: str) -> Any:
    """How the ORM maps one attribute of a class."""
    return mapper_of(cls)._props[key]


def _declaring(state: Pass, registry: Any) -> Any:
    base = _base_of(registry)
    return state.hole(registry, _DECLARED, Hidden("", True)) if base is None else (registry_of, (base,))


def _base_of(registry: Any) -> type | None:
    """The class that declared classes of *registry* inherit from, if there is one."""
    bases: list[type] = [base for mapper in registry.mappers for base in mapper.class_.__mro__]
    return next((base for base in bases if vars(base).get("_sa_registry") is registry), None)


def registry_of(base: Any) -> Any:
    """The registry of declared classes."""
    return base._sa_registry


def _metadata(state: Pass, metadata: Any) -> Any:
    registry = _registry_with(metadata)
    if registry is None:
        return NotImplemented
    base = _base_of(registry)
    return state.hole(metadata, _DECLARED, Hidden("", True)) if base is None else (metadata_of, (base,))


def _registry_with(metadata: Any) -> Any:
    """The registry of declared classes whose tables *metadata* holds, or None."""
    library = sys.modules.get("sqlalchemy.orm.mapperlib") or sys.modules.get("sqlalchemy.orm.mapper")
    registries = list(library._all_registries()) if library is not None else []
    return next((registry for registry in registries if registry.metadata is metadata), None)


def metadata_of(base: Any) -> Any:
    """The tables of declared classes."""
    return base._sa_registry.metadata


def _table(state: Pass, table: Any) -> Any:
    if _registry_with(table.metadata) is None or table.metadata.tables.get(table.key) is not table:
        return NotImplemented
    state.note(table, _DECLARED)
    return table_in, (table.metadata, table.key)


def table_in(metadata: Any, key: str) -> Any:
    """A table by its name."""
    return metadata.tables[key]


def _column(state: Pass, column: Any) -> Any:
    table = getattr(column, "table", None)
    if table is None or type(table) is not _library().Table or _registry_with(table.metadata) is None:
        return NotImplemented
    return (column_in, (table, column.key)) if table.c.get(column.key) is column else NotImplemented


def column_in(table: Any, key: str) -> Any:
    """A column of a table."""
    return table.c[key]


def _of_declared(kind: type) -> Any:
    """The reducer for what belongs to declared classes, or None."""
    name = kind.__name__
    if kind.__module__ in _OF_ORM and name in _OF_ORM[kind.__module__]:
        return _OF_ORM[kind.__module__][name]
    interfaces = sys.modules.get("sqlalchemy.orm.interfaces")
    return _property if interfaces is not None and issubclass(kind, interfaces.MapperProperty) else None


_OF_ORM: dict[str, dict[str, Any]] = {
    "sqlalchemy.orm.mapper": {"Mapper": _mapper},
    "sqlalchemy.orm.instrumentation": {"ClassManager": _manager},
    "sqlalchemy.orm.decl_api": {"registry": _declaring},
    "sqlalchemy.sql.schema": {"MetaData": _metadata, "Table": _table, "Column": _column},
}


# ---- what is listened to


def _dispatch(state: Pass, dispatch: Any) -> Any:
    """Who listens to one object. Pickled as usual, all of it is dropped."""
    if getattr(dispatch, "_instance_cls", None) is None:
        return NotImplemented
    empty = import_module("sqlalchemy.event.attr")._EmptyListener
    met, listening, left_out = [], {}, False
    for name in dispatch._event_names:
        collection = _held(dispatch, name)
        if type(collection) is empty:
            met.append(name)
        elif collection is not None:
            own = [listener for listener in collection.listeners if not _is_made_inside(listener)]
            left_out |= len(own) < len(collection.listeners)
            listening[name] = (own, [listener for listener in own if listener in collection.propagate])
    state.keep += (met, listening, *listening.values(), *(part for pair in listening.values() for part in pair))
    if left_out:
        state.note(dispatch, "without what the library itself listens with", fatal=False)
    extra = (Lacking(),) if left_out else ()
    maker, arguments = dispatch.__reduce__()
    return maker, arguments, (met, listening, *extra), None, None, set_dispatch


def _held(dispatch: Any, name: str) -> Any:
    """What *dispatch* has under *name*, without making it."""
    if name in vars(dispatch):
        return vars(dispatch)[name]
    try:
        return getattr(type(dispatch), name).__get__(dispatch)
    except AttributeError:
        return None


def _is_made_inside(listener: Any) -> bool:
    module, name = getattr(listener, "__module__", "") or "", getattr(listener, "__qualname__", "")
    return module.startswith("sqlalchemy.") and "<locals>" in name


def set_dispatch(dispatch: Any, parts: tuple[Any, ...]) -> None:
    """State setter: the same functions listen."""
    met, listening = parts[:2]
    for name in met:
        getattr(dispatch, name)
    for name, (listeners, propagate) in listening.items():
        collection = getattr(dispatch, name).for_modify(dispatch)
        _ = collection.ref  # made and kept when it is first asked for, as by whoever listens
        collection.listeners.extend(listeners)
        collection.propagate.update(propagate)


def find(kind: type) -> Any:
    """The reducer for engines, connections, sessions, URLs and dispatchers, or None."""
    modules = sys.modules
    engine, url = modules.get("sqlalchemy.engine.base"), modules.get("sqlalchemy.engine.url")
    if engine is not None and kind in (engine.Engine, engine.Connection, engine.OptionEngine):
        return {engine.Engine: _engine, engine.Connection: _connection}.get(kind, _option_engine)
    if url is not None and kind is url.URL:
        return _url
    session = modules.get("sqlalchemy.orm.session")
    if session is not None and (kind is session.Session or _is_made_by_maker(kind, session)):
        return _session
    if kind.__module__.startswith("sqlalchemy.engine.") and kind.__name__ in _RESULTS:
        return _result
    if kind.__module__ == "sqlalchemy.util._collections" and kind.__name__ == "ThreadLocalRegistry":
        return _registry
    declared = _of_declared(kind)
    if declared is not None:
        return declared
    types = modules.get("sqlalchemy.sql.type_api")
    if types is not None and issubclass(kind, types.TypeEngine.Comparator) and is_plain(kind):
        return instances.by_attributes(kind)  # made of a column that is not whole yet, it would be of no type
    base = modules.get("sqlalchemy.event.base")
    return _dispatch if base is not None and issubclass(kind, base._Dispatch) else None


def _is_made_by_maker(kind: type, session: Any) -> bool:
    """Whether *kind* is the class that a `sessionmaker` makes for its sessions."""
    return kind.__bases__ == (session.Session,) and kind.__module__ == session.__name__
