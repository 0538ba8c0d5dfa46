"""What a restore would keep although it holds objects of the state that is left.

A value that cannot be stored is kept while nothing is known to have changed it. But a generator over a list, or a view
of a dict, holds the very list or dict; when that comes back as a new object, what was kept goes on with the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from timeslip.codec.captured import Hole
from timeslip.codec.definitions import of
from timeslip.codec.hidden import goes_on, is_remote
from timeslip.codec.holding import held_by, not_entered
from timeslip.codec.kinds import defines
from timeslip.codec.placeholder import Placeholder
from timeslip.ids import RecordId
from timeslip.live import Live
from timeslip.model import is_definition, is_name
from timeslip.planner import Plan, make_plan
from timeslip.state.covariables import Covariable

_HOLD_NOTHING = frozenset({"_thread.lock", "_thread.RLock", "_hashlib.HASH"})
"""Kinds of objects that hold nothing of the session, so that nobody has to look."""


class Leaving:
    """Tells which live objects hold something that a restore replaces.

    Args:
        live: the session; its live state is committed.
        keep: node keys whose values stay.
        closed: addresses of what is not walked through, as of an earlier one for the same restore.
    """

    def __init__(self, live: Live, keep: Iterable[str], closed: set[int] | None = None) -> None:
        self._live = live
        self._keep = frozenset(keep)
        self._none = all(key in self._keep for key in live.tracker.groups)
        self._closed = closed
        self._all_walls: set[int] | None = None
        self._identities: set[str] | None = None

    @property
    def closed(self) -> set[int]:
        """Addresses of what is not walked through. Made when it is first asked for."""
        if self._closed is None:
            self._closed = not_entered([*self._live.encoder.seeds, *self._live.registry.objects()])
        return self._closed

    @property
    def _walls(self) -> set[int]:
        """`closed`, and the values that stay: all that they hold stays, or is looked at for itself."""
        if self._all_walls is None:
            snapshot = self._live.namespace.snapshot()
            self._all_walls = self.closed | {id(snapshot[key]) for key in self._keep if key in snapshot}
        return self._all_walls

    def _is_live(self, obj: Any) -> bool:
        """Whether *obj* is part of the live state, and does not only wait for being collected."""
        resources = self._live.resources
        if self._identities is None:
            self._identities = {hole.identity for group in self._live.tracker.covariables() for hole in group.holes}
        return not self._identities.isdisjoint(resources.identities(obj))

    def holds_left(self, obj: Any) -> bool:
        """Whether *obj* holds an object of a co-variable that is replaced or dropped, or too much to tell."""
        if defines(type(obj), "__next__") and not self._is_live(obj):
            return True  # what it goes through was in a state that was left before
        if goes_on(obj):
            return False  # with what it holds, in any case: `tearing.still_used` says so
        if self._none or is_remote(str(of(type(obj), "__module__"))):
            return False
        held = held_by(obj, self._walls)
        if held is None:
            return True
        for group in self._live.tracker.sharing(held, frozenset()):
            if self._keep.issuperset(group.keys):
                continue
            found = group.links & held
            for part, links in group.parts.items():  # of what was joined to it since, only that goes
                if self._keep.issuperset(part):
                    found -= links & found
            # What only holes of the group hold has no copy: it stays with them, in the state that they tell.
            if not group.hidden.issuperset(found):
                return True
        return False


def without_left(live: Live, plan: Plan, target: Mapping[str, str]) -> Plan:
    """*plan* without keeping what holds objects of the state that is left: that is to be replayed."""
    members: dict[str, list[str]] = {}
    for key in plan.keep:
        group = live.tracker.groups.get(key)
        if group is not None and (group.failure is not None or any(map(_may_hold, group.holes))):
            members.setdefault(target[key], []).append(key)
    snapshot = live.namespace.snapshot() if members else {}
    closed: set[int] | None = None
    moved = bool(members)
    while moved:
        moved = False
        leaving = Leaving(live, (*plan.keep, *plan.bind.values()), closed)
        for record, keys in list(members.items()):
            values = [snapshot[key] for key in keys if is_name(key) and key in snapshot]
            values = [value for value in values if type(value) is not Placeholder]
            if values and _holds_left(leaving, live, live.tracker.groups[keys[0]], values):
                plan = plan.without((record,), target)
                del members[record]
                moved = True  # what holds these objects holds objects that are left now
        closed = leaving.closed
    return plan


def _may_hold(hole: Hole) -> bool:
    return bool(hole.identity) and hole.type_name not in _HOLD_NOTHING and not is_remote(hole.type_name)


def _holds_left(leaving: Leaving, live: Live, group: Covariable, values: Iterable[Any]) -> bool:
    """Whether what of *group* cannot be stored holds something that is left; *values*: where to look for it."""
    for hole in filter(_may_hold, group.holes):
        found = live.resources.live(hole.identity)
        if found is None:  # it takes no weak reference
            return any(map(leaving.holds_left, values))
        if leaving.holds_left(found[0]):
            return True
    return group.failure is not None and any(map(leaving.holds_left, values))


def without_lost_definitions(live: Live, plan: Plan, target: Mapping[str, RecordId]) -> Plan:
    """*plan* without keeping what belongs to a class or function whose content of that time cannot be loaded."""
    keys = {key for record in plan.replay for key in live.info(record).keys}
    lost = {key for key in keys if is_definition(key)}
    if not lost:
        return plan
    kept = [key for key in plan.keep if key in live.records and live.tracker.definitions_of((key,)) & lost]
    return plan.without(tuple(dict.fromkeys(target[key] for key in kept)), target)


def way_to(live: Live, target: Mapping[str, RecordId]) -> Plan:
    """The plan of the way from the live state to *target*: the planner's, without keeping what must not be kept."""
    moved = live.moved_facets()
    recorded = {key: record for key, record in live.records.items() if key not in moved}
    plan = without_lost_definitions(live, make_plan(recorded, target, live.info, live.tracker.lives()), target)
    return without_left(live, plan, target)
