"""A session, the reference history, and a twin of the namespace, driven together and compared after every step.

The *twin* is a plain dict in which the same code runs without Timeslip: it catches what the reference alone cannot, a
restored function that still looks right but acts on another namespace.

Every step is written down as a line of Python, so that a failure prints a script that can be run as it stands.
"""

from __future__ import annotations

import builtins
import gc
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import timeslip
from timeslip.errors import NothingToUndoError
from timeslip.testing.copies import copy_namespace
from timeslip.testing.graphs import compare_states
from timeslip.testing.links import group_of, linked_names
from timeslip.testing.reference import NotThereError, ReferenceHistory

Namespace = dict[str, Any]

HEADER = """\
import sys, pathlib, tempfile
sys.path[:0] = ["src", "."]
from tests.engine.driver import Driver
d = Driver(pathlib.Path(tempfile.mkdtemp()))
"""


def fresh_namespace() -> Namespace:
    return {"__name__": "__main__", "__builtins__": builtins}


class Disagreement(AssertionError):
    """The session and the reference differ; the message is the differences and the script that leads there."""


class Driver:
    """One session under test. All state lives below *directory*."""

    def __init__(self, directory: Path, *, twin: bool = True, **settings: Any) -> None:
        self.directory = directory
        self.settings = {"keep_commits": 100_000, "min_free_bytes": 0, **settings}
        self.model = ReferenceHistory()
        self.script: list[str] = []
        self.namespace = fresh_namespace()
        self.twin: Namespace | None = fresh_namespace() if twin else None
        self.known: set[str] = set()
        self.generation = 0
        self.session = self._attach()

    def _attach(self) -> Any:
        return timeslip.attach(self.namespace, store=self.directory / "store", name="driven", **self.settings)

    # ---- steps of code

    def run(self, code: str, *, outside: bool = False) -> Any:
        """Run a cell in the session and in the twin; *outside* when it brings in an object that only one of them has."""
        result = self._do(f"d.run({code!r}{', outside=True' if outside else ''})", self.session.run, code)
        if self.twin is not None and not outside:
            error = self._run_twin(code)
            self._demand(type(error) is type(result.error), f"raised {result.error!r}, the twin {error!r}")
        commit = result.commit
        self._demand(commit.parents == ((self.model.head,) if self.model.head else ()), "parents of the new commit")
        self.known.add(commit.id)
        self._model(self.model.ran, commit.id, self.namespace, commit.branch)
        if outside and self.twin is not None:
            self.twin = copy_namespace(self.namespace)
        self.check()
        return result

    def touch(self, code: str) -> None:
        """Change the namespace behind the session's back, as a callback or a thread would."""
        self.script.append(f"d.touch({code!r})")
        exec(compile(code, "<touch>", "exec"), self.namespace)
        if self.twin is not None:
            self._run_twin(code)

    def _run_twin(self, code: str) -> BaseException | None:
        assert self.twin is not None
        try:
            exec(compile(code, "<twin>", "exec"), self.twin)
        except Exception as error:
            return error
        return None

    # ---- steps through history

    def undo(self, n: int = 1) -> Any:
        return self._travel(f"d.undo({n})", lambda: self.session.undo(n), lambda: self.model.undo(n))

    def redo(self, n: int = 1) -> Any:
        return self._travel(f"d.redo({n})", lambda: self.session.redo(n), lambda: self.model.redo(n))

    def checkout(self, position: int, *, dry_run: bool = False) -> Any:
        """Go to the commit at *position* among all that were made."""
        target = self.commits[position % len(self.commits)]
        line = f"d.checkout({position % len(self.commits)}{', dry_run=True' if dry_run else ''})"
        if dry_run:
            result = self._do(line, self.session.checkout, target, dry_run=True)
            self._settle_live()
            self.check()
            return result
        return self._travel(line, lambda: self.session.checkout(target), lambda: self.model.checked_out(target))

    def switch(self, branch: str) -> Any:
        return self._travel(
            f"d.switch({branch!r})", lambda: self.session.switch(branch), lambda: self.model.switched(branch)
        )

    def _travel(self, line: str, real: Callable[[], Any], reference: Callable[[], Any]) -> Any:
        before = dict(self.namespace)
        self._settle_live_first()
        was = self.model.head
        try:
            self._model(reference)
        except NotThereError:
            self._expect_refusal(line, real)
            return None
        result = self._do(line, real)
        self._settle_live()
        self.check()
        self._check_identities(before, was)
        self._resync_twin()
        return result

    def _expect_refusal(self, line: str, real: Callable[[], Any]) -> None:
        try:
            self._do(line, real, expected=NothingToUndoError)
        except NothingToUndoError:
            self._settle_live()
            self.check()
            return
        self._demand(False, f"{line}: there is nothing to undo or redo, yet it was done")

    def checkout_names(self, position: int, name: str) -> Any:
        """Bring back one name, and what it is linked with, from the commit at *position*."""
        target = self.commits[position % len(self.commits)]
        state = self.model.states[target]
        self._settle_live_first()
        live = copy_namespace(self.namespace)
        held = dict(self.namespace)
        line = f"d.checkout_names({position % len(self.commits)}, {name!r})"
        self._do(line, self.session.checkout, target, name)
        self._settle_live()
        group = group_of(state, name)
        self._compare(f"{line}: what was brought back", state, self.namespace, group)
        rest = {key for key in self.namespace if key not in group}
        self._compare(f"{line}: what was not asked for", live, self.namespace, rest)
        for key in rest:
            self._demand(self.namespace[key] is held[key], f"{line}: {key} is another object now")
        self._made("partial-checkout")
        return group

    def get(self, position: int, name: str, new: str) -> None:
        """Bring one past value in under another name."""
        target = self.commits[position % len(self.commits)]
        state = self.model.states[target]
        self._settle_live_first()
        live, held = copy_namespace(self.namespace), dict(self.namespace)
        line = f"d.get({position % len(self.commits)}, {name!r}, {new!r})"
        self._do(line, self.session.get, target, name, as_=new)
        self._settle_live()
        found = compare_states({new: state[name]}, {new: self.namespace[new]}, namespaces=(state, self.namespace))
        self._demand(not found, f"{line}: {found}")
        rest = {key for key in self.namespace if key != new}
        self._compare(f"{line}: what was not asked for", live, self.namespace, rest)
        for key in rest:
            self._demand(self.namespace[key] is held[key], f"{line}: {key} is another object now")
        self._made("get")

    def _made(self, kind: str) -> None:
        head = self.session.head
        commit = self._record(head)
        self._model(self.model.ran, head, self.namespace, commit.branch, kind)
        self.known.add(head)
        self.check()
        self._resync_twin()

    # ---- names, upkeep, ends

    def branch(self, name: str) -> None:
        self._do(f"d.branch({name!r})", self.session.branch, name)
        if self.model.head is not None:
            self.model.branches[name] = self.model.head
        self.check()

    def tag(self, name: str) -> None:
        self._do(f"d.tag({name!r})", self.session.tag, name)
        if self.model.head is not None:
            self.model.tags[name] = self.model.head
        self.check()

    def collect(self) -> None:
        self._do("d.collect()", self.session.gc)
        self.check()

    def verify(self) -> None:
        """Nothing changed that was not recorded."""
        found = self._do("d.verify()", self.session.verify)
        self._demand(not found.changed, f"verify finds a change: {found.changed}")
        self.check()

    def restart(self, *, kill: bool = False) -> None:
        """End the kernel, in order or not, and resume in a fresh namespace."""
        self.script.append(f"d.restart(kill={kill})")
        self._settle_live_first()
        if kill:
            self._kill()
        else:
            self._do("# close", self.session.close)
        self._settle_live()
        self.generation += 1
        self.namespace = fresh_namespace()
        self.session = self._do("# attach", self._attach)
        self._demand(not [n for n in self.namespace if not n.startswith("__")], "attaching changed the namespace")
        head = self.model.head
        self.model.forget_steps()
        if head is None:
            self.twin = fresh_namespace() if self.twin is not None else None
            return
        self._do("# resume", self.session.resume)
        self.model.head = None
        self.model.checked_out(head, "resume")
        self.check()
        self._resync_twin()

    def _kill(self) -> None:
        """What is left of a killed process is its store: go on with a copy of the files as they are."""
        wait = getattr(self.session, "wait", None)
        if wait is not None:
            wait()
        old = self.directory / "store"
        new = self.directory / f"store-{self.generation}"
        shutil.copytree(old, new)
        self.session.close()
        shutil.rmtree(old)
        new.rename(old)
        self.session = None
        gc.collect()

    def close(self) -> None:
        if self.session is not None:
            self.session.close()
            self.session = None

    # ---- comparing

    @property
    def commits(self) -> list[str]:
        """All commits in the order they were made."""
        return [commit for commit in self.model.states if commit is not None]

    def check(self) -> None:
        """The live state, HEAD and the names of history are what the reference says."""
        self._demand(self.session.namespace is self.namespace, "the session has another namespace")
        self._demand(self.session.head == self.model.head, f"head is {self.session.head}, not {self.model.head}")
        found = self.model.differences(self.namespace)
        self._demand(not found, "reference (first) and session (second):\n  " + "\n  ".join(found))
        if self.twin is not None:
            found = compare_states(self.twin, self.namespace)
            self._demand(not found or self._travelled, "twin (first) and session (second):\n  " + "\n  ".join(found))

    _travelled = False

    def _resync_twin(self) -> None:
        if self.twin is not None:
            self.twin = copy_namespace(self.namespace)

    def _compare(self, what: str, a: Mapping[str, Any], b: Mapping[str, Any], names: Any) -> None:
        names = [name for name in names if not name.startswith("__")]
        found = compare_states(
            {name: a[name] for name in names if name in a},
            {name: b[name] for name in names if name in b},
            namespaces=(a, b),
        )
        self._demand(not found, f"{what}:\n  " + "\n  ".join(found))

    def _check_identities(self, before: Mapping[str, Any], was: str | None) -> None:
        """Names whose value did not differ hold the very objects they held before."""
        old, new = self.model.states[was], self.model.expected()
        groups = set(linked_names(old)) & set(linked_names(new))
        for group in groups:
            names = [name for name in group if not name.startswith("__")]
            one, other = ({name: state[name] for name in names} for state in (old, new))
            if names and not compare_states(one, other, namespaces=(old, new)):
                for name in names:
                    kept = self.namespace[name] is before[name]
                    self._demand(kept, f"{name} did not differ, but is another object now")

    # ---- doing

    def _settle_live_first(self) -> None:
        """Note that the live state may differ from HEAD's: a verb that travels commits it first."""
        self._pending = copy_namespace(self.namespace) if self.model.differences(self.namespace) else None

    _pending: Namespace | None = None

    def _settle_live(self) -> None:
        """Tell the reference about the commit that the session made of a live state."""

    def _record(self, commit: str) -> Any:
        return next(entry for entry in self.session.log() if entry.id == commit)

    def _do(self, line: str, function: Callable[..., Any], *args: Any, expected: Any = (), **options: Any) -> Any:
        if not line.startswith("#"):
            self.script.append(line)
        try:
            return function(*args, **options)
        except expected:
            raise
        except Exception as error:
            raise Disagreement(self._story(f"{line} raised {error!r}")) from error

    def _model(self, function: Callable[..., Any], *args: Any) -> Any:
        try:
            return function(*args)
        except AssertionError as error:
            raise Disagreement(self._story(f"history: {error}")) from error

    def _demand(self, holds: bool, sentence: str) -> None:
        if not holds:
            raise Disagreement(self._story(sentence))

    def _story(self, sentence: str) -> str:
        return f"{sentence}\n\n# ---- as a script (Python {sys.version.split()[0]})\n{HEADER}" + "\n".join(self.script)
