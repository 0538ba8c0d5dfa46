"""Ray: what lives in a cluster is referred to while it is there; it is never fetched to be stored.

References and handles pickle as if they were values, and are nothing outside the cluster that they are of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timeslip.codec.hidden import Hidden

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_REASONS = {
    "ObjectRef": "a result that is on a Ray cluster cannot be stored",
    "ObjectRefGenerator": "results that are on a Ray cluster cannot be stored",
    "ActorHandle": "an actor on a Ray cluster cannot be stored",
    "PlacementGroup": "a part of a Ray cluster cannot be stored",
    "BaseContext": "a connection to a Ray cluster cannot be stored",
}


def find(kind: type) -> Any:
    """The reducer for what is in a cluster, or None."""
    for base in kind.__mro__:
        reason = _REASONS.get(base.__name__) if str(base.__module__).partition(".")[0] == "ray" else None
        if reason is not None:
            return lambda state, obj, reason=reason: _refer(state, obj, reason)
    return None


def _refer(state: Pass, obj: Any, reason: str) -> Any:
    """A handle: what is behind it is outside the session."""
    return state.hole(obj, reason, Hidden("", True))
