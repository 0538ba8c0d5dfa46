"""Compressing what has gone cold: chunks that were stored as they are, to be mapped, and that nobody wants back soon.

What a restore may ask for any time is left alone: the values of HEADs, branches and tags, and of both ends of the steps
that a kernel at work can undo and redo. Everything else is read in the order in which it was stored, verified, and
where it pays put into another pack compressed. The row of the chunk points there once that is synced; the old bytes
are dead, and `collect.reclaim_packs` gives them back. Whoever has them mapped keeps them; a reader that comes too late
looks the place up again. Interrupted anywhere, it has done what was published and goes on behind that.

One process at a time does this in a store (a file lock; where there are none: nobody). What `forget` has to know of it
is in `vacated`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from timeslip.errors import DamagedStoreError, NotFoundError, StoreFullError
from timeslip.standard import time
from timeslip.store import collect
from timeslip.store.collect import Progress, Work
from timeslip.store.compression import RAW, compress_cold
from timeslip.store.host import FileLock
from timeslip.store.mapping import RUN
from timeslip.store.members import expanded
from timeslip.store.records import unpack_numbers
from timeslip.store.retention import RetentionPolicy, commits_at_hand, values_of
from timeslip.store.schema import KINDS, LIVE, PACKED
from timeslip.store.vacated import PAUSE, Moving, Position, lock_of

if TYPE_CHECKING:
    from timeslip.store.database import Row
    from timeslip.store.packs import Location
    from timeslip.store.repository import Repository

_BATCH = 32 << 20
"""So many bytes are moved in one transaction: what an interruption throws away, at most."""

_LOOKED_UP = 500
"""Rows that are asked for at once."""


@dataclass(slots=True)
class Compaction:
    """What was done; sizes in bytes.

    Attributes:
        chunks: that are compressed now.
        before: what they took.
        after: what they take.
        finished: False when it was stopped, or another process is at it.
        problems: one sentence for each chunk that could not be read.
    """

    chunks: int = 0
    before: int = 0
    after: int = 0
    finished: bool = True
    problems: list[str] = field(default_factory=list)


def compact(
    repository: Repository,
    policy: RetentionPolicy,
    *,
    goes_on: Callable[[], bool] = lambda: True,
    progress: Progress | None = None,
) -> Compaction:
    """Compress what is cold, and give back the packs that held it. Safe beside everything else, in any thread.

    Args:
        repository: the store, open for writing.
        policy: how many steps of a kernel at work are not cold.
        goes_on: asked after each chunk (a megabyte): whether to do more.
        progress: told how many chunks were looked at.

    Raises:
        StoreFullError, StoreBusyError: what was published stays, and nothing is damaged.
    """
    done = Compaction()
    full: StoreFullError | None = None
    lock = lock_of(repository)
    try:
        try:
            _compact(repository, policy, lock, goes_on, progress, done)
        except StoreFullError as error:  # what was moved until then gives some room back
            full = error
            lock.release()
        if full is not None or (done.finished and goes_on()):
            work = Work()
            collect.reclaim_packs(repository, work, lock, goes_on=goes_on)
            done.problems += work.problems
    finally:
        lock.close()
    if full is not None:
        raise full
    return done


def cold_bytes(repository: Repository, policy: RetentionPolicy) -> int:
    """What `compact` would look at, bytes as they are stored now. Raises as `retention.values_of`."""
    rows = _candidates(repository, Position.load(repository))
    hot = _chunks_at_hand(repository, policy) if rows else set()
    return sum(int(row[3]) for row in rows if row[1] not in hot)


def _compact(
    repository: Repository,
    policy: RetentionPolicy,
    lock: FileLock,
    goes_on: Callable[[], bool],
    progress: Progress | None,
    done: Compaction,
) -> None:
    at = Position.load(repository)
    rows = _candidates(repository, at)
    try:
        hot = _chunks_at_hand(repository, policy) if rows else set()
    except (DamagedStoreError, NotFoundError) as error:
        done.finished = False
        done.problems.append(
            f"nothing was compressed, because it cannot be told what is in use: {error}; all stays as it is"
        )
        return
    left = [int(row[1]) for row in rows if row[1] in hot]
    cold = [row for row in rows if row[1] not in hot]
    for first, last in _batches(cold):
        if not goes_on() or not lock.try_exclusive():
            done.finished = False
            if goes_on() and lock.supported:
                done.problems.append(
                    "another process is compressing or removing something: what is left, it left alone"
                )
            return
        # What is put belongs to nothing before the end of the batch: until then its pack must stay this process's.
        with repository._chunks.appending():
            batch, full = _Batch(repository, done), None
            for number, row in enumerate(cold[first:last], first):
                if not goes_on():
                    done.finished, last = False, number
                    break
                try:
                    batch.add(row)
                except StoreFullError as error:
                    full, last = error, number
                    break
                if progress is not None:
                    progress("compression", number + 1, len(cold))
            ahead = {int(row[1]) for row in cold[last:]}
            seen = [int(row[1]) for row in rows if row[1] not in ahead]
            to = max([at.to, *(n for n in seen if n < min(ahead, default=n + 1))])
            batch.publish(to, [*left, *ahead])
        lock.release()
        if full is not None:
            raise full
        if not done.finished:
            return
        if last < len(cold):
            time.sleep(PAUSE)  # `forget` waits for the lock, looking now and then


def _batches(rows: list[Row]) -> Iterator[tuple[int, int]]:
    """Where the rows of each transaction begin and end."""
    first = size = 0
    for number, row in enumerate(rows, 1):
        size += int(row[3])
        if size >= _BATCH or number == len(rows):
            yield first, number
            first, size = number, 0


def _candidates(repository: Repository, at: Position) -> list[Row]:
    """Rows of the chunks that were stored to be mapped and not looked at yet, oldest first."""
    where = "codec = ? AND place = ? AND stored >= ?"
    columns, given = collect.CHUNK_COLUMNS, (RAW, PACKED, RUN)
    found: list[Row] = []
    for some in _portions(at.left):
        marks = ", ".join("?" * len(some))
        found += repository._database.execute(
            f"SELECT {columns} FROM chunks WHERE {where} AND n IN ({marks}) ORDER BY n", (*given, *some)
        )
    found += repository._database.execute(
        f"SELECT {columns} FROM chunks WHERE {where} AND n > ? ORDER BY n", (*given, at.to)
    )
    return found


def _portions(numbers: list[int]) -> Iterator[list[int]]:
    for first in range(0, len(numbers), _LOOKED_UP):
        yield numbers[first : first + _LOOKED_UP]


def _chunks_at_hand(repository: Repository, policy: RetentionPolicy) -> set[int]:
    """Numbers of the chunks of values that a restore may ask for any time, and of those that nothing refers to yet."""
    near = replace(policy, keep_commits=policy.undo_steps)
    names = [bytes.fromhex(name) for name in values_of(repository, commits_at_hand(repository, near))]
    found: set[int] = set()
    for first in range(0, len(names), _LOOKED_UP):
        some = names[first : first + _LOOKED_UP]
        marks = ", ".join("?" * len(some))
        rows = repository._database.execute(
            f"SELECT chunks FROM records WHERE kind = ? AND state = ? AND id IN ({marks})",
            (KINDS["value"], LIVE, *some),
        )
        for (packed,) in rows:
            found.update(unpack_numbers(packed))
    found = expanded(found, repository._chunks.members.all())
    return found.union(int(row[0]) for row in repository._database.execute("SELECT n FROM chunks WHERE refs = 0"))


class _Batch:
    """Chunks that were put compressed and are not pointed to yet. Under `lock_of`, inside `ChunkStore.appending`."""

    def __init__(self, repository: Repository, done: Compaction) -> None:
        self._repository = repository
        self._done = done
        self._moving = Moving(repository)
        self._moved: list[tuple[Row, int, int, Location]] = []

    def add(self, row: Row) -> None:
        """Compress one, if it is there still and that pays."""
        found = self._read(row)
        if found is None:
            return
        row, data = found
        codec, payload = compress_cold(data)
        if codec == RAW:
            return
        self._repository._chunks.require_space(len(payload))
        with memoryview(payload) as view:
            location = self._moving.put(view, None)
        self._moved.append((row, codec, len(payload), location))

    def _read(self, row: Row) -> tuple[Row, bytes] | None:
        """The row as it is now, and the bytes; None where there is nothing to compress (any more)."""
        while True:
            now = self._present(row)
            if now is None:
                return None
            try:
                return now, self._repository._chunks.stored_form(now)[1]
            except DamagedStoreError as error:
                if self._present(row) == now:  # else a garbage collection has moved it since
                    # It stays as it is; `check` lists it as well.
                    self._done.problems.append(f"a chunk was not compressed: {error.message}")
                    return None

    def _present(self, row: Row) -> Row | None:
        where = "n = ? AND id = ? AND codec = ? AND place = ? AND refs > 0"
        return self._repository._database.one(
            f"SELECT {collect.CHUNK_COLUMNS} FROM chunks WHERE {where}", (row[1], row[0], RAW, PACKED)
        )

    def publish(self, to: int, left: list[int]) -> None:
        """Point to what was added, once that is safe, and note how far all of this is.

        Args:
            to: number of the last chunk that was looked at.
            left: those that are to be looked at again.
        """
        repository, moved = self._repository, self._moved
        if moved:
            repository._packs.sync()
        with repository._chunks.publishing(unpin=False), repository._database.write():
            changed = [self._move(*one) for one in moved]
            position = Position.load(repository)
            again = [int(row[1]) for (row, *_), done in zip(moved, changed, strict=True) if not done]
            position.to, position.left = to, [n for n in {*left, *again} if n <= to]
            self._moving.finish(position, all_used=all(changed), vacated=(int(row[6]) for row, *_ in moved))
            position.save(repository)
            repository._chunks.publish()
        for (row, _, stored, _), done in zip(moved, changed, strict=True):
            self._done.chunks += done
            self._done.before += int(row[3]) * done
            self._done.after += stored * done

    def _move(self, row: Row, codec: int, stored: int, location: Location) -> bool:
        database = self._repository._database
        database.execute(
            """UPDATE chunks SET codec = ?, stored = ?, pack = ?, offset = ?
               WHERE n = ? AND id = ? AND codec = ? AND pack = ? AND offset = ?""",
            (codec, stored, location.pack, location.offset, row[1], row[0], RAW, row[6], row[7]),
        )
        return database.one("SELECT changes()") == (1,)
