"""How a commit is finished: the transaction, and what is noted of it here; now, or when its chunks are there.

What is put off is noted at once where the next look needs it, under provisional names of its versions; the truth about
HEAD, manifest and records comes with the transaction. Commits are finished in the order of their runs, by whoever has
the session's turn: the next verb that needs them, or the thread that has put the chunks. Where one cannot be finished,
none after it is: their steps are owed, and what they changed is found again.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

from timeslip.encoding import Draft, Encoded
from timeslip.errors import SessionBusyError, StoreError
from timeslip.ids import CommitId, RecordId
from timeslip.interrupts import open_to_interrupts, uninterrupted
from timeslip.live import Live
from timeslip.model import Commit, CommitStats, Names, Unfinished
from timeslip.naming import free_branch
from timeslip.owing import Entry, Step, joined
from timeslip.saving import NoSnapshotError, Saving, Unsaved
from timeslip.standard import os, time
from timeslip.state.covariables import Covariable
from timeslip.store import logfile
from timeslip.values import islands_of, python_tag

if TYPE_CHECKING:
    from timeslip.store.transaction import Transaction


class UnfinishedError(StoreError):
    """What was being saved could not be, so a step that needs it is not recorded either: all of them are owed."""


COMMIT_FORMAT = 1
_OF_NAMES, _OF_STATS = (tuple(field.name for field in fields(kind)) for kind in (Names, CommitStats))

_LOOKS = 1000
"""Of so many runs it is remembered which update of the tracker followed them."""

_PAUSE = 0.05
"""While something is waited for, how far it has come is shown so often, seconds."""


def put(live: Live, entry: Entry) -> Commit:
    """Finish a commit whose chunks are there.

    Raises:
        StoreError: nothing was written.
    """
    commit, made, values = _transact(live, entry)
    _note_records(live, _changes(entry, made, values))
    _note_step(live, entry, commit.branch, commit.id)
    _note_commit(live, entry, commit, made)
    live.backlog.failed = False
    return commit


_Made = Mapping[Covariable, RecordId]
_Values = Mapping[str, RecordId]


def _transact(live: Live, entry: Entry) -> tuple[Commit, _Made, _Values]:
    """The commit in the store, and what the versions of co-variables and of facets are called there."""
    repository, step = live.repository, entry.step
    written = repository.record_bytes_written
    with repository.transaction() as transaction:
        branch = entry.branch if entry.branch is not None else next_branch(live)
        made: dict[Covariable, RecordId] = {}
        for group, value in entry.encoded.items():
            restored = step.restored.get(group.keys)
            if restored is None:
                restored = transaction.put_record("value", value.body, chunks=value.chunks, lists=value.lists)
            made[group] = restored
        values = {
            key: transaction.put_record("value", value.body, chunks=value.chunks) for key, value in entry.values.items()
        }
        changes = _changes(entry, made, values)
        manifest = live.manifest
        if changes or manifest is None:
            manifest = transaction.put_manifest(manifest, changes)
        stats = CommitStats(
            covariables_checked=entry.checked,
            covariables_written=len(entry.encoded),
            bytes_serialized=sum(value.bytes for value in entry.encoded.values()),
            bytes_stored=entry.stored + repository.record_bytes_written - written,
            seconds=time.perf_counter() - entry.began if entry.seconds is None else entry.seconds,
        )
        return _put_commit(live, transaction, step, manifest, entry.names, stats, branch), made, values


def _changes(entry: Entry, made: _Made, values: _Values) -> dict[str, RecordId | None]:
    """Node key -> version, None for what is gone: what the commit changes in the manifest."""
    changes: dict[str, RecordId | None] = {key: record for group, record in made.items() for key in group.keys}
    changes.update(values)
    changes.update(dict.fromkeys(entry.gone))
    return changes


def _note_commit(live: Live, entry: Entry, commit: Commit, made: _Made) -> None:
    """The transaction is through: what was written is what HEAD says."""
    for group, value in entry.encoded.items():
        _note_version(live, group, value, made[group])
    before = live.head
    live.manifest, live.head = commit.manifest, commit.id
    if entry.step.operation is not None:
        live.steps.note(entry.step.operation, before, commit.id, entry.step.details)


def _note_records(live: Live, changes: Mapping[str, RecordId | None]) -> None:
    for key, record in changes.items():
        if record is None:
            live.records.pop(key, None)
        else:
            live.records[key] = record


def _note_version(live: Live, group: Covariable, value: Encoded, record: RecordId) -> None:
    group.chunk_of, group.record = value.pieces, None if value.torn else record
    group.islands_of = islands_of(value.body, group.islands)
    if value.torn:
        live.dirty(group.keys)
    live.remember(record, value.body)
    live.note_digest(group)
    if "hooked" in value.body:
        live.prover.want(group.keys, value.body["hooked"], value.bytes)


def _note_step(live: Live, entry: Entry, branch: str, identity: str) -> None:
    """What holds as soon as the step needs nothing of the user's any more."""
    live.facet_bytes.update(entry.facets)
    _tell_branch(live, branch)
    live.branch = branch
    live.pending_names, live.tracker.left, live.made_again = set(), set(), {}
    live.owed = None
    step, names = entry.step, entry.names
    if step.kind != "live":
        live.looks.append((entry.count, label(step.execution_count, identity)))
        del live.looks[:-_LOOKS]
    if step.kind == "live" and names.when:
        told = "; ".join(f"{name} {when}" for name, when in names.when.items())
        live.news.append(f"changed without a known reason, and recorded now: {told}")


