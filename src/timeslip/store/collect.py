"""Giving space back: chunks that nothing needs, packs that hold little else, records that nothing reaches.

All of it is safe beside other processes that commit:

* a chunk goes only while its reference count is 0, inside a write transaction, and while no process has *pins* (see
  `pins`); a process that finds a chunk and then refers to it holds a pin in between;
* a pack is touched only while its file lock can be had, which its writer holds as long as it may publish something in
  it. Live chunks are copied to another pack, synced, pointed to in a transaction, and only when that is synced as well
  the old file is unlinked. A reader that comes too late looks the place up again; maps of the old file stay valid;
* a record goes only when it was unreachable before the transaction began and nothing added since refers to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from timeslip.errors import DamagedStoreError, StoreError
from timeslip.standard import os, time
from timeslip.store.log import record_ids_in
from timeslip.store.packs import HEADER_BYTES, PAGE, Location
from timeslip.store.records import COLUMNS, unpack_numbers
from timeslip.store.schema import DROPPED, KINDS, LIVE
from timeslip.store.vacated import PAUSE, Moving, Position, take

if TYPE_CHECKING:
    from timeslip.store.database import Row
    from timeslip.store.host import FileLock
    from timeslip.store.repository import Repository

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and how many there are (0 when unknown)."""

_BATCH = 2000
_PATIENCE = 5.0
CHUNK_COLUMNS = "id, n, size, stored, codec, place, pack, offset"
"""Of a row that `ChunkStore.stored_form` takes."""


@dataclass(slots=True)
class Work:
    """What one collection has done so far; sizes in bytes."""

    chunks: int = 0
    chunk_bytes: int = 0
    packs_removed: int = 0
    packs_rewritten: int = 0
    records: int = 0
    problems: list[str] = field(default_factory=list)


def is_alone(repository: Repository) -> bool:
    """Whether no live kernel but this process uses the store. Decides only where there are no file locks."""
    return not any(lease.alive and lease.pid != os.getpid() for lease in repository.leases())


def release(repository: Repository, packed: Iterable[bytes | None]) -> set[int]:
    """Take back the references of records with these chunk lists; inside an open transaction. Returns the chunks."""
    touched: set[int] = set()
    for numbers in map(unpack_numbers, packed):
        repository._database.many("UPDATE chunks SET refs = max(refs - 1, 0) WHERE n = ?", [(n,) for n in numbers])
        touched.update(numbers)
    return touched | repository._chunks.members.release_gone(touched)


def drop_values(repository: Repository, numbers: Iterable[int]) -> int:
    """Turn live values into dropped ones inside an open transaction; returns how many there were."""
    count = 0
    for n in numbers:
        row = repository._database.one("SELECT chunks FROM records WHERE n = ? AND state = ?", (n, LIVE))
        if row is not None:
            release(repository, [row[0]])
            repository._database.execute("UPDATE records SET state = ?, chunks = NULL WHERE n = ?", (DROPPED, n))
            count += 1
    return count


def dead_chunk_bytes(repository: Repository) -> tuple[int, int]:
    """How many chunks nothing refers to, and their bytes on disk."""
    row = repository._database.one("SELECT count(*), coalesce(sum(stored), 0) FROM chunks WHERE refs = 0")
    return (int(row[0]), int(row[1])) if row else (0, 0)


def sweep_chunks(repository: Repository, work: Work, progress: Progress | None = None) -> None:
    """Remove all chunks that nothing refers to, a batch for each transaction."""
    with repository._database.write():
        repository._chunks.members.release_gone()  # what a release has left that does not know of lists
    deadline = time.monotonic() + _PATIENCE
    last, alone = 0, is_alone(repository)
    while True:
        with ExitStack() as after_commit, repository._database.write():
            pinned = after_commit.enter_context(repository._chunks.pins.collecting(alone=alone))
            if pinned is not None:
                rows = repository._database.execute(
                    "SELECT n, id, stored, pack FROM chunks WHERE refs = 0 AND n > ? ORDER BY n LIMIT ?", (last, _BATCH)
                )
                gone = [row for row in rows if row[1] not in pinned]
                repository._database.many("DELETE FROM chunk_data WHERE n = ?", [(row[0],) for row in gone])
                repository._database.many("DELETE FROM chunks WHERE n = ?", [(row[0],) for row in gone])
                _note_vacated(repository, {int(row[3]) for row in gone if row[3] is not None})
        if pinned is not None:
            if not rows:
                return
            last = int(rows[-1][0])
            work.chunks += len(gone)
            work.chunk_bytes += sum(int(row[2]) for row in gone)
            if progress is not None:
                progress("chunks", work.chunks, 0)
        elif time.monotonic() > deadline:
            work.problems.append("another process was busy saving: what it may still need was left for the next gc")
            return
        else:
            time.sleep(0.02)


