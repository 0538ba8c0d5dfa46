"""The steps that undo and redo walk over, kept in memory and found again in the operation log.

Both the engine, which walks, and the store, which may not drop what a walk needs, go by these rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from timeslip.ids import CommitId

STEP = "step"
"""Marks a commit of the live state that is a step of its own, in the details of its operation."""

_STEPS = frozenset({"run", "checkout", "partial-checkout", "get", "resume", "replay"})
"""Operations that are steps."""


@dataclass(frozen=True, slots=True)
class Walked:
    """One step: HEAD before it and after it, and the operation."""

    before: CommitId | None
    after: CommitId | None
    kind: str = "run"


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
            self.done.append(Walked(before, after, kind))
            self.undone.clear()
        elif kind == "live":  # what was found late belongs to the last step
            if self.done and self.done[-1].after == before:
                self.done[-1] = Walked(self.done[-1].before, after, self.done[-1].kind)
        elif kind == "undo":
            for _ in range(min(details.get("steps", 1), len(self.done))):
                self.undone.append(self.done.pop())
        elif kind == "redo":
            for _ in range(min(details.get("steps", 1), len(self.undone))):
                self.done.append(self.undone.pop())

    def last(self, count: int) -> list[Walked]:
        """The next *count* steps that undo would take back and the next *count* that redo would."""
        return [*self.done[-count:], *self.undone[-count:]] if count > 0 else []


class Logged(Protocol):
    """An entry of the operation log, as far as steps go by it."""

    @property
    def kind(self) -> str:
        """Of the operation."""

    @property
    def before(self) -> CommitId | None:
        """HEAD before it."""

    @property
    def after(self) -> CommitId | None:
        """HEAD after it."""

    @property
    def details(self) -> dict[str, Any]:
        """What else was noted."""


def steps_in_log(log: Iterable[Logged]) -> Steps:
    """The steps of one kernel as its operations tell them.

    Args:
        log: the operations of that kernel alone, oldest first.
    """
    steps = Steps()
    for row in log:
        steps.note(row.kind, row.before, row.after, row.details or {})
    return steps
