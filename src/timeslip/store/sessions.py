"""Sessions and the leases by which kernels hold them.

A lease says "this kernel uses this session". It is kept alive by nothing but the life of its process: a lease whose
process is gone counts for nothing and is swept by the next `acquire`. Process numbers are compared together with the
start time of the process and the boot of the machine, so a number that was used again is not mistaken.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from timeslip.errors import (
    AmbiguousReferenceError,
    DamagedStoreError,
    NameTakenError,
    SessionNotFoundError,
    StoreBusyError,
)
from timeslip.ids import SessionId
from timeslip.standard import json, os, time
from timeslip.store import host
from timeslip.store.database import Database, Row
from timeslip.store.guard import Reading
from timeslip.store.rows import Lease, SessionRow

_LEASE_COLUMNS = "s.id, l.kernel, l.holder, l.pid, l.started, l.boot, l.host, l.time, l.info, s.last_used"


class SessionTable:
    """Sessions of a store and their leases. Every changing call is one transaction. Safe from many threads."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._numbers: dict[str, int] = {}

    @Reading("the list of sessions")
    def number(self, session: str) -> int:
        """The row number of *session*. Raises SessionNotFoundError."""
        n = self._numbers.get(session)
        if n is None:
            row = self._db.one("SELECT n FROM sessions WHERE id = ?", (session,))
            if row is None:
                raise SessionNotFoundError(
                    f"the store holds no session {session[:8]}", hint="`timeslip sessions` lists them"
                )
            n = self._numbers[session] = int(row[0])
        return n

    def create(self, name: str, notebook: str | None) -> SessionId:
        """A new session; a name that is taken gets the first free of ``-2``, ``-3`` …"""
        session, now = SessionId.new(), time.time()
        with self._db.write():
            free, count = name, 1
            while self._db.one("SELECT 1 FROM sessions WHERE name = ?", (free,)):
                count += 1
                free = f"{name}-{count}"
            self._db.execute(
                "INSERT INTO sessions (id, name, notebook, created, last_used, commits) VALUES (?, ?, ?, ?, ?, 0)",
                (session, free, notebook, now, now),
            )
        return session

    @Reading("the list of sessions")
    def all(self) -> list[SessionRow]:
        """All sessions, the last used first."""
        rows = self._db.execute(
            "SELECT id, name, notebook, created, last_used, commits FROM sessions ORDER BY last_used DESC, n DESC"
        )
        holders = {lease.session: lease for lease in self._leases(None) if lease.holder and lease.alive}
        return [_session(row, holders) for row in rows]

    def find(self, text: str, but: str | None = None) -> SessionId:
        """The session that *text* means: its id, its name, its notebook's path, or a unique part of these.

        Args:
            text: as typed.
            but: id of a session that is meant only when it is named in full.

        Raises:
            SessionNotFoundError, AmbiguousReferenceError.
        """
        known = self.all()
        path = os.path.realpath(text)
        for exact in (
            [s for s in known if s.id == text],
            [s for s in known if s.name == text],
            [s for s in known if s.notebook and s.notebook in (text, path)],
            [s for s in known if s.id != but and _fits(s, text)],
        ):
            if len(exact) == 1:
                return exact[0].id
            if exact:
                names = ", ".join(sorted(s.name for s in exact)[:8])
                raise AmbiguousReferenceError(f"'{text}' fits {len(exact)} sessions", hint=f"one of: {names}")
        close = get_close_matches(text, [s.name for s in known], 1)
        near = f"did you mean '{close[0]}'? " if close else ""
        raise SessionNotFoundError(f"the store holds no session '{text}'", hint=f"{near}`timeslip sessions` lists them")

    def rename(self, session: str, name: str) -> None:
        """Give *session* another name. Raises NameTakenError, SessionNotFoundError."""
        n = self.number(session)
        with self._db.write():
            taken = self._db.one("SELECT n FROM sessions WHERE name = ?", (name,))
            if taken is not None and taken[0] != n:
                raise NameTakenError(f"a session '{name}' exists already", hint="choose another name")
            self._db.execute("UPDATE sessions SET name = ? WHERE n = ?", (name, n))

    def move(self, session: str, notebook: str | None) -> None:
        """Tie *session* to another notebook path, or to none."""
        n = self.number(session)
        with self._db.write():
            self._db.execute("UPDATE sessions SET notebook = ? WHERE n = ?", (notebook, n))

    def remove(self, session: str) -> None:
        """Take *session* with its commits, names and log out of the store; gc gives the space back.

        Raises:
            StoreBusyError: a live kernel uses it.
        """
        n = self.number(session)
        with self._db.write():
            if any(lease.alive and lease.pid != os.getpid() for lease in self._leases(n)):
                raise StoreBusyError("a live kernel uses this session", hint="shut the kernel down first")
            mine = "SELECT record FROM commits WHERE session = ?"
            self._db.execute(f"DELETE FROM notes WHERE record IN ({mine})", (n,))
            if self._db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'kept'"):
                self._db.execute(f"DELETE FROM kept WHERE record IN ({mine})", (n,))
            self._db.execute(f"DELETE FROM edges WHERE child IN ({mine}) OR parent IN ({mine})", (n, n))
            self._db.execute(f"DELETE FROM records WHERE n IN ({mine})", (n,))
            for table in ("commits", "refs", "heads", "operations", "leases", "forks", "touches"):
                self._db.execute(f"DELETE FROM {table} WHERE session = ?", (n,))
            self._db.execute("DELETE FROM sessions WHERE n = ?", (n,))
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('orphans', 1)")
        self._numbers.pop(session, None)

    # --- leases

    @Reading("the list of sessions")
    def acquire(self, session: str, kernel: str, info: Mapping[str, Any], *, shared_disk: bool) -> bool:
        """Note that *kernel* uses *session*; True when it is now the one that holds it.

        Args:
            session: the session.
            kernel: the caller's kernel id.
            info: JSON-ready; "pid" defaults to this process.
            shared_disk: on a disk that other hosts may share, only one host may use the store.

        Raises:
            StoreBusyError: another host uses the store on a shared disk.
        """
        n, pid = self.number(session), int(info.get("pid", os.getpid()))
        with self._db.write():
            if shared_disk:
                self._require_one_host()
            others = [lease for lease in self._leases(n) if lease.kernel != kernel]
            for lease in others:
                if not lease.alive:
                    self._db.execute("DELETE FROM leases WHERE session = ? AND kernel = ?", (n, lease.kernel))
            holder = not any(lease.holder and lease.alive for lease in others)
            self._db.execute(
                "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    n,
                    kernel,
                    int(holder),
                    pid,
                    host.process_start(pid),
                    host.boot_id(),
                    host.host_identity(),
                    time.time(),
                    json.dumps(dict(info), sort_keys=True),
                ),
            )
        return holder

    def release(self, session: str, kernel: str) -> None:
        """Give up *kernel*'s lease. Harmless when it has none."""
        n = self.number(session)
        with self._db.write():
            self._db.execute("DELETE FROM leases WHERE session = ? AND kernel = ?", (n, kernel))

    def leases(self, session: str | None) -> list[Lease]:
        """Leases of *session*, or of all sessions, dead ones included (see `Lease.alive`), the holder first."""
        return self._leases(None if session is None else self.number(session))

    @Reading("the list of sessions")
    def _leases(self, n: int | None) -> list[Lease]:
        where, parameters = ("", ()) if n is None else ("WHERE l.session = ?", (n,))
        rows = self._db.execute(
            f"""SELECT {_LEASE_COLUMNS} FROM leases l JOIN sessions s ON s.n = l.session {where}
                ORDER BY l.holder DESC, l.time""",
            parameters,
        )
        return [_lease(row) for row in rows]

    def _require_one_host(self) -> None:
        me = host.host_identity()
        oldest = time.time() - host.FOREIGN_SECONDS
        row = self._db.one(
            """SELECT l.host FROM leases l JOIN sessions s ON s.n = l.session
               WHERE l.host != ? AND max(l.time, s.last_used) > ? LIMIT 1""",
            (me, oldest),
        )
        if row is not None:
            raise StoreBusyError(
                "the store is on a shared disk and another machine uses it",
                hint="close the kernels there, or give this machine a store of its own with TIMESLIP_HOME",
            )


