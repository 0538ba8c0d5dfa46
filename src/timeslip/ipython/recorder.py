"""IPython's events turned into steps: which cell runs are recorded, when, and what is said of them.

Only the outermost run counts (a magic that runs a cell of its own is part of the cell that holds it). A request that
the front end keeps out of the history (silent, or ``store_history=False``), a cell that begins with ``%%timeslip off``
and a cell of nothing but Timeslip's commands are not steps. In a mixed cell, what ran before a verb that acts is a
step, and what follows is the next one.
"""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Literal

from timeslip.interrupts import uninterrupted
from timeslip.ipython.faults import Faults
from timeslip.ipython.idle import Auditor
from timeslip.ipython.namespace import UNDERS
from timeslip.ipython.watching import progress
from timeslip.model import Commit, Unfinished
from timeslip.standard import os, time
from timeslip.state.magics import is_timeslip_only, is_unrecorded

Kind = Literal["step", "unrecorded", "own"]


@dataclass(slots=True)
class _Run:
    """One outermost cell run that is under way.

    Attributes:
        info: IPython's record of the request.
        kind: "step", "unrecorded" (silent or off), or "own" (only Timeslip's commands).
        raw: lines as typed.
        source: the same lines as IPython transformed them; as many as *raw*, or *raw* is the same list.
        done: lines that earlier steps of this mixed cell have taken.
        started: Unix time, seconds.
        clock: of `time.perf_counter`, when the part that is running now began.
        failure: the error of a verb, which is not the user's.
        count: execution count, as far as IPython had one when the run began.
        nested: inner runs that have begun and not ended.
    """

    info: Any
    kind: Kind
    raw: list[str]
    source: list[str]
    thread: int
    done: int = 0
    started: float = field(default_factory=time.time)
    clock: float = field(default_factory=time.perf_counter)
    failure: BaseException | None = None
    count: int | None = None
    nested: list[Any] = field(default_factory=list)


