"""The sessions of a store: which there are, and which of them somebody may mean."""

from __future__ import annotations

import shlex

from timeslip.errors import CommitNotFoundError
from timeslip.model import Recorded
from timeslip.store.maintenance import usage
from timeslip.store.repository import Repository
from timeslip.store.rows import SessionRow


def row_of(repository: Repository, identity: str) -> SessionRow:
    """The row of a session that is there."""
    return next(row for row in repository.sessions() if row.id == identity)


def earlier_sessions(repository: Repository, besides: str) -> list[SessionRow]:
    """Sessions with a history that the kernel of session *besides* could go on with, the likeliest first.

    That is the last used one that no kernel holds, and, where no notebook names the kernel's own, no notebook either.
    """
    named = row_of(repository, besides).notebook is not None
    rows = [row for row in repository.sessions() if row.id != besides and row.commits]
    return sorted(rows, key=lambda row: (row.lease is not None, not named and row.notebook is not None))


def how_to_resume(repository: Repository, besides: str) -> str:
    """What to type to go on with an earlier session; empty when there is none."""
    rows = earlier_sessions(repository, besides)
    if not rows:
        return ""
    names = ", ".join(f"'{row.name}'" for row in rows[:3]) + (f" and {len(rows) - 3} more" if len(rows) > 3 else "")
    first = f"`resume --from {shlex.quote(rows[0].name)}`"
    return f"{first} goes on with an earlier session; `sessions` lists them: {names}"


def nothing_to_resume(repository: Repository, session: str) -> CommitNotFoundError:
    """The error of a `resume` that has nothing to bring back."""
    row = row_of(repository, session)
    newest = next((commit for commit, _ in repository.commits(session, limit=1)), None)
    if newest is not None and row.lease is None:
        return CommitNotFoundError(
            f"session '{row.name}' was left at the empty state, before its first commit",
            hint=f"`resume --from {shlex.quote(row.name)} {newest[:8]}` brings the newest of its states back",
        )
    return CommitNotFoundError(
        "there is no earlier state of this session to bring back",
        hint=how_to_resume(repository, session)
        or "`resume` is for a new kernel; `checkout REF` goes to any recorded state",
    )


def recorded_sessions(repository: Repository, current: str | None = None) -> list[Recorded]:
    """Every session of the store, the last used first; *current* is the caller's own."""
    sizes = {row.name: row.bytes for row in usage(repository).sessions}
    return [
        Recorded(
            id=row.id,
            name=row.name,
            notebook=row.notebook,
            created=row.created,
            last_used=row.last_used,
            commits=row.commits,
            bytes=sizes.get(row.name, 0),
            alive=row.lease is not None,
            reachable=row.lease is not None and bool(row.lease.info.get("connection_file")),
            pid=row.lease.pid if row.lease is not None else None,
            current=row.id == current,
        )
        for row in repository.sessions()
    ]