def _note_vacated(repository: Repository, packs: set[int]) -> None:
    """Inside an open transaction: what was removed is in there still, and may be forgotten some day."""
    position = Position.load(repository)
    if packs - position.vacated:
        position.vacated |= packs
        position.save(repository)


# --- packs


def live_bytes(repository: Repository) -> dict[int, int]:
    """Bytes of chunks in every pack that has any."""
    rows = repository._database.execute("SELECT pack, sum(stored) FROM chunks WHERE pack IS NOT NULL GROUP BY pack")
    return {int(pack): int(total) for pack, total in rows}


def dead_pack_bytes(repository: Repository, share: float) -> int:
    """What `reclaim_packs` would give back, at most, if all dead chunks were swept, bytes."""
    rows = repository._database.execute(
        "SELECT pack, sum(stored) FROM chunks WHERE pack IS NOT NULL AND refs > 0 GROUP BY pack"
    )
    live = {int(pack): int(total) for pack, total in rows}
    total = 0
    for pack, size in repository._packs.sizes().items():
        kept = live.get(pack, 0)
        if _worth_rewriting(size, kept, share):
            total += size - kept
    return total


def _worth_rewriting(size: int, live: int, share: float) -> bool:
    return live == 0 or size - HEADER_BYTES - live > share * (size - HEADER_BYTES)


def reclaim_packs(
    repository: Repository,
    work: Work,
    lock: FileLock | None,
    *,
    share: float = 0.5,
    only: set[int] | None = None,
    progress: Progress | None = None,
    goes_on: Callable[[], bool] = lambda: True,
) -> set[int]:
    """Unlink packs without live chunks, and move the live chunks out of those whose dead part exceeds *share*.

    Args:
        repository: the store.
        work: counts and problems are added here.
        lock: `vacated.lock_of`, taken for each pack that is rewritten; None: the caller holds it.
        share: part of a pack that must be dead, 0 to 1.
        only: look at these packs alone; all of them are rewritten whatever their dead part.
        progress: told about packs.
        goes_on: asked before each pack: whether to do more.

    Returns the packs that should have been worked on but are held by another live process; they are sealed, so that
    their writer lets go of them with its next commit.
    """
    listed = {int(row[0]): 0 for row in repository._database.execute("SELECT id FROM packs")}
    live, sizes = live_bytes(repository), {**listed, **repository._packs.sizes()}
    todo = [
        pack
        for pack, size in sizes.items()
        if (only is None and _worth_rewriting(size, live.get(pack, 0), share)) or (only is not None and pack in only)
    ]
    if todo:
        with repository._database.write():  # so that nobody takes one up meanwhile to put something into it
            repository._database.many("UPDATE packs SET sealed = 1 WHERE id = ?", [(pack,) for pack in todo])
    _let_go(repository, set(todo))
    alone, held = is_alone(repository), set()
    for done, pack in enumerate(todo):
        if not goes_on():
            break
        if progress is not None:
            progress("packs", done, len(todo))
        moves = lock is not None and pack in live
        if moves and done:
            time.sleep(PAUSE)  # who waits for the lock looks now and then
        if lock is not None and moves and not take(lock, _PATIENCE):
            work.problems.append(
                "another process was compressing or removing something: a pack was left for the next gc"
            )
            break
        try:
            with repository._packs.exclusive(pack, alone=alone) as mine:
                if not mine:
                    held.add(pack)
                else:
                    with repository._chunks.appending():
                        _reclaim(repository, pack, work)
        finally:
            if lock is not None and moves:
                lock.release()
    return held


def _let_go(repository: Repository, packs: set[int]) -> None:
    """Stop writing to those of *packs* that this process holds, if nothing in them is still to be published."""
    mine = packs & repository._packs.written()
    if not mine:
        return
    for pack in mine:
        repository._packs.retire(pack)
    repository._packs.sync()
    with repository._chunks.publishing(), repository._database.write():
        repository._chunks.publish()


