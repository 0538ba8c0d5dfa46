"""Real kernels for tests: run a cell and see everything it gave, interrupt it, ask for values, kill the process."""

from __future__ import annotations

import json
import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kernels import ANSI, Kernel

COUNT = re.compile(rf"0x[0-9a-f]+|ipykernel_\d+|{re.escape(tempfile.gettempdir())}/[^\s'\"]+|\bpid=?\s*\d+")
TIMES = re.compile(r"(CPU times|Wall time): .*|\d+(\.\d+)?(e[-+]\d+)?\s*(ns|[µμ]s|us|ms|s|min)\b")

REPORT = re.compile(
    r"^timeslip: (cannot be stored exactly|changed some time before this run|.*this step creates branch).*\n",
    re.MULTILINE,
)
"""What must be said at commit time, while the user can still act (rule 7); said beside the cell's own output."""


@dataclass
class Outcome:
    """What one cell gave.

    Attributes:
        status: "ok", "error" or "aborted".
        error: name of the exception; empty when ok.
        message: its message.
        traceback: as the kernel sent it, plain text.
        stdout: all that was written there.
        stderr: likewise.
        results: plain text of what the cell's last expression gave.
        displays: plain text of everything else that was shown.
        progress: what was said while Timeslip took long.
        count: execution count.
    """

    status: str = "ok"
    error: str = ""
    message: str = ""
    traceback: str = ""
    stdout: str = ""
    stderr: str = ""
    results: list[str] = field(default_factory=list)
    displays: list[str] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)
    count: int | None = None

    @property
    def ok(self) -> bool:
        return self.status == "ok"

    @property
    def shown(self) -> str:
        """Everything a person would read under the cell."""
        return "\n".join([self.stdout, self.stderr, *self.results, *self.displays, self.traceback])

    def comparable(self) -> dict[str, Any]:
        """The same without addresses, process ids, temporary paths, durations, and what Timeslip reports by itself."""

        def clean(text: str) -> str:
            return TIMES.sub("<time>", COUNT.sub("<varies>", text))

        return {
            "status": self.status,
            "error": self.error,
            "message": clean(self.message),
            "stdout": clean(self.stdout),
            "stderr": clean(REPORT.sub("", self.stderr)),
            "results": [clean(text) for text in self.results],
            "displays": [clean(text) for text in self.displays],
        }


class LabKernel(Kernel):
    """A kernel with its answers taken apart."""

    def send(self, code: str, *, silent: bool = False) -> str:
        """Ask for a cell to be run and do not wait."""
        return str(self.client.execute(code, silent=silent, store_history=not silent, allow_stdin=False))

    def collect(self, request: str, timeout: float = 120.0) -> Outcome:
        """Everything that the cell of *request* gives, until the kernel is idle again."""
        deadline = time.perf_counter() + timeout
        outcome = Outcome()
        done = False
        while not done:
            message = self._next(self.client.get_iopub_msg, deadline)
            if message["parent_header"].get("msg_id") == request:
                done = _note(outcome, message["header"]["msg_type"], message["content"])
        while True:
            message = self._next(self.client.get_shell_msg, deadline)
            if message["parent_header"].get("msg_id") == request:
                content = message["content"]
                outcome.status, outcome.count = content["status"], content.get("execution_count")
                outcome.error = content.get("ename", "")
                outcome.message = ANSI.sub("", content.get("evalue", ""))
                return outcome

    def cell(self, code: str, *, silent: bool = False, timeout: float = 120.0) -> Outcome:
        """Run a cell."""
        return self.collect(self.send(code, silent=silent), timeout)

    def cells(self, *codes: str) -> Outcome:
        """Run cells that must not raise; the last outcome."""
        for code in codes:
            outcome = self.cell(code)
            assert outcome.ok, f"{code}\n{outcome.shown}"
        return outcome

    def interrupt(self) -> None:
        """As the stop button does."""
        self.process.send_signal(signal.SIGINT)

    def value(self, expression: str) -> Any:
        """The value of *expression*, without running a cell; text that begins with "error:" when it raises."""
        code = f"(lambda j: (lambda f: j.dumps(f()))(lambda: ({expression})))(__import__('json'))"
        try:
            return self.ask(code, timeout=60)
        except RuntimeError as error:
            return "error: " + str(error).strip().splitlines()[-1]

    def head(self) -> str | None:
        """Where the session of this kernel is."""
        return self.value("__import__('timeslip').session().head")  # type: ignore[no-any-return]

    def _next(self, get: Callable[..., dict[str, Any]], deadline: float) -> dict[str, Any]:
        import queue

        while True:
            try:
                return get(timeout=0.5)
            except queue.Empty:
                self._check_alive(deadline)


def _note(outcome: Outcome, kind: str, content: dict[str, Any]) -> bool:
    """Add one message to *outcome*; True when it says that the kernel is idle."""
    if kind == "status":
        return bool(content["execution_state"] == "idle")
    if kind == "stream":
        setattr(outcome, content["name"], getattr(outcome, content["name"]) + content["text"])
    elif kind == "execute_result":
        outcome.results.append(ANSI.sub("", content["data"].get("text/plain", "")))
    elif kind in ("display_data", "update_display_data"):
        # The line about work that takes long depends on how fast the machine is.
        ours = content.get("transient", {}).get("display_id", "").startswith("timeslip-")
        shown = outcome.progress if ours else outcome.displays
        shown.append(ANSI.sub("", content["data"].get("text/plain", "")))
    elif kind == "error":
        outcome.traceback += ANSI.sub("", "\n".join(content["traceback"]))
    return False


BUSY = """
import os, time
open('runs', 'w').close()
while not os.path.exists('answered'): time.sleep(0.05)
"""
"""A cell that runs until it may end; in the kernel's working directory."""


def wait_for(path: Path, *, filled: bool = False) -> None:
    """Wait until *path* is there, and has something in it if it is to be *filled*."""
    deadline = time.monotonic() + 60
    while not path.exists() or (filled and path.stat().st_size == 0):
        assert time.monotonic() < deadline, f"{path.name} was not made"
        time.sleep(0.02)


class Kernels:
    """Starts kernels that share one store; ends them all."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.alive: list[LabKernel] = []

    def start(self, *, notebook: str = "notebook.ipynb", attach: bool = True) -> LabKernel:
        """A fresh kernel of *notebook*, recording unless told otherwise."""
        kernel = LabKernel(self.home, notebook=notebook)
        self.alive.append(kernel)
        if attach:
            kernel.cells("%load_ext timeslip")
        return kernel

    def stop(self) -> None:
        """End the polite way; a kernel that does not answer is killed."""
        while self.alive:
            self.alive.pop().stop()


@pytest.fixture
def kernels(tmp_path: Path) -> Iterator[Kernels]:
    """Start kernels with ``kernels.start()``; they share a store below ``tmp_path``."""
    made = Kernels(tmp_path / "home")
    yield made
    made.stop()


@pytest.fixture
def kernel(kernels: Kernels) -> LabKernel:
    """One recording kernel."""
    return kernels.start()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabKernel]:
    """One kernel without Timeslip for a whole module; use `reset` between tests."""
    made = Kernels(tmp_path_factory.mktemp("bare"))
    yield made.start(attach=False)
    made.stop()


def reset(kernel: LabKernel) -> None:
    """Empty the namespace and the outputs of a kernel."""
    kernel.cells("%reset -f")


def dump(value: object) -> str:
    """For messages."""
    return json.dumps(value, indent=1)
