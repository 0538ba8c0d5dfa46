"""Live objects that cannot be stored, or hold something outside: found again by an id while they live."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from timeslip.ids import DefinitionId

_STATES = 64
"""Past states of one live object that are remembered."""
_UNHELD = 100_000
"""Addresses that are remembered of objects without weak references."""


class Resources:
    """Live objects that cannot be stored (or hold something outside), by id. Weak references only.

    Of what takes no weak reference only the address is known: it is found again by its id only while it is lent.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, tuple[weakref.ref[Any], str]] = {}
        self._by_address: dict[int, tuple[weakref.ref[Any], dict[str, str]]] = {}
        self._lender: Callable[[], dict[int, Any]] | None = None
        self._lent: dict[int, Any] = {}
        self._unheld: dict[int, dict[str, str]] = {}
        self._address_of: dict[str, int] = {}

    def register(self, obj: Any, token: str) -> str:
        """The id of *obj* in the state *token*; equal for the same object in the same state."""
        address = id(obj)
        entry = self._by_address.get(address)
        if entry is None or entry[0]() is not obj:
            try:
                entry = (weakref.ref(obj, functools.partial(self._forget, address)), {})
            except TypeError:
                return self._register_unheld(address, f"{type(obj).__qualname__};{token}")
            self._by_address[address] = entry
        states = entry[1]
        identity = states.get(token)
        if identity is None:
            if len(states) >= _STATES:  # the oldest: a restore to it will make the object anew
                self._by_id.pop(states.pop(next(iter(states))), None)
            identity = states[token] = str(DefinitionId.new())
            self._by_id[identity] = (entry[0], token)
        return identity

    def _register_unheld(self, address: int, token: str) -> str:
        states = self._unheld.setdefault(address, {})
        identity = states.get(token)
        if identity is None:
            if len(states) >= _STATES:
                self._address_of.pop(states.pop(next(iter(states))), None)
            if len(self._unheld) > _UNHELD:  # the oldest: if it still lives, it will look changed
                self._drop_unheld(next(iter(self._unheld)))
                states = self._unheld.setdefault(address, {})
            identity = states[token] = str(DefinitionId.new())
            self._address_of[identity] = address
        return identity

    def _drop_unheld(self, address: int) -> None:
        for identity in self._unheld.pop(address, {}).values():
            self._address_of.pop(identity, None)

    def renew(self, identity: str) -> None:
        """Have the object of that id given another one: it may have changed in a way that its token does not show."""
        address = self._address_of.get(identity)
        if address is not None:
            self._drop_unheld(address)
            return
        entry = self._by_id.get(identity)
        obj = entry[0]() if entry is not None else None
        states = self._by_address[id(obj)][1] if obj is not None else {}
        for other in states.values():
            self._by_id.pop(other, None)
        states.clear()

    def leave(self, identities: Iterable[str], kept: Iterable[str]) -> None:
        """Nothing live has these ids any more, *kept* excepted: an object at the same address will be another one."""
        left = {self._address_of.get(identity) for identity in identities}
        if left != {None}:
            for address in left - {self._address_of.get(identity) for identity in kept}:
                self._drop_unheld(address if address is not None else 0)

    def _forget(self, address: int, reference: weakref.ref[Any]) -> None:
        # Runs inside the user's own `del`: only what belongs to this very object is looked at.
        entry = self._by_address.get(address)
        if entry is not None and entry[0] is reference:
            del self._by_address[address]
            for identity in list(entry[1].values()):
                self._by_id.pop(identity, None)

    def identities(self, obj: Any) -> set[str]:
        """The ids that *obj* has had, in any state."""
        entry = self._by_address.get(id(obj))
        if entry is not None and entry[0]() is obj:
            return set(entry[1].values())
        return set(self._unheld.get(id(obj), {}).values())

    def addresses(self, identities: Iterable[str]) -> set[int]:
        """Where those objects are that take no weak reference."""
        found = map(self._address_of.get, identities)
        return {address for address in found if address is not None}

    def lend(self, lender: Callable[[], dict[int, Any]] | None) -> None:
        """*lender* gives the objects at `addresses`, if one is asked for before this is called again."""
        self._lender, self._lent = lender, {}

    def live(self, identity: str) -> tuple[Any, str] | None:
        """The live object of that id and the state it had, or None."""
        address = self._address_of.get(identity)
        if address is not None and self._lender is not None:
            self._lent, self._lender = self._lender(), None
        if address is not None and address in self._lent:
            token = next(token for token, other in self._unheld[address].items() if other == identity)
            return self._lent[address], token.partition(";")[2]
        entry = self._by_id.get(identity)
        obj = entry[0]() if entry is not None else None
        return (obj, entry[1]) if entry is not None and obj is not None else None
