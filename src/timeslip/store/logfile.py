"""``timeslip.log`` beside the store's database: what went wrong inside Timeslip, in detail."""

from __future__ import annotations

from pathlib import Path

from timeslip.standard import os, time

FILE_NAME = "timeslip.log"
_MOST_BYTES = 1_000_000
"""The log starts anew above this size, bytes."""


def append(directory: Path, what: str, text: str) -> Path | None:
    """Add an entry to the log of the store in *directory*; None when it cannot be written, which is nobody's concern.

    Args:
        directory: of the store.
        what: a line that says what was going on.
        text: the detail.

    Returns:
        The log.
    """
    path = directory / FILE_NAME
    try:
        fresh = os.path.exists(path) and os.stat(path).st_size > _MOST_BYTES
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if fresh else os.O_APPEND)
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} pid {os.getpid()}: {what}\n{text}\n")
    except OSError:  # a full disk, a folder that is gone or cannot be written
        return None
    return path
