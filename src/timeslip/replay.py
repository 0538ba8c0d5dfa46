"""Rebuilding a value by running recorded cells again (rules: the interface, *History*).

The cell that made the version is found in history. The names it reads are brought in as they were before it, from the
store or, where they were not stored either, by replay of their own cells. Then it runs with the random generators as
they were, in the session's own globals, emptied for the time: only so do functions and generators that it makes belong
to the live namespace. Afterwards every name, every class of the session, the facets and the module table are put back.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from timeslip.activity import user_threads
from timeslip.codec.restore import Loader
from timeslip.errors import ReplayError, StoreError, UnrestorableError
from timeslip.history import History
from timeslip.ids import CommitId, RecordId
from timeslip.interrupts import uninterrupted
from timeslip.live import Live
from timeslip.model import Commit, ReplayStep, is_facet, is_name
from timeslip.past import Loads, headers_of
from timeslip.state.bytecode import facts_of_code
from timeslip.state.reach import Reached, facts_of_source, facts_reads_before_binding, reached
from timeslip.values import read_stream

_DEPTH = 20
"""Replays within replays: more than this is a mistake in the lineage."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one version of some names comes about.

    Attributes:
        commit: the run that made it.
        source: its code as plain Python.
        before: the state it ran in, node key -> record.
        reads: names of that state that it needs.
        touches: what it seems to touch outside.
    """

    commit: Commit
    source: str
    before: dict[str, RecordId]
    reads: tuple[str, ...]
    touches: tuple[str, ...]


class Replayer:
    """Replays for one restore.

    Args:
        live: the session.
        history: of the session.
        mode: "auto", "ask", "never" or "always".
        outer: the loader of the restore, or None. Definitions that it made are used.
    """

    def __init__(self, live: Live, history: History, mode: str, outer: Loader | None = None) -> None:
        self.live = live
        self.history = history
        self.mode = mode
        self.outer = outer
        self._messages: list[str] = []
        self._done: dict[tuple[str, str], dict[str, Any]] = {}

    def take_messages(self) -> list[str]:
        """What was run, one sentence each; empties the list."""
        taken, self._messages = self._messages, []
        return taken

    def recipe(self, commit: CommitId, key: str) -> Recipe:
        """How *key* came to be what it is at *commit*.

        Raises:
            ReplayError: not known, or its code was forgotten.
        """
        identity = self.history.maker(commit, key)
        if identity is None:
            raise ReplayError(f"the cell that made '{key}' is not in the history any more")
        made = self.history.commit(identity)
        if not made.code:
            raise ReplayError(f"'{key}' was not made by a recorded cell (commit {identity[:8]}, {made.kind})")
        source = self.live.namespace.transform(made.code)
        before = self.history.state(made.parents[0] if made.parents else None)
        reach = self._reach(source, before)
        reads = facts_reads_before_binding(source) | (reach.names - facts_of_source(source).names)
        return Recipe(made, source, before, tuple(sorted(reads & before.keys())), reach.outside)

    def _reach(self, source: str, before: Mapping[str, str]) -> Reached:
        def codes_of(name: str) -> Iterator[Any]:
            if name not in before:
                return
            for identity in self._references(before, name):
                code = getattr(self.live.registry.live(identity), "__code__", None)
                if code is not None:
                    facts_of_code(code)
                    yield code

        return reached(facts_of_source(source), codes_of)

    def _references(self, state: Mapping[str, str], name: str) -> set[str]:
        found: set[str] = set()
        work = [name]
        while work:
            key = work.pop()
            if key not in state:
                continue
            try:
                references = self.live.body(state[key]).get("references", ())
            except StoreError:
                continue  # its definitions cannot be read, so its code cannot be followed
            for identity in references:
                if identity not in found:
                    found.add(identity)
                    work.append(f"def:{identity}")
        return found

    def plan(self, commit: CommitId, key: str) -> list[ReplayStep]:
        """The runs that rebuilding *key* takes, first to last."""
        recipe = self.recipe(commit, key)
        steps: list[ReplayStep] = []
        for name in recipe.reads:
            if self.live.info(recipe.before[name]).lost is not None and recipe.commit.parents:
                steps += self.plan(recipe.commit.parents[0], name)
        made = recipe.commit
        steps.append(ReplayStep(made.id, made.execution_count, made.code or "", made.duration, recipe.touches, (key,)))
        return steps

    def rebuild(self, commit: CommitId, keys: list[str], reason: str, depth: int = 0) -> dict[str, Any]:
        """The values of *keys* as they were at *commit*, made by their cell.

        Raises:
            ReplayError: it may not be run, or does not give them; nothing has changed.
        """
        names = [key for key in keys if is_name(key)]
        if not names:
            raise ReplayError(f"{', '.join(keys)} is a class or function that no name is bound to")
        if depth > _DEPTH:
            raise ReplayError(f"rebuilding {names[0]} leads through more than {_DEPTH} cells")
        recipe = self.recipe(commit, names[0])
        self._permit(recipe, names)
        cached = self._done.get((recipe.commit.id, ",".join(names)))
        if cached is not None:
            return cached
        values = self._run(recipe, names, depth)
        self._done[recipe.commit.id, ",".join(names)] = values
        made = recipe.commit
        where = f"In[{made.execution_count}]" if made.execution_count is not None else f"commit {made.id[:8]}"
        self._messages.append(f"{where} was run again for {', '.join(names)}, because {reason}")
        return values

    def _permit(self, recipe: Recipe, names: list[str]) -> None:
        """Raise ReplayError unless the cell may be run now."""
        what = ", ".join(names)
        hint = f"`%timeslip replay {' '.join(names)}` runs it"
        if user_threads(self.live.threads):
            raise ReplayError("threads of the session are running, which a replay would disturb", hint=hint)
        if self.mode == "always":
            return
        if self.mode != "auto":
            raise ReplayError(f"replay is set to '{self.mode}'", hint=hint)
        if recipe.touches:
            raise ReplayError(f"the cell that made {what} touches the outside: {recipe.touches[0]}", hint=hint)
        if recipe.commit.duration > self.live.settings.replay_seconds:
            raise ReplayError(f"the cell that made {what} took {recipe.commit.duration:.0f} s", hint=hint)
        if recipe.commit.outcome != "ok":
            raise ReplayError(f"the cell that made {what} ended with an error", hint=hint)

    def _run(self, recipe: Recipe, names: list[str], depth: int) -> dict[str, Any]:
        loader = Loader(self.live.encoder, lambda i: headers_of(self.live.repository, recipe.before, i))
        if self.outer is not None:
            loader.made.update(self.outer.made)
        inputs = self._inputs(recipe, loader, depth)
        with _borrowed(self.live, loader):
            self._set_facets(recipe)
            self.live.namespace.globals.update(inputs)
            try:
                self.live.namespace.execute(recipe.source)
            except Exception as error:  # the user's own code: whatever it raises is the reason
                raise ReplayError(
                    f"running it again failed: {type(error).__name__}: {error}",
                    hint="the recorded inputs may have come from outside the session",
                ) from error
            made = self.live.namespace.snapshot()
        missing = [name for name in names if name not in made]
        if missing:
            raise ReplayError(f"running it again did not make {', '.join(missing)}")
        return {name: made[name] for name in names}

    def _inputs(self, recipe: Recipe, loader: Loader, depth: int) -> dict[str, Any]:
        inputs: dict[str, Any] = {}
        loads = Loads(loader, self.live.repository, recipe.before)
        for name in recipe.reads:
            if name in inputs:
                continue
            record = recipe.before[name]
            try:
                values = loads.load(record, self.live.body(record))
            except (UnrestorableError, StoreError) as error:
                if not recipe.commit.parents:
                    raise ReplayError(f"it needs '{name}', which cannot be loaded: {error.message}") from error
                keys = [key for key, value in recipe.before.items() if value == record]
                values = self.rebuild(recipe.commit.parents[0], keys, error.message, depth + 1)
            inputs.update({k: v for k, v in values.items() if is_name(k) and recipe.before.get(k) == record})
        self._load_definitions(recipe, loads)
        return {key: value for key, value in inputs.items() if not key.startswith("Out[")}

    def _load_definitions(self, recipe: Recipe, loads: Loads) -> None:
        """Have the content of the classes and functions that the cell reaches put in as it was, as a copy.

        Otherwise the cell would change what live ones hold (default arguments, class attributes) a second time.
        """
        for identity in {identity for name in recipe.reads for identity in self._references(recipe.before, name)}:
            record = recipe.before.get(f"def:{identity}")
            try:
                if record is not None and identity not in loads.loader.made:
                    loads.load(record, self.live.body(record))
            except (UnrestorableError, StoreError) as error:
                raise ReplayError(f"it needs a class or function that cannot be loaded: {error.message}") from error

    def _set_facets(self, recipe: Recipe) -> None:
        wanted = {}
        for key, record in recipe.before.items():
            if is_facet(key) and key.endswith("random"):
                wanted[key[6:]] = b"".join(read_stream(self.live.repository, self.live.body(record)["facet"]))
        self._messages += self.live.facets.restore(wanted)


@contextmanager
def _borrowed(live: Live, loader: Loader) -> Iterator[None]:
    """The session's globals without its names, its classes as *loader* needs them; all put back at the end.

    Interrupts are held back, except where recorded code runs (`Namespace.execute`).
    """
    with uninterrupted():
        yield from _swapped(live, loader)


def _swapped(live: Live, loader: Loader) -> Iterator[None]:
    namespace = live.namespace.globals
    saved = dict(namespace)
    names = [name for name in live.namespace.snapshot() if name in namespace]
    facets = live.facets.capture()
    modules = dict(sys.modules)
    applied: list[Any] = []
    try:
        for change in loader.changes:
            change.apply()
            applied.append(change)
        for name in names:
            del namespace[name]
        yield
    finally:
        for name in [name for name in namespace if name not in saved]:
            del namespace[name]
        namespace.update(saved)
        for change in reversed(applied):
            change.invert()
        for name, module in modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module
        live.facets.restore(facets)
