"""h5netcdf: files by path as a whole. One that dies closes the file of h5py that it has, whoever else has that."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec.hidden import Hidden
from timeslip.codec.reducers.system import stamp_of
from timeslip.standard import os

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _file(state: Pass, file: Any) -> Any:
    kind = type(file)
    path, held = getattr(file, "filename", None), getattr(file, "_h5file", None)
    if getattr(file, "_closed", False) or not held:
        return state.hole(file, "a closed file cannot be stored", Hidden("closed", True))
    if type(path) is not str or not os.path.isfile(path):
        return state.hole(file, "a file without a path cannot be opened again")
    path, mode = os.path.abspath(path), str(held.mode)
    reason = "a file, opened again by its path, with what is in it by then"
    token = f"{path!r} {mode} {stamp_of(path)}"
    arguments = (kind.__module__, kind.__name__, path, mode)
    return state.resource(file, reason, token, open_file, arguments, complete=mode == "r")


def open_file(module: str, name: str, path: str, mode: str) -> Any:
    """The file, opened again; never made, never emptied."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"the file {path} is gone")
    return getattr(import_module(module), name)(path, mode if mode == "r" else "r+")


def _part(state: Pass, part: Any) -> Any:
    """A group or variable, by its name in its file."""
    return get_part, (part._root, part.name)


def get_part(file: Any, name: str) -> Any:
    """What has that name in a file."""
    return file[name]


def find(kind: type) -> Any:
    """The reducer for files and their parts, or None."""
    if kind.__module__ not in ("h5netcdf.core", "h5netcdf.legacyapi"):
        return None
    return {"File": _file, "Dataset": _file, "Group": _part, "Variable": _part}.get(kind.__name__)
