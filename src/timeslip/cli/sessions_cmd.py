"""``timeslip sessions``: what is recorded in the store."""

from __future__ import annotations

from timeslip import answers
from timeslip.cli.command import Command, Invocation
from timeslip.errors import StoreNotFoundError
from timeslip.listing import recorded_sessions
from timeslip.store.repository import default_store_directory
from timeslip.verbs import VERBS
from timeslip.verbs.spec import Answer

VERB = VERBS["sessions"]


def _run(invocation: Invocation) -> Answer:
    invocation.options(VERB)
    try:
        store = invocation.open_store(read_only=True)
    except StoreNotFoundError:  # nothing was recorded yet: that is an answer, not a problem
        return answers.sessions_json(str(invocation.store or default_store_directory()), ())
    with store as repository:
        return answers.sessions_json(str(repository.directory), recorded_sessions(repository))


COMMAND = Command(VERB, _run, takes_session=False)
