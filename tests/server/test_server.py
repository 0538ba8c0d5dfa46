"""A real server, and no kernel: the history of a notebook for those who may read it, and for nobody else."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.doors.schema import validate
from tests.lab.looking import a_cell

import timeslip
from timeslip.lab.cells import Keeping

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jupyter_server") is None, reason="jupyter_server is not installed (extra: lab)"
)


@dataclass
class Server:
    """One server, its root folder, and what was recorded of ``one.ipynb`` in there."""

    address: str
    token: str
    root: Path
    store: Path
    head: str
    first: str

    def get(self, verb: str, token: str | None = None, **query: str) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(f"{self.address}timeslip/{verb}?{urllib.parse.urlencode(query)}")
        token = self.token if token is None else token
        if token:
            request.add_header("Authorization", f"token {token}")
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"{}")

    def rename(self, old: str, new: str) -> None:
        body = json.dumps({"path": new}).encode()
        request = urllib.request.Request(f"{self.address}api/contents/{old}", method="PATCH", data=body)
        request.add_header("Authorization", f"token {self.token}")
        with urllib.request.urlopen(request, timeout=20) as reply:
            assert reply.status == 200

    def answer(self, verb: str, **query: str) -> dict[str, Any]:
        status, body = self.get(verb, **query)
        assert status == 200, body
        assert body["verb"] == verb
        validate(body)
        return body


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("server")
    root = home / "root"
    (root / "deep").mkdir(parents=True)
    for name in ("one.ipynb", "deep/two.ipynb", ".hidden.ipynb", "../outside.ipynb"):
        (root / name).write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIMESLIP_KEY_FILE", str(home / "key"))
        first, head = record(home / "store", root / "one.ipynb")
        for other in (".hidden.ipynb", "../outside.ipynb"):
            record(home / "store", (root / other).resolve())
    token, process, address = start(home, root)
    try:
        yield Server(address, token, root, home / "store", head, first)
    finally:
        process.terminate()
        process.wait(20)


def record(store: Path, notebook: Path) -> tuple[str, str]:
    with timeslip_session(store, notebook) as session:
        session.run("x = 1")
        first = str(session.head)
        Keeping(session.repository).keep(session.id, first, {"cells": [a_cell("x = 1")], "metadata": {}}, 10**6)
        session.run("x = [2]")
        return first, str(session.head)


def timeslip_session(store: Path, notebook: Path) -> Any:
    from timeslip.attaching import attach

    return attach({"__name__": "__main__"}, store=store, notebook=str(notebook), min_free_bytes=0)


def start(home: Path, root: Path) -> tuple[str, subprocess.Popen[bytes], str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    source = Path(timeslip.__file__).parents[1]
    environment.update(
        HOME=str(home), TIMESLIP_HOME=str(home / "store"), TIMESLIP_KEY_FILE=str(home / "key"), PYTHONPATH=str(source),
        JUPYTER_CONFIG_DIR=str(home / "config"), JUPYTER_DATA_DIR=str(home / "data"),
        JUPYTER_RUNTIME_DIR=str(home / "runtime"), JUPYTER_PREFER_ENV_PATH="0",
    )  # fmt: skip
    options = {
        "port": port, "port_retries": 0, "open_browser": False, "root_dir": str(root), "allow_root": True,
        "terminals_enabled": False, "jpserver_extensions": {"timeslip.server": True}, "base_url": "/user/me/",
    }  # fmt: skip
    (home / "config").mkdir()
    config = {"ServerApp": options, "IdentityProvider": {"token": token}}
    (home / "config" / "jupyter_server_config.json").write_text(json.dumps(config))
    with (home / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "jupyter_server"]
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}/user/me/"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address + "api", timeout=5):
                return token, process, address
        except OSError:
            assert process.poll() is None, (home / "server.log").read_text()
            time.sleep(0.1)
    raise AssertionError("the server does not answer: " + (home / "server.log").read_text())


@pytest.mark.parametrize("verb", ["history", "show", "cells", "resumable"])
def test_nobody_gets_in_without_a_token(server: Server, verb: str) -> None:
    for token in ("", "wrong"):
        status, body = server.get(verb, token=token, path="one.ipynb", ref="HEAD")
        assert status == 403
        assert "timeslip" not in body


def test_the_history_of_a_notebook_is_read_without_a_kernel(server: Server) -> None:
    page = server.answer("history", path="one.ipynb", limit="1")
    assert (page["head"], page["more"]) == (server.head, True)
    assert page["states"][0]["about"] == {"x": "int → list"}
    rest = server.answer("history", path="one.ipynb", before=server.head)
    assert [state["first"] for state in rest["states"]] == ["x = 1"]
    assert server.answer("show", path="one.ipynb", ref="HEAD")["commit"]["code"] == "x = [2]"
    cells = server.answer("cells", path="one.ipynb", ref="HEAD")
    assert (cells["commit"], cells["cells"]["cells"][0]["source"]) == (server.first, "x = 1")
    assert server.answer("compare", path="one.ipynb", a=server.first, b="HEAD")["values"][0]["about"] == "int → list"
    assert len(server.answer("log", path="one.ipynb")["commits"]) == 2
    assert server.answer("blame", path="one.ipynb", name="x")["commits"][0]["code"] == "x = [2]"
    assert server.answer("status", path="one.ipynb")["kernel"] == "none"


def test_what_can_be_brought_back_is_told_while_no_kernel_lives(server: Server) -> None:
    found = server.answer("resumable", path="one.ipynb")
    assert (found["kernel"], found["state"]["id"], found["state"]["first"]) == ("none", server.head, "x = [2]")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIMESLIP_KEY_FILE", str(server.store.parent / "key"))
        with timeslip_session(server.store, server.root / "one.ipynb"):
            found = server.answer("resumable", path="one.ipynb")
            assert (found["kernel"], found["state"]) == ("live", None)


def test_of_a_notebook_that_was_never_recorded_there_is_nothing_to_bring_back(server: Server) -> None:
    (server.root / "fresh.ipynb").write_text("{}")
    found = server.answer("resumable", path="fresh.ipynb")
    assert (found["session"], found["kernel"], found["state"]) == (None, "none", None)
    assert server.get("history", path="fresh.ipynb")[0] == 404


@pytest.mark.parametrize("path", [".hidden.ipynb", "../outside.ipynb", "deep/two.ipynb", "gone.ipynb", "", "deep"])
def test_what_the_server_does_not_show_has_no_history(server: Server, path: str) -> None:
    shown = path == "deep/two.ipynb"  # of which nothing was recorded
    for verb in ("history", "show", "cells", *(() if shown else ("resumable",))):
        status, body = server.get(verb, path=path, ref="HEAD")
        assert (status, "states" in body, "commit" in body) == (404, False, False), (verb, body)


@pytest.mark.parametrize(
    ("verb", "query", "expected"),
    [
        ("undo", {}, 400),
        ("preview", {"ref": "HEAD"}, 400),
        ("compare", {"a": "HEAD", "b": "HEAD", "name": "x"}, 400),
        ("keep", {}, 400),
        ("history", {"limit": "-1"}, 400),
        ("show", {"ref": "nothing"}, 404),
        ("show", {"ref": "--help"}, 400),
    ],
)
def test_only_what_the_store_alone_can_tell_is_answered(
    server: Server, verb: str, query: dict[str, str], expected: int
) -> None:
    status, body = server.get(verb, path="one.ipynb", **query)
    assert (status, set(body)) == (expected, {"error", "message"})


def test_what_the_server_moves_takes_its_history_along(server: Server) -> None:
    folder = server.root / "moving"
    folder.mkdir()
    (folder / "three.ipynb").write_text("{}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIMESLIP_KEY_FILE", str(server.store.parent / "key"))
        _, head = record(server.store, folder / "three.ipynb")
    server.rename("moving/three.ipynb", "moving/four.ipynb")
    server.rename("moving", "moved")
    deadline = time.monotonic() + 10
    while server.get("history", path="moved/four.ipynb")[0] == 404:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    found = server.answer("resumable", path="moved/four.ipynb")
    assert (found["name"], found["state"]["id"]) == ("four", head)
