"""Frozen records that pass between the layers. No behaviour, no dependencies: only words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from timeslip.ids import CommitId, OperationId, RecordId

EXACT, REBUILT, REPLAYED, LOST = "exact", "rebuilt", "replayed", "lost"
"""What a restore gave for a name (see the glossary under *fidelity*)."""


def is_definition(key: str) -> bool:
    """Whether a node key names a class or function made in the session."""
    return key.startswith("def:")


def is_facet(key: str) -> bool:
    """Whether a node key names a facet."""
    return key.startswith("facet:")


def is_name(key: str) -> bool:
    """Whether a node key names something the user sees: a variable or an output."""
    return not (key.startswith("def:") or key.startswith("facet:"))


@dataclass(frozen=True, slots=True)
class Names:
    """What one step did to the names, each sorted.

    Attributes:
        created: names that were not there before.
        changed: names whose value (or aliasing) differs.
        deleted: names that are gone.
        late: names found changed although the step is not known to have reached them ("changed between X and Y").
        assumed: names skipped as unreachable and expensive to check.
        inexact: name -> reason, for names that cannot be stored exactly.
    """

    created: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    inexact: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.created or self.changed or self.deleted)


@dataclass(frozen=True, slots=True)
class CommitStats:
    """What one commit cost.

    Attributes:
        covariables_checked: co-variables captured and compared.
        covariables_written: co-variables whose fingerprint changed.
        bytes_serialized: before chunking and compression, bytes.
        bytes_stored: added to the store after deduplication, bytes on disk.
        seconds: time from the end of the user's code to the finished commit, seconds.
    """

    covariables_checked: int = 0
    covariables_written: int = 0
    bytes_serialized: int = 0
    bytes_stored: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Commit:
    """A node of history, as the doors see it.

    Attributes:
        id: digest of the commit.
        parents: none for a root, one otherwise.
        kind: "attach", "run", "commit" (by hand), "live" (found before travelling), "checkout", "get", "resume".
        execution_count: of the cell run, when there was one.
        code: what ran, as typed; None when it was forgotten or there was none.
        outcome: "ok", "error" or "interrupted".
        error: one line about the exception, if any.
        started: Unix time, seconds.
        duration: how long the user's code ran, seconds.
        message: the user's own text, or None.
        names: what the step did to the names.
        stats: what the commit cost.
        branch: the branch the commit was made on.
        manifest: record that maps node keys to values.
        python: version of Python that made it, such as "3.11.7".
    """

    id: CommitId
    parents: tuple[CommitId, ...]
    kind: str
    execution_count: int | None
    code: str | None
    outcome: str
    error: str | None
    started: float
    duration: float
    message: str | None
    names: Names
    stats: CommitStats
    branch: str
    manifest: RecordId
    python: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An entry of the operation log.

    Attributes:
        id: position in the log.
        kind: "run", "undo", "redo", "checkout", "partial-checkout", "get", "resume", "branch", "tag", "gc" …
        before: HEAD before it, or None.
        after: HEAD after it, or None.
        time: Unix time, seconds.
        details: whatever else is needed to read it, JSON-ready.
    """

    id: OperationId
    kind: str
    before: CommitId | None
    after: CommitId | None
    time: float
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CheckoutResult:
    """What a restore did.

    Attributes:
        commit: where HEAD is now; None for the empty state before the first commit.
        kept: names left alone, the very same objects as before.
        loaded: names read from the store.
        replayed: names rebuilt by running recorded cells again.
        dropped: names that the restored state does not have.
        placeholders: names that came back as placeholders.
        fidelity: name -> "exact", "rebuilt", "replayed" or "lost".
        notes: name -> reason, for every name that is not exact.
        messages: further sentences for the user (facets that failed, cells that were re-run …).
        duration: seconds, planning included.
        dry_run: True when nothing was done.
    """

    commit: CommitId | None
    kept: tuple[str, ...] = ()
    loaded: tuple[str, ...] = ()
    replayed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    placeholders: tuple[str, ...] = ()
    fidelity: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    duration: float = 0.0
    dry_run: bool = False
