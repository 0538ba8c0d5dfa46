"""In idle time, what nobody will want back in milliseconds is compressed, by a thread of its own (`store.compaction`).

The thread touches no object of the user's and holds no turn of the session. It stops after the piece at hand (a
megabyte, some milliseconds of which it holds the interpreter's lock only for a part) when something is to run.
"""

from __future__ import annotations

import threading
import traceback

from timeslip.config import Settings
from timeslip.errors import StoreError
from timeslip.store import logfile
from timeslip.store.compaction import compact
from timeslip.store.repository import Repository
from timeslip.store.retention import RetentionPolicy

WORTH = 64 << 20
"""Of less that was written since the last time nothing is gained, bytes."""


class Compactor:
    """Compresses what is cold in one store while nobody needs the machine. Used by one thread at a time.

    Args:
        repository: the store.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen = -WORTH
        """How much this process had written when all was compressed last, bytes."""

    def begin(self, settings: Settings) -> bool:
        """Begin, if there may be something to do; whether that is so."""
        repository = self._repository
        if self.is_at_it or repository.read_only or not repository.maps.allowed:
            return False
        if repository.bytes_written - self._seen < WORTH or repository.size_bytes() < WORTH:
            return False
        self._stop = stop = threading.Event()
        policy = RetentionPolicy.from_settings(settings)
        thread = threading.Thread(target=self._work, args=(stop, policy), name="timeslip-compaction", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # a thread more than there may be: another time
            return False
        self._thread = thread
        return True

    @property
    def is_at_it(self) -> bool:
        """Whether the thread lives."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Something is to run: no further piece is begun. Does not wait."""
        self._stop.set()

    def close(self) -> None:
        """Stop, and wait for the piece at hand."""
        self.stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _work(self, stop: threading.Event, policy: RetentionPolicy) -> None:
        written = self._repository.bytes_written
        try:
            if compact(self._repository, policy, goes_on=lambda: not stop.is_set()).finished:
                self._seen = written
        except StoreError as error:  # a full or a busy disk: the next idle time tries again
            logfile.append(self._repository.directory, "compressing in idle time", error.message)
        except Exception as error:  # nobody is there to be told, and nothing of what is recorded depends on it
            detail = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            logfile.append(self._repository.directory, "compressing in idle time", detail)
