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
        signed = repository.trust()
        records = "1 record" if signed == 1 else f"{signed:,} records"
        return answers.message_json("trust", f"{records} signed with your key: what the store holds now is yours")


COMMAND = Command(VERB, _run, takes_session=False)
