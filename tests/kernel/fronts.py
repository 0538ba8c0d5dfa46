"""A front end's two comms, spoken as JupyterLab does: over a subshell where the kernel has them."""

from __future__ import annotations

import queue
import time
import uuid
from typing import Any

from tests.doors.schema import validate, validate_as
from tests.kernel.conftest import LabKernel


class Front:
    """One open page: a comm for requests, one for news.

    Args:
        kernel: whose.
        versions: of the contract that it knows.
    """

    def __init__(self, kernel: LabKernel, versions: tuple[int, ...] = (1,)) -> None:
        self.kernel = kernel
        self.subshell = self._subshell()
        self.got: list[tuple[str, Any]] = []
        self.shown: list[str] = []
        self.rpc, self.events = uuid.uuid4().hex, uuid.uuid4().hex
        self._number = 0
        self.open(self.events, "timeslip.events", {})
        self.open(self.rpc, "timeslip.rpc", {"versions": list(versions)})
        self.hello = self.wait(self.rpc)
        if self.hello is not None and "hello" in self.hello:
            validate_as("hello", self.hello["hello"])

    def _subshell(self) -> str | None:
        client = self.kernel.client
        client.control_channel.send(client.session.msg("create_subshell_request", {}))
        try:
            content: dict[str, Any] = client.get_control_msg(timeout=20)["content"]
        except queue.Empty:  # a kernel that has none
            return None
        return content.get("subshell_id")

    def send(self, kind: str, content: dict[str, Any]) -> None:
        message = self.kernel.client.session.msg(kind, content)
        message["header"]["subshell_id"] = self.subshell
        self.kernel.client.shell_channel.send(message)

    def open(self, comm: str, target: str, data: dict[str, Any]) -> None:
        self.send("comm_open", {"comm_id": comm, "target_name": target, "data": data})

    def ask(self, verb: str, *words: str, **more: Any) -> tuple[dict[str, Any], float]:
        """The reply to a request, and the seconds that it took."""
        self._number += 1
        began = time.perf_counter()
        request = {"id": self._number, "verb": verb, "words": list(words), **more}
        self.send("comm_msg", {"comm_id": self.rpc, "data": request})
        reply = self.wait(self.rpc, id=self._number)
        return reply, time.perf_counter() - began

    def answer(self, verb: str, *words: str, **more: Any) -> dict[str, Any]:
        reply, _ = self.ask(verb, *words, **more)
        assert "answer" in reply, reply
        answer: dict[str, Any] = reply["answer"]
        validate(answer)
        return answer

    def event(self, name: str, timeout: float = 60.0, **expected: Any) -> dict[str, Any]:
        """The next event of that name."""
        found: dict[str, Any] = self.wait(self.events, timeout, event=name, **expected)
        validate_as("event", found)
        return found

    def one_of(self, *names: str, timeout: float = 60.0) -> str:
        """Which event of these comes first."""
        deadline = time.monotonic() + timeout
        while True:
            for place, (name, data) in enumerate(self.got):
                if name == self.events and (data or {}).get("event") in names:
                    return str(self.got.pop(place)[1]["event"])
            assert time.monotonic() < deadline, f"none of {names} came, but {self.got}"
            self._listen(0.2)

    def recorded(self, first: str, timeout: float = 60.0) -> dict[str, Any]:
        """The news of the state whose code begins so."""
        while True:
            told = self.event("recorded", timeout)
            if told["state"]["first"].startswith(first):
                return told

    def wait(self, comm: str, timeout: float = 60.0, **expected: Any) -> Any:
        """The first message on *comm* that says what is *expected*; None for its end."""
        deadline = time.monotonic() + timeout
        while True:
            for place, (name, data) in enumerate(self.got):
                if name == comm and all((data or {}).get(key) == value for key, value in expected.items()):
                    return self.got.pop(place)[1]
            assert time.monotonic() < deadline, f"nothing came: {expected}, but {self.got}"
            self._listen(0.2)

    def silence(self, seconds: float) -> list[tuple[str, Any]]:
        """What comes within so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._listen(0.05)
        return self.got

    def _listen(self, seconds: float) -> None:
        try:
            message = self.kernel.client.get_iopub_msg(timeout=seconds)
        except queue.Empty:
            return
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "comm_msg":
            self.got.append((content["comm_id"], content["data"]))
        elif kind == "comm_close":
            self.got.append((content["comm_id"], None))
        elif kind in ("stream", "error", "display_data"):
            self.shown.append(str(content))
