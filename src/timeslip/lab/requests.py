"""A request of a front end and its answer, both plain JSON: the reading verbs, and those that only front ends have.

Nothing here raises: what went wrong is part of the answer. Nothing here looks at live values.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from timeslip import __version__, answers
from timeslip.errors import TimeslipError, UsageError
from timeslip.lab import states
from timeslip.verbs import VERBS
from timeslip.verbs.parsing import find_verb, parse
from timeslip.verbs.spec import Verb

if TYPE_CHECKING:
    from timeslip.lab.view import View

VERSIONS = (1,)
"""Versions of the contract that this package speaks."""

READING = ("status", "log", "show", "diff", "blame", "ops", "sessions")
"""The verbs that can be asked here: all that they need is in the store."""

Json = dict[str, Any]
Know = Callable[[int], int | None]
"""Gives, for the number of an event, the position in the session of the newest commit at that time."""


def hello(view: View, asked: object, seq: int = 0) -> Json:
    """The answer to a front end that begins: what is recorded, or why nothing can be told.

    Args:
        view: the session.
        asked: what the front end said when it opened the connection.
        seq: number of the last event.
    """
    offered = asked.get("versions") if isinstance(asked, dict) else None
    known = [number for number in VERSIONS if isinstance(offered, list) and number in offered]
    if not known:
        newest = f"this kernel's Timeslip {__version__} speaks version {max(VERSIONS)} of the contract"
        return {"refused": _error("version", f"{newest}; the front end offered {offered}", "update the older one")}
    try:
        status = view.here
        history = view.history
        row = view.stored().row
        body: Json = {
            "version": max(known),
            "package": __version__,
            "session": str(view.session),
            "name": row.name,
            "notebook": row.notebook,
            "python": ".".join(map(str, sys.version_info[:3])),
            "store": str(view.repository.directory),
            "store_bytes": view.repository.size_bytes(),
            "head": history.head,
            "branch": history.branch_name,
            "paused": status.paused if status is not None else None,
            "resumable": status.resumable if status is not None else history.head,
            "seq": seq,
            "pieces": True,
        }
    except TimeslipError as error:
        return {"refused": error_of(error)}
    return {"hello": body}


def answered(request: object, perform: Callable[[Mapping[str, Any]], Json]) -> Json:
    """The reply to one *request*: what *perform* answers, or what went wrong, under the number of the request."""
    if not isinstance(request, dict):
        return {"id": None, "error": _error("usage", "a request is a JSON object", "")}
    reply: Json = {"id": request.get("id")}
    try:
        reply["answer"] = perform(request)
    except Exception as error:  # whoever asked must get an answer, and the kernel must not show a traceback
        reply["error"] = error_of(error)
    return reply


def needs_values(request: object) -> bool:
    """Whether values have to be loaded for the answer, which the process of the session never does for a front end."""
    if not isinstance(request, dict):
        return False
    verb, words = request.get("verb"), request.get("words")
    if verb == "show" and isinstance(words, list):
        return len([word for word in words if not str(word).startswith("-")]) > 1
    return verb in ("preview", "diff") or (verb == "compare" and request.get("name") is not None)


def read(view: View, request: Mapping[str, Any], know: Know | None = None, seq: int = 0) -> Json:
    """The answer to a request that only reads.

    Raises:
        TimeslipError: there is none.
    """
    name = str(request.get("verb"))
    if name == "history":
        return _history(view, request, know, seq)
    if name == "preview":
        from timeslip.lab.values import preview

        return answers.answer(name, **preview(view, text_of(request, "ref", "HEAD"), _names(request)))
    if name == "compare":
        from timeslip.lab.comparing import compare

        given = (text_of(request, "a"), text_of(request, "b"), request.get("name"))
        return answers.answer(name, **compare(view, *given))
    if name == "cells":
        from timeslip.lab.cells import cells

        return answers.answer(name, **cells(view, text_of(request, "ref", "HEAD")))
    verb = reading_verb(name)
    if needs_values(request):
        from timeslip.lab.values import behind_fence

        with behind_fence():
            return _performed(verb, view, request)
    return _performed(verb, view, request)


def _performed(verb: Verb, view: View, request: Mapping[str, Any]) -> Json:
    options = parse(verb, [*_words(request), "--json"])
    if options.help:
        raise UsageError(f"{verb.name}: help is for people", hint=verb.hint)
    return verb.run(view.stored(), options)


def reading_verb(name: str) -> Verb:
    """The verb called *name*, if it is one that reads the store. Raises UsageError."""
    verb = find_verb(VERBS, name)
    if name not in READING:
        raise UsageError(
            f"'{name}' is not answered here", hint="ask for it with an execute request; see docs/reference/lab.md"
        )
    return verb


def _history(view: View, request: Mapping[str, Any], know: Know | None, seq: int) -> Json:
    since, limit, before = (request.get(key) for key in ("since", "limit", "before"))
    newest = know(since) if know is not None and type(since) is int else None
    if limit is not None and (type(limit) is not int or limit < 1):
        raise UsageError("'limit' is a whole number from 1 up")
    if before is not None and not isinstance(before, str):
        raise UsageError("'before' is the id of a commit")
    page = states.page(view, limit=limit, before=before, newer_than=newest)
    return answers.answer("history", seq=seq, since=since if newest is not None else None, **page)


def _words(request: Mapping[str, Any]) -> Sequence[str]:
    words = request.get("words") or ()
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        raise UsageError("'words' is a list of texts")
    return [word for word in words if word != "--json"]


def text_of(request: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """What *request* says under *key*. Raises UsageError: it is no text."""
    value = request.get(key, default)
    if not isinstance(value, str):
        raise UsageError(f"'{key}' is a text")
    return value


def _names(request: Mapping[str, Any]) -> list[str] | None:
    names = request.get("names")
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise UsageError("'names' is a list of names, or null for all")
    return names


def error_of(error: Exception) -> Json:
    """An error as the contract writes it."""
    if not isinstance(error, TimeslipError):
        return _error("internal", f"{type(error).__name__} inside Timeslip: {error}", "please report this")
    return {**_error(error.code, error.message, error.hint), "exit_status": error.exit_status}


def _error(code: str, message: str, hint: str) -> Json:
    return {"code": code, "message": message, "hint": hint, "exit_status": 1}
