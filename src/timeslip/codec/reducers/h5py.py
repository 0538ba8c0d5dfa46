"""h5py: files in memory by their image, files on disk by path, datasets and groups by their name in a file.

All handles to one file refer to one `SharedFile`, so that they are captured, and come back, together. A file on disk is
opened again for reading, or for reading and writing: it is never made, emptied or filled by a restore. Nor is it
written by recording: of what has an image only after it was written out there is none.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import xxhash

from timeslip.codec.hidden import Hidden
from timeslip.codec.reducers.system import stamp_of
from timeslip.standard import os

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_LARGEST = 64 << 20
"""An image of more bytes is not stored."""

_shared: dict[int, SharedFile] = {}
"""Those of the files that are open, by the number that HDF5 gives to every file that is opened."""


class SharedFile:
    """An open HDF5 file, whoever has handles to it.

    Args:
        name: its path, or what a file in memory is called.
        mode: "r" or "r+".
        image: the content of a file in memory; None for a file on disk.
        swmr: whether it is read while others write.
        late: whether it was in memory, and is on disk from when it was closed.
    """

    def __init__(
        self, name: str = "", mode: str = "r", image: Any = None, swmr: bool = False, late: bool = False
    ) -> None:
        self._description = (name, mode, image, swmr, late)
        self._file: Any = None
        self._given = False

    def handle(self) -> Any:
        """A handle to the file: another one each time, as where a file was opened twice."""
        file = self.open()
        if not self._given:
            self._given = True
            return file
        name, mode, image, swmr, _ = self._description
        return _open(name, mode, swmr) if image is None else _library().File(file.id)

    def open(self) -> Any:
        """The file, opened again if it is the first time."""
        if self._file is None or not self._file:
            name, mode, image, swmr, late = self._description
            if late and os.fsencode(name) in map(os.path.abspath, _open_names()):
                raise ValueError(f"the file {name} is open in memory still, and will be written over")
            self._file = _open(name, mode, swmr) if image is None else _in_memory(name, mode, bytes(image))
        return self._file


def _library() -> Any:
    return import_module("h5py")


def _open(path: str, mode: str, swmr: bool) -> Any:
    if not os.path.exists(path):
        raise FileNotFoundError(f"the file {path} is gone")
    return _library().File(path, mode, **({"swmr": True} if swmr and mode == "r" else {}))


def _in_memory(name: str, mode: str, image: bytes) -> Any:
    h5py = _library()
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(64 << 10, False)
    access.set_file_image(image)
    flags = h5py.h5f.ACC_RDONLY if mode == "r" else h5py.h5f.ACC_RDWR
    return h5py.File(h5py.h5f.open(_free_name(os.fsencode(name)), flags, access))


def _free_name(name: bytes) -> bytes:
    """A name that no file has: two files in memory of the same name are one file to HDF5."""
    taken = _open_names()
    return next(one for one in _names(name) if one not in taken and not os.path.exists(one))


def _open_files() -> list[Any]:
    h5f = _library().h5f
    return list(h5f.get_obj_ids(h5f.OBJ_ALL, h5f.OBJ_FILE))


def _open_names() -> set[bytes]:
    return set(map(_library().h5f.get_name, _open_files()))


def _forget_closed() -> None:
    """Images are large: those of files that are closed by now are let go."""
    get_info = _library().h5o.get_info
    for number in _shared.keys() - {get_info(file).fileno for file in _open_files()}:
        del _shared[number]


def _names(name: bytes) -> Iterator[bytes]:
    yield name
    for number in itertools.count(2):
        yield b"%s (%d)" % (name, number)


def _handle(state: Pass, handle: Any) -> Any:
    """A handle to a file, or to something in one, by what is known of the file and the name in it."""
    h5py = _library()
    kind = type(handle).__name__
    identity = handle if kind in _LOW else handle._id
    _forget_closed()
    if not identity.valid:
        return state.resource(handle, "a closed handle", "closed", closed, (kind,))
    name = h5py.h5i.get_name(identity)
    file = h5py.File(h5py.h5i.get_file_id(identity))
    if name is None or kind not in _KINDS:
        return state.hole(handle, "something without a name in an HDF5 file cannot be stored", Hidden("", False))
    found = _describe(file)
    if type(found) is str:
        return state.hole(handle, found, Hidden("", False))
    description, reason, token, complete = found
    shared = _shared.setdefault(h5py.h5o.get_info(identity).fileno, SharedFile())
    shared._description = description
    state.keep += (description,)
    return state.resource(handle, reason, f"{name!r} {token}", open_handle, (shared, kind, name), complete=complete)


def _describe(file: Any) -> Any:
    """Arguments of `SharedFile`, what is said, its token and whether that is complete; or why it is not stored."""
    path, mode, driver = str(file.filename), str(file.mode), file.driver
    if driver in ("sec2", "stdio"):
        path = os.path.abspath(path)
        token = f"{path!r} {mode} {stamp_of(path)}"
        reason = "a file, opened again by its path, with what is in it by then"
        return (path, mode, None, bool(file.swmr_mode), False), reason, token, mode == "r"
    if driver not in ("core", "fileobj"):
        return f"an HDF5 file with the driver {driver} cannot be stored"
    if file.id.get_filesize() > _LARGEST:
        return "an HDF5 file in memory of this size is not stored"
    reason = "a file in memory, by content and under a name of its own"
    if driver == "fileobj":
        reason += ", apart from the Python object that it is in"
        if mode != "r":
            return "an HDF5 file in a Python object is not stored: that would write to the object"
    elif mode != "r" and file.id.get_access_plist().get_fapl_core()[1]:
        path = os.path.abspath(path)
        reason = (
            "a file that is written to disk when it is closed, opened again by its path, with what is in it by then"
        )
        return (path, mode, None, False, True), reason, f"{path!r} {mode} {stamp_of(path)}", False
    file.flush()
    image = file.id.get_file_image()
    return (path, mode, image, False, False), reason, f"{mode} {xxhash.xxh3_128_hexdigest(image)}", True


def _file(state: Pass, shared: SharedFile) -> Any:
    return SharedFile, shared._description


_LOW = {"FileID": "File", "GroupID": "Group", "DatasetID": "Dataset"}
"""Identifiers of the library's lower level, and what has them."""
_KINDS = ("File", "Group", "Dataset", "Datatype", "AttributeManager", *_LOW)


