"""Rebuilding a value by running recorded cells again (rules: the interface, *History*).

The cell that made the version is found in history. The names it reads are brought in as they were before it
(`timeslip.inputs`). Then it runs with the facets as they were, in the session's own globals, emptied for the time
(`timeslip.borrowing`): only so do functions and generators that it makes belong to the live namespace. Afterwards
everything that it changed is put back; the only difference that is left is the rebuilt value.

Unasked, a cell is run only if all that it can reach stays within the session (`timeslip.state.rerun`), and behind a
fence (`timeslip.state.fence`).
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from timeslip.activity import user_threads
from timeslip.borrowing import Loan, borrowed
from timeslip.codec.restore import Loader
from timeslip.errors import ReplayError, StoreError, TimeslipError, UntrustedStoreError
from timeslip.executing import Execution
from timeslip.history import History
from timeslip.ids import CommitId, RecordId
from timeslip.inputs import Inputs, Stays, mentions_of, nothing_stays, reads_output, refuse_outside
from timeslip.joining import Joining, Rebuilt
from timeslip.live import Live
from timeslip.model import Commit, ReplayStep, is_definition, is_facet, is_name
from timeslip.noticing import SHIFTING
from timeslip.past import Loads, headers_of
from timeslip.state.bytecode import facts_of_code
from timeslip.state.facets.differences import parsed
from timeslip.state.reach import (
    Reached,
    facts_of_source,
    facts_reads_before_binding,
    reached,
    timeslip_commands,
)
from timeslip.state.rerun import Examined, examine
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
        reads: node keys of that state that it needs.
        definitions: node keys of the classes and functions of that state that it can reach.
        behind: further node keys of that state that the code of such objects may need as cannot be loaded: a generator
            reads the globals when it is moved on.
        everything: it may need other names as well, which cannot be told.
        touches: what it seems to touch outside, or to change beside the session.
    """

    commit: Commit
    source: str
    before: dict[str, RecordId]
    reads: tuple[str, ...]
    definitions: tuple[str, ...]
    behind: tuple[str, ...]
    everything: bool
    touches: tuple[str, ...]

    @property
    def where(self) -> str:
        """The run, for people."""
        count = self.commit.execution_count
        return f"In[{count}]" if count is not None else f"commit {self.commit.id[:8]}"


