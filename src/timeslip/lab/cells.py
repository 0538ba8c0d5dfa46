"""The cells of the notebook, kept with the commits of the runs that they stood around: data, never run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from timeslip.errors import DamagedStoreError, NotFoundError, StoreError, UsageError
from timeslip.rendering.units import size
from timeslip.standard import json, os
from timeslip.store.kept import MOST_CELLS, KeptCell, KeptList

if TYPE_CHECKING:
    from timeslip.lab.view import View
    from timeslip.store.repository import Repository

MOST_GIVEN = 32
"""So many notebooks that were given are remembered: at least the newest of every front end that is answered."""

_SHOWN = ("outputs", "execution_count")
"""What changes when a cell runs; the rest is what it is."""

FORGOTTEN: dict[str, Any] = {"cell_type": "code", "source": "", "outputs": [], "execution_count": None}
"""What stands in the place of a cell that was forgotten, beside a mark in its metadata."""


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell that is to be kept: how many bytes it takes, and its chunks, or the bytes that they are to be made of."""

    size: int
    kept: KeptCell | None
    encoded: tuple[bytes, bytes | None] = (b"", None)


class Keeping:
    """Keeps the cells of notebooks that are given again and again, with few changes.

    What was given is remembered under a name for a while, so that a front end need only say what differs from it: the
    work follows the change, not the length of the notebook. Safe from many threads.

    Args:
        repository: the store, open for writing.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._given: OrderedDict[str, tuple[_Cell, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(
        self, session: str, commit: str, given: object, most_bytes: int, since: str | None = None
    ) -> dict[str, Any]:
        """Keep the cells of a notebook with *commit*; nothing happens when they are kept already.

        Args:
            session: whose commit it is.
            commit: its full id.
            given: ``{"cells": [cells as nbformat writes them], "metadata": {…}}``. With *since*, a pair ``[from, how
                many]`` among the cells stands for cells that were given then.
            most_bytes: refuse more than that.
            since: what an earlier answer has called its cells.

        Raises:
            UsageError: *given* is no notebook, or too large; nothing was kept.
            NotFoundError: what was given then is not remembered, or not stored any more: all has to be given.
            CommitNotFoundError, StoreError: nothing was kept.
        """
        parts, metadata = _checked(given)
        cells = list(_read_given(parts, self._known(since)))
        about = _encoded(metadata)
        total = len(about) + sum(cell.size for cell in cells)
        if total > most_bytes:
            raise UsageError(
                f"the cells of the notebook take {size(total)}, and at most {size(most_bytes)} are kept with a commit",
                hint="`config max_cells_bytes N` changes that; large outputs can be cleared",
            )
        written = self._repository.bytes_written
        try:
            kept, new = self._stored(session, commit, cells, about)
        except StoreError as error:
            if error.code != "chunk-missing":
                raise
            if since is not None:
                raise _not_known() from error
            # A collection took a chunk in between: put it again, once.
            kept, new = self._stored(session, commit, cells, about)
        known = zip(cells, kept.cells, strict=True)
        name = self._remember(tuple(cell if cell.kept else _Cell(cell.size, there) for cell, there in known))
        told = {"commit": commit, "kept": new, "count": len(cells), "cells": name}
        return {**told, "bytes": self._repository.bytes_written - written}

    def _stored(self, session: str, commit: str, cells: list[_Cell], about: bytes) -> tuple[KeptList, bool]:
        put = self._repository.put_chunk
        kept = KeptList(tuple(cell.kept or self._put(*cell.encoded) for cell in cells), put(about))
        with self._repository.transaction() as transaction:
            return kept, transaction.keep_cells(session, commit, kept)

    def _put(self, cell: bytes, shown: bytes | None) -> KeptCell:
        put = self._repository.put_chunk
        return KeptCell(put(cell), None if shown is None else put(shown))

    def _known(self, name: str | None) -> tuple[_Cell, ...]:
        if name is None:
            return ()
        with self._lock:
            found = self._given.get(name)
        if found is None:
            raise _not_known()
        return found

    def _remember(self, cells: tuple[_Cell, ...]) -> str:
        name = os.urandom(8).hex()
        with self._lock:
            self._given[name] = cells
            while len(self._given) > MOST_GIVEN:
                self._given.popitem(last=False)
        return name


def _not_known() -> NotFoundError:
    return NotFoundError("the cells that these go on from are not known any more", hint="give all of them")


def _checked(given: object) -> tuple[list[Any], dict[str, Any]]:
    cells = given.get("cells") if isinstance(given, dict) else None
    metadata = given.get("metadata", {}) if isinstance(given, dict) else None
    if not isinstance(cells, list) or not isinstance(metadata, dict):
        raise _no_notebook()
    return cells, metadata


def _no_notebook() -> UsageError:
    return UsageError("'cells' is not {cells: [cells of a notebook], metadata: {}}")


def _read_given(parts: list[Any], before: tuple[_Cell, ...]) -> Iterator[_Cell]:
    """The cells that *parts* say, which may take some from *before*. Raises UsageError."""
    count = 0
    for part in parts:
        cells = before[_piece(part, len(before))] if isinstance(part, list) else (_given_cell(part),)
        count += len(cells)
        if count > MOST_CELLS:
            raise UsageError(f"more than {MOST_CELLS:,} cells cannot be kept")
        yield from cells


def _piece(part: list[Any], length: int) -> slice:
    if len(part) != 2 or not all(type(number) is int for number in part):
        raise _no_notebook()
    first, count = part
    if first < 0 or count < 0 or first + count > length:
        raise UsageError(f"[{first}, {count}] is no piece of {length} cells")
    return slice(first, first + count)


def _given_cell(cell: object) -> _Cell:
    if not (isinstance(cell, dict) and isinstance(cell.get("cell_type"), str) and isinstance(source(cell), str)):
        raise _no_notebook()
    shown = {key: cell[key] for key in _SHOWN if cell.get(key)}
    what = _encoded({key: value for key, value in cell.items() if key not in _SHOWN})
    encoded = what, _encoded(shown) if shown else None
    return _Cell(len(what) + len(encoded[1] or b""), None, encoded)


def source(cell: Mapping[str, Any]) -> str | None:
    """The text of a cell, which nbformat allows to be a list of lines; None for anything else."""
    text = cell.get("source")
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        return "".join(text)
    return text if isinstance(text, str) else None


def _encoded(part: Mapping[str, Any]) -> bytes:
    try:
        return bytes(json.dumps(part, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii"))
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"a cell is no plain JSON ({error})") from error


def cells(view: View, ref: str) -> dict[str, Any]:
    """The cells kept with the nearest commit at or before *ref*, and which commit that is; null where there are none.

    Raises:
        CommitNotFoundError, DamagedStoreError.
    """
    history = view.history
    asked = history.resolve(ref)
    known = view.repository.commits_with_cells(view.session)
    at = asked if known else None
    while at is not None and at not in known:
        parents = view.repository.commit(at)["parents"]
        at = history.resolve(parents[0]) if parents else None
    kept = view.repository.kept_cells(view.session, at) if at is not None else None
    if kept is None:
        return {"ref": asked, "commit": None, "cells": None}
    metadata = _read(view.repository, kept.metadata) if kept.metadata is not None else {}
    return {
        "ref": asked,
        "commit": at,
        "cells": {"cells": [_cell(view.repository, cell) for cell in kept.cells], "metadata": metadata},
    }


def _cell(repository: Repository, kept: KeptCell) -> dict[str, Any]:
    if kept.cell is None:
        return {**FORGOTTEN, "metadata": {"timeslip": {"forgotten": True}}}
    cell = _read(repository, kept.cell)
    shown = _read(repository, kept.outputs) if kept.outputs is not None else {}
    empty: dict[str, Any] = {"outputs": [], "execution_count": None} if cell.get("cell_type") == "code" else {}
    return {**cell, **empty, **shown}


def _read(repository: Repository, chunk: str) -> dict[str, Any]:
    """The JSON object in a chunk, whose bytes are verified. Raises DamagedStoreError."""
    try:
        found = json.loads(repository.get_chunk(chunk))
    except (ValueError, RecursionError) as error:
        raise DamagedStoreError(f"a kept cell cannot be read ({error})") from error
    if not isinstance(found, dict):
        raise DamagedStoreError("a kept cell is no JSON object")
    return found
