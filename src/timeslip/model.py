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
    return not key.startswith(("def:", "facet:"))


@dataclass(frozen=True, slots=True)
class Names:
    """What one step did to the names, each sorted.

    Attributes:
        created: names that were not there before.
        changed: names whose value (or aliasing) differs.
        deleted: names that are gone.
        late: names found changed although the step is not known to have reached them ("changed between X and Y").
        assumed: names skipped as unreachable and expensive to check; of very many only some, see *assumed_more*.
        inexact: name -> reason, for names that cannot be stored exactly.
        when: for each of *late*, as far as it is known: "between In[3] and In[7]".
        assumed_more: how many names were skipped besides those in *assumed*.
    """

    created: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    inexact: dict[str, str] = field(default_factory=dict)
    when: dict[str, str] = field(default_factory=dict)
    assumed_more: int = 0

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
class Went:
    """One step that was taken back or done again.

    Attributes:
        kind: of the operation: "run", "checkout", "partial-checkout", "get", "resume", "replay" or "live".
        commit: where HEAD was after it; None for the empty state before the first commit.
    """

    kind: str
    commit: Commit | None


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
        at: the commit itself, where a whole state was restored.
        went: by undo, the steps that were taken back, the last one first; by redo, those done again, in their order.
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
    at: Commit | None = None
    went: tuple[Went, ...] = ()


