"""Runs the cases of one family in real kernels: bare ones, and one under Timeslip that is restarted.

All cases of a family share a kernel, so that its imports are paid once; each has names of its own. When a kernel dies
or does not answer, its cases are run one by one.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from compat.case import Case, Family, Script, script
from compat.verdicts import ASKED, CREATED, MUTATED, Bare, Leg, Look, Recorded, worst
from kernels import Kernel, KernelDiedError

SLOW_CELL = 240.0
SESSION = "__import__('timeslip').session()"


class Runner:
    """Runs cases in kernels of one environment.

    Args:
        python: interpreter of that environment.
        folder: where kernels keep their things; the same path for each run, because paths get into values.
    """

    def __init__(self, python: Path, folder: Path) -> None:
        self.python = python
        self.folder = folder

    def kernel(self, *, fresh: bool = True) -> Kernel:
        """A kernel in an empty folder with an empty store; with *fresh* False, the next one of the same notebook."""
        if fresh:
            shutil.rmtree(self.folder, ignore_errors=True)
            (self.folder / "work").mkdir(parents=True)
        return Kernel(
            self.folder / "home",
            notebook=str(self.folder / "work" / "classes.ipynb"),
            python=self.python,
            cwd=self.folder / "work",
        )

    def family(self, family: Family, cases: Sequence[Case]) -> list[tuple[Case, Bare, Recorded]]:
        """Run *cases*, which are of *family*; never raises for what a case does."""
        scripts = {case.label: script(case, number) for number, case in enumerate(cases)}
        bares = {case.label: Bare() for case in cases}
        for state in (CREATED, MUTATED, CREATED, MUTATED):
            self._bare(family, scripts, bares, state)
        sound = {label: code for label, code in scripts.items() if not bares[label].error}
        recorded = self._recorded(family, sound)
        return [(case, bares[case.label], recorded.get(case.label, Recorded())) for case in cases]

    # ---- bare

    def _bare(self, family: Family, scripts: dict[str, Script], bares: dict[str, Bare], state: str) -> None:
        """One bare run of all that are sound so far, up to *state*, which is used."""
        left = {label: code for label, code in scripts.items() if not bares[label].error}
        try:
            found = self._bare_run(family, left, bares, state)
        except (KernelDiedError, TimeoutError) as error:
            if len(left) == 1:
                bares[next(iter(left))].error = f"{type(error).__name__}: {error}"
                return
            found = {}
            for label, code in left.items():
                try:
                    found |= self._bare_run(family, {label: code}, bares, state)
                except (KernelDiedError, TimeoutError) as alone:
                    bares[label].error = f"{type(alone).__name__}: {alone}"
        for label, looks in found.items():
            for at, look in looks.items():
                bares[label].looks[at].append(look)

    def _bare_run(
        self, family: Family, scripts: dict[str, Script], bares: dict[str, Bare], state: str
    ) -> dict[str, dict[str, Look]]:
        found: dict[str, dict[str, Look]] = {}
        with self.kernel() as kernel:
            _run(kernel, family.setup or "pass")
            for label, code in scripts.items():
                try:
                    found[label] = self._bare_case(kernel, code, state)
                except _CaseError as error:
                    bares[label].error = str(error)
        return found

    def _bare_case(self, kernel: Kernel, code: Script, state: str) -> dict[str, Look]:
        looks = {}
        for at, cell in ((CREATED, code.create), (MUTATED, code.mutate)):
            _run(kernel, cell)
            looks[at] = look(kernel, code)
            if at == state:
                looks[at]["used"] = used = use(kernel, code)
                if used["value"].startswith("raises"):
                    raise _CaseError(f"its use {used['value']}")
                break
        return looks

    # ---- under Timeslip

    def _recorded(self, family: Family, scripts: dict[str, Script]) -> dict[str, Recorded]:
        if not scripts:
            return {}
        try:
            return self._journey(family, scripts)
        except (KernelDiedError, TimeoutError, RuntimeError, _CaseError) as error:
            if len(scripts) == 1:
                return {next(iter(scripts)): Recorded(failure=f"{type(error).__name__}: {str(error)[-400:]}")}
            found: dict[str, Recorded] = {}
            for label, code in scripts.items():
                found |= self._recorded(family, {label: code})
            return found

    def _journey(self, family: Family, scripts: dict[str, Script]) -> dict[str, Recorded]:
        """All ways back; raises RuntimeError when one of them is refused."""
        found = {label: Recorded() for label in scripts}
        heads: dict[str, dict[str, str]] = {}
        with self.kernel() as kernel:
            _run(kernel, "%load_ext timeslip")
            _run(kernel, family.setup or "pass")
            for label, code in scripts.items():
                heads[label] = _record(kernel, code, found[label])
                _live(kernel, code, found[label], heads[label])
        with self.kernel(fresh=False) as kernel:
            _run(kernel, "%load_ext timeslip")
            said = _travel(kernel, "resume()")
            for label, code in scripts.items():
                found[label].legs.append(_leg(kernel, code, "resume", MUTATED, said))
            for label, code in scripts.items():
                if found[label].legs[-1].fidelity != "lost":
                    found[label].legs[-1].look["used"] = use(kernel, code)
                else:
                    _ask(kernel, code, found[label].legs[-1])
            for label, code in scripts.items():
                said = _travel(kernel, f"checkout({heads[label][CREATED]!r})")
                found[label].legs.append(_leg(kernel, code, "earlier", CREATED, said, used=True))
        return found


class _CaseError(Exception):
    """The code of a case raised in a bare kernel."""


def _run(kernel: Kernel, cell: str) -> None:
    reply = kernel.run(cell, timeout=SLOW_CELL)
    if not reply.ok:
        raise _CaseError(f"{reply.error} in: {cell[:200]}")


def look(kernel: Kernel, code: Script) -> Look:
    """How the object of a case looks now."""
    names = [code.x, *(name for name in code.names if name != code.x)]
    asked = f"__import__('class_probe').look(get_ipython().user_ns, {names!r})"
    return dict(kernel.ask(asked, timeout=SLOW_CELL))


def use(kernel: Kernel, code: Script) -> Look:
    """What using it gives now."""
    asked = f"__import__('class_probe').use(get_ipython().user_ns, {code.use!r})"
    return dict(kernel.ask(asked, timeout=SLOW_CELL))


def _status(kernel: Kernel) -> dict[str, Any]:
    asked = (
        "(lambda s: __import__('json').dumps({'head': s.head.id, 'inexact': s.inexact, "
        f"'seconds': s.last.stats.seconds, 'stored': s.last.stats.bytes_stored}}))({SESSION}.status())"
    )
    return dict(kernel.ask(asked))


def _record(kernel: Kernel, code: Script, found: Recorded) -> dict[str, str]:
    """Make and change the object, each a commit; state -> commit."""
    heads = {}
    for state, cell in ((CREATED, code.create), (MUTATED, code.mutate)):
        _run(kernel, cell)
        said = _status(kernel)
        heads[state] = said["head"]
        found.inexact[state] = {name: why for name, why in said["inexact"].items() if name in code.names}
        found.seconds += said["seconds"]
        found.stored += said["stored"]
        found.attached[state] = look(kernel, code)
    return heads


def _live(kernel: Kernel, code: Script, found: Recorded, heads: dict[str, str]) -> None:
    """Undo and redo, and both states again with the object used in between."""
    ways: tuple[tuple[str, str, str, bool], ...] = (
        ("undo", CREATED, "undo()", False),
        ("redo", MUTATED, "redo()", True),
        ("checkout", CREATED, f"checkout({heads[CREATED]!r})", True),
        ("checkout", MUTATED, f"checkout({heads[MUTATED]!r})", False),
    )
    for way, state, call, used in ways:
        found.legs.append(_leg(kernel, code, way, state, _travel(kernel, call), used=used))
    if found.legs[-1].fidelity == ASKED:  # which was a step of its own, and then the object was used
        _travel(kernel, ways[-1][2])


def _travel(kernel: Kernel, call: str) -> dict[str, Any]:
    asked = (
        "(lambda r: __import__('json').dumps({'fidelity': r.fidelity, 'notes': r.notes, 'seconds': r.duration}))"
        f"({SESSION}.{call})"
    )
    return dict(kernel.ask(asked, timeout=SLOW_CELL))


def _leg(kernel: Kernel, code: Script, way: str, state: str, said: dict[str, Any], *, used: bool = False) -> Leg:
    """What one way back led to."""
    fidelity = worst([said["fidelity"].get(name, "exact") for name in code.names])
    notes = [said["notes"].get(name, "") for name in code.names if said["fidelity"].get(name, "exact") == fidelity]
    seen = look(kernel, code)
    leg = Leg(way, state, fidelity, notes[0] if notes else "", seen, said["seconds"])
    if fidelity == "lost" and way in ("checkout", "earlier"):
        _ask(kernel, code, leg)
    elif used and fidelity != "lost":
        seen["used"] = use(kernel, code)
    return leg


def _ask(kernel: Kernel, code: Script, leg: Leg) -> None:
    """Ask for a placeholder to be replayed; *leg* is then what that gives, and stays as it is when it is refused."""
    try:
        there = f"[n for n in {list(code.names)!r} if type(get_ipython().user_ns.get(n)).__name__ == 'Placeholder']"
        said = _travel(kernel, f"replay(*{there})")
    except RuntimeError as error:
        leg.note += f"; replay: {str(error).strip().splitlines()[-1][:200]}"
        return
    if said["fidelity"].get(code.x) == "replayed":
        leg.fidelity, leg.seconds, leg.look = ASKED, leg.seconds + said["seconds"], look(kernel, code)
        leg.look["used"] = use(kernel, code)
