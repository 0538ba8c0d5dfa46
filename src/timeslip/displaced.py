"""What a restore takes out of the session although it may not be able to bring it back: set aside until the next run.

Undo replaces or drops generators, connections, temporary folders; redo wants the very ones back, and what they hold
beside them. So co-variables that hold something that cannot be stored are kept as they are, whole, while redo could ask
for them. Everything else comes back from the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from timeslip.codec.holding import held_by
from timeslip.codec.placeholder import Placeholder
from timeslip.model import is_definition, is_name
from timeslip.state.holding import held_by as objects_held_by

if TYPE_CHECKING:
    from timeslip.live import Live
    from timeslip.state.covariables import Covariable

_MOST_BYTES = 1 << 26
"""Co-variables with more to store than this are not kept: they would hold the memory that undo is expected to free."""


@dataclass(slots=True)
class _Kept:
    """One co-variable: its values, a digest by which a change shows, and objects of others that it holds."""

    values: dict[str, Any]
    digest: bytes
    needs: frozenset[int]


@contextmanager
def lent(live: Live) -> Iterator[None]:
    """Within the block objects of the session that take no weak reference are found by their ids, too."""
    addresses: set[int] = set()
    values: list[Any] = []
    snapshot: dict[str, Any] | None = None
    for group in live.tracker.covariables():
        here = live.resources.addresses(hole.identity for hole in group.holes) if group.holes else set()
        if here:
            snapshot = live.namespace.snapshot() if snapshot is None else snapshot
            addresses |= here
            values += [snapshot[name] for name in group.names if name in snapshot]
            values += filter(None, (live.registry.live(key[4:]) for key in group.keys if is_definition(key)))
    objects = objects_held_by(values, live.encoder.seeds) if addresses else {}
    live.resources.lend({address: objects[address] for address in addresses if address in objects})
    try:
        yield
    finally:
        live.resources.lend({})


class Displaced:
    """What was set aside, by value record. Strong references; belongs to one session and is not thread-safe."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def add(self, live: Live, keys: Iterable[str]) -> None:
        """Set aside those co-variables of *keys* that hold what cannot be stored. Before they are replaced."""
        groups = {live.tracker.groups[key] for key in keys if is_name(key) and key in live.tracker.groups}
        groups = {group for group in groups if group.holes and group.failure is None and group.bytes <= _MOST_BYTES}
        snapshot = live.namespace.snapshot() if groups else {}
        for group in groups:
            record = live.records.get(group.keys[0])
            if record is None or any(is_definition(key) or live.records.get(key) != record for key in group.keys):
                continue
            kept = _keep(live, group, {key: snapshot[key] for key in group.keys if key in snapshot})
            if kept is not None:
                live.resources.pin(hole.identity for hole in group.holes)
                self._kept[record] = kept

    def find(self, live: Live, record: str, staying: Mapping[str, object]) -> dict[str, Any] | None:
        """The values of *record*, if they are here, as they were, and what they hold of others stays.

        Args:
            live: the session.
            record: of the state being restored.
            staying: with a key for each node key whose present value stays.
        """
        kept = self._kept.get(record)
        if kept is None:
            return None
        covered: set[int] = set()
        for group in live.tracker.sharing(kept.needs, frozenset()):
            if all(key in staying for key in group.keys):
                covered |= group.links & kept.needs
        if covered != kept.needs or live.digest_of(list(kept.values.items())) != kept.digest:
            return None
        return dict(kept.values)

    def only_here(self, live: Live, obj: object) -> bool:
        """Whether the session has *obj*, which cannot be stored, no more: it comes back with its co-variable or never.

        It holds objects of the state that it was taken from, and nobody knows which of them are its own.
        """
        if not self._kept:
            return False
        holes = (hole for group in live.tracker.covariables() for hole in group.holes)
        found = (live.resources.live(hole.identity) for hole in holes if hole.identity)
        return not any(entry is not None and entry[0] is obj for entry in found)

    def clear(self, live: Live) -> None:
        """Let all of it go: nothing can be redone any more."""
        if self._kept:
            self._kept.clear()
            live.resources.unpin()


def _keep(live: Live, group: Covariable, values: dict[str, Any]) -> _Kept | None:
    if len(values) != len(group.keys) or any(type(value) is Placeholder for value in values.values()):
        return None
    held = held_by(list(values.values()), [*live.encoder.seeds, *live.registry.objects()])
    digest = live.digest_of(list(values.items()))
    if held is None or digest is None:
        return None
    others = [other for other in live.tracker.sharing(held, frozenset()) if other is not group]
    return _Kept(values, digest, frozenset().union(*(other.links & held for other in others)))
