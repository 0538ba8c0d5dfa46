"""What a restore would keep although it holds objects of the state that is left.

A value that cannot be stored is kept while nothing is known to have changed it. But a generator over a list, or a view
of a dict, holds the very list or dict; when that comes back as a new object, what was kept goes on with the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from timeslip.codec.holding import held_by
from timeslip.codec.placeholder import Placeholder
from timeslip.live import Live
from timeslip.model import is_definition, is_name
from timeslip.planner import Plan


class Leaving:
    """Tells which live objects hold something that a restore replaces.

    Args:
        live: the session; its live state is committed.
        keep: node keys whose values stay.
    """

    def __init__(self, live: Live, keep: Iterable[str]) -> None:
        self._live = live
        self._keep = frozenset(keep)
        self._outside = [*live.encoder.seeds, *live.registry.objects()]
        self._none = all(key in self._keep for key in live.tracker.groups)

    def holds_left(self, obj: Any) -> bool:
        """Whether *obj* holds an object of a co-variable that is replaced or dropped, or too much to tell."""
        if self._live.displaced.only_here(self._live, obj):
            return True
        if self._none:
            return False
        held = held_by(obj, self._outside)
        if held is None:
            return True
        for group in self._live.tracker.sharing(held, frozenset()):
            # What only holes of the group hold has no copy: it stays with them, in the state that they tell.
            if not self._keep.issuperset(group.keys) and not group.hidden.issuperset(group.links & held):
                return True
        return False


def without_left(live: Live, plan: Plan, target: Mapping[str, str]) -> Plan:
    """*plan* without keeping what holds objects of the state that is left: that is to be replayed."""
    snapshot = live.namespace.snapshot()
    members: dict[str, list[str]] = {}
    for key in plan.keep:
        group = live.tracker.groups.get(key)
        if live.info(target[key]).lost is not None or (group and any(hole.identity for hole in group.holes)):
            members.setdefault(target[key], []).append(key)
    moved = bool(members)
    while moved:
        moved = False
        leaving = Leaving(live, plan.keep)
        for record, keys in list(members.items()):
            values = [snapshot[key] for key in keys if is_name(key) and key in snapshot]
            if any(type(value) is not Placeholder and leaving.holds_left(value) for value in values):
                keep = tuple(key for key in plan.keep if key not in keys)
                plan = replace(plan, keep=keep, replay=(*plan.replay, record))
                del members[record]
                moved = True  # what holds these objects holds objects that are left now
    return plan


def without_lost_definitions(live: Live, plan: Plan) -> Plan:
    """*plan* without keeping what belongs to a class or function whose content of that time cannot be loaded."""
    keys = {key for record in plan.replay for key in live.info(record).keys}
    lost = {key for key in keys if is_definition(key)}
    if not lost:
        return plan
    kept = [key for key in plan.keep if key in live.records and live.tracker.definitions_of((key,)) & lost]
    records = dict.fromkeys(live.records[key] for key in kept)
    keep = tuple(key for key in plan.keep if live.records.get(key) not in records)
    return replace(plan, keep=keep, replay=(*plan.replay, *records))
