"""Where a commit stands in a long history, without going through it: ancestors, and the commits that touched a name.

Two tables say it, and both can be made again from the commits (docs/format/v1.md):

* ``forks`` has a row for each commit that does not follow the one before it in the session: the first one, and those
  made after an undo or a checkout. Between two forks the numbers of the commits are the way, so a history in a line
  takes one row. Each fork knows how far it is from the first commit, and one earlier fork on its way to jump to, chosen
  so that any ancestor is a few jumps away, as many as the number of forks has digits.
* ``touches`` has a row for each name that a commit made, changed or deleted, under a digest of the name.

``sessions.indexed`` says up to which commit they go: another release may have added commits without them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from heapq import merge
from itertools import groupby
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from timeslip.errors import DamagedStoreError
from timeslip.standard import time
from timeslip.store.guard import Reading

if TYPE_CHECKING:
    from timeslip.store.database import Database, Row
    from timeslip.store.log import LogTable
    from timeslip.store.sessions import SessionTable

_PREFIX = b"timeslip/v1/name\0"
_BATCH = 500
"""So many commits are indexed in one transaction: another process must not have to wait for long."""

_SECONDS = 0.5
"""So long somebody who asks waits at most for commits to be indexed that are not yet."""

_PAGE = 200
_FORK = "seq, parent, depth, level, jump"

Touched = Callable[[Mapping[str, Any]], Iterable[str]]
"""Gives the names that a commit made, changed or deleted, from its body."""


@dataclass(frozen=True, slots=True)
class _Fork:
    """A row of ``forks``.

    Attributes:
        seq: the commit that begins here.
        parent: the commit that it was made from; None for the first, and where that is in another session.
        depth: how many commits come before it on its way.
        level: how many forks do.
        jump: an earlier fork on its way.
    """

    seq: int
    parent: int | None
    depth: int
    level: int
    jump: int


def digest_of(name: str) -> int:
    """The number under which ``touches`` has a name: it shows nobody what the name is."""
    found = blake3(_PREFIX + name.encode("utf-8", "surrogatepass")).digest(8)
    return int.from_bytes(found, "little", signed=True)


class PathTable:
    """Reads and extends the two tables. Safe from many threads.

    Args:
        database: of the store.
        sessions: gives the numbers of sessions.
        log: gives the commits.
    """

    def __init__(self, database: Database, sessions: SessionTable, log: LogTable) -> None:
        self._db = database
        self._sessions = sessions
        self._log = log
        self._there = False

    def is_there(self) -> bool:
        """Whether this store has the tables; one of an earlier release gets them when it is opened for writing."""
        if not self._there:
            self._there = bool(self._db.one("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'touches'"))
        return self._there

    # --- reading

    @Reading("the index of the history")
    def covers(self, session: str, seq: int) -> bool:
        """Whether the tables tell of the commit number *seq* of *session* and of all before it."""
        if not self.is_there():
            return False
        row = self._db.one("SELECT indexed FROM sessions WHERE n = ?", (self._sessions.number(session),))
        return row is not None and int(row[0]) >= seq

    @Reading("the index of the history")
    def ancestor(self, session: str, seq: int, steps: int) -> tuple[int, int]:
        """The number of the commit *steps* before number *seq*, and how many steps are left beyond the first one."""
        n = self._sessions.number(session)
        fork, depth = self._holding(n, seq), self.depth(session, seq)
        wanted = max(0, depth - steps)
        while fork.depth > wanted:
            jump = self._at(n, fork.jump)
            fork = jump if jump.depth > wanted else self._before(n, fork)
        return fork.seq + wanted - fork.depth, steps - (depth - wanted)

    def leading_to(self, session: str, seq: int, candidates: Iterable[int]) -> Iterator[int]:
        """Those of *candidates*, numbers of commits in descending order, that lead to the commit number *seq*."""
        n = self._sessions.number(session)
        fork, end = self._holding(n, seq), seq
        for candidate in candidates:
            with Reading("the index of the history"):
                while fork.seq > candidate and (parent := fork.parent) is not None:
                    jump = self._at(n, fork.jump)
                    if jump.seq > candidate:
                        fork = jump
                    else:
                        end, fork = parent, self._holding(n, parent)
                leads = fork.seq <= candidate <= end
            if leads:
                yield candidate

    @Reading("the index of the history")
    def depth(self, session: str, seq: int) -> int:
        """How many commits come before the commit number *seq* on the way to it."""
        fork = self._holding(self._sessions.number(session), seq)
        return fork.depth + seq - fork.seq

    def distance(self, session: str, seq: int, before: int) -> int | None:
        """How many steps the commit number *before* is before number *seq*; None when it does not lead to it."""
        if not any(self.leading_to(session, seq, [before])):
            return None
        return self.depth(session, seq) - self.depth(session, before)

    def touching(self, session: str, names: Iterable[str], before: int | None = None) -> Iterator[int]:
        """The numbers of the commits that touched one of *names*, newest first, from number *before* on or all."""
        n, start = self._sessions.number(session), (1 << 62) if before is None else before + 1
        rows = (self._of_name(n, digest, start) for digest in sorted({digest_of(name) for name in names}))
        return (seq for seq, _ in groupby(merge(*rows, reverse=True)))

    def _of_name(self, n: int, digest: int, start: int) -> Iterator[int]:
        while True:
            rows = self._db.execute(
                "SELECT seq FROM touches WHERE session = ? AND name = ? AND seq < ? ORDER BY seq DESC LIMIT ?",
                (n, digest, start, _PAGE),
            )
            for (start,) in rows:
                yield start
            if len(rows) < _PAGE:
                return

    # --- writing, inside a transaction

    def index(
        self, session: str, seq: int, parents: Sequence[str], names: Iterable[str], *, newest: str | None = None
    ) -> bool:
        """Index one commit, all before it being indexed; False: it was made from one of another session, and is not.

        Args:
            session: whose commit it is.
            seq: its number there.
            parents: what it was made from.
            names: that it made, changed or deleted.
            newest: the commit before it, where that is known.
        """
        n = self._sessions.number(session)
        if not parents:
            self._add_fork(n, seq, None)
        elif newest != parents[0] and not self._follows(n, seq, parents[0]):
            body = self._log.commit(parents[0])
            if body["session"] != session:
                return False
            self._add_fork(n, seq, int(body["seq"]))
        rows = [(n, digest, seq) for digest in sorted(set(map(digest_of, names)))]
        if rows:
            self._db.many("INSERT OR IGNORE INTO touches VALUES (?, ?, ?)", rows)
        return True

    def _follows(self, n: int, seq: int, parent: str) -> bool:
        row = self._db.one(
            "SELECT r.id FROM commits c JOIN records r ON r.n = c.record WHERE c.session = ? AND c.seq = ?",
            (n, seq - 1),
        )
        return row is not None and row[0].hex() == parent

    def _add_fork(self, n: int, seq: int, parent: int | None) -> None:
        fork = _Fork(seq, None, 0, 0, seq)
        if parent is not None:
            before = self._holding(n, parent)
            first = self._at(n, before.jump)
            fork = _made(seq, parent, before, first, self._at(n, first.jump))
        self._db.execute(
            f"INSERT OR REPLACE INTO forks (session, {_FORK}) VALUES (?, ?, ?, ?, ?, ?)", (n, *astuple(fork))
        )

    def catch_up(self, session: str, touched: Touched) -> None:
        """Index the commits of *session* that are not indexed yet: another release has made them.

        For a moment only, because somebody waits: what is left is done the next time.

        Raises:
            StoreError: one of them cannot be read, or the store cannot be written; what was indexed stays so.
        """
        n, more, until = self._sessions.number(session), True, time.monotonic() + _SECONDS
        while more and time.monotonic() < until:
            with Reading("the index of the history"), self._db.write():
                row = self._db.one("SELECT indexed FROM sessions WHERE n = ?", (n,))
                last = int(row[0]) if row is not None else 0
                page = self._log.after(session, last, _BATCH)
                more = len(page) == _BATCH
                for _, body in page:
                    if not self.index(session, int(body["seq"]), body["parents"], touched(body)):
                        more = False
                        break
                    last = int(body["seq"])
                self._db.execute("UPDATE sessions SET indexed = ? WHERE n = ?", (last, n))

    # --- whether it is right

    @Reading("the index of the history")
    def problems(self, session: str, commits: Iterable[tuple[str, Mapping[str, Any]]] | None = None) -> list[str]:
        """What is wrong with the forks of *session*, going by the commits themselves.

        Args:
            session: id of the session.
            commits: all of its commits with their bodies, the oldest first; None: they are read here.
        """
        if not self.is_there():
            return []
        n = self._sessions.number(session)
        row = self._db.one("SELECT indexed FROM sessions WHERE n = ?", (n,))
        numbers: dict[str, int] = {}
        forks: dict[int, _Fork] = {}  # by their numbers
        holding: dict[int, _Fork] = {}  # by the numbers of the commits behind them
        for identity, body in self._log.every_commit(session, oldest_first=True) if commits is None else commits:
            seq = numbers[identity] = int(body["seq"])
            if row is None or seq > int(row[0]):
                break
            parent = numbers.get(body["parents"][0]) if body["parents"] else None
            if parent is None:
                forks[seq] = holding[seq] = _Fork(seq, None, 0, 0, seq)
            elif parent == seq - 1:
                holding[seq] = holding[parent]
            else:
                before = holding[parent]
                first = forks[before.jump]
                forks[seq] = holding[seq] = _made(seq, parent, before, first, forks[first.jump])
        rows = self._db.execute(f"SELECT {_FORK} FROM forks WHERE session = ?", (n,))
        if {row[0]: tuple(row) for row in rows} == {seq: astuple(fork) for seq, fork in forks.items()}:
            return []
        return ["the index of its history does not fit its commits"]

    # --- helpers

    def _holding(self, n: int, seq: int) -> _Fork:
        """The last fork up to the commit number *seq*: between the two, the numbers are the way."""
        row = self._db.one(
            f"SELECT {_FORK} FROM forks WHERE session = ? AND seq <= ? ORDER BY seq DESC LIMIT 1", (n, seq)
        )
        return _fork(row)

    def _at(self, n: int, seq: int) -> _Fork:
        return _fork(self._db.one(f"SELECT {_FORK} FROM forks WHERE session = ? AND seq = ?", (n, seq)))

    def _before(self, n: int, fork: _Fork) -> _Fork:
        if fork.parent is None:
            raise DamagedStoreError("the index of the history has a first commit that is not the first")
        return self._holding(n, fork.parent)


def _made(seq: int, parent: int, before: _Fork, first: _Fork, second: _Fork) -> _Fork:
    """The fork at a commit whose parent is behind the fork *before*, given where that one jumps to, and that one."""
    jump = second.seq if before.level - first.level == first.level - second.level else before.seq
    return _Fork(seq, parent, before.depth + parent - before.seq + 1, before.level + 1, jump)


def _fork(row: Row | None) -> _Fork:
    if row is None:
        raise DamagedStoreError("the index of the history lacks a fork")
    fork = _Fork(*row)
    if any(type(number) is not int for number in row if number is not None):
        raise DamagedStoreError("the index of the history holds something that is no number")
    if fork.jump > fork.seq or (fork.parent is not None and max(fork.parent, fork.jump) >= fork.seq):
        raise DamagedStoreError("the index of the history has a fork that leads to itself")
    return fork
