"""``timeslip mv``: follow a notebook that was renamed, or give a session another name."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import PurePath

from timeslip import answers
from timeslip.arguments import check_session_name
from timeslip.cli.command import Command, Invocation, only_here
from timeslip.cli.target import choose_session
from timeslip.errors import ConflictError, NameTakenError
from timeslip.store.repository import Repository
from timeslip.verbs.parsing import parse
from timeslip.verbs.spec import JSON, Answer, Argument, Verb

VERB = Verb(
    name="mv",
    summary="tell a session that its notebook was renamed, or give it another name",
    details="NEW ends in .ipynb: the session belongs to the notebook of that path from now on. Else NEW is the "
    "session's new name. Only the store changes: no file is moved.",
    arguments=(Argument(("new",), "path of the notebook, or a name", metavar="NEW"), JSON),
    run=only_here,
    free_word=True,
    stored=True,
)


def _run(invocation: Invocation) -> Answer:
    with invocation.open_store() as repository:
        session, words = choose_session(repository, invocation, VERB)
        new = parse(VERB, words).new
        if new.endswith(".ipynb"):
            path = os.path.realpath(new)
            _make_way(repository, session.id, path)
            repository.move_session(session.id, path)
            name = session.name
            if session.notebook and name == PurePath(session.notebook).stem != PurePath(path).stem:
                with suppress(NameTakenError):  # it keeps the old one
                    repository.rename_session(session.id, PurePath(path).stem)
                    name = PurePath(path).stem
            return answers.message_json("mv", f"session '{name}' belongs to {path} now")
        repository.rename_session(session.id, check_session_name(new))
        return answers.message_json("mv", f"session '{session.name}' is called '{new}' now")


def _make_way(repository: Repository, session: str, path: str) -> None:
    """See that no other session is found under *path*: an empty one, made by opening the renamed notebook, gives way.

    Raises:
        ConflictError: the other one has a history.
    """
    for other in repository.sessions():
        if other.id == session or other.notebook != path:
            continue
        if other.commits:
            raise ConflictError(
                f"{path} has a session of its own already: '{other.name}' with {other.commits} commits",
                hint=f"`timeslip rm {other.name}` removes that one; `timeslip mv {other.name} OTHER.ipynb` keeps it",
            )
        repository.move_session(other.id, None)


COMMAND = Command(VERB, _run)
