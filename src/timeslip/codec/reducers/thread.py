"""`threading.local`: by what this thread has in it, and what it is made of in others."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers.instances import Lacking

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _local(state: Pass, local: Any) -> Any:
    attributes = dict(_here(local))
    # Nothing else tells with which arguments it is initialised in a thread that has not used it yet.
    parts = [part for part in gc.get_referents(local) if type(part) in (tuple, dict)]
    arguments = next((part for part in parts if type(part) is tuple), ())
    *named, threads = [part for part in parts if type(part) is dict]
    lacks: tuple[Lacking, ...] = ()
    if len(threads) > 1:
        state.note(local, "with the values of this thread, without those of others", fatal=False)
        lacks = (Lacking(),)
    made = (type(local), arguments, *[dict(part) for part in named])
    return make, made, (attributes, *lacks), None, None, set_local


def _here(local: Any) -> Any:
    """The attributes that *local* has in this thread, whatever its class says of them."""
    return threading.local.__getattribute__(local, "__dict__")


def make(kind: Any, arguments: tuple[Any, ...], named: dict[str, Any] | None = None) -> Any:
    """An object that has nothing in it yet in this thread, and is initialised as the first one in others."""
    return kind.__new__(kind, *arguments, **(named or {}))


def set_local(local: Any, parts: tuple[Any, ...]) -> None:
    """State setter: what this thread has in it."""
    _here(local).update(parts[0])


def find(kind: type) -> Any:
    """The reducer for `threading.local` and what is built on it, or None."""
    return _local if issubclass(kind, threading.local) else None
