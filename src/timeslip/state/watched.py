"""Large buffers of this process whose pages are watched, and the digests of their pieces as of the last look.

One table for the process, because memory can be registered once only. What is remembered is about bytes at addresses
and not about objects: whoever owns them, moves, frees or writes them, the kernel knows what was written there, and a
range that was mapped anew is not registered any more. So sessions share what is remembered, too.

The order of a look is what makes it exact. First every range that has a page in common with the one that is looked at
is marked as unknown; then the kernel is asked for the written pages, and protects them in the same step; then the
pieces that have one of them are marked as *stale*, in all of those ranges, which are known again; then stale pieces are
hashed. A write at any time is before the question, and told, or after it, and told the next time. Whatever is torn
leaves a range unknown, and unknown ranges are hashed as a whole.
"""

from __future__ import annotations

import threading
import weakref
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any

from timeslip.codec import parts
from timeslip.codec.chunking import piece_ends
from timeslip.codec.parts import Items, said_of
from timeslip.standard import os
from timeslip.state.digesting import digests_of
from timeslip.state.mappings import Mappings, address_of, are_ordinary, count_maps, has_pinned, most_maps
from timeslip.state.pages import PAGE, NotTold, Pages
from timeslip.state.relief import Relief

Key = tuple[int, int, int, int]
"""Address and size of a buffer, bytes of its rows, and the largest piece: what says where the pieces are; of arrays of
objects see `ItemsRange`."""

_BUCKET = 22
"""Ranges are found by the 4 MB (2 ** 22 bytes) of addresses that they have a part of."""

_REWRITTEN = 2
"""After so many looks in a row that found most of a buffer rewritten, it is left unprotected and hashed: the first
write to each protected page costs about as much as hashing two."""
_TURNS, _REGISTERED = 32, 256
"""After so many turns, and so many ranges that were registered, it is counted again how many maps there are."""


class Range:
    """A buffer that is watched. Lives as long as somebody holds it, who should be whoever knows of the buffer.

    Attributes:
        key: of the buffer; no reference to it.
        first, last: addresses of its first page and behind its last one. Border pages may hold other things, too:
            a write to those counts.
        digests: of its pieces, as of the last look.
        sure: whether those are right but for `stale` and for what the kernel will tell.
        stale: positions of pieces that were written since.
        rewritten: looks in a row that found most of it written.
        turn: in which that was last counted.
        resting: it is hashed for now.
    """

    __slots__ = (
        *("__weakref__", "_cuts", "digests", "first", "key", "last", "resting", "rewritten", "stale", "sure", "turn"),
    )

    rests = True
    """Whether reading it costs less than letting writes to it be told."""

    def __init__(self, key: Key) -> None:
        start, size, *_ = key
        self.key = key
        self.first = start - start % PAGE
        self.last = start + size + -(start + size) % PAGE
        self._cuts = array("Q", [0, *self._ends()])
        self.digests: tuple[bytes, ...] = ()
        self.stale: set[int] = set()
        self.sure = self.resting = False
        self.rewritten = 0
        self.turn = -1

    def _ends(self) -> Iterator[int]:
        _, size, row, limit = self.key
        return piece_ends(size, row, limit)

    @property
    def count(self) -> int:
        """Number of its pieces."""
        return len(self._cuts) - 1

    def may_hold(self, data: Any) -> bool:
        """Whether *data* is what it is a range of, as far as that has to be asked before anything is protected."""
        return True

    def may_be_known(self) -> bool:
        """Whether `recall` may know something."""
        return False

    def recall(self) -> None:
        """At the first look, when the pages are watched: what whoever has put the content there said of it."""

    def note(self, written: Iterable[tuple[int, int]]) -> None:
        """These addresses were written."""
        start, size = self.key[:2]
        for first, stop in written:
            begin, end = max(first - start, 0), min(stop - start, size)
            if begin < end:
                self.stale.update(range(bisect_right(self._cuts, begin) - 1, bisect_left(self._cuts, end)))

    def note_all(self) -> None:
        """Nothing is known of its content."""
        self.stale = set(range(self.count))
        self.digests = (b"",) * self.count

    def take_over(self, other: Range) -> None:
        """Know of the pieces that it has in common with *other* what is known there."""
        if type(other) is not type(self):  # what was in that memory before
            return
        start, there, cuts = self.key[0], other.key[0], self._cuts
        digests = list(self.digests)
        at = bisect_left(other._cuts, start - there) if start > there else 0
        mine = {begin: number for number, begin in enumerate(cuts[:-1])}
        for number in range(at, other.count):
            begin = there + other._cuts[number] - start
            if begin >= cuts[-1]:
                break
            own = mine.get(begin)
            same = own is not None and cuts[own + 1] == begin + other._cuts[number + 1] - other._cuts[number]
            if own is not None and same and own in self.stale and number not in other.stale:
                digests[own] = other.digests[number]
                self.stale.discard(own)
        self.digests = tuple(digests)

    def hash(self, data: Any) -> int:
        """Bring the digests of stale pieces up to date; how many pieces differ now."""
        digests, cuts, stale = list(self.digests), self._cuts, sorted(self.stale)
        differ = 0
        for at, digest in zip(stale, digests_of([data[cuts[at] : cuts[at + 1]] for at in stale]), strict=True):
            differ += digest != digests[at]
            digests[at] = digest
        if differ:
            self.digests = tuple(digests)
        self.stale = set()
        return differ


