"""What stays the very objects when the rest of their value is restored: elements of long lists and dicts, and arrays.

A long list or dict is stored in islands (`codec.islands`), each a chunk. What the look before a restore found to be as
recorded has the bytes of its islands; where the wanted value has an island of the same name, its elements are the live
ones, as all is left alone that does not differ. They go into a new list or dict: what is live is not written to, and a
restore that fails leaves it as it was. Of an island of which somebody else holds a part, all is loaded
(`codec.holders`).

A large array, a block of a frame for instance, stays in the same way where the wanted value has one with the same bytes
(the digests of their pieces tell), shape, type and order: it is neither mapped nor read, however large it is. Only one
that goes with what it is in: what else holds it would see what is written to the restored value (`codec.holders`).

Of such an array the look after the restore takes for true what the one before has said. The mark of a new value with
elements that stay is taken when what it replaces is gone. What changed an element between the look and that
would be missed. So everything is loaded where code of the user might run in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import compress
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from timeslip.activity import user_tasks, user_threads
from timeslip.codec import finalizers
from timeslip.codec.captured import Island
from timeslip.codec.collecting import uncollected
from timeslip.codec.holders import each_alone, held_alone, islands_alone
from timeslip.codec.kinds import is_users_module
from timeslip.codec.loaded import Staying
from timeslip.codec.longs import Within, keep_leading, longs_within
from timeslip.codec.parts import size_of
from timeslip.codec.picklers import met_objects
from timeslip.codec.reducers.array_memory import place_of
from timeslip.codec.reducers.items import items_of
from timeslip.codec.stored import StayingArrays
from timeslip.codec.walked import MARK
from timeslip.errors import StoreError
from timeslip.ids import RecordId
from timeslip.live import Live
from timeslip.model import is_definition
from timeslip.past import Loads
from timeslip.planner import Plan
from timeslip.proving import is_of_release
from timeslip.standard import signal
from timeslip.state.capturing import capture_of
from timeslip.state.covariables import Covariable
from timeslip.state.fingerprint import digest_of
from timeslip.state.memory import Said
from timeslip.state.watched import Key
from timeslip.store.mapping import MAP_FROM
from timeslip.values import island_names, marks_of

_RUNS_CODE = ("headers", "references", "holes", "failure")
"""Fields of records of values that loading may run code of the user for; others name classes of libraries, whose own
code loads them."""


_WORTH = 1e-9
"""A pass that finds arrays may take so long for each byte that they save, seconds: less than reading takes."""

_WORTH_OF_ITEMS = 2e-8
"""The same where they are texts and numbers in parts, each of which is made anew."""

_LOOK = 2e-6
"""To find out who holds one of the objects that a pass has met takes so long, seconds."""

_Marks = tuple[int, int, int, tuple[bytes, ...]]
"""As `marks_of`."""


class _Candidate(NamedTuple):
    """A live array that may stay.

    Attributes:
        array: the array.
        marks: of its buffers, which follow each other.
        nans: the numbers in it that are none, of an array of several buffers; None of others.
        said: what the look said of the memory of its only buffer.
    """

    array: Any
    marks: tuple[_Marks, ...]
    nans: Any = None
    said: tuple[Key, Said] | None = None


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
        self.snapshot: Mapping[str, Any] = {}
        """What the names are bound to; nobody else has another one while values are loaded."""
        loaded = frozenset(plan.load)
        self._replaced = {*plan.drop, *(key for key, record in target.items() if record in loaded)}
        self._allowed: bool | None = None
        self._taken: set[Covariable] = set()
        self._records: list[str] = []
        self._given: list[tuple[int, int]] = []
        """Addresses and sizes of the arrays that may stay: each goes into one value."""
        self._said: dict[int, tuple[Key, Said]] = {}
        """By number of a buffer of the value that is loaded: what the look said of the array that has its bytes."""
        self.still: dict[Key, Said] = {}
        """What it said of those that were taken: nothing of the user's runs before they are looked at again."""

    def load(self, record: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """As `Loads.load`, with what is live in what is loaded.

        Raises:
            UnrestorableError, StoreError.
        """
        loads = self._loads
        staying = self._find(body) if record not in loads.values else None
        arrays = self._arrays(body) if record not in loads.values and staying is None else None
        values = loads.load(record, body, staying, arrays)
        if arrays is not None and arrays.taken:
            self.still.update(self._said[number] for number in arrays.taken if number in self._said)
        elif staying is None or not staying.used:
            return values
        if staying is not None and not loads.loader.loaded.keys() >= values.keys():
            del loads.values[record]  # what it is like now could only be told by a pass
            return loads.load(record, body)
        self._records.append(record)
        return values

    def _find(self, body: Mapping[str, Any]) -> Staying | None:
        """What of the value in *body* is live; None when it is to be loaded as a whole."""
        keys = body["keys"]
        group = self._live.tracker.groups.get(keys[0]) if len(keys) == 1 else None
        if group is None or group in self._taken or not self._is_known(group):
            return None
        within = self._longs_of(group)
        longs, held = within.longs, within.held
        places = _places(group, list(map(len, longs)), island_names(body)) if longs else {}
        if not places or not self._may_stay():
            return None
        names = (self.snapshot, self._live.namespace.globals)
        held.update(id(there[key]) for there in names for key in group.keys if key in there)
        keep_leading(within)
        if not each_alone(within.around, held):
            return None
        found: dict[int, tuple[Island, int, int]] = {}
        whole: list[Any] = []
        for number in range(len(longs)):
            whole[:], longs[number] = [longs[number]], None  # nothing else of ours refers to it now
            islands = {at: (island, first) for at, (island, which, first) in places.items() if which == number}
            alone = islands_alone(whole, islands, held)
            found.update((at, (island, number, first)) for at, (island, first) in alone.items())
            longs[number] = whole[0]
        if not found:
            return None
        self._taken.add(group)
        return Staying(longs, found)

    def _arrays(self, body: Mapping[str, Any]) -> StayingArrays | None:
        """Live arrays with the bytes of buffers of the value in *body*; None where there are none."""
        wanted = self._marks(body)
        groups = dict.fromkeys(filter(None, map(self._live.tracker.groups.get, body["keys"]))) if wanted else {}
        found: dict[int, Any] = {}
        items: dict[int, tuple[int, Any]] = {}
        parts: dict[tuple[int, Any], Any] = {}
        self._said = {}
        for group in groups:
            there = set(group.fingerprint.pieces)
            same = [marks for marks in wanted.values() if marks[3] in there]
            worth = sum(marks[0] * (_WORTH if marks[0] >= MAP_FROM else _WORTH_OF_ITEMS) for marks in same)
            if not (group.seconds <= worth and same and self._is_as_looked_at(group) and self._may_stay()):
                continue
            for one in self._arrays_of(group, parts):
                number = _place_of(one.marks, wanted)
                if number is None:
                    continue
                for at in range(number, number + len(one.marks)):
                    del wanted[at]
                found[number] = one.array
                if one.nans is not None:
                    items[number] = len(one.marks), one.nans
                if one.said is not None:
                    self._said[number] = one.said
        return StayingArrays(found, items, parts) if found or parts else None

    def _marks(self, body: Mapping[str, Any]) -> dict[int, _Marks]:
        try:
            marks = marks_of(self._live.repository, body) if "buffers" in body else []
        except StoreError:  # loading it says what is wrong
            return {}
        return {number: part for number, part in enumerate(marks) if part is not None}

    def _arrays_of(self, group: Covariable, parts: dict[tuple[int, Any], Any]) -> Iterator[_Candidate]:
        """The arrays of *group* that nobody else holds; *parts* are told besides, as `StayingArrays` takes them.

        A pass meets them again. Nothing of the user's has run since the look, so the streams tell that it is as it was,
        and the digests of the buffers are those of the look. No two of them have memory in common, also not with those
        of other groups.
        """
        live, snapshot = self._live, self.snapshot
        pieces, limit = group.fingerprint.pieces, live.tracker.chunk_bytes
        ranges = {known.key: known for known in group.fingerprint.ranges}
        nodes = [(key, snapshot[key]) for key in group.keys]
        with uncollected():
            captured = capture_of(live.encoder, nodes, group.roots if len(nodes) > 1 else frozenset(), deep=group.deep)
        del nodes
        try:
            if digest_of(captured, pieces) != group.fingerprint.digest:
                return
            found = captured.memo[2].arrays.alone()
            items = captured.memo[2].arrays.items_alone()
            about = {number: (held.parts, held.nans) for number, held in items.items()}
            arrays = [*found.values(), *(held.array for held in items.values())]
            numbers, sizes, rows = [*found, *items], list(map(size_of, captured.buffers)), list(captured.rows)
            met = met_objects(captured.memo[0]) if numbers else []
        finally:
            captured.release()
        del found, items, captured  # which hold what is counted now
        if _LOOK * len(met) > _WORTH * sum(sizes) + _WORTH_OF_ITEMS * sum(
            sum(sizes[number : number + count]) for number, (count, _) in about.items()
        ):
            return
        names = (snapshot, live.namespace.globals, *live.namespace.seeds)
        with uncollected():
            alone = held_alone(arrays, met, {id(snapshot[key]) for key in group.keys}, names, live.encoder.seeds)
        met.clear()
        for number, array in zip(numbers, arrays, strict=True):
            if number in about:
                count, nans = about[number]
                there = zip(sizes[number : number + count], pieces[number : number + count], strict=True)
                parts.update(zip(there, items_of(array, nans), strict=True))
        for number, array in compress(zip(numbers, arrays, strict=True), alone):
            start, size = place_of(array)
            if not self._is_free(start, start + size):
                continue
            self._given.append((start, size))
            count, nans = about.get(number, (1, None))
            marks = tuple((sizes[at], rows[at], limit, pieces[at]) for at in range(number, number + count))
            key = (start, size, rows[number], limit)
            said = (key, (pieces[number], ranges.get(key))) if nans is None else None
            yield _Candidate(array, marks, nans, said)

    def _is_free(self, start: int, stop: int) -> bool:
        return all(stop <= first or first + size <= start for first, size in self._given)

    def give_up(self) -> Iterable[str]:
        """Forget the values for which something stayed, and let nothing stay from now on; their records."""
        self._allowed = False
        self.still.clear()
        for record in self._records:
            for key in self._loads.values.pop(record, ()):
                self._loads.loader.loaded.pop(key, None)
        return self._records

    def _is_known(self, group: Covariable) -> bool:
        islands = len(group.islands) == len(group.islands_of)
        # A walk tells what is more than plain: of that only a pass could tell what it is like after loading.
        is_plain = group.mark is not None and not group.mark.startswith(MARK)
        return is_plain and islands and self._is_as_looked_at(group)

    def _is_as_looked_at(self, group: Covariable) -> bool:
        """Whether the last look found *group* as it is recorded, and all that shares something with it goes."""
        looked = group.failure is None and group.checked == self._live.tracker.count
        return looked and not any(map(is_definition, group.keys)) and self._replaced.issuperset(group.keys)

    def _longs_of(self, group: Covariable) -> Within:
        """The long lists and dicts of *group*, of which its islands are; none where that cannot be told."""
        found = longs_within([self.snapshot[key] for key in group.keys if key in self.snapshot], {})
        if sum(map(len, found.longs)) != sum(island.count for island in group.islands):
            found.longs.clear()
        return found

    def _may_stay(self) -> bool:
        if self._allowed is None:
            self._allowed = not (self._plan.replay or self._is_busy() or any(map(self._runs_code, self._plan.load)))
        return self._allowed

    def _runs_code(self, record: str) -> bool:
        try:
            body = self._live.body(record)
        except StoreError:  # it will be made again, by code of the user
            return True
        return any(body.get(part) for part in _RUNS_CODE) or not all(map(is_of_release, body.get("hooked", ())))

    def _is_busy(self) -> bool:
        """Whether code of the user may run at any time: by threads, tasks, signals, and what is collected."""
        live = self._live
        if user_threads(live.threads) or user_tasks(live.namespace.globals) or finalizers.users_have_some():
            return True
        if any(isinstance(obj, type) and finalizers.has_one(obj) for obj in live.registry.objects()):
            return True
        return any(map(_is_users, map(signal.getsignal, signal.valid_signals())))


def _place_of(marks: Sequence[_Marks], wanted: Mapping[int, _Marks]) -> int | None:
    """Number of the first of those buffers that are *wanted* that has these marks, and whose next have the next."""
    for number, first in wanted.items():
        if first == marks[0] and all(wanted.get(number + at) == one for at, one in enumerate(marks)):
            return number
    return None


def _places(group: Covariable, sizes: Sequence[int], wanted: Iterable[str]) -> dict[int, tuple[Island, int, int]]:
    """Number of a segment of the wanted value -> the live island that it is, of which list, and its first element.

    Each once; *sizes* are those of the lists and dicts of *group*, which have its islands one after the other.
    """
    there: dict[str, deque[tuple[Island, int, int]]] = {}
    which = first = 0
    for name, island in zip(group.islands_of, group.islands, strict=True):
        there.setdefault(name, deque()).append((island, which, first))
        first += island.count
        if first >= sizes[which]:
            which, first = which + 1, 0
    return {number: there[name].popleft() for number, name in enumerate(wanted, 1) if there.get(name)}


def _is_users(handler: Any) -> bool:
    """Whether a signal handler is code of the session, or of a file of the user's."""
    if isinstance(handler, partial):
        handler = handler.func
    kind = handler if isinstance(handler, (FunctionType, MethodType)) else type(handler)
    module = kind.__module__
    return module == "__main__" or is_users_module(module)
