"""What is said of the names that a restore leaves alone.

They are the very objects that they were, which is why there is nothing to say of them. But for a placeholder that still
stands for what could not be had; for what belongs to a library that has changed it meanwhile; and for what is not
recorded of a value and cannot be compared, when a run between the two states may have used it up.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from timeslip.codec.placeholder import Placeholder
from timeslip.codec.reducers.registries import LEFT_INTERACTIVE
from timeslip.history import History
from timeslip.ids import CommitId
from timeslip.live import Live
from timeslip.model import EXACT, LOST, REBUILT
from timeslip.noticing import reach_of
from timeslip.state.facets import stays_interactive
from timeslip.values import read_stream

_FAR = 500
"""Of states further apart than so many commits it is not looked for what is between them."""


def kept(
    live: Live,
    history: History,
    commit: CommitId | None,
    target: Mapping[str, str],
    snapshot: Mapping[str, Any],
    names: Iterable[str],
) -> Iterator[tuple[str, str, str]]:
    """Name, fidelity and note (empty for none) of each of *names*, which keep the values they have in *snapshot*.

    Args:
        live: the session.
        history: of the session.
        commit: the state that is restored; None for the empty one.
        target: node key -> value record, in the state that is restored.
        snapshot: the names as they are.
        names: which of them stay.

    Raises:
        StoreError: a record cannot be read.
    """
    parameters = getattr(sys.modules.get("matplotlib"), "rcParams", None)
    between = _Between(live, history, commit, snapshot)
    for name in names:
        value = snapshot.get(name)
        if type(value) is Placeholder:
            yield name, LOST, value.timeslip_reason
        elif value is parameters is not None and stays_interactive(_facet(live, target, "matplotlib")):
            yield name, REBUILT, LEFT_INTERACTIVE
        else:
            used = between.may_have_used(name)
            yield name, REBUILT if used else EXACT, used


@dataclass(slots=True)
class _Side:
    """A walk back from a commit: where it is, and the commits that are behind it."""

    at: CommitId | None
    way: list[CommitId] = field(default_factory=list)


class _Between:
    """What runs between the live state and another one may have used up of what is not recorded of a value."""

    def __init__(self, live: Live, history: History, commit: CommitId | None, snapshot: Mapping[str, Any]) -> None:
        self._live = live
        self._history = history
        self._commit = commit
        self._snapshot = snapshot

    def may_have_used(self, name: str) -> str:
        """What there is to say of that for *name*; empty for nothing."""
        group = self._live.tracker.groups.get(name)
        holes = [hole for hole in group.holes if not hole.identity and not hole.complete] if group is not None else []
        if group is None or not holes:
            return ""
        if self._reached is not None and self._reached.isdisjoint(group.keys):
            return ""
        told = "; ".join(dict.fromkeys(f"{hole.type_name}: {hole.reason}" for hole in holes))
        return f"kept, but a run in between may have used up what is not recorded of it ({told})"

    @functools.cached_property
    def _reached(self) -> frozenset[str] | None:
        """Names that these runs may have reached; None when that cannot be told."""
        found: set[str] = set()
        way = self._way()
        for commit in map(self._history.commit, way or ()):
            if commit.kind != "run":
                continue
            source = self._live.namespace.transform(commit.code) if commit.code is not None else None
            reach = reach_of(self._live, source, self._snapshot, set())
            if reach is None or reach.everything:
                return None
            found |= reach.names
        return None if way is None else frozenset(found)

    def _way(self) -> list[CommitId] | None:
        """The commits after which the one state is no longer, or not yet, the other; None when they are far apart."""
        here, there = _Side(self._live.head), _Side(self._commit)
        for _ in range(_FAR):
            for side, other in ((here, there), (there, here)):
                if side.at in other.way:
                    return [*side.way, *other.way[: other.way.index(side.at)]]
                if side.at == other.at:
                    return [*side.way, *other.way]
                if side.at is not None:
                    side.way.append(side.at)
                    parents = self._history.repository.commit(side.at)["parents"]
                    side.at = CommitId(parents[0]) if parents else None
        return None


def _facet(live: Live, target: Mapping[str, str], name: str) -> bytes | None:
    """What *target* has recorded of a facet; None for nothing."""
    record = target.get(f"facet:{name}")
    return None if record is None else b"".join(read_stream(live.repository, live.body(record)["facet"]))
