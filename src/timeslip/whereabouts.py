"""What others may know of a live session at any moment, from any thread: nothing here waits for its turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from timeslip.ids import CommitId, SessionId

if TYPE_CHECKING:
    from timeslip.session import Session
    from timeslip.store.repository import Repository


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a live session is, as it says itself; the rest is read in the store.

    Attributes:
        repository: the session's own store; another thread reads it through a door of its own (`Repository.beside`).
        session: id of the session, which another one takes the place of by ``resume --from``.
        kernel: id of this attachment, by which the store keeps HEAD.
        name: of the session.
        notebook: path of its notebook, or None.
        head: the commit the session is at, or None before the first.
        branch: that the session is on.
        paused: why recording is paused, or None.
        resumable: the last commit of an earlier kernel that `resume` would bring back, or None.
        shared: another kernel holds the session, and this one is on a branch of its own.
        unfinished: runs whose commit is not finished yet.
        rewritten: how often what was recorded was changed in its place.
        most_bytes: what the cells of a notebook that are kept with one commit may take, bytes.
    """

    repository: Repository
    session: SessionId
    kernel: str
    name: str
    notebook: str | None
    head: CommitId | None
    branch: str
    paused: str | None
    resumable: CommitId | None
    shared: bool
    unfinished: int
    rewritten: int
    most_bytes: int


def whereabouts(session: Session) -> Whereabouts:
    """Read a few attributes, each of them whole at any instant."""
    live = session._live
    return Whereabouts(
        live.repository,
        live.session,
        live.kernel,
        session.name,
        session.notebook,
        live.head,
        live.branch,
        live.paused,
        session._resumable,
        live.shared,
        live.unfinished + len(live.backlog),
        live.rewritten,
        live.settings.max_cells_bytes,
    )
