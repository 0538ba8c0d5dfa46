"""Names of the pieces of a large buffer, found by a thread while the piece before is written.

To name a piece (BLAKE3) takes half as long as to write it, and neither needs the interpreter's lock.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Sequence

from blake3 import blake3

from timeslip.standard import os

_LEAST = 8 << 20
"""Of fewer bytes altogether a thread would take longer."""

_LARGEST = 4 << 20
"""Pieces are copied first: what is written is what was named, whoever writes to the buffer meanwhile. Of larger ones
the copies would take too much memory."""

_COPIES = 3
_ALIVE = 1.0
"""Whether the thread lives is asked so often, seconds."""

Look = Callable[[memoryview], bytes]

Named = tuple[memoryview, bytes, bytes]
"""A copy of a piece, valid until the next is asked for; its BLAKE3, and what else was asked of it."""

_Free = queue.SimpleQueue["bytearray | None"]
_Ready = queue.SimpleQueue["tuple[bytearray, Named] | BaseException"]


def pays(sizes: Sequence[int]) -> bool:
    """Whether pieces of these sizes, bytes, are named sooner so."""
    return sum(sizes) >= _LEAST and max(sizes) <= _LARGEST and (os.cpu_count() or 1) > 1


def named(pieces: Sequence[memoryview], look: Look) -> Generator[Named, None, None]:
    """Each of *pieces* with its name. The thread has ended when this ends.

    Args:
        pieces: one-dimensional memory of bytes.
        look: asked of each copy, in the thread.

    Raises:
        RuntimeError: no thread can be started, or it has ended in the middle.
        MemoryError: there is none for the copies.
    """
    free, ready = _Free(), _Ready()
    for _ in range(_COPIES):
        free.put(bytearray(max(map(len, pieces))))
    worker = threading.Thread(target=_work, args=(pieces, look, free, ready), name="timeslip-naming", daemon=True)
    try:
        worker.start()
        for _ in pieces:
            found = _next(ready, worker)
            if isinstance(found, BaseException):
                raise found
            yield found[1]
            free.put(found[0])
    finally:
        free.put(None)  # nothing more is wanted
        if worker.ident is not None:
            worker.join()


def _next(ready: _Ready, worker: threading.Thread) -> tuple[bytearray, Named] | BaseException:
    while True:
        lives = worker.is_alive()
        try:
            return ready.get(timeout=_ALIVE if lives else 0)
        except queue.Empty:
            if not lives:
                raise RuntimeError("a thread of ours has ended in the middle of its work") from None


def _work(pieces: Sequence[memoryview], look: Look, free: _Free, ready: _Ready) -> None:
    try:
        for piece in pieces:
            held = free.get()
            if held is None:
                return
            copy = memoryview(held)[: len(piece)]
            copy[:] = piece
            ready.put((held, (copy, blake3(copy).digest(), look(copy))))
    except BaseException as error:  # told to whoever waits for it
        ready.put(error)
