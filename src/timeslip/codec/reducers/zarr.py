"""zarr: what is in a folder is not recorded, and that is said; arrays and groups in memory come back whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import instances

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass

_OUTSIDE = frozenset({"LocalStore", "FsspecStore", "ObjectStore", "DirectoryStore", "FSStore"})


def _store(kind: type) -> Any:
    by_attributes = instances.by_attributes(kind)

    def reduce(state: Pass, store: Any) -> Any:
        state.note(store, "arrays in files, with what is in them by then", fatal=False)
        maker, made, parts, *_ = by_attributes(state, store)
        return maker, made, (*parts, instances.Lacking()), None, None, set_store

    return reduce


def set_store(store: Any, parts: tuple[Any, ...]) -> None:
    """State setter for stores."""
    instances.set_instance(store, (parts[0], parts[1]))


def find(kind: type) -> Any:
    """The reducer for stores outside of memory, or None."""
    return _store(kind) if kind.__name__ in _OUTSIDE else None
