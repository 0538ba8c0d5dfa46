"""Looking at a store without changing it: what is damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from timeslip.errors import ForgottenError, StoreError, UntrustedStoreError
from timeslip.store.members import expanded
from timeslip.store.records import COLUMNS, unpack_numbers
from timeslip.store.schema import KINDS, MISSING

if TYPE_CHECKING:
    from timeslip.store.database import Row
    from timeslip.store.repository import Repository

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and how many there are (0 when unknown)."""

_TOGETHER = 500
"""So many records are looked for in one question."""

_KIND_NAMES = {number: name for name, number in KINDS.items()}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that `check` found.

    Attributes:
        subject: "database", "pack", "chunk", "record", "name" or "count".
        id: of the subject, or empty.
        text: what is wrong, one sentence.
        where: who is touched, as "session: name at commit", at most a few.
    """

    subject: str
    id: str
    text: str
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check` looked at and found.

    Attributes:
        problems: everything that is not as it should be; empty for a sound store.
        records: records read and verified.
        chunks: chunks read and verified.
        bytes: stored bytes read, bytes.
        untrusted: records signed by a key that is not trusted (no problem in itself; see `trust`).
        forgotten: records removed by `forget` or dropped by retention (no problem).
    """

    problems: tuple[Problem, ...]
    records: int = 0
    chunks: int = 0
    bytes: int = 0
    untrusted: int = 0
    forgotten: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


class Checker:
    """One run of `check`: reads everything, changes nothing."""

    def __init__(self, repository: Repository, progress: Progress | None) -> None:
        self._repo = repository
        self._db = repository._database
        self._progress = progress or (lambda what, done, total: None)
        self._members = repository._chunks.members.all()
        self._problems: list[Problem] = []
        self._counts = {"records": 0, "chunks": 0, "bytes": 0, "untrusted": 0, "forgotten": 0}

    def run(self) -> CheckReport:
        """Check the database, the packs, every chunk, every record and every name."""
        for text in self._db.integrity_problems():
            self._problems.append(Problem("database", "", text))
        for row in self._db.execute("SELECT id FROM packs"):
            wrong = self._repo._packs.check_header(int(row[0]))
            if wrong:
                self._problems.append(Problem("pack", f"{int(row[0]):016x}", wrong))
        broken = self._check_chunks()
        needs = self._check_records()
        self._check_counts(needs)
        self._check_names()
        self._check_kept()
        self._blame(broken, needs)
        return CheckReport(tuple(self._problems), **self._counts)

    def _check_chunks(self) -> dict[int, Problem]:
        """Verify every chunk in the order of the disk; returns what is wrong, by chunk number."""
        broken: dict[int, Problem] = {}
        numbers = [row[0] for row in self._db.execute("SELECT n FROM chunks ORDER BY pack, offset, n")]
        for done, n in enumerate(numbers):
            if not done % 64:
                self._progress("chunks", done, len(numbers))
            row = self._db.one("SELECT id, n, size, stored, codec, place, pack, offset FROM chunks WHERE n = ?", (n,))
            if row is None:  # collected meanwhile by another process
                continue
            name = row[0].hex() if isinstance(row[0], bytes) else "?"
            try:
                if row[5] == MISSING:
                    broken[n] = Problem("chunk", name, "lost when the machine stopped")
                    continue
                _, payload = self._repo._chunks.stored_form(row)
            except StoreError as error:
                broken[n] = Problem("chunk", name, error.message)
                continue
            self._counts["chunks"] += 1
            self._counts["bytes"] += len(payload)
        return broken

    def _check_records(self) -> dict[int, list[int]]:
        """Verify every record; returns the chunk lists of values, by record number."""
        needs: dict[int, list[int]] = {}
        wanted: list[tuple[str, str, str]] = []
        for done, row in enumerate(self._record_rows()):
            if not done % 1000:
                self._progress("records", done, 0)
            kind = _KIND_NAMES.get(row[2], "?")
            name = row[1].hex() if isinstance(row[1], bytes) else "?"
            try:
                needs[row[0]] = unpack_numbers(row[10])
                body = self._open(row, kind)
                self._counts["records"] += 1
                wanted += [(kind, name, str(other)) for other in _referred_to(kind, body)]
            except ForgottenError:
                self._counts["forgotten"] += 1
            except StoreError as error:
                self._problems.append(Problem("record", name, error.message))
            if len(wanted) >= _TOGETHER:
                self._check_references(wanted)
                wanted = []
        self._check_references(wanted)
        return needs

    def _record_rows(self) -> Iterator[Row]:
        last = 0
        while True:
            rows = self._db.execute(f"SELECT {COLUMNS} FROM records WHERE n > ? ORDER BY n LIMIT 1000", (last,))
            yield from rows
            if not rows:
                return
            last = int(rows[-1][0])

    def _open(self, row: Row, kind: str) -> dict[str, Any]:
        try:
            return self._repo._records.open(row, kind, trusted=True)
        except UntrustedStoreError:
            self._counts["untrusted"] += 1
            return self._repo._records.open(row, kind, trusted=False)

    def _check_references(self, wanted: list[tuple[str, str, str]]) -> None:
        """Say which records are gone; *wanted*: kind and name of a record, and the name of one that it needs."""
        there = self._repo._records.present({other for _, _, other in wanted})
        self._problems += [
            Problem("record", name, f"this {kind} needs record {other[:8]}, which is gone")
            for kind, name, other in wanted
            if other not in there
        ]

    def _check_counts(self, needs: dict[int, list[int]]) -> None:
        counted: dict[int, int] = {}
        for numbers in (*needs.values(), *self._members.values()):
            for n in numbers:
                counted[n] = counted.get(n, 0) + 1
        listed = {int(n): int(refs) for n, refs in self._db.execute("SELECT n, refs FROM chunks")}
        for n, count in counted.items():
            if n not in listed:
                self._problems.append(Problem("count", str(n), "a value needs a chunk that is not listed"))
            elif listed[n] < count and not self._changed_meanwhile(needs):
                self._problems.append(
                    Problem("count", str(n), f"a chunk is needed {count} times and counted {listed[n]} times")
                )

    def _changed_meanwhile(self, needs: dict[int, list[int]]) -> bool:
        """Whether another process has added or removed records since they were read."""
        row = self._db.one("SELECT count(*) FROM records")
        return row is None or int(row[0]) != len(needs)

    def _check_names(self) -> None:
        for session in self._repo.sessions():
            try:
                self._repo.heads(session.id)
                damaged = [row for row in self._repo.operations(session.id) if row.damage]
                self._problems += [
                    Problem("name", session.name, f"operation {row.seq} is damaged: {row.damage}") for row in damaged
                ]
                found, texts = self._check_commits(session.id)
                self._problems += [Problem("name", session.name, text) for text in texts]
                refs = self._repo.refs(session.id)
                row = self._db.one(
                    "SELECT count(*) FROM refs WHERE session = ?", (self._repo._sessions.number(session.id),)
                )
                if row is not None and int(row[0]) > len(refs):
                    self._problems.append(Problem("name", session.name, "a branch or tag points at no commit"))
                if found < session.commits:
                    gone = session.commits - found
                    text = f"{gone} commit{'s' if gone != 1 else ''} of this session cannot be found any more"
                    self._problems.append(Problem("name", session.name, text))
            except StoreError as error:
                self._problems.append(Problem("name", session.name, error.message))

    def _check_commits(self, session: str) -> tuple[int, list[str]]:
        """How many commits of *session* can be found, and what is wrong with the index of them; each is read once."""
        found = 0

        def counted() -> Iterator[tuple[str, dict[str, Any]]]:
            nonlocal found
            for found, commit in enumerate(self._repo.every_commit(session, oldest_first=True), 1):  # noqa: B007
                yield commit

        commits = counted()
        texts = self._repo.paths.problems(session, commits)
        for _ in commits:  # those that the index does not reach
            pass
        return found, texts

    def _check_kept(self) -> None:
        """Whether what the table of kept cells points at is there; the records themselves were read already."""
        for text, commit in self._repo._kept.broken():
            self._problems.append(Problem("record", text, f"the cells kept with commit {commit} are gone"))

    def _blame(self, broken: dict[int, Problem], needs: dict[int, list[int]]) -> None:
        """Say for every broken chunk whose value it was part of."""
        if not broken:
            return
        owners: dict[int, list[str]] = {}
        places = value_places(self._repo)
        for record, numbers in needs.items():
            for n in broken.keys() & expanded(numbers, self._members):
                owners.setdefault(n, []).extend(places.get(record, ()))
        for n, problem in broken.items():
            where = tuple(dict.fromkeys(owners.get(n, ())))[:8]
            self._problems.append(Problem(problem.subject, problem.id, problem.text, where))


