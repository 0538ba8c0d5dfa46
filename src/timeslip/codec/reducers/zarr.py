"""zarr: what is in a folder or archive is not recorded, and that is said; arrays and groups in memory come back whole.

A store in an archive opens that again in the mode that it was made with when it is unpickled, and "w" empties it. Here
it is opened for reading, or for adding to what is there.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

from timeslip.codec.hidden import Hidden
from timeslip.codec.reducers import instances
from timeslip.codec.reducers.system import stamp_of
from timeslip.standard import os

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_OUTSIDE = frozenset({"LocalStore", "FsspecStore", "ObjectStore", "DirectoryStore", "FSStore"})


def _store(kind: type) -> Any:
    by_attributes = instances.by_attributes(kind)

    def reduce(state: Pass, store: Any) -> Any:
        state.note(store, "arrays in files, with what is in them by then", fatal=False)
        maker, made, parts, *_ = by_attributes(state, store)
        return maker, made, (*parts, instances.Lacking()), None, None, set_store

    return reduce


def set_store(store: Any, parts: tuple[Any, ...]) -> None:
    """State setter for stores."""
    instances.set_instance(store, (parts[0], parts[1]))


_HELD = {
    "DBMStore": "an open database cannot be stored",
    "LMDBStore": "an open database cannot be stored",
    "SQLiteStore": "an open database cannot be stored",
    "TempStore": "a temporary directory is removed with its object",
}
"""Stores of zarr 2 that make their files anew, or remove them."""


def _archive(state: Pass, store: Any) -> Any:
    if not hasattr(store, "_zmode"):  # of zarr 2, which closes and opens an archive to pickle it
        reading = getattr(store, "mode", "") == "r"
        return NotImplemented if reading else state.hole(store, "an archive that is being written cannot be stored")
    path = os.path.abspath(store.path)
    mode = "r" if store._zmode == "r" else "a"
    position = "open" if store._is_open else "closed" if hasattr(store, "_zf") else "new"
    reason = "a store in an archive, opened again by its path, with what is in it by then"
    token = f"{path!r} {store._zmode} {position} {stamp_of(path)}"
    arguments = (type(store), path, mode, bool(store.read_only), store.compression, store.allowZip64, position)
    return state.resource(store, reason, token, open_archive, arguments, complete=mode == "r" or position != "open")


def open_archive(
    kind: Any, path: str, mode: str, read_only: bool, compression: int, allow_zip64: bool, position: str
) -> Any:
    """A store in the archive at *path*: never made, never emptied.

    Args:
        kind: the class.
        path: of the archive.
        mode: "r" or "a".
        read_only: whether zarr writes to it.
        compression: of what is added.
        allow_zip64: whether it may become larger than 4 GiB.
        position: "new" before it was opened for the first time, "open" or "closed".
    """
    store = kind(path, mode=mode, read_only=read_only, compression=compression, allowZip64=allow_zip64)
    if position != "new":
        if not os.path.exists(path):
            raise FileNotFoundError(f"the file {path} is gone")
        if not zipfile.is_zipfile(path):  # opened for adding, it would get the end of an archive
            raise ValueError(f"{path} is no archive")
        store._sync_open()
    if position == "closed":
        store.close()
    return store


def _held(state: Pass, store: Any) -> Any:
    return state.hole(store, _HELD[type(store).__name__], Hidden("", False))


def find(kind: type) -> Any:
    """The reducer for stores outside of memory, or None."""
    if kind.__name__ == "ZipStore":
        return _archive
    return _store(kind) if kind.__name__ in _OUTSIDE else _held if kind.__name__ in _HELD else None
