"""What may have changed in the live state, and what did: before anything is written.

Nothing here raises into the user's cell but the errors of `timeslip.errors`.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from timeslip.activity import user_tasks, user_threads
from timeslip.codec.runs import Runs, run_by
from timeslip.live import Live
from timeslip.state.covariables import Covariable, Update
from timeslip.state.facets.differences import EMPTY, parsed
from timeslip.state.facets.matplotlib_state import open_figures
from timeslip.state.reach import CodeFacts, Reached, facts_of_source, path_of_value, reached
from timeslip.state.source import statements

_ASSUMED = 20
"""Of so many skipped names a commit says which they are; of the others how many."""
SHIFTING = frozenset({"_", "__", "___"})
"""State like any other name, but their change is no news: every displayed output shifts them."""


@dataclass(slots=True)
class Look:
    """What looking at the live state found, before anything is written.

    Attributes:
        update: of the tracker.
        facets: facet name -> bytes, for those that differ from the recorded ones.
        late: names found changed although the step did not reach them, and that had been skipped before, each with the
            number of the update that last found it as recorded.
        snapshot: node key -> object of every name, until `release`.
        assumed: names skipped now, `_ASSUMED` at most.
        more: how many others were skipped.
    """

    update: Update
    facets: dict[str, bytes]
    late: dict[str, int]
    snapshot: dict[str, Any]
    assumed: tuple[str, ...] = ()
    more: int = 0

    def __bool__(self) -> bool:
        return bool(self.update.changed or self.update.gone or self.facets)

    def release(self) -> None:
        """Let go of the user's objects."""
        self.update.release()
        self.snapshot.clear()


def reach_of(live: Live, source: str | None, snapshot: Mapping[str, Any], bound: set[str]) -> Reached | None:
    """What a run of *source* may have reached, going by the state before it; None when there is no source.

    Args:
        live: the session.
        source: plain Python.
        snapshot: the state after it.
        bound: names that it bound.
    """
    return _reach_of(live, facts_of_source(source), snapshot, bound) if source is not None else None


def _reach_of(live: Live, facts: CodeFacts, snapshot: Mapping[str, Any], bound: set[str]) -> Reached:
    unknown: list[str] = []

    def codes_of(name: str) -> Iterable[types.CodeType | str]:
        nodes = live.tracker.definitions_of((name,))
        for node in nodes:
            definition = live.registry.live(node[4:])
            if type(definition) is types.FunctionType:
                yield definition.__code__
        for key in (name, *nodes):
            for runs in _runs_of(live, key, snapshot):
                if runs is None:
                    unknown.append(name)
                yield from runs or ()

    def target_of(name: str) -> str | None:
        if name in bound or name not in snapshot:
            return None
        return path_of_value(snapshot[name], live.namespace.globals)

    found = reached(facts, codes_of, target_of)
    if not unknown:
        return found
    return replace(found, everything=True, reasons=(*found.reasons, f"uses {unknown[0]}, which holds too much to tell"))


def _runs_of(live: Live, key: str, snapshot: Mapping[str, Any]) -> Iterable[Runs]:
    """What code of the session runs by what is recorded of *key* without being in a stream."""
    group = live.tracker.groups.get(key)
    if group is None:
        return
    for hole in group.holes:
        yield hole.runs
    if group.failure is not None and key in snapshot:
        yield run_by(snapshot[key], live.namespace.globals, live.encoder.seeds)


def _note_hooks(live: Live, source: str, reach: Reached, snapshot: Mapping[str, Any], bound: set[str]) -> None:
    """Note what code can reach that a run has handed on to be run later.

    Only the statements that hand something on count: what else the run named is no matter of that code. What a name
    leads to is asked with every look (`_hook_groups`), because functions can be defined anew.
    """
    live.hooked = reach.hooks[0]
    parts = [_reach_of(live, facts_of_source(part), snapshot, bound) for part in statements(source)]
    handing = [part for part in parts if part.hooks] or [reach]
    live.hook_names |= frozenset().union(*(part.names for part in handing))
    live.hooks_reach_everything |= any(part.everything for part in handing)


