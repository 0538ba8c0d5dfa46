"""Large values are put into the store in the background, while the user's next code runs.

What a cell changed is known when its capture is there; the reply need not wait for the disk. A thread puts the chunks,
reading buffers from a snapshot of the memory (`state.snapshots`), so the next code may write to them at once, and
nothing here holds an object of the user's. The commit is *finished* when a transaction says so, in the order of the
runs: until then it is in the backlog of the session. One large commit at a time is saved: the next one waits.

Design: docs/design/028-writing-in-the-background.md.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from timeslip.encoding import Draft, Encoded, ValueWriter
from timeslip.ids import RecordId
from timeslip.owing import Entry
from timeslip.standard import time
from timeslip.state import snapshots
from timeslip.state.available import available_bytes, resident_bytes
from timeslip.state.covariables import Covariable
from timeslip.state.snapshots import NoSnapshotError, Snapshot
from timeslip.state.source import facts_of_source
from timeslip.store.repository import Repository

_WRITING = 5.5e-10
"""What hashing and writing takes, seconds a byte."""

_COPYING = 2e-11
"""What copying the page tables takes until that was seen, seconds for a byte of the process's memory: 2e-11 with small
pages, a tenth of that with huge ones."""

_ALIVE = 1.0
"""Whether a thread that is waited for lives still is asked so often, seconds."""

_FAILURES = 3
"""So many times it may fail in the background before it is not tried again; until then the commit after the next is."""

_FORKS_ARE_WARNED_OF = sys.version_info >= (3, 12)
"""A process that forks is warned when it has more than one thread: ours is not to be the first one."""


class Saving:
    """The chunks of some drafts being put by a thread of its own.

    Args:
        repository: where to.
        writer: of the session.
        drafts: detached ones.
        snapshot: whether they need one.
        then: called in the thread at the end, whatever it is.

    Attributes:
        encoded: what came out, in the order of the drafts; whole when `settled` and there is no `failure`.
        stored: bytes that it took in the store, after compression.
        total: bytes to put.
        failure: why it did not work out.
        hold: of the pins of what was put: see `Repository.held_pins`.

    Raises:
        NoSnapshotError: a snapshot is needed, and there can be none; nothing was begun.
    """

    def __init__(
        self,
        repository: Repository,
        writer: ValueWriter,
        drafts: Sequence[Draft],
        *,
        snapshot: bool,
        then: Callable[[], None],
    ) -> None:
        self._repository = repository
        self._writer = writer
        self._drafts = list(drafts)
        self._then = then
        self._begun, self._detached, self._settled = threading.Event(), threading.Event(), threading.Event()
        self._done = 0
        self.encoded: list[Encoded] = []
        self.stored = 0
        self.total = sum(draft.missing + draft.streamed for draft in drafts)
        self.failure: BaseException | None = None
        self.hold = 0
        self._worker = threading.Thread(target=self._work, args=(snapshot,), name="timeslip-saving", daemon=True)
        try:
            self._begin()
        except Exception as error:  # whatever it is, a thread more than there may be: they are put at once
            self._drafts, self.failure = [], error
            raise NoSnapshotError(f"nothing could be begun in the background ({error})") from error
        finally:
            self._detached.set()  # the thread waits for that, whatever has become of it

    def _begin(self) -> None:
        for draft in self._drafts:
            draft.places()
            draft.own_stream()
        self._worker.start()
        while not self._begun.wait(_ALIVE) and self._worker.is_alive():
            pass
        if not self._begun.is_set():
            raise NoSnapshotError("a thread of ours has ended before it began")
        if self.failure is not None:
            raise NoSnapshotError(str(self.failure)) from self.failure
        for draft in self._drafts:
            draft.detach()

    @property
    def settled(self) -> bool:
        """Whether the thread has nothing more to put."""
        if not self._worker.is_alive() and not self._settled.is_set():
            self.failure = self.failure or RuntimeError("a thread of ours has ended in the middle of its work")
            self._settled.set()
        return self._settled.is_set()

    @property
    def done(self) -> int:
        """Bytes put so far."""
        return self.total if self.settled else min(self._done, self.total)

    def wait(self, seconds: float) -> bool:
        """Wait so long for `settled`."""
        return self._settled.wait(seconds) or self.settled

    def _work(self, snapshot: bool) -> None:
        try:
            found: AbstractContextManager[Snapshot | None] = _snapshot() if snapshot else contextlib.nullcontext()
        except BaseException as error:  # told to whoever wanted it
            self.failure = error
            return
        finally:
            self._begun.set()
        try:
            self._put(found)
            self._then()
        except BaseException as error:  # whatever it is: a thread that ends with a traceback would be seen under a cell
            if not self._settled.is_set():
                self.failure = error
                self._settled.set()
        finally:
            with found:  # which ends there, if it has not before
                pass

    def _put(self, snapshot: AbstractContextManager[Snapshot | None]) -> None:
        """Put all. The snapshot is gone before that is said: whoever waits for it may make the next one."""
        before = self._repository.chunk_bytes_here
        try:
            with snapshot as found:
                self._detached.wait()
                read = found.read_into if found is not None else None
                with self._repository.held_pins() as self.hold:
                    self.encoded += [self._writer.settle(draft, read, self._note) for draft in self._drafts]
        except BaseException as error:  # told to whoever finishes the commit, whatever it is
            self.failure = error
        finally:
            self._drafts = []
            self.stored = self._repository.chunk_bytes_here - before
            self._settled.set()

    def _note(self, count: int) -> None:
        self._done += count


_Key = TypeVar("_Key")


@dataclass(slots=True)
class Unsaved:
    """One commit that is not finished.

    Attributes:
        entry: all that the commit takes, but for its chunks.
        saving: puts them; None where they are there.
        hold: of the pins of what was put for it at once.
        made: co-variable -> what its version is called until it has a name.
        values: facet -> the same.
    """

    entry: Entry
    saving: Saving | None
    hold: int
    made: Mapping[Covariable, RecordId]
    values: Mapping[str, RecordId]


class Backlog:
    """The commits of one session that are not finished, in order. Changed under the session's lock.

    Attributes:
        waiting: these.
        failed: what was to be saved in the background could not be, and is still to be recorded.
        failures: how often that has happened.
        works: a snapshot was made, to see whether it can be.
    """

    def __init__(self) -> None:
        self.waiting: deque[Unsaved] = deque()
        self.failed = False
        self.failures = 0
        self.works = False
        self._count = 0

    def __len__(self) -> int:
        return len(self.waiting)

    @property
    def is_ready(self) -> bool:
        """Whether the next one has all of its chunks, or cannot have them."""
        saving = self.waiting[0].saving
        return saving is None or saving.settled

    @property
    def why_none(self) -> str:
        """Why nothing is put off, for people; empty when it may be.

        What has failed is not tried in the same way again: it could fail for ever, and nothing would be recorded.
        """
        if self.failures >= _FAILURES:
            return "in the background it has failed several times"
        return "in the background it has failed the last time" if self.failed else ""

    @property
    def unsaved(self) -> set[Covariable]:
        """The co-variables of whose versions it is not known which chunks have them."""
        return {group for unsaved in self.waiting if unsaved.saving is not None for group in unsaved.made}

    def names_of(self, keys: Iterable[_Key]) -> dict[_Key, RecordId]:
        """What versions are called until they are finished: no id of a record looks like it."""
        keys = list(keys)
        self._count += len(keys)
        return {key: RecordId(f"unfinished:{self._count - at}") for at, key in enumerate(keys)}

    def progress(self) -> tuple[int, int]:
        """Bytes that are put, and that there are, of what is being saved now. Any thread may ask."""
        savings = [unsaved.saving for unsaved in list(self.waiting) if unsaved.saving is not None]
        return sum(saving.done for saving in savings), sum(saving.total for saving in savings)


def is_rewritten_by(source: str, backlog: Backlog, names: Mapping[str, object]) -> bool:
    """Whether a run of *source* would write all of a large array that is still being saved.

    Each of its pages would be copied while the thread reads them, which takes longer than to wait for it. Of what else
    code does to an array nobody knows beforehand how much of it that writes.

    Args:
        source: plain Python.
        backlog: of the session.
        names: what they are bound to now.
    """
    rewritten = facts_of_source(source).rewrites
    keys = rewritten.intersection(key for group in backlog.unsaved for key in group.keys)
    total = backlog.progress()[1]
    return any(_size_of_array(names.get(key)) * _MUCH >= total for key in keys)


_MUCH = 4
"""An array is worth a wait from this part of all that is being saved on."""

_ARRAYS = (("numpy", "ndarray"), ("torch", "Tensor"))
"""Module and class of what augmented assignment writes in place."""


def _size_of_array(value: Any) -> int:
    """Bytes of an array; 0 for anything else."""
    is_array = any(type(value) is getattr(sys.modules.get(module), name, None) for module, name in _ARRAYS)
    return int(value.nbytes) if is_array else 0


def _snapshot() -> Snapshot:
    began = time.perf_counter()
    made = Snapshot()
    _copied(time.perf_counter() - began)
    return made


def why_at_once(drafts: Iterable[Draft], least: int) -> str | None:
    """Why these are better put now, for people; None when they are better put in the background.

    Args:
        drafts: of one commit.
        least: as the setting `background_bytes`.
    """
    drafts = list(drafts)
    missing, streamed = sum(draft.missing for draft in drafts), sum(draft.streamed for draft in drafts)
    if not least or missing + streamed < least:
        return "there is little to write"
    if _FORKS_ARE_WARNED_OF and threading.active_count() == 1:
        return "this process has one thread alone"
    taken = missing + sum(draft.borrowed for draft in drafts)
    free = available_bytes() if taken else None
    if free is not None and taken > free // 2:
        return "there is too little memory"
    if not missing:
        return None
    if not all(snapshots.keeps(draft.places()) for draft in drafts):
        return "others may write to some of it"
    resident = resident_bytes()
    if resident is None or resident * _copying > missing * _WRITING:
        _forget_a_little()
        return "a copy of the memory would take longer"
    return None


_copying = _COPYING
"""As seen the last time."""


def _copied(seconds: float) -> None:
    """A snapshot took so long."""
    global _copying
    _copying = max(seconds, 0.0005) / max(resident_bytes() or 0, 1 << 26)


def _forget_a_little() -> None:
    """A copy was too expensive, going by the last: that may have been made in a bad moment, and is not made again."""
    global _copying
    _copying = max(min(_copying, _COPYING), _copying * 0.8)


def how(least: int, backlog: Backlog) -> str:
    """How large values are written here and why, for people; *least* as the setting `background_bytes`."""
    if not least:
        return "before the reply, as was asked for"
    # Tried by who asks for the status first: each try copies the page tables of the process, and whatever is written to
    # after it is copied by pages once more.
    reason = backlog.why_none or ("" if backlog.works else snapshots.why_not())
    backlog.works = backlog.works or not reason
    return f"before the reply: {reason}" if reason else "while the next cell runs"


__all__ = ["Backlog", "NoSnapshotError", "Saving", "Unsaved", "how", "why_at_once"]
