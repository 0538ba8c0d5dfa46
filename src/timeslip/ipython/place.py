"""Where a shell runs: which notebook, which connection file, what to call its session."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from timeslip.standard import os


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a shell's surroundings.

    Attributes:
        notebook: absolute path of the notebook, or None.
        name: that the front end gives to what is no notebook, such as a console; None when nothing has a name.
        door: "kernel" or "terminal".
        connection_file: of the kernel, or None where there is no kernel to reach.
    """

    notebook: str | None
    name: str | None
    door: str
    connection_file: str | None

    @property
    def kernel(self) -> dict[str, Any]:
        """What the store keeps about this process, so that the command line can reach it; JSON-ready."""
        return {
            "pid": os.getpid(),
            "door": self.door,
            "connection_file": self.connection_file,
            "python": ".".join(map(str, sys.version_info[:3])),
        }


def place_of(shell: Any) -> Place:
    """Look around: the front end's variable, then the editor's."""
    connection_file = _connection_file(shell)
    told = os.environ.get("JPY_SESSION_NAME", "")
    edited = shell.user_ns.get("__vsc_ipynb_file__")
    notebook = told if told.endswith(".ipynb") else edited if isinstance(edited, str) else None
    name: str | None = None
    if not notebook:
        shown = "".join(letter for letter in os.path.basename(told) if letter.isprintable())
        name = shown.strip() or None
    return Place(
        notebook=os.path.abspath(notebook) if notebook else None,
        name=name,
        door="kernel" if hasattr(shell, "kernel") else "terminal",
        connection_file=connection_file,
    )


def _connection_file(shell: Any) -> str | None:
    if not hasattr(shell, "kernel"):
        return None
    try:
        from ipykernel.connect import get_connection_file

        return str(get_connection_file())
    except Exception:
        # An embedded kernel, or one that is not ipykernel's: it is recorded, but out of the command line's reach.
        return None