def label(execution_count: int | None, identity: str) -> str:
    """What a run is called."""
    return f"In[{execution_count}]" if execution_count is not None else identity[:8]


def next_branch(live: Live) -> str:
    """The branch of the next commit: the current one when HEAD is its tip, else the first free one of its family."""
    if live.repository.ref(live.session, "branch", live.branch) == live.head:
        return live.branch
    # Only now all of them, which may be thousands: most commits follow the one before.
    return free_branch(live.branch, live.repository.ref_names(live.session))


def _put_commit(
    live: Live,
    transaction: Transaction,
    step: Step,
    manifest: RecordId,
    names: Names,
    stats: CommitStats,
    branch: str,
) -> Commit:
    text = transaction.put_record("text", _said(step, names, stats, branch))
    body: dict[str, Any] = {
        "format": COMMIT_FORMAT,
        "kind": step.kind,
        "manifest": manifest,
        "code": text if step.code is not None else None,
        "about": text,
        "execution_count": step.execution_count,
        "outcome": step.outcome,
        "started": step.started or time.time(),
        "duration": step.duration,
        "python": python_tag(),
    }
    parents = [live.head] if live.head is not None else []
    identity = transaction.put_commit(live.session, body, parents, names.created + names.changed + names.deleted)
    transaction.set_ref(live.session, "branch", branch, identity)
    transaction.set_head(live.session, live.kernel, identity, branch)
    if step.message is not None:
        transaction.describe(live.session, identity, step.message)
    if step.operation is not None:
        transaction.append_operation(
            live.session,
            live.kernel,
            step.operation,
            live.head,
            identity,
            live.details(branch=branch, **step.details),
        )
    return Commit(
        id=identity,
        parents=tuple(parents),
        kind=step.kind,
        execution_count=step.execution_count,
        code=step.code,
        outcome=step.outcome,
        error=step.error,
        started=body["started"],
        duration=step.duration,
        message=step.message,
        names=names,
        stats=stats,
        branch=branch,
        manifest=manifest,
        python=body["python"],
    )


def _said(step: Step, names: Names, stats: CommitStats, branch: str) -> dict[str, Any]:
    """What a commit says in words, in one text with the code: every record has an id, a MAC and a salt of its own."""
    return {
        "names": {name: value for name in _OF_NAMES if (value := getattr(names, name))},
        "stats": {name: getattr(stats, name) for name in _OF_STATS},
        "branch": branch,
        "error": step.error,
        **({"made": dict(step.again)} if step.again else {}),
        **({"text": step.code} if step.code is not None else {}),
    }


def _tell_branch(live: Live, branch: str) -> None:
    """A branch that starts by itself is said when it happens; the first branch of a session is none."""
    if branch != live.branch:
        live.notices.append(f"the session was not at the tip of {live.branch}, so this step creates branch {branch}")
    elif live.fresh_branch:
        live.notices.append(f"this step creates branch {branch}")
    live.fresh_branch = False


# ---- later


def put_off(live: Live, entry: Entry, drafts: Mapping[Covariable, Draft], *, large: bool) -> Unfinished | None:
    """Leave a commit to be finished in the background; None when that is not possible.

    Args:
        live: the session.
        entry: with the branch that it goes to.
        drafts: of its versions.
        large: whether they are to be put in the background; else they are put now, and the commit waits for others.
    """
    saving = None
    size = sum(draft.size for draft in drafts.values())
    bodies = {group: dict(draft.body) for group, draft in drafts.items()}
    if large:
        snapshot = any(draft.missing for draft in drafts.values())
        try:
            saving = Saving(
                live.repository, live.writer, list(drafts.values()), snapshot=snapshot, then=partial(_finish_soon, live)
            )
        except NoSnapshotError:
            return None
    with live.repository.held_pins() as hold:  # those of its facets, too
        if not large:
            settle(live, entry, drafts)
    made, values = live.backlog.names_of(drafts), live.backlog.names_of(entry.values)
    for group, name in made.items():
        value = entry.encoded.get(group)
        group.chunk_of, group.record = (value.pieces if value is not None else {}), name
        group.islands_of = islands_of(value.body, group.islands) if value is not None else ()
        live.provisional[name] = bodies[group]
    for key, name in values.items():
        live.provisional[name] = entry.values[key].body
    live.backlog.waiting.append(Unsaved(entry, saving, hold, made, values))
    _note_records(live, _changes(entry, made, values))
    assert entry.branch is not None
    _note_step(live, entry, entry.branch, "a run")
    entry.seconds = time.perf_counter() - entry.began
    return Unfinished(entry.names, CommitStats(entry.checked, len(drafts), size, 0, entry.seconds))


