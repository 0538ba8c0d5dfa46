"""``timeslip check``: read and verify everything in the store."""

from __future__ import annotations

from timeslip import answers
from timeslip.cli.command import Command, Invocation, only_here
from timeslip.cli.output import progress
from timeslip.errors import DamagedStoreError
from timeslip.store.maintenance import check
from timeslip.store.repository import Repository
from timeslip.verbs.spec import JSON, Answer, Verb

VERB = Verb(
    name="check",
    summary="read and verify everything in the store; change nothing",
    details="Reads every record and every stored byte and compares them with their ids and signatures. Exit status 1 "
    "when anything is not as it should be. The time follows the size of the store.",
    arguments=(JSON,),
    run=only_here,
    stored=True,
)


def _run(invocation: Invocation) -> Answer:
    json = invocation.options(VERB).json
    with _opened(invocation) as repository, progress("check", as_json=json) as tell:
        report = check(repository, progress=tell)
        return answers.answer(
            "check",
            store=str(repository.directory),
            intact=report.sound,
            records=report.records,
            chunks=report.chunks,
            bytes=report.bytes,
            untrusted=report.untrusted,
            forgotten=report.forgotten,
            problems=[
                {"subject": p.subject, "id": p.id, "text": p.text, "where": list(p.where)} for p in report.problems
            ],
        )


def _opened(invocation: Invocation) -> Repository:
    try:
        return invocation.open_store(read_only=True)
    except DamagedStoreError as error:  # its own hint sends people here
        raise DamagedStoreError(
            error.message, hint="restore the folder from a backup, or move it away: a new one is made then"
        ) from error


COMMAND = Command(VERB, _run, takes_session=False)
