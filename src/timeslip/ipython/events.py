"""News for front ends: a thread that compares what is recorded with what was told last, and tells the difference.

It is nudged, never called: whoever records or travels sets a flag and goes on. What follows each other quickly is told
at once, so a loop of a hundred commits is a few messages. The comms only send; a front end that asks on one of them
would have its later requests routed to the thread that sent last.
"""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from timeslip.errors import TimeslipError
from timeslip.lab import states
from timeslip.lab.view import View
from timeslip.standard import time

if TYPE_CHECKING:
    from timeslip.ids import CommitId
    from timeslip.ipython.faults import Faults

MOST_COMMS = 16
"""So many front ends are answered, and told, at a time; the oldest is dropped: after a reload nobody is behind it."""

PAUSE = 0.05
"""At least so long between two messages, seconds."""

_MANY = 50
_REMEMBERED = 1000
_LAST = 1.0
"""How long the end of a session waits for what is still to be told, seconds."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Told:
    """What a front end that heard everything knows.

    Attributes:
        head: where the session is.
        branch: that it is on.
        newest: position in the session of its newest commit.
        names: branches and tags: kind, name, commit.
        notes: messages: commit, id of the text.
        paused: why recording is paused, or None.
        session: id of the session.
        rewritten: how often what was recorded was changed in its place.
    """

    session: str
    head: CommitId | None
    branch: str
    newest: int
    names: frozenset[tuple[str, str, str]]
    notes: frozenset[tuple[CommitId, str]]
    paused: str | None
    rewritten: int


class Events:
    """Tells every open comm what happens.

    Args:
        view: gives the session as it is.
        faults: what a fault is reported to.
    """

    def __init__(self, view: Callable[[], View], faults: Faults) -> None:
        self._view = view
        self._faults = faults
        self._comms: OrderedDict[str, Any] = OrderedDict()
        self._lock = threading.Lock()
        self._awake = threading.Event()
        self._doing = ""
        self._closed = False
        self._thread: threading.Thread | None = None
        self._known: OrderedDict[int, int] = OrderedDict()
        self.seq = 0
        """Number of the last event."""
        self._told = self._look(view())
        self._known[0] = self._told.newest

    def open(self, comm: Any) -> None:
        """Somebody listens from now on."""
        comm.on_close(lambda _: self._forget(comm.comm_id))
        with self._lock:
            self._comms[comm.comm_id] = comm
            dropped = [self._comms.popitem(last=False)[1] for _ in range(len(self._comms) - MOST_COMMS)]
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="timeslip-events", daemon=True)
                self._thread.start()
        for old in dropped:
            close_quietly(old)

    def _forget(self, comm_id: str) -> None:
        with self._lock:
            self._comms.pop(comm_id, None)

    def nudge(self, doing: str = "") -> None:
        """Something may have changed; *doing* has begun and is told if it takes longer than a moment."""
        self._doing = doing
        self._awake.set()

    def newest_at(self, seq: int) -> int | None:
        """The position in the session of the newest commit at event *seq*; None when that is not remembered."""
        return self._known.get(seq)

    def close(self) -> None:
        """Tell what is left to tell, and that this is the end."""
        self._closed = True
        self._awake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(_LAST)
        if self._comms:
            self._send("closed", self._view())
        with self._lock:
            comms, self._comms = list(self._comms.values()), OrderedDict()
        for comm in comms:
            close_quietly(comm)

    # ---- in its thread

    def _run(self) -> None:
        while not self._closed:
            self._awake.wait()
            self._awake.clear()
            time.sleep(PAUSE)
            if self._comms:
                try:
                    self._tell()
                except TimeslipError as error:  # the store was closed, or is damaged: the next nudge tries again
                    self._faults.note("telling front ends", error)
                except Exception as error:  # a thread of ours that ends with a traceback would be seen under a cell
                    self._faults.note("telling front ends", error)

    def _tell(self) -> None:
        view, before = self._view(), self._told
        now = self._look(view)
        self._told = now
        if now.paused != before.paused:
            self._send("paused" if now.paused else "resumed", view, why=now.paused)
        if now.rewritten != before.rewritten and now.session == before.session:
            self._send("rewritten", view, more=True)
        if now == before:
            if self._doing:
                self._send("recording", view, why=self._doing)
            elif view.here is not None and view.here.unfinished and not now.paused:
                self._send("saving", view)
            return
        recorded = now.session == before.session and now.newest > before.newest
        if not recorded and dataclasses.replace(now, paused=before.paused, rewritten=before.rewritten) == before:
            return
        new = view.repository.commits(view.session, limit=_MANY + 1) if recorded else []
        changed = [commit for commit, body in new if int(body["seq"]) > before.newest]
        if now.session == before.session:
            changed += sorted({commit for commit, _ in now.notes ^ before.notes} - set(changed))
        head = states.some(view, [now.head] if now.head is not None else [])
        self._send(
            "recorded" if recorded else "moved",
            view,
            state=head[0] if head else None,
            states=states.some(view, changed[:_MANY]),
            more=len(changed) > _MANY,
            went=_last(view),
        )

    def _look(self, view: View) -> _Told:
        repository = view.repository
        head = repository.head(view.session, view.kernel)
        newest = repository.commits(view.session, limit=1)
        names = {(ref.kind, ref.name, str(ref.commit)) for ref in repository.refs(view.session)}
        return _Told(
            str(view.session),
            head.commit if head is not None else None,
            head.branch if head is not None else "main",
            int(newest[0][1]["seq"]) if newest else 0,
            frozenset(names),
            frozenset(repository.noted(view.session)),
            view.here.paused if view.here is not None else None,
            view.here.rewritten if view.here is not None else 0,
        )

    def _send(self, event: str, view: View, **more: Any) -> None:
        self.seq += 1
        self._known[self.seq] = self._told.newest
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        body: Json = {
            "event": event,
            "seq": self.seq,
            "session": self._told.session,
            "head": self._told.head,
            "branch": self._told.branch,
            **states.names(view.history),
            "state": None,
            "states": [],
            "more": False,
            "went": None,
            "why": None,
            "store_bytes": view.repository.size_bytes(),
            **more,
        }
        with self._lock:
            comms = list(self._comms.values())
        for comm in comms:
            if not _send(comm, body):
                self._forget(comm.comm_id)


def _last(view: View) -> Json | None:
    """The newest operation of this kernel: how the session came to be where it is."""
    found = view.repository.operations(view.session, kernel=view.kernel, limit=1)
    return {"kind": found[0].kind, "before": found[0].before, "after": found[0].after} if found else None


def _send(comm: Any, body: Json) -> bool:
    """Whether that went out; a comm that cannot send is dead."""
    try:
        comm.send(body)
    except Exception:  # the kernel is ending, or the front end has gone in a way that nobody heard of
        return False
    return True


def close_quietly(comm: Any) -> None:
    """Close a comm behind which there may be nobody."""
    try:
        comm.close()
    except Exception:  # it is forgotten whatever it says
        return
