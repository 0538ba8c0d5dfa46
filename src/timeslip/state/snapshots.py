"""The memory of this process as it was at one moment, kept by the kernel while code goes on writing to it (Linux).

A snapshot is a copy-on-write copy of the process that does nothing: made by ``clone(2)`` as ``fork`` would make it, but
it never returns into Python or anybody's code. It sleeps on a lock, and its memory is read through ``/proc`` by the
process that it is a copy of. So none of what makes forking a process with threads dangerous can happen: it takes no
lock that a thread may have held, allocates nothing, runs no handler (neither those of ``os.register_at_fork`` nor those
of ``pthread_atfork``), and shares the table of descriptors, so that closing a socket or a pipe here closes it.

The lock is a robust mutex in shared memory, held by the thread that made the snapshot. The copy ends when the thread
lets it go, and also when the thread or the process dies, however it dies: nobody has to kill it, and it outlives nobody
(pthread_mutexattr_setrobust(3)). It is no child that ``wait`` of the user's code would see (its exit signal is none).

What it costs is the copy of the page tables, 2 to 25 ms for 1 GB, and a copied page for each that is written while it
is there. Choice and measurements: docs/design/028-writing-in-the-background.md.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import sys
from collections.abc import Iterable
from typing import Any

from timeslip.interrupts import uninterrupted
from timeslip.standard import open_file, os, signal
from timeslip.state.mappings import Mappings, has_pinned

_MACHINES = frozenset({"x86_64", "aarch64"})
"""Where the C library's ``clone`` takes the top of a stack that grows down (clone(2))."""

_CLONE_FILES, _CLONE_FS = 0x400, 0x200  # sched.h
_WAIT_ALL = 0x40000000  # __WALL (wait.h): also a child without an exit signal
_SHARED, _ROBUST = 1, 1  # PTHREAD_PROCESS_SHARED, PTHREAD_MUTEX_ROBUST
_STACK = 1 << 16
_LOCK = 256
"""More bytes than any C library's mutex or its attributes have (48 at most in glibc and musl)."""


class NoSnapshotError(Exception):
    """There can be no snapshot, or it is gone. Its text says why, for people."""


