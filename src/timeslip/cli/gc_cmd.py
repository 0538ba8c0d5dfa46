"""``timeslip gc``: drop what retention no longer keeps, and give the space back."""

from __future__ import annotations

from timeslip import answers
from timeslip.cli.command import Command, Invocation
from timeslip.config import Settings
from timeslip.store.maintenance import RetentionPolicy, gc
from timeslip.store.preferences import load_preferences
from timeslip.verbs import VERBS
from timeslip.verbs.spec import Answer

VERB = VERBS["gc"]


def _run(invocation: Invocation) -> Answer:
    options = invocation.options(VERB)
    with invocation.open_store(read_only=options.dry_run) as repository:
        settings = Settings().changed(**load_preferences(repository.directory))
        return answers.gc_json(gc(repository, keep=RetentionPolicy.from_settings(settings), dry_run=options.dry_run))


COMMAND = Command(VERB, _run, takes_session=False)
