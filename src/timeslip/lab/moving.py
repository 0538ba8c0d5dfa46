"""The notebook of a session got another path: who asks by the new one must find its history."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from timeslip.errors import ConflictError, UsageError
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
    for other in repository.sessions():
        if other.notebook == path and other.id != session:
            if other.commits:
                raise ConflictError(
                    f"{path} has a session of its own already: '{other.name}'",
                    hint="`timeslip mv` gives that one another path first",
                )
            repository.move_session(other.id, None)  # an empty one, made by opening the notebook, gives way
    repository.move_session(session, path)
    return {"notebook": path, "moved": True}


def _parts(path: str) -> list[str]:
    parts = [part for part in PurePosixPath(path).parts if part != "/"]
    if not parts or ".." in parts:
        raise UsageError(f"'{path}' is not the path of a notebook below the root of a server")
    return parts
