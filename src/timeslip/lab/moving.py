"""The notebook of a session got another path: who asks by the new one must find its history."""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any

from timeslip.errors import ConflictError, NameTakenError, UsageError
from timeslip.standard import os

if TYPE_CHECKING:
    from timeslip.store.repository import Repository


def renamed(repository: Repository, session: str, notebook: str | None, before: str, after: str) -> dict[str, Any]:
    """Tie *session* to the new path of its notebook.

    A front end knows paths below the root of its server, which the kernel does not know: it is what is left of the old
    path in full.

    Args:
        repository: the store, open for writing.
        session: whose notebook it is.
        notebook: its path in full, as it was.
        before: the old path as the front end knows it.
        after: the new one.

    Raises:
        UsageError: the session belongs to no notebook, or to another one; nothing was changed.
        ConflictError: another session has a history under that path; nothing was changed.
    """
    if notebook is None:
        raise UsageError("this session belongs to no notebook")
    old, new = _parts(before), _parts(after)
    place = notebook.split(os.sep)
    if place[-len(new) :] == new and (old == new or place[-len(old) :] != old):  # told already, by another page
        return {"notebook": notebook, "moved": False}
    if place[-len(old) :] != old:
        raise UsageError(f"the notebook of this session is '{notebook}', not '{before}'")
    path = os.sep.join([*place[: -len(old)], *new])
    _tie(repository, session, path)
    return {"notebook": path, "moved": True}


def moved(repository: Repository, before: str, after: str) -> list[str]:
    """Tie the session of a notebook that lies elsewhere now, or those of all notebooks in a folder, to the new paths.

    Args:
        repository: the store, open for writing.
        before: the old path in full, of a file or a folder.
        after: the new one.

    Returns:
        The new paths in full. One under which another session has a history is left out: that one keeps it.
    """
    done = []
    for row in repository.sessions():
        if row.notebook is None or (row.notebook != before and not row.notebook.startswith(before + os.sep)):
            continue
        path = after + row.notebook[len(before) :]
        with suppress(ConflictError):
            _tie(repository, row.id, path)
            done.append(path)
            if row.name == PurePath(row.notebook).stem != PurePath(path).stem:
                with suppress(NameTakenError):  # it keeps the old one
                    repository.rename_session(row.id, PurePath(path).stem)
    return done


def _tie(repository: Repository, session: str, path: str) -> None:
    """Raises ConflictError: another session has a history under that path."""
    for other in repository.sessions():
        if other.notebook == path and other.id != session:
            if other.commits:
                raise ConflictError(
                    f"{path} has a session of its own already: '{other.name}'",
                    hint="`timeslip mv` gives that one another path first",
                )
            repository.move_session(other.id, None)  # an empty one, made by opening the notebook, gives way
    repository.move_session(session, path)


def _parts(path: str) -> list[str]:
    parts = [part for part in PurePosixPath(path).parts if part != "/"]
    if not parts or ".." in parts:
        raise UsageError(f"'{path}' is not the path of a notebook below the root of a server")
    return parts