class ItemsRange(Range):
    """The memory of an array of objects none of which can change, which the array holds.

    As long as nobody writes there they are the very objects. The digests are those of what is written of each part of
    them, with what else `codec.parts.said_of` says. Its key has the bytes of a part in the place of those of a row, as
    a negative number. Writing a page of them anew takes many times what the first write to it costs: it never rests.
    """

    __slots__ = ()

    rests = False

    def _ends(self) -> Iterator[int]:
        _, size, row, _ = self.key
        return piece_ends(size, 0, -row)

    def may_hold(self, data: Items) -> bool:
        """Whether the parts can be written, which takes much longer than to see that they cannot.

        Raises:
            OtherItemsError: they cannot.
        """
        data.check()
        return True

    def may_be_known(self) -> bool:
        """Whether `recall` may know something: what was filled with text and numbers holds them."""
        return parts.was_filled(self.key)

    def recall(self) -> None:
        """After the pages are watched: what is known of an array that was filled with parts is not written again."""
        said = parts.recall(self.key)
        if said is not None and len(said) == self.count and len(self.stale) == self.count:
            self.digests, self.stale = said, set()

    def take_over(self, other: Range) -> None:
        """As any; digests for another limit are others."""
        if other.key[2:] == self.key[2:]:
            super().take_over(other)

    def hash(self, data: Items) -> int:
        """Write the stale parts; how many of them differ now.

        Raises:
            OtherItemsError: one of them cannot be written.
        """
        digests, limit = list(self.digests), self.key[3]
        for at in sorted(self.stale):
            digests[at] = said_of(*data.write(at), limit)
        differ = sum(said != before for said, before in zip(digests, self.digests, strict=True))
        self.digests, self.stale = tuple(digests), set()
        return differ


class _Ref(weakref.ref[Range]):
    """A range that may be gone, and where it was."""

    __slots__ = ("first", "key", "last")

    def __init__(self, one: Range, gone: Callable[[weakref.ref[Range]], None]) -> None:
        super().__init__(one, gone)  # type: ignore[call-arg]  # which takes both, whatever is said of it
        self.key, self.first, self.last = one.key, one.first, one.last


