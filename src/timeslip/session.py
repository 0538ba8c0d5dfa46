"""The recording session: every verb of the interface as a method.

A session belongs to one namespace of one process. Its methods may be called from any thread, one at a time; a second
caller waits a moment and then gets SessionBusyError. In a forked child every method raises SessionBusyError.
"""

from __future__ import annotations

import traceback
import weakref
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from timeslip import auditing, looking
from timeslip import commit as recording
from timeslip.arguments import check_text
from timeslip.checkout import Options
from timeslip.continuing import Begun, said_of, taken_up
from timeslip.errors import SessionBusyError, StoreError, UsageError
from timeslip.finishing import UnfinishedError, finish_all
from timeslip.forgetting import forget_for_good
from timeslip.history import History
from timeslip.ids import CommitId, SessionId
from timeslip.interrupts import open_to_interrupts, uninterrupted
from timeslip.listing import nothing_to_resume, recorded_sessions, row_of
from timeslip.model import (
    CheckoutResult,
    Collected,
    Commit,
    CommitStats,
    Forgotten,
    Recorded,
    Ref,
    ReplayStep,
    RunResult,
    Unfinished,
    Usage,
    Verification,
)
from timeslip.naming import Naming
from timeslip.owing import About, Step, joined, step_of
from timeslip.retaining import collect, is_above_limit, retain
from timeslip.running import described, run_code
from timeslip.saving import is_rewritten_by
from timeslip.standard import os, time
from timeslip.store import logfile
from timeslip.store.maintenance import usage
from timeslip.store.preferences import save_preference
from timeslip.travel import Traveller
from timeslip.views import Views

if TYPE_CHECKING:
    from typing_extensions import Unpack

_Made = TypeVar("_Made", bound="Commit | Unfinished")
_open: weakref.WeakSet[Session] = weakref.WeakSet()