class Recorder:
    """Listens to one shell and tells one session what ran.

    Every call into the session is guarded: a fault becomes a warning line. In a forked child it does nothing.

    Args:
        shell: IPython's.
        session: what is recorded.
        faults: what a fault is reported to.
        nudge: told that a cell is being recorded, by its name, and then, with nothing, that something may have changed.
    """

    def __init__(
        self, shell: Any, session: Any, faults: Faults, nudge: Callable[[str], None] = lambda doing: None
    ) -> None:
        self._shell = shell
        self._session = session
        self._faults = faults
        self._nudge = nudge
        self._pid = os.getpid()
        self._run: _Run | None = None
        self._auditor = Auditor(session, faults, lambda: self._run is not None)

    def start(self) -> None:
        """Begin to listen; a cell that is running now counts from the line after the one that called."""
        self._shell.events.register("pre_run_cell", self._before)
        self._shell.events.register("post_run_cell", self._after)
        self._shell.events.register("post_execute", self._after_any)
        request = _running_request()
        if request is not None:
            self._run = self._new_run(*request)
            self._run.done = self._line_of_call(self._run)

    def stop(self) -> None:
        """Stop listening."""
        self._run = None
        self._auditor.stop()
        self._shell.events.unregister("pre_run_cell", self._before)
        self._shell.events.unregister("post_run_cell", self._after)
        self._shell.events.unregister("post_execute", self._after_any)

    # What IPython calls

    def _before(self, info: Any) -> None:
        try:
            with uninterrupted(), self._faults.guard("preparing to record"):
                if os.getpid() == self._pid:
                    self._begin(info)
        except KeyboardInterrupt:  # the user means the cell, which begins now: pass it on
            threading.Timer(0.001, _thread.interrupt_main).start()

    def _begin(self, info: Any) -> None:
        self._auditor.stop()
        request = _running_request()
        run = self._run
        if run is not None and run.thread == threading.get_ident():
            if request is not None and request[0] is run.info:
                run.nested.append(info)
                return
            # An interrupt in the very instant of its end kept us from hearing of it.
            self._run = None
            if run.kind == "step":
                self._record(run, len(run.raw), time.perf_counter(), "interrupted", None)
        run = self._new_run(info, request[1] if request else None)
        self._run = run
        if run.kind == "step":
            with progress(self._shell, self._session, f"before {_name(run)}"):
                self._session.before_run("\n".join(run.source))
        run.started, run.clock = time.time(), time.perf_counter()

    def _after(self, result: Any) -> None:
        moves, run = self._session.moves, self._run
        try:
            with uninterrupted():
                if os.getpid() == self._pid:
                    self._end(result, time.perf_counter())
        except KeyboardInterrupt as stop:
            self._interrupted(run, result, stop, done=self._session.moves != moves)

    def _end(self, result: Any, ended: float) -> None:
        run = self._run
        with self._faults.guard(f"recording {_name(run)}"):
            if run is None or self._is_nested(run, result):
                return
            self._run = None
            if run.kind == "step":
                self._finish(run, result, ended)
            elif run.kind == "unrecorded":
                self._session.note_unrecorded("\n".join(run.source))
            self._auditor.begin()
        self._nudge("")

    def _interrupted(self, run: _Run | None, result: Any, stop: KeyboardInterrupt, *, done: bool) -> None:
        """The user stopped us, not the cell, which had ended: say what holds, and stop the cells that are waiting."""
        where = _name(run)
        if done:
            self._faults.say(f"interrupted; {where} had been recorded by then")
        else:
            self._faults.say(
                f"recording {where} was interrupted; nothing is lost: %undo and `%timeslip commit` record it as a step "
                "of its own, and otherwise it becomes part of the next one"
            )
        if result is not None and _error_of(result) is None:
            result.error_in_exec = stop.with_traceback(None)

    def _after_any(self) -> None:
        """Every run ends here, silent ones included, for which IPython has no other event."""
        if self._run is None and os.getpid() == self._pid and _is_silent_request():
            with uninterrupted(), self._faults.guard("noticing a silent request"):
                self._session.note_unrecorded(None)

    # Steps

    def _new_run(self, info: Any, count: int | None) -> _Run:
        raw_text = info.raw_cell or ""
        source_text = getattr(info, "transformed_cell", None)
        if source_text is None:
            source_text = self._transformed(raw_text)
        raw, source = raw_text.split("\n"), source_text.rstrip("\n").split("\n")
        if len(source) != len(raw):
            # A magic over several lines was joined; lines are then counted in what IPython made of the cell.
            stripped = raw_text.strip("\n").split("\n")
            raw = stripped if len(stripped) == len(source) else source
        return _Run(info, _kind(info, raw_text), raw, source, threading.get_ident(), count=count)

    def _transformed(self, raw: str) -> str:
        try:
            return str(self._shell.transform_cell(raw))
        except Exception:  # a cell that cannot be transformed is shown as an error by IPython itself
            return raw

    def _finish(self, run: _Run, result: Any, ended: float) -> None:
        error = _error_of(result)
        if run.done:
            rest = "\n".join(run.raw[run.done :])
            if not _has_code(rest) or (error is not None and error is run.failure):
                return
        self._record(run, len(run.raw), ended, _outcome(result, error), _describe(error))

    def _record(self, run: _Run, stop: int, ended: float, outcome: str, error: str | None) -> None:
        code, source = _part(run, stop)
        self._nudge(_name(run))
        with progress(self._shell, self._session, f"recording {_name(run)}"):
            commit = self._session.record_soon(
                code,
                execution_count=run.count,
                outcome=outcome,
                error=error,
                started=run.started,
                duration=max(0.0, ended - run.clock),
                source=source,
            )
        self._faults.worked()
        self.tell(commit)

    def tell(self, commit: Commit | Unfinished | None = None) -> None:
        """Say what the user should know now, while it can still be acted on: a line each."""
        if commit is not None:
            settings = self._session.settings
            for line in warnings_of(commit, settings.warn_seconds) if settings.announce else ():
                self._faults.say(line)
        for notice in self._session.notices():
            self._faults.say_once(" ".join(notice.split()))

    def before_verb(self) -> None:
        """A verb that acts is about to run: what ran before it in this cell becomes a step of its own."""
        run = self._run
        if run is None or run.kind != "step" or threading.get_ident() != run.thread:
            return
        stop = max(self._line_of_call(run) - 1, run.done)
        with self._faults.guard("recording what ran before the command"):
            if _has_code(_part(run, stop)[0]):
                self._record(run, stop, time.perf_counter(), "ok", None)

    def after_verb(self, failure: BaseException | None) -> None:
        """The verb has ended; what follows in this cell is the next step."""
        run = self._run
        if run is None or run.kind != "step" or threading.get_ident() != run.thread:
            return
        run.failure = failure
        run.done = max(self._line_of_call(run), run.done)
        rest = "\n".join(run.source[run.done :])
        with self._faults.guard("preparing to record"):
            if failure is None and _has_code(rest):
                self._session.before_run(rest)
        run.started, run.clock = time.time(), time.perf_counter()

    def _line_of_call(self, run: _Run) -> int:
        """The line (from 1) of the cell that is running now; 0 when it cannot be told."""
        frame: FrameType | None = sys._getframe(1)
        found = 0
        while frame is not None:
            if frame.f_globals is self._shell.user_ns:
                found = frame.f_lineno
            frame = frame.f_back
        return min(found, len(run.source))

    def _is_nested(self, run: _Run, result: Any) -> bool:
        """Whether *result* ends an inner run. IPython makes a new info when a runner fails, so text decides then."""
        info = getattr(result, "info", None)
        if info is run.info:
            return False
        for index, inner in enumerate(run.nested):
            if info is inner or (info is not None and info.raw_cell == inner.raw_cell):
                del run.nested[index:]
                return True
        if info is None:
            return bool(run.nested)
        return bool(info.raw_cell != run.info.raw_cell)


