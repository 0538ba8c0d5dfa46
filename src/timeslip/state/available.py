"""How much memory this process could still get: what the system has, and what the limit of its container leaves."""

from __future__ import annotations

from timeslip.standard import open_file

_ROOT = "/sys/fs/cgroup"
_NO_LIMIT = 1 << 60
"""Version 1 says "no limit" with a number above this."""


def available_bytes() -> int | None:
    """Memory that could be had without swapping, bytes; None where the system does not say."""
    found = [count for count in (_of_system(), _of_container()) if count is not None]
    return min(found) if found else None


def resident_bytes() -> int | None:
    """Memory of this process, bytes (proc_pid_status(5)); None where the system does not say."""
    return _field("/proc/self/status", b"VmRSS:")


def _of_system() -> int | None:
    """See proc_meminfo(5)."""
    return _field("/proc/meminfo", b"MemAvailable:")


def _of_container() -> int | None:
    """What the limits of the control groups leave that this process is in (cgroups(7)); None where there are none."""
    groups = _read("/proc/self/cgroup")
    if groups is None:
        return None
    found: list[int] = []
    for line in groups.decode(errors="replace").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found += _left(_ROOT, path, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            found += _left(f"{_ROOT}/memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes")
    return min(found) if found else None


def _left(root: str, path: str, limit: str, usage: str) -> list[int]:
    """Of a group and all above it that have a limit: what is left, and what of it is cached files."""
    found = []
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for count in range(len(parts), -1, -1):
        folder = "/".join([root, *parts[:count]])
        most, used = _number(f"{folder}/{limit}"), _number(f"{folder}/{usage}")
        if most is not None and used is not None and most < _NO_LIMIT:
            found.append(max(0, most - used + _cached(f"{folder}/memory.stat")))
    return found


def _cached(path: str) -> int:
    """Bytes of cached files that would be let go first."""
    for line in (_read(path) or b"").splitlines():
        if line.startswith((b"inactive_file ", b"total_inactive_file ")):
            return int(line.split()[1])
    return 0


def _number(path: str) -> int | None:
    try:
        return int(_read(path) or b"")
    except ValueError:  # "max": no limit; or no such file
        return None


def _field(path: str, name: bytes) -> int | None:
    """A number of kilobytes in a file of /proc, as bytes."""
    for line in (_read(path) or b"").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) << 10
    return None


def _read(path: str) -> bytes | None:
    try:
        with open_file(path, "rb") as file:
            found: bytes = file.read()
            return found
    except OSError:  # another system, or not for us
        return None
