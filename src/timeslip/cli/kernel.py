"""A verb run in somebody else's live kernel, through its connection file.

The request carries a deadline: a kernel that is busy with a cell until then finds the request later, sees that nobody
waits any more, and does nothing. So a command that has said "a cell is running" has changed nothing and never will.
"""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Sequence
from queue import Empty
from typing import Any

from timeslip import errors
from timeslip.cli.output import write_line, write_notice
from timeslip.errors import NoKernelError, SessionBusyError, TimeslipError
from timeslip.store.rows import SessionRow

ANSWER_SECONDS = 5.0
"""How long a kernel may take to say that it is there, seconds."""

BUSY_SECONDS = 3.0
"""How long to wait for a running cell to end, seconds."""

_CALL = "__import__('timeslip.ipython.remote', fromlist=['call']).call({words}, {deadline})"


def perform(session: SessionRow, words: Sequence[str]) -> dict[str, Any]:
    """Run the verb in *words* in the live kernel of *session* and return its answer.

    Raises:
        NoKernelError: there is no live kernel, or none that can be reached.
        SessionBusyError: a cell is running; nothing was or will be changed.
        TimeslipError: what the verb raised there.
        KeyboardInterrupt: a line has said what that means for the kernel.
    """
    client = _connect(session)
    try:
        _wait_until_heard(client, session)
        reply = _request(client, session, words)
    except KeyboardInterrupt:
        write_notice("nobody waits for the answer any more; if the kernel has begun, it goes on: `timeslip ops` tells")
        raise
    finally:
        client.stop_channels()
    if reply.get("late"):
        raise _busy(session)
    if "error" in reply:
        raise _rebuilt(reply["error"])
    for notice in reply.get("notices", ()):
        write_notice(notice)
    answer: dict[str, Any] = reply["answer"]
    return answer


def _connect(session: SessionRow) -> Any:
    lease = session.lease
    if lease is None:
        raise NoKernelError(
            f"session '{session.name}' has no live kernel, and this is done in one",
            hint=f"in a new kernel, {_how(session)} brings its state back; `log` and `show` need none",
        )
    path = lease.info.get("connection_file")
    if not path:
        raise NoKernelError(
            f"session '{session.name}' runs in a terminal or a script (process {lease.pid}), which cannot be reached",
            hint="only a Jupyter kernel has a connection; type the command there, as %timeslip …",
        )
    if not os.path.exists(path):
        raise NoKernelError(
            f"the connection file of session '{session.name}' is gone: {path}",
            hint=f"the kernel (process {lease.pid}) cannot be reached from outside; type the command there",
        )
    try:
        from jupyter_client.blocking.client import BlockingKernelClient
    except ImportError as error:
        raise NoKernelError(
            "jupyter_client is not installed beside this command, so no kernel can be reached",
            hint="pip install jupyter_client, or type the command in the notebook",
        ) from error
    client = BlockingKernelClient(connection_file=path)
    client.load_connection_file()
    client.start_channels(stdin=False, hb=False)
    return client


def _how(session: SessionRow) -> str:
    if session.notebook is not None:
        return "opened with its notebook, %load_ext timeslip and then %timeslip resume"
    return f"%load_ext timeslip and then %timeslip resume --from {shlex.quote(session.name)}"


def _wait_until_heard(client: Any, session: SessionRow) -> None:
    """Ask on the control channel, which answers even while a cell runs, until the kernel's broadcasts arrive too.

    The question is one that changes nothing: a request for the kernel's info would make IPython draw a random tip.
    """
    end = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < end:
        request = client.session.msg("comm_info_request")
        client.control_channel.send(request)
        try:
            client.get_control_msg(timeout=1.0)
            while True:
                message = client.get_iopub_msg(timeout=0.2)
                if message["parent_header"].get("msg_id") == request["header"]["msg_id"]:
                    return
        except Empty:
            continue
    raise NoKernelError(
        f"the kernel of session '{session.name}' does not answer",
        hint="it may be starting, stopped or out of reach; type the command in the notebook",
    )


def _request(client: Any, session: SessionRow, words: Sequence[str]) -> dict[str, Any]:
    deadline, show = time.time() + BUSY_SECONDS, "--json" not in words
    expression = _CALL.format(words=json.dumps(list(words)), deadline=deadline)
    request = client.execute(
        "", silent=True, store_history=False, user_expressions={"timeslip": expression}, allow_stdin=False
    )
    begun = False
    while True:
        begun = _listen(client, request, show=show) or begun
        reply = _reply_to(client, request)
        if reply is not None:
            return _read(reply, session)
        if not begun and time.time() > deadline + 1.0:
            raise _busy(session)
        if begun and not _process_alive(session):
            raise NoKernelError(
                f"the kernel of session '{session.name}' has died", hint="`timeslip ops` shows what was finished"
            )


def _listen(client: Any, request: str, *, show: bool) -> bool:
    """Whether the kernel has begun with our request: from then on there is nothing to give up.

    With *show*, how far it is goes to the terminal.
    """
    begun = False
    try:
        while True:
            message = client.get_iopub_msg(timeout=0.02)
            if message["parent_header"].get("msg_id") != request:
                continue
            begun = True
            text = message["content"].get("data", {}).get("text/plain")
            if show and message["header"]["msg_type"] in ("display_data", "update_display_data") and text is not None:
                write_line(text)
    except Empty:
        return begun


def _reply_to(client: Any, request: str) -> Any:
    try:
        message = client.get_shell_msg(timeout=0.1)
    except Empty:
        return None
    return message if message["parent_header"].get("msg_id") == request else None


def _read(reply: Any, session: SessionRow) -> dict[str, Any]:
    found = reply["content"].get("user_expressions", {}).get("timeslip", {})
    if found.get("status") == "ok" and "application/json" in found.get("data", {}):
        body: dict[str, Any] = found["data"]["application/json"]
        return body
    reason = found.get("evalue") or reply["content"].get("evalue") or "no answer"
    raise NoKernelError(
        f"the kernel of session '{session.name}' could not run the command: {reason}",
        hint="is the same version of Timeslip installed there?",
    )


def _process_alive(session: SessionRow) -> bool:
    lease = session.lease
    try:
        os.kill(lease.pid if lease is not None else 0, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it lives, but belongs to somebody else
        return True
    return True


def _busy(session: SessionRow) -> SessionBusyError:
    return SessionBusyError(
        f"a cell is running in session '{session.name}'; nothing was changed",
        hint="wait until it ends, or interrupt it, and try again",
    )


def _rebuilt(error: dict[str, Any]) -> TimeslipError:
    """The error that the kernel told, as the class that it was there."""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, TimeslipError) and kind.code == error["code"]:
            return kind(error["message"], hint=error["hint"])
    return TimeslipError(error["message"], hint=error["hint"])
