"""Digests of the pieces of large buffers, by two threads where that pays: neither needs the interpreter's lock."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

import xxhash

from timeslip.interrupts import uninterrupted
from timeslip.standard import os

_LEAST = 16 << 20
"""Of fewer bytes altogether a thread takes longer to begin than it saves."""


def digests_of(pieces: Sequence[memoryview]) -> list[bytes]:
    """XXH3-128 of each of *pieces*, in order; 16 bytes each. No thread of ours is left when this ends.

    Args:
        pieces: one-dimensional memory of bytes.
    """
    digest = xxhash.xxh3_128_digest
    if len(pieces) < 2 or sum(map(len, pieces)) < _LEAST or (os.cpu_count() or 1) < 2:
        return list(map(digest, pieces))
    found = [b""] * len(pieces)
    left = iter(range(len(pieces)))  # both take the next number from it, in one step of the interpreter

    def work() -> None:
        for at in left:
            found[at] = digest(pieces[at])

    def help_out() -> None:
        with suppress(BaseException):  # whatever it is: what is missing is done below
            work()

    helper = threading.Thread(target=help_out, name="timeslip-digesting", daemon=True)
    try:
        with suppress(RuntimeError):  # no thread can be started: then there is one
            helper.start()
        work()
    finally:
        deque(left, maxlen=0)
        if helper.ident is not None:
            with uninterrupted():  # the memory may be gone afterwards
                helper.join()
    return [known or digest(piece) for known, piece in zip(found, pieces, strict=True)]
