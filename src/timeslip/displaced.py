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

from timeslip.codec.holding import held_by, not_entered, objects_at
from timeslip.codec.placeholder import Placeholder
from timeslip.model import is_definition, is_name

if TYPE_CHECKING:
    from timeslip.live import Live
    from timeslip.state.covariables import Covariable

_MOST_BYTES, _MOST_OBJECTS = 1 << 24, 20_000
"""Co-variables with more to store, or of more objects, are not kept: they would hold memory that undo is expected to
free, and finding out what they hold of others would be felt."""


@dataclass(slots=True)
class _Kept:
    """One co-variable: its values, a digest by which a change shows, and objects of others that it holds."""

    values: dict[str, Any]
    digest: bytes
    needs: frozenset[int]


@contextmanager
def lent(live: Live) -> Iterator[None]:
    """Within the block objects of the session that take no weak reference are found by their ids, too."""
    live.resources.lend(lambda: _unheld(live))
    try:
        yield
    finally:
        live.resources.lend(None)


def _unheld(live: Live) -> dict[int, Any]:
    """The objects at the addresses that are remembered, found in the values that are known to hold them."""
    addresses: set[int] = set()
    values: list[Any] = []
    snapshot = live.namespace.snapshot()
    for group in live.tracker.covariables():
        here = live.resources.addresses(hole.identity for hole in group.holes) if group.holes else set()
        if here:
            addresses |= here
            values += [snapshot[name] for name in group.names if name in snapshot]
            values += filter(None, (live.registry.live(key[4:]) for key in group.keys if is_definition(key)))
    return objects_at(addresses, values, not_entered(live.encoder.seeds)) if addresses else {}


class Displaced:
    """What was set aside, by value record. Strong references; belongs to one session and is not thread-safe."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def add(self, live: Live, keys: Iterable[str]) -> None:
        """Set aside those co-variables of *keys* that hold what cannot be stored. Before they are replaced."""
        groups = {live.tracker.groups[key] for key in keys if is_name(key) and key in live.tracker.groups}
        groups = {group for group in groups if group.holes and group.failure is None and group.bytes <= _MOST_BYTES}
        if not groups:
            return
        snapshot = live.namespace.snapshot()
        closed = not_entered([*live.encoder.seeds, *live.registry.objects()])
        for group in groups:
            record = live.records.get(group.keys[0])
            if record is None or any(is_definition(key) or live.records.get(key) != record for key in group.keys):
                continue
            kept = _keep(live, group, {key: snapshot[key] for key in group.keys if key in snapshot}, closed)
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

    def __bool__(self) -> bool:
        return bool(self._kept)

    def clear(self, live: Live) -> None:
        """Let all of it go: nothing can be redone any more."""
        if self._kept:
            self._kept.clear()
            live.resources.unpin()


def _keep(live: Live, group: Covariable, values: dict[str, Any], closed: set[int]) -> _Kept | None:
    if len(values) != len(group.keys) or any(type(value) is Placeholder for value in values.values()):
        return None
    held = held_by(list(values.values()), closed, _MOST_OBJECTS)
    digest = live.digest_of(list(values.items())) if held is not None else None
    if held is None or digest is None:
        return None
    others = [other for other in live.tracker.sharing(held, frozenset()) if other is not group]
    return _Kept(values, digest, frozenset().union(*(other.links & held for other in others)))
