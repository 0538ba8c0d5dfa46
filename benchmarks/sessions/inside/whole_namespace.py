"""Inside the kernel: the whole namespace into one file after each cell, with cloudpickle or dill.

What people write themselves when they want to be able to go back: all names but IPython's own. A state is one file; to
go back is to load it and to put its names in the place of those that are there.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

STATES: list[str] = []
"""The file of each state, or "" for one that could not be written."""

FAILURES: list[str] = []


def own_names(namespace: dict[str, Any], hidden: set[str]) -> dict[str, Any]:
    """What of *namespace* the user has made."""
    return {name: value for name, value in namespace.items() if name not in hidden and not name.startswith("_")}


class Saver:
    """Saves the names of a shell after each of its cells.

    Args:
        shell: IPython's.
        pickler: module with ``dump`` and ``load``: "cloudpickle" or "dill".
        folder: where the files go.
    """

    def __init__(self, shell: Any, pickler: str, folder: str) -> None:
        self._shell = shell
        self._module = importlib.import_module(pickler)
        self._folder = folder
        self._hidden = {*shell.user_ns, *shell.user_ns_hidden}
        os.makedirs(folder, exist_ok=True)
        shell.events.register("post_run_cell", self._save)

    def _save(self, _result: Any) -> None:
        path = os.path.join(self._folder, f"{len(STATES)}.pickle")
        try:
            with open(path, "wb") as file:
                self._module.dump(own_names(self._shell.user_ns, self._hidden), file, protocol=5)
        except Exception as error:  # what cannot be pickled is this contender's limit, not a fault of the run
            os.unlink(path)
            path = ""
            FAILURES.append(f"state {len(STATES)}: {type(error).__name__}: {str(error)[:120]}")
        STATES.append(path)

    def load(self, number: int) -> None:
        """Bring back state *number*."""
        with open(STATES[number], "rb") as file:
            wanted = self._module.load(file)
        namespace = self._shell.user_ns
        for name in own_names(namespace, self._hidden):
            if name not in wanted:
                del namespace[name]
        namespace.update(wanted)


SAVER: Saver | None = None


def install(shell: Any, pickler: str, folder: str) -> None:
    """Save after every cell of *shell* from now on."""
    global SAVER
    SAVER = Saver(shell, pickler, folder)


def load(number: int) -> None:
    """Bring back the state after the cell with that number, from 0."""
    assert SAVER is not None
    SAVER.load(number)
