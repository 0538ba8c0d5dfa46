"""A process beside the kernel that loads recorded values, so that the kernel never does so for a front end.

To show a value it has to be loaded, and what libraries run then is made for one thread: it changes warnings' filters,
options and caches of the process. In the kernel that would happen while the user's cell runs. The process beside it
reads the store like ``timeslip show`` in a shell, answers one request after the other, is ended when one takes too
long, and ends by itself when nobody has asked for a while, and with the kernel.
"""

from __future__ import annotations

import select
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from timeslip.errors import InternalError, SessionBusyError, in_brief
from timeslip.standard import json, os, signal, time

PATIENCE = 20.0
"""A request that takes longer is given up, and the process with it, seconds."""

MOST = 8
"""So many requests wait at a time, each in a thread of its own."""

_BEGIN = "import sys; sys.path[:] = {path!r}; from timeslip.lab.helping import main; main()"
_PIECE = 1 << 20
_Popen = subprocess.Popen
"""As it was when Timeslip was imported, see `timeslip.standard`."""


class Helper:
    """Starts the process when it is first needed, and again when it is gone. Safe from many threads, which take turns.

    Args:
        directory: of the store.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = Path(directory)
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(MOST)
        self._pipes: tuple[int, int] | None = None
        self._pid = 0
        self._closed = False

    def ask(self, request: Mapping[str, Any], session: str, kernel: str | None) -> dict[str, Any]:
        """The reply to a request that needs values: an answer, or the error that it raised there.

        Raises:
            SessionBusyError: it took too long.
            InternalError: the process could not be started, or has died.
        """
        line = json.dumps({"request": dict(request), "session": session, "kernel": kernel}) + "\n"
        if not self._places.acquire(blocking=False):
            raise SessionBusyError(f"{MOST} questions about values are waiting already", hint="ask again in a moment")
        try:
            return self._in_turn(line.encode())
        finally:
            self._places.release()

    def _in_turn(self, line: bytes) -> dict[str, Any]:
        with self._lock:
            while True:
                fresh = self._pipes is None
                try:
                    return self._exchange(line)
                except (OSError, EOFError) as error:
                    self._end()
                    if fresh:  # another one may just have ended because nobody had asked: a new one is tried
                        said = in_brief(str(error)) or type(error).__name__
                        raise InternalError(
                            f"the process that loads recorded values has died ({said})",
                            hint="the value may be too large for the memory; `get` brings it into the session",
                        ) from error

    def close(self) -> None:
        """End the process. Harmless when there is none."""
        self._closed = True
        self._kill()  # whoever waits for an answer hears of it, and gives the lock back
        if self._lock.acquire(timeout=1.0):
            try:
                self._end()
            finally:
                self._lock.release()

    def _exchange(self, line: bytes) -> dict[str, Any]:
        if self._closed:
            self._end()
            raise SessionBusyError("the session is being closed")
        deadline = time.monotonic() + PATIENCE
        if self._pipes is None:
            self._start()
            self._pid = int(self._receive(deadline)["pid"])
        assert self._pipes is not None
        view = memoryview(line)
        while view:
            view = view[os.write(self._pipes[1], view) :]
        return self._receive(deadline)

    def _receive(self, deadline: float) -> dict[str, Any]:
        assert self._pipes is not None
        data = bytearray()
        while not data.endswith(b"\n"):
            ready = select.select([self._pipes[0]], [], [], max(0.0, deadline - time.monotonic()))[0]
            if not ready:
                self._end()
                raise SessionBusyError(
                    f"loading this took longer than {PATIENCE:g} s and was given up",
                    hint="`get REF NAME --as NEW` brings the value into the session, however long it takes",
                )
            piece = os.read(self._pipes[0], _PIECE)
            if not piece:
                raise EOFError("it ended")
            data += piece
        found: dict[str, Any] = json.loads(bytes(data))
        return found

    def _start(self) -> None:
        """Start it as nobody's child: who waits for children of the kernel must not find one of ours."""
        if not sys.executable:
            raise InternalError("this Python does not know its own program, so recorded values cannot be shown")
        environment = {**os.environ, "MPLBACKEND": "agg", "TIMESLIP_HELPER_STORE": str(self._directory)}
        path = [entry or os.getcwd() for entry in sys.path]
        process = _Popen(
            [sys.executable, "-c", _BEGIN.format(path=path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # the stop button of a notebook is a signal for the whole group of the kernel
            bufsize=0,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        self._pipes = (os.dup(process.stdout.fileno()), os.dup(process.stdin.fileno()))
        for pipe in self._pipes:
            os.set_inheritable(pipe, False)
        process.stdin.close()
        process.stdout.close()
        process.wait()

    def _end(self) -> None:
        pipes, self._pipes = self._pipes, None
        if pipes is None:
            return
        self._kill()
        for pipe in pipes:
            os.close(pipe)

    def _kill(self) -> None:
        pid, self._pid = self._pid, 0
        if pid:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:  # it has ended
                return