def _name(run: _Run | None) -> str:
    return f"In[{run.count}]" if run is not None and run.count is not None else "the run"


def warnings_of(commit: Commit | Unfinished, warn_seconds: float) -> list[str]:
    """What a commit has to say at once: names that cannot come back exactly, changes found late, a high price."""
    if not (commit.names.inexact or commit.names.late or commit.stats.seconds > warn_seconds):
        return []
    from timeslip.rendering.document import one_line
    from timeslip.rendering.units import duration, size

    lines = []
    if commit.names.inexact:
        told = "; ".join(f"{name} ({one_line(reason)})" for name, reason in sorted(commit.names.inexact.items()))
        lines.append(f"cannot be stored exactly: {told}")
    late = [name for name in commit.names.late if name not in UNDERS]
    if late:
        told = "; ".join(" ".join((name, commit.names.when.get(name, ""))).rstrip() for name in late)
        lines.append(f"changed some time before this run, and noticed only now: {told}")
    if commit.stats.seconds > warn_seconds:
        added = f", {size(commit.stats.bytes_stored)} added" if isinstance(commit, Commit) else ""
        lines.append(
            f"recording took {duration(commit.stats.seconds)} ({size(commit.stats.bytes_serialized)} looked at{added})"
            "; `%timeslip du` shows what is large"
        )
    return lines


def _kind(info: Any, raw: str) -> Kind:
    if is_timeslip_only(raw) or (raw.lstrip().startswith("%%timeslip") and not is_unrecorded(raw)):
        return "own"
    if info.silent or not info.store_history or _is_off(raw):
        return "unrecorded"
    return "step"


def _is_off(raw: str) -> bool:
    """Whether the cell is marked ``%%timeslip off``, in its first line or under other cell magics."""
    lines = raw.lstrip().split("\n")
    while lines and lines[0].startswith("%%"):
        if is_unrecorded(lines[0]):
            return True
        del lines[0]
    return False


def _part(run: _Run, stop: int) -> tuple[str, str]:
    """The lines of a step as typed and as transformed, without blank lines at the edges."""
    source = "\n".join(run.source[run.done : stop]).strip("\n")
    if run.done == 0 and stop >= len(run.raw):  # `run.raw` is what IPython made of it where a magic was joined
        return (run.info.raw_cell or "").strip("\n"), source
    return "\n".join(run.raw[run.done : stop]).strip("\n"), source


def _has_code(text: str) -> bool:
    """Whether *text* does more than Timeslip's own commands and comments."""
    lines = [line.strip() for line in text.split("\n")]
    return any(line and not line.startswith("#") for line in lines) and not is_timeslip_only(text)


def _running_request() -> tuple[Any, int | None] | None:
    """IPython's record of the outermost cell run on this thread's stack, and its execution count; None outside of one.

    Read from IPython's own frame, because releases differ in when they count on and what they tell listeners.
    """
    frame: FrameType | None = sys._getframe(1)
    found = None
    while frame is not None:
        if frame.f_code.co_name == "run_cell_async" and "info" in frame.f_locals:
            found = frame.f_locals
        frame = frame.f_back
    if found is None or not hasattr(found["info"], "store_history"):
        return None
    count = getattr(found.get("result"), "execution_count", None)
    return found["info"], count if isinstance(count, int) else None


def _is_silent_request() -> bool:
    """Whether the run that just ended was silent and ran anything, read from IPython's frame that announces its end."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name in ("run_cell", "do_execute") and "silent" in frame.f_locals:
            values = frame.f_locals
            return bool(values["silent"]) and bool(str(values.get("raw_cell", values.get("code")) or "").strip())
        frame = frame.f_back
    return False


def _error_of(result: Any) -> BaseException | None:
    if result is None:
        return None
    error = result.error_before_exec if result.error_before_exec is not None else result.error_in_exec
    return error if isinstance(error, BaseException) else None


def _outcome(result: Any, error: BaseException | None) -> str:
    if result is None or isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return "ok" if error is None else "error"


def _describe(error: BaseException | None) -> str | None:
    if error is None:
        return None
    try:
        text = " ".join(str(error).split())
    except Exception:  # an exception of the user's may fail to become text
        text = ""
    return f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__
