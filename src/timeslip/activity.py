"""Code of the session that may run without being named by a cell: threads and tasks that are still alive."""

from __future__ import annotations

import sys
import threading
from collections.abc import Container
from typing import Any

_LIBRARY_THREADS = ("TMonitor", "HistorySavingThread", "Heartbeat", "IOPubThread", "ControlThread", "ParentPollerUnix")
"""Classes of threads that front ends and libraries run for themselves."""


_LIBRARIES = ("ipykernel", "zmq", "tornado", "timeslip", "IPython", "joblib", "loky")


def user_threads(known: Container[threading.Thread]) -> list[str]:
    """Names of threads that were started since *known* was taken and may run code of the session.

    Args:
        known: the threads of the kernel itself.
    """
    found = []
    for thread in threading.enumerate():
        if thread in known or thread is threading.main_thread() or type(thread).__name__ in _LIBRARY_THREADS:
            continue
        if thread.name.startswith("timeslip"):
            continue
        module = getattr(getattr(thread, "_target", None), "__module__", None) or type(thread).__module__
        if isinstance(module, str) and module.partition(".")[0] in _LIBRARIES:
            continue
        found.append(thread.name)
    return found


def user_tasks(namespace: dict[str, Any]) -> bool:
    """Whether a task of the running event loop belongs to a coroutine that was made in the session."""
    for task in live_tasks():
        frame = getattr(task.get_coro(), "cr_frame", None)
        if frame is not None and frame.f_globals is namespace and frame.f_code.co_name != "<module>":
            return True
    return False


def live_tasks() -> list[Any]:
    """The tasks of the event loop that runs in this thread that are not done, the one that we are in first."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return []
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # no loop runs in this thread
        return []
    present = asyncio.current_task(loop)
    return sorted(asyncio.all_tasks(loop), key=lambda task: task is not present)