class Snapshot:
    """One snapshot. Made, read and closed by one thread, which must live as long as it.

    Raises:
        NoSnapshotError: this system cannot, or must not, make one.
    """

    def __init__(self) -> None:
        self._pid = self._memory = -1
        self._shared: mmap.mmap | None = None
        if _never:
            raise NoSnapshotError(_never)
        self._library = _library()
        try:
            if has_pinned():  # a device may write to what the copy shares
                raise NoSnapshotError("memory is pinned for a device")
            # Of a map, because its address is on a page that nothing else is on, and may be shared with the copy.
            self._shared = mmap.mmap(-1, mmap.PAGESIZE)
            _held.add(self._shared)
            self._lock = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(self._shared)))
            self._hold()
            self._make()
        except (OSError, ValueError) as error:
            self.close()
            number, told = (error.errno, error.strerror) if isinstance(error, OSError) else (None, str(error))
            raise _refused(f"this system does not let us make one ({told})", number) from error
        except BaseException:
            self.close()
            raise

    def _hold(self) -> None:
        """Make the lock, and take it."""
        library, kind = self._library, ctypes.create_string_buffer(_LOCK)
        _check(library.pthread_mutexattr_init(kind))
        _check(library.pthread_mutexattr_setpshared(kind, _SHARED))
        _check(library.pthread_mutexattr_setrobust(kind, _ROBUST))
        _check(library.pthread_mutex_init(self._lock, kind))
        _check(library.pthread_mutex_lock(self._lock))

    def _make(self) -> None:
        """Make the copy, and see whether it has what was there when it was made.

        Raises:
            OSError: something is refused.
            NoSnapshotError: it has not.
        """
        with mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as trial:
            address = ctypes.addressof(ctypes.c_char.from_buffer(trial))
            trial[:8] = before = os.urandom(8)
            self._pid = self._copied()
            self._memory = os.open(f"/proc/{self._pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
            trial[:8] = bytes(8)
            found = bytearray(8)
            self.read_into(address, memoryview(found))
        self._offer()
        if found != before:
            raise _refused("a copy of the memory has not what it should have")

    def _copied(self) -> int:
        """The process that is the copy, which waits for the lock. No signal reaches it: it must not run a handler."""
        with mmap.mmap(-1, _STACK, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as stack:
            held = ctypes.c_char.from_buffer(stack)
            top = ctypes.c_void_p((ctypes.addressof(held) + _STACK - 64) & ~63)
            wait = ctypes.cast(self._library.pthread_mutex_lock, ctypes.c_void_p)
            before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
            try:
                signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
                pid: int = self._library.clone(wait, top, _CLONE_FILES | _CLONE_FS, self._lock)
                error = ctypes.get_errno()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                del held
        if pid < 0:
            raise OSError(error, os.strerror(error))
        return pid

    def _offer(self) -> None:
        """Where memory runs out, this copy is what the system kills first, and not whom it is a copy of."""
        try:
            with open_file(f"/proc/{self._pid}/oom_score_adj", "wb") as file:
                file.write(b"1000")
        except OSError:  # it is refused, or there is no such file: then the system chooses
            pass

    def read_into(self, address: int, target: memoryview) -> None:
        """Fill *target*, bytes, with what was at *address*.

        Raises:
            NoSnapshotError: the copy is gone, or there was nothing.
        """
        done = 0
        while done < len(target):
            try:
                count = os.preadv(self._memory, [target[done:]], address + done)
            except OSError as error:
                raise NoSnapshotError(f"a copy of the memory cannot be read ({error.strerror})") from error
            if not count:
                raise NoSnapshotError("a copy of the memory is gone: somebody has killed it")
            done += count

    def close(self) -> None:
        """Let the copy end. Harmless a second time."""
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1
        if self._shared is None:
            return
        # Also where there is no copy: a lock that is held is in a list of the thread's that goes through the page
        # itself, and the next lock would be written into whatever lies there by then. Of one not held this is refused.
        self._library.pthread_mutex_unlock(self._lock)
        if self._pid >= 0:
            try:
                os.waitpid(self._pid, _WAIT_ALL)
            except OSError:  # somebody else has waited for it
                pass
            self._pid = -1
        _held.discard(self._shared)
        self._shared = None

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def keeps(places: Iterable[tuple[int, int]]) -> bool:
    """Whether what is written to these addresses from now on is not seen in a snapshot: no where that is not known.

    Memory that processes share, and a file that is mapped, is the same in the copy.
    """
    places = list(places)
    try:
        mappings = Mappings() if places else None
    except OSError:
        return False
    return mappings is None or all(mappings.are_ordinary(*place) for place in places)


_held: set[mmap.mmap] = set()
"""The pages of locks that are held: where one is unmapped, nobody hears of the death of its holder."""

_known: Any = None
_never = ""
"""Why there will be no snapshots in this process, whenever one is wanted; empty while that is not known."""

_FOR_GOOD = frozenset({errno.EPERM, errno.EACCES, errno.ENOENT, errno.ENOSYS})
"""What is refused so now will be refused again. What lacks memory or processes may find some later."""


def _refused(why: str, number: int | None = errno.EPERM) -> NoSnapshotError:
    global _never
    if number in _FOR_GOOD:
        _never = why
    return NoSnapshotError(why)


def why_not() -> str:
    """Why there are no snapshots now, for people; empty when they work. Tries it."""
    try:
        with uninterrupted(), Snapshot():  # torn in between, signals would stay blocked, or a copy be left
            return ""
    except NoSnapshotError as error:
        return str(error)


def _library() -> Any:
    """The C library of this process, with the functions that are needed.

    Raises:
        NoSnapshotError: this is not such a system.
    """
    global _known
    if _known is None:
        if sys.platform != "linux" or sys.maxsize <= 1 << 32 or os.uname().machine not in _MACHINES:
            raise _refused("this system keeps no copy of memory that is written to")
        try:
            library = ctypes.CDLL(None, use_errno=True)
            clone = library.clone
            clone.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
            clone.restype = ctypes.c_int
            for name in ("mutexattr_init", "mutexattr_setpshared", "mutexattr_setrobust", "mutex_init"):
                getattr(library, f"pthread_{name}").restype = ctypes.c_int
            for name in ("pthread_mutex_lock", "pthread_mutex_unlock"):
                getattr(library, name).argtypes = [ctypes.c_void_p]
        except (OSError, AttributeError) as error:
            raise _refused("the C library of this process has not what it takes") from error
        _known = library
    return _known


def _check(error: int) -> None:
    if error:
        raise OSError(error, os.strerror(error))
