"""The cells of a notebook that are kept with commits: which chunks they are, as differences from what was kept before.

A cell is two chunks, what it is and what it has shown, so that equal ones are stored once, whatever notebook they
stand in. The list of a commit is a text record that says what it takes from the list kept before it, and what is new:
its cost follows the change. A commit points at its list by a row of the table ``kept``, which is there only in stores
in which something was kept (docs/format/v1.md).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from timeslip.errors import DamagedStoreError, StoreError
from timeslip.ids import ChunkId, CommitId
from timeslip.store.guard import Reading
from timeslip.store.records import COLUMNS
from timeslip.store.schema import FORGOTTEN, KEPT

if TYPE_CHECKING:
    from timeslip.store.database import Row
    from timeslip.store.repository import Repository

MOST_CELLS = 20_000
"""Cells of one list: more than any notebook that can be opened has."""

_LONGEST = 32
"""So many lists may have to be read for one; then a whole one is written."""

_REMEMBERED = 8
"""So many lists that were put together are remembered: the next one is told as a difference from one of them."""

_ASKED = 500
"""So many commits are asked for at once: a statement cannot have any number of parameters."""

_COLUMNS = ", ".join("t." + column for column in COLUMNS.split(", "))


@dataclass(frozen=True, slots=True)
class KeptCell:
    """One cell of a list.

    Attributes:
        cell: the chunk with what it is (source, kind, metadata); None: it was forgotten.
        outputs: the chunk with what it has shown; None for nothing.
    """

    cell: ChunkId | None
    outputs: ChunkId | None = None


@dataclass(frozen=True, slots=True)
class KeptList:
    """The cells of a notebook as they were at one commit.

    Attributes:
        cells: in their order.
        metadata: the chunk with the metadata of the notebook, or None.
    """

    cells: tuple[KeptCell, ...]
    metadata: ChunkId | None = None


Change = Callable[[KeptCell], KeptCell]


class KeptTable:
    """Reads and writes lists of kept cells. Safe from many threads.

    Args:
        repository: whose store it is.
    """

    def __init__(self, repository: Repository) -> None:
        self._repo = repository
        self._db = repository._database
        self._there = False
        self._lock = threading.Lock()
        self._resolved: OrderedDict[bytes, tuple[KeptList, int]] = OrderedDict()

    def is_there(self) -> bool:
        """Whether anything was ever kept in this store."""
        if not self._there:
            self._there = bool(self._db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'kept'"))
        return self._there

    @Reading("the list of kept cells")
    def commits(self, session: str) -> set[CommitId]:
        """The commits of *session* with which cells are kept."""
        if not self.is_there():
            return set()
        rows = self._db.execute(
            "SELECT c.id FROM kept k JOIN records c ON c.n = k.record WHERE c.session = ?",
            (self._repo._sessions.number(session),),
        )
        return {CommitId(row[0].hex()) for row in rows}

    @Reading("the list of kept cells")
    def among(self, session: str, commits: Collection[str]) -> set[CommitId]:
        """Those of *commits* with which cells are kept: what is asked for a page of a long history."""
        if not self.is_there():
            return set()
        n, known = self._repo._sessions.number(session), list(commits)
        found: set[CommitId] = set()
        for start in range(0, len(known), _ASKED):
            some = [bytes.fromhex(commit) for commit in known[start : start + _ASKED]]
            marks = ", ".join("?" * len(some))
            rows = self._db.execute(
                f"""SELECT c.id FROM records c JOIN kept k ON k.record = c.n
                    WHERE c.id IN ({marks}) AND c.session = ?""",
                (*some, n),
            )
            found.update(CommitId(row[0].hex()) for row in rows)
        return found

    @Reading("the list of kept cells")
    def of(self, session: str, commit: str) -> KeptList | None:
        """What is kept with *commit*; None for nothing.

        Raises:
            UntrustedStoreError: another key signed it. What cells have shown may be a program for a browser.
            DamagedStoreError.
        """
        row = self._row("c.id = ? AND c.session = ?", (bytes.fromhex(commit), self._repo._sessions.number(session)))
        return None if row is None else self._trusted(row)[0]

    def _row(self, where: str, parameters: Sequence[object]) -> Row | None:
        if not self.is_there():
            return None
        return self._db.one(
            f"""SELECT {_COLUMNS} FROM kept k JOIN records c ON c.n = k.record JOIN records t ON t.n = k.text
                WHERE {where} ORDER BY t.n DESC LIMIT 1""",
            parameters,
        )

    def _trusted(self, row: Row) -> tuple[KeptList, int]:
        """`_resolve`, remembered: a record is named by its content, so what was put together of it stays true."""
        with self._lock:
            known = self._resolved.pop(row[1], None)
        found = known or self._resolve(row, trusted=True)
        self._remember(row[1], found)
        return found

    def _remember(self, record: bytes, found: tuple[KeptList, int]) -> None:
        with self._lock:
            self._resolved[record] = found
            while len(self._resolved) > _REMEMBERED:
                self._resolved.popitem(last=False)

    def _resolve(
        self, row: Row, *, trusted: bool, known: Mapping[bytes, KeptList] | None = None
    ) -> tuple[KeptList, int]:
        """A list put together, and how many it was put together from; those that are *known* are not read again."""
        chain: list[dict[str, Any]] = []
        at: Row | None = row
        cells: tuple[KeptCell, ...] = ()
        while at is not None:
            if chain and known is not None and at[1] in known:
                cells = known[at[1]].cells
                break
            body = self._repo._records.open(at, "text", trusted=trusted)
            chain.append(body)
            if len(chain) > _LONGEST + 1:
                raise DamagedStoreError("a list of kept cells has an endless chain")
            base = body["base"]
            at = self._repo._records.row(base) if base is not None else None
            if base is not None and at is None:
                raise DamagedStoreError("a list of kept cells needs another one, which is gone")
        for body in reversed(chain):
            cells = tuple(_applied(body["cells"], cells))
        metadata = chain[0]["metadata"]
        return KeptList(cells, None if metadata is None else ChunkId(metadata)), len(chain)

    # --- writing, inside a transaction

    def keep(self, session: str, commit: int, kept: KeptList) -> bool:
        """Keep *kept* with the commit of that row number; False when it is kept already, as it is.

        Raises ChunkMissingError: a chunk was never put, or has been collected since.
        """
        if not self.is_there():
            self._db.execute(KEPT)
        present = self._row("c.n = ?", (commit,))
        base = present or self._row("c.session = ?", (self._repo._sessions.number(session),))
        try:
            before = self._trusted(base) if base is not None else None
        except StoreError:  # damaged, or of another key: nothing of ours is made of it
            base = before = None
        if present is not None and before is not None and before[0] == kept:
            return False
        self._put(commit, kept, base)
        if present is not None:  # nothing but a later list may need it now
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('orphans', 1)")
        return True

    def _put(self, commit: int, kept: KeptList, base: Row | None) -> int:
        before, depth = (KeptList(()), 0) if base is None else self._trusted(base)
        parts = _parts(before.cells, kept.cells) if base is not None and depth < _LONGEST else None
        if parts is None or len(parts) > max(8, len(kept.cells) // 2):
            base, depth, parts = None, 0, [_written(cell) for cell in kept.cells]
        body = {
            "base": None if base is None else base[1].hex(),
            "cells": parts,
            "kept": 1,
            "metadata": kept.metadata,
        }
        new = [chunk for part in parts if isinstance(part, dict) for chunk in part.values() if chunk is not None]
        needed = [*new, *([kept.metadata] if kept.metadata is not None else ())]
        transaction = self._repo._raw_transaction()
        record = transaction.put_record("text", body, chunks=needed)
        self._remember(bytes.fromhex(record), (kept, depth + 1))
        self._db.execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", (commit, transaction.last))
        return transaction.last

    def rewrite(self, session: str, change: Change, *, spare: Collection[str] = ()) -> list[bytes | None]:
        """Put what *change* makes of it in the place of every kept cell of *session*, and leave nothing of the old.

        The lists of the commits in *spare* stay as they are. Returns the chunk lists of the records that became
        tombstones: their references are still to be taken back.
        """
        if not self.is_there():
            return []
        rows = self._db.execute(
            f"""SELECT k.record, c.id, {_COLUMNS}
                FROM kept k JOIN records c ON c.n = k.record JOIN records t ON t.n = k.text
                WHERE c.session = ? ORDER BY t.n""",
            (self._repo._sessions.number(session),),
        )
        lists: dict[int, KeptList] = {}
        changed: dict[int, KeptList] = {}
        known: dict[bytes, KeptList] = {}
        for n, commit, *row in rows:
            try:
                kept = self._resolve(tuple(row), trusted=False, known=known)[0]
            except StoreError:  # damaged: nobody can read it, and it goes
                kept = KeptList(())
            lists[n] = known[row[1]] = kept
            spared = commit.hex() in spare
            changed[n] = kept if spared else KeptList(tuple(map(change, kept.cells)), kept.metadata)
        if changed == lists:
            return []
        changed = {n: self._whole(kept) for n, kept in changed.items()}
        old = self._old([row[2:] for row in rows])
        base: Row | None = None
        for n, kept in changed.items():
            number = self._put(n, kept, base)
            base = self._db.one(f"SELECT {COLUMNS} FROM records WHERE n = ?", (number,))
        for n in old:
            self._db.execute(
                """UPDATE records SET state = ?, mac = x'', salt = NULL, codec = 0, size = 0, body = NULL, chunks = NULL
                   WHERE n = ?""",
                (FORGOTTEN, n),
            )
        return list(old.values())

    def _whole(self, kept: KeptList) -> KeptList:
        """*kept* without what a power cut has taken: a list that names it could not be written."""
        has = self._repo.has_chunk
        cells = (
            KeptCell(
                cell.cell if cell.cell is not None and has(cell.cell) else None,
                cell.outputs if cell.outputs is not None and has(cell.outputs) else None,
            )
            for cell in kept.cells
        )
        return KeptList(tuple(cells), kept.metadata if kept.metadata is not None and has(kept.metadata) else None)

    def _old(self, rows: list[Row]) -> dict[int, bytes | None]:
        """Every record that the lists of *rows* are made of -> its chunk list."""
        found: dict[int, bytes | None] = {}
        for row in rows:
            at: Row | None = row
            while at is not None and int(at[0]) not in found:
                found[int(at[0])] = at[10]
                try:
                    base = self._repo._records.open(at, "text", trusted=False)["base"]
                except (StoreError, LookupError):
                    break
                at = self._repo._records.row(base) if base is not None else None
        return found

    @Reading("the list of kept cells")
    def broken(self) -> list[tuple[str, str]]:
        """Rows that point at no record: its number, and the commit that it was kept with."""
        if not self.is_there():
            return []
        rows = self._db.execute(
            """SELECT k.text, c.id FROM kept k LEFT JOIN records c ON c.n = k.record LEFT JOIN records t ON t.n = k.text
               WHERE c.n IS NULL OR t.n IS NULL"""
        )
        return [(str(int(row[0])), row[1].hex()[:8] if row[1] is not None else "?") for row in rows]

    def numbers(self, session: str) -> list[int]:
        """The numbers of the records that commits of *session* point at."""
        if not self.is_there():
            return []
        rows = self._db.execute(
            "SELECT k.text FROM kept k JOIN records c ON c.n = k.record WHERE c.session = ?",
            (self._repo._sessions.number(session),),
        )
        return [int(row[0]) for row in rows]


def _applied(parts: list[Any], before: tuple[KeptCell, ...]) -> Iterator[KeptCell]:
    count = 0
    for part in parts:
        cells = before[part[0] : part[0] + part[1]] if isinstance(part, list) else (_read(part),)
        if isinstance(part, list) and (part[0] < 0 or len(cells) != part[1]):
            raise DamagedStoreError("a list of kept cells takes more from another one than that has")
        count += len(cells)
        if count > MOST_CELLS:
            raise DamagedStoreError("a list of kept cells is longer than any notebook")
        yield from cells


def _read(part: dict[str, Any]) -> KeptCell:
    cell, outputs = part["cell"], part["outputs"]
    return KeptCell(None if cell is None else ChunkId(cell), None if outputs is None else ChunkId(outputs))


def _written(cell: KeptCell) -> dict[str, str | None]:
    return {"cell": cell.cell, "outputs": cell.outputs}


def _parts(before: Sequence[KeptCell], after: Sequence[KeptCell]) -> list[Any]:
    """*after* as pieces of *before*, written [from, how many], and what is new.

    Most of a notebook stays as it is: what both begin and end with is not searched.
    """
    most = min(len(before), len(after))
    head = next((place for place in range(most) if before[place] != after[place]), most)
    tail = next((place for place in range(most - head) if before[~place] != after[~place]), most - head)
    parts: list[Any] = [[0, head]] if head else []
    ends = len(before) - tail, len(after) - tail
    matcher = SequenceMatcher(None, before[head : ends[0]], after[head : ends[1]], autojunk=False)
    for what, start, stop, new, end in matcher.get_opcodes():
        if what == "equal":
            parts.append([head + start, stop - start])
        else:
            parts += [_written(cell) for cell in after[head + new : head + end]]
    return [*parts, [ends[0], tail]] if tail else parts
