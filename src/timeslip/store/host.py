"""What the store asks of the machine: who is alive, which boot this is, whether a disk is local, and file locks.

Everything here degrades: where a platform cannot answer, the answer is the careful one (a process that cannot be
examined is alive, a boot that cannot be named is a new boot, a lock that cannot be had was not had).
"""

from __future__ import annotations

import errno
import functools
import sys
from pathlib import Path
from socket import gethostname

from timeslip.standard import open_file, os
from timeslip.store.files import translate

if sys.platform != "win32":
    import fcntl

FOREIGN_SECONDS = 3600.0
"""A lease of a host whose processes cannot be examined counts as alive for this long after its last sign, seconds."""

NETWORK_FILE_SYSTEMS = frozenset(
    "nfs nfs4 cifs smb3 smbfs ncpfs afs coda 9p ceph glusterfs lustre gpfs beegfs pvfs2 orangefs davfs vboxsf prl_fs "
    "drvfs virtiofs acfs ocfs2 gfs2".split()
)
"""Types in ``/proc/mounts`` on which shared memory or POSIX locks cannot be relied on."""

_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EINTR)
_LOCAL_FUSE = frozenset({"fuseblk", "fuse.ntfs-3g", "fuse.ext4"})


@functools.lru_cache(maxsize=1)
def boot_id() -> str:
    """A text that differs after every start of the operating system; empty where there is none."""
    return _read_line("/proc/sys/kernel/random/boot_id")


@functools.lru_cache(maxsize=1)
def host_identity() -> str:
    """A text that is equal exactly where process numbers mean the same processes (machine and process namespace)."""
    machine = _read_line("/etc/machine-id") or gethostname()
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux, or no /proc: then there are no process namespaces to tell apart either
        namespace = ""
    return f"{machine}/{gethostname() if namespace == '' else namespace}"


def process_start(pid: int) -> int | None:
    """When process *pid* started, in clock ticks since boot; None where unknown, or when it is dead or a zombie."""
    try:
        with open_file(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:  # dead, or no /proc
        return None
    if len(fields) < 20 or fields[0] in (b"Z", b"X", b"x"):
        return None
    return int(fields[19])


def process_alive(pid: int, started: int | None) -> bool:
    """Whether the process *pid* of this host that started at *started* (see `process_start`) still runs."""
    if sys.platform == "linux" and os.path.exists("/proc/self/stat"):
        now = process_start(pid)
        return now is not None and (started is None or now == started)
    return _pid_exists(pid)


def _pid_exists(pid: int) -> bool:
    if sys.platform == "win32":  # os.kill(pid, 0) would send a console event there
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it exists but belongs to somebody else
        return True
    return True


def file_system_type(path: Path, mounts: str = "/proc/mounts") -> str:
    """The type of the file system that holds *path*, as Linux names it; empty elsewhere."""
    try:
        with open_file(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:  # not Linux
        return ""
    target = os.path.realpath(path)
    best, kind = "", ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = _unescape(fields[1])
        inside = target == point or target.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def is_local(path: Path, mounts: str = "/proc/mounts") -> bool:
    """Whether *path* lies on a disk of this machine: only there are WAL and memory maps used."""
    kind = file_system_type(path, mounts)
    if kind.startswith("fuse") and kind not in _LOCAL_FUSE:
        return False
    return kind not in NETWORK_FILE_SYSTEMS


def sync_directory(path: Path) -> None:
    """Make the entries of directory *path* durable; does nothing where directories cannot be opened (Windows)."""
    if sys.platform == "win32":
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class FileLock:
    """An advisory lock on an open file, freed by the system when its last holder dies.

    Each instance has an open file of its own, so two instances in one process exclude each other like two processes.
    A forked child shares its parent's lock: it must call `abandon`, which leaves the parent's lock in place.
    Where the platform has no ``flock``, `supported` is False and every request fails.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1
        self.supported = sys.platform != "win32"
        """False once the platform or the file system has refused locks altogether."""

    def shared(self) -> bool:
        """Wait for a shared lock. False where locks are not supported."""
        return self._lock(exclusive=False, wait=True)

    def try_exclusive(self) -> bool:
        """Take the lock for this instance alone, without waiting. False: somebody else holds it."""
        return self._lock(exclusive=True, wait=False)

    def release(self) -> None:
        """Give the lock back. Harmless when it is not held."""
        if sys.platform != "win32" and self._fd >= 0:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Release the lock and close the file."""
        self.release()
        self.abandon()

    def abandon(self) -> None:
        """Close this process's descriptor without releasing a lock that a parent process may still need."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _lock(self, *, exclusive: bool, wait: bool) -> bool:
        if sys.platform == "win32":
            return False
        if self._fd < 0:
            try:
                self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise translate(error, f"opening {self._path.name}") from error
        flags = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB)
        try:
            fcntl.flock(self._fd, flags)
        except OSError as error:  # held by another, or a file system without flock: either way it was not had
            self.supported = error.errno in _HELD
            return False
        return True


def try_lock_descriptor(fd: int) -> bool | None:
    """Lock the open file *fd* exclusively without waiting; it is freed when the descriptor is closed.

    False: somebody else holds it. None: there are no locks here.
    """
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # held by another, or not supported by the file system
        return False if error.errno in _HELD else None
    return True


def _read_line(path: str) -> str:
    try:
        with open_file(path, encoding="ascii", errors="replace") as file:
            return file.readline().strip()
    except OSError:  # the platform has no such file
        return ""


def _unescape(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text