class Watched:
    """The table, and the kernel's side of it. Any thread may use it: a look while another one is under way hashes.

    Attributes:
        pid: of the process that it is about: in a forked child it knows nothing.

    Raises:
        NotTold: the kernel cannot, or must not, tell what was written.
    """

    def __init__(self) -> None:
        self._pages = Pages()
        self._relief = Relief(self._pages)
        self.pid = os.getpid()
        self._lock = threading.RLock()
        self._inside = False
        self._refs: dict[Key, _Ref] = {}
        self._buckets: dict[int, dict[Key, _Ref]] = {}
        self._gone: deque[weakref.ref[Range]] = deque()
        self._runs = Runs()
        self._most_maps = most_maps()
        self._mappings: Mappings | None = None
        """As of this turn, where the kernel does not answer questions about a single map."""
        self._maps, self._counted, self._since = 0, -_TURNS, 0
        """How many maps there are, when they were counted, and how many ranges were registered since."""
        self._turn = 0
        self._begun = -1
        self._pinned = False

    def turn(self) -> None:
        """What is known about the process as a whole may be old: the user's code may have run."""
        self._turn += 1
        self._mappings = None
        if os.getpid() == self.pid:
            self._relief.end()

    def begin_run(self) -> None:
        """Code of the user begins to run; the next `turn` says that it has."""
        if os.getpid() == self.pid:
            self._relief.begin(
                [(one.first, one.last) for one in self._live() if one.sure and one.rests and not one.resting]
            )

    def look(self, data: memoryview, row: int, limit: int) -> Range | None:
        """The range of a buffer, with right digests; None when it has to be hashed.

        Args:
            data: one-dimensional memory of bytes, not empty; not kept.
            row: see `codec.chunking.buffer_pieces`, as *limit*.
            limit: bytes.

        Raises:
            KeyboardInterrupt: or what else a signal raises; the next look is right all the same.
        """
        return self._by_itself(Range, (address_of(data), len(data), row, limit), data)

    def look_at_items(self, start: int, size: int, step: int, limit: int, items: Items) -> Range | None:
        """The same for the memory of an array that holds objects.

        Args:
            start: its address.
            size: bytes.
            step: bytes that the items of one part take there.
            limit: largest piece of a part, bytes.
            items: these; the parts that are not known are written.
        """
        return self._by_itself(ItemsRange, (start, size, -step, limit), items)

    def _by_itself(self, kind: type[Range], key: Key, data: Any) -> Range | None:
        if os.getpid() != self.pid or not self._lock.acquire(blocking=False):
            return None
        try:
            if self._inside:  # a signal handler, or code that the collector runs, in the middle of another look
                return None
            try:
                self._inside = True
                return self._look(kind, key, data)
            except Exception:  # whatever goes wrong here is no matter of the user's: there is hashing
                return None
            finally:
                self._inside = False
        finally:
            self._lock.release()

    def _look(self, kind: type[Range], key: Key, data: Any) -> Range | None:
        self._begin()
        if self._pinned:
            return None
        ref = self._refs.get(key)
        found = ref() if ref is not None else None
        is_first = found is None
        if found is None:
            found = kind(key)
            found.note_all()
            if not (self._is_ordinary(found) and (found.may_be_known() or found.may_hold(data))):
                return None
            self._add(found)
        if found.resting:
            self._rest(found, data)
        elif not self._ask(found):
            return None
        else:
            new = is_first or (len(found.stale) == found.count and not found.digests[0])
            self._count(found, 0 if new else len(found.stale))
            if is_first:
                found.recall()
            found.hash(data)
        return found

    def _begin(self) -> None:
        """Once in a turn, and for what went since: what is not about one buffer."""
        if self._begun != self._turn:
            self._pinned = has_pinned()
            if self._pinned:  # what a device writes is not told: nothing that was remembered can be relied on
                for one in self._live():
                    one.sure = False
            self._begun = self._turn
        while self._gone:
            self._forget(self._gone.popleft())

    def _ask(self, found: Range) -> bool:
        """Ask the kernel what was written to *found* and mark what is stale; False when it does not tell."""
        was_known, found.sure = found.sure, False
        known = [one for one in self._overlapping(found.first, found.last) if one.sure]
        for one in known:
            one.sure = False
        try:
            written = self._pages.written(found.first, found.last)
        except OSError:  # mapped anew, or never registered: of these pages nothing is known to the others either
            for one in known:
                one.note([(found.first, found.last)])
                one.sure = True
            return self._register(found)
        for one in known:
            one.note(written)
            one.sure = True
        if was_known:
            found.note(written)
        else:
            found.note_all()
            for one in known:  # a column of a frame, and the frame itself
                found.take_over(one)
        found.sure = True
        return True

    def _register(self, found: Range) -> bool:
        if not self._is_ordinary(found) or not self._has_room(found):
            return False
        self._runs.add(found.first, found.last)
        try:
            self._pages.register(found.first, found.last)
            self._pages.written(found.first, found.last)
            self._since += 1
        except OSError:  # no map left, somebody else has registered it, or something else is mapped there by now
            self._unregister(found.first, found.last)
            return False
        found.note_all()
        found.sure = True
        return True

    def _is_ordinary(self, found: Range) -> bool:
        try:
            return are_ordinary(found.first, found.last)
        except (OSError, ImportError):  # then all of them are read, which takes longer than all else that a cell costs
            if self._mappings is None:
                self._mappings = Mappings()
            return self._mappings.are_ordinary(found.first, found.last)

    def _has_room(self, found: Range) -> bool:
        """Whether there are maps left: a run of registered pages makes two more of one, at most."""
        few = 2 * (len(self._runs) + 1) <= self._most_maps // 4 and self._count_maps() <= self._most_maps // 2
        return few or self._runs.touches(found.first, found.last)

    def _count_maps(self) -> int:
        """How many maps there are: counted now and then, and each turn where there are many, because it takes long."""
        turns = 1 if 4 * self._maps > self._most_maps else _TURNS
        if self._turn - self._counted >= turns or self._since > _REGISTERED:
            self._maps, self._counted, self._since = count_maps(), self._turn, 0
        return self._maps

    def _count(self, found: Range, written: int) -> None:
        """Note how much of *found* was written since the last look; let it rest when that is most of it every time."""
        mostly = found.rests and 2 * written > found.count
        if not mostly and found.turn == self._turn:
            return  # a second look after the same run says nothing
        found.rewritten = found.rewritten + 1 if mostly else 0
        found.turn = self._turn
        if found.rewritten >= _REWRITTEN:
            found.sure, found.resting = False, True
            self._pages.unprotect(found.first, found.last)

    def _rest(self, found: Range, data: Any) -> None:
        """Hash *found*; it is watched again from the next look on when most of it is as it was."""
        found.stale = set(range(found.count))
        if 2 * found.hash(data) <= found.count and found.turn != self._turn:
            found.resting, found.rewritten = False, 0
        found.turn = self._turn

    # ---- which ranges there are ----

    def _live(self) -> Iterator[Range]:
        return (one for ref in list(self._refs.values()) if (one := ref()) is not None)

    def _overlapping(self, first: int, last: int) -> list[Range]:
        """The ranges that have a page of these."""
        refs: dict[Key, _Ref] = {}
        for bucket in range(first >> _BUCKET, (last - 1 >> _BUCKET) + 1):
            refs.update(self._buckets.get(bucket, {}))
        found = (ref() for ref in refs.values() if ref.first < last and first < ref.last)
        return [one for one in found if one is not None]

    def _add(self, one: Range) -> None:
        ref = _Ref(one, self._gone.append)
        for bucket in range(one.first >> _BUCKET, (one.last - 1 >> _BUCKET) + 1):
            self._buckets.setdefault(bucket, {})[one.key] = ref
        self._refs[one.key] = ref  # last: what is found here is found there by whoever asks for its pages

    def _forget(self, ref: weakref.ref[Range]) -> None:
        """A range is gone: its pages are as any others, but for those of other ranges."""
        assert isinstance(ref, _Ref)
        if self._refs.get(ref.key) is ref:
            del self._refs[ref.key]
        for bucket in range(ref.first >> _BUCKET, (ref.last - 1 >> _BUCKET) + 1):
            there = self._buckets.get(bucket, {})
            if there.get(ref.key) is ref:
                del there[ref.key]
            if not there:
                self._buckets.pop(bucket, None)
        at = ref.first
        for one in sorted(self._overlapping(ref.first, ref.last), key=lambda one: one.first):
            self._unregister(at, min(one.first, ref.last))
            at = max(at, one.last)
        self._unregister(at, ref.last)

    def _unregister(self, first: int, last: int) -> None:
        if first >= last:
            return
        self._runs.remove(first, last)
        try:
            self._pages.unregister(first, last)
        except OSError:  # it is not mapped any more
            return

    def close(self) -> None:
        """Unregister everything and give up the descriptors. What is looked at afterwards is hashed."""
        with self._lock:
            if self.pid == os.getpid():
                self._relief.close()
                for first, last in list(self._runs):
                    self._unregister(first, last)
            self.abandon()

    def abandon(self) -> None:
        """In a forked child: give up the descriptors, which are about the memory of the parent."""
        self.pid = -1  # the thread is not there in a child, and its events may be locked for ever
        self._pages.close()


