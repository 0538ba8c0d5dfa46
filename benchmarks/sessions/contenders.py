"""Who takes part: how each is set up in a kernel, and what its travels are."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.sessions.environments import NotAvailableError
from benchmarks.sessions.steps import Step

INSIDE = Path(__file__).resolve().parent / "inside"
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Contender:
    """One way to be able to go back, or none.

    Attributes:
        name: in results and on the command line.
        title: in tables.
        environment: which of `environments` it runs in; those with the same name share it.
        distributions: what is installed there beside what all have.
        setup: code that is run in the kernel before the first cell, given the kernel's home folder.
        travel: code of a travel, given the step and the number of its state as IPython counts cells; None when there is
            no way back.
        hidden: the travel is sent as front ends send what is no cell of the user's.
        source: folder that Timeslip is imported from.
        prepare: what has to lie in the home folder beforehand.
    """

    name: str
    title: str
    environment: str
    distributions: tuple[str, ...] = ()
    setup: Callable[[Path], str] = lambda _home: ""
    travel: Callable[[Step, int], str] | None = None
    hidden: bool = False
    source: Path | None = None
    prepare: Callable[[Path], None] = lambda _home: None
    environ: Mapping[str, str] = field(default_factory=dict)


def _timeslip_travel(step: Step, number: int) -> str:
    return f"%timeslip checkout In[{number}]" if step.travel == "checkout" else f"%{step.travel}"


_HASHING = """
%load_ext timeslip
import timeslip
from timeslip.state.memory import Memory
timeslip.session()._live.tracker.memory = Memory(hashing=True)
del timeslip, Memory
"""


def timeslip(name: str, title: str, *, source: Path = ROOT / "src", hashing: bool = False) -> Contender:
    """Timeslip as it is in *source*; with *hashing* as where the kernel does not tell which pages were written."""
    code = _HASHING if hashing else "%load_ext timeslip"
    return Contender(name, title, "timeslip", ("xxhash",), lambda _home: code, _timeslip_travel, source=source)


def _whole_namespace(pickler: str, version: str) -> Contender:
    def setup(home: Path) -> str:
        folder = str(home / "store")
        return f"__import__('whole_namespace').install(get_ipython(), {pickler!r}, {folder!r})"

    def travel(step: Step, _number: int) -> str:
        return f"__import__('whole_namespace').load({step.to})"

    title = f"{pickler} of everything"
    return Contender(pickler, title, pickler, (f"{pickler}=={version}",), setup, travel, hidden=True)


def _kishu(name: str, title: str, options: str) -> Contender:
    def prepare(home: Path) -> None:
        (home / "store").mkdir(parents=True)
        empty = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
        (home / "store" / "notebook.ipynb").write_text(empty, encoding="utf-8")
        (home / ".kishu").mkdir()
        settings = f"[JUPYTERINT]\ntest_mode = True\n{options}"
        (home / ".kishu" / "config.ini").write_text(settings, encoding="utf-8")

    def setup(home: Path) -> str:
        path = str(home / "store" / "notebook.ipynb")
        return f"__import__('kishu_driver').install(get_ipython(), {path!r})"

    def travel(step: Step, _number: int) -> str:
        return f"__import__('kishu_driver').checkout(get_ipython(), {step.to})"

    return Contender(name, title, "kishu", ("kishu==0.3.4",), setup, travel, hidden=True, prepare=prepare)


ALL = (
    Contender("bare", "bare kernel", "bare"),
    timeslip("timeslip", "Timeslip"),
    timeslip("timeslip-hashing", "Timeslip, pages not told", hashing=True),
    _kishu("kishu", "Kishu 0.3.4", ""),
    _kishu("kishu-experimental", "Kishu 0.3.4, experimental_tracker", "[IDGRAPH]\nexperimental_tracker = True\n"),
    _whole_namespace("cloudpickle", "3.1.2"),
    _whole_namespace("dill", "0.4.1"),
)
NAMES = tuple(contender.name for contender in ALL)


def checked_criu() -> None:
    """Whether CRIU could take part.

    Raises:
        NotAvailableError: it cannot here; the message says why.
    """
    program = shutil.which("criu")
    if program is None:
        raise NotAvailableError("criu is not installed")
    done = subprocess.run([program, "check"], capture_output=True, text=True, check=False)
    if done.returncode:
        last = ((done.stderr + done.stdout).strip().splitlines() or ["no reason given"])[-1]
        raise NotAvailableError(f"`criu check` fails: {last[:160]}")
