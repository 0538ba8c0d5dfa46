"""scipy: triangulations that points can be added to, which keep their state in C."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass


def _incremental(state: Pass, made: Any) -> Any:
    if getattr(made, "_qhull", None) is None:
        return NotImplemented
    return state.hole(made, "what was made with incremental=True and is not closed cannot be stored")


def find(kind: type) -> Any:
    """The reducer for what Qhull makes, or None."""
    names = {(base.__module__, base.__name__) for base in kind.__mro__}
    return _incremental if ("scipy.spatial._qhull", "_QhullUser") in names else None
