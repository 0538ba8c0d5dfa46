"""What a session says of itself and its past: the verbs that only look, as methods."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from timeslip import looking
from timeslip.errors import NoSessionError, SessionBusyError, UsageError
from timeslip.history import main_head
from timeslip.model import Commit, Operation, Preview, Shown, StateDiff, Status
from timeslip.standard import os

if TYPE_CHECKING:
    from timeslip.config import Settings
    from timeslip.history import History
    from timeslip.ids import CommitId, SessionId
    from timeslip.live import Live
    from timeslip.progress import Progress
    from timeslip.store.repository import Repository
    from timeslip.travel import Traveller


class Views:
    """Part of `Session`. What is still being saved is finished before history is read."""

    _live: Live
    _history: History
    _traveller: Traveller
    name: str
    notebook: str | None
    closed: bool
    _resumable: CommitId | None

    # ---- where

    @property
    def id(self) -> SessionId:
        """Random id of the session in its store."""
        return self._live.session

    @property
    def repository(self) -> Repository:
        """The open store."""
        return self._live.repository

    @property
    def namespace(self) -> dict[str, Any]:
        """The dict that user code runs in; always the same object."""
        return self._live.namespace.globals

    @property
    def head(self) -> CommitId | None:
        """The commit that the session is at; None before the first."""
        with suppress(SessionBusyError):
            self._past()
        return self._live.head

    @property
    def branch_name(self) -> str:
        """The branch that the session is on."""
        return self._live.branch

    @property
    def settings(self) -> Settings:
        """The present settings."""
        return self._live.settings

    @property
    def moves(self) -> int:
        """How many verbs have done what they are for: tells, when one was interrupted, whether it was done."""
        return self._live.moves

    @property
    def progress(self) -> Progress:
        """How far long work of this session has come, for whoever shows it."""
        return self._live.progress

    def names(self) -> list[str]:
        """The present state names, sorted."""
        return sorted(self._live.namespace.snapshot())

    # ---- looking

    def log(
        self,
        ref: str | None = None,
        *,
        all: bool = False,  # noqa: A002 - the name of the option at every door
        limit: int | None = None,
        names: tuple[str, ...] | list[str] = (),
        grep: str | None = None,
    ) -> list[Commit]:
        """Commits, newest first. See `History.log`."""
        return self._past().log(ref, all=all, limit=limit, names=names, grep=grep)

    def show(self, ref: str, name: str | None = None) -> Any:
        """One commit (`Shown`), or with *name* one of its values (`Preview`), without touching the session."""
        commit = self._past().resolve(ref)
        if name is not None:
            shown: Preview | Shown = looking.show_value(self._history, commit, name)
            return shown
        return looking.show(self._history, commit)

    def diff(self, a: str | None = None, b: str | None = None, *names: str) -> StateDiff:
        """What differs between two states. Default: before and after the last run; with only *a*, from there to HEAD.

        "." is the live state.

        Raises:
            CommitNotFoundError, NameNotFoundError.
        """
        if a is None and b is None:
            head = self._past().resolve("HEAD")
            parents = self._history.commit(head).parents
            return looking.diff(self._history, parents[0] if parents else None, head, names)
        if a == "." and b in (None, "."):
            raise UsageError("the live state cannot be compared with itself", hint="`diff REF .`")
        other = b if a == "." else a
        first = self._past().resolve(other) if other is not None else None
        if "." in (a, b):
            with self._live.turn():
                self._require_open()
                self._traveller.commit_live()
                return looking.diff(
                    self._history,
                    first,
                    self.head,
                    names,
                    live=self._live.namespace.snapshot(),
                    live_records=self._live.records,
                    backwards=a == ".",
                )
        return looking.diff(self._history, first, self._past().resolve(b if b is not None else "HEAD"), names)

    def blame(self, name: str) -> list[Commit]:
        """The runs that made or changed *name*, newest first. Raises NameNotFoundError."""
        return self._past().blame(name)

    def ops(self, limit: int | None = None) -> list[Operation]:
        """The operation log, newest first."""
        return self._past().operations(limit)

    def status(self) -> Status:
        """Where the session is, and what a user should know about it."""
        return looking.status(
            self._live,
            self._history,
            name=self.name,
            notebook=self.notebook,
            resumable=self._earlier(),
            kernel="none" if self.closed else "this",
        )

    def _earlier(self) -> CommitId | None:
        """What `resume` brings: the last state of the session before this kernel; beside a live kernel, that one's."""
        if self._resumable is None or not self._live.shared:
            return self._resumable
        head = main_head(self.repository, self.id)
        return head.commit if head is not None else self._resumable

    def _require_open(self) -> None:
        if self.closed:
            raise NoSessionError("this session was closed", hint="attach again: timeslip.attach()")

    def _past(self) -> History:
        """The history, with everything that has run."""
        live = self._live
        if live.backlog and os.getpid() == live.pid:
            with live.turn():
                pass
        return self._history
