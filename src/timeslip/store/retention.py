"""Which values may go when the store is too large (design rule 9).

Only *values*, and what kept cells of a notebook have shown, are ever dropped, never code or log; and never the values
of HEADs, branches, tags, and the newest commits of a session; nor, for each kernel at work, of both ends of the steps
that it can undo and redo, and of the newest commits on the way to its HEAD. Among the rest, those go first whose last
commit is oldest.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from timeslip.config import Settings
from timeslip.errors import StoreError
from timeslip.ids import CommitId
from timeslip.steps import steps_in_log
from timeslip.store.records import unpack_numbers
from timeslip.store.rows import Head
from timeslip.store.schema import KINDS, LIVE

if TYPE_CHECKING:
    from timeslip.store.repository import Repository


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """What is kept.

    Attributes:
        max_store_bytes: values are dropped above this size of the store, bytes; 0 means never.
        keep_commits: that many newest commits of each session keep their values, and that many on the way to the HEAD
            of each kernel at work.
        undo_steps: that many steps of each kernel at work, in either direction, keep the values on both sides.
    """

    max_store_bytes: int = 0
    keep_commits: int = 50
    undo_steps: int = 20

    @classmethod
    def from_settings(cls, settings: Settings) -> RetentionPolicy:
        """The policy that the user's settings ask for."""
        return cls(settings.max_store_bytes, settings.keep_commits, settings.undo_steps)


@dataclass(frozen=True, slots=True)
class DropPlan:
    """Values to drop, in this order.

    Attributes:
        values: row numbers of value records with the numbers of their chunks.
        frees: estimate of the chunk bytes that become free, bytes.
        commits: how many commits lose a value.
        over: bytes by which the store stays above the limit although nothing more may be dropped; 0 when it does not.
        unreadable: commits whose manifest could not be read; their values are left alone.
    """

    values: tuple[tuple[int, tuple[int, ...]], ...] = ()
    frees: int = 0
    commits: int = 0
    over: int = 0
    unreadable: int = 0


def protected_commits(repository: Repository, policy: RetentionPolicy) -> set[CommitId]:
    """The commits whose values automatic retention never touches."""
    keep = commits_at_hand(repository, policy)
    for session in repository.sessions():
        keep.update(repository._log.newest_ids(session.id, policy.keep_commits))
    return keep


def commits_at_hand(repository: Repository, policy: RetentionPolicy) -> set[CommitId]:
    """HEADs, branches, tags, and what kernels at work can undo, redo, and go back to along their way."""
    keep: set[CommitId] = set()
    for session in repository.sessions():
        keep.update(head.commit for head in repository.heads(session.id) if head.commit is not None)
        keep.update(ref.commit for ref in repository.refs(session.id))
        for head in _at_work(repository, session.id):
            keep.update(_leading_to(repository, head.commit, policy.keep_commits))
            log = reversed(repository.operations(session.id, kernel=head.kernel))
            for step in steps_in_log(log).last(policy.undo_steps):
                keep.update(commit for commit in (step.before, step.after) if commit is not None)
    return keep


def _at_work(repository: Repository, session: str) -> list[Head]:
    """HEADs of the kernels of *session* that can still undo, and of the one that did something last.

    A kernel that has ended has no steps any more: whoever resumes its work begins with a step of its own.
    """
    kernels = {lease.kernel for lease in repository.leases(session) if lease.alive}
    kernels.update(last.kernel for last in repository.operations(session, limit=1))
    return [head for head in repository.heads(session) if head.kernel in kernels]


def _leading_to(repository: Repository, commit: CommitId | None, limit: int) -> Iterator[CommitId]:
    """*commit* and what it was made from, newest first, at most *limit* of them."""
    for _ in range(limit):
        if commit is None:
            return
        try:
            parents = repository.commit(commit)["parents"]
        except (StoreError, LookupError):  # what came before it is not known; counted among the unreadable
            return
        yield commit
        commit = CommitId(parents[0]) if parents else None


def values_of(repository: Repository, commits: Iterable[str]) -> set[str]:
    """Ids of all value records in the manifests of *commits*. Raises DamagedStoreError."""
    values: set[str] = set()
    for manifest in {body["manifest"] for body in map(repository.commit, commits) if body.get("manifest")}:
        values.update(repository._manifests.resolve(manifest).values())
    return values


