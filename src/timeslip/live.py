"""The parts of one recording session, and what of its present state is recorded where.

`Live` holds what the verbs share: the store, the namespace, the tracker, and the map from node keys to value records
that is the live state as recorded. The verbs are in modules of their own and take it as their first argument.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from timeslip.activity import user_threads
from timeslip.codec.capture import Encoder
from timeslip.codec.definitions import Registry
from timeslip.codec.reducers import brought
from timeslip.codec.resources import Resources
from timeslip.compacting import Compactor
from timeslip.config import Settings
from timeslip.encoding import ValueWriter
from timeslip.errors import SessionBusyError, StoreError, UnstorableError
from timeslip.ids import CommitId, RecordId, SessionId
from timeslip.interrupts import uninterrupted
from timeslip.planner import ValueInfo
from timeslip.progress import Progress
from timeslip.proving import PATIENCE, Prover
from timeslip.saving import Backlog
from timeslip.standard import os, time
from timeslip.state.covariables import Covariable, Tracker
from timeslip.state.facets import FacetSet
from timeslip.state.namespace import Namespace
from timeslip.state.patches import PatchedNamespace
from timeslip.steps import Steps, steps_in_log
from timeslip.store import logfile
from timeslip.store.repository import Repository
from timeslip.values import content_of, lost_reason, lost_reason_of, with_verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from timeslip.owing import Step
    from timeslip.store.retention import RetentionPolicy

_WAIT_SECONDS = 10.0
"""How long a verb waits for one that another thread has called, seconds."""

_BODIES = 4096
"""Value records kept in memory, or as many as the live state and the one that is wanted have: their bodies are small
and immutable. One less, and each is read again every time that all are gone through."""


class Room(NamedTuple):
    """As long as all of it holds, the store need not be asked whether it is above its limit.

    Attributes:
        limit: that the user allows, at least, bytes.
        written: by this session since the store was opened, at most, bytes.
        time: of the monotonic clock, at most.
    """

    limit: int
    written: int
    time: float


class Live:
    """Everything one attached session consists of. All use is under `turn`.

    Attributes:
        repository: the store.
        session: id of the session in the store.
        kernel: random id of this attachment: HEAD and the operation log are kept per kernel.
        namespace: where the names live.
        settings: present settings; replaced as a whole.
        records: node key -> value record of the live state, as of the last commit or restore.
        head: the commit the live state came from; None before the first.
        branch: what the next commit goes to if HEAD is its tip.
        facet_bytes: facet name -> bytes at the last commit or restore.
        pending_names: names of earlier steps whose commit failed; they belong to the next one.
        made_again: names that the last restore made again and that are still to be recorded -> where they were so.
        paused: why recording is paused, or None.
        unfinished: runs whose commit failed since recording was paused.
        rewritten: how often what was recorded was changed in its place: by `forget`, `gc`, `trust`.
        room: that the store was found to have below its limit, or None.
        no_room_for: the retention policy under which the store was found to have no room left, or None.
        told_drop: the user has been told that old values were dropped.
        unseen: code ran that was not looked at; the next look takes nothing for granted.
        off: of that code, some was the user's (``%%timeslip off``).
        owed: the last step that could not be recorded; nothing of it is lost, and it is recorded before travelling.
        backlog: commits that are not finished.
        finishing: the thread that saves has the turn, which nobody has called for: who waits for it is never refused.
        provisional: what versions of the backlog are called until they have a name -> their bodies, without content.
        shared: another kernel holds the session; this one is a guest on a branch of its own.
        fresh_branch: the branch was chosen for a guest and does not exist before its first commit.
        steps: what undo and redo walk over.
        moves: how many verbs have done what they are for.
        mark: number of the tracker's update that followed the last code of the user. What was not checked since then
            is assumed.
        looks: number of the update that followed a run, and what the run is called, oldest first.
        progress: how far long work has come.
        prover: tries out whether classes of libraries come back as they were.
        news: sentences about what was found changed between two runs, for the next answer of a verb that travels.
        wanted: how many value records the state has that is being restored.
        digests: value record of one name -> the digest under which the tracker noted it last, in this process.
        set_aside: objects that undo took out and that would remove files of the user's with them.
        hooked: why code of the session may run without being named, or None.
        hook_names: names that the runs reached which handed such code on: what it can reach.
        hooks_reach_everything: whether that cannot be told.
    """

    def __init__(
        self, repository: Repository, session: SessionId, namespace: Namespace, settings: Settings, branch: str
    ) -> None:
        self.repository = repository
        self.session = session
        self.kernel = os.urandom(8).hex()
        self.namespace = namespace if isinstance(namespace, PatchedNamespace) else PatchedNamespace(namespace)
        self.settings = settings
        self.registry = Registry()
        self.resources = Resources()
        self.encoder = Encoder(namespace.globals, self.registry, self.resources, namespace.seeds)
        self.tracker = Tracker(self.encoder, settings.chunk_bytes, settings.check_budget)
        self.prover = Prover(self.encoder, repository.verdicts)
        self.facets = FacetSet(settings.facets)
        self.writer = ValueWriter(repository, settings)
        self.compactor = Compactor(repository)
        self.records: dict[str, RecordId] = {}
        self.manifest: RecordId | None = None
        self.head: CommitId | None = None
        self.branch = branch
        self.facet_bytes: dict[str, bytes] = {}
        self.pending_names: set[str] = set()
        self.made_again: dict[str, tuple[CommitId, str]] = {}
        self.paused: str | None = None
        self.unfinished = 0
        self.rewritten = 0
        self.room: Room | None = None
        self.no_room_for: RetentionPolicy | None = None
        self.told_drop = False
        self.hooked: str | None = None
        self.hook_names: frozenset[str] = frozenset()
        self.hooks_reach_everything = False
        self.unseen = False
        self.off = False
        self.owed: Step | None = None
        self.backlog = Backlog()
        self.finishing = False
        self.provisional: dict[str, dict[str, Any]] = {}
        self.shared = False
        self.fresh_branch = False
        self.steps = Steps()
        self.moves = 0
        self.mark = self.wanted = 0
        self.looks: list[tuple[int, str]] = []
        self.news: list[str] = []
        self.left_out: frozenset[str] = frozenset()
        self.threads = threads = weakref.WeakSet(threading.enumerate())
        self.encoder.is_alone = lambda: not user_threads(threads)
        self.notices: list[str] = []
        self.set_aside: dict[int, Any] = {}
        self.progress = Progress()
        self.tracker.looked = self.progress.looked
        repository.moved = self.progress.moved
        self.pid = os.getpid()
        self.born = time.monotonic()
        self._whole = True
        self.mutex = threading.Lock()
        self.holder: tuple[FrameType, int] | None = None
        self.digests: dict[str, bytes] = {}
        self._bodies: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def turn(self, *, later: bool = False, quietly: bool = False) -> _Turn:
        """A block in which one verb has the session. What an earlier one left half done is put right first.

        Args:
            later: commits may be left unfinished; else all are finished first.
            quietly: nothing is put right, and nothing finished.

        Raises:
            SessionBusyError: in a forked child, another thread is at it, or a value's own code calls a verb while one
                is under way.
            StoreError: an earlier verb was torn, and the store does not say what is recorded.
        """
        return _Turn(self, None if quietly else later)

    def begin(self, *, later: bool) -> None:
        """The turn has begun; *later* as `turn`."""
        if self.backlog and not (later and self._whole):
            from timeslip.finishing import finish_all

            finish_all(self)
        if not self._whole:
            self.recover()
        self.prover.collect()
        faults, self.prover.faults = self.prover.faults, []
        for fault in faults:  # which changes nothing else: no matter for who runs cells
            logfile.append(self.repository.directory, "a class could not be tried", fault)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Around everything that changes what is noted here about the live state.

        When the block does not end well, the next turn takes the truth from the store and looks at everything again,
        so that nothing is lost wherever it was torn.
        """
        self.tear()
        yield
        self._whole = True

    def tear(self) -> None:
        """What is noted here cannot be relied on: see `changing`."""
        was_whole, self._whole = self._whole, False
        if was_whole:
            self.tracker.note()

    def recover(self) -> None:
        """After a block of `changing` that did not end: HEAD and the steps from the store, and the rest anew.

        Raises:
            StoreError: it cannot be read.
        """
        head = self.repository.head(self.session, self.kernel)
        if head is not None:
            manifest = None
            if head.commit is not None:
                manifest = RecordId(self.repository.commit(head.commit)["manifest"])
            records = self.repository.manifest(manifest) if manifest is not None else {}
            steps = steps_in_log(reversed(self.repository.operations(self.session, kernel=self.kernel)))
            self.steps, self.records, self.manifest = steps, records, manifest
            self.head, self.branch = head.commit, head.branch or self.branch
        self.facet_bytes = {}
        self.forget_bodies()
        self.provisional.clear()
        for group in self.tracker.covariables():
            for hole in group.holes:
                if not hole.complete:  # what is used next is not known to have been reached, and cannot be compared
                    self.resources.renew(hole.identity)
        self.tracker, self.mark, self.looks = self.tracker.anew(), 0, []
        self.tracker.left.update(self.records)
        self.unseen = True
        self._whole = True

    def digest_of(self, nodes: list[tuple[str, Any]]) -> bytes | None:
        """A digest of objects under node keys, by which a change shows; None when they cannot be captured.

        The second of two: the first capture of some objects changes them.
        """
        digest = b""
        for _ in range(2):
            try:
                captured = self.encoder.capture(nodes)
            except UnstorableError:
                return None
            again = captured.reduced
            digest = self.tracker.fingerprint(captured).digest
            captured.release()
            if not again:
                break
        return digest

    def body(self, record: str) -> dict[str, Any]:
        """The body of a value record; cached.

        Raises:
            StoreError: it cannot be read, is forgotten, or is not trusted.
        """
        body = self.provisional.get(record)
        if body is None:
            body = self._bodies.get(record)
            if body is not None:
                self._bodies.move_to_end(record)
            else:
                body = self.repository.record("value", record)
                self.remember(record, body)
        return with_verdicts(body, self.prover.verdict) if "hooked" in body else body

    def remember(self, record: str, body: dict[str, Any]) -> None:
        """Keep a body that was just written or read."""
        self._bodies[record] = body
        while len(self._bodies) > max(_BODIES, len(self.records), self.wanted):
            self._bodies.popitem(last=False)

    def note_digest(self, group: Covariable) -> None:
        """Remember the digest of *group*, which has just been recorded or loaded as the version that it is.

        Only of single names: several are captured one by one after a restore.
        """
        if group.record is None or len(group.keys) > 1:
            return
        self.digests.pop(group.record, None)
        self.digests[group.record] = group.fingerprint.digest
        while len(self.digests) > max(_BODIES, len(self.records), self.wanted):
            del self.digests[next(iter(self.digests))]

    def await_verdicts(self) -> None:
        """Before values are brought back: start the trials that are wanted, and wait a while for what is under way."""
        self.prover.begin(self.namespace.snapshot)
        with self.progress.phase("trying values"):
            self.prover.collect(PATIENCE)

    def close(self) -> None:
        """Let go of the session and close the store; the last thing that is done with this object."""
        self.compactor.close()
        self.prover.close()
        self.tracker.memory.close()
        self.repository.release_lease(self.session, self.kernel)
        self.repository.close()

    def info(self, record: str) -> ValueInfo:
        """What the planner needs to know of a value record.

        A record whose body is gone counts as lost under every key that names it in the target.
        """
        try:
            body = self.body(record)
        except StoreError as error:
            return ValueInfo((), error.message)
        return ValueInfo(tuple(body["keys"]), lost_reason(body), content_of(body), body.get("aliases", {}))

    def lost_of(self, record: str, name: str) -> str | None:
        """Why one of the names of a value record cannot be loaded, or None."""
        try:
            return lost_reason_of(self.body(record), name)
        except StoreError as error:
            return error.message

    def change_settings(self, settings: Settings) -> None:
        """Take new settings over; facets that are switched on now are recorded from the next commit on."""
        if settings.facets != self.settings.facets:
            self.facets = FacetSet(settings.facets)
            self.facets.attach()
        self.settings = settings
        self.writer = ValueWriter(self.repository, settings)
        self.tracker.chunk_bytes = settings.chunk_bytes
        self.tracker.call_cheap(settings.check_budget)
        self.repository.min_free_bytes = settings.min_free_bytes

    def note_unseen(self, *, of_user: bool) -> None:
        """Code has run that is not a step: the next look takes nothing for granted."""
        self.tracker.memory.turn()
        self.unseen = True
        self.off = self.off or of_user

    def forget_bodies(self) -> None:
        """After gc, forget or trust: what was cached may not be there any more, or may be now."""
        self._bodies.clear()
        self.rewritten += 1

    def moved_facets(self) -> set[str]:
        """Keys of the facets that are not as they are recorded: moved since, or never put back."""
        now = self.facets.capture()
        return {f"facet:{name}" for name, data in now.items() if self.facet_bytes.get(name) != data}

    def take_notices(self) -> list[str]:
        """What is to be said, and what did not work and changed nothing else: facets, reducers that libraries bring."""
        taken = [*self.notices, *self.facets.problems, *brought.problems]
        self.notices, self.facets.problems = [], []
        brought.problems.clear()
        return taken

    def take_news(self) -> list[str]:
        """What `news` holds, and what is to be said of patches; empties both."""
        taken, self.news = [*self.news, *self.namespace.problems], []
        self.namespace.problems = []
        return taken

    def details(self, **given: Any) -> dict[str, Any]:
        """Details of an entry in the operation log: what is *given*, and whether this kernel is a guest."""
        return {**given, "guest": True} if self.shared else given

    def take_over(self) -> None:
        """A guest whose host has ended holds the session from now on: its HEAD is the session's."""
        leases = self.repository.leases(self.session)
        if self.shared and not any(lease.holder and lease.alive for lease in leases):
            mine = next((lease.info for lease in leases if lease.kernel == self.kernel), {})
            self.shared = not self.repository.acquire_lease(self.session, self.kernel, mine)

    def dirty(self, keys: Iterable[str]) -> None:
        """Make sure that the next commit captures *keys* again, whatever the tracker thinks of them."""
        for group in {self.tracker.groups[key] for key in keys if key in self.tracker.groups}:
            self.tracker.forget(group)


