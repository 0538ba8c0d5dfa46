"""Asking the kernel which pages of this process were written, whoever wrote them (Linux 6.7 or later).

Memory that is *registered* with a userfaultfd in asynchronous mode is write-protected page by page; the first write to
a page takes the protection off, within the kernel and without anybody being told. ``PAGEMAP_SCAN`` tells which pages
have lost it and protects them again, page by page in one step. Neither needs a privilege. What they are good for, and
what they do not see, is in docs/design/021-written-pages.md.

Structures and numbers are those of Linux 6.18: ``linux/userfaultfd.h`` and ``linux/fs.h``. They are part of its
interface and do not change.
"""

from __future__ import annotations

import ctypes
import errno
import struct
import sys
from typing import Any

from timeslip.standard import open_file, os

_SYSCALL = {"x86_64": 323, "aarch64": 282, "riscv64": 282, "loongarch64": 282, "ppc64le": 364, "s390x": 355}
"""Number of the system call ``userfaultfd`` (asm/unistd.h)."""

_USER_MODE_ONLY = 1  # UFFD_USER_MODE_ONLY: what needs no privilege
_API = 0xAA  # UFFD_API
_FEATURES = 1 << 15 | 1 << 13  # UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED
_MODE_WP = 1 << 1  # UFFDIO_REGISTER_MODE_WP

# _IOWR(0xAA, number, structure of so many bytes); UFFDIO_UNREGISTER is _IOR.
_UFFDIO_API = 0xC018AA3F  # struct uffdio_api: api, features, ioctls
_UFFDIO_REGISTER = 0xC020AA00  # struct uffdio_register: start, len, mode, ioctls
_UFFDIO_UNREGISTER = 0x8010AA01  # struct uffdio_range: start, len
_UFFDIO_WRITEPROTECT = 0xC018AA06  # struct uffdio_writeprotect: start, len, mode

_PAGEMAP_SCAN = 0xC0606610  # _IOWR('f', 16, struct pm_scan_arg)
_SCAN_ARG = struct.Struct("=12Q")
"""struct pm_scan_arg: size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted, category_mask,
category_anyof_mask, return_mask."""
_WALK_END = 4 * 8
_PROTECT_ASYNC_ONLY = 1 << 0 | 1 << 1  # PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC
_WRITTEN, _FILE, _PRESENT, _SWAPPED = 1 << 1, 1 << 2, 1 << 3, 1 << 4  # PAGE_IS_…

_REGIONS = 4096
"""So many ranges (struct page_region: start, end, categories) are answered at a time; 96 kB."""

_FEW_REGIONS = 512

PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
"""Bytes of a page."""


class NotTold(Exception):  # noqa: N818  # no error: there is another way
    """The kernel does not tell which pages were written. Its text says why, for people."""


