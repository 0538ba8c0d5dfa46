"""What takes the space of a store, by session and by name. Reads lists of chunks and manifests, never the chunks.

Whose a record is, its number says: a commit is the last one of its transaction, so the records between two commits are
those of the second. Only lists of kept cells and messages are added at any time, and known by what points at them. So
the size of a session is a sum that the database forms, and no record is read for it. What a removed session has left
counts for the one that was recorded after it, until the next gc.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from timeslip.errors import StoreError
from timeslip.model import UsageRow
from timeslip.store.members import expanded
from timeslip.store.records import COLUMNS, unpack_numbers
from timeslip.store.schema import KINDS, LIVE

if TYPE_CHECKING:
    from timeslip.store.repository import Repository

_ROW_BYTES = 120
"""What a record takes beside its body: id, index entry, MAC and numbers, bytes."""

_PAGE = 1000


class Usages:
    """Who uses which stored bytes, as the store is when this is made."""

    def __init__(self, repository: Repository) -> None:
        self._repo = repository
        self._db = repository._database
        self._stored = {int(n): int(size) for n, size in self._db.execute("SELECT n, stored FROM chunks")}
        self._members = repository._chunks.members.all()
        self._runs = self._found_runs()
        self._ends = [last for _, last, _ in self._runs]
        self._moved = self._pointed_at()

    def _found_runs(self) -> list[tuple[int, int, int]]:
        """Numbers of the first and last record, and of the session, where commits of one session follow each other."""
        runs: list[tuple[int, int, int]] = []
        before = 0
        for record, session in self._db.execute("SELECT record, session FROM commits ORDER BY record"):
            if runs and runs[-1][2] == session:
                runs[-1] = (runs[-1][0], record, session)
            else:
                runs.append((before + 1, record, session))
            before = record
        return runs

    def _pointed_at(self) -> dict[int, int]:
        """Records that are of another session than their number says -> the number of that session."""
        pointing = ["SELECT t.text, c.session FROM notes t JOIN records c ON c.n = t.record"]
        if self._repo._kept.is_there():
            pointing.append("SELECT t.text, c.session FROM kept t JOIN records c ON c.n = t.record")
        found = [(int(n), session) for sql in pointing for n, session in self._db.execute(sql)]
        return {n: session for n, session in found if session is not None and self._by_number(n) != session}

    def _by_number(self, n: int) -> int | None:
        place = bisect_left(self._ends, n)
        return self._runs[place][2] if place < len(self._runs) and self._runs[place][0] <= n else None

    def _session_of(self, n: int) -> int | None:
        return self._moved.get(n) or self._by_number(n)

    def by_session(self) -> list[UsageRow]:
        """One row for each session, largest first."""
        sizes: dict[int | None, int] = {}
        for first, last, session in self._runs:
            sizes[session] = sizes.get(session, 0) + self._bytes(first, last)
        for n, session in self._moved.items():
            size, before = self._bytes(n, n), self._by_number(n)
            sizes[session] = sizes.get(session, 0) + size
            if before is not None:
                sizes[before] -= size
        needs: dict[int | None, set[int]] = {}
        for n, packed in self._db.execute("SELECT n, chunks FROM records WHERE chunks NOT NULL AND state = ?", (LIVE,)):
            needs.setdefault(self._session_of(int(n)), set()).update(unpack_numbers(packed))
        names = {self._repo._sessions.number(row.id): row for row in self._repo.sessions()}
        items = {row.name: (sizes.get(n, 0), sizes.get(n, 0), needs.get(n, set())) for n, row in names.items()}
        return self._rows(items, {row.name: self._commits(n) for n, row in names.items()})

    def _commits(self, session: int) -> int:
        row = self._db.one("SELECT count(*) FROM commits WHERE session = ?", (session,))
        return int(row[0]) if row is not None else 0

    def _bytes(self, first: int, last: int) -> int:
        row = self._db.one(
            "SELECT count(*), coalesce(sum(length(body)), 0) FROM records WHERE n BETWEEN ? AND ?", (first, last)
        )
        return int(row[0]) * _ROW_BYTES + int(row[1]) if row is not None else 0

    def by_name(self, session: str) -> list[UsageRow]:
        """One row for each node key of *session*, largest first."""
        known = {
            row[0].hex(): (int(row[1]), int(row[2] or 0) + _ROW_BYTES, row[3] if row[4] == LIVE else None)
            for row in self._db.execute(
                "SELECT id, n, length(body), chunks, state FROM records WHERE kind = ?", (KINDS["value"],)
            )
        }
        values: dict[str, dict[str, tuple[int, int, Any]]] = {}
        users: dict[int, int] = {}
        for key, value in self._changes(session):
            held = values.setdefault(key, {})
            if value in known and value not in held:
                held[value] = known[value]
                users[known[value][0]] = users.get(known[value][0], 0) + 1
        items = {
            key: (
                sum(size for _, size, _ in held.values()),
                sum(size for n, size, _ in held.values() if users[n] == 1),
                {chunk for _, _, packed in held.values() for chunk in unpack_numbers(packed)},
            )
            for key, held in values.items()
        }
        return self._rows(items, {key: len(held) for key, held in values.items()})

    def _changes(self, session: str) -> Iterator[tuple[str, str]]:
        """What the manifests of *session* say beyond their bases; nothing of one that cannot be read."""
        n = self._repo._sessions.number(session)
        for first, last, whose in self._runs:
            while whose == n and first <= last:
                rows = self._db.execute(
                    f"SELECT {COLUMNS} FROM records WHERE n BETWEEN ? AND ? AND kind = ? ORDER BY n LIMIT ?",
                    (first, last, KINDS["manifest"], _PAGE),
                )
                for row in rows:
                    yield from self._said_by(row)
                first = int(rows[-1][0]) + 1 if len(rows) == _PAGE else last + 1

    def _said_by(self, row: tuple[Any, ...]) -> Iterable[tuple[str, str]]:
        try:
            changes = self._repo._records.open(row, "manifest", trusted=False).get("changes")
        except StoreError:  # `check` tells of it
            return ()
        items = changes.items() if isinstance(changes, dict) else ()
        return [(str(key), value) for key, value in items if isinstance(value, str)]

    def _rows(self, items: dict[str, tuple[int, int, set[int]]], versions: dict[str, int]) -> list[UsageRow]:
        """Rows from bytes of records, of those that are used by one alone, and chunks."""
        items = {name: (size, own, expanded(needs, self._members)) for name, (size, own, needs) in items.items()}
        users: dict[int, int] = {}
        for _, _, needs in items.values():
            for chunk in needs:
                users[chunk] = users.get(chunk, 0) + 1
        rows = []
        for name, (size, own, needs) in items.items():
            size += sum(self._stored.get(chunk, 0) for chunk in needs)
            own += sum(self._stored.get(chunk, 0) for chunk in needs if users[chunk] == 1)
            rows.append(UsageRow(name, size, own, versions[name]))
        return sorted(rows, key=lambda row: (-row.bytes, row.name))