class Session(Views):
    """One namespace under recording. Made by `attach`; ended by `close`."""

    def __init__(self, begun: Begun) -> None:
        self._take(begun)
        self.closed = False
        _open.add(self)

    def _take(self, begun: Begun) -> None:
        """Be that session from now on."""
        self._live = live = begun.live
        self._history = History(live.repository, live.session, live.kernel)
        self._traveller = Traveller(live, self._history)
        self._naming = Naming(live, self._history)
        self._resumable = begun.resumable
        self.name = begun.name
        self.notebook = begun.notebook

    # ---- recording

    def before_run(self, code: str) -> None:
        """*code*, plain Python, is about to run: what it patches is seen before, and what it rewrites not held up.

        Waits while an array is being saved all of which *code* writes. An interrupt then is raised: nothing is lost.
        """
        live = self._live
        live.namespace.foresee(code)
        live.tracker.memory.begin_run()
        if live.backlog and is_rewritten_by(code, live.backlog, live.namespace.globals):
            with suppress(StoreError, SessionBusyError), uninterrupted(), live.turn():  # then its pages are copied
                pass  # a turn begins when all is saved

    def note_unrecorded(self, code: str | None) -> None:
        """Code ran that is not a step; what it changed belongs to the next one, which looks at everything."""
        self._live.note_unseen(of_user=code is not None)

    def record(self, code: str | None = None, **about: Unpack[About]) -> Commit:
        """Record what the caller has just run.

        Args:
            code: as typed; None when it is not known, then every name is looked at.
            about: what else is known of the run, see `About`.

        Raises:
            StoreError: recording is paused; what changed belongs to the next commit that succeeds.
        """
        with uninterrupted(), self._live.turn():
            step = self._owed(step_of(code, about, everything=self._live.unseen))
            return self._recorded(recording.record(self._live, step))

    def record_soon(self, code: str | None = None, **about: Unpack[About]) -> Commit | Unfinished:
        """As `record`, but what takes long to write is written in the background, while the next code runs.

        Every other verb waits until it is. Raises as `record`; what goes wrong later is among the `notices`, and
        recorded with the next step, which is written at once: what kept it from being saved may well be there still.
        """
        with uninterrupted(), self._live.turn(later=True):
            later = self._live.owed is None
            step = self._owed(step_of(code, about, everything=self._live.unseen))
            try:
                commit = recording.record(self._live, step, later=later)
            except UnfinishedError:  # the store is not to blame: what is owed, this step with it, is recorded at once
                self._live.begin(later=False)
                owed = self._live.owed
                assert owed is not None
                commit = recording.record(self._live, owed)
            return self._recorded(commit)

    def _owed(self, step: Step) -> Step:
        """*step* and what is owed before it; owed until it is recorded: now, later, or before a verb that travels."""
        self._require_open()
        live = self._live
        live.owed = step = step if live.owed is None else joined(live.owed, step)
        live.unfinished += 1
        return step

    def _recorded(self, commit: _Made) -> _Made:
        live = self._live
        live.unseen = live.off = False
        live.moves += 1
        with open_to_interrupts():
            # Where each step is large one is always being saved: that a value may go is then worth a wait.
            if not live.backlog or (is_above_limit(live) and finish_all(live)):
                retain(live)
        return commit

    def run(self, code: str, *, silent: bool = False) -> RunResult:
        """Run *code* in the namespace and record it.

        Never raises what the code raises: that is in the result. KeyboardInterrupt is recorded as "interrupted".

        Args:
            code: plain Python.
            silent: do not record it as a step of its own.

        Raises:
            StoreError: the code ran, but recording is paused.
        """
        started, clock = time.time(), time.perf_counter()
        with uninterrupted():  # an interrupt between the code and its recording would lose the step
            self.before_run(code)
            error = run_code(code, self.namespace)
            duration = time.perf_counter() - clock
            if silent:
                self.note_unrecorded(code)
                return RunResult(None, error, CommitStats())
            outcome = "ok" if error is None else "interrupted" if isinstance(error, KeyboardInterrupt) else "error"
            line = None if error is None else described(error)
            commit = self.record(code, outcome=outcome, error=line, started=started, duration=duration)
            return RunResult(commit, error, commit.stats)

    def commit(self, message: str | None = None) -> Commit:
        """Record the live state now, changed or not. Raises StoreError."""
        if message is not None:
            check_text(message, "the message")
        with self._live.turn():
            self._require_open()
            self._traveller.record_owed()
            source = None if self._live.unseen else ""
            step = Step("commit", "run", source=source, message=message, started=time.time(), everything=True)
            with uninterrupted():
                commit = recording.record(self._live, step)
                self._live.moves += 1
                with open_to_interrupts():
                    retain(self._live)
                return commit

    # ---- travelling

    def _options(self, dry_run: bool, replay: str | None, verify: bool, allow_lost: bool) -> Options:
        mode = replay if replay is not None else self.settings.replay
        if mode not in ("auto", "ask", "never"):
            raise UsageError(f"'{mode}' is not a way to replay", hint="one of: auto, ask, never")
        return Options(dry_run, mode, verify, allow_lost)

    def undo(
        self,
        n: int = 1,
        *,
        dry_run: bool = False,
        replay: str | None = None,
        verify: bool = False,
        allow_lost: bool = False,
    ) -> CheckoutResult:
        """Step back by *n* runs, checkouts, gets or resumes.

        Raises:
            NothingToUndoError, UnrestorableError, StoreError: nothing was changed.
        """
        options = self._options(dry_run, replay, verify, allow_lost)
        with self._live.turn():
            self._require_open()
            return self._traveller.undo(n, options)

    def redo(
        self,
        n: int = 1,
        *,
        dry_run: bool = False,
        replay: str | None = None,
        verify: bool = False,
        allow_lost: bool = False,
    ) -> CheckoutResult:
        """Step forward by *n* again. Raises as `undo`."""
        options = self._options(dry_run, replay, verify, allow_lost)
        with self._live.turn():
            self._require_open()
            return self._traveller.redo(n, options)

    def checkout(
        self,
        ref: str,
        *names: str,
        dry_run: bool = False,
        replay: str | None = None,
        verify: bool = False,
        allow_lost: bool = False,
    ) -> CheckoutResult:
        """Make the live state equal to *ref*'s; with *names*, bring back only these.

        Raises:
            CommitNotFoundError, NameNotFoundError, UnrestorableError, StoreError: nothing was changed.
        """
        options = self._options(dry_run, replay, verify, allow_lost)
        with self._live.turn():
            self._require_open()
            target = self._history.resolve(ref)
            if names:
                return self._traveller.checkout_names(target, names, options)
            return self._traveller.checkout(target, "checkout", options)

    def resume(
        self,
        ref: str | None = None,
        *,
        from_: str | None = None,
        dry_run: bool = False,
        replay: str | None = None,
        verify: bool = False,
        allow_lost: bool = False,
    ) -> CheckoutResult:
        """After a restart or crash: bring the last state of the session, or *ref*, into this kernel.

        With *from_* (the name of another session, the path of its notebook, or a unique part of either) this kernel
        goes on with that one, and is recorded there from now on. What cannot be brought back becomes a placeholder and
        keeps nothing else away, as with *allow_lost*. Raises as `checkout`, and SessionNotFoundError.
        """
        options = self._options(dry_run, replay, verify, allow_lost)
        told: tuple[str, ...] = ()
        if from_ is not None:
            identity = self.repository.find_session(check_text(from_, "the name of a session"), self.id)
            if identity != self.id:
                there = History(self.repository, identity)
                if dry_run:
                    return self._resume(there, there.head, ref, options)
                told = (self._go_on_with(there, ref),)
        result = self._resume(self._history, self._earlier(), ref, options)
        return replace(result, messages=(*told, *result.messages))

    def _resume(self, there: History, last: CommitId | None, ref: str | None, options: Options) -> CheckoutResult:
        with self._live.turn():
            self._require_open()
            target = there.resolve(ref) if ref is not None else last
            if target is None:
                raise nothing_to_resume(self.repository, there.session)
            traveller = self._traveller if there is self._history else Traveller(self._live, there)
            result = traveller.resume(target, options)
            if not options.dry_run:
                self._resumable = None
            return result

    def _go_on_with(self, there: History, ref: str | None) -> str:
        """Be another session from now on; a sentence about it. Raises NotFoundError: nothing was changed."""
        with self._live.turn():
            self._require_open()
            if (there.resolve(ref) if ref is not None else there.head) is None:
                raise nothing_to_resume(self.repository, there.session)
            self._traveller.commit_live()
            left = row_of(self.repository, self.id)
            begun = taken_up(self._live, SessionId(there.session))
            self._take(begun)
            return said_of(left, begun)

    def get(self, ref: str, name: str, as_: str | None = None) -> Any:
        """The value that *name* had at *ref*; with *as_* it is bound to that name, recorded as a step.

        Raises:
            CommitNotFoundError, NameNotFoundError, ReplayError, UnrestorableError: nothing was changed.
        """
        with self._live.turn():
            self._require_open()
            target = self._history.resolve(ref)
            if as_ is None:
                return self._traveller.value(target, name)
            return self._traveller.get(target, name, as_, self._options(False, None, False, False))

    def replay_plan(self, *names: str) -> list[ReplayStep]:
        """The recorded runs that rebuilding the placeholders *names* takes, first to last. Raises ReplayError."""
        with self._live.turn():
            return self._traveller.replay_plan(names)

    def replay(self, *names: str, dry_run: bool = False) -> CheckoutResult:
        """Rebuild placeholders by running their recorded cells again. Raises ReplayError: nothing was changed."""
        with self._live.turn():
            self._require_open()
            return self._traveller.replay(names, dry_run)

    # ---- looking: see `Views`, and

    def verify(self, ref: str | None = None) -> Verification:
        """Capture everything again and compare with what is recorded; with *ref*, check that it can be restored."""
        if ref is not None and ref != ".":
            with self._live.turn():
                return looking.verify_restorable(self._live, self._history, self._history.resolve(ref))
        with self._live.turn():
            self._require_open()
            return looking.verify_live(self._live)

    def audit(self, at_most: float) -> int:
        """Check one name that the last run is not known to have reached, in idle time.

        What has changed is recorded as found late: it belongs to the last step. Does nothing while a verb runs, and
        when the next step will look at everything anyway.

        Args:
            at_most: leave alone what took longer to look at the last time, seconds.

        Returns:
            How many are left that took no longer.

        Raises:
            StoreError: what was found could not be recorded; it is found again.
        """
        return 0 if self.closed else auditing.audit(self._live, at_most)

    def begin_compaction(self) -> bool:
        """In idle time, begin to compress what nobody will want back soon, in a thread; whether there may be such.

        It ends by itself, or after `end_compaction`.
        """
        return not self.closed and self._live.compactor.begin(self.settings)

    def end_compaction(self) -> None:
        """Something is to run: what `begin_compaction` began stops after a few milliseconds. Does not wait for it."""
        self._live.compactor.stop()

    # ---- names of commits

    def branch(
        self,
        name: str | None = None,
        ref: str | None = None,
        *,
        delete: str | None = None,
        rename: tuple[str, str] | None = None,
    ) -> list[Ref]:
        """List, create, delete or rename branches. Returns all of them.

        Raises:
            NameTakenError, CommitNotFoundError, ConflictError, UsageError: nothing was changed.
        """
        with self._live.turn():
            if delete is not None:
                self._naming.delete("branch", delete)
            elif rename is not None:
                self._naming.rename(rename)
            elif name is not None:
                self._naming.create("branch", name, ref)
        return self._history.refs("branch")

    def tag(self, name: str | None = None, ref: str | None = None, *, delete: str | None = None) -> list[Ref]:
        """List, create or delete tags. Returns all of them. Raises as `branch`."""
        with self._live.turn():
            if delete is not None:
                self._naming.delete("tag", delete)
            elif name is not None:
                self._naming.create("tag", name, ref)
        return self._history.refs("tag")

    def switch(
        self,
        name: str,
        *,
        dry_run: bool = False,
        replay: str | None = None,
        verify: bool = False,
        allow_lost: bool = False,
    ) -> CheckoutResult:
        """Go to the tip of branch *name* and continue it. Raises as `checkout`."""
        options = self._options(dry_run, replay, verify, allow_lost)
        with self._live.turn():
            self._require_open()
            ref = self._naming.find("branch", name)
            if not dry_run:
                self._traveller.commit_live()
            ref = self._naming.find("branch", name)  # the commit of the live state may have moved it
            return self._traveller.checkout(ref.commit, "checkout", options, branch=name)

    def describe(self, ref: str, message: str) -> None:
        """Give a commit a message. Raises CommitNotFoundError."""
        commit = self._past().resolve(ref)
        with self._live.turn():
            self._naming.describe(commit, message)

    # ---- upkeep

    def sessions(self) -> list[Recorded]:
        """The recorded sessions of the store, the last used first."""
        self._past()
        return recorded_sessions(self.repository, self.id)

    def du(self) -> Usage:
        """What the store holds, by session and by name of this session."""
        self._past()
        return usage(self.repository, self.id, limit_bytes=self.settings.max_store_bytes)

    def gc(self, dry_run: bool = False) -> Collected:
        """Drop what retention no longer keeps. Raises StoreError."""
        with self._live.turn():
            return collect(self._live, dry_run=dry_run)

    def config(self, key: str | None = None, value: Any = None) -> Any:
        """All settings; with *key* one of them; with *value* it is changed, for every session of the store.

        Raises:
            UsageError: no such setting, or a value that it cannot take.
        """
        if key is None:
            if value is not None:
                raise UsageError("a value was given without the setting it is for", hint="`config KEY VALUE`")
            return self.settings.as_dict()
        if check_text(key, "the name of a setting") not in self.settings.as_dict():
            raise UsageError(f"there is no setting '{key}'", hint="settings: " + ", ".join(self.settings.as_dict()))
        if value is not None:
            changed = self.settings.changed(**{key: value})
            save_preference(self.repository.directory, key, changed.as_dict()[key])
            with self._live.turn():
                self._live.change_settings(changed)
        return self.settings.as_dict()[key]

    def trust(self) -> int:
        """Accept what another key signed; how many records there are. Raises StoreError."""
        with self._live.turn():
            signed = self.repository.trust()
            self._live.forget_bodies()
            return signed

    def forget(self, target: str) -> Forgotten:
        """Remove values, code or messages for good: all versions of a name, or what a commit alone says.

        Raises:
            CommitNotFoundError: *target* is neither a name that was ever recorded nor a REF.
            StoreError: not everything could be removed; call again.
        """
        with self._live.turn():
            return forget_for_good(self._live, self._history, target)

    # ---- ends

    def notices(self) -> list[str]:
        """Sentences for the user that were not told yet; empties the list."""
        taken, self._history.notices = self._history.notices, []
        return self._live.take_notices() + taken

    def close(self) -> None:
        """Stop recording. The namespace stays as it is. Harmless when done already, and in a forked child.

        Raises:
            SessionBusyError: another thread is at it; the session is still open.
        """
        if self.closed or os.getpid() != self._live.pid:
            return
        with uninterrupted(), self._live.turn():
            self._record_last()
            self.closed = True
            _open.discard(self)
            self._live.close()

    def _record_last(self) -> None:
        """What could not be saved in the background, if anything: there is no next step to record it with."""
        if not self._live.backlog.failed:
            return
        try:
            with open_to_interrupts():
                self._traveller.record_owed()
        except Exception as error:  # it was told when it failed, and the session ends all the same
            detail = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            logfile.append(self.repository.directory, "recording the last step before the end", detail)

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        """A session that the user bound to a name is recorded as "the session of this process", never as its parts."""
        return current, ()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_sessions() -> list[Session]:
    """The open sessions of this process, the one attached last at the end."""
    alive = [session for session in _open if not session.closed and session._live.pid == os.getpid()]
    return sorted(alive, key=lambda session: session._live.born)


def current() -> Session | None:
    """The session of this process that was attached last and is open, or None."""
    alive = open_sessions()
    return alive[-1] if alive else None
