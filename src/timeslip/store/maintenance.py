"""The keeper of a store: `check`, `gc`, `usage` and `forget`.

All functions take an open `Repository` and may run beside live kernels. `check` and `usage` change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from shutil import disk_usage

from timeslip.errors import (
    DamagedStoreError,
    NotFoundError,
    StoreBusyError,
    StoreFullError,
    StoreReadOnlyError,
    UsageError,
)
from timeslip.model import Collected, Usage
from timeslip.store import collect
from timeslip.store.collect import Progress, Work
from timeslip.store.compaction import cold_bytes, compact
from timeslip.store.guard import Reading
from timeslip.store.inspection import Checker, CheckReport
from timeslip.store.kept import Change, KeptCell
from timeslip.store.repository import Repository
from timeslip.store.retention import DropPlan, RetentionPolicy, plan_drops, protected_commits, values_of
from timeslip.store.schema import FORGOTTEN, KINDS
from timeslip.store.usages import Usages
from timeslip.store.vacated import lock_of, take, vacated_packs

__all__ = ["CheckReport", "Collected", "Forgotten", "RetentionPolicy", "Usage", "check", "forget", "gc", "usage"]

_PATIENCE = 5.0
"""So long somebody else is waited for, seconds."""

_SHARE, _SHARE_WHEN_FULL = 0.5, 0.1
"""A pack is rewritten when more than this part of it is dead; the second when the store is over its limit."""


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `forget` removed.

    Attributes:
        records: records that are tombstones now.
        chunks: chunks that nothing else needed, and whose bytes are gone.
        shared: chunks that stay because other values hold the same bytes.
        waiting: packs that a live kernel still writes; their bytes go with the next `forget` after its next commits.
    """

    records: int
    chunks: int
    shared: int = 0
    waiting: int = 0


@Reading("a table")
def check(repository: Repository, *, progress: Progress | None = None) -> CheckReport:
    """Read everything in the store and verify it. Time follows the size of the store. Changes nothing."""
    return Checker(repository, progress).run()


@Reading("a table")
def usage(repository: Repository, session: str | None = None, *, limit_bytes: int = 0) -> Usage:
    """What takes the space: by session, and by node key of *session* when one is given.

    Bytes are counted on disk, after deduplication and compression. *limit_bytes* is only passed through.
    """
    usages = Usages(repository)
    return Usage(
        str(repository.directory),
        repository.size_bytes(),
        disk_usage(repository.directory).free,
        limit_bytes,
        tuple(usages.by_session()),
        tuple(usages.by_name(session)) if session is not None else (),
    )


@Reading("a table")
def gc(
    repository: Repository,
    *,
    keep: RetentionPolicy | None = None,
    dry_run: bool = False,
    thorough: bool = False,
    progress: Progress | None = None,
) -> Collected:
    """Give back what nothing needs; and, when the store is above its limit, drop values that *keep* lets go.

    Safe beside kernels that commit. Whatever is interrupted can be run again.

    Args:
        repository: the store.
        keep: what is kept.
        dry_run: only say what would go.
        thorough: also compress what nobody will want back in milliseconds (`compaction`): some seconds for each GB.
        progress: told how far it is.

    Raises:
        StoreReadOnlyError, StoreFullError, StoreBusyError: what was done so far stays done and nothing is damaged.
    """
    policy = keep or RetentionPolicy()
    if dry_run:
        return _estimate(repository, policy, thorough=thorough)
    if repository.read_only:
        raise StoreReadOnlyError("the store was opened for reading only")
    before, work = repository.size_bytes(), Work()
    if repository._database.one("SELECT 1 FROM meta WHERE key = 'orphans'"):
        collect.sweep_records(repository, work, progress)
    if thorough:
        _compress(repository, policy, work, progress)
    _, dead = collect.dead_chunk_bytes(repository)
    plan = plan_drops(repository, policy, dead)
    dropped = _drop(repository, policy, plan)
    if plan.values or plan.over:
        _drop_outputs(repository, policy)
    collect.sweep_chunks(repository, work, progress)
    share = _SHARE_WHEN_FULL if plan.values or plan.over else _SHARE
    with closing(lock_of(repository)) as lock:
        held = collect.reclaim_packs(repository, work, lock, share=share, progress=progress)
    repository._database.shrink()
    freed = max(0, before - repository.size_bytes())
    messages = (*work.problems, *_messages(plan, len(held)))
    return Collected(freed, dropped, plan.commits, work.chunks, False, messages)