class Replayer:
    """Replays for one restore.

    Args:
        live: the session.
        history: of the session.
        mode: "auto", "ask", "never" or "always".
        outer: the loader of the restore, or None. Definitions that it made are used.
        stays: tells what will be there after the restore.
        target: the state being restored, node key -> record.
    """

    def __init__(
        self,
        live: Live,
        history: History,
        mode: str,
        outer: Loader | None = None,
        stays: Stays = nothing_stays,
        target: Mapping[str, str] | None = None,
    ) -> None:
        self.live = live
        self.history = history
        self.mode = mode
        self.outer = outer
        self.stays = stays
        self.target: Mapping[str, str] = target if target is not None else {}
        self.wanted: dict[str, list[str]] = {}
        """Value record -> names, of everything that the restore wants rebuilt: one run gives what it made together."""
        self._messages: list[str] = []
        self._done: dict[str, Rebuilt] = {}
        self._earlier: list[Rebuilt] = []
        self._told: list[tuple[str, Rebuilt]] = []
        self._recipes: dict[tuple[CommitId, str], Recipe] = {}
        self._seconds = 0.0

    def take_messages(self) -> list[str]:
        """What was run, one sentence each; empties the list."""
        taken, self._messages = self._messages, []
        return taken

    # ---- recipes

    def recipe(self, commit: CommitId, key: str, depth: int = 0) -> Recipe:
        """How *key* came to be what it is at *commit*.

        Raises:
            ReplayError: not known, or its code was forgotten.
        """
        if (commit, key) not in self._recipes:
            self._recipes[commit, key] = self._recipe(commit, key, depth)
        return self._recipes[commit, key]

    def _recipe(self, commit: CommitId, key: str, depth: int) -> Recipe:
        identity = self.history.maker(commit, key)
        if identity is None:
            raise ReplayError(f"the cell that made '{key}' is not in the history any more")
        try:
            made = self.history.runnable(identity)
        except UntrustedStoreError as error:
            raise ReplayError(f"the cell that made '{key}' is not run: {error.message}", hint=error.hint) from error
        if not made.code:
            raise ReplayError(f"'{key}' was not made by a recorded cell (commit {identity[:8]}, {made.kind})")
        source = self.live.namespace.transform(made.code)
        before = self.history.state(made.parents[0] if made.parents else None)
        reach = self._reach(source, before)
        names = facts_reads_before_binding(source) | (reach.names - facts_of_source(source).names)
        reads = tuple(sorted(key for key in before if is_name(key) and reads_output(key, names)))
        definitions = self._definitions(before, reads)
        behind = self._behind(made, before, reads, depth)
        behind = tuple(key for key in (*self._definitions(before, behind), *behind) if key not in definitions)
        touches = self._seems(source, before, (*reads, *filter(is_name, behind)), definitions)
        if key in made.names.late:
            touches = (f"may not be what changed {key}: that was found later", *touches)
        return Recipe(made, source, before, reads, definitions, behind, reach.everything, touches)

    def _definitions(self, before: Mapping[str, str], names: Iterable[str]) -> tuple[str, ...]:
        references = {f"def:{identity}" for name in names for identity in self._references(before, name)}
        return tuple(sorted(references & before.keys()))

    def _behind(self, made: Commit, before: Mapping[str, str], reads: Iterable[str], depth: int) -> tuple[str, ...]:
        """What the code of those of *reads* that cannot be loaded may read, going by the cells that made them."""
        found: set[str] = set()
        for key in reads:
            if depth > _DEPTH or not made.parents or self.live.info(before[key]).lost is None:
                continue
            with suppress(ReplayError):  # its value cannot be had either, which is said where it is asked for
                recipe = self.recipe(made.parents[0], key, depth + 1)
                names = facts_of_source(recipe.source).reads
                found.update(key for key in before if is_name(key) and reads_output(key, names))
                found.update(key for key in (*recipe.reads, *recipe.behind) if is_name(key) and key in before)
        return tuple(sorted(found.difference(reads)))

    def _reach(self, source: str, before: Mapping[str, str], loader: Loader | None = None) -> Reached:
        def codes_of(name: str) -> Iterable[types.CodeType]:
            if name in before:
                yield from self._codes(self._references(before, name), loader or self.outer)

        return reached(facts_of_source(source), codes_of)

    def _codes(self, identities: Iterable[str], loader: Loader | None = None) -> list[types.CodeType]:
        """The code of the functions among definitions, as it is now."""
        found = []
        for identity in identities:
            made = None if loader is None else loader.made.get(identity, loader.adopted.get(identity))
            code = getattr(made if made is not None else self.live.registry.live(identity), "__code__", None)
            if isinstance(code, types.CodeType):
                facts_of_code(code)
                found.append(code)
        return found

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

    def _seems(
        self, source: str, before: Mapping[str, RecordId], reads: Iterable[str], definitions: Iterable[str]
    ) -> tuple[str, ...]:
        """What the cell seems to touch, going by what is live of its inputs; nothing is loaded for it."""
        snapshot = self.live.namespace.snapshot()
        values = {name: snapshot[name] for name in reads if self._is_live(name, before) and name in snapshot}
        codes = self._codes(key[4:] for key in definitions)
        try:
            held = mentions_of(self.live, [before[key] for key in (*reads, *definitions)])
        except ReplayError as error:
            return (error.message,)
        return examine(source, values, codes, held, self.live.namespace.globals).reasons

    def _is_live(self, name: str, before: Mapping[str, str]) -> bool:
        return self.live.records.get(name) == before.get(name)

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

    def foresee(self, commit: CommitId, names: list[str], depth: int = 0) -> list[str]:
        """The runs by which *names* of one co-variable would be rebuilt, first to last, as far as can be told.

        Raises:
            ReplayError: they would not be, as far as can be told.
        """
        if depth > _DEPTH:
            raise ReplayError(f"rebuilding {names[0]} leads through more than {_DEPTH} cells")
        self._permit_any(names)
        recipe = self.recipe(commit, names[0])
        self._refuse_changed_since(recipe, commit, names)
        self._permit(recipe, names)
        self._seconds += recipe.commit.duration
        where: list[str] = []
        for key in (*recipe.definitions, *recipe.reads):
            if self.mode != "always":
                refuse_outside(self.live, key, recipe.before[key])
            if is_name(key) and self.live.info(recipe.before[key]).lost is not None and recipe.commit.parents:
                where += self.foresee(recipe.commit.parents[0], [key], depth + 1)
        return [*where, recipe.where]

    # ---- rebuilding

    def rebuild(
        self, commit: CommitId, keys: list[str], reason: str, required: Iterable[str] | None = None, depth: int = 0
    ) -> Rebuilt:
        """The values of *keys* as they were at *commit*, made by their cell.

        Args:
            commit: where the version is.
            keys: the node keys of one co-variable.
            reason: why it is not loaded, for the message.
            required: names that must come out; the others of *keys* are given if they do. Default: all.
            depth: of replays within replays.

        Raises:
            ReplayError: it may not be run, or does not give them; nothing has changed.
        """
        names = [key for key in keys if is_name(key)]
        required = names if required is None else list(required)
        if not required:
            raise ReplayError(f"{', '.join(keys)} is a class or function that no name is bound to")
        if depth > _DEPTH:
            raise ReplayError(f"rebuilding {required[0]} leads through more than {_DEPTH} cells")
        record = self.history.state(commit).get(required[0])
        done = self._done.get(record) if record is not None else None
        if done is not None and done.values.keys() >= set(required):
            return done
        self._permit_any(required)
        recipe = self.recipe(commit, required[0])
        self._refuse_changed_since(recipe, commit, required)
        self._permit(recipe, required)
        self._seconds += recipe.commit.duration
        others = self._made_together(commit, record, recipe)
        every = [*names, *(name for group in others.values() for name in group)]
        told = len(self._told)
        try:
            try:
                rebuilt = self._run(recipe, every, required, depth)
            except ReplayError:
                if not others:
                    raise
                others = {}
                rebuilt = self._run(recipe, names, required, depth)
        except ReplayError:
            self._take_back(told)
            raise
        if record is not None and all(self.target.get(name) == record for name in required):
            self._done[record] = rebuilt  # it will be there: whoever else reads it is given the same objects
        self._done.update({other: rebuilt for other, group in others.items() if rebuilt.values.keys() >= set(group)})
        self._messages.append(f"{recipe.where} was run again for {', '.join(rebuilt.values)}, because {reason}")
        self._told.append((self._messages[-1], rebuilt))
        return rebuilt

    def _take_back(self, told: int) -> None:
        """Say nothing of the runs since number *told* that only gave what a further run needed, which has failed."""
        for message, rebuilt in self._told[told:]:
            if message in self._messages and all(rebuilt is not done for done in self._done.values()):
                self._messages.remove(message)
        del self._told[told:]

    def _made_together(self, commit: CommitId, record: str | None, recipe: Recipe) -> dict[str, list[str]]:
        """What else is wanted and was made by the same run: it may share objects that only these values hold."""
        found: dict[str, list[str]] = {}
        state = self.history.state(commit)  # of a replay within a replay an earlier one, with other versions of a name
        for other, names in self.wanted.items():
            if other == record or other in self._done or not names or any(state.get(name) != other for name in names):
                continue
            if self.history.maker(commit, names[0]) != recipe.commit.id:
                continue
            with suppress(ReplayError):  # it is wanted alone later, which says why not
                self._refuse_changed_since(recipe, commit, names)
                found[other] = names
        return found

    def _refuse_changed_since(self, recipe: Recipe, commit: CommitId, names: Iterable[str]) -> None:
        """Raise ReplayError if the run would not make the classes and functions as they are at *commit*."""
        state = self.history.state(commit)
        for name in names:
            for key in sorted(f"def:{identity}" for identity in self._references(state, name)):
                if key not in state or self.live.info(state[key]).lost is None:
                    continue  # it is loaded, whatever the run does to it
                if self.history.maker(commit, key) not in (None, recipe.commit.id):
                    raise ReplayError(f"a class or function that {name} refers to was changed after {recipe.where}")
                if key in recipe.before and self._is_there(key[4:]):
                    # What the run does to it is undone after the run, as for everything that it does not make.
                    raise ReplayError(f"{recipe.where} changed a class or function that {name} refers to in place")

    def _is_there(self, identity: str) -> bool:
        """Whether a class or function is live, or was made by the restore around this."""
        return self.live.registry.live(identity) is not None or (self.outer is not None and identity in self.outer.made)

    def _permit_any(self, names: list[str]) -> None:
        """Raise ReplayError if no cell may be run now, whichever it is: history need not be searched for it then."""
        hint = f"`%timeslip replay {' '.join(names)}` runs it"
        if user_threads(self.live.threads):
            raise ReplayError("threads of the session are running, which a replay would disturb", hint=hint)
        if self.mode not in ("auto", "always"):
            raise ReplayError(f"replay is set to '{self.mode}'", hint=hint)

    def _permit(self, recipe: Recipe, names: list[str]) -> None:
        """Raise ReplayError unless the cell may be run now."""
        what = ", ".join(names)
        hint = f"`%timeslip replay {' '.join(names)}` runs it"
        if timeslip_commands(recipe.source):
            raise ReplayError(f"the cell that made {what} travels in time itself", hint="run its other lines by hand")
        if self.mode == "always":
            return
        if recipe.touches:
            raise ReplayError(f"the cell that made {what} is not run unasked: it {recipe.touches[0]}", hint=hint)
        seconds = recipe.commit.duration
        if not seconds:
            raise ReplayError(f"how long the cell that made {what} takes is not known", hint=hint)
        if seconds + self._seconds > self.live.settings.replay_seconds:
            raise ReplayError(f"the cells that made {what} took {seconds + self._seconds:.0f} s", hint=hint)
        if recipe.commit.outcome != "ok":
            raise ReplayError(f"the cell that made {what} ended with an error", hint=hint)

    def _run(self, recipe: Recipe, names: list[str], required: list[str], depth: int) -> Rebuilt:
        unasked = self.mode != "always"
        own = f"Out[{recipe.commit.execution_count}]"
        # A later cell that changes what earlier ones have shown makes a version of it that has their names, too.
        shown = {name for name in names if name.startswith("Out[") and name != own and name in recipe.before}
        wanted = [name for name in required if name not in shown]
        execution = Execution(self.live, recipe.source, recipe.commit.execution_count, wanted, fenced=unasked)
        inputs = self._inputs(recipe, depth, unasked)
        inputs.take(sorted(shown))
        pending = self.outer.changes if self.outer is not None else []
        adopted = inputs.loader.adopted.values()
        with borrowed(self.live, adopted, [*pending, *inputs.loader.changes]) as loan:
            self._examine(recipe, inputs, loan, unasked)
            inputs.note()
            self._set_facets(recipe)
            # A name that the cell only deletes has to be there; what it was does not matter.
            deleted = facts_of_source(recipe.source).deletes & recipe.before.keys()
            self.live.namespace.globals.update({**dict.fromkeys(deleted), **inputs.names()})
            made = execution.run()
            made.update({name: inputs.values[name] for name in shown & inputs.values.keys()})
            self._add_aliases(made, recipe.commit.id, names)
            changed = inputs.changed()
            rebuilt = None if changed else self._outcome(recipe, inputs, execution, made, names, required, depth)
            made.clear()
            inputs.let_go()  # while the classes have the content that finalizers of copies are to see
        self._messages += execution.messages
        self._repair(changed, recipe)
        assert rebuilt is not None
        if self.outer is not None:
            self.outer.made.update({i: obj for i, obj in inputs.loader.made.items() if i not in self.outer.made})
        return rebuilt

    def _add_aliases(self, made: dict[str, Any], commit: CommitId, names: list[str]) -> None:
        """Bind names that no run binds, IPython's for the last outputs, to what they stood for at *commit*."""
        state = self.history.state(commit)
        for record in {state[name] for name in names if name in state}:
            of = self.live.info(record).aliases
            # What is bound to the last outputs may still be what the run was given.
            known = sorted(filter(made.__contains__, names), key=lambda name: name not in SHIFTING)
            objects = {of.get(name, name): made[name] for name in known}
            for name in names:
                found = of.get(name, name)
                if state.get(name) == record and found in objects and (name not in made or name in SHIFTING):
                    made[name] = objects[found]

    def _inputs(self, recipe: Recipe, depth: int, unasked: bool) -> Inputs:
        def rebuild(keys: list[str], reason: str) -> Rebuilt:
            if not recipe.commit.parents:
                raise ReplayError(f"it needs {', '.join(keys)}, which cannot be loaded: {reason}")
            rebuilt = self.rebuild(recipe.commit.parents[0], keys, reason, None, depth + 1)
            self._earlier.append(rebuilt)
            return rebuilt

        inputs = Inputs(self.live, recipe.before, self.outer, self.stays, rebuild, unasked=unasked)
        with self._wanting(recipe):
            self._take(recipe, inputs)
        return inputs

    @contextmanager
    def _wanting(self, recipe: Recipe) -> Iterator[None]:
        """Have one run make what it made together of the inputs of *recipe*: apart, each would take runs of its own."""
        lost: dict[str, list[str]] = {}
        for key in (*recipe.reads, *recipe.behind):
            record = recipe.before[key]
            if is_name(key) and record not in self.wanted and self.live.info(record).lost is not None:
                lost.setdefault(record, []).append(key)
        before, self.wanted = self.wanted, {**self.wanted, **lost}
        try:
            yield
        finally:
            self.wanted = before
            for given in lost:  # what is given to a run is not what it was afterwards
                self._done.pop(given, None)

    def _take(self, recipe: Recipe, inputs: Inputs) -> None:
        inputs.take((*recipe.definitions, *recipe.reads))
        inputs.take(recipe.behind, optional=True)
        known: frozenset[str] = frozenset()
        while not (names := self._reach(recipe.source, recipe.before, inputs.loader).names) <= known:
            # Code of functions that were neither live nor in the state being restored is known now.
            further = (key for key in recipe.before if is_name(key) and reads_output(key, names - known))
            inputs.take(sorted(further), optional=True)
            known |= names
        if recipe.everything:
            inputs.take(filter(is_name, recipe.before), optional=True)

    def _examine(self, recipe: Recipe, inputs: Inputs, loan: Loan, unasked: bool) -> None:
        """Look at the cell with the very objects that it will have; raise ReplayError if it may not be run."""
        definitions = filter(is_definition, (*recipe.definitions, *recipe.behind))
        codes = self._codes((key[4:] for key in definitions), inputs.loader)
        names = inputs.names()
        found = examine(recipe.source, names, codes, inputs.mentions(), self.live.namespace.globals)
        problem = loan.keep(found)
        if not unasked:
            return
        if found.reasons:
            raise ReplayError(f"it is not run unasked: it {found.reasons[0]}")
        if problem is not None:
            raise ReplayError(f"it is not run unasked: it may change a variable that cannot be put back ({problem})")
        if found.draws and self._figures_open(recipe, found):
            raise ReplayError("it is not run unasked: it may draw on a figure that was open")

    def _figures_open(self, recipe: Recipe, found: Examined) -> bool:
        record = recipe.before.get("facet:matplotlib")
        if record is None:
            return False
        document = parsed(b"".join(read_stream(self.live.repository, self.live.body(record)["facet"])))
        return bool(document.get("figures"))

    def _set_facets(self, recipe: Recipe) -> None:
        """The facets as they were before the cell. Figures are left: what was drawn on them is not known here."""
        wanted = {}
        for key, record in recipe.before.items():
            if is_facet(key) and key != "facet:matplotlib":
                wanted[key[6:]] = b"".join(read_stream(self.live.repository, self.live.body(record)["facet"]))
        self._messages += self.live.facets.restore(wanted)

    # ---- afterwards

    def _repair(self, changed: list[str], recipe: Recipe) -> None:
        """What was given itself and has changed although it did not the first time: load it again, and say so.

        Raises:
            ReplayError: if anything has changed; then the result is not to be relied on either.
        """
        if not changed:
            return
        repaired: list[str] = []
        loader = Loader(self.live.encoder, lambda identity: headers_of(self.live.repository, recipe.before, identity))
        loads = Loads(loader, self.live.repository, recipe.before)
        for record in changed:
            keys = [key for key, value in recipe.before.items() if value == record]
            try:
                values = loads.load(record, self.live.body(record))
            except TimeslipError:
                repaired += keys  # said below: there is no other copy of it
                continue
            live = {key: value for key, value in values.items() if is_name(key) and self._is_live(key, recipe.before)}
            self.live.namespace.apply(live, ())
            repaired += keys
        for change in loader.changes:
            change.apply()
        loader.register()
        what = ", ".join(key for key in repaired if is_name(key)) or "a class or function"
        self._messages.append(f"running {recipe.where} again changed {what}, which was loaded from the store again")
        raise ReplayError(f"running it again changed {what}, which it had not changed the first time")

    def _outcome(
        self,
        recipe: Recipe,
        inputs: Inputs,
        execution: Execution,
        made: dict[str, Any],
        names: list[str],
        required: list[str],
        depth: int,
    ) -> Rebuilt:
        """What of *made* is wanted, made to belong to the state being restored.

        Raises:
            ReplayError: something of it is missing, or cannot live on.
        """
        missing = [name for name in required if name not in made]
        if missing:
            raise ReplayError(f"running it again did not make {', '.join(missing)}")
        rebuilt = Rebuilt({name: made[name] for name in names if name in made})
        execution.check(rebuilt.values)
        joining = Joining(self.live, self.history, recipe.commit.id, self.outer, self.stays, self.target, self._done)
        joining.join(rebuilt, made, inputs, self._earlier, for_input=depth > 0)
        return rebuilt
