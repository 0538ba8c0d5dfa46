"""What the last run is not known to have reached, looked at when there is time: one co-variable after the other.

And before that, what came back from the store without being looked at (`store.mapping`).

What is found changed is committed like everything that is found late: it belongs to the last step (003).
"""

from __future__ import annotations

from timeslip import commit as recording
from timeslip.activity import user_tasks, user_threads
from timeslip.live import Live
from timeslip.model import is_name
from timeslip.noticing import SHIFTING, Look, assumed, late_names
from timeslip.owing import Step
from timeslip.planner import Plan
from timeslip.standard import time
from timeslip.state.bundles import MOST
from timeslip.state.covariables import Covariable
from timeslip.state.mapped import forget_mapped
from timeslip.values import chunk_names

_AT_ONCE = 0.02
"""So long at once, seconds: a cell waits for no more."""

_ALONE, _BUNDLED = 3.0, 0.5
"""How many times its cost a small co-variable takes that is in no bundle, with the passes that bring it into one, and
one that is in a bundle; measured among thousands."""


def unverified(live: Live) -> list[Covariable]:
    """The co-variables that are assumed to be as recorded, the longest unchecked first.

    Those that being shown changes, or that could not be captured, are none: looking tells nothing about them.
    """
    tracker = live.tracker
    return [
        group
        for group in tracker.queue
        if group.checked < live.mark and not group.volatile and group.failure is None and group.mutable
    ]


def unverified_names(live: Live) -> tuple[str, ...]:
    """Names of `unverified`, sorted."""
    return tuple(
        sorted(key for group in unverified(live) for key in group.keys if is_name(key) and key not in SHIFTING)
    )


def can_audit(live: Live) -> bool:
    """Whether what is found now could only be late: nothing has run that the next step will look for."""
    if live.unseen or live.off or live.owed is not None or live.paused is not None:
        return False
    return not (user_threads(live.threads) or user_tasks(live.namespace.globals))


def audit(live: Live, at_most: float) -> int:
    """See `Session.audit`."""
    if live.mutex.locked():
        return 0
    if live.backlog:
        return 1  # there is something to do, which does itself
    if live.repository.maps.unverified:
        with live.turn():
            verify_mapped(live, _AT_ONCE)
        if live.repository.maps.unverified:
            return 1
    if not can_audit(live):
        return 0
    with live.turn():
        return _audit(live, at_most)


def verify_mapped(live: Live, seconds: float) -> set[str]:
    """Look for about so long at what came back as pages of the store's files without being looked at.

    What is damaged is said, and looked at as it is from now on: it is not what was recorded.

    Returns:
        The names that got damaged bytes.
    """
    names: set[str] = set()
    for about in live.repository.maps.verify(seconds):
        assert isinstance(about, tuple)
        names.update(about)
    if names:
        forget_mapped()
        live.dirty(names)
        told = ", ".join(sorted(names))
        live.notices.append(
            f"{told} came back damaged: bytes on the disk are not those that were recorded. Do not rely on {told}: run "
            "the cell again that made it, or go to another state; `timeslip check` lists all damage"
        )
    return names


def _audit(live: Live, at_most: float) -> int:
    began = time.perf_counter()
    waiting = [group for group in unverified(live) if group.seconds <= at_most]
    loose = [] if waiting else _loose(live)
    waiting = waiting or loose
    snapshot = live.namespace.snapshot()
    rebound = live.tracker.rebound(snapshot)
    if not waiting or any(rebound):
        return 0  # a name was bound between two runs: whatever did that, the next step looks for more of it
    groups = _piece(live, waiting)
    with live.changing():
        update = live.tracker.update(snapshot, groups, rebound=rebound)
        try:
            if update.names or update.gone:
                late = late_names(update, set(), live.mark)
                found = Look(update, {}, late, snapshot, *assumed(live))
                recording.write(live, Step("live", "live", started=time.time()), found, began)
        finally:
            update.release()
    for group in groups.intersection(loose):
        live.tracker.bundles.leave_out(group)
    return len(set(waiting) - groups)


def _loose(live: Live) -> list[Covariable]:
    """Very many small co-variables that are verified but in no bundle: the next travel would look at each by itself."""
    loose = [group for group in live.tracker.queue if live.tracker.bundles.takes(group)]
    return loose if len(loose) >= MOST else []


def _piece(live: Live, waiting: list[Covariable]) -> set[Covariable]:
    """The first of *waiting*; of very many so many as take no longer than one may, bundles whole."""
    if len(waiting) < MOST:
        return {waiting[0]}
    bundles, left, chosen = live.tracker.bundles, _AT_ONCE, set[Covariable]()
    for group in waiting:
        bundle = bundles.of(group)
        groups = (group,) if bundle is None else bundle.groups
        if group not in chosen:
            left -= sum(other.cost for other in groups) * (_ALONE if bundle is None else _BUNDLED)
            if left < 0 and chosen:
                break
            chosen.update(groups)
    return chosen


def check_bytes(live: Live, plan: Plan) -> None:
    """Read every chunk that *plan* needs, before anything is loaded.

    Raises:
        DamagedStoreError: one is missing or wrong.
    """
    with live.progress.phase("reading"):
        for record in plan.load:
            for chunk in chunk_names(live.repository, live.body(record)):
                live.repository.get_chunk(chunk)
