"""h5py: files in memory by their content, files on disk opened again, and what is in a file by its name there."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass


def _library() -> Any:
    return sys.modules["h5py"]


def _file(state: Pass, file: Any) -> Any:
    if not file.id.valid:
        return state.resource(file, "a closed file", "closed", closed, ())
    if file.driver == "core" and not os.path.exists(file.filename):
        file.flush()
        return in_memory, (file.filename, file.id.get_file_image())
    path = os.path.abspath(file.filename)
    if not os.path.exists(path):
        return state.hole(file, "a file that is not there under its name cannot be opened again")
    reason = "a file, opened again" + (": what is in it is what it holds then" if file.mode != "r" else "")
    return state.resource(file, reason, f"open {file.mode}", reopen, (path, file.mode), complete=file.mode == "r")


def in_memory(name: str, image: bytes) -> Any:
    """A file that exists in memory alone.

    Under a name that no open file has: HDF5 would take that one.
    """
    library = _library()
    taken = {os.fsdecode(file.name) for file in library.h5f.get_obj_ids(types=library.h5f.OBJ_FILE)}
    while name in taken:
        name = os.path.join(os.curdir, name)
    access = library.h5p.create(library.h5p.FILE_ACCESS)
    access.set_fapl_core(backing_store=False)
    access.set_file_image(image)
    return library.File(library.h5f.open(os.fsencode(name), library.h5f.ACC_RDWR, access))


def reopen(path: str, mode: str) -> Any:
    """The file at *path*, never truncated or created."""
    return _library().File(path, "r" if mode == "r" else "r+")


def closed() -> Any:
    """A closed file."""
    made = in_memory("closed", _empty())
    made.close()
    return made


def _empty() -> bytes:
    with _library().File("empty", "w", driver="core", backing_store=False) as file:
        file.flush()
        return bytes(file.id.get_file_image())


def _member(state: Pass, member: Any) -> Any:
    if not member.id.valid:
        return state.hole(member, "part of a file that is closed")
    if member.name is None:
        return state.hole(member, "part of a file without a name there")
    return member_of, (_file_of(state, member), member.name)


def _file_of(state: Pass, member: Any) -> Any:
    """The file that *member* is in, as the session has it: every question for it gives a new object."""
    file = member.file
    for value in state.namespace.values():
        if type(value) is type(file) and value == file:
            return value
    known = state.stand_ins.setdefault(hash(file.id), file)
    state.keep.append(known)
    return known


def member_of(file: Any, name: str) -> Any:
    """The group or data set of that name."""
    return file[name]


def find(kind: type) -> Any:
    """The reducer for files, groups and data sets, or None."""
    library = _library()
    if issubclass(kind, library.File):
        return _file
    return _member if issubclass(kind, (library.Group, library.Dataset)) else None
