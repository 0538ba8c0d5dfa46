"""What can be asked of a server: GET requests, for whoever may read the notebook they are about.

A notebook is named by its path as the server's contents API names it, and is found only where that API finds it: hidden
files and files outside of the server's root have no history here. No value is loaded, and nothing recorded is run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import ensure_async, url_path_join
from tornado.web import authenticated

from timeslip import answers
from timeslip.errors import (
    NotFoundError,
    SessionNotFoundError,
    StoreBusyError,
    StoreNotFoundError,
    TimeslipError,
    UsageError,
)
from timeslip.lab import requests, states
from timeslip.lab.view import View
from timeslip.standard import json, os
from timeslip.store.repository import Repository, default_store_directory
from timeslip.store.rows import SessionRow

_ARGUMENTS = ("ref", "name", "a", "b", "before")
_STATUS = ((NotFoundError, 404), (StoreNotFoundError, 404), (UsageError, 400), (StoreBusyError, 503))

Json = dict[str, Any]


def add_handlers(web_app: Any) -> None:
    """Add our addresses below ``/timeslip`` to the application of a server."""
    base = web_app.settings["base_url"]
    web_app.add_handlers(".*$", [(url_path_join(base, "timeslip", r"([a-z]+)"), RecordedHandler)])


class RecordedHandler(APIHandler):  # type: ignore[misc]  # the server has no types
    """``GET /timeslip/VERB?path=NOTEBOOK&…``: the answers of docs/reference/lab.md, out of the store alone."""

    auth_resource = "contents"

    @authenticated  # type: ignore[untyped-decorator]
    @authorized  # type: ignore[untyped-decorator]
    async def get(self, verb: str) -> None:
        """Answer *verb*, or say why not."""
        request = {key: self.get_query_argument(key) for key in _ARGUMENTS if self.get_query_argument(key, None)}
        limit = self.get_query_argument("limit", None)
        try:
            place = await self._place(self.get_query_argument("path"))
            asked = _request(verb, {**request, **({"limit": limit} if limit is not None else {})})
            body = await asyncio.get_running_loop().run_in_executor(None, _answered, place, asked)
        except TimeslipError as error:
            self.set_status(next((number for kind, number in _STATUS if isinstance(error, kind)), 500))
            body = {"error": requests.error_of(error), "message": error.message}
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(body))

    async def _place(self, path: str) -> str:
        """The file of a notebook that the contents API shows. Raises SessionNotFoundError."""
        manager = self.contents_manager
        known = await ensure_async(manager.file_exists(path)) and not await ensure_async(manager.is_hidden(path))
        find: Callable[[str], str] | None = getattr(manager, "_get_os_path", None)
        if not known or find is None:
            raise SessionNotFoundError(f"this server has no file '{path}' of which a history could be known")
        return os.path.abspath(find(path))


def _request(verb: str, given: dict[str, str]) -> Json:
    """The request as a kernel would get it. Raises UsageError: it is none that the store alone can answer."""
    request: Json = {"verb": verb, **given}
    if "limit" in given:
        if not given["limit"].isdecimal():
            raise UsageError("'limit' is a whole number from 1 up")
        request["limit"] = int(given["limit"])
    if verb in ("show", "log", "blame", "ops", "status"):
        words = [given[key] for key in ("ref",) if key in given] if verb in ("show", "log") else []
        words += ["-n", given["limit"]] if verb in ("log", "ops") and "limit" in given else []
        words += [given["name"]] if verb == "blame" and "name" in given else []
        return {"verb": verb, "words": words}
    if verb not in ("history", "cells", "compare", "resumable") or (verb == "compare" and "name" in given):
        raise UsageError(f"a server answers no '{verb}'", hint="a kernel does")
    return request


def _answered(place: str, request: Json) -> Json:
    """The answer out of the store. Raises TimeslipError."""
    try:
        return _read(place, request)
    except (StoreNotFoundError, SessionNotFoundError):
        if request["verb"] != "resumable":
            raise
        # Asked of every notebook that is opened: most of them were never recorded, and browsers log what is not found.
        return answers.answer("resumable", session=None, name=None, kernel="none", state=None)


def _read(place: str, request: Json) -> Json:
    with Repository.open(default_store_directory(), read_only=True) as repository:
        row = _session(repository, place)
        view = View(repository, row.id)
        if request["verb"] == "resumable":
            head = None if row.lease is not None else view.history.head
            rows = states.some(view, [head] if head is not None else [])
            live = "none" if row.lease is None else "live"
            state = rows[0] if rows else None
            return answers.answer("resumable", session=row.id, name=row.name, kernel=live, state=state)
        return requests.read(view, request)


def _session(repository: Repository, place: str) -> SessionRow:
    """The session of a notebook. Raises SessionNotFoundError."""
    places = {place, os.path.realpath(place)}
    for row in repository.sessions():
        if row.notebook is not None and (row.notebook in places or os.path.realpath(row.notebook) in places):
            return row
    raise SessionNotFoundError(f"nothing is recorded of '{os.path.basename(place)}'")
