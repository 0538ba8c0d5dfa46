"""A recorded session read from its store, beside its kernel or without one: the reading verbs' view of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from timeslip.errors import NoKernelError
from timeslip.history import History
from timeslip.ids import CommitId
from timeslip.listing import recorded_sessions
from timeslip.model import Commit, Operation, Preview, Recorded, Ref, Shown, StateDiff, Status
from timeslip.naming import free_branch
from timeslip.store.repository import Repository
from timeslip.store.rows import SessionRow


class StoredSession:
    """The methods of `timeslip.session.Session` that only read, on the store alone.

    Args:
        repository: the open store.
        row: the session.
        kernel: the kernel whose HEAD is meant; None for the one that holds the session, or held it last.
    """

    def __init__(self, repository: Repository, row: SessionRow, kernel: str | None = None) -> None:
        self._repository = repository
        self._row = row
        self._kernel = kernel
        self._history = History(repository, row.id, kernel)

    @property
    def repository(self) -> Repository:
        """The open store."""
        return self._repository

    @property
    def row(self) -> SessionRow:
        """The session as the store lists it."""
        return self._row

    @property
    def history(self) -> History:
        """The history of the session."""
        return self._history

    @property
    def head(self) -> CommitId | None:
        """Where the session is; None before the first commit."""
        return self._history.head

    @property
    def branch_name(self) -> str:
        """The branch the session is on."""
        return self._history.branch_name

    def log(
        self,
        ref: str | None = None,
        *,
        all: bool = False,  # noqa: A002  # the option's name at every door
        limit: int | None = None,
        names: Iterable[str] = (),
        grep: str | None = None,
    ) -> list[Commit]:
        """Commits, newest first. Raises CommitNotFoundError, AmbiguousReferenceError."""
        return self._history.log(ref, all=all, limit=limit, names=names, grep=grep)

    def branch(self) -> list[Ref]:
        """The branches."""
        return self._history.refs("branch")

    def tag(self) -> list[Ref]:
        """The tags."""
        return self._history.refs("tag")

    def show(self, ref: str, name: str | None = None) -> Shown | Preview:
        """One commit, or one value of it. Raises NotFoundError."""
        from timeslip.looking import show, show_value  # brings in the codec, which most commands do not need

        commit = self._history.resolve(ref)
        return show(self._history, commit) if name is None else show_value(self._history, commit, name)

    def diff(self, a: str | None = None, b: str | None = None, *names: str) -> StateDiff:
        """What differs between two recorded states; without them, before and after the last run."""
        from timeslip.looking import diff

        if "." in (a, b):
            raise NoKernelError(
                "the live state can only be compared where it lives", hint="`timeslip diff . REF` asks the kernel"
            )
        second = self._history.resolve(b) if b is not None else self.head
        if a is not None:
            first: CommitId | None = self._history.resolve(a)
        else:
            parents = self._history.commit(second).parents if second is not None else ()
            first = parents[0] if parents else None
        return diff(self._history, first, second, names)

    def blame(self, name: str) -> list[Commit]:
        """The runs that made or changed a name, newest first. Raises NameNotFoundError."""
        return self._history.blame(name)

    def sessions(self) -> list[Recorded]:
        """The recorded sessions of the store, the last used first."""
        return recorded_sessions(self._repository, self._row.id if self._kernel is not None else None)

    def ops(self, limit: int | None = None) -> list[Operation]:
        """The operation log, newest first."""
        return self._history.operations(limit)

    def status(self) -> Status:
        """Where the session is, as far as the store knows."""
        from timeslip.looking import show

        head = self.head
        last = self._history.last_made
        values = show(self._history, head).values if head is not None else ()
        at_tip = head is None or self._repository.ref(self._row.id, "branch", self.branch_name) in (None, head)
        return Status(
            session=self._row.id,
            name=self._row.name,
            notebook=self._row.notebook,
            store=str(self._repository.directory),
            branch=self.branch_name,
            head=self._history.commit(head) if head is not None else None,
            at_tip=at_tip,
            last=self._history.commit(last) if last is not None else None,
            inexact={value.name: value.note.removeprefix("not stored: ") for value in values if value.note},
            store_bytes=self._repository.size_bytes(),
            resumable=head if self._row.lease is None and self._kernel is None else None,
            kernel="this" if self._kernel else "live" if self._row.lease is not None else "none",
            next_branch=self.branch_name
            if at_tip
            else free_branch(self.branch_name, self._repository.ref_names(self._row.id)),
        )

    def notices(self) -> list[str]:
        """Sentences for the user beside the answer."""
        return self._history.notices

    def __getattr__(self, verb: str) -> Any:
        """Every other method of a session needs a kernel."""
        raise NoKernelError(f"'{verb}' needs the live kernel of the session", hint="type it in the notebook")