def _compress(repository: Repository, policy: RetentionPolicy, work: Work, progress: Progress | None) -> None:
    """Before values are dropped, which may fit then. What is dead makes room for it."""
    collect.sweep_chunks(repository, work, progress)
    with closing(lock_of(repository)) as lock:
        collect.reclaim_packs(repository, work, lock, progress=progress)
    try:
        work.problems += compact(repository, policy, progress=progress).problems
    except StoreFullError as error:
        work.problems.append(f"not all that could be was compressed, and nothing is lost by that: {error.message}")


def _estimate(repository: Repository, policy: RetentionPolicy, *, thorough: bool) -> Collected:
    count, dead = collect.dead_chunk_bytes(repository)
    plan = plan_drops(repository, policy, dead)
    share = _SHARE_WHEN_FULL if plan.values or plan.over else _SHARE
    freed = max(dead, collect.dead_pack_bytes(repository, share)) + plan.frees
    messages = _messages(plan, 0)
    if thorough:
        messages += _would_compress(repository, policy)
    return Collected(freed, len(plan.values), plan.commits, count, True, tuple(messages))


def _would_compress(repository: Repository, policy: RetentionPolicy) -> list[str]:
    try:
        cold = cold_bytes(repository, policy)
    except (DamagedStoreError, NotFoundError) as error:
        return [f"nothing would be compressed, because it cannot be told what is in use: {error}"]
    if not cold:
        return []
    return [
        f"before that, {cold / 1e6:.1f} MB of earlier states would be compressed where that pays: fewer values may go"
    ]


def _messages(plan: DropPlan, held: int) -> list[str]:
    messages = []
    if plan.over:
        messages.append(
            f"the store stays {plan.over / 1e6:.1f} MB above its limit: code and log always stay, and every value left "
            "belongs to a HEAD, a branch, a tag, one of the last undo steps or one of the newest commits"
        )
    if plan.unreadable:
        commits = "1 commit" if plan.unreadable == 1 else f"{plan.unreadable} commits"
        messages.append(f"{commits} could not be read; `timeslip check` says why")
    if held:
        packs = "1 pack is" if held == 1 else f"{held} packs are"
        messages.append(f"{packs} being written by a live kernel: dead bytes in there go with a later gc")
    return messages


def _drop(repository: Repository, policy: RetentionPolicy, plan: DropPlan) -> int:
    """Drop the planned values, except those that something protects by now. Returns how many."""
    if not plan.values:
        return 0
    with repository._database.write():
        kept = values_of(repository, protected_commits(repository, policy))
        rows = repository._database.execute("SELECT id, n FROM records WHERE kind = ?", (KINDS["value"],))
        protected = {int(n) for name, n in rows if name.hex() in kept}
        return collect.drop_values(repository, [n for n, _ in plan.values if n not in protected])


def _drop_outputs(repository: Repository, policy: RetentionPolicy) -> None:
    """Drop what kept cells of the notebook have shown, as the values of their commits; sources stay, as code does."""
    if not repository._kept.is_there():
        return
    with repository._database.write():
        kept = protected_commits(repository, policy)
        for session in repository.sessions():
            if repository.commits_with_cells(session.id) - kept:
                packed = repository._kept.rewrite(session.id, lambda cell: KeptCell(cell.cell), spare=kept)
                collect.release(repository, packed)


