"""The calls by which the store writes to its pack files, in one replaceable place.

`timeslip.testing.faults.FailingFiles` takes its place in tests and fails on schedule; nothing else differs.
"""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from shutil import disk_usage

from timeslip.errors import StoreError, StoreFullError, StoreReadOnlyError
from timeslip.standard import os

_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


class Files:
    """What the store asks of the operating system while it writes. Stateless; safe from many threads."""

    def write(self, fd: int, data: memoryview, offset: int) -> None:
        """Write all of *data* at *offset*.

        Raises:
            OSError: an unknown part of *data* was written.
        """
        while data.nbytes:
            if sys.platform == "win32":
                os.lseek(fd, offset, os.SEEK_SET)
                done = os.write(fd, data)
            else:
                done = os.pwrite(fd, data, offset)
            data, offset = data[done:], offset + done

    def sync(self, fd: int) -> None:
        """Return when what was written to *fd* would survive a power cut."""
        os.fsync(fd)

    def free_bytes(self, directory: Path) -> int:
        """Bytes that this user could still write on the disk of *directory*."""
        if not hasattr(os, "statvfs"):
            return disk_usage(directory).free
        found = os.statvfs(directory)
        return int(found.f_bavail * found.f_frsize)

    def step(self, what: str) -> None:
        """Called between the steps of a transaction, with the name of the step that comes next. Does nothing."""


def translate(error: OSError, doing: str) -> StoreError:
    """The error of ours that says what *error* means for the store. *doing* completes "while …"."""
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return StoreFullError(f"the disk is full ({reason}) while {doing}", hint="free some space, then `timeslip gc`")
    if error.errno in _READ_ONLY:
        return StoreReadOnlyError(
            f"the store cannot be written ({reason}) while {doing}",
            hint="change the folder's permissions, or choose another one with TIMESLIP_HOME",
        )
    return StoreError(
        f"the operating system refused ({reason}) while {doing}",
        hint="look at that path, or choose another folder with TIMESLIP_HOME",
    )


def make_directory(directory: Path) -> None:
    """Make the folder of a store, which nobody else may look into. Raises StoreError."""
    try:
        if not os.path.isdir(directory):
            os.makedirs(directory, mode=0o700, exist_ok=True)
    except OSError as error:
        raise translate(error, f"making the store folder '{directory}'") from error