def open_handle(shared: SharedFile, kind: str, name: bytes) -> Any:
    """That file, or what has that name in it."""
    if kind in _LOW:
        return open_handle(shared, _LOW[kind], name).id
    if kind == "File":
        return shared.handle()
    file = shared.open()
    found = file if name == b"/" else file[name]
    return found.attrs if kind == "AttributeManager" else file["/"] if found is file else found


def closed(kind: str) -> Any:
    """A closed handle."""
    if kind in _LOW:
        return closed(_LOW[kind]).id
    name = _free_name(b"closed").decode()
    file = _library().File(name, "w", driver="core", backing_store=False)
    made: dict[str, Any] = {"File": file, "AttributeManager": file.attrs, "Group": file["/"]}
    if kind not in made:
        file["closed"] = 0 if kind == "Dataset" else _library().h5t.py_create("f8").dtype
        made[kind] = file["closed"]
    file.close()
    return made[kind]


def find(kind: type) -> Any:
    """The reducer for files and handles, or None."""
    if kind is SharedFile:
        return _file
    library = sys.modules.get("h5py")
    if library is None or not str(kind.__module__).startswith("h5py."):
        return None
    if kind.__name__ in _KINDS:
        return _handle
    return _unnamed if kind.__name__ in _UNNAMED else None


def _unnamed(state: Pass, obj: Any) -> Any:
    known = Hidden("", True) if hasattr(obj, "typecode") else None  # a reference cannot be changed
    return state.hole(obj, "a part of an open HDF5 file that has no name cannot be stored", known)


_UNNAMED = ("AttrID", "Reference", "RegionReference", "DimensionManager", "DimensionProxy")
