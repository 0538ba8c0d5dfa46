"""The history of a session as a child would keep it: a full copy of everything after every step.

No chunks, no digests, no plans. `ReferenceHistory` is told what happened (with the commit ids that the engine gave,
which are only labels here) and says where the session must be now and what its namespace must look like. A test does
the same steps on a real session and compares.

What it holds is the section *History* of the interface:

* a run, a checkout, a partial checkout, a get and a resume are steps; undo and redo walk over them and are none
  themselves; names (branches, tags) and gc are no steps either;
* a step after an undo clears what could be redone; the states left behind stay;
* undo moves HEAD, never a branch; a step that commits from a place that is not the tip of the current branch starts a
  branch of its own, and nothing is overwritten;
* a verb that travels first commits the live state if it differs from HEAD's; what is found so belongs to the step that
  led there, and is no step of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from timeslip.graphs.comparison import compare_states
from timeslip.testing.copies import copy_namespace


class NotThereError(LookupError):
    """There is nothing (left) to undo, to redo or to find."""


@dataclass(frozen=True)
class Step:
    """One step that undo and redo walk over.

    Attributes:
        kind: "run", "checkout", "partial-checkout", "get" or "resume".
        before: HEAD before it; None for the empty state before the first commit.
        after: HEAD after it.
    """

    kind: str
    before: str | None
    after: str | None


@dataclass
class ReferenceHistory:
    """Commits with full copies of the state, HEAD, branches, tags, and the cursor of undo.

    Attributes:
        states: commit -> a copy of the whole namespace at that commit; None -> the empty state.
        parents: commit -> the commit it was made from, or None for a root.
        head: where the session is.
        branch: the branch that the next commit belongs to.
        branches: branch -> its tip; a branch without commits is not there.
        tags: tag -> commit.
        steps: what undo walks over, oldest first.
        cursor: how many of *steps* are done; those behind it can be redone.
    """

    states: dict[str | None, dict[str, Any]] = field(default_factory=lambda: {None: {}})
    parents: dict[str, str | None] = field(default_factory=dict)
    head: str | None = None
    branch: str = "main"
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    cursor: int = 0

    # ---- what happened

    def committed(self, commit: str, namespace: Mapping[str, Any], branch: str | None = None) -> None:
        """A commit was made from HEAD: of a live state, by hand, or as part of a step.

        Args:
            commit: its id.
            namespace: the live state; a copy is kept.
            branch: how the engine named the branch, in case the commit had to start one.

        Raises:
            AssertionError: the branch is not the current one although HEAD was its tip, or is not the next free name
                although it was not, or the commit exists already.
        """
        assert commit not in self.states, f"commit {commit} was made twice"
        at_tip = self.branches.get(self.branch) == self.head
        named = branch or (self.branch if at_tip else self._free_name())
        if at_tip:
            assert named == self.branch, f"HEAD is the tip of {self.branch}, but the commit is on {named}"
        else:
            assert named not in self.branches, f"HEAD is not the tip of {self.branch}, but {named} is not new"
            assert named == self._free_name(), f"{named} is not the next free name of the family of {self.branch}"
        self.states[commit] = copy_namespace(namespace)
        self.parents[commit] = self.head
        self.branch, self.head = named, commit
        self.branches[named] = commit

    def stepped(self, kind: str, before: str | None, after: str | None) -> None:
        """A step was done: what could be redone is gone."""
        del self.steps[self.cursor :]
        self.steps.append(Step(kind, before, after))
        self.cursor += 1
        self.head = after

    def ran(self, commit: str, namespace: Mapping[str, Any], branch: str | None = None, kind: str = "run") -> None:
        """A cell ran (or names were brought in), and was committed."""
        before = self.head
        self.committed(commit, namespace, branch)
        self.stepped(kind, before, commit)

    def found_late(self, commit: str, namespace: Mapping[str, Any], branch: str | None = None) -> None:
        """The live state differed from HEAD's, and was committed before travelling."""
        before = self.head
        self.committed(commit, namespace, branch)
        if self.cursor and self.steps[self.cursor - 1].after == before:
            last = self.steps[self.cursor - 1]
            self.steps[self.cursor - 1] = Step(last.kind, last.before, commit)

    def undo(self, n: int = 1) -> str | None:
        """Move *n* steps back.

        Returns:
            Where HEAD is now.

        Raises:
            NotThereError: there are fewer than *n* steps to undo; nothing was changed.
        """
        if n > self.cursor:
            raise NotThereError(f"{self.cursor} steps can be undone, not {n}")
        self.cursor -= n
        self.head = self.steps[self.cursor].before
        return self.head

    def redo(self, n: int = 1) -> str | None:
        """Move *n* steps forward again; as `undo`."""
        if self.cursor + n > len(self.steps):
            raise NotThereError(f"{len(self.steps) - self.cursor} steps can be redone, not {n}")
        self.cursor += n
        self.head = self.steps[self.cursor - 1].after
        return self.head

    def checked_out(self, commit: str | None, kind: str = "checkout") -> None:
        """The whole state of *commit* was brought back."""
        self.stepped(kind, self.head, commit)

    def switched(self, branch: str) -> None:
        """The session went to the tip of *branch* and continues it."""
        self.checked_out(self.branches[branch])
        self.branch = branch

    def forget_steps(self) -> None:
        """A new kernel: its log of steps begins here."""
        self.steps.clear()
        self.cursor = 0

    # ---- what must hold

    def expected(self) -> dict[str, Any]:
        """The state at HEAD. Belongs to the reference: copy it before use."""
        return self.states[self.head]

    def differences(self, namespace: Mapping[str, Any], commit: str | None = "HEAD") -> list[str]:
        """How *namespace* differs from the state at *commit*, in sentences."""
        wanted = self.head if commit == "HEAD" else commit
        return compare_states(self.states[wanted], namespace)

    def ancestors(self, commit: str | None) -> list[str]:
        """*commit* and what it came from, newest first."""
        found: list[str] = []
        while commit is not None:
            found.append(commit)
            commit = self.parents[commit]
        return found

    def _free_name(self) -> str:
        """``main-2``, ``main-3`` … for what leaves ``main`` or ``main-2``."""
        if not self.branches:
            return self.branch
        taken = {*self.branches, *self.tags}
        family, dash, number = self.branch.rpartition("-")
        if not (dash and number.isdigit() and family in taken):
            family = self.branch
        return next(name for name in (f"{family}-{count}" for count in range(2, 10**6)) if name not in taken)
