"""Inside the kernel: Kishu without a browser.

Kishu asks the browser which front end it is, has it save the notebook before a checkout, and waits for both. There is
no browser here: these waits are switched off (its own test mode, and an answer given at once), which flatters it.
"""

from __future__ import annotations

from typing import Any

COMMITS: list[str] = []
"""The commit after each cell."""


def install(shell: Any, notebook: str) -> None:
    """Record the cells of *shell* from now on; the history goes beside *notebook*."""
    import kishu.jupyterint as kishu  # type: ignore[import-not-found]  # only in the environment of its own

    kishu.enclosing_platform = lambda: "jupyternb"
    kishu.JupyterRuntimeEnv.enclosing_kernel_id = staticmethod(lambda: "benchmark")
    kishu.init_kishu(notebook)
    recorder = shell.user_ns["_kishu"]
    named = recorder._commit_id

    def commit_id() -> str:
        COMMITS.append(named())
        return COMMITS[-1]

    recorder._commit_id = commit_id


def checkout(shell: Any, number: int) -> None:
    """Bring back the state after the cell with that number, from 0."""
    shell.user_ns["_kishu"].checkout(COMMITS[number])