def plan_drops(repository: Repository, policy: RetentionPolicy, dead_bytes: int) -> DropPlan:
    """What to drop so that the store fits *policy*, given that *dead_bytes* can be given back without dropping."""
    size = repository.size_bytes() - dead_bytes
    if not policy.max_store_bytes or size <= policy.max_store_bytes:
        return DropPlan()
    wanted = size - policy.max_store_bytes
    history = _Uses(repository)
    last_use = history.last_uses()
    kept = values_of(repository, protected_commits(repository, policy))
    rows = repository._database.execute(
        "SELECT id, n, chunks FROM records WHERE kind = ? AND state = ? AND chunks IS NOT NULL", (KINDS["value"], LIVE)
    )
    candidates = [
        (last_use[name], n, unpack_numbers(packed))
        for name, n, packed in ((row[0].hex(), row[1], row[2]) for row in rows)
        if name in last_use and name not in kept
    ]
    candidates.sort()
    names = {int(row[1]): row[0].hex() for row in rows}
    chunks = {int(n): [int(refs), int(stored)] for n, refs, stored in _chunk_sizes(repository)}
    members = repository._chunks.members.all()
    chosen: list[tuple[int, tuple[int, ...]]] = []
    freed = 0
    for _, n, needs in candidates:
        if freed >= wanted:
            break
        freed += _release(chunks, needs, members)
        chosen.append((n, tuple(needs)))
    over = max(0, size - freed - policy.max_store_bytes)
    touched = history.count_users({names[n] for n, _ in chosen}) if chosen else 0
    return DropPlan(tuple(chosen), freed, touched, over, history.unreadable)


def _release(chunks: dict[int, list[int]], needs: Iterable[int], members: Mapping[int, Iterable[int]]) -> int:
    freed = 0
    for chunk in needs:
        entry = chunks.get(chunk)
        if entry is not None:
            entry[0] -= 1
            if entry[0] == 0:
                freed += entry[1] + _release(chunks, members.get(chunk, ()), {})
    return freed


def _chunk_sizes(repository: Repository) -> list[tuple[int, int, int]]:
    return [(row[0], row[1], row[2]) for row in repository._database.execute("SELECT n, refs, stored FROM chunks")]


class _Uses:
    """Which values the states of all commits had, read once: a number for each value and each move of one.

    Attributes:
        unreadable: how many commits could not be read.
    """

    def __init__(self, repository: Repository) -> None:
        self.unreadable = 0
        self._numbers: dict[str, int] = {}
        """Value -> its number."""
        self._created = array("d")
        self._moves = array("q")
        """For each commit that could be read, in order: values that came, each number plus one, values that left, the
        same below zero, and a zero."""
        for created, moves in _moves(repository):
            if moves is None:
                self.unreadable += 1
                continue
            self._created.append(created)
            self._moves.extend(map(self._number, moves.came))
            self._moves.extend(-self._number(value) for value in moves.left)
            self._moves.append(0)

    def _number(self, value: str) -> int:
        return self._numbers.setdefault(value, len(self._numbers) + 1)

    def last_uses(self) -> dict[str, float]:
        """For every value, when the last commit that holds it was made."""
        last = [-1.0] * (len(self._numbers) + 1)
        times, before = iter(self._created), 0.0
        for move in self._moves:
            if move < 0:
                last[-move] = max(before, last[-move])
            elif not move:
                before = next(times)
        return {value: last[number] for value, number in self._numbers.items() if last[number] >= 0}

    def count_users(self, chosen: set[str]) -> int:
        """How many commits hold one of *chosen*."""
        wanted = {self._numbers[value] for value in chosen if value in self._numbers}
        held = found = 0
        for move in self._moves:
            if not move:
                found += held > 0
            elif abs(move) in wanted:
                held += 1 if move > 0 else -1
        return found


@dataclass(frozen=True, slots=True)
class _Moves:
    """How the state of a commit differs from that of the one before: the values that came and that left, by key."""

    came: Collection[str]
    left: Collection[str]


def _moves(repository: Repository) -> Iterator[tuple[float, _Moves | None]]:
    """Time and moves of every commit, oldest first in each session, whose last state is left in the end.

    So the work follows what the commits changed, not how many names they had. None for a commit that cannot be read: a
    value that is not seen is not dropped either. What leaves a session's last state comes after it with time 0.
    """
    for session in repository.sessions():
        state: dict[str, str] = {}
        at: str | None = None
        for _, body in repository.every_commit(session.id, oldest_first=True):
            try:
                manifest = body.get("manifest")
                changes = _differences(repository, at, manifest, state)
            except (StoreError, LookupError):  # counted by the caller
                yield 0.0, None
                continue
            at = manifest
            left = [state[key] for key in changes if key in state]
            came = [value for value in changes.values() if value is not None]
            for key, value in changes.items():
                if value is None:
                    state.pop(key, None)
                else:
                    state[key] = value
            yield float(body.get("created", 0.0)), _Moves(came, left)
        yield 0.0, _Moves((), list(state.values()))


def _differences(
    repository: Repository, at: str | None, manifest: str | None, state: Mapping[str, str]
) -> dict[str, str | None]:
    """What makes *manifest* of *state*, which is that of *at*: key -> value, or None for a key that goes.

    Raises:
        StoreError: it cannot be read.
    """
    if manifest == at:
        return {}
    base, said = repository._manifests.difference(manifest) if manifest else (None, {})
    if base is not None and base == at:
        return {key: value for key, value in said.items() if state.get(key) != value}
    wanted = repository._manifests.resolve(manifest) if manifest else {}
    changes: dict[str, str | None] = {key: None for key in state if key not in wanted}
    changes.update((key, value) for key, value in wanted.items() if state.get(key) != value)
    return changes
