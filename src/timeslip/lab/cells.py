"""The cells of the notebook, kept with the commits of the runs that they stood around: data, never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from timeslip.errors import DamagedStoreError, StoreError, UsageError
from timeslip.rendering.units import size
from timeslip.standard import json
from timeslip.store.kept import MOST_CELLS, KeptCell, KeptList

if TYPE_CHECKING:
    from timeslip.ids import ChunkId
    from timeslip.lab.view import View
    from timeslip.store.repository import Repository

_SHOWN = ("outputs", "execution_count")
"""What changes when a cell runs; the rest is what it is."""

FORGOTTEN: dict[str, Any] = {"cell_type": "code", "source": "", "outputs": [], "execution_count": None}
"""What stands in the place of a cell that was forgotten, beside a mark in its metadata."""


def keep(repository: Repository, session: str, commit: str, given: object, most_bytes: int) -> dict[str, Any]:
    """Keep the cells of a notebook with *commit*; nothing happens when they are kept already.

    Args:
        repository: the store, open for writing.
        session: whose commit it is.
        commit: its full id.
        given: ``{"cells": [cells as nbformat writes them], "metadata": {…}}``.
        most_bytes: refuse more than that.

    Raises:
        UsageError: *given* is no notebook, or too large; nothing was kept.
        CommitNotFoundError, StoreError: nothing was kept.
    """
    cells, metadata = _checked(given)
    split = [_split(cell) for cell in cells]
    about = _encoded(metadata)
    total = len(about) + sum(len(part) for pair in split for part in pair if part is not None)
    if total > most_bytes:
        raise UsageError(
            f"the cells of the notebook take {size(total)}, and at most {size(most_bytes)} are kept with a commit",
            hint="`config max_cells_bytes N` changes that; large outputs can be cleared",
        )
    written = repository.bytes_written
    for last in (False, True):
        try:
            kept = KeptList(
                tuple(KeptCell(repository.put_chunk(cell), _put(repository, shown)) for cell, shown in split),
                repository.put_chunk(about),
            )
            with repository.transaction() as transaction:
                new = transaction.keep_cells(session, commit, kept)
            break
        except StoreError as error:
            if last or error.code != "chunk-missing":  # a collection took a chunk in between: put it again, once
                raise
    return {"commit": commit, "kept": new, "count": len(cells), "bytes": repository.bytes_written - written}


def _put(repository: Repository, data: bytes | None) -> ChunkId | None:
    return None if data is None else repository.put_chunk(data)


def _checked(given: object) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    cells = given.get("cells") if isinstance(given, dict) else None
    metadata = given.get("metadata", {}) if isinstance(given, dict) else None
    if not isinstance(cells, list) or not isinstance(metadata, dict) or not all(map(_is_cell, cells)):
        raise UsageError("'cells' is not {cells: [cells of a notebook], metadata: {}}")
    if len(cells) > MOST_CELLS:
        raise UsageError(f"{len(cells):,} cells are more than can be kept ({MOST_CELLS:,})")
    return cells, metadata


def _is_cell(cell: object) -> bool:
    return isinstance(cell, dict) and isinstance(cell.get("cell_type"), str) and isinstance(source(cell), str)


def source(cell: Mapping[str, Any]) -> str | None:
    """The text of a cell, which nbformat allows to be a list of lines; None for anything else."""
    text = cell.get("source")
    if isinstance(text, list) and all(isinstance(line, str) for line in text):
        return "".join(text)
    return text if isinstance(text, str) else None


def _split(cell: Mapping[str, Any]) -> tuple[bytes, bytes | None]:
    """A cell as what it is and what it has shown."""
    shown = {key: cell[key] for key in _SHOWN if cell.get(key)}
    return _encoded({key: value for key, value in cell.items() if key not in _SHOWN}), _encoded(
        shown
    ) if shown else None


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