def _session(row: Row, holders: Mapping[SessionId, Lease]) -> SessionRow:
    try:
        session = SessionId(row[0])
        notebook = None if row[2] is None else str(row[2])
        return SessionRow(
            session, str(row[1]), notebook, float(row[3]), float(row[4]), int(row[5]), holders.get(session)
        )
    except (TypeError, ValueError) as error:
        raise DamagedStoreError(f"the list of sessions is damaged ({error})") from error


def _lease(row: Row) -> Lease:
    session, kernel, holder, pid, started, boot, where, taken, info, last_used = row
    try:
        if where == host.host_identity():
            same_boot = boot == host.boot_id() or not boot
            alive = same_boot and host.process_alive(int(pid), started)
        else:
            alive = max(float(taken), float(last_used)) > time.time() - host.FOREIGN_SECONDS
        return Lease(SessionId(session), str(kernel), bool(holder), int(pid), alive, float(taken), _info(info))
    except (TypeError, ValueError, OverflowError) as error:
        raise DamagedStoreError(f"the list of leases is damaged ({error})") from error


def _info(text: object) -> dict[str, Any]:
    """What a kernel told about itself; nothing where that cannot be read: then it cannot be reached, which is all."""
    try:
        info = json.loads(text) if isinstance(text, (str, bytes)) else None
    except (ValueError, RecursionError):
        return {}
    return info if isinstance(info, dict) else {}


def _fits(session: SessionRow, text: str) -> bool:
    named = session.id.startswith(text) or text in session.name
    return named or bool(session.notebook and text in session.notebook)
