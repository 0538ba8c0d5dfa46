"""Going on with a recorded session: where it stands, and taking one up in place of another.

A kernel that no notebook names begins a session of its own, because nothing says which earlier one it goes on with. The
user can say it later: `taken_up` makes the kernel's namespace part of that other session from then on.
"""

from __future__ import annotations

from dataclasses import dataclass

from timeslip import commit as recording
from timeslip.errors import DamagedStoreError
from timeslip.history import guests_beside, main_head
from timeslip.ids import CommitId, SessionId
from timeslip.interrupts import uninterrupted
from timeslip.listing import row_of
from timeslip.live import Live
from timeslip.naming import free_branch
from timeslip.owing import Step
from timeslip.standard import time
from timeslip.store.repository import Repository
from timeslip.store.rows import SessionRow


@dataclass(frozen=True, slots=True)
class Begun:
    """One namespace as a part of one session.

    Attributes:
        live: its parts.
        name: of the session.
        notebook: path of the session's notebook, or None.
        resumable: the last commit of the session before this kernel, or None.
    """

    live: Live
    name: str
    notebook: str | None
    resumable: CommitId | None


def begin(live: Live, *, holds: bool) -> Begun:
    """*live*, at the place in history where its session goes on; *holds* whether no other kernel has it."""
    repository, identity = live.repository, live.session
    row = row_of(repository, identity)
    head = main_head(repository, identity)
    try:
        repository.heads(identity)
    except DamagedStoreError as error:  # the commits themselves may all be whole
        live.notices.append(
            f"where '{row.name}' was is damaged in the store ({error.message}): `timeslip log --all` lists its "
            "commits, `timeslip resume COMMIT` brings one back, `timeslip check` lists all damage"
        )
    if head is not None and head.branch:
        live.branch = head.branch
    if not holds:
        live.shared = live.fresh_branch = True
        live.branch = free_branch(live.branch, {*(ref.name for ref in repository.refs(identity)), live.branch})
        live.notices.append(
            f"another kernel is recording '{row.name}' at the same time: this one goes on a branch of its own, "
            f"'{live.branch}', and neither touches the other"
        )
    elif head is not None:
        live.notices += [
            f"a second kernel was at work, too: `%timeslip resume {guest.branch}` brings its last state"
            for guest in guests_beside(repository, identity, head)
        ]
    return Begun(live, row.name, row.notebook, head.commit if head is not None else None)


def record_found(live: Live) -> None:
    """Record what was there before recording began: no step, so it is never undone."""
    if live.namespace.snapshot():
        with live.turn():
            recording.record(live, Step("attach", "attach", started=time.time(), everything=True))


def taken_up(old: Live, identity: SessionId) -> Begun:
    """The namespace of *old*, whose live state is committed, as a part of session *identity*; *old* has ended then.

    What was recorded of it so far stays in the old session, which is removed if that is nothing.

    Raises:
        StoreError: nothing was changed, except that the live state may be recorded in that session.
    """
    repository = old.repository
    live = Live(repository, identity, old.namespace, old.settings, "main")
    # What is measured from the beginning of the kernel goes on: what the facets were like then, its own threads.
    live.facets, live.threads, live.moves, live.born = old.facets, old.threads, old.moves, old.born
    live.progress.tell = old.progress.tell
    info = next((lease.info for lease in repository.leases(old.session) if lease.kernel == old.kernel), {})
    with uninterrupted():
        holds = repository.acquire_lease(identity, live.kernel, info)
        try:
            begun = begin(live, holds=holds)
            record_found(live)
            _leave(repository, old, begun)
        except BaseException:  # whatever went wrong: the kernel goes on with the old one
            repository.release_lease(identity, live.kernel)
            repository.moved = old.progress.moved
            raise
    live.notices[:0] = old.notices
    return begun


def _leave(repository: Repository, old: Live, begun: Begun) -> None:
    """The old session is not this kernel's any more, and its notebook is that of the new one if that has none."""
    row = row_of(repository, old.session)
    if row.notebook is not None and begun.notebook is None:
        repository.move_session(old.session, None)
        repository.move_session(begun.live.session, row.notebook)
    repository.release_lease(old.session, old.kernel)
    alone = not any(lease.alive for lease in repository.leases(old.session))
    if not row.commits and alone:
        repository.remove_session(old.session)


def said_of(old: SessionRow, begun: Begun) -> str:
    """What the user should know about having left *old*."""
    stay = f"; what was recorded here before stays in '{old.name}'" if old.commits else ""
    text = f"this kernel is recorded in session '{begun.name}' from now on{stay}"
    if old.notebook is not None and begun.notebook not in (None, old.notebook):
        text += (
            f". It belongs to another notebook, {begun.notebook}: the next kernel of this one begins in a session of "
            "its own again"
        )
    return text
