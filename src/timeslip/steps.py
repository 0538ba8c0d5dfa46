"""The steps that undo and redo walk over, kept in memory and found again in the operation log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from timeslip.ids import CommitId

if TYPE_CHECKING:
    from timeslip.store.repository import Repository

STEP = "step"
"""Marks a commit of the live state that is a step of its own, in the details of its operation."""

_STEPS = frozenset({"run", "checkout", "partial-checkout", "get", "resume", "replay"})
"""Operations that are steps."""


@dataclass(frozen=True, slots=True)
class Walked:
    """One step: HEAD before it and after it."""

    before: CommitId | None
    after: CommitId | None


@dataclass(slots=True)
class Steps:
    """The steps of this kernel, and how many of them are done.

    Attributes:
        done: oldest first.
        undone: that can be redone, the next one last.
    """

    done: list[Walked] = field(default_factory=list)
    undone: list[Walked] = field(default_factory=list)

    def note(self, kind: str, before: CommitId | None, after: CommitId | None, details: dict[str, Any]) -> None:
        """An operation was finished.

        Args:
            kind: of the operation.
            before: HEAD before it.
            after: HEAD after it.
            details: of the operation.
        """
        if kind in _STEPS or (kind == "live" and details.get(STEP)):
            self.done.append(Walked(before, after))
            self.undone.clear()
        elif kind == "live":  # what was found late belongs to the last step
            if self.done and self.done[-1].after == before:
                self.done[-1] = Walked(self.done[-1].before, after)
        elif kind == "undo":
            for _ in range(details.get("steps", 1)):
                self.undone.append(self.done.pop())
        elif kind == "redo":
            for _ in range(details.get("steps", 1)):
                self.done.append(self.undone.pop())


def steps_in_log(repository: Repository, session: str, kernel: str) -> Steps:
    """The steps of *kernel* as its operations tell them.

    Raises:
        StoreError: the log cannot be read.
    """
    steps = Steps()
    rows: Iterable[Any] = reversed(repository.operations(session, kernel=kernel))
    for row in rows:
        steps.note(row.kind, row.before, row.after, row.details or {})
    return steps
