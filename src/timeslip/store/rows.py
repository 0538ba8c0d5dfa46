"""Frozen records that the store hands out. No behaviour: only words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from timeslip.ids import CommitId, OperationId, SessionId


@dataclass(frozen=True, slots=True)
class Ref:
    """A name for a commit.

    Attributes:
        kind: "branch" or "tag".
        name: as the user typed it.
        commit: what it names.
    """

    kind: str
    name: str
    commit: CommitId


@dataclass(frozen=True, slots=True)
class Head:
    """Where one kernel of a session is.

    Attributes:
        kernel: the kernel's own id.
        commit: None before the first commit.
        branch: the branch that the next commit goes to.
        time: of the last move, Unix time, seconds.
    """

    kernel: str
    commit: CommitId | None
    branch: str
    time: float


@dataclass(frozen=True, slots=True)
class OperationRow:
    """An entry of the operation log.

    Attributes:
        seq: its number; larger is later.
        kernel: whose operation it was.
        kind: "run", "undo" …
        before: HEAD before, or None.
        after: HEAD after, or None.
        time: Unix time, seconds.
        details: JSON-ready.
        damage: what is wrong with the details, which are empty then; usually nothing.
    """

    seq: OperationId
    kernel: str
    kind: str
    before: CommitId | None
    after: CommitId | None
    time: float
    details: dict[str, Any]
    damage: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """A kernel that says it uses a session.

    Attributes:
        session: the session.
        kernel: the kernel's own id.
        holder: True for the one kernel that holds the session; others use it beside.
        pid: its process, on its host.
        alive: whether that process still runs; for a host that cannot be examined, whether it gave a sign lately.
        time: when the lease was taken, Unix time, seconds.
        info: what the kernel told about itself (connection file, version of Python …).
    """

    session: SessionId
    kernel: str
    holder: bool
    pid: int
    alive: bool
    time: float
    info: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A recorded session.

    Attributes:
        id: never changes.
        name: unique in the store.
        notebook: path of its notebook, if it has one.
        created: Unix time, seconds.
        last_used: when the last commit was made, Unix time, seconds.
        commits: how many were made.
        lease: the live kernel that holds it, or None.
    """

    id: SessionId
    name: str
    notebook: str | None
    created: float
    last_used: float
    commits: int
    lease: Lease | None
