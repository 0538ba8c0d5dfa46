"""Making the live state equal to a recorded one: prepare beside it, then one swap, or nothing at all.

Preparation loads what differs into new objects and touches nothing live. Application is in two parts: changes in place
(content of live classes and functions, facets), each with its inverse, then the names in one update. Any failure runs
the inverses in reverse order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import filterfalse
from operator import ne
from typing import Any

from timeslip.codec.captured import Captured
from timeslip.codec.parts import data_of, size_of
from timeslip.codec.placeholder import Placeholder
from timeslip.codec.restore import Loader
from timeslip.codec.stored import Stored, read_all
from timeslip.errors import ReplayError, StoreError, UnrestorableError, UnstorableError, UntrustedStoreError
from timeslip.history import History
from timeslip.ids import CommitId, RecordId
from timeslip.keeping import kept
from timeslip.leaving import Leaving
from timeslip.lending import imports_as_then, lacks_a_name, lent, names_as_then
from timeslip.letting_go import LettingGo
from timeslip.live import Live
from timeslip.model import EXACT, LOST, REBUILT, REPLAYED, CheckoutResult, is_definition, is_name
from timeslip.past import Loads, headers_of
from timeslip.planner import Plan, ValueInfo
from timeslip.replay import Replayer
from timeslip.settling import Prepared, settle
from timeslip.standard import time
from timeslip.state.facets import ShowFigure
from timeslip.state.fence import OutsideReached, lifted, load_fence
from timeslip.staying import StayingElements
from timeslip.tearing import still_used, torn_off
from timeslip.values import doubt, noted, read_stream, read_value, rebuilt_reason_of
from timeslip.weighing import short_of_memory

MADE_AGAIN = "it holds something of the outside that was made again"


@dataclass(frozen=True, slots=True)
class Options:
    """How to restore.

    Attributes:
        dry_run: only say what would be done.
        replay: "auto", "ask" or "never".
        verify: check all stored bytes before anything is loaded.
        allow_lost: a promised value that cannot be brought back becomes a placeholder.
    """

    dry_run: bool = False
    replay: str = "auto"
    verify: bool = False
    allow_lost: bool = False


class Checkout:
    """One restore of (part of) a commit's state.

    Args:
        live: the session; its live state is committed.
        history: of the session.
        commit: where the values come from; None for the empty state.
        target: node key -> record of that commit.
        options: how.
        fresh: definitions to make as copies beside the live ones.
    """

    def __init__(
        self,
        live: Live,
        history: History,
        commit: CommitId | None,
        target: Mapping[str, RecordId],
        options: Options,
        fresh: frozenset[str] = frozenset(),
    ) -> None:
        self.live = live
        self.history = history
        self.commit = commit
        self.target = target
        self.options = options
        loader = Loader(live.encoder, lambda i: headers_of(live.repository, target, i), fresh=fresh)
        self.prepared = Prepared(loader)
        self.beside = False
        """What is loaded comes beside the session, as a copy, and shares nothing with it."""
        self.staying: StayingElements | None = None
        """Tells what need not be loaded; None where a look has not just told what is live."""
        self._after: dict[str, tuple[str, Any]] = {}
        self._nameless = self._remade = self._in_context = False
        self.letting_go = LettingGo(live)
        self.loads = Loads(loader, live.repository, target)

    # ---- prepare

    def prepare(self, plan: Plan) -> Prepared:
        """Load and rebuild what *plan* asks for, beside the live state.

        Raises:
            UnrestorableError: a promised value cannot be brought back; nothing was touched.
            StoreError: the store cannot be read; nothing was touched.
        """
        prepared = self.prepared
        snapshot = self.live.namespace.snapshot()
        if self.staying is not None:
            self.staying.snapshot = snapshot
        self.keep((*plan.keep, *plan.bind.values()))
        prepared.loader.captures = not self.beside
        prepared.loader.apart = self.beside
        prepared.loader.opening = lifted
        for name, fidelity, note in kept(self.live, self.history, self.commit, self.target, snapshot, plan.keep):
            prepared.fidelity[name] = fidelity
            if note:
                prepared.notes[name] = note
        for name, other in plan.bind.items():
            prepared.values[name] = snapshot[other]
            prepared.fidelity[name] = prepared.fidelity[other]
            if other in prepared.notes:
                prepared.notes[name] = prepared.notes[other]
        for key in plan.facets:
            body = self.live.body(self.target[key])
            prepared.facets[key[6:]] = b"".join(read_stream(self.live.repository, body["facet"]))
        self._announce(plan)
        with lent(self.live), imports_as_then(self.live, prepared.facets):
            failed = self._load_all(plan)
            if failed:
                if self.staying is not None:  # what is made again now runs code of the user, which may change them
                    failed.update(self._load_each(self.staying.give_up()))
                self._foresee_bindings(plan, snapshot)
                self._rebuild(failed)
        if not self.beside:
            prepared.messages += torn_off(snapshot, prepared.values, self.live.namespace.globals)
            prepared.messages += still_used(snapshot, prepared.values, self.live.threads)
        prepared.drop = list(plan.drop)
        if self.staying is not None:
            prepared.still = self.staying.still
            self.staying.snapshot = {}  # what is replaced is to go when it is
        return prepared

    def _announce(self, plan: Plan) -> None:
        """Say before it is loaded that there may be no memory for it; where nobody hears that now, afterwards."""
        told, say = short_of_memory(self.live, plan.load), self.live.progress.say
        if told is not None and say is not None:
            say(told)
        elif told is not None:
            self.prepared.messages.append(told)

    def _load_all(self, plan: Plan) -> dict[str, str]:
        """Load what *plan* wants loaded or replayed; the records that cannot be, with the reasons."""
        with self.live.progress.phase("loading", sum(map(self._bytes, plan.load))):
            failed = self._load_each(sorted((*plan.load, *plan.replay), key=self.comes_later))
            left = len(failed) + 1
            while self._nameless and len(failed) < left:  # what these were left without may be there now
                left, self._nameless = len(failed), False
                self.prepared.loader.broken.clear()
                with names_as_then(self.live, self.prepared.values):
                    failed = self._load_each(failed)
        return failed

    def _load_each(self, records: Iterable[str]) -> dict[str, str]:
        failed: dict[str, str] = {}
        for record in records:
            if (reason := self.load(record)) is not None:
                failed[record], keys = reason, self.live.info(record).keys
                self.prepared.loader.broken.update(key[4:] for key in keys if is_definition(key))
        return failed

    def keep(self, keys: Iterable[str]) -> None:
        """Node keys whose present values stay; called before anything is loaded."""
        if not self.beside:
            self.prepared.loader.left = Leaving(self.live, keys).holds_left

    def comes_later(self, record: str) -> bool:
        """For sorting: *record* is to be loaded after definitions that will fail, because it may refer to them."""
        info = self.live.info(record)
        return info.lost is None or not any(map(is_definition, info.keys))

    def _bytes(self, record: str) -> int:
        """About how much there is to read for *record*: its buffers."""
        try:
            body = self.live.body(record)
        except StoreError:  # loading it says what is wrong
            return 0
        return sum(entry["size"] for part in ("buffers", "out_of_band") for entry in body.get(part, ()))

    def load(self, record: str) -> str | None:
        """Load one co-variable; the reason when it cannot be."""
        prepared, loader = self.prepared, self.prepared.loader
        rebuilt, told = len(loader.rebuilt), len(loader.notes)
        try:
            body = self.live.body(record)
            with self._guarded(body):
                values = (self.staying or self.loads).load(record, body)
        except UntrustedStoreError:
            raise  # nothing of this is lost, and no other way to it is safe: the user has to decide
        except OutsideReached as reached:
            return f"it is not loaded, because that {reached}"
        except (UnrestorableError, StoreError) as error:
            self._nameless = self._nameless or lacks_a_name(error)
            return self.live.info(record).lost or error.message  # what was said when it was recorded says more
        prepared.records[record] = body
        for key, value in values.items():
            if is_definition(key) or self.target.get(key) != record:
                continue  # since then the name has got a version of its own
            prepared.values[key] = value
            if len(loader.rebuilt) > rebuilt:
                prepared.fidelity[key] = REBUILT
                reasons = [*filter(None, (rebuilt_reason_of(body, key),)), *loader.notes[told:]]
                prepared.notes[key] = "; ".join(reasons) or "it refers to something that was made again"
            else:
                doubted = "; ".join(filter(None, (noted(body), doubt(body))))
                prepared.fidelity[key] = REBUILT if doubted else EXACT
                if doubted:
                    prepared.notes[key] = doubted
        return None

    @contextmanager
    def _guarded(self, body: Mapping[str, Any]) -> Iterator[None]:
        """Around loading a value: of classes that could not be tried, nothing may write a file or reach the network."""
        hooked = body.get("hooked")
        if not hooked or self.live.prover.is_known(hooked):
            yield
            return
        with load_fence() as stand:
            yield
        if stand.breach is not None:  # what raised it was swallowed by a library
            raise UnrestorableError(f"it is not loaded, because that {stand.breach}")

    def _foresee_bindings(self, plan: Plan, snapshot: Mapping[str, Any]) -> None:
        """Node key -> (record, object) for what will be there after this restore, as far as it is known now."""
        live, after = self.live, self._after
        kept, loaded = frozenset(plan.keep), frozenset(plan.load)
        touched = {*kept, *plan.drop, *(key for key, record in self.target.items() if record in loaded)}
        touched |= {key for record in plan.replay for key in live.info(record).keys}
        touched |= plan.bind.keys()
        after.update((key, (self.target[key], snapshot[other])) for key, other in plan.bind.items())
        for key, record in live.records.items():
            if key in kept or key not in touched:
                obj = live.registry.live(key[4:]) if is_definition(key) else snapshot.get(key)
                if (obj is not None or key in snapshot) and type(obj) is not Placeholder:
                    after[key] = (self.target.get(key, record) if key in kept else record, obj)
        for version in self.prepared.records:
            for key, value in self.loads.values[version].items():
                if self.target.get(key) == version:
                    after[key] = (version, value)

    def keep_everything(self) -> None:
        """Say that this restore only adds names: all that is live stays."""
        self._foresee_bindings(Plan((), (), (), (), ()), self.live.namespace.snapshot())

    def stays(self, record: str) -> dict[str, Any] | None:
        """What the keys of *record* will be bound to after this restore, if that version is there then (`inputs`)."""
        wanted = self.live.info(record)
        found = {key: self._after.get(key) for key in wanted.keys}
        there = {entry[0] if entry is not None else None for entry in found.values()}
        if self.beside or len(there) != 1:
            return None
        version = there.pop()
        if version is None or (version != record and not self._same_content(version, wanted)):
            return None
        return {key: entry[1] for key, entry in found.items() if entry is not None}

    def _same_content(self, version: str, wanted: ValueInfo) -> bool:
        info = self.live.info(version)
        return info.content is not None and info.content == wanted.content and info.keys == wanted.keys

    def _rebuild(self, failed: Mapping[str, str]) -> None:
        """Replay what could not be loaded, or put placeholders; abort for what was promised."""
        replayer = Replayer(self.live, self.history, self.options.replay, self.prepared.loader, self.stays, self.target)
        replayer.wanted = {record: [] for record in failed}
        for key in sorted(filter(is_name, self.target)):
            if self.target[key] in failed:
                replayer.wanted[self.target[key]].append(key)
        for record, reason in failed.items():
            keys = sorted(key for key, value in self.target.items() if value == record)
            before = set(self.prepared.loader.made)
            whole = self.salvage(record, keys)
            salvaged = self.loads.withdraw(before)  # what the cell makes again is to have these identities
            left = [key for key in keys if is_name(key) and key not in whole]
            if not left:
                self.prepared.loader.made.update(salvaged)
                self._take_whole(whole, {}, ())
                continue  # all names were whole; or a class or function: the names that need it say whether they load
            try:
                assert self.commit is not None
                rebuilt = replayer.rebuild(self.commit, keys, reason, left)
            except ReplayError as error:
                self.prepared.loader.made.update(salvaged)
                self._take_whole(whole, {}, left)
                self._lose(record, left, reason, error)
                continue
            finally:
                self.prepared.messages += replayer.take_messages()
            self._take_whole(whole, rebuilt.values, left)
            self._take_together(rebuilt.together, left)
            for key in left:
                self.prepared.values[key] = rebuilt.values[key]
                self.prepared.fidelity[key] = REPLAYED
                note = f"rebuilt by running its cells again, because {reason}"
                odd = rebuilt.notes.get(key) or self._compare(record, keys, rebuilt.values)
                self.prepared.notes[key] = f"{note}; {odd}" if odd else note
                self.prepared.replayed.add(key)

    def salvage(self, record: str, keys: list[str]) -> dict[str, Any]:
        """Names of a co-variable that has a hole somewhere, with their values, as far as those are whole.

        What of them had to be made anew is told in `_remade`.
        """
        names = [key for key in keys if is_name(key)]
        if len(names) < 2 or self.live.info(record).lost is None:
            return {}
        loader, rebuilt = self.prepared.loader, len(self.prepared.loader.rebuilt)
        loader.salvage = True
        try:
            body = self.live.body(record)
            values = self.loads.load(record, body)
            self._remade = len(loader.rebuilt) > rebuilt
            self._in_context = any(type_name.endswith("ContextVar") for type_name, _, _ in body.get("holes", ()))
        except (UnrestorableError, StoreError):
            return {}  # there is more than a hole: nothing of it can be taken
        finally:
            loader.salvage = False
        return {name: values[name] for name in names if not _has_hole(self.live, name, values[name])}

    def _take_whole(self, whole: Mapping[str, Any], replayed: Mapping[str, Any], left: Iterable[str]) -> None:
        """Take the whole names of a co-variable, and say what they do not share any more with what is *left* of it.

        Where replay gave the same value, its object is taken: it shares with the others what it shared then.
        """
        names = sorted(whole)
        together = bool(names) and all(name in replayed for name in names)
        same = together and self.live.digest_of([(name, whole[name]) for name in names]) == self.live.digest_of(
            [(name, replayed[name]) for name in names]
        )
        if self._remade and together and not self._in_context:  # a run has a context of its own
            for name in names:  # it is another one in either case: that of the run shares with the others
                self.prepared.values[name], self.prepared.fidelity[name] = replayed[name], REPLAYED
                self.prepared.replayed.add(name)
                self.prepared.notes[name] = f"made again by the run that made {', '.join(left)}, which share it"
            return
        for name in names:
            self.prepared.values[name] = (replayed if same else whole)[name]
            self.prepared.fidelity[name] = REBUILT if self._remade else EXACT
            if self._remade:
                self.prepared.notes[name] = MADE_AGAIN
            if left and not same:
                self.prepared.fidelity[name] = REBUILT
                self.prepared.notes[name] = f"whole, but what it shared with {', '.join(left)} is not shared any more"

    def rebuild_placeholder(self, replayer: Replayer, name: str, value: Placeholder) -> None:
        """Replay the placeholder that *name* is bound to, and whatever was stored together with it.

        Raises:
            ReplayError: it cannot be rebuilt; nothing was changed.
        """
        record, snapshot = value.timeslip_record, self.live.namespace.snapshot()
        keys = [key for key in self.live.info(record).keys if is_name(key)] or [value.timeslip_name]
        commit = CommitId(value.timeslip_commit)
        rebuilt = replayer.rebuild(commit, sorted(keys), value.timeslip_reason, [value.timeslip_name])
        self._take_together(rebuilt.together, [name])
        made = {key: other for key, other in rebuilt.values.items() if _stands_for(snapshot.get(key), key, record)}
        for key, other in {**made, name: rebuilt.values[value.timeslip_name]}.items():
            self.prepared.values[key] = other
            self.prepared.replayed.add(key)
            self.prepared.fidelity[key] = REPLAYED
            note = rebuilt.notes.get(value.timeslip_name if key == name else key)
            if note:
                self.prepared.notes[key] = note
        whole = {
            key: snapshot[key] for key in rebuilt.values if self.live.records.get(key) == record and key not in made
        }
        self._take_whole({key: other for key, other in whole.items() if key != name}, rebuilt.values, [name, *made])

    def _take_together(self, values: Mapping[str, Any], names: Iterable[str]) -> None:
        """Take what is as in this state, and shares objects with rebuilt *names*, from their run."""
        for key, value in values.items():
            self.prepared.values[key] = value
            self.prepared.fidelity[key] = EXACT
            self.prepared.notes[key] = f"equal to what was recorded; made again with {', '.join(names)}, which share it"
            self._after[key] = (self.target[key], value)

    def _compare(self, record: str, keys: Iterable[str], values: Mapping[str, Any]) -> str:
        """Whether a rebuilt value has the recorded bytes, where all of them were recorded; "" where they were not."""
        try:
            body = self.live.body(record)
        except StoreError:
            return ""
        if "stream" not in body or body.get("holes") or any(key not in values for key in body["keys"]):
            return ""
        try:
            captured = self.live.encoder.capture([(key, values[key]) for key in body["keys"]])
        except UnstorableError:
            return ""
        try:
            same = _is_as_recorded(captured, read_value(self.live.repository, body))
        except StoreError:
            return ""
        finally:
            captured.release()
        return "its bytes are those that were recorded" if same else "it is not byte for byte what was recorded"

    def _lose(self, record: str, keys: list[str], reason: str, error: ReplayError) -> None:
        promised = self.live.info(record).lost is None and not self._refers_to_broken(record)
        body = self.live.body(record) if promised else {}
        promised = promised and doubt(body) is None and self.live.prover.is_known(body.get("hooked", {}))
        names = [key for key in keys if is_name(key)]
        if promised and not self.options.allow_lost:
            raise UnrestorableError(
                f"{', '.join(names or keys)} cannot be brought back: {reason}; and not by replay: {error.message}. "
                "Nothing was changed",
                hint="with --allow-lost the rest is brought back, with placeholders for what is missing, which "
                "`%timeslip replay` can make from recorded cells",
            ) from error
        if promised and names:
            told = (
                f"{', '.join(names)} cannot be brought back, of which nothing was said when it was recorded: {reason}"
            )
            self.prepared.messages.append(told)
        assert self.commit is not None
        for name in names:
            own = self.live.lost_of(record, name) if reason == self.live.info(record).lost else None
            self.prepared.values[name] = Placeholder(name, record, own or reason, self.commit)
            self.prepared.fidelity[name] = LOST
            self.prepared.notes[name] = f"{own or reason}; not replayed: {error.message}"
        self.prepared.records.pop(record, None)

    def _refers_to_broken(self, record: str) -> bool:
        """Whether *record* refers to a class or function that cannot be brought back: a commit named it inexact."""
        seen: set[str] = set()
        work = [record]
        while work:
            try:
                found = set(self.live.body(work.pop()).get("references", ())) - seen
            except StoreError:
                continue
            if found & self.prepared.loader.broken:
                return True
            if any(f"def:{identity}" not in self.target for identity in found):
                return True  # it was not there any more: the name was bound to a placeholder
            seen |= found
            work += [self.target[f"def:{identity}"] for identity in found if f"def:{identity}" in self.target]
        return False

    # ---- apply

    def apply(self, finish: Callable[[], None]) -> None:
        """Swap, then call *finish* (which writes HEAD); any failure of either undoes the swap.

        Only when HEAD has moved in the store all the same, the swap stands: the store is what the session goes by.
        The caller holds interrupts back.

        Raises:
            whatever failed, after everything is as it was.
        """
        live, prepared, head = self.live, self.prepared, self.live.head
        loaded = (key for body in prepared.records.values() for key in body["keys"])
        apart = list(filterfalse(self.target.__contains__, filter(is_definition, live.records)))
        gone = apart if prepared.drop else []
        self.letting_go.look({*prepared.values, *prepared.drop, *loaded, *gone}, [key[4:] for key in gone], apart)
        snapshot = live.namespace.snapshot()
        before = {key: snapshot[key] for key in (*prepared.values, *prepared.drop) if key in snapshot}
        added = [key for key in prepared.values if key not in snapshot]
        facets = live.facets.capture() if prepared.facets else {}
        applied: list[Any] = []
        swapped = finishing = False
        shows = [] if self.beside else [ShowFigure(figure, number) for figure, number in prepared.loader.figures]
        try:
            changes: list[Any] = [*prepared.loader.changes, *shows]
            for change in changes:
                change.apply()
                applied.append(change)
            if prepared.facets:
                prepared.messages += live.facets.restore(prepared.facets)
            swapped = True
            live.namespace.apply(prepared.values, prepared.drop)
            prepared.loader.register()
            finishing = True
            live.tear()  # until the caller has noted here what the store says from now on
            finish()
            self.letting_go.swapped(prepared.loader, applied, [] if self.beside else prepared.values.values())
        except BaseException:  # an interrupt too: nothing may stay half done
            if finishing and _has_moved(live, head):
                live.recover()
                raise
            if swapped:
                live.namespace.apply(before, added)
            try:
                _invert(applied)
            finally:
                if facets:
                    live.facets.restore({name: data for name, data in facets.items() if name in prepared.facets})
            raise
        for show in shows:
            try:
                show.finish()
            except Exception as error:  # a backend's own code; the restore stands
                prepared.messages.append(f"the window of figure {show.number} could not be closed: {error}")

    def settle(self, plan: Plan) -> None:
        """After a whole restore: the target is the recorded live state now."""
        keys = [key for record in (*plan.load, *plan.replay) for key in self.live.info(record).keys]
        settle(self.live, self.prepared, self.target, self.commit, keys)

    def _changed_in_place(self, plan: Plan) -> set[str]:
        """Kept names of classes and functions whose content was loaded."""
        loaded = {key for record in self.prepared.records for key in self.live.info(record).keys if is_definition(key)}
        if not loaded:
            return set()
        changed = set()
        for name in filter(is_name, plan.keep):
            group = self.live.tracker.groups.get(name)
            refers_only = group is not None and group.references and not group.links
            if refers_only and self.live.tracker.definitions_of((name,)) & loaded:
                changed.add(name)
        return changed

    def result(self, plan: Plan, commit: CommitId | None, began: float) -> CheckoutResult:
        """What to tell the user."""
        prepared = self.prepared
        prepared.messages += self.live.take_news()
        fidelity = {name: value for name, value in sorted(prepared.fidelity.items()) if is_name(name)}
        changed = self._changed_in_place(plan)
        lost = tuple(name for name, value in fidelity.items() if value == LOST)
        return CheckoutResult(
            commit=commit,
            kept=tuple(sorted(set(filter(is_name, plan.keep)) - changed - prepared.values.keys())),
            loaded=tuple(sorted((set(prepared.values) | changed) - prepared.replayed - set(lost))),
            replayed=tuple(sorted(prepared.replayed)),
            dropped=plan.drop,
            placeholders=lost,
            fidelity=fidelity,
            notes=dict(sorted(prepared.notes.items())),
            messages=tuple(prepared.messages),
            duration=time.perf_counter() - began,
            dry_run=False,
        )


def _is_as_recorded(captured: Captured, stored: Stored) -> bool:
    """Whether streams and buffers are the same bytes; of the buffers one at a time is read.

    Raises:
        StoreError: something cannot be read.
    """
    if b"".join(captured.segments) != b"".join(stored.segments):
        return False
    for held, recorded in ((captured.buffers, stored.buffers), (captured.out_of_band, stored.out_of_band)):
        if [*map(size_of, held)] != [buffer.size for buffer in recorded]:
            return False
        if any(map(ne, map(data_of, held), read_all(recorded))):
            return False
    return True


def _invert(applied: list[Any]) -> None:
    """Put back what was changed in place, all of it, the last change first; the first failure is raised afterwards."""
    failure: Exception | None = None
    for change in reversed(applied):
        try:
            change.invert()
        except Exception as error:  # a metaclass's or a backend's code: the other changes must go back all the same
            failure = failure or error
    if failure is not None:
        raise failure


def _has_moved(live: Live, head: CommitId | None) -> bool:
    """Whether the store says that the session is elsewhere than at *head*; not, when it cannot say."""
    try:
        there = live.repository.head(live.session, live.kernel)
    except StoreError:  # what the swap brought in is then found as a change, and nothing is lost
        return False
    return there is not None and there.commit != head


def _stands_for(value: Any, key: str, record: str) -> bool:
    """Whether *value* is the placeholder of the version *record* of *key*."""
    return type(value) is Placeholder and value.timeslip_record == record and value.timeslip_name == key


def _has_hole(live: Live, name: str, value: Any) -> bool:
    """Whether a placeholder was put somewhere into *value*."""
    try:
        captured = live.encoder.capture([(name, value)])
    except UnstorableError:
        return True
    return any(hole.fatal for hole in captured.holes)
