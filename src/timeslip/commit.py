"""One cell run becomes one commit: what was noticed, in one transaction.

Nothing here raises into the user's cell but the errors of `timeslip.errors`; the doors turn those into one warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, overload

from timeslip import finishing
from timeslip.codec.collecting import uncollected
from timeslip.codec.definitions import class_name
from timeslip.codec.earlier import Same
from timeslip.codec.inline import reading
from timeslip.encoding import Draft, Encoded
from timeslip.errors import ChunkMissingError, ForgottenError, NotFoundError, StoreError
from timeslip.finishing import UnfinishedError, label
from timeslip.ids import CommitId, RecordId
from timeslip.interrupts import open_to_interrupts, uninterrupted
from timeslip.live import Live
from timeslip.model import Commit, Names, Unfinished, is_facet, is_name
from timeslip.noticing import SHIFTING, Look, look, reach_of
from timeslip.owing import Entry, Step
from timeslip.preview import summarize
from timeslip.retaining import require_room
from timeslip.saving import why_at_once
from timeslip.standard import time
from timeslip.state.covariables import Changed, Covariable, Update
from timeslip.state.fingerprint import fingerprint
from timeslip.values import definition_reason, inexact_reason, pieces_of, with_verdicts


@overload
def record(live: Live, step: Step, *, later: Literal[False] = False) -> Commit: ...
@overload
def record(live: Live, step: Step, *, later: bool) -> Commit | Unfinished: ...
def record(live: Live, step: Step, *, later: bool = False) -> Commit | Unfinished:
    """Look at the live state and commit it.

    All or nothing: when writing fails, HEAD and history stay as they are, and what changed belongs to the next commit.

    Args:
        live: the session.
        step: that has just been made.
        later: the commit may be finished in the background (`saving`).

    Raises:
        StoreError: recording is paused; the session goes on. An `UnfinishedError` with *later* alone: it is not paused,
            and the step is owed together with those that it needed.
    """
    began = time.perf_counter()
    source = step.source if step.source is not None else step.code
    if live.shared:
        live.take_over()
    if live.paused is not None:
        _require_space(live)
    # What was looked at and not written must be found again, whatever came in between.
    with live.changing(), uncollected():
        with open_to_interrupts():
            found = look(live, source, everything=step.everything)
        try:
            if live.made_again:
                step = replace(step, again=_made_again(live, source, found))
            commit = write(live, step, found, began, later=later)
        finally:
            found.release()
    live.prover.begin(live.namespace.snapshot)
    return commit


def _made_again(live: Live, source: str | None, found: Look) -> dict[str, tuple[CommitId, str]]:
    """Of what the last restore made again and could not take for recorded, what a run of *source* cannot have changed.

    It is written now for want of an earlier occasion, so the run is not what made it.
    """
    if not live.made_again:
        return {}
    reach = reach_of(live, source, found.snapshot, set())
    if reach is None or reach.everything:
        return {}
    groups = (change.covariable.keys for change in found.update.changed)
    unreached = (key for keys in groups if reach.names.isdisjoint(keys) for key in keys)
    return {key: live.made_again[key] for key in unreached if key in live.made_again}


def _require_space(live: Live) -> None:
    """While recording is paused for want of space, do not look at everything only to fail again."""
    try:
        live.repository.require_space()
        require_room(live)
    except StoreError:
        live.unseen = live.off = True
        raise


@overload
def write(live: Live, step: Step, found: Look, began: float, *, later: Literal[False] = False) -> Commit: ...
@overload
def write(live: Live, step: Step, found: Look, began: float, *, later: bool) -> Commit | Unfinished: ...
def write(live: Live, step: Step, found: Look, began: float, *, later: bool = False) -> Commit | Unfinished:
    """Write one commit for what `look` found; *later* as `record`.

    Raises:
        StoreError: nothing was written; recording is paused, and what was found is found again next time.
    """
    try:
        require_room(live)
        if live.backlog and (not later or _goes_on_from(found.update, live.backlog.unsaved)):
            _finish_backlog(live)
        try:
            commit = _write(live, step, found, began, reuse=True, later=later)
        except (ChunkMissingError, ForgottenError, NotFoundError):
            # gc dropped what an earlier version could have shared: put everything again
            commit = _write(live, step, found, began, reuse=False, later=False)
    except StoreError as error:
        live.pending_names |= found.update.names | found.update.gone
        if not isinstance(error, UnfinishedError):
            live.paused = error.message
        raise
    if live.paused is not None:
        live.notices.append("recording goes on")
    live.paused, live.unfinished = None, 0
    return commit


def _write(live: Live, step: Step, found: Look, began: float, *, reuse: bool, later: bool) -> Commit | Unfinished:
    amount = sum(change.captured.size for change in found.update.changed if change.captured is not None)
    before = live.repository.chunk_bytes_here
    with open_to_interrupts(), live.progress.phase("saving", amount):
        drafts = _drafts(live, found, step.restored, reuse)
        values = dict(_facet_values(live, found))
    gone = _gone(live)
    bodies = [with_verdicts(draft.body, live.prover.verdict) for draft in drafts.values()]
    names = _names(live, step, found, gone, _inexact(live, bodies, found))
    entry = Entry(
        step=step,
        values=values,
        facets=found.facets,
        gone=gone,
        names=names,
        looked_for=found.update.names | found.update.gone,
        checked=found.update.checked,
        count=live.tracker.count,
        began=began,
        stored=live.repository.chunk_bytes_here - before,
    )
    if later:
        told = _put_off(live, entry, drafts)
        if told is not None:
            return told
        if live.backlog:  # whatever the reason is: commits finish in the order of their runs
            _finish_backlog(live)
    if drafts:
        with open_to_interrupts(), live.progress.phase("saving", amount):
            finishing.settle(live, entry, drafts)
    # With COMMIT the store says that this is the live state: what is noted here must say so in the same moment.
    with uninterrupted():
        return finishing.put(live, entry)


def _put_off(live: Live, entry: Entry, drafts: Mapping[Covariable, Draft]) -> Unfinished | None:
    """Leave *entry* to be finished in the background; None when it is better, or has to be, finished now."""
    large = why_at_once(drafts.values(), live.settings.background_bytes) is None and not _is_rewritten(drafts)
    if large and live.backlog:
        _finish_backlog(live)  # one at a time: so much memory is kept for what is being saved, and no more
    if live.paused is not None or live.backlog.why_none or not (large or live.backlog):
        return None
    if large:
        live.repository.require_space(sum(draft.missing + draft.streamed for draft in drafts.values()))
    with uninterrupted():
        entry.branch = finishing.next_branch(live) if not live.backlog else live.branch
        return finishing.put_off(live, entry, drafts, large=large)


def _goes_on_from(update: Update, unsaved: set[Covariable]) -> bool:
    """Whether a changed co-variable takes the place of one that is being saved, and has chunks of it."""
    taken = update.replaced & unsaved
    keys = {key for group in taken for key in group.keys}
    return any(not keys.isdisjoint(change.covariable.keys) for change in update.changed)


def _is_rewritten(drafts: Mapping[Covariable, Draft]) -> bool:
    """Whether most of a large buffer was written anew in place, and is different: the next run may do so again.

    It would copy each page of what is being saved, which takes longer than to wait.
    """
    for group, draft in drafts.items():
        written = sum(known.key[1] for known in group.fingerprint.ranges if known.rewritten or known.resting)
        if written and 2 * draft.missing > written:
            return True
    return False


def _finish_backlog(live: Live) -> None:
    """Finish what is still being saved, because this step needs it.

    Raises:
        StoreError: it could not be: nothing of this step is written either, and all of it is owed. An
            `UnfinishedError` where the store is not to blame.
    """
    if not finishing.finish_all(live):
        if live.paused is not None:
            raise StoreError(live.paused)
        raise UnfinishedError("what was being saved could not be: it is recorded with the next step")


def _gone(live: Live) -> set[str]:
    """Recorded node keys that no co-variable has any more."""
    tracker = live.tracker
    return {key for key in tracker.left if key in live.records and key not in tracker.groups and not is_facet(key)}


def _drafts(
    live: Live, found: Look, restored: Mapping[tuple[str, ...], RecordId], reuse: bool
) -> dict[Covariable, Draft]:
    known: dict[bytes, str] = {}
    for group in found.update.replaced if reuse else ():
        known.update(group.chunk_of)
    drafts: dict[Covariable, Draft] = {}
    for change in found.update.changed:
        group = change.covariable
        if reuse and group.keys in restored:
            known.update(pieces_of(live.repository, live.body(restored[group.keys])))
        _write_again(live, change, found.snapshot, known)
        about = _about(live, group, found.snapshot)
        doubtful = live.prover.doubtful(change.captured.hooked) if change.captured is not None else {}
        if doubtful and change.captured is not None:
            about["hooked"] = doubtful
            own = {key: part.hooked for key, part in change.captured.own.items()}
            of = {key: sorted(doubtful.keys() & set(map(class_name, kinds))) for key, kinds in own.items()}
            if any(len(classes) < len(doubtful) for classes in of.values()):
                about["hooked_of"] = of
        drafts[group] = live.writer.draft(group, change.captured, known, about)
    return drafts


def _write_again(live: Live, change: Changed, snapshot: Mapping[str, Any], known: Mapping[bytes, str]) -> None:
    """Write the islands of a value that are as they were, where the store may not have them any more."""
    captured = change.captured
    if captured is None or all(not isinstance(part, Same) or part.digest in known for part in captured.segments):
        return
    whole = live.encoder.capture([(key, snapshot[key]) for key in captured.keys])
    captured.segments, captured.islands = whole.segments, whole.islands
    change.covariable.fingerprint = fingerprint(whole)
    change.covariable.islands = ()  # their marks are of the pass before: a thread may have changed something since
    whole.forget()


def _about(live: Live, group: Covariable, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """What a value record says besides its bytes."""
    names = [key for key in group.keys if key in snapshot]
    about: dict[str, Any] = {"seeds": len(live.encoder.seeds)}
    if names:
        with reading(live.encoder.is_alone()):
            about["summary"] = {key: summarize(snapshot[key]) for key in names}
    definitions = {key: live.registry.known(snapshot[key]) for key in names}
    if any(definitions.values()):
        about["definitions"] = {key: identity for key, identity in definitions.items() if identity is not None}
    if group.aliases:
        about["aliases"] = group.aliases
    return about


def _facet_values(live: Live, found: Look) -> Iterable[tuple[str, Encoded]]:
    for name, data in found.facets.items():
        key = f"facet:{name}"
        yield key, live.writer.facet(key, data)


def _names(live: Live, step: Step, found: Look, gone: set[str], inexact: dict[str, str]) -> Names:
    """What the step did to the names, going by what changed: the others are not gone through."""
    update, recorded, groups = found.update, live.records, live.tracker.groups

    def news(keys: Iterable[str]) -> list[str]:
        return sorted(key for key in keys if is_name(key) and key not in SHIFTING)

    def stayed(keys: Iterable[str]) -> tuple[str, ...]:
        return tuple(key for key in news(keys) if key in recorded and key in groups)

    made = {key for change in update.changed for key in change.covariable.keys if key not in recorded}
    late = stayed(found.late)
    return Names(
        created=tuple(news(made)),
        changed=stayed((update.names | live.pending_names | _redefined(live, update)) - step.again.keys()),
        deleted=tuple(news(gone)),
        late=late,
        assumed=found.assumed,
        assumed_more=found.more,
        inexact=inexact,
        when={key: _when(live, step, found.late[key]) for key in late},
    )


def _when(live: Live, step: Step, checked: int) -> str:
    """Between which runs something changed that was last found as recorded by update number *checked*."""
    labels = [label for count, label in live.looks if count <= checked]
    since = f"after {labels[-1]}" if labels else "at some time"
    until = label(step.execution_count, "") or (live.looks[-1][1] if live.looks and step.kind == "live" else "")
    if labels and until:
        return f"between {labels[-1]} and {until}" if until != labels[-1] else since
    return since


def _redefined(live: Live, update: Update) -> set[str]:
    """Names bound to a class or function whose content changed."""
    changed = [key[4:] for key in update.names if key.startswith("def:")]
    users = live.tracker.users_of(changed) if changed else set()
    return {key for group in users if not group.links for key in group.names}


def _inexact(live: Live, bodies: list[dict[str, Any]], found: Look) -> dict[str, str]:
    reasons: dict[str, str] = {}
    definitions: dict[str, str] = {}
    for body in bodies:
        for key in body["keys"]:
            if is_name(key):
                reason = inexact_reason(body, key)
                if reason is not None:
                    reasons[key] = reason
            elif (reason := definition_reason(body)) is not None:
                definitions[key] = reason
    for key, reason in definitions.items():
        for group in live.tracker.users_of([key[4:]]):
            for name in group.names:
                reasons.setdefault(name, reason)
    return dict(sorted(reasons.items()))


def commit_if_changed(live: Live, *, idle: bool = True, details: Mapping[str, Any] | None = None) -> Commit | None:
    """Commit the live state before travelling, if it differs from HEAD's.

    Checks everything that was assumed. The commit is not a step of its own: what is found belongs to the last one.

    Args:
        live: the session.
        idle: as `look`.
        details: of the operation.

    Raises:
        StoreError: it could not be written.
    """
    began = time.perf_counter()
    with live.changing(), uncollected():
        bound, lost = live.tracker.rebound(live.namespace.snapshot())
        idle = idle and not (bound - live.made_again.keys() or lost)
        found = look(live, "" if idle else None, everything=True, idle=idle)
        try:
            # A class or function that was let go can leave its co-variable, and no value differs.
            gone = any(map(is_name, _gone(live)))
            if not found.update.names and not gone and not live.pending_names:
                return None  # a facet that moved by itself is recorded with the next step: it is no step of its own
            again = _made_again(live, "" if idle else None, found)
            step = Step("live", "live", started=time.time(), details=dict(details or {}), again=again)
            return write(live, step, found, began)
        finally:
            found.release()
