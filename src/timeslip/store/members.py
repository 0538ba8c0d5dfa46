"""Chunks that are named by a list, and are needed because the list is.

A large buffer has a thousand chunks, of which a run changes one. Its record needs the chunks that are lists of them
(`timeslip.values.lists_of`), two dozen of which one is new; each list counts once what it names, when the first record
needs it, and no more when nothing needs the list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from timeslip.store.guard import Reading
from timeslip.store.records import pack_numbers, unpack_numbers
from timeslip.store.schema import MEMBERS, MISSING

if TYPE_CHECKING:
    from timeslip.store.chunks import ChunkStore
    from timeslip.store.database import Database

_AT_ONCE = 500


class MemberTable:
    """Which chunks the lists among the chunks name. Safe from many threads."""

    def __init__(self, database: Database) -> None:
        self._db = database
        self._there = False
        self._whole: bool | None = None

    def is_there(self) -> bool:
        """Whether any list was ever counted for what it names in this store."""
        if self._there:
            return True
        found = bool(self._db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'members'"))
        self._there = found and not self._db.in_transaction()  # which may have made it, and be taken back
        return found

    def count(self, store: ChunkStore, lists: Mapping[str, Sequence[str]], numbers: Sequence[int]) -> None:
        """Count what *lists* name, where that has not been done; inside an open transaction.

        Args:
            store: that has them.
            lists: id of the chunk that is the list -> ids of the chunks that it names.
            numbers: of the lists, which are referred to.

        Raises:
            ChunkMissingError: as `ChunkStore.reference`.
        """
        digests = dict(zip(numbers, map(bytes.fromhex, lists), strict=True))
        known = self._counted(digests)
        for n, names in zip(numbers, lists.values(), strict=True):
            if n not in known:
                chunks = list(dict.fromkeys(names))
                if self._add(n, digests[n], store.reference(chunks, 0)):
                    store.reference(chunks)

    @Reading("the list of chunks")
    def _counted(self, lists: Mapping[int, bytes]) -> set[int]:
        """Those of *lists*, number -> digest, that count what they name already.

        None of them where chunks of the store were lost: then each list is gone through, so that what is put again
        gives the values that need it their bytes back.
        """
        if not self.is_there() or self._has_lost():
            return set()
        found: set[int] = set()
        numbers = list(lists)
        for first in range(0, len(numbers), _AT_ONCE):
            some = numbers[first : first + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            rows = self._db.execute(f"SELECT list, id FROM members WHERE list IN ({marks})", some)
            found.update(n for n, digest in rows if digest == lists[n])
        return found

    def _has_lost(self) -> bool:
        """Asked once: chunks are found lost when a store is opened after a power cut, and by nobody else."""
        if self._whole is None:
            self._whole = self._db.one("SELECT 1 FROM chunks WHERE place = ? LIMIT 1", (MISSING,)) is None
        return not self._whole

    def _add(self, n: int, digest: bytes, numbers: Iterable[int]) -> bool:
        """Note what list *n* names, inside an open transaction; whether that is news, and is to be counted."""
        if not self._there:
            self._db.execute(MEMBERS)
        row = self._db.one("SELECT id FROM members WHERE list = ?", (n,))
        if row is not None and row[0] == digest:
            return False
        if row is not None:
            self.release_gone()
        self._db.execute("INSERT INTO members VALUES (?, ?, ?)", (n, digest, pack_numbers(numbers)))
        return True

    @Reading("the list of chunks")
    def all(self) -> dict[int, list[int]]:
        """Number of each list that counts what it names -> numbers of that."""
        if not self.is_there():
            return {}
        rows = self._db.execute("SELECT m.list, m.packed FROM members m JOIN chunks c ON c.n = m.list AND c.id = m.id")
        return {int(n): unpack_numbers(packed) for n, packed in rows}

    @Reading("the list of chunks")
    def release_gone(self, among: Collection[int] | None = None) -> set[int]:
        """Take back the references of lists that nothing needs, or that are gone; inside an open transaction.

        Args:
            among: numbers of chunks that lost references: none but these are looked at, which takes as long as they are
                many. None: all, and what a release has left that does not know of lists.

        Returns:
            The chunks that they named.
        """
        if not self.is_there():
            return set()
        needless = "SELECT m.list, m.packed FROM members m JOIN chunks c ON c.n = m.list WHERE c.refs = 0"
        if among is None:
            rows = self._db.execute(
                f"{needless} OR c.id != m.id UNION ALL"
                " SELECT list, packed FROM members WHERE list NOT IN (SELECT n FROM chunks)"
            )
        else:
            rows = [row for n in among for row in self._db.execute(f"{needless} AND m.list = ?", (n,))]
        touched: set[int] = set()
        for n, packed in rows:
            numbers = unpack_numbers(packed)
            self._db.many("UPDATE chunks SET refs = max(refs - 1, 0) WHERE n = ?", [(member,) for member in numbers])
            self._db.execute("DELETE FROM members WHERE list = ?", (n,))
            touched.update(numbers)
        return touched


def expanded(numbers: Iterable[int], members: Mapping[int, Sequence[int]]) -> set[int]:
    """*numbers* of chunks, and of what the lists among them name; *members* as `MemberTable.all`."""
    found = set(numbers)
    for n in found & members.keys():
        found.update(members[n])
    return found
