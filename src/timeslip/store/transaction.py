"""One transaction of history: what a commit adds, all of it or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from timeslip.errors import CommitNotFoundError, InternalError, NotFoundError
from timeslip.ids import CommitId, OperationId, RecordId
from timeslip.standard import json, time
from timeslip.store.guard import Reading
from timeslip.store.manifests import check_key
from timeslip.store.records import build, canonical
from timeslip.store.schema import DROPPED, FORGOTTEN, KINDS

if TYPE_CHECKING:
    from timeslip.store.kept import KeptList
    from timeslip.store.repository import Repository


_NEWEST = """SELECT s.commits, s.indexed, r.id FROM sessions s
    LEFT JOIN commits c ON c.session = s.n AND c.seq = s.commits LEFT JOIN records r ON r.n = c.record WHERE s.n = ?"""
"""How many commits a session has, up to which one they are indexed, and which one is the last."""


class Transaction:
    """Adds records and moves names. Made by `Repository.transaction`, valid until its block ends.

    Nothing is visible to anybody before the block ends without an exception; everything is afterwards. Used by one
    thread; other threads of the process that use the repository wait until the block ends, so keep it short and put
    large chunks before it begins.

    Every method raises StoreFullError, StoreBusyError or StoreReadOnlyError when the store cannot be written; leave the
    block then, and nothing was done.
    """

    def __init__(self, repository: Repository) -> None:
        self._repo = repository
        self._db = repository._database
        self._records = repository._records
        self._manifests = repository._manifests
        self._chunks = repository._chunks
        self._sessions = repository._sessions
        self._active = True
        self._last = 0
        self._known: dict[str, tuple[int, int, int | None]] = {}
        """Records that were asked for or added here: nobody else can take them away before the transaction ends."""
        self._heads: dict[tuple[str, str], int] = {}
        self._now = time.time()

    def _finish(self) -> None:
        """End the transaction's validity."""
        self._active = False

    def _require_active(self, step: str) -> None:
        if not self._active:
            raise InternalError("a transaction was used after its end", hint="please report this")
        self._repo._files.step(step)

    # --- records

    def put_record(
        self,
        kind: str,
        body: Mapping[str, Any],
        *,
        chunks: Iterable[str] = (),
        lists: Mapping[str, Sequence[str]] | None = None,
    ) -> RecordId:
        """Add an immutable record and return its id.

        Args:
            kind: "value" or "text" (commits and manifests have methods of their own).
            body: JSON-ready; what the record refers to by 64 hexadecimal digits is found by gc.
            chunks: the chunks that the body needs; they live as long as the record.
            lists: those of them that are lists of others -> what each names, which lives as long as the list.

        Raises:
            ChunkMissingError: a chunk was never put or has been collected since: put it again and retry.
            InternalError: *body* is not JSON.
        """
        if kind not in ("value", "text"):
            raise InternalError(f"a '{kind}' is not put by put_record")
        return RecordId(self._add(kind, body, chunks, lists=lists))

    def _add(
        self,
        kind: str,
        body: Mapping[str, Any],
        chunks: Iterable[str] = (),
        session: int | None = None,
        lists: Mapping[str, Sequence[str]] | None = None,
    ) -> str:
        self._require_active("record")
        record = build(kind, canonical(body), self._repo._ring)
        needed = list(dict.fromkeys(chunks))
        numbers = self._chunks.reference(needed)
        if lists:
            found = dict(zip(needed, numbers, strict=True))
            self._chunks.members.count(self._chunks, lists, [found[name] for name in lists])
        self._last, name = self._records.insert(record, numbers, session), record.id.hex()
        self._known[name] = (self._last, record.kind, session)
        return name

    def put_manifest(self, base: RecordId | None, changes: Mapping[str, RecordId | None]) -> RecordId:
        """The manifest that *changes* make of *base*: node key to value record, or None to remove the key.

        Returns *base* itself when nothing differs.

        Raises:
            NotFoundError: a value record or the base is not in the store.
            ForgottenError: a value record was forgotten or dropped: record the value again.
        """
        self._require_active("manifest")
        if base is not None:
            self._number(base, "manifest")
        for key, value in changes.items():
            check_key(key)
            if value is not None:
                self._number(value, "value")
        body = self._manifests.body_for(base, changes)
        if body is None and base is not None:
            return base
        if body is None:
            raise InternalError("a manifest without base cannot be empty of meaning")
        manifest = RecordId(self._add("manifest", body))
        self._manifests.remember(manifest, body)
        return manifest

    @Reading("a table")
    def put_commit(
        self, session: str, body: Mapping[str, Any], parents: Sequence[str], touched: Iterable[str] | None = None
    ) -> CommitId:
        """Add a commit to *session*.

        The stored body is *body* with "session", "parents", "seq" (position in the session, from 1) and, unless given,
        "created" (Unix time, seconds). It must hold no text of the user: put that into "text" records and refer to
        them. "execution_count" (an int or None) is indexed, and so are the names *touched*, by which it is found later.

        Raises:
            SessionNotFoundError, CommitNotFoundError (a parent), InternalError (not JSON).
        """
        self._require_active("put commit")
        n = self._sessions.number(session)
        ancestors = [self._number(parent, "commit") for parent in parents]
        row = self._db.one(_NEWEST, (n,))
        if row is None:
            raise NotFoundError(f"session {session[:8]} was removed", hint="start a new session")
        seq = int(row[0]) + 1
        full = {"created": self._now, **body, "session": session, "parents": list(parents), "seq": seq}
        commit = CommitId(self._add("commit", full, session=n))
        record, count = self._last, full.get("execution_count")
        self._db.execute(
            "INSERT INTO commits VALUES (?, ?, ?, ?, ?)",
            (n, seq, record, count if isinstance(count, int) else None, full["created"]),
        )
        for ancestor in ancestors:
            self._db.execute("INSERT OR IGNORE INTO edges VALUES (?, ?)", (ancestor, record))
        indexed = int(row[1])
        # Where earlier ones are missing in the index, they and this one are added when it is asked for.
        if touched is not None and indexed == seq - 1:
            newest = None if row[2] is None else row[2].hex()
            if self._repo.paths.index(session, seq, parents, touched, newest=newest):
                indexed = seq
        self._db.execute(
            "UPDATE sessions SET commits = ?, last_used = max(last_used, ?), indexed = ? WHERE n = ?",
            (seq, self._now, indexed, n),
        )
        return commit

    def describe(self, session: str, commit: str, message: str | None) -> None:
        """Set, replace or (None) remove the note of a commit. Of an earlier text only a tombstone stays."""
        self._require_active("describe")
        number = self._number(commit, "commit", session)
        self._db.execute(
            """UPDATE records SET state = ?, mac = x'', salt = NULL, codec = 0, size = 0, body = NULL, chunks = NULL
               WHERE n = (SELECT text FROM notes WHERE record = ?)""",
            (FORGOTTEN, number),
        )
        if message is None:
            self._db.execute("DELETE FROM notes WHERE record = ?", (number,))
            return
        self._add("text", {"text": message})
        self._db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (number, self._last))

    def keep_cells(self, session: str, commit: str, kept: KeptList) -> bool:
        """Keep the cells of a notebook with a commit; False when they are kept already, as they are.

        Their chunks are to be put before. Raises ChunkMissingError, CommitNotFoundError.
        """
        self._require_active("keep cells")
        return self._repo._kept.keep(session, self._number(commit, "commit", session), kept)

    @property
    def last(self) -> int:
        """The row number of the record that was put last."""
        return self._last

    # --- names that move

    def set_ref(self, session: str, kind: str, name: str, commit: str | None) -> None:
        """Point the branch or tag *name* to *commit*; None deletes it (harmless when it is not there)."""
        self._require_active("ref")
        if kind not in ("branch", "tag"):
            raise InternalError(f"there are no refs of kind '{kind}'")
        n = self._sessions.number(session)
        if commit is None:
            self._db.execute("DELETE FROM refs WHERE session = ? AND kind = ? AND name = ?", (n, kind, name))
            return
        self._db.execute(
            "INSERT OR REPLACE INTO refs VALUES (?, ?, ?, ?, ?)",
            (n, kind, name, self._number(commit, "commit", session), self._now),
        )

    def set_head(self, session: str, kernel: str, commit: str | None, branch: str) -> None:
        """Say that *kernel* is now at *commit* (None: before the first) on *branch*."""
        self._require_active("head")
        number = None if commit is None else self._number(commit, "commit")
        self._db.execute(
            "UPDATE heads SET record = ?, branch = ?, time = ? WHERE n = ?",
            (number, branch, self._now, self._head(session, kernel)),
        )

    def append_operation(
        self, session: str, kernel: str, kind: str, before: str | None, after: str | None, details: Any = None
    ) -> OperationId:
        """Add an entry to the operation log. *details* is JSON-ready and holds no code or values of the user."""
        self._require_active("operation")
        numbers = [None if commit is None else self._number(commit, "commit") for commit in (before, after)]
        text = json.dumps({} if details is None else details, sort_keys=True, separators=(",", ":"))
        seq = self._db.insert(
            "INSERT INTO operations (session, head, kind, before, after, time, details) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self._sessions.number(session), self._head(session, kernel), kind, *numbers, self._now, text),
        )
        return OperationId(str(seq))

    # --- helpers

    @Reading("a table")
    def _head(self, session: str, kernel: str) -> int:
        found = self._heads.get((session, kernel))
        if found is None:
            n = self._sessions.number(session)
            row = self._db.one("SELECT n FROM heads WHERE session = ? AND kernel = ?", (n, kernel))
            if row is not None:
                found = int(row[0])
            else:
                found = self._db.insert("INSERT INTO heads (session, kernel) VALUES (?, ?)", (n, kernel))
            self._heads[session, kernel] = found
        return found

    @Reading("a table")
    def _number(self, record: str, kind: str, session: str | None = None) -> int:
        """The row number of a record that must exist and be whole. Raises NotFoundError, ForgottenError."""
        found = self._known.get(record) or self._asked(record, kind)
        if found[1] != KINDS[kind] or (session is not None and found[2] != self._sessions.number(session)):
            raise self._missing(record, kind)
        return found[0]

    def _asked(self, record: str, kind: str) -> tuple[int, int, int | None]:
        try:
            digest = bytes.fromhex(record)
        except ValueError:  # not an id: reported below as what it is, unknown
            digest = b""
        row = self._db.one("SELECT n, kind, session, state FROM records WHERE id = ?", (digest,))
        if row is None or row[1] != KINDS[kind]:
            raise self._missing(record, kind)
        if row[3] in (FORGOTTEN, DROPPED):
            raise self._repo._forgotten(kind, record, int(row[3]))
        found = self._known[record] = (int(row[0]), row[1], row[2])
        return found

    def _missing(self, record: str, kind: str) -> NotFoundError:
        error = CommitNotFoundError if kind == "commit" else NotFoundError
        return error(f"the store holds no {kind} {record[:8]}", hint="it may have been removed meanwhile")
