"""Elements of long lists and dicts that stay the very objects when the rest of their value is restored.

A long list or dict is stored in islands (`codec.islands`), each a chunk. What the look before a restore found to be as
recorded has the bytes of its islands; where the wanted value has an island of the same name, its elements are the live
ones, as all is left alone that does not differ. They go into a new list or dict: what is live is not written to, and a
restore that fails leaves it as it was.

The mark of the new value is taken when what it replaces is gone. What changed an element between the look and that
would be missed. So everything is loaded where code of the user might run in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from timeslip.activity import user_tasks, user_threads
from timeslip.codec import finalizers
from timeslip.codec.captured import Island
from timeslip.codec.kinds import is_users_module
from timeslip.codec.loaded import Staying
from timeslip.errors import StoreError
from timeslip.ids import RecordId
from timeslip.live import Live
from timeslip.past import Loads
from timeslip.planner import Plan
from timeslip.standard import signal
from timeslip.state.covariables import Covariable
from timeslip.values import island_names

_RUNS_CODE = ("headers", "references", "hooked", "holes", "failure")
"""Fields of records of values that loading may run code of the user for."""


class StayingElements:
    """What one restore of a whole state need not load.

    Args:
        live: the session; a look has just told what its values are.
        plan: of the restore.
        target: node key -> record of the wanted state.
        loads: of the restore.
    """

    def __init__(self, live: Live, plan: Plan, target: Mapping[str, RecordId], loads: Loads) -> None:
        self._live = live
        self._plan = plan
        self._loads = loads
        loaded = frozenset(plan.load)
        self._replaced = {*plan.drop, *(key for key, record in target.items() if record in loaded)}
        self._allowed: bool | None = None
        self._taken: set[Covariable] = set()
        self._records: list[str] = []

    def load(self, record: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """As `Loads.load`, with live elements in what is loaded.

        Raises:
            UnrestorableError, StoreError.
        """
        loads = self._loads
        staying = self._find(body) if record not in loads.values else None
        if staying is None:
            return loads.load(record, body)
        values = loads.load(record, body, staying)
        if not staying.used:
            return values
        if not loads.loader.loaded.keys() >= values.keys():  # what it is like now could only be told by a pass
            del loads.values[record]
            return loads.load(record, body)
        self._records.append(record)
        return values

    def _find(self, body: Mapping[str, Any]) -> Staying | None:
        """What of the value in *body* is live; None when it is to be loaded as a whole."""
        keys = body["keys"]
        group = self._live.tracker.groups.get(keys[0]) if len(keys) == 1 else None
        if group is None or group in self._taken or not self._is_known(group):
            return None
        value = self._value_of(group)
        places = _places(group, island_names(body)) if value is not None else {}
        if not places or not self._may_stay():
            return None
        self._taken.add(group)
        return Staying(value, places)

    def give_up(self) -> Iterable[str]:
        """Forget the values for which something stayed, and let nothing stay from now on; their records."""
        self._allowed = False
        for record in self._records:
            for key in self._loads.values.pop(record, ()):
                self._loads.loader.loaded.pop(key, None)
        return self._records

    def _is_known(self, group: Covariable) -> bool:
        """Whether the last look found *group* as it is recorded, and all that shares something with it goes."""
        looked = group.mark is not None and group.checked == self._live.tracker.count
        return looked and len(group.islands) == len(group.islands_of) and self._replaced.issuperset(group.keys)

    def _value_of(self, group: Covariable) -> Any:
        """The long list or dict of *group*, of which its islands are; None where that cannot be told."""
        snapshot = self._live.namespace.snapshot()
        count = sum(island.count for island in group.islands)
        values = {id(obj): obj for key in group.keys if (obj := snapshot.get(key)) is not None}
        found = [obj for obj in values.values() if type(obj) in (list, dict) and len(obj) >= count]
        return found[0] if len(found) == 1 and len(found[0]) == count else None

    def _may_stay(self) -> bool:
        if self._allowed is None:
            self._allowed = not (self._plan.replay or self._is_busy() or any(map(self._runs_code, self._plan.load)))
        return self._allowed

    def _runs_code(self, record: str) -> bool:
        try:
            body = self._live.body(record)
        except StoreError:  # it will be made again, by code of the user
            return True
        return any(body.get(part) for part in _RUNS_CODE)

    def _is_busy(self) -> bool:
        """Whether code of the user may run at any time: by threads, tasks, signals, and what is collected."""
        live = self._live
        if user_threads(live.threads) or user_tasks(live.namespace.globals) or finalizers.users_have_some():
            return True
        if any(isinstance(obj, type) and finalizers.has_one(obj) for obj in live.registry.objects()):
            return True
        return any(map(_is_users, map(signal.getsignal, signal.valid_signals())))


def _places(group: Covariable, wanted: Iterable[str]) -> dict[int, tuple[Island, int]]:
    """Number of a segment of the wanted value -> the live island that it is, and its first element; each once."""
    there: dict[str, deque[tuple[Island, int]]] = {}
    first = 0
    for name, island in zip(group.islands_of, group.islands, strict=True):
        there.setdefault(name, deque()).append((island, first))
        first += island.count
    return {number: there[name].popleft() for number, name in enumerate(wanted, 1) if there.get(name)}


def _is_users(handler: Any) -> bool:
    """Whether a signal handler is code of the session, or of a file of the user's."""
    if isinstance(handler, partial):
        handler = handler.func
    kind = handler if isinstance(handler, (FunctionType, MethodType)) else type(handler)
    module = kind.__module__
    return module == "__main__" or is_users_module(module)
