"""``timeslip sessions``: what is recorded in the store."""

from __future__ import annotations

from typing import Any

from timeslip import answers
from timeslip.cli.command import Command, Invocation, only_here
from timeslip.errors import StoreNotFoundError
from timeslip.store.maintenance import usage
from timeslip.store.repository import Repository, default_store_directory
from timeslip.verbs.spec import JSON, Answer, Verb

VERB = Verb(
    name="sessions",
    summary="the recorded sessions: notebook, kernel alive or not, commits, size",
    details="The last used first. A kernel that is out of reach runs in a terminal or a script: it is alive, but has "
    "no connection through which a command could reach it.",
    arguments=(JSON,),
    run=only_here,
    stored=True,
)


def _run(invocation: Invocation) -> Answer:
    invocation.options(VERB)
    try:
        store = invocation.open_store(read_only=True)
    except StoreNotFoundError:  # nothing was recorded yet: that is an answer, not a problem
        return answers.answer("sessions", store=str(invocation.store or default_store_directory()), sessions=[])
    with store as repository:
        sizes = {row.name: row.bytes for row in usage(repository).sessions}
        rows = [_row(repository, row, sizes.get(row.name, 0)) for row in repository.sessions()]
        return answers.answer("sessions", store=str(repository.directory), sessions=rows)


def _row(repository: Repository, row: Any, size: int) -> dict[str, Any]:
    lease = row.lease
    return {
        "id": str(row.id),
        "name": row.name,
        "notebook": row.notebook,
        "created": row.created,
        "last_used": row.last_used,
        "commits": row.commits,
        "bytes": size,
        "alive": lease is not None,
        "reachable": lease is not None and bool(lease.info.get("connection_file")),
        "pid": lease.pid if lease is not None else None,
    }


COMMAND = Command(VERB, _run, takes_session=False)