def look(live: Live, source: str | None, *, everything: bool, idle: bool = False) -> Look:
    """Compare the live state with what is recorded.

    Args:
        live: the session.
        source: plain Python that has run since the last look; None when that is not known.
        everything: check all co-variables.
        idle: no code of the user has run since the last commit, as far as is known; what being shown changes is then
            taken to be as it was, if the last look found it so.
    """
    tracker = live.tracker
    retry = tracker.to_retry(all_of_them=everything)
    snapshot = live.namespace.snapshot()
    _tell_left_out(live)
    rebound = tracker.rebound(snapshot)
    reach = reach_of(live, source, snapshot, rebound[0])
    if source is not None and reach is not None and reach.hooks:
        _note_hooks(live, source, reach, snapshot, rebound[0])
    unknown = reach is None or reach.everything or reach.starts_threads
    unknown = unknown or bool(user_threads(live.threads)) or user_tasks(live.namespace.globals)
    groups = _groups_of(live, reach.names if reach is not None else ())
    groups |= _hook_groups(live, snapshot) | _patched(live, source)
    everything = everything or unknown or live.hooks_reach_everything
    if not idle:
        groups |= _drawn_on(live)
    if not idle:
        _renew(live, tracker.covariables() if unknown else groups)
    check = set(tracker.queue) | groups if everything else groups | _within_budget(live, groups)
    # What cannot be captured would look changed every time: it counts as changed when the run may have reached it.
    check = {group for group in check if (group.mutable if group.failure is None else group in groups)}
    with live.progress.phase("looking at names"):
        wanted = {group for group in check if not (idle and group.volatile and group.checked >= live.mark)}
        update = tracker.update(snapshot, wanted, retry, rebound=rebound, reached=wanted if unknown else groups)
    late = late_names(update, groups, live.mark)
    live.mark = tracker.count
    if source is not None:
        live.facets.note_imports(facts_of_source(source).imports, snapshot.values())
    now = live.facets.capture()
    facets = {name: data for name, data in now.items() if live.facet_bytes.get(name) != data}
    return Look(update, facets, late, snapshot, *assumed(live))


def assumed(live: Live) -> tuple[tuple[str, ...], int]:
    """Names that the last look skipped, `_ASSUMED` at most, and how many others it did.

    Part of every commit, so it may not be as long as there are names; `auditing.unverified_names` tells all of them.
    """
    tracker = live.tracker
    found, count = tracker.skipped(live.mark, _ASSUMED + len(SHIFTING))
    shifting = [tracker.groups[key] for key in SHIFTING if key in tracker.groups]
    count -= sum(group in tracker.queue and group.checked < live.mark for group in shifting)
    told = sorted([key for key in found if key not in SHIFTING][:_ASSUMED])
    return tuple(told), count - len(told)


def _renew(live: Live, reached_groups: Iterable[Covariable]) -> None:
    """Objects whose state cannot be compared count as changed once a run may have reached them (009)."""
    for group in reached_groups:
        for hole in group.holes:
            if not hole.complete:
                live.resources.renew(hole.identity)


def _hook_groups(live: Live, snapshot: Mapping[str, Any]) -> set[Covariable]:
    """What code may reach that was handed on to be run later."""
    if live.hooked is None:
        return set()
    reach = _reach_of(live, CodeFacts(reads=live.hook_names), snapshot, set())
    live.hooks_reach_everything |= reach.everything
    if live.hooks_reach_everything:
        return live.tracker.covariables()
    return _groups_of(live, reach.names)


def _patched(live: Live, source: str | None) -> set[Covariable]:
    """The co-variables of patches that *source* mentions: of their attributes, under whatever name they stand there."""
    facts = facts_of_source(source) if source is not None else None
    keys = live.namespace.patched(None if facts is None else facts.attributes | facts.names)
    return {live.tracker.groups[key] for key in keys if key in live.tracker.groups}


def _drawn_on(live: Live) -> set[Covariable]:
    """What a run may have drawn on without naming it: pyplot draws on the figures that it holds open itself."""
    if not open_figures() and not parsed(live.facet_bytes.get("matplotlib", EMPTY)).get("figures"):
        return set()
    return {group for group in live.tracker.queue if group.volatile}


def _groups_of(live: Live, names: Iterable[str]) -> set[Covariable]:
    """The co-variables of *names* and of the classes and functions that they refer to."""
    tracker = live.tracker
    keys = {name for name in names if name in tracker.groups}
    keys |= tracker.definitions_of(keys)
    return {tracker.groups[key] for key in keys if key in tracker.groups}


def _within_budget(live: Live, reached_groups: set[Covariable]) -> set[Covariable]:
    """Co-variables that are not known to be reached but cheap enough to be looked at, the longest unchecked first."""
    left = live.settings.check_budget
    chosen: set[Covariable] = set()
    for group in live.tracker.cheap:
        if group in reached_groups:
            continue
        left -= group.cost
        if left < 0:
            break
        chosen.add(group)
    return chosen


def late_names(update: Update, reached_groups: set[Covariable], mark: int) -> dict[str, int]:
    """Changed names that had been skipped, or not captured, since before the last step: when is not known.

    Args:
        update: what was found.
        reached_groups: what the step may have changed itself.
        mark: number of the update after the step before.

    Returns:
        Each with the number of the update that last found it as recorded.
    """
    return {
        key: group.checked
        for group in update.replaced
        if group not in reached_groups and (group.checked < mark or group.failure is not None)
        for key in group.keys
        if key in update.names
    }


def _tell_left_out(live: Live) -> None:
    left_out = live.namespace.left_out
    if left_out - live.left_out:
        names = ", ".join(sorted(left_out - live.left_out)[:5])
        live.notices.append(f"nothing can be recorded under the name {names}: it stays as it is, whatever you restore")
    live.left_out = left_out