@dataclass(frozen=True, slots=True)
class Ref:
    """A name for a commit.

    Attributes:
        kind: "branch" or "tag".
        name: as the user gave it.
        commit: what it names.
        current: True for the branch that the session is on.
    """

    kind: str
    name: str
    commit: CommitId
    current: bool = False


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run whose commit is not finished yet: what it changed is being saved in the background.

    Attributes:
        names: what it did to the names.
        stats: what it took up to the reply; what it takes in the store is not known yet.
    """

    names: Names
    stats: CommitStats


@dataclass(frozen=True, slots=True)
class Status:
    """Where a session is, and what a user should know about it.

    Attributes:
        session: random id of the session.
        name: of the session.
        notebook: path of the notebook, or None.
        store: directory of the store.
        branch: the branch the next run is recorded on (before any automatic ``NAME-2``).
        head: the commit the session is at, or None before the first.
        at_tip: False when HEAD is not the tip of the branch, so that the next run starts a branch of its own.
        last: the last commit made, with names and cost; None before the first.
        inexact: name -> reason, for names of the present state that cannot be restored exactly.
        placeholders: name -> reason, for names that are placeholders now.
        assumed: names that the last run is not known to have reached, and that were not looked at since: expensive.
        unfinished: runs whose commit is not finished yet.
        saving: bytes that are saved, and that there are, of what is being saved in the background, or None.
        paused: why recording is paused, or None.
        store_bytes: size of the store on disk, bytes.
        resumable: the last commit of an earlier kernel that `resume` would bring back, or None.
        kernel: "this" (live here), "live" (held by another process), "none".
        shared: another kernel holds the session, and this one is on a branch of its own.
        next_branch: the branch that the next run is recorded on; another one than `branch` when that run starts it.
        large_arrays: how changes of large arrays are noticed here, and why so; empty where no kernel is asked.
        large_values: when large values are written here, and why so; empty where no kernel is asked.
    """

    session: str
    name: str
    notebook: str | None
    store: str
    branch: str
    head: Commit | None
    at_tip: bool = True
    last: Commit | None = None
    inexact: dict[str, str] = field(default_factory=dict)
    placeholders: dict[str, str] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    unfinished: int = 0
    saving: tuple[int, int] | None = None
    paused: str | None = None
    store_bytes: int = 0
    resumable: CommitId | None = None
    kernel: str = "none"
    shared: bool = False
    next_branch: str = ""
    large_arrays: str = ""
    large_values: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """One value as it was, in a few lines.

    Attributes:
        name: of the variable or output.
        type: name of its class, with the module for all but builtins.
        summary: one line: shape, length, columns …
        text: head or repr, several lines, cut to a screen.
        commit: the commit that last made or changed it, or None.
        note: why it cannot be shown, or anything else to know; empty otherwise.
    """

    name: str
    type: str
    summary: str = ""
    text: str = ""
    commit: CommitId | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """One commit in full.

    Attributes:
        commit: the commit.
        refs: branches and tags that name it.
        values: every name of the state, with a one-line preview (``text`` empty).
    """

    commit: Commit
    refs: tuple[Ref, ...] = ()
    values: tuple[Preview, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueDiff:
    """How one name differs between two states.

    Attributes:
        name: the variable, output or facet.
        change: "created", "changed" or "deleted" on the way from the first state to the second.
        summary: one line, such as "column 'b' dropped; 12 cells of 'a' changed".
        lines: detail; lines of a text diff begin with "+", "-" or a space.
    """

    name: str
    change: str
    summary: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StateDiff:
    """What differs between two states.

    Attributes:
        a: the first commit, or None for the empty state before the first.
        b: the second commit, or None for the live state.
        b_live: True when the second is the live state.
        runs: the commits on the way from the first to the second, oldest first, when one descends from the other; of a
            long way the newest.
        values: one entry per name that differs, sorted by name.
        a_live: True when the first is the live state.
        more_runs: how many commits on the way come before those of *runs*.
    """

    a: CommitId | None
    b: CommitId | None
    b_live: bool = False
    runs: tuple[Commit, ...] = ()
    values: tuple[ValueDiff, ...] = ()
    a_live: bool = False
    more_runs: int = 0


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found.

    Attributes:
        commit: the state that was looked at; None for the live state.
        intact: names that are as recorded, or can be restored exactly.
        replayed: name -> which cells would be run again for it and why, for names that cannot be loaded.
        changed: name -> where it was found to differ ("changed between X and Y").
        unrestorable: name -> reason, for names that cannot be brought back.
        messages: further sentences for the user.
        duration: seconds.
    """

    commit: CommitId | None
    intact: tuple[str, ...] = ()
    changed: dict[str, str] = field(default_factory=dict)
    unrestorable: dict[str, str] = field(default_factory=dict)
    replayed: dict[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    duration: float = 0.0


@dataclass(frozen=True, slots=True)
class ReplayStep:
    """One recorded cell that would run again to rebuild a placeholder.

    Attributes:
        commit: the recorded run.
        execution_count: of that run, when there was one.
        code: as typed.
        duration: how long it took then, seconds.
        touches: what it seems to touch outside the session ("file", "network", "process", "clock" …).
        rebuilds: names it makes.
    """

    commit: CommitId
    execution_count: int | None
    code: str
    duration: float
    touches: tuple[str, ...] = ()
    rebuilds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A session of a store.

    Attributes:
        id: random id.
        name: unique in the store.
        notebook: path of its notebook, or None.
        created: Unix time, seconds.
        last_used: when the last commit was made, Unix time, seconds.
        commits: how many were made.
        bytes: stored for it after deduplication, bytes on disk; what several share is counted for each.
        alive: a live kernel holds it.
        reachable: commands can reach that kernel.
        pid: its process, or None.
        current: it is the session that was asked.
    """

    id: str
    name: str
    notebook: str | None
    created: float
    last_used: float
    commits: int
    bytes: int
    alive: bool
    reachable: bool
    pid: int | None
    current: bool = False


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Size of one session or one name.

    Attributes:
        name: of the session, variable or output.
        bytes: stored for it after deduplication, bytes on disk; what several share is counted for each.
        own_bytes: of these, what nothing else uses, bytes on disk.
        versions: commits of the session, or versions of the value.
    """

    name: str
    bytes: int
    own_bytes: int = 0
    versions: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a store holds.

    Attributes:
        store: directory of the store.
        total_bytes: whole size on disk, bytes.
        free_bytes: free space on that disk, bytes.
        limit_bytes: the size above which retention starts, bytes; 0 means no limit.
        sessions: by session, largest first.
        names: by name of the asked session, largest first.
    """

    store: str
    total_bytes: int
    free_bytes: int = 0
    limit_bytes: int = 0
    sessions: tuple[UsageRow, ...] = ()
    names: tuple[UsageRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Collected:
    """What `gc` dropped, or would drop.

    Attributes:
        freed_bytes: given back to the disk, bytes.
        values: versions of values whose bytes went.
        commits: commits some of whose values went; they stay in the log.
        chunks: chunks that went.
        dry_run: True when nothing was done.
        messages: further sentences for the user.
    """

    freed_bytes: int
    values: int = 0
    commits: int = 0
    chunks: int = 0
    dry_run: bool = False
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `forget` did, and what still says or makes the same.

    Attributes:
        messages: sentences for the user.
        code: commits whose recorded code or message still names what was forgotten, the newest first.
        bound: names of the live state whose forgotten value the next step would record again.
    """

    messages: tuple[str, ...]
    code: tuple[CommitId, ...] = ()
    bound: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunResult:
    """What `Session.run` did.

    Attributes:
        commit: what was recorded; None when the run was asked to leave no step of its own.
        error: what the code raised, or None.
        stats: what the commit cost.
    """

    commit: Commit | None
    error: BaseException | None
    stats: CommitStats
