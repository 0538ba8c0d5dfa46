"""The verbs that travel: undo, redo, checkout, partial checkout, get, resume, replay.

Each commits the live state first, so that nothing is lost.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import CodeType, FunctionType
from typing import Any

from timeslip import commit as recording
from timeslip.arguments import check_count, check_names, check_text
from timeslip.auditing import check_bytes
from timeslip.checkout import Checkout, Options
from timeslip.codec.placeholder import Placeholder
from timeslip.describing.remembering import remember
from timeslip.describing.summary import counted
from timeslip.errors import ConflictError, NameTakenError, NothingToUndoError, ReplayError, TimeslipError, UsageError
from timeslip.foreseeing import foresee
from timeslip.history import History, name_not_found
from timeslip.ids import CommitId, RecordId
from timeslip.interrupts import uninterrupted
from timeslip.leaving import way_to
from timeslip.letting_go import let_classes_go
from timeslip.live import Live
from timeslip.looking import Cells
from timeslip.model import CheckoutResult, Commit, ReplayStep, Went, is_definition, is_name
from timeslip.owing import Step
from timeslip.planner import Plan, closure, make_plan
from timeslip.replay import Replayer
from timeslip.standard import time
from timeslip.staying import StayingElements
from timeslip.steps import STEP, Walked


class Traveller:
    """Moves one live session through its history. All calls are under the session's turn."""

    def __init__(self, live: Live, history: History) -> None:
        self.live = live
        self.history = history

    # ---- whole states

    def undo(self, n: int, options: Options) -> CheckoutResult:
        """Go back by *n* steps.

        Raises:
            NothingToUndoError: there are not so many; nothing was changed.
            TimeslipError: as `checkout`.
        """
        check_count(n)
        # Only what is committed now could add a step: do not commit for an undo that cannot be.
        if not options.dry_run and n <= len(self.live.steps.done) + 1:
            self.commit_live()
        steps = self.live.steps
        available = len(steps.done)
        if n > available:
            raise NothingToUndoError(
                _too_few(available, n, "undone in this kernel"),
                hint="`checkout REF` goes to any recorded state; `log --all` lists them",
            )
        went = self._went(reversed(steps.done[-n:]))
        return replace(self._go(steps.done[-n].before, "undo", options, {"steps": n}), went=went)

    def redo(self, n: int, options: Options) -> CheckoutResult:
        """Go forward again by *n* steps. Raises as `undo`."""
        check_count(n)
        if not options.dry_run and n <= len(self.live.steps.undone):
            self.commit_live()
        steps = self.live.steps
        available = len(steps.undone)
        if n > available:
            raise NothingToUndoError(
                _too_few(available, n, "redone"),
                hint="a run after an undo clears what could be redone; `log --all` still lists those states",
            )
        went = self._went(reversed(steps.undone[-n:]))
        return replace(self._go(steps.undone[-n].after, "redo", options, {"steps": n}), went=went)

    def _went(self, walked: Iterable[Walked]) -> tuple[Went, ...]:
        return tuple(Went(step.kind, self._own_commit(step)) for step in walked)

    def _own_commit(self, step: Walked) -> Commit | None:
        """The commit of the step itself: what was found late and belongs to it has commits of its own after that."""
        commit = self._commit(step.after)
        while commit is not None and commit.kind == "live" and step.kind != "live":
            parent = commit.parents[0] if commit.parents else None
            if parent is None or parent == step.before:
                break
            commit = self._commit(parent)
        return commit

    def _commit(self, commit: CommitId | None) -> Commit | None:
        return self.history.commit(commit) if commit is not None else None

    def checkout(self, target: CommitId, kind: str, options: Options, branch: str | None = None) -> CheckoutResult:
        """Make the live state equal to *target*'s.

        Args:
            target: the commit.
            kind: of the operation.
            options: how.
            branch: to continue; who names one has committed the live state before, because that may move the branch.

        Raises:
            UnrestorableError, StoreError: nothing was changed.
        """
        if not options.dry_run and branch is None:
            self.commit_live()
        return self._go(target, kind, options, {}, branch)

    def commit_live(self) -> None:
        """Commit what changed since the last commit, so that nothing is lost by travelling."""
        if self.live.head is None and not self.live.namespace.snapshot():
            return
        live = self.live
        if not self.record_owed():
            # Code that the user kept out of the record has run: taking that back is a step.
            recording.commit_if_changed(live, idle=not live.unseen, details={STEP: True} if live.off else None)
        live.unseen = live.off = False
        live.await_verdicts()

    def record_owed(self) -> bool:
        """Record the step whose recording failed or was interrupted, if there is one."""
        if self.live.owed is None:
            return False
        recording.record(self.live, replace(self.live.owed, everything=True))
        return True

    def _go(
        self,
        target: CommitId | None,
        kind: str,
        options: Options,
        details: dict[str, Any],
        branch: str | None = None,
    ) -> CheckoutResult:
        began = time.perf_counter()
        live = self.live
        live.await_verdicts()
        state = self.history.state(target)
        live.wanted = len(state) + len(live.records)
        plan = way_to(live, state)
        if options.dry_run:
            foreseen = foresee(live, self.history, plan, state, target, options, began)
            return replace(foreseen, at=self._commit(target))
        if options.verify or live.settings.verify == "eager":
            check_bytes(live, plan)
        work = Checkout(live, self.history, target, state, options)
        work.staying = StayingElements(live, plan, work.target, work.loads)
        work.prepare(plan)
        on, before, at = branch or live.branch, live.head, self._commit(target)
        manifest = at.manifest if at is not None else None

        def finish() -> None:
            with live.repository.transaction() as transaction:
                transaction.set_head(live.session, live.kernel, target, on)
                transaction.append_operation(
                    live.session, live.kernel, kind, before, target, live.details(branch=on, **details)
                )
            live.head, live.branch, live.manifest = target, on, manifest

        with uninterrupted():
            work.apply(finish)
            with live.changing():
                live.steps.note(kind, before, target, details)
                live.moves += 1
                work.settle(plan)
            work.letting_go.settle()
        self._remember_texts(work, target)
        result, listed = replace(work.result(plan, target, began), at=at), work.letting_go.listed
        del work
        let_classes_go(listed)
        return result

    def _remember_texts(self, work: Checkout, source: CommitId | None) -> None:
        """Tell Python the text of functions that were made in another kernel."""
        loader = work.prepared.loader
        made = [made for made in loader.made.values() if type(made) is FunctionType]
        names = {function.__qualname__.partition(".")[0] for function in made}
        codes: list[CodeType] = [function.__code__ for function in made]
        codes += [change.value for change in loader.changes if change.attribute == "__code__"]
        with suppress(TimeslipError):  # a damaged store: what was to be brought back is there
            remember(codes, Cells(self.history, source, names=names), self.live.namespace.transform)

    # ---- some names

    def checkout_names(self, source: CommitId, names: Iterable[str], options: Options) -> CheckoutResult:
        """Bring back only *names*, with everything that shares objects with them.

        Raises:
            NameNotFoundError: one is not in that state; nothing was changed.
        """
        began = time.perf_counter()
        state = self.history.state(source)
        wanted = self._wanted(state, list(names))
        if not options.dry_run:
            self.commit_live()
        target = {key: state[key] for key in wanted}
        there = {key: record for key, record in self.live.records.items() if key in target}
        plan = make_plan(there, target, self.live.info, self.live.tracker.lives())
        cut = self._cut_off(target, plan.keep)
        if options.dry_run:
            foreseen = foresee(self.live, self.history, plan, state, source, options, began)
            return replace(foreseen, messages=(*foreseen.messages, *cut))
        work = Checkout(self.live, self.history, source, state, options)
        work.prepare(plan)
        self._bind(work, plan, Step("checkout", "partial-checkout", details={"from": source, "names": sorted(target)}))
        self._remember_texts(work, source)
        result = work.result(plan, self.live.head, began)
        extra = sorted(set(filter(is_name, target)) - set(names))
        if extra:
            work.prepared.messages.append(f"{', '.join(extra)} came along: they share objects with what was asked for")
        work.prepared.messages += cut
        return replace(result, messages=tuple(work.prepared.messages)) if extra or cut else result

    def _cut_off(self, target: Mapping[str, RecordId], keep: Iterable[str]) -> list[str]:
        """What is said of live names that stay and share objects now with names of *target*, which are replaced."""
        replaced = set(filter(is_name, target)) - set(keep)
        groups = {self.live.tracker.groups[name] for name in replaced if name in self.live.tracker.groups}
        said = []
        for group in sorted(groups, key=lambda group: group.keys):
            staying = sorted(set(group.names) - replaced)
            if staying:
                what = ", ".join(sorted(replaced.intersection(group.names)))
                said.append(f"{', '.join(staying)} shared objects with {what}, and keeps those it has")
        return said

    def _wanted(self, state: Mapping[str, RecordId], names: list[str]) -> set[str]:
        for name in check_names(names):
            if name not in state or not is_name(name):
                raise name_not_found(name, sorted(filter(is_name, state)))
        live = self.live
        wanted = closure(state, set(names), live.info)
        for name in list(wanted):
            if is_name(name):
                identity = live.body(state[name]).get("definitions", {}).get(name)
                if identity is not None and f"def:{identity}" in state:
                    wanted |= closure(state, {f"def:{identity}"}, live.info)
        return wanted

    def get(self, source: CommitId, name: str, new: str, options: Options) -> Any:
        """Bind *new* to the value that *name* had at *source*; nothing else changes. Returns the value.

        Raises:
            NameNotFoundError: no such name there.
            UnrestorableError: it cannot be loaded; nothing was changed.
        """
        if not check_text(new, "the new name").isidentifier() or keyword.iskeyword(new):
            raise UsageError(f"'{new}' cannot be the name of a variable", hint="choose another one")
        state = self.history.state(source)
        keys = self._wanted(state, [name])
        if hasattr(builtins, new) and new not in self.live.namespace.globals:
            raise NameTakenError(
                f"'{new}' would hide Python's own '{new}'; nothing was changed", hint="choose another name"
            )
        if new in self.live.namespace.globals:
            raise NameTakenError(
                f"there is a '{new}' already; nothing was changed",
                hint=f"`get {source[:8]} {name} --as {self._free_name(name)}` binds it to another name",
            )
        self.commit_live()
        fresh = frozenset(key[4:] for key in keys if is_definition(key) and self.live.records.get(key) != state[key])
        target = {key: state[key] for key in keys}
        work = Checkout(self.live, self.history, source, {**state, **target}, options, fresh)
        work.beside = True
        plan = make_plan({}, {key: record for key, record in target.items() if not is_definition(key)}, self.live.info)
        work.prepare(plan)
        value = work.prepared.values[name]
        if type(value) is Placeholder:
            raise name_lost(value)
        work.prepared.values = {new: value}
        self._bind(work, Plan((), (), (), (), ()), Step("get", "get", details={"from": source, "name": name}))
        self._remember_texts(work, source)
        return value

    def _free_name(self, name: str) -> str:
        """A name for a past value, beside the present one."""
        stem = f"{name if name.isidentifier() else 'value'}_before"
        tries = (stem, *(f"{stem}_{number}" for number in range(2, 1000)))
        return next((new for new in tries if new not in self.live.namespace.globals), stem)

    def value(self, source: CommitId, name: str) -> Any:
        """The value of *name* at *source*, for the caller alone: nothing is bound and nothing recorded.

        Its classes and functions are the live ones where they exist in the same version, else copies.

        Raises:
            NameNotFoundError, UnrestorableError.
        """
        state = self.history.state(source)
        keys = self._wanted(state, [name])
        fresh = frozenset(key[4:] for key in keys if is_definition(key) and self.live.records.get(key) != state[key])
        work = Checkout(self.live, self.history, source, state, Options(replay=self.live.settings.replay), fresh)
        work.beside = True
        target = {key: state[key] for key in keys if not is_definition(key)}
        work.prepare(make_plan({}, target, self.live.info))
        work.prepared.loader.register()
        value = work.prepared.values[name]
        if type(value) is Placeholder:
            raise name_lost(value)
        return value

    def _bind(self, work: Checkout, plan: Plan, step: Step) -> None:
        """Apply, and commit what came of it as a step of its own."""
        restored = {tuple(body["keys"]): RecordId(record) for record, body in work.prepared.records.items()}
        step = Step(
            step.kind,
            step.operation,
            details=step.details,
            started=time.time(),
            everything=True,
            restored=restored if plan.load else {},
        )

        def finish() -> None:
            recording.record(self.live, step)

        with uninterrupted():
            work.apply(finish)
            self.live.moves += 1
            work.letting_go.settle()

    # ---- after a restart

    def resume(self, target: CommitId, options: Options) -> CheckoutResult:
        """Bring *target* into this kernel, which has not recorded anything or is at another state.

        What cannot be brought back keeps nothing else away: there is no other kernel that still has the rest.

        Raises:
            as `checkout`, except for names that cannot be brought back, which become placeholders.
        """
        options = replace(options, allow_lost=True)
        if not options.dry_run:
            self.commit_live()
        return self._go(target, "resume", options, {}, self._branch_of(target))

    def _branch_of(self, commit: CommitId) -> str:
        tips = [ref.name for ref in self.live.repository.refs(self.live.session) if ref.kind == "branch"]
        if self.live.shared:
            return self.live.branch  # the session's branch belongs to the kernel that holds it
        head = next((h for h in self.live.repository.heads(self.live.session, whole=True) if h.commit == commit), None)
        named = [
            ref.name
            for ref in self.live.repository.refs(self.live.session)
            if ref.kind == "branch" and ref.commit == commit
        ]
        if head is not None and head.branch in tips:
            return head.branch
        return named[0] if named else self.live.branch

    # ---- replay

    def _placeholders(self, names: Iterable[str]) -> dict[str, Placeholder]:
        snapshot = self.live.namespace.snapshot()
        found: dict[str, Placeholder] = {}
        for name in check_names(list(names)):
            if name not in snapshot:
                raise name_not_found(name, sorted(snapshot))
            value = snapshot[name]
            if type(value) is not Placeholder:
                raise ConflictError(f"'{name}' is not a placeholder", hint="only placeholders are replayed")
            found[name] = value
        return found

    def replay_plan(self, names: Iterable[str]) -> list[ReplayStep]:
        """The runs that replaying *names* takes.

        Raises:
            NameNotFoundError, ConflictError: not a placeholder. ReplayError: it is not known how.
        """
        replayer = Replayer(self.live, self.history, "always")
        steps: list[ReplayStep] = []
        for name, value in self._placeholders(names).items():
            steps += replayer.plan(CommitId(value.timeslip_commit), value.timeslip_name)
            del name
        return steps

    def replay(self, names: Iterable[str], dry_run: bool) -> CheckoutResult:
        """Rebuild placeholders by running their cells again.

        Raises:
            ReplayError: one cannot be rebuilt; nothing was changed.
        """
        began = time.perf_counter()
        placeholders = self._placeholders(names)
        if dry_run:
            self.replay_plan(names)
            return CheckoutResult(self.live.head, replayed=tuple(sorted(placeholders)), dry_run=True)
        self.commit_live()
        live = self.live
        work = Checkout(live, self.history, live.head, live.records, Options())
        work.keep_everything()
        lost = {value.timeslip_name: value.timeslip_record for value in placeholders.values()}
        replayer = Replayer(live, self.history, "always", work.prepared.loader, work.stays, {**live.records, **lost})
        for name, value in placeholders.items():
            work.rebuild_placeholder(replayer, name, value)
        work.prepared.messages += replayer.take_messages()
        made = {name: [value.timeslip_commit, value.timeslip_name] for name, value in placeholders.items()}
        details = {"names": sorted(placeholders), "made": made}
        self._bind(work, Plan((), (), (), (), ()), Step("checkout", "replay", details=details))
        return work.result(Plan((), (), (), (), ()), self.live.head, began)


def _too_few(available: int, wanted: int, done: str) -> str:
    if not available:
        return f"there is nothing that can be {done}"
    return f"only {counted(available, 'step')} can be {done}, not {wanted}"


def name_lost(value: Placeholder) -> ReplayError:
    """The error for a value that `get` cannot bring in."""
    return ReplayError(
        f"'{value.timeslip_name}' of commit {value.timeslip_commit[:8]} cannot be brought in: {value.timeslip_reason}",
        hint="nothing was changed",
    )