@Reading("a table")
def forget(
    repository: Repository,
    session: str,
    records: Iterable[str],
    *,
    cells: Change | None = None,
    progress: Progress | None = None,
) -> Forgotten:
    """Remove the bytes of values and texts for good. Their ids stay, as tombstones; no commit changes its id.

    When this returns, the bodies and the chunks that only they needed are overwritten in the database, gone from its
    log, and their packs rewritten, except where `Forgotten.waiting` says that a live kernel still writes to a pack.
    What the file system or a backup keeps is beyond us.

    Args:
        repository: the store.
        session: whose records they are.
        records: ids of values and texts.
        cells: what is left of a kept cell of the notebook; the rest goes as well. None: all.
        progress: told how far it is.

    Raises:
        NotFoundError: no such record in the store; nothing was done.
        UsageError: a commit or a manifest cannot be forgotten; nothing was done.
        StoreBusyError: another process was reading or saving all the time; call again to finish.
    """
    repository._sessions.number(session)
    with _nothing_on_its_way(repository):
        return _forget(repository, session, list(dict.fromkeys(records)), cells, progress)


@contextmanager
def _nothing_on_its_way(repository: Repository) -> Iterator[None]:
    """No bytes are being put into another pack meanwhile, by any process: they would be there twice."""
    lock = lock_of(repository)
    try:
        if not take(lock, _PATIENCE):
            raise StoreBusyError("another process is compressing what is in the store", hint="try again in a moment")
        yield
    finally:
        lock.close()


def _forget(
    repository: Repository, session: str, ids: Sequence[str], cells: Change | None, progress: Progress | None
) -> Forgotten:
    with repository._database.write():
        packed = [_tombstone(repository, record) for record in ids]
        packed += repository._kept.rewrite(session, cells) if cells is not None else []
        touched = collect.release(repository, packed)
        packs = {
            int(row[0])
            for n in touched
            for row in repository._database.execute(
                "SELECT pack FROM chunks WHERE n = ? AND refs = 0 AND pack IS NOT NULL", (n,)
            )
        }
    work = Work()
    if repository._database.one("SELECT 1 FROM meta WHERE key = 'orphans'"):  # what nothing reaches may say the same
        collect.sweep_records(repository, work, progress)
    packs |= _packs_with_dead(repository)
    collect.sweep_chunks(repository, work, progress)
    packs |= vacated_packs(repository)
    held = collect.reclaim_packs(repository, work, None, only=packs, progress=progress) if packs else set()
    repository._database.shrink()
    if work.problems or not repository._database.log_is_empty():
        raise StoreBusyError(
            "the records are forgotten, but another process keeps their bytes from being erased",
            hint="run the same command again in a moment",
        )
    shared = sum(
        1
        for n in touched
        if repository._database.one("SELECT 1 FROM chunks WHERE n = ? AND refs > 0", (n,)) is not None
    )
    return Forgotten(len(ids), len(touched) - shared, shared, len(held))


def _packs_with_dead(repository: Repository) -> set[int]:
    rows = repository._database.execute("SELECT DISTINCT pack FROM chunks WHERE refs = 0 AND pack IS NOT NULL")
    return {int(row[0]) for row in rows}


def _tombstone(repository: Repository, record: str) -> bytes | None:
    """Overwrite one record; returns its chunk list. Inside an open transaction."""
    row = repository._records.row(record)
    if row is None:
        raise NotFoundError(f"the store holds no record {record[:8]}")
    if row[2] not in (KINDS["value"], KINDS["text"]):
        raise UsageError("only values and texts can be forgotten; commits hold no text of yours")
    packed: bytes | None = row[10]
    repository._database.execute(
        """UPDATE records SET state = ?, mac = x'', salt = NULL, codec = 0, size = 0, body = NULL, chunks = NULL
           WHERE n = ?""",
        (FORGOTTEN, row[0]),
    )
    return packed
