"""The C pickler with our reducers, and what its memo holds after a pass."""

from __future__ import annotations

import copyreg
import gc
import sys
import weakref
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from functools import partial
from itertools import chain, filterfalse
from operator import is_
from pickle import Pickler
from typing import TYPE_CHECKING, Any

from timeslip.codec.addresses import addresses_in
from timeslip.codec.kinds import references_in_lists
from timeslip.codec.streams import LARGE_NUMBER, SegmentWriter

if TYPE_CHECKING:
    from timeslip.codec.deep import Deep
    from timeslip.codec.passes import Pass

PROTOCOL = 5
_LARGE_INT = 1 << (8 * LARGE_NUMBER)


class FastPickler(Pickler):
    """The C pickler with our reducers."""

    def __init__(self, state: Pass) -> None:
        if state.unheard:  # a table of its own is slower for every object that is in none
            self.dispatch_table = {k: f for k, f in copyreg.dispatch_table.items() if k not in state.unheard}
        super().__init__(state.writer, PROTOCOL, buffer_callback=state.out_of_band.append)
        self.state = state
        self.bare: set[int] = set()
        """Addresses of what the pickler refers to beside its memo, for `met_objects`."""
        self.reducer_override = override_of(state)  # type: ignore[method-assign]  # a function, not a method: faster


def override_of(state: Pass) -> Callable[[Any], Any]:
    """What pickle calls for what is no plain container, number or text; there may be millions."""
    if state.careful:
        return state.reduce
    if state.deep is not None:
        return _override_deep(state.deep, state.reduce)
    known, reduce, left = state.known, state.reduce, state.left

    def override(obj: Any) -> Any:
        try:
            note, reducer = known[type(obj)]
        except Exception:  # not met before, or a metaclass of the session that lets nobody hash or compare classes
            return reduce(obj)
        if note is not None:
            note(obj)
            return NotImplemented
        if reducer is None:
            return NotImplemented
        result = reducer(state, obj)
        if result is NotImplemented:
            left.add(id(type(obj)))
        return result

    return override


