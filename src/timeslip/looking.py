"""The verbs that only look: show, diff, verify. Values of the past are read beside the session."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from timeslip import commit as recording
from timeslip import saving
from timeslip.arguments import check_names, check_text
from timeslip.auditing import unverified_names, verify_mapped
from timeslip.checkout import Options
from timeslip.codec.placeholder import Placeholder
from timeslip.diffing import diff_values
from timeslip.errors import SessionBusyError, StoreError, TimeslipError, UntrustedStoreError
from timeslip.finishing import next_branch
from timeslip.foreseeing import foresee
from timeslip.history import History, name_not_found
from timeslip.ids import CommitId
from timeslip.leaving import way_to
from timeslip.live import Live
from timeslip.model import (
    EXACT,
    LOST,
    REBUILT,
    REPLAYED,
    Preview,
    Shown,
    StateDiff,
    Status,
    ValueDiff,
    Verification,
    is_definition,
    is_facet,
    is_name,
)
from timeslip.noticing import look
from timeslip.owing import Step
from timeslip.past import PastState
from timeslip.preview import preview
from timeslip.proving import of_release
from timeslip.standard import time
from timeslip.state.facets import FacetSet
from timeslip.values import (
    chunk_names,
    definition_reason,
    inexact_reason,
    lost_reason,
    note_on,
    rebuilt_reason,
    with_verdicts,
)

_NEAREST = 50
"""So many runs that made or changed a name are looked through before the others."""

RUNS = 100
"""So many commits between two states are listed at most: the newest, as by `log`."""

SAME = "no difference in value"
"""What `diffing.diff_values` says of values that are stored twice because they were grouped with others."""


def show(history: History, commit: CommitId) -> Shown:
    """One commit with a line for every name; no value is loaded.

    Raises:
        CommitNotFoundError, DamagedStoreError.
    """
    state = history.state(commit)
    refs = tuple(history.refs(commit=commit))
    values = tuple(_line(history, key, state[key]) for key in sorted(filter(is_name, state)))
    return Shown(history.commit(commit), refs, values)


def _why(error: TimeslipError) -> str:
    """Why a value is not there, and what to do where the user can do something."""
    return f"{error.message}: {error.hint}" if isinstance(error, UntrustedStoreError) else error.message


def _line(history: History, key: str, record: str) -> Preview:
    try:
        body = history.repository.record("value", record, trusted=False, dropped=True)
    except TimeslipError as error:
        return Preview(key, "", note=_why(error))
    body = with_verdicts(body, partial(of_release, history.repository.verdicts))
    kind, summary = body.get("summary", {}).get(key, ("", ""))
    return Preview(key, kind, summary, note=note_on(body, key))


def show_value(history: History, commit: CommitId, name: str) -> Preview:
    """One value as it was.

    Raises:
        NameNotFoundError: no such name there.
    """
    state = history.state(commit)
    check_text(name, "the name of a variable or output")
    if name not in state or not is_name(name):
        raise name_not_found(name, sorted(filter(is_name, state)))
    maker = history.maker(commit, name)
    line = _line(history, name, state[name])
    past = PastState(history.repository, state)
    try:
        shown = preview(name, past.value(name), cells=Cells(history, commit, names=(name,)))
    except TimeslipError as error:
        return Preview(name, line.type, line.summary, commit=maker, note=line.note or _why(error))
    return Preview(name, shown.type, shown.summary, shown.text, maker, line.note or shown.note)


class Cells:
    """The code of recorded runs, those that led to *commits* first: the text of functions and classes may stand there.

    Read when it is asked for, once. The runs that made or changed one of *names* come before all others: they may be
    far back, and nobody looks through a year of cells.
    """

    def __init__(self, history: History, *commits: CommitId | None, names: Iterable[str] = ()) -> None:
        self._known: list[str] = []
        self._rest = self._read(history, commits, tuple(names))

    def __iter__(self) -> Iterator[str]:
        yield from self._known
        for text in self._rest:
            self._known.append(text)
            yield text

    def _read(self, history: History, commits: tuple[CommitId | None, ...], names: tuple[str, ...]) -> Iterator[str]:
        for commit in commits if len(names) < _NEAREST else ():
            yield from (known.code for known in history.changing(commit, names, _NEAREST) if known.code)
        for commit in commits:
            at = commit
            while at is not None:
                known = history.commit(at)
                if known.code:
                    yield known.code
                at = known.parents[0] if known.parents else None
        yield from (known.code for known in history.log(all=True, limit=200) if known.code)


class Side:
    """One side of a diff: a recorded state, or the live one."""

    def __init__(self, history: History, state: Mapping[str, str], live: Mapping[str, Any] | None = None) -> None:
        self.records = state
        self._past = PastState(history.repository, state)
        self._live = live

    def value(self, key: str) -> Any:
        """The value of a name. Raises TimeslipError when it cannot be loaded."""
        return self._live[key] if self._live is not None else self._past.value(key)

    def keys_with(self, key: str) -> list[str]:
        """What is stored together with *key*, because it shares objects with it; sorted, without *key*."""
        return sorted(set(self._past.body(key)["keys"]) - {key})

    def facet(self, key: str) -> bytes | None:
        """The bytes of a facet, or None when it was not recorded."""
        return self._past.facet(key) if key in self.records else None


def diff(
    history: History,
    a: CommitId | None,
    b: CommitId | None,
    names: Iterable[str] = (),
    *,
    live: Mapping[str, Any] | None = None,
    live_records: Mapping[str, str] | None = None,
    backwards: bool = False,
) -> StateDiff:
    """What differs between two states; values that have the same record are not loaded.

    Args:
        history: of the session.
        a: the first state; None for the empty one.
        b: the second.
        names: only these names (facets are left out then).
        live: node key -> object of the live state, which is then the second side in the place of *b*.
        live_records: of the live state, up to date.
        backwards: the live state is the first side, and *a* the second.

    Raises:
        NameNotFoundError: a name that neither side has.
    """
    first = Side(history, history.state(a))
    second = Side(history, live_records if live_records is not None else history.state(b), live)
    if backwards:
        first, second = second, first
    asked = check_names(list(names))
    present = {key for key in (*first.records, *second.records) if is_name(key)}
    for name in asked:
        if name not in present:
            raise name_not_found(name, sorted(present))
    keys = asked or sorted(present)
    redefined = _redefined(first, second)
    keys = [key for key in keys if not _same_version(history, first, second, key, redefined)]
    cells = Cells(history, b if live is None else history.head, a, names=keys)
    values = [_differs(first, second, key, cells) for key in keys]
    found = [value for value in values if asked or value.summary != SAME]
    if not asked:
        found += _facets(first, second)
    if backwards:
        return StateDiff(None, a, False, (), tuple(found), a_live=True)
    if live is not None or b is None:
        return StateDiff(a, None, live is not None, (), tuple(found))
    runs, more = history.between(a, b, RUNS)
    return StateDiff(a, b, False, tuple(runs), tuple(found), more_runs=more)


def _redefined(first: Side, second: Side) -> set[str]:
    """The nodes of classes and functions that are not the same on both sides."""
    keys = filter(is_definition, {*first.records, *second.records})
    return {key for key in keys if first.records.get(key) != second.records.get(key)}


def _same_version(history: History, first: Side, second: Side, key: str, redefined: set[str]) -> bool:
    """Whether a name is bound to the same version on both sides, also of the class or function that it stands for.

    What a name stands for is in its record, which is not read for every name when nothing of that kind differs.
    """
    if first.records.get(key) != second.records.get(key):
        return False
    return not redefined or history.definition_key(first.records, key) not in redefined


def _differs(first: Side, second: Side, key: str, cells: Iterable[str]) -> ValueDiff:
    there = (key in first.records, key in second.records)
    change = "changed" if all(there) else "created" if there[1] else "deleted"
    try:
        before = first.value(key) if there[0] else None
        after = second.value(key) if there[1] else None
    except TimeslipError as error:
        return ValueDiff(key, change, f"cannot be compared: {_why(error)}")
    told = diff_values(key, before, after, present=there, cells=cells)
    if told.summary != SAME or not all(there):
        return told
    try:
        old, new = (_shared_with(side, key) for side in (first, second))
    except TimeslipError:  # the record of the live value has gone since; the values were compared
        return told
    if old == new:
        return told
    words = [", ".join(names) or "no other name" for names in (old, new)]
    return ValueDiff(key, change, f"equal, but it shared objects with {words[0]} and now does with {words[1]}")


def _shared_with(side: Side, key: str) -> list[str]:
    """Names that share objects with *key*; outputs come and go with every display and are no news."""
    return [name for name in side.keys_with(key) if is_name(name) and not name.startswith(("Out[", "_"))]


def _facets(first: Side, second: Side) -> list[ValueDiff]:
    describe = FacetSet(()).describe
    keys = {key for key in (*first.records, *second.records) if is_facet(key)}
    found = []
    for key in sorted(keys):
        if first.records.get(key) == second.records.get(key):
            continue
        before, after = first.facet(key), second.facet(key)
        change = "changed" if before is not None and after is not None else "created" if after else "deleted"
        found.append(ValueDiff(key, change, describe(key[6:], before, after)))
    return found


def not_exact(live: Live) -> tuple[dict[str, str], dict[str, str]]:
    """What of the live state would not come back exactly: name -> reason, and the same for placeholders."""
    inexact: dict[str, str] = {}
    placeholders: dict[str, str] = {}
    for name, value in live.namespace.snapshot().items():
        record = live.records.get(name)
        if type(value) is Placeholder:
            placeholders[name] = value.timeslip_reason
        elif record is not None:
            try:
                body = live.body(record)
            except StoreError as error:
                inexact[name] = error.message
                continue
            reason = inexact_reason(body, name)
            if reason is not None:
                inexact[name] = reason
    for name, reason in _of_definitions(live).items():
        inexact.setdefault(name, reason)
    return inexact, placeholders


def _of_definitions(live: Live) -> dict[str, str]:
    """Name -> reason, for names that refer to a class or function that does not come back exactly."""
    found: dict[str, str] = {}
    for key, record in live.records.items():
        if not is_definition(key):
            continue
        try:
            reason = definition_reason(live.body(record))
        except StoreError as error:
            reason = f"it refers to a class or function that holds {error.message}"
        if reason is not None:
            for group in live.tracker.users_of([key[4:]]):
                found.update(dict.fromkeys(group.names, reason))
    return found


def status(
    live: Live, history: History, *, name: str, notebook: str | None, resumable: CommitId | None, kernel: str
) -> Status:
    """Where a live session is, and what a user should know about it. Arguments as the attributes of `Status`.

    What is being tried is waited for a moment: whoever asks wants to know of it.
    """
    if kernel == "this":
        with suppress(SessionBusyError), live.turn(later=True):
            live.await_verdicts()
    last = history.last_made
    inexact, placeholders = not_exact(live)
    return Status(
        session=live.session,
        name=name,
        notebook=notebook,
        store=str(live.repository.directory),
        branch=live.branch,
        head=history.commit(live.head) if live.head is not None else None,
        at_tip=live.repository.ref(live.session, "branch", live.branch) == live.head,
        last=history.commit(last) if last is not None else None,
        inexact=inexact,
        placeholders=placeholders,
        assumed=unverified_names(live),
        unfinished=live.unfinished + len(live.backlog),
        saving=live.backlog.progress() if live.backlog else None,
        paused=live.paused,
        store_bytes=live.repository.size_bytes(),
        resumable=resumable,
        kernel=kernel,
        shared=live.shared,
        next_branch=next_branch(live),
        large_arrays=live.tracker.memory.how if kernel == "this" else "",
        large_values=saving.how(live.settings.background_bytes, live.backlog) if kernel == "this" else "",
    )


def verify_live(live: Live) -> Verification:
    """Capture everything again and compare with what is recorded; what differs is recorded as found late."""
    began = time.perf_counter()
    with live.progress.phase("reading"):
        damaged = verify_mapped(live, math.inf)
    with live.changing():
        found = look(live, None if live.unseen else "", everything=True)
        try:
            changed = {key for key in found.update.names | found.update.gone if is_name(key)}
            when = f"changed since {live.head[:8]}" if live.head else "not recorded yet"
            if changed or found.facets:
                recording.write(live, Step("live", "live", started=time.time()), found, began)
        finally:
            found.release()
    bad = dict.fromkeys(sorted(damaged), "it came back damaged: bytes in the store are not those that were recorded")
    changed -= damaged
    intact = tuple(name for name in sorted(live.namespace.snapshot()) if name not in changed | damaged)
    return Verification(None, intact, dict.fromkeys(sorted(changed), when), bad, {}, (), time.perf_counter() - began)


def verify_restorable(live: Live, history: History, commit: CommitId) -> Verification:
    """Whether *commit* could be restored: every value is read, checked and loaded beside the session.

    Of what could not be stored it is said whether the present settings let its cells be run again.

    Raises:
        CommitNotFoundError, DamagedStoreError.
    """
    began = time.perf_counter()
    state = history.state(commit)
    past = PastState(history.repository, state)
    intact: list[str] = []
    lost: list[str] = []
    bad: dict[str, str] = {}
    with live.progress.phase("reading"):
        for key in sorted(filter(is_name, state)):
            try:
                body = past.body(key)
                for chunk in chunk_names(history.repository, body):
                    history.repository.get_chunk(chunk)
                if lost_reason(body) is not None:
                    lost.append(key)
                    continue
                if rebuilt_reason(body) is None:  # a look would have to open what it holds
                    past.value(key)
                intact.append(key)
            except TimeslipError as error:
                bad[key] = error.message
    again: dict[str, str] = {}
    if lost:
        told = foresee(live, history, way_to(live, state), state, commit, Options(replay=live.settings.replay), began)
        intact += [name for name in lost if told.fidelity[name] in (EXACT, REBUILT)]
        bad.update({name: told.notes[name] for name in lost if told.fidelity[name] == LOST})
        again = {name: told.notes[name] for name in sorted(lost) if told.fidelity[name] == REPLAYED}
    return Verification(commit, tuple(sorted(intact)), {}, bad, again, (), time.perf_counter() - began)
