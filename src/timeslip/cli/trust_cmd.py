"""``timeslip trust``: accept a store that another key signed."""

from __future__ import annotations

from timeslip import answers
from timeslip.cli.command import Command, Invocation
from timeslip.verbs import VERBS
from timeslip.verbs.spec import Answer

VERB = VERBS["trust"]


def _run(invocation: Invocation) -> Answer:
    invocation.options(VERB)
    with invocation.open_store() as repository:
        return answers.trusted_json(repository.trust())


COMMAND = Command(VERB, _run, takes_session=False)
