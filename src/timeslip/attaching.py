"""Beginning to record a namespace: which session it continues, which store, which branch."""

from __future__ import annotations

import atexit
import contextlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from timeslip.arguments import check_session_name, check_text
from timeslip.config import Settings
from timeslip.continuing import begin, record_found
from timeslip.errors import DamagedStoreError, NamespaceError, TimeslipError, UsageError
from timeslip.ids import SessionId
from timeslip.interrupts import uninterrupted
from timeslip.listing import row_of
from timeslip.live import Live
from timeslip.session import Session, open_sessions
from timeslip.standard import os, time
from timeslip.state.namespace import Namespace, PlainNamespace
from timeslip.store.preferences import load_preferences
from timeslip.store.repository import Repository, default_store_directory


def attach(
    namespace: dict[str, Any] | Namespace | None = None,
    *,
    store: Path | str | None = None,
    name: str | None = None,
    notebook: str | None = None,
    kernel: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Session:
    """Begin to record a namespace, or pick its session up again. See `timeslip.attach`.

    Args:
        namespace: a dict, or an adapter; None for ``__main__``'s.
        store: directory; None for the default.
        name: of the session; None to go by *notebook*, or else by the time.
        notebook: path of the notebook, if there is one.
        kernel: what others need to reach this process (connection file …).
        settings: as `config.Settings`.

    Raises:
        UsageError, NamespaceError, StoreError.
    """
    place = _namespace(namespace)
    for other in open_sessions():
        if other.namespace is place.globals:
            raise NamespaceError(
                f"this namespace is already recorded as '{other.name}'", hint="close that session first"
            )
    if name is not None:
        check_session_name(name)
    directory = _directory(store)
    chosen = _settings(directory, settings)
    repository = Repository.open(
        directory,
        durability="full" if chosen.durability == "full" else "normal",
        min_free_bytes=chosen.min_free_bytes,
    )
    try:
        session = _attach(repository, place, chosen, name, notebook, dict(kernel or {}))
    except BaseException:  # whatever went wrong: the store must not stay open
        repository.close()
        raise
    atexit.unregister(_close_all)
    atexit.register(_close_all)
    return session


def _close_all() -> None:
    """Close what is open when the process ends: the log of the database is put into it, and others see no one there.

    A process that is killed does not come here, and nothing is lost by that.
    """
    for session in open_sessions():
        with contextlib.suppress(TimeslipError):  # nobody is there to be told, and the next one who opens it looks
            session.close()


def _directory(store: Path | str | None) -> Path:
    if store is None:
        return default_store_directory()
    usable = isinstance(store, Path) or type(store) is str  # what callers give can be anything
    if not usable or not check_text(str(store), "the directory of a store").strip():
        raise UsageError(f"{store!r} is not the directory of a store", hint="leave it out for the usual one")
    return Path(store)


def _settings(directory: Path, given: Mapping[str, Any]) -> Settings:
    known = load_preferences(directory) if os.path.isdir(directory) else {}
    return Settings().changed(**known).changed(**given)


def _namespace(given: dict[str, Any] | Namespace | None) -> Namespace:
    if given is None:
        return PlainNamespace(sys.modules["__main__"].__dict__)
    if type(given) is dict:
        return PlainNamespace(given)
    if not hasattr(given, "snapshot") or not hasattr(given, "apply"):
        raise NamespaceError(
            f"a {type(given).__name__} cannot be recorded as a namespace", hint="give the dict that the code runs in"
        )
    return given  # type: ignore[return-value]  # an adapter


def _attach(
    repository: Repository,
    namespace: Namespace,
    settings: Settings,
    name: str | None,
    notebook: str | None,
    info: dict[str, Any],
) -> Session:
    identity = _find_or_create(repository, name, notebook)
    try:
        return _begin(repository, namespace, settings, identity, info)
    except DamagedStoreError as error:
        # What is damaged is this session's history: that must keep nobody from recording.
        old = row_of(repository, identity).name
        session = _begin(repository, namespace, settings, repository.create_session(old, None), info)
        session._live.notices.insert(
            0,
            f"the history of '{old}' is damaged ({error.message}): recording goes on in a session of its own, "
            f"'{session.name}'; `timeslip check` lists all damage",
        )
        return session


def _begin(
    repository: Repository, namespace: Namespace, settings: Settings, identity: SessionId, info: dict[str, Any]
) -> Session:
    """Record *namespace* as session *identity* from now on, beginning with what is there."""
    session = None
    try:
        with uninterrupted():  # a lease without a session would keep others off as long as this process lives
            session = _hold(repository, namespace, settings, identity, info)
        record_found(session._live)
    except BaseException:  # whatever went wrong, an interrupt too: the next one who attaches must find all free
        if session is not None:
            session.close()
        raise
    return session


def _hold(
    repository: Repository, namespace: Namespace, settings: Settings, identity: SessionId, info: dict[str, Any]
) -> Session:
    live = Live(repository, identity, namespace, settings, "main")
    holds = repository.acquire_lease(identity, live.kernel, {"python": sys.version.split()[0], **info})
    try:
        begun = begin(live, holds=holds)
        live.notices += repository.notices
        live.facets.attach()
        return Session(begun)
    except BaseException:  # as in `_attach`
        repository.release_lease(identity, live.kernel)
        raise


def _find_or_create(repository: Repository, name: str | None, notebook: str | None) -> SessionId:
    if name is not None:
        for row in repository.sessions():
            if row.name == name:
                if notebook is not None and row.notebook is None:
                    repository.move_session(row.id, notebook)
                return row.id
        return repository.create_session(name, notebook)
    if notebook is not None:
        for row in repository.sessions():
            if row.notebook == notebook:
                return row.id
        return repository.create_session(Path(notebook).stem, notebook)
    return repository.create_session(time.strftime("session-%Y%m%d-%H%M%S"), None)
