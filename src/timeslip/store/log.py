"""Reading history: commits, the names that point at them, and the operation log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from timeslip.errors import CommitNotFoundError, DamagedStoreError
from timeslip.ids import CommitId, OperationId, RecordId
from timeslip.standard import json
from timeslip.store.database import Database, Row
from timeslip.store.guard import Reading
from timeslip.store.records import COLUMNS, RecordTable, says
from timeslip.store.rows import Head, OperationRow, Ref
from timeslip.store.schema import KINDS, LIVE
from timeslip.store.sessions import SessionTable

PREFIX_LIMIT = 1000
"""At most so many candidates are returned for a prefix."""

_PAGE = 200
"""So many commits are read at once where all are gone through."""

_OF_KERNEL = "o.head = (SELECT n FROM heads WHERE session = ? AND kernel = ?)"
"""Which operations are those of one kernel: they have an index of their own, whatever other kernels did since."""

_RECORD = ", ".join("r." + column for column in COLUMNS.split(", "))


class LogTable:
    """Reads of history. Safe from many threads; each call sees one consistent state of the store."""

    def __init__(self, database: Database, records: RecordTable, sessions: SessionTable) -> None:
        self._db = database
        self._records = records
        self._sessions = sessions

    # --- commits

    @Reading("the history")
    def commit(self, commit: str) -> dict[str, Any]:
        """The body of a commit. Raises CommitNotFoundError, DamagedStoreError."""
        row = self._records.row(commit)
        if row is None or row[2] != KINDS["commit"]:
            raise CommitNotFoundError(
                f"the store holds no commit {commit[:8]}", hint="`timeslip log --all` lists commits"
            )
        return self._body(row)

    @Reading("the history")
    def children(self, commit: str) -> list[CommitId]:
        """Commits whose parent is *commit*, oldest first."""
        rows = self._db.execute(
            """SELECT c.id FROM edges e JOIN records p ON p.n = e.parent JOIN records c ON c.n = e.child
               WHERE p.id = ? ORDER BY c.n""",
            (_bytes(commit),),
        )
        return [_commit_id(row[0]) for row in rows]

    @Reading("the history")
    def resolve_prefix(self, session: str, prefix: str) -> list[CommitId]:
        """Commits of *session* whose id begins with *prefix*, at most `PREFIX_LIMIT`, in order of their ids."""
        prefix = prefix.lower()
        if not prefix or len(prefix) > 64 or any(digit not in "0123456789abcdef" for digit in prefix):
            return []
        rows = self._db.execute(
            "SELECT id FROM records WHERE id BETWEEN ? AND ? AND kind = ? AND session = ? ORDER BY id LIMIT ?",
            (
                bytes.fromhex(prefix.ljust(64, "0")),
                bytes.fromhex(prefix.ljust(64, "f")),
                KINDS["commit"],
                self._sessions.number(session),
                PREFIX_LIMIT,
            ),
        )
        return [_commit_id(row[0]) for row in rows]

    @Reading("the history")
    def commits(
        self, session: str, *, limit: int | None = None, before_seq: int | None = None
    ) -> list[tuple[CommitId, dict[str, Any]]]:
        """Commits of *session*, newest first, with their bodies."""
        rows = self._db.execute(
            f"""SELECT {_RECORD} FROM commits c JOIN records r ON r.n = c.record
                WHERE c.session = ? AND c.seq < ? ORDER BY c.seq DESC LIMIT ?""",
            (
                self._sessions.number(session),
                (1 << 62) if before_seq is None else before_seq,
                -1 if limit is None else limit,
            ),
        )
        return [self._with_body(row) for row in rows]

    def every_commit(self, session: str, *, oldest_first: bool = False) -> Iterator[tuple[CommitId, dict[str, Any]]]:
        """All commits of *session* with their bodies, read a page at a time: a long history fits no memory."""
        last = 0 if oldest_first else 1 << 62
        more = True
        while more:
            page, last, more = self._page(session, last, oldest_first=oldest_first)
            for row in page:
                yield self._with_body(row)

    @Reading("the history")
    def _page(self, session: str, last: int, *, oldest_first: bool) -> tuple[list[Row], int, bool]:
        """Some commits after number *last*, the number of the last of them, and whether there may be more."""
        way, order = (">", "ASC") if oldest_first else ("<", "DESC")
        rows = self._db.execute(
            f"""SELECT {_RECORD}, c.seq FROM commits c JOIN records r ON r.n = c.record
                WHERE c.session = ? AND c.seq {way} ? ORDER BY c.seq {order} LIMIT ?""",
            (self._sessions.number(session), last, _PAGE),
        )
        number = int(rows[-1][-1]) if rows else last
        if rows and number == last:
            raise DamagedStoreError("the commits of a session are numbered wrongly")
        return [row[:-1] for row in rows], number, len(rows) == _PAGE

    @Reading("the history")
    def after(self, session: str, seq: int, limit: int) -> list[tuple[CommitId, dict[str, Any]]]:
        """The next commits of *session* after number *seq*, oldest first, with their bodies; at most *limit*."""
        rows = self._db.execute(
            f"""SELECT {_RECORD} FROM commits c JOIN records r ON r.n = c.record
                WHERE c.session = ? AND c.seq > ? ORDER BY c.seq LIMIT ?""",
            (self._sessions.number(session), seq, limit),
        )
        return [self._with_body(row) for row in rows]

    @Reading("the history")
    def numbered(self, session: str, seq: int) -> tuple[CommitId, dict[str, Any]]:
        """The commit number *seq* of *session*, and its body. Raises CommitNotFoundError."""
        row = self._db.one(
            f"SELECT {_RECORD} FROM commits c JOIN records r ON r.n = c.record WHERE c.session = ? AND c.seq = ?",
            (self._sessions.number(session), seq),
        )
        if row is None:
            raise CommitNotFoundError(f"the store holds no commit number {seq} of this session")
        return self._with_body(row)

    @Reading("the history")
    def _with_body(self, row: Row) -> tuple[CommitId, dict[str, Any]]:
        return _commit_id(row[1]), self._body(row)

    @Reading("the history")
    def newest_ids(self, session: str, limit: int) -> list[CommitId]:
        """Ids of the newest commits of *session*, without reading their bodies."""
        rows = self._db.execute(
            """SELECT r.id FROM commits c JOIN records r ON r.n = c.record
               WHERE c.session = ? ORDER BY c.seq DESC LIMIT ?""",
            (self._sessions.number(session), limit),
        )
        return [_commit_id(row[0]) for row in rows]

    @Reading("the history")
    def with_execution_count(self, session: str, count: int) -> list[CommitId]:
        """Commits of *session* made by the cell run ``In[count]``, newest first."""
        rows = self._db.execute(
            """SELECT r.id FROM commits c JOIN records r ON r.n = c.record
               WHERE c.session = ? AND c.execution_count = ? ORDER BY c.seq DESC""",
            (self._sessions.number(session), count),
        )
        return [_commit_id(row[0]) for row in rows]

    @Reading("the history")
    def written_with(self, records: Iterable[str]) -> tuple[CommitId, dict[str, Any]] | None:
        """The commit that was written in the transaction of the newest of *records*, as far as the numbers tell.

        What is added to a store gets a higher number than all that is there, and the commit is added last.
        """
        rows = [row for row in map(self._records.row, records) if row is not None]
        if not rows:
            return None
        found = self._db.one(
            f"SELECT {COLUMNS} FROM records WHERE n > ? AND kind = ? ORDER BY n LIMIT 1",
            (max(int(row[0]) for row in rows), KINDS["commit"]),
        )
        return None if found is None else self._with_body(found)

    def coded(self, session: str, text: str, newest: int) -> Iterator[int]:
        """The numbers of the commits of *session*, *newest* first, whose code contains *text*, in lower case.

        The texts are read in the order of the disk, and only where one fits, the commit that was written with it.
        """
        last, first = self._ends(session, newest)
        while last > first:
            page = self._texts(last, first)
            last = int(page[-1][0]) if page else first
            for row in page:
                found = self._coded(row, text)
                if found is not None and found[1]["session"] == session and int(found[1]["seq"]) <= newest:
                    yield int(found[1]["seq"])

    @Reading("the history")
    def _ends(self, session: str, newest: int) -> tuple[int, int]:
        """Between which records the texts of the commits of *session* up to *newest* are."""
        n = self._sessions.number(session)
        last = self._db.one("SELECT record FROM commits WHERE session = ? AND seq = ?", (n, newest))
        first = self._db.one("SELECT record FROM commits WHERE session = ? ORDER BY seq LIMIT 1", (n,))
        if last is None or first is None:
            return 0, 0
        before = self._db.one(
            "SELECT n FROM records WHERE n < ? AND kind = ? ORDER BY n DESC LIMIT 1", (first[0], KINDS["commit"])
        )
        return int(last[0]), 0 if before is None else int(before[0])

    @Reading("the history")
    def _texts(self, last: int, first: int) -> list[Row]:
        """Some texts between two records, the newest first."""
        return self._db.execute(
            f"SELECT {COLUMNS} FROM records WHERE n < ? AND n > ? AND kind = ? AND state = ? ORDER BY n DESC LIMIT ?",
            (last, first, KINDS["text"], LIVE, _PAGE),
        )

    @Reading("the history")
    def _coded(self, row: Row, text: str) -> tuple[CommitId, dict[str, Any]] | None:
        """The commit whose code is the text of *row*, if that contains *text*."""
        if not says(row, text):
            return None
        found = self.written_with([row[1].hex()])
        return found if found is not None and found[1]["code"] == row[1].hex() else None

    @Reading("the history")
    def maker(self, session: str, commit: str) -> str | None:
        """The kernel whose operation made *commit*; None when the operation log does not say."""
        rows = self._db.execute(
            """SELECT h.kernel FROM operations o JOIN heads h ON h.n = o.head JOIN records r ON r.n = o.after
               WHERE o.session = ? AND r.id = ? ORDER BY o.seq LIMIT 1""",
            (self._sessions.number(session), _bytes(commit)),
        )
        return next((str(row[0]) for row in rows), None)

    @Reading("the history")
    def last_made(self, session: str, kernel: str) -> CommitId | None:
        """The newest commit that *kernel* made; None before its first."""
        rows = self._db.execute(
            f"""SELECT r.id FROM operations o CROSS JOIN records r ON r.n = o.after
                WHERE {_OF_KERNEL} AND o.after IS NOT o.before
                AND o.kind NOT IN ('undo', 'redo', 'checkout', 'resume') ORDER BY o.seq DESC LIMIT 1""",
            (self._sessions.number(session), kernel),
        )
        return next((_commit_id(row[0]) for row in rows), None)

    @Reading("the history")
    def note(self, session: str, commit: str) -> str | None:
        """The note set by `describe`, or None. Raises ForgottenError when its text was forgotten."""
        rows = self._db.execute(
            f"""SELECT {_RECORD} FROM notes o JOIN records c ON c.n = o.record JOIN records r ON r.n = o.text
                WHERE c.id = ? AND c.session = ?""",
            (_bytes(commit), self._sessions.number(session)),
        )
        if not rows:
            return None
        return str(self._records.open(rows[0], "text", trusted=False).get("text", ""))

    @Reading("the history")
    def note_record(self, session: str, commit: str) -> RecordId | None:
        """The text record of the note set by `describe`, or None."""
        rows = self._db.execute(
            """SELECT t.id FROM notes o JOIN records c ON c.n = o.record JOIN records t ON t.n = o.text
               WHERE c.id = ? AND c.session = ?""",
            (_bytes(commit), self._sessions.number(session)),
        )
        return next((RecordId(row[0].hex()) for row in rows), None)

    @Reading("the history")
    def noted(self, session: str) -> list[tuple[CommitId, str]]:
        """Which commits have a note, and the id of its text: tells whether one was changed, without reading any."""
        rows = self._db.execute(
            """SELECT c.id, t.id FROM notes o JOIN records c ON c.n = o.record JOIN records t ON t.n = o.text
               WHERE c.session = ?""",
            (self._sessions.number(session),),
        )
        return [(_commit_id(row[0]), row[1].hex()) for row in rows]

    # --- names

    @Reading("the history")
    def refs(self, session: str, commit: str | None = None) -> list[Ref]:
        """Branches and tags of *session*, or those of one commit, sorted by kind and name."""
        at, which = ("", ()) if commit is None else ("AND f.record = (SELECT n FROM records WHERE id = ?)", (commit,))
        rows = self._db.execute(
            f"""SELECT f.kind, f.name, r.id FROM refs f JOIN records r ON r.n = f.record
                WHERE f.session = ? {at} ORDER BY f.kind, f.name""",
            (self._sessions.number(session), *map(_bytes, which)),
        )
        return [Ref(str(kind), str(name), _commit_id(commit)) for kind, name, commit in rows]

    @Reading("the history")
    def ref_names(self, session: str) -> list[str]:
        """The names of all branches and tags of *session*: there is one more after each undo and run."""
        rows = self._db.execute("SELECT name FROM refs WHERE session = ?", (self._sessions.number(session),))
        return [str(row[0]) for row in rows]

    @Reading("the history")
    def ref(self, session: str, kind: str, name: str) -> CommitId | None:
        """What the branch or tag *name* points at; None when there is none."""
        row = self._db.one(
            """SELECT r.id FROM refs f JOIN records r ON r.n = f.record
               WHERE f.session = ? AND f.kind = ? AND f.name = ?""",
            (self._sessions.number(session), kind, name),
        )
        return None if row is None else _commit_id(row[0])

    @Reading("the history")
    def heads(self, session: str, *, whole: bool = False) -> list[Head]:
        """Where each kernel of *session* is, the newest move first; *whole* leaves out what is damaged."""
        return self._heads(session, None, whole=whole)

    def _heads(self, session: str, kernel: str | None, *, whole: bool) -> list[Head]:
        rows = self._db.execute(
            """SELECT h.kernel, r.id, h.branch, h.time, h.record FROM heads h LEFT JOIN records r ON r.n = h.record
               WHERE h.session = ? AND h.time IS NOT NULL AND (? IS NULL OR h.kernel = ?)
               ORDER BY h.time DESC, h.n DESC""",
            (self._sessions.number(session), kernel, kernel),
        )
        found = []
        for row in rows:
            try:
                found.append(_head(row))
            except DamagedStoreError:
                if not whole:
                    raise
        return found

    def head(self, session: str, kernel: str | None = None) -> Head | None:
        """Where *kernel* is, or the kernel that moved last; None when there is no such HEAD."""
        return next(iter(self._heads(session, kernel, whole=False)), None)

    @Reading("the history")
    def operations(self, session: str, *, kernel: str | None = None, limit: int | None = None) -> list[OperationRow]:
        """The operation log of *session*, newest first."""
        n = self._sessions.number(session)
        whose, mine = ("o.session = ?", (n,)) if kernel is None else (_OF_KERNEL, (n, kernel))
        rows = self._db.execute(
            f"""SELECT o.seq, h.kernel, o.kind, b.id, a.id, o.time, o.details
                FROM operations o CROSS JOIN heads h ON h.n = o.head
                LEFT JOIN records b ON b.n = o.before LEFT JOIN records a ON a.n = o.after
                WHERE {whose} ORDER BY o.seq DESC LIMIT ?""",
            (*mine, -1 if limit is None else limit),
        )
        return [_operation(row) for row in rows]

    @Reading("the history")
    def first_operation(self, session: str, kernel: str) -> float | None:
        """When *kernel* began to work on *session*, Unix time, seconds; None when the log does not say."""
        row = self._db.one(
            f"SELECT o.time FROM operations o WHERE {_OF_KERNEL} ORDER BY o.seq LIMIT 1",
            (self._sessions.number(session), kernel),
        )
        return None if row is None else float(row[0])

    def _body(self, row: Row) -> dict[str, Any]:
        return self._records.open(row, "commit", trusted=False)


def _bytes(record: str) -> bytes:
    try:
        return bytes.fromhex(record)
    except ValueError:  # not an id: no row has the empty one
        return b""


def _commit_id(value: object) -> CommitId:
    if isinstance(value, bytes) and len(value) == 32:
        return CommitId(value.hex())
    raise DamagedStoreError("a name or a log entry points at something that is not a commit")


def _optional(value: object) -> CommitId | None:
    return None if value is None else _commit_id(value)


def _head(row: Row) -> Head:
    kernel, commit, branch, moved, record = row
    if record is not None and commit is None:
        raise DamagedStoreError(f"HEAD of kernel {kernel} points at a commit that is not there")
    try:
        return Head(str(kernel), _optional(commit), str(branch or "main"), float(moved))
    except (TypeError, ValueError) as error:
        raise DamagedStoreError(f"a HEAD is damaged ({error})") from error


def _operation(row: Row) -> OperationRow:
    """An entry of the log. Its details are words about it: where they cannot be read, the rest still counts."""
    seq, kernel, kind, before, after, moment, details = row
    try:
        number, ends, when = OperationId(str(int(seq))), (_optional(before), _optional(after)), float(moment)
    except (TypeError, ValueError) as error:
        raise DamagedStoreError(f"operation {seq} is damaged ({error})") from error
    told, damage = _details(details)
    return OperationRow(number, str(kernel), str(kind), *ends, when, told, damage)


def _details(text: object) -> tuple[dict[str, Any], str]:
    """What an operation notes, and what is wrong with that; nothing and a reason where it cannot be read."""
    try:
        told = json.loads(text) if isinstance(text, (str, bytes)) else text
    except (ValueError, RecursionError) as error:
        return {}, f"its details cannot be read ({error})"
    return (told, "") if isinstance(told, dict) else ({}, "its details are no JSON object")


def record_ids_in(body: object) -> set[RecordId]:
    """Every text of exactly 64 lower-case hexadecimal digits in *body*: what it may refer to (see the format)."""
    found: set[RecordId] = set()
    stack = [body]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if len(item) == 64 and all(digit in "0123456789abcdef" for digit in item):
                found.add(RecordId(item))
        elif isinstance(item, dict):
            stack.extend(item.values())
            stack.extend(item.keys())
        elif isinstance(item, list):
            stack.extend(item)
    return found