class Runs:
    """Ranges of addresses that are registered, joined where they meet."""

    def __init__(self) -> None:
        self._runs: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._runs)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(list(self._runs))

    def _meeting(self, first: int, last: int) -> tuple[int, int]:
        """From which to before which of the runs there is one that meets this range."""
        return bisect_left(self._runs, first, key=_stop), bisect_right(self._runs, last, key=_start)

    def touches(self, first: int, last: int) -> bool:
        """Whether adding this range makes no more of them."""
        begin, end = self._meeting(first, last)
        return begin < end

    def add(self, first: int, last: int) -> None:
        """Take a range in."""
        begin, end = self._meeting(first, last)
        if begin < end:
            first, last = min(first, self._runs[begin][0]), max(last, self._runs[end - 1][1])
        self._runs[begin:end] = [(first, last)]

    def remove(self, first: int, last: int) -> None:
        """Take a range out of those that have a part of it."""
        begin, end = self._meeting(first, last)
        if begin < end:
            left, right = self._runs[begin], self._runs[end - 1]
            parts = ((left[0], min(first, left[1])), (max(last, right[0]), right[1]))
            self._runs[begin:end] = [(start, stop) for start, stop in parts if start < stop]


_start, _stop = itemgetter(0), itemgetter(1)


class _Process:
    """The table of this process, as long as somebody uses it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.table: Watched | None = None
        self.users = 0

    def take(self) -> Watched:
        """The table, for one more user.

        Raises:
            NotTold: see `Watched`.
        """
        with self.lock:
            if self.table is None:
                self.table, self.users = Watched(), 0
            self.users += 1
            return self.table

    def give_back(self, table: Watched) -> None:
        """One user less."""
        with self.lock:
            if self.table is not table:
                return  # in a forked child
            self.users -= 1
            if not self.users:
                self.table = None
                table.close()

    def after_fork(self) -> None:
        """In the child nothing is watched, by anybody."""
        table, self.table, self.users = self.table, None, 0
        self.lock = threading.Lock()
        if table is not None:
            table.abandon()


process = _Process()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=process.after_fork)


__all__ = ["ItemsRange", "Key", "NotTold", "Range", "Watched", "process"]
