"""A Jupyter server with nothing of its user's in it, on a port of its own."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

import front_end

ROOT = Path(__file__).resolve().parent.parent.parent

BLOCK = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "timeslip":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""
"""sitecustomize.py of an environment in which Timeslip is not installed."""


OTHER = """
from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel

class Other(Kernel):
    implementation, implementation_version, banner = "other", "1", "other"
    language_info = {"name": "R", "mimetype": "text/plain", "file_extension": ".r"}

    def do_execute(self, code, silent, *others, **more):
        return {"status": "ok", "execution_count": self.execution_count, "payload": [], "user_expressions": {}}

IPKernelApp.launch_instance(kernel_class=Other)
"""
"""A kernel that speaks another language."""


class Server:
    """One application in a process group of its own.

    Args:
        top: an empty folder, for everything that it writes.
        application: ``lab`` or ``notebook``.
    """

    def __init__(self, top: Path, application: str = "lab") -> None:
        self.top, self.application = top, application
        self.folder = top / "notebooks"
        self.token = secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Server:
        self.folder.mkdir()
        extensions = self.top / "labextensions"
        extensions.mkdir()
        (extensions / front_end.NAME).symlink_to(front_end.BUILT, target_is_directory=True)
        config = self.top / "config" / "labconfig"
        config.mkdir(parents=True)
        quiet = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
        (config / "page_config.json").write_text(json.dumps(quiet))
        self._kernel_without()
        (self.top / "other.py").write_text(OTHER)
        self._kernel("other", "R", [str(self.top / "other.py")], {})
        options = [
            *("--no-browser", f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0"),
            *(f"--IdentityProvider.token={self.token}", f"--ServerApp.root_dir={self.folder}"),
            *("--ServerApp.terminals_enabled=False", f"--LabApp.extra_labextensions_path={extensions}"),
            *("--LabApp.expose_app_in_browser=True", "--ServerApp.jpserver_extensions=timeslip.server=True"),
        ]
        if self.application == "notebook":
            options += ["--JupyterNotebookApp.expose_app_in_browser=True"]
            options += [f"--JupyterNotebookApp.extra_labextensions_path={extensions}"]
        if hasattr(os, "getuid") and os.getuid() == 0:
            options.append("--allow-root")
        self._log = (self.top / "server.log").open("wb")
        command = [sys.executable, "-m", f"jupyter{'lab' if self.application == 'lab' else '_notebook'}"]
        if self.application == "notebook":
            command = [sys.executable, "-m", "notebook"]
        self._process = subprocess.Popen(
            [*command, *options],
            env=self._environment(),
            cwd=self.folder,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        self._log.close()

    def _environment(self) -> dict[str, str]:
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("JUPYTER", "JPY_", "TIMESLIP", "MPL"))
        }
        own = {
            "HOME": self.top / "home",
            "JUPYTER_CONFIG_DIR": self.top / "config",
            "JUPYTER_DATA_DIR": self.top / "data",
            "JUPYTER_RUNTIME_DIR": self.top / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": self.top / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": self.top / "workspaces",
            "IPYTHONDIR": self.top / "ipython",
            "TIMESLIP_HOME": self.top / "store",
            "TIMESLIP_KEY_FILE": self.top / "key",
        }
        (self.top / "home").mkdir(exist_ok=True)
        sources = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
        return {**kept, **{key: str(value) for key, value in own.items()}, "PYTHONPATH": sources}

    def _kernel_without(self) -> None:
        """A kernel in whose environment Timeslip is not installed."""
        site = self.top / "without"
        site.mkdir()
        (site / "sitecustomize.py").write_text(BLOCK)
        self._kernel("without", "python", ["-m", "ipykernel_launcher"], {"PYTHONPATH": str(site)})

    def _kernel(self, name: str, language: str, words: list[str], environment: dict[str, str]) -> None:
        spec = self.top / "data" / "kernels" / name
        spec.mkdir(parents=True)
        body = {
            "argv": [sys.executable, *words, "-f", "{connection_file}"],
            "display_name": name,
            "language": language,
            "env": environment,
        }
        (spec / "kernel.json").write_text(json.dumps(body))

    def _wait(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end and self._process.poll() is None:
            try:
                self.get("api")
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError((self.top / "server.log").read_text(errors="replace")[-3000:])

    def get(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Ask the server's own interface."""
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"{self.base}/{path}", method=method, data=data)
        asked.add_header("Authorization", f"token {self.token}")
        with urllib.request.urlopen(asked, timeout=20) as reply:
            answer = reply.read()
        return json.loads(answer) if answer else None

    def set(self, **settings: Any) -> None:
        """What the user has set of the front end, for pages that are loaded from now on."""
        self.get("lab/api/settings/timeslip:plugin", method="PUT", body={"raw": json.dumps(settings)})

    def write(self, path: str, *, cells: list[dict[str, Any]] | None = None, kernel: str = "python3") -> None:
        """Write a notebook file."""
        empty: dict[str, Any] = {
            "cell_type": "code",
            "id": "first",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": "",
        }
        body = {
            "cells": cells or [empty],
            "metadata": {"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        (self.folder / path).write_text(json.dumps(body))
