"""Live objects that cannot be stored, or hold something outside: found again by an id while they live."""

from __future__ import annotations

import functools
import weakref
from typing import Any

from timeslip.ids import DefinitionId

_STATES = 64
"""Past states of one live object that are remembered."""


class Resources:
    """Live objects that cannot be stored (or hold something outside), by id. Weak references only."""

    def __init__(self) -> None:
        self._by_id: dict[str, tuple[weakref.ref[Any], str]] = {}
        self._by_address: dict[int, tuple[weakref.ref[Any], dict[str, str]]] = {}

    def register(self, obj: Any, token: str) -> str:
        """The id of *obj* in the state *token*; equal for the same object in the same state."""
        address = id(obj)
        entry = self._by_address.get(address)
        if entry is None or entry[0]() is not obj:
            try:
                entry = (weakref.ref(obj, functools.partial(self._forget, address)), {})
            except TypeError:
                return f"@{address:x};{token}"  # no weak references to such objects: never found again
            self._by_address[address] = entry
        states = entry[1]
        identity = states.get(token)
        if identity is None:
            if len(states) >= _STATES:  # the oldest: a restore to it will make the object anew
                self._by_id.pop(states.pop(next(iter(states))), None)
            identity = states[token] = str(DefinitionId.new())
            self._by_id[identity] = (entry[0], token)
        return identity

    def _forget(self, address: int, reference: weakref.ref[Any]) -> None:
        # Runs inside the user's own `del`: only what belongs to this very object is looked at.
        entry = self._by_address.get(address)
        if entry is not None and entry[0] is reference:
            del self._by_address[address]
            for identity in list(entry[1].values()):
                self._by_id.pop(identity, None)

    def live(self, identity: str) -> tuple[Any, str] | None:
        """The live object of that id and the state it had, or None."""
        entry = self._by_id.get(identity)
        obj = entry[0]() if entry is not None else None
        return (obj, entry[1]) if entry is not None and obj is not None else None