def _reclaim(repository: Repository, pack: int, work: Work) -> None:
    rows = repository._database.execute(f"SELECT {CHUNK_COLUMNS} FROM chunks WHERE pack = ? ORDER BY offset", (pack,))
    moved: list[tuple[Location, int]] = []
    moving = Moving(repository)
    for row in rows:
        try:
            moved.append((_copy(repository, row, moving), int(row[1])))
        except DamagedStoreError as error:  # keep what is there: it may be all that is left for a repair by hand
            work.problems.append(f"pack {pack:016x} was not rewritten: {error.message}")
            return
    if moved:
        repository._packs.sync()
    with repository._chunks.publishing(), repository._database.write():
        changed = [_move(repository, pack, n, location) for location, n in moved]
        position = Position.load(repository)
        moving.finish(position, all_used=all(changed), vacated=(pack,))  # as long as the file is there
        position.save(repository)
        left = repository._database.one("SELECT 1 FROM chunks WHERE pack = ? LIMIT 1", (pack,))
        if left is None:
            repository._database.execute("DELETE FROM packs WHERE id = ?", (pack,))
        repository._chunks.publish()
    if left is not None:
        return
    repository.sync()  # the old file goes only when the new places would survive a power cut
    repository._packs.remove(pack)
    work.packs_removed += 1
    work.packs_rewritten += bool(moved)


def _copy(repository: Repository, row: Row, moving: Moving) -> Location:
    _, payload = repository._chunks.stored_form(row)
    with memoryview(payload) as view:
        # A raw chunk keeps its place in a page, by which it can be mapped.
        return moving.put(view, row[7] % PAGE if row[4] == 0 else None)


def _move(repository: Repository, pack: int, n: int, location: Location) -> bool:
    repository._database.execute(
        "UPDATE chunks SET pack = ?, offset = ? WHERE n = ? AND pack = ?", (location.pack, location.offset, n, pack)
    )
    return repository._database.one("SELECT changes()") == (1,)


# --- records


def sweep_records(repository: Repository, work: Work, progress: Progress | None = None) -> None:
    """Remove records that no commit reaches, as after `remove_session`.

    What refers to what is found by reading: every text of 64 hexadecimal digits in a body counts as a reference.
    """
    db = repository._database
    row = db.one("SELECT max(n) FROM records")
    horizon = int(row[0] or 0) if row else 0
    marked: set[int] = set()
    _mark(repository, "kind = ?", (KINDS["commit"],), marked, progress)
    _mark(repository, "n IN (SELECT text FROM notes)", (), marked, progress)
    _mark_kept(repository, marked, progress)
    with db.write():
        _mark(repository, "n > ?", (horizon,), marked, progress)
        _mark(repository, "n IN (SELECT text FROM notes)", (), marked, progress)
        _mark_kept(repository, marked, progress)
        rows = db.execute("SELECT n, chunks FROM records WHERE n <= ?", (horizon,))
        gone = [row for row in rows if row[0] not in marked]
        release(repository, [row[1] for row in gone])
        db.many("DELETE FROM records WHERE n = ?", [(row[0],) for row in gone])
        db.execute("DELETE FROM meta WHERE key = 'orphans'")
    repository._manifests.drop_cache()
    work.records += len(gone)


def _mark_kept(repository: Repository, marked: set[int], progress: Progress | None) -> None:
    if repository._kept.is_there():
        _mark(repository, "n IN (SELECT text FROM kept)", (), marked, progress)


def _mark(
    repository: Repository, where: str, parameters: tuple[object, ...], marked: set[int], progress: Progress | None
) -> None:
    """Add to *marked* the records that fit *where* and all that they reach."""
    db = repository._database
    queue = db.execute(f"SELECT {COLUMNS} FROM records WHERE {where}", parameters)
    kinds = {number: name for name, number in KINDS.items()}
    while queue:
        row = queue.pop()
        if row[0] in marked:
            continue
        marked.add(row[0])
        if progress is not None and not len(marked) % 1000:
            progress("records", len(marked), 0)
        try:
            body = repository._records.open(row, kinds.get(row[2], "?"), trusted=False, dropped=True)
        except StoreError:  # forgotten or damaged: it refers to nothing that could be read through it
            continue
        for name in record_ids_in(body):
            found = repository._records.row(name)
            if found is not None and found[0] not in marked:
                queue.append(found)