def settle(live: Live, entry: Entry, drafts: Mapping[Covariable, Draft]) -> None:
    """Put the chunks of a commit.

    Raises:
        StoreError: nothing is published.
    """
    before = live.repository.chunk_bytes_here
    entry.encoded = {group: live.writer.settle(draft) for group, draft in drafts.items()}
    entry.stored += live.repository.chunk_bytes_here - before


def finish_all(live: Live) -> bool:
    """Finish what waits, in order; needs the turn. Shows how far it is, and may be interrupted without harm.

    Returns:
        False when something could not be finished: it is owed, and told.
    """
    while live.backlog:
        saving = live.backlog.waiting[0].saving
        if saving is not None and not live.backlog.is_ready:
            with open_to_interrupts():
                _await(live, saving)
        with uninterrupted():
            if not _finish_next(live):
                return False
    return True


def _await(live: Live, saving: Saving) -> None:
    shown = 0
    with live.progress.phase("saving", saving.total):
        while not saving.wait(_PAUSE):
            done = saving.done
            live.progress.add(done - shown)
            shown = done


def _finish_soon(live: Live) -> None:
    """In the thread that has put the chunks of one: finish it, and what waits behind it, when nobody else does."""
    try:
        while live.backlog and os.getpid() == live.pid:
            with (
                suppress(SessionBusyError),
                live.turn(quietly=True),
            ):  # a verb may take long; it may be one that finishes
                live.finishing = True
                while live.backlog and live.backlog.is_ready:
                    _finish_next(live)
                return
    except Exception as error:  # the next verb finishes it; a thread of ours that ends with a traceback would be seen
        detail = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        logfile.append(live.repository.directory, "finishing a commit in the background", detail)
    finally:
        live.finishing = False  # only now, when the turn is given back: who waits for it would be refused in between


def _finish_next(live: Live) -> bool:
    unsaved = live.backlog.waiting[0]
    entry, saving, before = unsaved.entry, unsaved.saving, live.head
    try:
        if saving is not None:
            if saving.failure is not None:
                raise saving.failure
            entry.encoded = dict(zip(unsaved.made, saving.encoded, strict=True))
            entry.stored += saving.stored
        if entry.branch is None or live.repository.ref(live.session, "branch", entry.branch) not in (None, live.head):
            entry.branch = None  # somebody else has made or moved it meanwhile
        commit, made, values = _transact(live, entry)
        real: dict[str, RecordId] = {name: made[group] for group, name in unsaved.made.items()}
        real.update((name, values[key]) for key, name in unsaved.values.items())
        _rename(live, real)
        _note_commit(live, entry, commit, made)
        _tell_branch(live, commit.branch)
        live.branch = commit.branch
    except BaseException as error:  # whatever it is: the steps are owed
        if _has_moved(live, before):  # it was, and what is noted of it here comes from the store now
            _take_out(live)
        _give_up(live, error)
        if isinstance(error, KeyboardInterrupt):
            raise
        return False
    _take_out(live)
    return True


def _take_out(live: Live) -> Unsaved:
    """The first of the backlog, which needs its pins no more."""
    unsaved = live.backlog.waiting.popleft()
    live.repository.unpin(unsaved.hold)
    if unsaved.saving is not None:
        live.repository.unpin(unsaved.saving.hold)
    return unsaved


def _has_moved(live: Live, before: CommitId | None) -> bool:
    """Whether HEAD is another one in the store than *before*; no where that cannot be told."""
    try:
        head = live.repository.head(live.session, live.kernel)
    except Exception:  # something is wrong already, and told: a step more is no loss
        return False
    return head is not None and head.commit != before


def _rename(live: Live, real: Mapping[str, RecordId]) -> None:
    """Put the real names of versions in the place of provisional ones, wherever they have got to meanwhile."""
    for key, record in live.records.items():
        if record in real:
            live.records[key] = real[record]
    for group in live.tracker.covariables():
        if not real.keys().isdisjoint(group.lives):
            group.lives = {real.get(record, record): names for record, names in group.lives.items()}
    for name in real:
        live.provisional.pop(name, None)


def _give_up(live: Live, error: BaseException) -> None:
    """None of what waits can be finished: the steps are owed, and what they changed is found again."""
    waiting = [_take_out(live).entry for _ in range(len(live.backlog))]
    steps = [entry.step for entry in waiting] + ([live.owed] if live.owed is not None else [])
    live.owed = reduce(joined, steps) if steps else None
    live.unfinished += len(waiting)
    for entry in waiting:
        live.pending_names |= entry.looked_for
    live.tear()
    live.backlog.failed = True
    if isinstance(error, StoreError):
        live.paused = error.message
        live.notices.append(f"recording is paused: {error.message}" + (f" ({error.hint})" if error.hint else ""))
        return
    live.backlog.failures += 1
    runs = ", ".join(label(entry.step.execution_count, "a run") for entry in waiting)
    if runs:
        told = f"what {runs} changed could not be saved in the background: it is recorded with the next step"
        live.notices.append(told)
    detail = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    logfile.append(live.repository.directory, "what was to be saved in the background could not be", detail)
