"""The kernel's end of the front end's two comms: requests (``timeslip.rpc``) and news (``timeslip.events``).

Requests are answered in the thread in which they arrive: with ipykernel 7 that may be a subshell's, while a cell runs
in another. So everything here goes by a door of its own to the store, which waits for no transaction, and never looks
at the namespace. What needs values is answered by a process of its own (`timeslip.lab.helper`).

Imported when the extension is loaded into a kernel: it registers two names and imports nothing more before a front end
comes. docs/reference/lab.md is the contract.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.ipython.faults import Faults
    from timeslip.ipython.front import Front

RPC, EVENTS = "timeslip.rpc", "timeslip.events"


class Comms:
    """What is registered in one kernel for one session.

    Args:
        session: what is recorded.
        faults: what a fault is reported to.
    """

    def __init__(self, session: Any, faults: Faults) -> None:
        self._session = session
        self._faults = faults
        self._lock = threading.Lock()
        self._front: Front | None = None
        self._targets: dict[str, Callable[[Any, Any], None]] = {RPC: self._open_rpc, EVENTS: self._open_events}

    def register(self, shell: Any) -> None:
        """Be there for front ends, where the shell belongs to a kernel that has comms."""
        manager = _manager(shell)
        for name, target in self._targets.items() if manager is not None else ():
            manager.register_target(name, target)

    def nudge(self, doing: str = "") -> None:
        """Something may have changed, or *doing* has begun: whoever listens is told soon. Takes next to no time."""
        if self._front is not None:
            self._front.events.nudge(doing)

    def close(self, shell: Any) -> None:
        """Take the names out again, say goodbye to front ends, and let go of everything."""
        manager = _manager(shell)
        for name, target in self._targets.items() if manager is not None else ():
            if manager.targets.get(name) == target:
                manager.unregister_target(name, target)
        with self._lock:
            front, self._front = self._front, None
        if front is not None:
            with self._faults.guard("closing the connections to front ends"):
                front.close()

    def _open_rpc(self, comm: Any, message: Any) -> None:
        from timeslip.errors import TimeslipError

        try:
            front = self._begun()
        except TimeslipError as error:  # the store cannot be opened a second time
            comm.send({"refused": {"code": error.code, "message": error.message, "hint": error.hint}})
            comm.close()
            return
        front.open_rpc(comm, message)

    def _open_events(self, comm: Any, message: Any) -> None:
        from timeslip.errors import TimeslipError

        try:
            front = self._begun()
        except TimeslipError:  # the comm for requests says why
            comm.close()
            return
        front.events.open(comm)

    def _begun(self) -> Front:
        with self._lock:
            if self._front is None:
                from timeslip.ipython.front import Front

                self._front = Front(self._session, self._faults)
            return self._front


def _manager(shell: Any) -> Any:
    """The table of comms of a kernel; None in a terminal, and where a kernel has none."""
    comm = sys.modules.get("comm")  # which a kernel has imported
    if comm is None or not hasattr(shell, "kernel"):
        return None
    try:
        return comm.get_comm_manager()
    except Exception:  # a kernel of another kind: it is recorded all the same
        return None
