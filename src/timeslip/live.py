"""The parts of one recording session, and what of its present state is recorded where.

`Live` holds what the verbs share: the store, the namespace, the tracker, and the map from node keys to value records
that is the live state as recorded. The verbs are in modules of their own and take it as their first argument.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from timeslip.codec.capture import Encoder, Resources
from timeslip.codec.definitions import Registry
from timeslip.config import Settings
from timeslip.errors import SessionBusyError, StoreError
from timeslip.ids import CommitId, RecordId, SessionId
from timeslip.model import Names
from timeslip.planner import ValueInfo
from timeslip.state.covariables import Tracker
from timeslip.state.facets import FacetSet
from timeslip.state.namespace import Namespace
from timeslip.store.repository import Repository
from timeslip.values import ValueWriter, content_of, lost_reason

if TYPE_CHECKING:
    from collections.abc import Iterator

_BODIES = 4096
"""Value records kept in memory: their bodies are small and immutable."""


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
        last: the last commit made.
        pending: names of earlier steps whose commit failed; they belong to the next one.
        paused: why recording is paused, or None.
        unfinished: runs whose commit failed since recording was paused.
        unseen: code ran that was not looked at; the next look takes nothing for granted.
        off: of that code, some was the user's (``%%timeslip off``, or a run whose commit failed): it is a step.
        shared: another kernel holds the session; this one is a guest on a branch of its own.
        fresh_branch: the branch was chosen for a guest and does not exist before its first commit.
        hooked: why code of the session may run without being named, or None.
    """

    def __init__(
        self, repository: Repository, session: SessionId, namespace: Namespace, settings: Settings, branch: str
    ) -> None:
        self.repository = repository
        self.session = session
        self.kernel = secrets.token_hex(8)
        self.namespace = namespace
        self.settings = settings
        self.registry = Registry()
        self.resources = Resources()
        self.encoder = Encoder(namespace.globals, self.registry, self.resources, namespace.seeds)
        self.tracker = Tracker(self.encoder, settings.chunk_bytes)
        self.facets = FacetSet(settings.facets)
        self.writer = ValueWriter(repository, settings)
        self.records: dict[str, RecordId] = {}
        self.manifest: RecordId | None = None
        self.head: CommitId | None = None
        self.branch = branch
        self.facet_bytes: dict[str, bytes] = {}
        self.last_names = Names()
        self.pending_names: set[str] = set()
        self.paused: str | None = None
        self.unfinished = 0
        self.hooked: str | None = None
        self.unseen = False
        self.off = False
        self.shared = False
        self.fresh_branch = False
        self.threads = weakref.WeakSet(threading.enumerate())
        self.notices: list[str] = []
        self.pid = os.getpid()
        self.born = time.monotonic()
        self._mutex = threading.RLock()
        self._bodies: OrderedDict[str, dict[str, Any]] = OrderedDict()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One verb at a time.

        Raises:
            SessionBusyError: in a forked child, or another thread is at it.
        """
        if os.getpid() != self.pid:
            raise SessionBusyError(
                "this is a forked copy of the session's process; it is not recorded",
                hint="use the session in the process that attached it, or attach another one here",
            )
        if not self._mutex.acquire(timeout=10):
            raise SessionBusyError("another thread is recording or restoring", hint="try again when it has finished")
        try:
            yield
        finally:
            self._mutex.release()

    def body(self, record: str) -> dict[str, Any]:
        """The body of a value record; cached.

        Raises:
            StoreError: it cannot be read, is forgotten, or is not trusted.
        """
        known = self._bodies.get(record)
        if known is not None:
            self._bodies.move_to_end(record)
            return known
        body = self.repository.record("value", record)
        self.remember(record, body)
        return body

    def remember(self, record: str, body: dict[str, Any]) -> None:
        """Keep a body that was just written or read."""
        self._bodies[record] = body
        while len(self._bodies) > _BODIES:
            self._bodies.popitem(last=False)

    def info(self, record: str) -> ValueInfo:
        """What the planner needs to know of a value record.

        A record whose body is gone counts as lost under every key that names it in the target.
        """
        try:
            body = self.body(record)
        except StoreError as error:
            return ValueInfo((), error.message)
        return ValueInfo(tuple(body["keys"]), lost_reason(body), content_of(body))

    def change_settings(self, settings: Settings) -> None:
        """Take new settings over; facets that are switched on now are recorded from the next commit on."""
        if settings.facets != self.settings.facets:
            self.facets = FacetSet(settings.facets)
            self.facets.attach()
        self.settings = settings
        self.writer = ValueWriter(self.repository, settings)
        self.tracker.chunk_bytes = settings.chunk_bytes
        self.repository.min_free_bytes = settings.min_free_bytes

    def forget_bodies(self) -> None:
        """After gc, forget or trust: what was cached may not be there any more, or may be now."""
        self._bodies.clear()

    def start_over(self) -> None:
        """After a look or a commit that failed half-way: the next one captures everything again."""
        digests = self.tracker.node_digests
        self.tracker = Tracker(self.encoder, self.settings.chunk_bytes)
        self.tracker.node_digests = digests
        self.unseen = True

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
