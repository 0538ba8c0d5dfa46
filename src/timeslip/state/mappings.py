"""What is mapped into this process, and where a buffer lies in it.

Only ordinary memory is private to the process, is held by no file and changes in no other way than by being written:
the heap and anonymous private maps. Everything else can change without any write that is seen: shared memory from
another process, a file from whoever writes it, and private maps of a file go back to what the file holds when they
are given back to the kernel.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from bisect import bisect_right
from typing import Any

from timeslip.standard import open_file

_QUERY = 0xC0686611  # PROCMAP_QUERY (linux/fs.h): _IOWR('f', 17, struct procmap_query)
_QUERY_ARG = struct.Struct("=9Q4I2Q")
"""struct procmap_query: size, query_flags, query_addr, vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode,
dev_major, dev_minor, vma_name_size, build_id_size, vma_name_addr, build_id_addr."""
_PRIVATE_WRITABLE = 1 | 2  # PROCMAP_QUERY_VMA_READABLE | …_WRITABLE, and neither …_EXECUTABLE nor …_SHARED
_LONGEST_PATH = 4096

_USUAL_MOST = 65530
"""Maps that a process may have where the system does not say (the kernel's default)."""


class Mappings:
    """The maps of this process when this was made; reads /proc/self/maps, about 1 µs a map.

    Attributes:
        count: how many there are.

    Raises:
        OSError: they cannot be read.
    """

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        with open_file("/proc/self/maps", "rb") as file:
            lines = file.read().splitlines()
        self.count = len(lines)
        for line in lines:
            if _is_ordinary(line):
                start, stop = (int(part, 16) for part in line[: line.index(b" ")].split(b"-"))
                if self._stops and self._stops[-1] == start:
                    self._stops[-1] = stop
                else:
                    self._starts.append(start)
                    self._stops.append(stop)

    def are_ordinary(self, start: int, stop: int) -> bool:
        """Whether all of these addresses are ordinary memory."""
        at = bisect_right(self._starts, start) - 1
        return at >= 0 and stop <= self._stops[at]


def _is_ordinary(line: bytes) -> bool:
    """Whether a line of /proc/self/maps (proc_pid_maps(5)) is of memory that only this process can change."""
    _, permissions, _, _, inode, *path = line.split(None, 5)
    if permissions[:2] != b"rw" or permissions[3:] != b"p" or inode != b"0":
        return False
    return _is_of_memory(path[0] if path else b"")


def are_ordinary(start: int, stop: int) -> bool:
    """As `Mappings.are_ordinary`, as of now, without reading all maps.

    Raises:
        OSError, ImportError: the kernel does not answer questions about a single map.
    """
    with open_file("/proc/self/maps", "rb", buffering=0) as file:
        while start < stop:
            found = private_map_at(file.fileno(), start)
            if found is None or found[4] or not _is_of_memory(found[3]):
                return False
            start = found[1]
    return True


def _is_of_memory(path: bytes) -> bool:
    """Whether it is how the kernel calls memory that is in no file, and no stack."""
    return not path or path == b"[heap]" or path.startswith(b"[anon:")


def count_maps() -> int:
    """How many maps this process has; about 1 µs for each. Raises OSError."""
    with open_file("/proc/self/maps", "rb") as file:
        return file.read().count(b"\n")


def private_map_at(maps: int, address: int) -> tuple[int, int, int, bytes, int] | None:
    """The private map that may be written at *address*: start, stop, offset in its file, path and inode of that.

    Asks for this one alone (Linux 6.11 or later), which takes 6 µs: where libraries are loaded a process has a thousand
    of them and more, and reading all takes 1 µs or 2 each.

    Args:
        maps: descriptor of /proc/self/maps.
        address: any.

    Returns:
        None where there is no such map.

    Raises:
        OSError: the kernel does not answer.
    """
    import fcntl  # there is none on Windows

    path = ctypes.create_string_buffer(_LONGEST_PATH)
    at, size = ctypes.addressof(path), _QUERY_ARG.size
    asked = bytearray(_QUERY_ARG.pack(size, 0, address, 0, 0, 0, 0, 0, 0, 0, 0, _LONGEST_PATH, 0, at, 0))
    try:
        fcntl.ioctl(maps, _QUERY, asked, True)
    except OSError as error:
        if error.errno == errno.ENOENT:  # nothing is mapped there
            return None
        raise
    _, _, _, start, stop, flags, _, offset, inode, *_ = _QUERY_ARG.unpack(asked)
    return (start, stop, offset, path.value, inode) if flags == _PRIVATE_WRITABLE else None


def most_maps() -> int:
    """How many maps a process may have (vm.max_map_count)."""
    try:
        with open_file("/proc/sys/vm/max_map_count", "rb") as file:
            return int(file.read())
    except (OSError, ValueError):
        return _USUAL_MOST


def has_pinned() -> bool:
    """Whether memory of this process is pinned for a device or a ring of the kernel, which write to it unseen.

    Raises:
        OSError, ValueError: that cannot be told.
    """
    with open_file("/proc/self/status", "rb") as file:
        found = file.read()
    at = found.find(b"\nVmPin:")  # proc_pid_status(5); in kB
    return at >= 0 and int(found[at + 7 : found.index(b"kB", at)]) > 0


class _Buffer(ctypes.Structure):
    """``Py_buffer`` (object.h of CPython; part of the stable ABI from 3.11 on, the same in 3.10)."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_void_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


_get: Any = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.POINTER(_Buffer), ctypes.c_int)(
    ("PyObject_GetBuffer", ctypes.pythonapi)
)
_release: Any = ctypes.PYFUNCTYPE(None, ctypes.POINTER(_Buffer))(("PyBuffer_Release", ctypes.pythonapi))


def address_of(data: memoryview) -> int:
    """Address of the first byte of *data*, which is contiguous. Holds no export of it afterwards."""
    found = _Buffer()
    try:
        _get(data, ctypes.byref(found), 0)
        return int(found.buf or 0)
    finally:
        _release(ctypes.byref(found))  # of nothing, when there was nothing to get
