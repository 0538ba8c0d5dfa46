"""How much memory there is still: the system's, and what the limit of a container leaves of it (Linux)."""

from __future__ import annotations

from pathlib import Path

from timeslip.standard import open_file

_GROUPS = Path("/sys/fs/cgroup")
_TWO = ("memory.max", "memory.current", b"inactive_file ")  # cgroups(7), version 2
_ONE = ("memory.limit_in_bytes", "memory.usage_in_bytes", b"total_inactive_file ")  # version 1
"""What a group says of its limit and its use, and what of that is kept of files and given back when it is needed."""


def available_bytes() -> int | None:
    """Memory that this process could get without swapping, and without being killed for it; None where nobody says."""
    found = [amount for amount in (_of_system(), *_of_groups()) if amount is not None]
    return min(found, default=None)


def _of_system() -> int | None:
    """What the system could give, bytes (proc_meminfo(5))."""
    found = _read(Path("/proc/meminfo"))
    at = found.find(b"MemAvailable:")
    return int(found[at + 13 : found.index(b"kB", at)]) << 10 if at >= 0 else None


def _of_groups() -> list[int | None]:
    """What each group that this process is in could give its members, bytes; None for one without a limit."""
    rooms: list[int | None] = []
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(b":", 2)
        if controllers and b"memory" not in controllers.split(b","):
            continue
        top, files = (_GROUPS / "memory", _ONE) if controllers else (_GROUPS, _TWO)
        group = top / path.decode(errors="surrogateescape").lstrip("/")
        # A container may not see the groups around it, and its own under another path: then as the uppermost.
        rooms += [_room(folder, *files) for folder in (group, *group.parents) if folder == top or top in folder.parents]
    return rooms


def _room(group: Path, most: str, used: str, given_back: bytes) -> int | None:
    try:
        limit, now = int(_read(group / most)), int(_read(group / used))
    except ValueError:  # "max", or there is no such file
        return None
    found = _read(group / "memory.stat")
    at = found.find(b"\n" + given_back)
    spare = int(found[at + 1 + len(given_back) :].split(None, 1)[0]) if at >= 0 else 0
    return max(0, limit - now + spare)


def _read(path: Path) -> bytes:
    """What is in a file; nothing where there is none."""
    try:
        with open_file(path, "rb") as file:
            return bytes(file.read())
    except OSError:
        return b""
