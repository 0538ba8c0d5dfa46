"""What is there for front ends once one has come: requests are answered, and whoever listens is told what happens."""

from __future__ import annotations

import contextvars
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from timeslip import answers
from timeslip.errors import TimeslipError, UsageError
from timeslip.ipython.events import MOST_COMMS, Events, close_quietly
from timeslip.lab import requests
from timeslip.lab.cells import Keeping
from timeslip.lab.helper import Helper
from timeslip.lab.moving import renamed
from timeslip.lab.pieces import Pieces
from timeslip.lab.view import View
from timeslip.whereabouts import whereabouts

if TYPE_CHECKING:
    from timeslip.ipython.faults import Faults
    from timeslip.store.repository import Repository

MOST_SLOW = 16
"""So many answers that took long, or are looked for still, are remembered, in case one of them does not arrive."""


class Front:
    """Answers requests, from any thread.

    Args:
        session: what is recorded.
        faults: what a fault is reported to.
    """

    def __init__(self, session: Any, faults: Faults) -> None:
        self._session = session
        self._faults = faults
        self._repository: Repository = session.repository.beside()
        self._helper = Helper(self._repository.directory)
        self._keeping = Keeping(session.repository)
        self._pieces = Pieces()
        self._comms: dict[str, Any] = {}
        self._slow: OrderedDict[tuple[str, str], dict[str, Any] | None] = OrderedDict()
        self._lock = threading.Lock()
        self.events = Events(self.view, faults)
        session.repository.published = self.events.nudge

    def view(self) -> View:
        """The session as it is now."""
        here = whereabouts(self._session)
        return View(self._repository, here.session, here, here.kernel)

    def open_rpc(self, comm: Any, message: Any) -> None:
        """A front end wants to ask."""
        said = requests.hello(self.view(), _data(message), self.events.seq)
        if "hello" not in said:
            comm.send(said)
            comm.close()
            return
        # Not `comm.on_msg`: around what is given there, the shell tells everybody that a cell has run, which shows and
        # closes the figures that a running cell is just drawing.
        comm.handle_msg = lambda received: self._handle(comm, received)
        comm.on_close(lambda _: self._comms.pop(comm.comm_id, None))
        with self._lock:
            self._comms[comm.comm_id] = comm
            dropped = [self._comms.pop(name) for name in list(self._comms)[:-MOST_COMMS]]
        comm.send(said)  # who hears this can ask
        for old in dropped:
            close_quietly(old)

    def _handle(self, comm: Any, message: Any) -> None:
        request: Any = _data(message)
        if isinstance(request, dict) and "piece" in request:
            try:
                request = self._pieces.take(comm.comm_id, request)
            except UsageError as error:
                comm.send({"id": request.get("id"), "error": requests.error_of(error)})
                return
            if request is None:
                return
        if requests.needs_values(request):
            self._slowly(comm, request)
        else:
            self._at_once(comm, request)

    def _at_once(self, comm: Any, request: object) -> None:
        comm.send(requests.answered(request, self._perform))

    def _slowly(self, comm: Any, request: Mapping[str, Any]) -> None:
        """In a thread that waits for the other process, with the context of the request, by which the reply is sent.

        What is asked again, because no answer has come, is not looked for again.
        """
        asked = comm.comm_id, repr(request.get("id"))
        with self._lock:
            known = asked in self._slow
            reply = self._slow.setdefault(asked, None)
            while len(self._slow) > MOST_SLOW:
                self._slow.popitem(last=False)
        if reply is not None:
            comm.send(reply)
        if known:
            return
        context = contextvars.copy_context()

        def wait() -> None:
            reply = self._with_values(request)
            with self._lock:
                if asked in self._slow:
                    self._slow[asked] = reply
            try:
                context.run(comm.send, reply)
            except Exception as error:  # the front end has gone, or the kernel is ending
                self._faults.note("answering a front end", error)

        threading.Thread(target=wait, name="timeslip-looking", daemon=True).start()

    def _perform(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._answer(request)
        except TimeslipError:
            raise
        except Exception as error:  # a fault of ours: whoever asked is told in a line, the log gets all of it
            self._faults.note(f"answering {request.get('verb')!r}", error)
            raise

    def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        view = self.view()
        if request.get("verb") == "keep":
            return self._keep(view, request)
        if request.get("verb") == "renamed":
            return self._renamed(view, request)
        return requests.read(view, request, self.events.newest_at, self.events.seq)

    def _keep(self, view: View, request: Mapping[str, Any]) -> dict[str, Any]:
        assert view.here is not None
        commit = requests.text_of(request, "commit")
        since = request.get("since") if request.get("since") is None else requests.text_of(request, "since")
        kept = self._keeping.keep(view.session, commit, request.get("cells"), view.here.most_bytes, since)
        return answers.answer("keep", **kept)

    def _renamed(self, view: View, request: Mapping[str, Any]) -> dict[str, Any]:
        paths = requests.text_of(request, "from"), requests.text_of(request, "to")
        told = renamed(self._session.repository, view.session, self._session.notebook, *paths)
        self._session.notebook = told["notebook"]
        return answers.answer("renamed", **told)

    def _with_values(self, request: Mapping[str, Any]) -> dict[str, Any]:
        try:
            view = self.view()
            return self._helper.ask(request, view.session, view.kernel)
        except Exception as error:  # whoever asked must get an answer
            return {"id": request.get("id"), "error": requests.error_of(error)}

    def close(self) -> None:
        """Say goodbye, and let go of the store."""
        self._session.repository.published = None
        self.events.close()
        with self._lock:
            comms, self._comms = list(self._comms.values()), {}
        for comm in comms:
            close_quietly(comm)
        self._helper.close()
        self._repository.close()


def _data(message: Any) -> object:
    try:
        return message["content"]["data"]
    except (KeyError, TypeError):
        return None
