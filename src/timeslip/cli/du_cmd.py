"""``timeslip du``: size of a store by session, and by name of one session."""

from __future__ import annotations

from timeslip import answers
from timeslip.cli.command import Command, Invocation
from timeslip.cli.target import choose_session
from timeslip.config import Settings
from timeslip.store.maintenance import usage
from timeslip.store.preferences import load_preferences
from timeslip.verbs import VERBS
from timeslip.verbs.parsing import parse
from timeslip.verbs.spec import Answer

VERB = VERBS["du"]


def _run(invocation: Invocation) -> Answer:
    with invocation.open_store(read_only=True) as repository:
        session = None
        words = list(invocation.words)
        if invocation.session is not None or any(not word.startswith("-") for word in words):
            row, words = choose_session(repository, invocation, VERB)
            session = row.id
        elif len(repository.sessions()) == 1:
            session = repository.sessions()[0].id
        parse(VERB, words)
        limit = Settings().changed(**load_preferences(repository.directory)).max_store_bytes
        return answers.usage_json(usage(repository, session, limit_bytes=limit))


COMMAND = Command(VERB, _run)