class _Turn:
    """See `Live.turn`. A class, not a generator: see `interrupts`."""

    __slots__ = ("_later", "_live")

    def __init__(self, live: Live, later: bool | None) -> None:
        self._live = live
        self._later = later

    def __enter__(self) -> None:
        live = self._live
        if os.getpid() != live.pid:
            raise SessionBusyError(
                "this is a forked copy of the session's process; it is not recorded",
                hint="use the session in the process that attached it, or attach another one here",
            )
        taken = False
        try:
            self._refuse_inner()
            # An interrupt in the first instant of `__exit__` leaves the lock with us: it is ours all the same.
            taken = live.holder is not None and live.holder[1] == threading.get_ident()
            if taken:
                live.mutex.acquire(blocking=False)
            deadline = time.monotonic() + _WAIT_SECONDS
            while not taken:
                # Asked before the last try: what finishes by itself does so in a while, and may have done it just now.
                is_last = time.monotonic() > deadline and not live.finishing
                with uninterrupted():  # taken and not noted, it would stay taken for ever
                    taken = live.mutex.acquire(timeout=0.05) or self._is_left_behind()
                if is_last and not taken:
                    raise SessionBusyError(
                        "another thread is recording or restoring", hint="try again when it has finished"
                    )
            live.holder = (sys._getframe(1), threading.get_ident())
            if self._later is not None:
                live.begin(later=self._later)
        except BaseException:  # an interrupt too
            if taken:
                self.__exit__()
            raise

    def _is_left_behind(self) -> bool:
        """Whether the thread that has the session died before it could give it back: it is ours then."""
        holder = self._live.holder
        return holder is not None and all(thread.ident != holder[1] for thread in threading.enumerate())

    def _refuse_inner(self) -> None:
        """Refuse when the block that holds the session is one that we are in."""
        holder, frame = self._live.holder, sys._getframe(2)
        while holder is not None and frame is not None:
            if frame is holder[0]:
                raise SessionBusyError(
                    "a verb was called while another one is under way; it did nothing",
                    hint="code that runs while a value is saved or restored cannot use the session",
                )
            frame = frame.f_back  # type: ignore[assignment]

    def __exit__(self, *_: object) -> None:
        live = self._live
        mine = live.holder
        live.mutex.release()
        if live.holder is mine:  # else another thread has taken it in this instant
            live.holder = None
