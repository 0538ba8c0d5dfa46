"""``timeslip rm``: remove a session with its history."""

from __future__ import annotations

from timeslip import answers
from timeslip.cli.command import Command, Invocation, only_here
from timeslip.errors import UsageError
from timeslip.rendering.units import plural
from timeslip.verbs.spec import JSON, Answer, Argument, Verb

VERB = Verb(
    name="rm",
    summary="remove a session with its whole history from the store",
    details="The session must be named and must have no live kernel. Bytes that no other session uses are given back "
    "by the next `timeslip gc`. The notebook file is not touched.",
    arguments=(Argument(("session",), "the session, in full or a unique part", metavar="SESSION", nargs="?"), JSON),
    run=only_here,
    free_word=True,
    stored=True,
)


def _run(invocation: Invocation) -> Answer:
    named = invocation.options(VERB).session or invocation.session
    if named is None:
        raise UsageError("missing: SESSION", hint="`timeslip sessions` lists them; rm never guesses")
    with invocation.open_store() as repository:
        session = repository.find_session(named)
        row = next(row for row in repository.sessions() if row.id == session)
        repository.remove_session(session)
        what = f"session '{row.name}' with {plural(row.commits, 'commit')}"
        return answers.message_json("rm", f"removed {what}; `timeslip gc` gives its space back")


COMMAND = Command(VERB, _run, takes_session=False)