def _override_deep(deep: Deep, reduce: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same in a deep pass."""
    empty, postpone = deep.empty, deep.postpone

    def override(obj: Any) -> Any:
        try:
            made = empty.get(type(obj))
        except Exception:  # a metaclass of the session, as above
            made = None
        if made is None:
            return reduce(obj)
        postpone(obj)
        return made

    return override


class NanPickler(FastPickler):
    """The same, with NaN objects by identity."""

    def persistent_id(self, obj: Any) -> Any:
        """Called by pickle for every object: numbers whose identity it would lose."""
        kind = type(obj)
        if kind is float or kind is complex:
            return self.state.nan(obj) if obj != obj else None
        if kind is int and (obj > _LARGE_INT or obj < -_LARGE_INT):
            return self.state.large_int(obj)
        return None


def met_objects(pickler: Any) -> list[Any]:
    """What is in the memo of *pickler*, in no order."""
    if hasattr(pickler, "kept"):
        return list(chain.from_iterable(pickler.kept))
    if not isinstance(pickler, FastPickler) or not _SHOWS_MEMO:
        return [obj for _, obj in pickler.memo.copy().values()]
    # A list of what the pickler refers to, made in C: twenty times faster than a copy of the memo.
    held = gc.get_referents(pickler)
    for part in (slice(-_ENDS, None), slice(_ENDS)):  # what it refers to beside its memo comes first or last
        held[part] = [obj for obj in held[part] if id(obj) not in pickler.bare]
    return held


def met_among(pickler: Any, addresses: Set[int]) -> set[int]:
    """Those of *addresses* at which *pickler* has met something."""
    if not addresses:
        return set()
    if hasattr(pickler, "objects_at"):
        return set(map(id, pickler.objects_at(addresses)))
    return set(addresses).intersection(addresses_in(met_objects(pickler)))


_ENDS = 64


def _shows_memo() -> bool:
    """Whether the garbage collector sees what is in the memo of a pickler: on CPython 3.11 and later it does."""
    pickler = Pickler(SegmentWriter(), PROTOCOL)
    met: list[Any] = [[], []]
    pickler.dump(met)
    seen = gc.get_referents(pickler)
    return all(any(obj is held for held in seen) for obj in (met, *met))


_SHOWS_MEMO = _shows_memo()


_DICT = frozenset({dict})
_is_none = partial(is_, None)
_OWN_DICT = references_in_lists(3)
"""An instance, its pickler's memo and a list hold an attribute dict that is nobody else's."""
_OWN_SUSPECTED = references_in_lists(2)


class Memos:
    """What the memos of finished picklers hold, as long as somebody else holds the picklers.

    What each is asked for costs what came and went since the last question, however many there are: thousands of small
    values are captured in one update, and of each instance among them it may be asked.
    """

    def __init__(self) -> None:
        self._fresh: dict[int, weakref.ref[Any]] = {}
        """Those that are not counted yet, by the address of the reference."""
        self._counted: dict[int, tuple[weakref.ref[Any], int, array[int]]] = {}
        """The others, how many references they have to what they met, and the addresses of that."""
        self._dead: list[weakref.ref[Any]] = []
        """Whose picklers are gone. They are noted by C code alone: an error or interrupt that came into code of ours at
        such a moment, which may be any, could not be told to anybody."""
        self._gone: set[int] = set()
        """Those that were counted and are gone since; as keys of `_counted`."""
        self._times: Counter[int] = Counter()
        self._is_whole = True
        """Whether `_times` says what `_counted` does: an interrupt may come in between."""

    def add(self, pickler: Any) -> None:
        """Count *pickler* from now on."""
        self._let_go()
        known = weakref.ref(pickler, self._dead.append)
        self._fresh[id(known)] = known

    def _let_go(self) -> None:
        while self._dead:
            known = id(self._dead[-1])
            if self._fresh.pop(known, None) is None:
                self._gone.add(known)
            self._dead.pop()

    def times(self, addresses: Iterable[int]) -> dict[int, int]:
        """How often the memos hold what is at each of *addresses*."""
        found = dict.fromkeys(addresses, 0)
        self._let_go()
        if len(self._fresh) + len(self._counted) - len(self._gone) <= _FEW:
            counted = [known for known, _, _ in list(self._counted.values())]
            for known in (*counted, *list(self._fresh.values())):
                pickler = known()
                if pickler is not None:
                    _add_times(found, pickler)
            return found
        self._count()
        return {address: self._times.get(address, 0) for address in found}

    def _count(self) -> None:
        """Count each memo once: what many hold would else be looked for by each of them in all before it."""
        if not self._is_whole:
            self._fresh.update(
                (number, known) for number, (known, _, _) in self._counted.items() if known() is not None
            )
            self._counted, self._gone, self._times = {}, set(), Counter()
        self._is_whole = False
        while self._gone:
            _, held, met = self._counted.pop(self._gone.pop())
            for address in met:
                left = self._times[address] - held
                if left:
                    self._times[address] = left
                else:
                    del self._times[address]
        for number, known in list(self._fresh.items()):
            pickler = known()
            if pickler is not None:
                held, met = _times_held(pickler), addresses_in(met_objects(pickler))
                self._counted[number] = known, held, met
                self._fresh.pop(number, None)
                for _ in range(held):
                    self._times.update(met)
        self._is_whole = True


_FEW = 8


def _add_times(found: dict[int, int], pickler: Any) -> None:
    held = _times_held(pickler)
    for address in filter(found.__contains__, addresses_in(met_objects(pickler))):
        found[address] += held


def shared_attributes(
    pickler: Any, dicts_of: Mapping[type, Callable[[Any], Any]], noted: Mapping[int, list[Any]], others: Memos
) -> dict[int, Any]:
    """Attribute dicts, by address, that others hold besides the instance: other instances, a name, a container.

    Found by the number of references, after the pass: one look at all is many times faster than one at each.

    Args:
        pickler: after the pass.
        dicts_of: class -> what gives the attribute dict of an instance, for the classes to look at.
        noted: the instances of these classes that were met, by the address of the class.
        others: memos that may hold the same dicts.
    """
    most = _OWN_DICT + _times_held(pickler) - 1
    if all(_all_own(noted[id(kind)], dict_of, most) for kind, dict_of in dicts_of.items()):
        return {}
    found: list[Any] = []
    for kind, dict_of in dicts_of.items():
        found += filterfalse(_is_none, map(dict_of, noted[id(kind)]))
    counts = list(map(sys.getrefcount, found))
    odd = not _DICT.issuperset(map(type, found))  # a subclass of dict, which pickle would make a plain one
    suspected = {id(held): held for held, count in zip(found, counts, strict=True) if count > most or not held}
    kept = {id(held): held for held in found if type(held) is not dict} if odd else {}
    times = Counter(filter(suspected.__contains__, map(id, found)))
    del found
    memos = others.times(suspected)
    _add_times(memos, pickler)
    # Its instance, the memos and *suspected* hold what is nobody else's. No variable: while code is traced, the locals
    # of a frame hold it once more.
    counts = list(map(sys.getrefcount, suspected.values()))
    return kept | {
        address: suspected[address]
        for address, count in zip(suspected, counts, strict=True)
        if times[address] > 1 or count > _OWN_SUSPECTED + memos[address]
    }


def _all_own(instances: list[Any], dict_of: Callable[[Any], Any], most: int) -> bool:
    """Whether *instances* have plain dicts with no more references than *most*, those of a memo included.

    In parts, so that the dicts of one are still in the cache of the processor when they are looked at again.
    """
    for start in range(0, len(instances), _PART):
        found = list(map(dict_of, instances[start : start + _PART]))
        if max(map(sys.getrefcount, found)) > most or not _DICT.issuperset(map(type, found)):
            return False
        if not all(found):
            empty = list(filterfalse(None, found))  # which holds them once more
            if max(map(sys.getrefcount, empty)) > most + _PICKLES_EMPTY:
                return False
    return True


_PART = 4096


class _Empty:
    """Something without attributes."""


def _pickles_empty() -> bool:
    """Whether an empty attribute dict is pickled, so that the memo holds it: before CPython 3.11 it is."""
    pickler, empty = Pickler(SegmentWriter(), PROTOCOL), _Empty()
    pickler.dump(empty)
    return id(vars(empty)) in pickler.memo.copy()


_PICKLES_EMPTY = _pickles_empty()


def _times_held(pickler: Any) -> int:
    """How many references a pickler has to each state that it met: the iterative one keeps all reductions."""
    return 2 if getattr(pickler, "keeps_reductions", False) else 1
