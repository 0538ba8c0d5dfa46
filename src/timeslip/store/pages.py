"""Pages of files mapped over memory that the C library has given, private and copied on write.

An array that was just made has memory of its own: `malloc` maps a large request by itself and puts 16 bytes of its
book-keeping before what it gives away. Pages of a file mapped over pages in there change nothing for whoever owns the
memory: it is written, resized and freed as before, because freeing it is to unmap all of it. A write goes to a copy of
the page that nobody else sees, and the file may be unlinked meanwhile.

Only memory that can be told to be such a request is touched; everywhere else (other systems, other C libraries, a
`malloc` that somebody has put in place of theirs, memory from the heap) nothing is mapped.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import mmap
import sys
from typing import Any

from timeslip.standard import open_file, os

BOOK_KEEPING = 16
"""Bytes that the C library keeps in front of memory that it has mapped for one request, from the start of a page."""

PAGE = mmap.PAGESIZE

_IS_MAPPED, _FLAGS = 2, 7
_FIXED = 0x10
"""MAP_FIXED of Linux, which Python's `mmap` does not name."""

_MAPS_OF_LINUX = 65530
"""How many maps a process may have where the kernel does not say."""


class NotMappedError(Exception):
    """The kernel refused; the memory is as it was, but for its content."""


def is_own_map(address: int, size: int) -> bool:
    """Whether *size* bytes of memory at *address* are all of one request that the C library has mapped by itself."""
    if address % PAGE != BOOK_KEEPING or size < PAGE or not is_possible():
        return False
    word = ctypes.c_size_t.from_address(address - ctypes.sizeof(ctypes.c_size_t)).value
    length = word & ~_FLAGS
    fits = 0 <= length - BOOK_KEEPING - size <= 2 * PAGE
    return word & _FLAGS == _IS_MAPPED and length % PAGE == 0 and fits


@functools.cache
def is_possible() -> bool:
    """Whether this process has Linux's maps and the GNU C library's `malloc`."""
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    try:
        if not (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc"):
            return False
        used, own = ctypes.CDLL(None).malloc, ctypes.CDLL("libc.so.6").malloc
    except (AttributeError, OSError, ValueError):  # another C library
        return False
    return ctypes.cast(used, ctypes.c_void_p).value == ctypes.cast(own, ctypes.c_void_p).value


@functools.cache
def _mmap() -> Any:
    found = ctypes.CDLL(None, use_errno=True).mmap
    found.restype = ctypes.c_void_p
    found.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64]
    return found


def _place(address: int, size: int, flags: int, fd: int, offset: int) -> bool:
    got = _mmap()(address, size, mmap.PROT_READ | mmap.PROT_WRITE, flags | mmap.MAP_PRIVATE | _FIXED, fd, offset)
    return bool(got == address)


def map_over(address: int, size: int, fd: int, offset: int) -> None:
    """Put pages of a file in the place of whole pages of memory.

    Args:
        address: of the first page.
        size: a multiple of the page size.
        fd: of the file, which goes on beyond what is mapped: to read behind its end would kill the process.
        offset: a multiple of the page size.

    Raises:
        NotMappedError: there are pages without content now, to be filled otherwise.
        MemoryError: there are none, either; the memory must not be used.
    """
    if _place(address, size, 0, fd, offset):
        return
    if ctypes.get_errno() in (errno.EINVAL, errno.EAGAIN):  # refused before anything was taken away: huge pages, locks
        raise NotMappedError
    if not _place(address, size, mmap.MAP_ANONYMOUS, -1, 0):
        raise MemoryError("there is no memory for what is to be loaded")
    raise NotMappedError


class Maps:
    """How many maps this process may still be given: a quarter of what the kernel allows, all others counted."""

    def __init__(self) -> None:
        self._counted = self._made = 0
        self._most = 0

    def may_add(self, count: int) -> bool:
        """Whether there is room for so many more; then they count as made."""
        if not self._most:
            self._most = _limit() // 4
            self._counted = _count()
        if self._counted + self._made + count > self._most:
            self._counted, self._made = _count(), 0  # most of those that were made may be gone
            if self._counted + count > self._most:
                return False
        self._made += count
        return True


def _limit() -> int:
    try:
        with open_file("/proc/sys/vm/max_map_count", "rb") as file:
            return int(file.read())
    except (OSError, ValueError):  # no /proc
        return _MAPS_OF_LINUX


def _count() -> int:
    try:
        with open_file("/proc/self/maps", "rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 16), b""))
    except OSError:  # then nobody can tell, and nothing is mapped
        return sys.maxsize


def address_of(memory: memoryview) -> int:
    """Where writable *memory* lies."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))
