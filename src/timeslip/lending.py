"""Objects of the session that take no weak reference: known by their addresses, found again by walking to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from timeslip.codec.holding import not_entered, objects_at
from timeslip.model import is_definition

if TYPE_CHECKING:
    from timeslip.live import Live


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
