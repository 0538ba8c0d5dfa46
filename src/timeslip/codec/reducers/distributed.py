"""dask.distributed: what lives in a cluster is referred to while it is there; it is never fetched to be stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timeslip.codec.hidden import Hidden

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_REASONS = {
    ("distributed.client", "Client"): "a client of a dask cluster cannot be stored",
    ("distributed.client", "Future"): "a result that is on a dask cluster cannot be stored",
    ("distributed.deploy.cluster", "Cluster"): "a dask cluster cannot be stored",
    ("distributed.deploy.spec", "ProcessInterface"): "a part of a dask cluster cannot be stored",
    ("distributed.core", "Server"): "a part of a dask cluster cannot be stored",
    ("distributed.actor", "Actor"): "an actor on a dask cluster cannot be stored",
    ("distributed.lock", "Lock"): "a lock of a dask cluster cannot be stored",
    ("distributed.queues", "Queue"): "a queue of a dask cluster cannot be stored",
    ("distributed.variable", "Variable"): "a variable of a dask cluster cannot be stored",
    ("distributed.event", "Event"): "an event of a dask cluster cannot be stored",
}


def find(kind: type) -> Any:
    """The reducer for clusters, clients and what is in them, or None."""
    for base in kind.__mro__:
        reason = _REASONS.get((base.__module__, base.__name__))
        if reason is not None:
            return lambda state, obj, reason=reason: _refer(state, obj, reason)
    return None


def _refer(state: Pass, obj: Any, reason: str) -> Any:
    """A handle: what goes through it is outside the session, so its own state is whether it is open."""
    told = [vars(obj).get(name) for name in ("status", "key", "_key", "name")] if hasattr(obj, "__dict__") else []
    known = [str(value) for value in told if type(value) is str or hasattr(value, "value")]
    return state.hole(obj, reason, Hidden(" ".join(known), True))
