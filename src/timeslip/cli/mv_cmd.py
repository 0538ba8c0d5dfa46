"""``timeslip mv``: follow a notebook that was renamed, or give a session another name."""

from __future__ import annotations

import os

from timeslip import answers
from timeslip.cli.command import Command, Invocation, only_here
from timeslip.cli.target import choose_session
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
            repository.move_session(session.id, path)
            if session.notebook and session.name == os.path.basename(session.notebook):
                repository.rename_session(session.id, os.path.basename(path))
            return answers.message_json("mv", f"session '{session.name}' belongs to {path} now")
        repository.rename_session(session.id, new)
        return answers.message_json("mv", f"session '{session.name}' is called '{new}' now")


COMMAND = Command(VERB, _run)
