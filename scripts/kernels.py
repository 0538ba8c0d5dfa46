"""Drive a real Jupyter kernel as a front end does: run cells, ask for values, kill it.

The kernel is an ordinary `ipykernel_launcher` process in an environment of its own (store, key, IPython folder), so
that nothing of the person who runs this is read or written.
"""

from __future__ import annotations

import ast
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

HERE = Path(__file__).resolve().parent
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class KernelDiedError(Exception):
    """The kernel process ended while it was expected to answer."""


@dataclass
class Reply:
    """What one request gave.

    Attributes:
        ok: False when the cell raised.
        seconds: from sending the request to the kernel's being idle again, seconds.
        text: everything shown: streams, displays and the result, as plain text.
        error: name and message of the exception; empty when ok.
        answer: what the asked expression gave, decoded from JSON; None without one.
    """

    ok: bool
    seconds: float
    text: str = ""
    error: str = ""
    answer: Any = None
    parts: list[str] = field(default_factory=list, repr=False)


class Kernel:
    """One kernel process. Use as a context manager: the process ends with the block.

    Args:
        home: directory for everything that the kernel keeps (store, key, IPython's folder).
        notebook: path of the notebook that the kernel belongs to; Timeslip finds the session by it.
        python: interpreter to run; this one by default.
        cwd: working directory of the kernel.
        environ: variables of the process that go before those that are set for it here.
    """

    def __init__(
        self,
        home: Path,
        *,
        notebook: str = "notebook.ipynb",
        python: str | Path = sys.executable,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="kernel-", suffix=".json", dir=home)
        os.close(handle)
        self._connection = Path(name)
        self._sockets = tempfile.mkdtemp(prefix="ts-")
        if os.name == "posix":
            # Ports are chosen before the kernel binds them: kernels that start at once would take each other's.
            write_connection_file(fname=name, transport="ipc", ip=str(Path(self._sockets) / "k"))
        else:
            write_connection_file(fname=name)
        environment = dict(os.environ)
        environment.update(
            HOME=str(home),
            IPYTHONDIR=str(home / "ipython"),
            JUPYTER_RUNTIME_DIR=str(home / "runtime"),
            MPLCONFIGDIR=str(home / "matplotlib"),
            TIMESLIP_HOME=str(home / "store"),
            TIMESLIP_KEY_FILE=str(home / "key"),
            JPY_SESSION_NAME=notebook,
            JPY_PARENT_PID=str(os.getpid()),
            PYTHONPATH=os.pathsep.join([str(HERE), str(HERE.parent / "src")]),
            PYTHONHASHSEED="0",
        )
        environment.pop("MPLBACKEND", None)
        environment.update(environ or {})
        self._log = (home / "kernel.log").open("ab")
        self.process = subprocess.Popen(
            [str(python), "-m", "ipykernel_launcher", "-f", name],
            cwd=cwd or home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        self.client = BlockingKernelClient(connection_file=name)
        self.client.load_connection_file()
        self.client.start_channels()
        self._wait_until_ready(120.0)

    def _wait_until_ready(self, timeout: float) -> None:
        """Wait for the first answer.

        The client takes a kernel for dead whose heart does not beat within a second, as on a busy machine none does
        while it is starting; whether it is dead is told by its process.

        Raises:
            KernelDiedError: the process ended.
            RuntimeError: no answer within *timeout* seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.client.wait_for_ready(timeout=max(1.0, deadline - time.monotonic()))
                return
            except RuntimeError:
                if self.process.poll() is not None:
                    message = f"the kernel ended with {self.process.returncode} while it was starting"
                    raise KernelDiedError(message) from None
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self, code: str, *, silent: bool = False, ask: str = "", timeout: float = 300.0) -> Reply:
        """Run *code* as a cell, and evaluate the expression *ask*, which must give a JSON text.

        Raises:
            KernelDiedError: the process ended before it answered.
            TimeoutError: no answer within *timeout* seconds; the kernel is left as it is.
        """
        expressions = {"answer": ask} if ask else {}
        started = time.perf_counter()
        request = self.client.execute(
            code, silent=silent, store_history=not silent, user_expressions=expressions, allow_stdin=False
        )
        reply = Reply(ok=True, seconds=0.0)
        self._collect(request, reply, started + timeout)
        content = self._shell_reply(request, started + timeout)
        reply.seconds = time.perf_counter() - started
        reply.text = ANSI.sub("", "".join(reply.parts)).strip()
        if content["status"] != "ok":
            reply.ok = False
            reply.error = ANSI.sub("", f"{content.get('ename')}: {content.get('evalue')}")
        if ask and reply.ok:
            reply.answer = _decode(content["user_expressions"]["answer"])
        return reply

    def ask(self, expression: str, *, timeout: float = 300.0) -> Any:
        """The value of *expression* (which must give a JSON text), without running a cell.

        Raises:
            RuntimeError: the expression raised; the message is the kernel's.
        """
        return self.run("", silent=True, ask=expression, timeout=timeout).answer

    def _collect(self, request: str, reply: Reply, deadline: float) -> None:
        """Gather what the request shows until the kernel is idle again."""
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=0.5)
            except queue.Empty:
                self._check_alive(deadline)
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            kind = message["header"]["msg_type"]
            if kind == "status" and content["execution_state"] == "idle":
                return
            if kind == "stream":
                reply.parts.append(content["text"])
            elif kind in ("display_data", "execute_result", "update_display_data"):
                reply.parts.append(content["data"].get("text/plain", "") + "\n")
            elif kind == "error":
                reply.parts.append("\n".join(content["traceback"]) + "\n")

    def _shell_reply(self, request: str, deadline: float) -> dict[str, Any]:
        while True:
            try:
                message = self.client.get_shell_msg(timeout=0.5)
            except queue.Empty:
                self._check_alive(deadline)
                continue
            if message["parent_header"].get("msg_id") == request:
                return dict(message["content"])

    def _check_alive(self, deadline: float) -> None:
        if self.process.poll() is not None:
            raise KernelDiedError(f"the kernel ended with status {self.process.returncode}")
        if time.perf_counter() > deadline:
            raise TimeoutError("the kernel did not answer in time")

    def kill(self) -> None:
        """``kill -9``: no handler, no flush, no goodbye."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._close()

    def stop(self) -> None:
        """End the process the polite way, the hard way after ten seconds; does nothing when it has ended."""
        if self.process.poll() is None:
            self.client.shutdown()
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._close()

    def _close(self) -> None:
        self.client.stop_channels()
        self._log.close()
        self._connection.unlink(missing_ok=True)
        shutil.rmtree(self._sockets, ignore_errors=True)


def _decode(result: dict[str, Any]) -> Any:
    """The JSON value behind one entry of ``user_expressions``."""
    if result["status"] != "ok":
        raise RuntimeError(
            ANSI.sub("", "\n".join(result.get("traceback", [])) or result.get("evalue", "no reason given"))
        )
    text = result["data"]["text/plain"]
    # The kernel sends the repr of a str, which may be broken into adjacent literals in parentheses.
    return json.loads(ast.literal_eval(text))