class Pages:
    """The kernel's knowledge of what was written to the memory of this process.

    Not for several threads at once. Of no use in a forked child: its descriptors speak of the parent's memory.

    Raises:
        NotTold: this system cannot, or must not, tell.
    """

    def __init__(self) -> None:
        self._fault = self._map = -1
        self._files: dict[int, tuple[int, int]] = {}
        self._found = (ctypes.c_uint64 * (3 * _REGIONS))()
        try:
            self._open()
            self._try()
        except OSError as error:
            self.close()
            raise NotTold(_reason(error)) from error
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        number = _SYSCALL.get(os.uname().machine) if sys.platform == "linux" and sys.maxsize > 1 << 32 else None
        if number is None:
            raise NotTold("this system does not tell which pages of memory were written")
        call = ctypes.CDLL(None, use_errno=True).syscall
        call.restype = ctypes.c_long
        flags = os.O_CLOEXEC | os.O_NONBLOCK | _USER_MODE_ONLY
        self._fault = call(ctypes.c_long(number), ctypes.c_long(flags))
        if self._fault < 0:
            found = ctypes.get_errno()
            raise OSError(found, os.strerror(found))
        _ioctl(self._fault, _UFFDIO_API, struct.pack("=3Q", _API, _FEATURES, 0))
        self._map = os.open("/proc/self/pagemap", os.O_RDONLY | os.O_CLOEXEC)
        self._files = {descriptor: _file(descriptor) for descriptor in (self._fault, self._map)}

    def _try(self) -> None:
        """Whether a written page is told, and only a written one.

        Raises:
            OSError: what is asked is not known here, or refused.
            NotTold: the answers are wrong.
        """
        import mmap

        with mmap.mmap(-1, 2 * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as trial:
            start = ctypes.addressof(ctypes.c_char.from_buffer(trial))
            trial[0] = 1
            self.register(start, start + 2 * PAGE)
            self.written(start, start + 2 * PAGE)
            clean = self.written(start, start + 2 * PAGE)
            trial[PAGE] = 1
            written = self.written(start, start + 2 * PAGE)
        if clean or written != [(start + PAGE, start + 2 * PAGE)]:
            raise NotTold("this kernel does not tell rightly which pages of memory were written")

    def register(self, start: int, stop: int) -> None:
        """Let pages be protected from now on. What is registered already may be among them.

        Raises:
            OSError: there is nothing mapped, no map left, or somebody else has registered it.
        """
        _ioctl(self._fault, _UFFDIO_REGISTER, struct.pack("=4Q", start, stop - start, _MODE_WP, 0))

    def unregister(self, start: int, stop: int) -> None:
        """Take the protection away, for good. What is not registered any more may be among it.

        Raises:
            OSError: there is nothing mapped, or it is registered by somebody else.
        """
        _ioctl(self._fault, _UFFDIO_UNREGISTER, struct.pack("=2Q", start, stop - start))

    def unprotect(self, start: int, stop: int) -> None:
        """Take the protection off as if all of the pages had been written: the next writes cost nothing.

        Raises:
            OSError: it is not registered.
        """
        _ioctl(self._fault, _UFFDIO_WRITEPROTECT, struct.pack("=3Q", start, stop - start, 0))

    def written(self, start: int, stop: int) -> list[tuple[int, int]]:
        """The pages that were written since they were last asked for, as ranges; protects them again.

        Whoever calls this must have noted before that nothing is known of these pages: when it raises, also for an
        interrupt, some of them may be protected again and not told.

        Raises:
            OSError: some of them are not registered (any more), or hold a file.
        """
        ranges: list[tuple[int, int]] = []
        arguments = bytearray(_SCAN_ARG.size)
        while start < stop:
            # Asked for are written pages, and those that are not there at all: what has been given back to the kernel
            # (MADV_DONTNEED) is zero, and older kernels do not call all of that written.
            _SCAN_ARG.pack_into(
                *(arguments, 0, _SCAN_ARG.size, _PROTECT_ASYNC_ONLY, start, stop, 0),
                *(ctypes.addressof(self._found), _REGIONS, 0),
                *(_PRESENT, 0, _WRITTEN | _PRESENT, _WRITTEN | _FILE | _PRESENT | _SWAPPED),
            )
            count = _ioctl(self._map, _PAGEMAP_SCAN, arguments)
            answer = self._found[: 3 * count]
            for first, last, kind in zip(answer[::3], answer[1::3], answer[2::3], strict=True):
                if kind & _FILE:
                    raise OSError(errno.EINVAL, "there is a file by now")
                if kind & _WRITTEN or not kind & (_PRESENT | _SWAPPED):
                    ranges.append((first, last))
            reached: int = struct.unpack_from("=Q", arguments, _WALK_END)[0]
            if reached <= start:
                raise OSError(errno.EIO, "the scan does not go on")
            start = reached
        return ranges

    def count_written(self, start: int, stop: int, most: int) -> int:
        """How many pages were written since they were last asked for, up to about *most*; changes nothing.

        May be called while another thread asks.

        Raises:
            OSError: we have been closed.
        """
        found = (ctypes.c_uint64 * (3 * _FEW_REGIONS))()
        arguments = bytearray(_SCAN_ARG.size)
        count = 0
        while start < stop and count < most:
            _SCAN_ARG.pack_into(
                *(arguments, 0, _SCAN_ARG.size, 0, start, stop, 0),
                *(ctypes.addressof(found), _FEW_REGIONS, most - count),
                *(0, _WRITTEN, 0, _WRITTEN),
            )
            answer = found[: 3 * _ioctl(self._map, _PAGEMAP_SCAN, arguments)]
            count += (sum(answer[1::3]) - sum(answer[::3])) // PAGE
            reached: int = struct.unpack_from("=Q", arguments, _WALK_END)[0]
            if reached <= start:
                break
            start = reached
        return count

    def close(self) -> None:
        """Give up the descriptors; with the last of them goes every registration."""
        ours, self._fault, self._map = (self._fault, self._map), -1, -1
        for descriptor in ours:
            try:
                if descriptor >= 0 and self._files.get(descriptor, _file(descriptor)) == _file(descriptor):
                    os.close(descriptor)
            except OSError:  # a user who closes every descriptor there is; the number may be another file's by now
                continue


def own_pages(start: int, stop: int) -> list[tuple[int, int]] | None:
    """The pages of private maps of files that were written: pages of this process alone, as ranges of addresses.

    Among them are pages that no file was ever mapped to. For any thread.

    Args:
        start: of a page.
        stop: likewise.

    Returns:
        None when there are so many that reading what is told of each page takes less time.

    Raises:
        OSError: this kernel does not tell, or not so.
    """
    found = (ctypes.c_uint64 * (3 * _FEW_REGIONS))()
    arguments = bytearray(_SCAN_ARG.size)
    _SCAN_ARG.pack_into(
        *(arguments, 0, _SCAN_ARG.size, 0, start, stop, 0, ctypes.addressof(found), _FEW_REGIONS, 0),
        *(_FILE, _FILE, _PRESENT | _SWAPPED, _FILE),  # of no file, and there
    )
    with open_file("/proc/self/pagemap", "rb", buffering=0) as file:
        count = _ioctl(file.fileno(), _PAGEMAP_SCAN, arguments)
    if count == _FEW_REGIONS or struct.unpack_from("=Q", arguments, _WALK_END)[0] < stop:
        return None  # what was not reached would be taken for untouched
    return list(zip(found[: 3 * count : 3], found[1 : 3 * count : 3], strict=True))


def _file(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


def _ioctl(descriptor: int, request: int, arguments: bytes | bytearray) -> int:
    import fcntl  # there is none on Windows

    held: Any = arguments if isinstance(arguments, bytearray) else bytearray(arguments)
    answer: int = fcntl.ioctl(descriptor, request, held, True)
    return answer


def _reason(error: OSError) -> str:
    if error.errno in (errno.EPERM, errno.EACCES):
        return "this kernel or container does not allow to ask which pages of memory were written"
    if error.errno in (errno.ENOSYS, errno.EINVAL, errno.ENOTTY, errno.ENOENT):
        return "this kernel does not tell which pages of memory were written (Linux does from 6.7 on)"
    return f"the kernel does not tell which pages of memory were written ({error.strerror})"
