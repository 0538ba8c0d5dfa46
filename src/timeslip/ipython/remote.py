"""The kernel's side of ``timeslip undo`` and the like: one call that the command line sends as a user expression.

It runs between cells, on the thread that runs cells, leaves no trace in the history, and answers in JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from timeslip.errors import TimeslipError
from timeslip.ipython.extension import attached
from timeslip.ipython.faults import VerbInterrupted
from timeslip.ipython.perform import perform
from timeslip.standard import time


class Reply:
    """What IPython sends back: JSON for the command line.

    Args:
        body: ``{"answer": …, "notices": […]}``, ``{"error": {code, message, hint, exit_status}}`` or
            ``{"late": true}``.
    """

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": "timeslip", "application/json": self.body}


def call(words: Sequence[str], deadline: float) -> Reply:
    """Run the verb in *words*, unless it is later than *deadline* (Unix time): then nobody waits for it any more."""
    if time.time() > deadline:
        return Reply({"late": True})
    attachment = attached()
    if attachment is None:
        return Reply(_error("no-session", "this kernel is not being recorded", "run %load_ext timeslip there", 1))
    try:
        answer = perform(attachment.shell, attachment.session, attachment.recorder, words)
    except VerbInterrupted as stop:
        return Reply(_error("interrupted", stop.message, stop.hint, 1))
    except TimeslipError as error:
        return Reply(_error(error.code, error.message, error.hint, error.exit_status))
    except Exception as error:  # the command line must get an answer, and the kernel must not show a traceback
        attachment.faults.report(f"timeslip {words[0]}", error)
        return Reply(_error("internal", f"{type(error).__name__} inside Timeslip", _log_hint(attachment), 1))
    return Reply({"answer": answer, "notices": attachment.session.notices()})


def _log_hint(attachment: Any) -> str:
    return f"details in {attachment.faults.log_file}"


def _error(code: str, message: str, hint: str, exit_status: int) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "hint": hint, "exit_status": exit_status}}
