"""The door for IPython and Jupyter kernels."""

from __future__ import annotations

from typing import Any


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext timeslip.ipython`` does the same as ``%load_ext timeslip``."""
    from timeslip.ipython.extension import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """The same as ``%unload_ext timeslip``."""
    from timeslip.ipython.extension import unload

    unload(shell)
