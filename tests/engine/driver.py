"""A session, the reference history, and a twin of the namespace, driven together and compared after every step.

The *twin* is a plain dict in which the same code runs without Timeslip: it catches what the reference alone cannot, a
restored function that still looks right but acts on another namespace.

Every step is written down as a line of Python, so that a failure prints a script that can be run as it stands.
"""

from __future__ import annotations

import builtins
import gc
import shutil
import sqlite3
import sys
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
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
        # Facets are left out: the test framework itself changes them (it seeds the random generators).
        # What is changed behind the session's back is found by the next step, however slow the machine is: a look that
        # is left out for want of time would put it into another commit than the model does.
        own = {"keep_commits": 100_000, "min_free_bytes": 0, "facets": (), "check_budget": 1e9}
        self.settings = {**own, **settings}
        self.model = ReferenceHistory()
        self.script: list[str] = []
        self.namespace = fresh_namespace()
        self.twin: Namespace | None = fresh_namespace() if twin else None
        self.known: set[str] = set()
        self.versions: dict[str, dict[frozenset[str], str]] = {}
        self.rebound: dict[str, set[str]] = {}  # commit -> names that hold another object than before that step
        self.ahead: Namespace | None = None  # the live state, when it was changed behind the session's back
        self.session = self._attach()

    def _attach(self) -> Any:
        return timeslip.attach(self.namespace, store=self.directory / "store", name="driven", **self.settings)

    # ---- steps of code

    def run(self, code: str, *, outside: bool = False) -> Any:
        """Run a cell in the session and in the twin; *outside* when it brings in what only the session can have."""
        # A function that the cell binds anew dies with it, as it would without a test that looks on.
        held = {
            key: weakref.ref(obj) if type(obj) is types.FunctionType else obj for key, obj in self.namespace.items()
        }
        result = self._do(f"d.run({code!r}{', outside=True' if outside else ''})", self.session.run, code)
        if self.twin is not None and not outside:
            error = self._run_twin(code)
            self._demand(type(error) is type(result.error), f"raised {result.error!r}, the twin {error!r}")
        commit = result.commit
        if outside:
            self._resync_twin()
        self.ahead = None
        self._demand(commit.parents == ((self.model.head,) if self.model.head else ()), "parents of the new commit")
        self._model(self.model.ran, commit.id, self.namespace, commit.branch)
        self._know(commit.id, held)
        self.check()
        return result

    def touch(self, code: str) -> None:
        """Change the namespace behind the session's back, as a callback or a thread would."""
        self.script.append(f"d.touch({code!r})")
        exec(compile(code, "<touch>", "exec", dont_inherit=True), self.namespace)
        if self.twin is not None:
            self._run_twin(code)
        self.ahead = copy_namespace(self.namespace)

    def _run_twin(self, code: str) -> BaseException | None:
        assert self.twin is not None
        try:
            exec(compile(code, "<twin>", "exec", dont_inherit=True), self.twin)
        except Exception as error:
            return error
        return None

    # ---- steps through history

    def undo(self, n: int = 1) -> Any:
        return self._travel(f"d.undo({n})", lambda: self.session.undo(n), lambda: self.model.undo(n))

    def redo(self, n: int = 1) -> Any:
        return self._travel(f"d.redo({n})", lambda: self.session.redo(n), lambda: self.model.redo(n))

    def checkout(self, position: int) -> Any:
        """Go to the commit at *position* among all that were made."""
        target = self._commit_at(position)
        line = f"d.checkout({position})"
        return self._travel(line, lambda: self.session.checkout(target), lambda: self.model.checked_out(target))

    def dry_run(self, position: int) -> None:
        """Ask what a checkout would do: nothing may change."""
        target = self._commit_at(position)
        live, held = copy_namespace(self.namespace), dict(self.namespace)
        self._do(f"d.dry_run({position})", self.session.checkout, target, dry_run=True)
        self._unchanged("dry run", live, held, set(held))
        self._demand(self.session.head == self.model.head, "a dry run moved HEAD")

    def switch(self, branch: str) -> Any:
        line = f"d.switch({branch!r})"
        return self._travel(line, lambda: self.session.switch(branch), lambda: self.model.switched(branch))

    def _travel(self, line: str, real: Callable[[], Any], reference: Callable[[], Any]) -> Any:
        held = dict(self.namespace)
        with self._live_commit() as outcome:
            result, refused = self._attempt(line, real)
            outcome["refused"] = refused
        was = self.model.head
        try:
            self._model(reference)
        except NotThereError:
            self._demand(refused, f"{line}: there is nothing to undo or redo, yet it was done")
            self.check()
            return None
        self._demand(not refused, f"{line}: refused, although there is something to undo or redo")
        self.check(twin=False)
        self._check_identities(held, was)
        self._resync_twin()
        return result

    def _attempt(self, line: str, real: Callable[[], Any]) -> tuple[Any, bool]:
        try:
            return self._do(line, real, expected=NothingToUndoError), False
        except NothingToUndoError:
            return None, True

    @contextmanager
    def _live_commit(self) -> Iterator[dict[str, bool]]:
        """Around a verb that travels: it first commits the live state if that differs from HEAD's.

        One that is refused changes nothing, if it is given back that it was.
        """
        pending = self.ahead if self.ahead is not None and self.model.differences(self.ahead) else None
        outcome = {"refused": False}
        yield outcome
        if outcome["refused"]:
            pending = None
        else:
            self.ahead = None
        made = [commit for commit in self.session.log(all=True, limit=4) if commit.id not in self.known]
        live = [commit for commit in made if commit.kind == "live"]
        if pending is None:
            self._demand(not live, "a live state that did not differ from HEAD's was committed")
            return
        self._demand(len(live) == 1, "the live state differed from HEAD's, and was not committed")
        self._model(self.model.found_late, live[0].id, pending, live[0].branch)
        self._know(live[0].id, self.namespace)

    def checkout_names(self, position: int, name: str) -> Any:
        """Bring back one name, and what it is linked with, from the commit at *position*."""
        target = self._commit_at(position)
        state = self.model.states[target]
        live, held = copy_namespace(self.namespace), dict(self.namespace)
        line = f"d.checkout_names({position}, {name!r})"
        with self._live_commit():
            self._do(line, self.session.checkout, target, name)
        group = group_of(state, name)
        self._compare(f"{line}: what was brought back", state, self.namespace, group)
        self._unchanged(line, live, held, set(self.namespace) - group)
        self._made("partial-checkout", held)
        return group

    def get(self, position: int, name: str, new: str) -> None:
        """Bring one past value in under another name."""
        target = self._commit_at(position)
        state = self.model.states[target]
        live, held = copy_namespace(self.namespace), dict(self.namespace)
        line = f"d.get({position}, {name!r}, {new!r})"
        with self._live_commit():
            self._do(line, self.session.get, target, name, as_=new)
        found = compare_states({new: state[name]}, {new: self.namespace[new]}, namespaces=(state, self.namespace))
        self._demand(not found, f"{line}: {found}")
        self._unchanged(line, live, held, set(self.namespace) - {new})
        self._made("get", held)

    def _unchanged(self, what: str, live: Namespace, held: Namespace, names: set[str]) -> None:
        self._compare(f"{what}: what was not asked for", live, self.namespace, names)
        for key in names:
            self._demand(key in held and self.namespace[key] is held[key], f"{what}: {key} is another object now")

    def _made(self, kind: str, held: Namespace) -> None:
        commit = self.session.log(limit=1)[0]
        self._demand(commit.id == self.session.head, "the newest commit of the log is HEAD")
        self._model(self.model.ran, commit.id, self.namespace, commit.branch, kind)
        self._know(commit.id, held)
        self.check(twin=False)
        self._resync_twin()

    @staticmethod
    def plain_groups(state: Namespace) -> set[str]:
        """The names of *state* whose groups hold no class or function made in the session, nor instances of such."""
        return {
            name
            for group in linked_names(state)
            if not any(_is_definition(state[name]) for name in group)
            for name in group
            if not name.startswith("__")
        }

    def _know(self, commit: str, held: Mapping[str, Any]) -> None:
        """A commit was made by a step before which the names held *held*."""
        self.known.add(commit)
        missing = object()
        before = {key: obj() if type(obj) is weakref.ref else obj for key, obj in held.items()}
        self.rebound[commit] = {
            name for name, value in self.namespace.items() if before.get(name, missing) is not value
        }

    def _commit_at(self, position: int) -> str:
        return [commit for commit in self.model.states if commit is not None][position]

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

    def commit(self, message: str) -> None:
        """Record by hand."""
        commit = self._do(f"d.commit({message!r})", self.session.commit, message)
        self.ahead = None
        self._model(self.model.ran, commit.id, self.namespace, commit.branch, "commit")
        self._know(commit.id, self.namespace)
        self.check()

    def verify(self) -> None:
        """Nothing changed that was not recorded."""
        with self._live_commit():
            found = self._do("d.verify()", self.session.verify)
        self.check()
        report = self._do("# verify HEAD", self.session.verify, "HEAD") if self.model.head else found
        self._demand(not report.unrestorable, f"verify: {report.unrestorable}")

    def restart(self, *, kill: bool = False) -> None:
        """End the kernel, in order or not, and resume in a fresh namespace.

        What was changed behind the session's back and not committed is gone, as it would be.
        """
        self.script.append(f"d.restart(kill={kill})")
        if kill:
            self._kill()
        else:
            self._do("# close", self.session.close)
        self.namespace = fresh_namespace()
        self.session = self._do("# attach", self._attach)
        self._demand(not [n for n in self.namespace if not n.startswith("__")], "attaching changed the namespace")
        head, self.ahead = self.model.head, None
        self.model.forget_steps()
        if head is not None:
            self._do("# resume", self.session.resume)
            self.model.head = None
            self.model.checked_out(head, "resume")
        self.check(twin=False)
        self._resync_twin()

    def _kill(self) -> None:
        """What a killed process leaves is its files: put them aside, end the session, and put them back."""
        store, aside = self.directory / "store", self.directory / "aside"
        shutil.copytree(store, aside)
        self.session.close()
        shutil.rmtree(store)
        aside.rename(store)
        # The lease was taken by a process that is still alive: this one. That of a killed process would be dead.
        with closing(sqlite3.connect(store / "timeslip.db")) as connection, connection:
            connection.execute("DELETE FROM leases")
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

    def check(self, *, twin: bool = True) -> None:
        """The live state, HEAD and the names of history are what the reference says."""
        model, session = self.model, self.session
        self._demand(session.namespace is self.namespace, "the session has another namespace")
        self._demand(session.head == model.head, f"head is {session.head}, not {model.head}")
        self._demand(session.branch_name == model.branch, f"branch is {session.branch_name}, not {model.branch}")
        branches = {ref.name: str(ref.commit) for ref in session.branch()}
        self._demand(branches == model.branches, f"branches are {branches}, not {model.branches}")
        tags = {ref.name: str(ref.commit) for ref in session.tag()}
        self._demand(tags == model.tags, f"tags are {tags}, not {model.tags}")
        found = compare_states(model.expected() if self.ahead is None else self.ahead, self.namespace)
        self._demand(not found, "reference (first) and session (second):\n  " + "\n  ".join(found))
        if self.twin is not None and twin:
            found = compare_states(self.twin, self.namespace)
            self._demand(not found, "twin (first) and session (second):\n  " + "\n  ".join(found))

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

    def _check_identities(self, held: Mapping[str, Any], was: str | None) -> None:
        """Names whose value is the same version in both states hold the very objects they held before."""
        old, new = self._versions(was), self._versions(self.model.head)
        for group, version in old.items():
            if new.get(group) == version:
                for name in group:
                    kept = self.namespace[name] is held[name]
                    self._demand(kept, f"{name} did not differ, but is another object now")

    def _versions(self, commit: str | None) -> dict[frozenset[str], str]:
        """Group of names -> the commit that gave them their value.

        A step that leaves the objects in place, and their value equal, leaves the version.
        """
        if commit is None:
            return {}
        if commit not in self.versions:
            state, parent = self.model.states[commit], self.model.parents[commit]
            before, inherited = self.model.states[parent], self._versions(parent)
            found: dict[frozenset[str], str] = {}
            for group in linked_names(state):
                names = {name for name in group if not name.startswith("__")}
                excerpts = [{name: side[name] for name in names if name in side} for side in (before, state)]
                same = group in inherited and not compare_states(*excerpts, namespaces=(before, state))
                same = same and not names & self.rebound[commit]
                if names:
                    found[group] = inherited[group] if same else commit
            self.versions[commit] = found
        return self.versions[commit]

    # ---- doing

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


def _is_definition(value: Any) -> bool:
    made = value if isinstance(value, (type, types.FunctionType, types.MethodType)) else type(value)
    return bool(getattr(made, "__module__", None) == "__main__")
