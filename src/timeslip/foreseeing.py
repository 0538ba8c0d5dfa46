"""What a restore would do, told beforehand: nothing of the session is changed or run, and nothing outside opened.

What could not be stored when it was recorded may be there still: that is found out by loading it, where loading runs no
code of the session.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import Any

from timeslip.checkout import MADE_AGAIN, Checkout, Options
from timeslip.codec.definitions import of
from timeslip.errors import ReplayError, StoreError
from timeslip.history import History
from timeslip.ids import CommitId, RecordId
from timeslip.keeping import kept
from timeslip.lending import lent
from timeslip.live import Live
from timeslip.model import EXACT, LOST, REBUILT, REPLAYED, CheckoutResult, is_definition, is_name
from timeslip.planner import Plan
from timeslip.replay import Replayer
from timeslip.standard import time
from timeslip.values import rebuilt_reason, rebuilt_reason_of
from timeslip.weighing import short_of_memory


class Foreseeing:
    """What would become of the names of *target*.

    Args:
        live: the session.
        history: of the session.
        commit: whose state it is; None for the empty state.
        target: node key -> record of (part of) that state.
        options: of the restore.

    Attributes:
        fidelity: name -> what it would be.
        notes: name -> why it would not be exact.
    """

    def __init__(
        self, live: Live, history: History, commit: CommitId | None, target: Mapping[str, RecordId], options: Options
    ) -> None:
        self.fidelity: dict[str, str] = {}
        self.notes: dict[str, str] = {}
        self._live = live
        self._commit = commit
        self._target = target
        self._work = Checkout(live, history, commit, target, options)
        self._work.prepared.loader.stands_in = True
        self._replayer = Replayer(live, history, options.replay)
        self._names: dict[str, list[str]] = {}
        for key, record in target.items():
            if is_name(key):
                self._names.setdefault(record, []).append(key)

    def keep(self, names: Iterable[str]) -> None:
        """Names that would be left alone; call it first."""
        names = list(names)
        self._work.keep(names)
        snapshot = self._live.namespace.snapshot()
        history, own = self._replayer.history, filter(is_name, names)
        for name, fidelity, note in kept(self._live, history, self._commit, self._target, snapshot, own):
            self.fidelity[name] = fidelity
            if note:
                self.notes[name] = note

    def load(self, records: Iterable[str]) -> None:
        """Records that can be loaded, as far as is known; only those with something of the outside are read."""
        records = list(records)
        lost = [record for record in records if self._needs_lost(record)]
        self.replay(lost)
        for record in (record for record in records if record not in lost):
            body = self._body(record)
            rebuilt = rebuilt_reason(body) is not None
            if rebuilt and self._whole(record):
                continue  # what is there still need not be made again
            for name in self._names.get(record, ()):
                self.fidelity[name] = REBUILT if rebuilt else EXACT
                reason = rebuilt_reason_of(body, name)
                if reason:
                    self.notes[name] = reason

    def replay(self, records: Iterable[str]) -> None:
        """Records that were lost when they were recorded: present objects may complete them, or a replay may."""
        for record in sorted(records, key=self._work.comes_later):
            names = sorted(self._names.get(record, ()))
            reason = self._live.info(record).lost or "it could not be stored"
            whole = self._whole(record)
            left = [name for name in names if name not in whole]
            if not left:
                continue
            try:
                assert self._commit is not None
                where = self._replayer.foresee(self._commit, left)
            except ReplayError as error:
                self.fidelity.update(dict.fromkeys(left, LOST))
                own = {name: self._live.lost_of(record, name) or reason for name in left}
                self.notes.update((name, f"{own[name]}; not replayed: {error.message}") for name in left)
            else:
                self.fidelity.update(dict.fromkeys(left, REPLAYED))
                note = f"by running {', '.join(where)} again, because {reason}"
                self.notes.update(dict.fromkeys(left, note))

    def _whole(self, record: str) -> Mapping[str, Any]:
        """The names that would come back without a replay; what has to make a class for it is not tried."""
        loader, values = self._work.prepared.loader, self._work.prepared.values
        tried = self._is_defined(record)
        reason = self._work.load(record) if tried else "it would have to be made"
        if reason is not None:
            loader.broken.update(key[4:] for key in filter(is_definition, self._live.info(record).keys))
        if not tried:
            return {}
        if reason is None:
            found = {name: values[name] for name in self._names.get(record, ()) if name in values}
        else:
            rebuilt = len(loader.rebuilt)
            found = self._work.salvage(record, list(self._target_keys(record)))
            again = len(loader.rebuilt) > rebuilt
            self._work.prepared.fidelity.update(dict.fromkeys(found, REBUILT if again else EXACT))
            self._work.prepared.notes.update(dict.fromkeys(found, MADE_AGAIN) if again else {})
        self.fidelity.update({name: self._work.prepared.fidelity[name] for name in found})
        notes = self._work.prepared.notes
        self.notes.update({name: notes[name] for name in found if name in notes})
        return found

    def _target_keys(self, record: str) -> Iterable[str]:
        return (key for key, other in self._target.items() if other == record)

    def _is_defined(self, record: str) -> bool:
        """Whether all classes and functions that *record* needs are there, and loading it runs no method of theirs."""
        needs = self._needs(record)
        found = map(self._live.registry.live, needs)
        if not all(obj is not None and not _is_asked_by_loading(obj) for obj in found):
            return False
        # A function that the value refers to, and is not, may be there to be called: that is how reductions are made.
        body = self._body(record)
        direct = set(body.get("references", ())) - set(body.get("definitions", {}).values())
        return not any(type(self._live.registry.live(identity)) is types.FunctionType for identity in direct)

    def _needs_lost(self, record: str) -> bool:
        """Whether a class or function that *record* refers to could not be stored: it cannot be loaded then, either."""
        keys = map("def:{}".format, self._needs(record))
        records = [self._target[key] for key in keys if key in self._target]
        return any(other != record and self._live.info(other).lost is not None for other in records)

    def _needs(self, record: str) -> set[str]:
        """Identities of all classes and functions that *record* refers to, its own included."""
        work = [record]
        seen: set[str] = set()
        while work:
            body = self._body(work.pop())
            keys = [key[4:] for key in body.get("keys", ()) if is_definition(key)]
            for identity in {*body.get("references", ()), *keys} - seen:
                seen.add(identity)
                if f"def:{identity}" in self._target:
                    work.append(self._target[f"def:{identity}"])
        return seen

    def _body(self, record: str) -> Mapping[str, Any]:
        try:
            return self._live.body(record)
        except StoreError:  # the restore says so
            return {}


_ASKED = frozenset(
    {
        *("__hash__", "__eq__", "__new__", "__init__", "__del__", "__setstate__", "__setattr__", "__getattr__"),
        *("__getattribute__", "__reduce__", "__reduce_ex__", "__init_subclass__", "__set_name__", "__setitem__"),
        *("append", "extend", "update", "add"),
    }
)
"""Methods that unpickling may call."""


def _is_asked_by_loading(obj: Any) -> bool:
    return issubclass(type(obj), type) and not _ASKED.isdisjoint(of(obj, "__dict__"))


def foresee(
    live: Live,
    history: History,
    plan: Plan,
    target: Mapping[str, RecordId],
    commit: CommitId | None,
    options: Options,
    began: float,
) -> CheckoutResult:
    """What a restore by *plan* would do, for a dry run."""
    told = Foreseeing(live, history, commit, target, options)
    told.keep(plan.keep)
    told.fidelity.update({name: told.fidelity[other] for name, other in plan.bind.items()})
    with lent(live):
        told.load(plan.load)
        told.replay(plan.replay)
    short = short_of_memory(live, plan.load)
    fidelity = dict(sorted(told.fidelity.items()))
    kept = {*filter(is_name, plan.keep), *plan.bind}
    return CheckoutResult(
        commit=commit,
        kept=tuple(sorted(kept)),
        loaded=tuple(name for name, what in fidelity.items() if what in (EXACT, REBUILT) and name not in kept),
        replayed=tuple(name for name, what in fidelity.items() if what == REPLAYED),
        dropped=plan.drop,
        placeholders=tuple(name for name, what in fidelity.items() if what == LOST),
        fidelity=fidelity,
        notes=dict(sorted(told.notes.items())),
        duration=time.perf_counter() - began,
        dry_run=True,
        messages=(short,) if short is not None else (),
    )
