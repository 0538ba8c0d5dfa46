"""``timeslip gc``: drop what retention no longer keeps, and give the space back."""

from __future__ import annotations

from timeslip import answers
from timeslip.cli.command import Command, Invocation
from timeslip.cli.output import progress
from timeslip.config import Settings
from timeslip.store.maintenance import RetentionPolicy, gc
from timeslip.store.preferences import load_preferences
from timeslip.verbs import VERBS
from timeslip.verbs.spec import Answer

VERB = VERBS["gc"]


def _run(invocation: Invocation) -> Answer:
    options = invocation.options(VERB)
    with (
        invocation.open_store(read_only=options.dry_run) as repository,
        progress("gc", as_json=options.json) as tell,
    ):
        policy = RetentionPolicy.from_settings(Settings().changed(**load_preferences(repository.directory)))
        return answers.gc_json(gc(repository, keep=policy, dry_run=options.dry_run, thorough=True, progress=tell))


COMMAND = Command(VERB, _run, takes_session=False)