def _referred_to(kind: str, body: dict[str, Any]) -> list[object]:
    """The names of the records that one of this kind needs."""
    if kind == "manifest":
        changes = body.get("changes")
        needed = [value for value in changes.values() if value] if isinstance(changes, dict) else []
        return needed + ([body["base"]] if body.get("base") else [])
    return [body["manifest"]] if kind == "commit" and body.get("manifest") else []


def value_places(repository: Repository) -> dict[int, list[str]]:
    """For every value record: "session: name at commit" for each commit that introduced it."""
    numbers = {
        row[0].hex(): row[1]
        for row in repository._database.execute("SELECT id, n FROM records WHERE kind = ?", (KINDS["value"],))
    }
    found: dict[int, list[str]] = {}
    for session in repository.sessions():
        for commit, body in repository.every_commit(session.id):
            for key, value in _changes(repository, body.get("manifest")):
                if value in numbers:
                    found.setdefault(numbers[value], []).append(f"{session.name}: {key} at {commit.short}")
    return found


def _changes(repository: Repository, manifest: object) -> list[tuple[str, str]]:
    """What one manifest says beyond its base; nothing for one that cannot be read."""
    if not isinstance(manifest, str):
        return []
    try:
        changes = repository.record("manifest", manifest).get("changes")
    except (StoreError, LookupError):  # it is reported as a damaged record elsewhere
        return []
    items = changes.items() if isinstance(changes, dict) else ()
    return [(str(key), value) for key, value in items if isinstance(value, str)]
