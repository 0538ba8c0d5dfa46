"""One cell run becomes one commit: what was noticed, in one transaction.

Nothing here raises into the user's cell but the errors of `timeslip.errors`; the doors turn those into one warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from timeslip.codec.collecting import uncollected
from timeslip.codec.definitions import class_name
from timeslip.errors import ChunkMissingError, ForgottenError, NotFoundError, StoreError
from timeslip.ids import CommitId, RecordId
from timeslip.interrupts import open_to_interrupts, uninterrupted
from timeslip.live import Live
from timeslip.model import Commit, CommitStats, Names, is_facet, is_name
from timeslip.naming import free_branch
from timeslip.noticing import SHIFTING, Look, look, reach_of
from timeslip.preview import summarize
from timeslip.retaining import require_room
from timeslip.standard import time
from timeslip.state.covariables import Covariable, Update
from timeslip.values import Encoded, definition_reason, inexact_reason, islands_of, pieces_of, python_tag, with_verdicts

if TYPE_CHECKING:
    from timeslip.store.transaction import Transaction

COMMIT_FORMAT = 1
_LOOKS = 1000
"""Of so many runs it is remembered which update of the tracker followed them."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is known of the step that a commit records.

    Attributes:
        kind: as `model.Commit.kind`.
        operation: kind of the entry in the operation log; None for none.
        code: as typed, or None.
        source: the same as plain Python, or None: then *code* is taken.
        execution_count: or None.
        outcome: "ok", "error" or "interrupted".
        error: one line, or None.
        started: Unix time, seconds.
        duration: of the user's code, seconds.
        message: the user's own text, or None.
        details: of the operation.
        everything: check every co-variable, reached or not.
        restored: node keys -> record, for co-variables that were just loaded from it.
        again: names that the restore before made again, as they were at a commit under a name there, and that the step
            records without having reached them.
    """

    kind: str = "run"
    operation: str | None = "run"
    code: str | None = None
    source: str | None = None
    execution_count: int | None = None
    outcome: str = "ok"
    error: str | None = None
    started: float = 0.0
    duration: float = 0.0
    message: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    everything: bool = False
    restored: Mapping[tuple[str, ...], RecordId] = field(default_factory=dict)
    again: Mapping[str, tuple[CommitId, str]] = field(default_factory=dict)


def record(live: Live, step: Step) -> Commit:
    """Look at the live state and commit it.

    All or nothing: when writing fails, HEAD and history stay as they are, and what changed belongs to the next commit.

    Raises:
        StoreError: recording is paused; the session goes on.
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
            commit = write(live, replace(step, again=_made_again(live, source, found)), found, began)
        finally:
            found.release()
    live.prover.begin(live.namespace.snapshot())
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


def joined(owed: Step, step: Step) -> Step:
    """One step for two runs, the first of which could not be recorded: what changed cannot be told apart any more."""
    codes = [part.code for part in (owed, step) if part.code is not None]
    sources = [part.source if part.source is not None else part.code for part in (owed, step)]
    return replace(
        step,
        code="\n".join(codes) if codes else None,
        source="\n".join(source for source in sources if source is not None),
        started=owed.started,
        duration=owed.duration + step.duration,
        everything=True,
    )


def _require_space(live: Live) -> None:
    """While recording is paused for want of space, do not look at everything only to fail again."""
    try:
        live.repository.require_space()
        require_room(live)
    except StoreError:
        live.unseen = live.off = True
        raise


def write(live: Live, step: Step, found: Look, began: float) -> Commit:
    """Write one commit for what `look` found.

    Raises:
        StoreError: nothing was written; recording is paused, and what was found is found again next time.
    """
    try:
        require_room(live)
        try:
            commit = _write(live, step, found, began, reuse=True)
        except (ChunkMissingError, ForgottenError, NotFoundError):
            # gc dropped what an earlier version could have shared: put everything again
            commit = _write(live, step, found, began, reuse=False)
    except StoreError as error:
        live.pending_names |= found.update.names | found.update.gone
        live.paused = error.message
        raise
    if live.paused is not None:
        live.notices.append("recording goes on")
    live.paused, live.unfinished = None, 0
    return commit


def _write(live: Live, step: Step, found: Look, began: float, *, reuse: bool) -> Commit:
    written = live.repository.bytes_written
    amount = sum(change.captured.size for change in found.update.changed if change.captured is not None)
    with open_to_interrupts(), live.progress.phase("saving", amount):
        encoded = _encode(live, found, step.restored, reuse)
        values = dict(_facet_values(live, found))
    gone = _gone(live)
    names = _names(live, step, found, gone)
    bodies = [with_verdicts(value.body, live.prover.verdict) for value in encoded.values()]
    names = replace(names, inexact=_inexact(live, bodies, found))
    # With COMMIT the store says that this is the live state: what is noted here must say so in the same moment.
    with uninterrupted():
        return _put(live, step, found, began, written, encoded, values, gone, names)


def _put(
    live: Live,
    step: Step,
    found: Look,
    began: float,
    written: int,
    encoded: Mapping[Covariable, Encoded],
    values: Mapping[str, Encoded],
    gone: set[str],
    names: Names,
) -> Commit:
    """The transaction, and what is noted of it here."""
    repository, before = live.repository, live.head
    with repository.transaction() as transaction:
        branch = next_branch(live)
        changes: dict[str, RecordId | None] = {}
        made: dict[Covariable, RecordId] = {}
        for group, value in encoded.items():
            restored = step.restored.get(group.keys)
            if restored is not None:
                made[group] = restored
                changes.update(dict.fromkeys(group.keys, restored))
                continue
            made[group] = transaction.put_record("value", value.body, chunks=value.chunks)
            changes.update(dict.fromkeys(group.keys, made[group]))
        for key, value in values.items():
            changes[key] = transaction.put_record("value", value.body, chunks=value.chunks)
        changes.update(dict.fromkeys(gone))
        manifest = live.manifest
        if changes or manifest is None:
            manifest = transaction.put_manifest(manifest, changes)
        stats = CommitStats(
            covariables_checked=found.update.checked,
            covariables_written=len(encoded),
            bytes_serialized=sum(value.bytes for value in encoded.values()),
            bytes_stored=repository.bytes_written - written,
            seconds=time.perf_counter() - began,
        )
        commit = _put_commit(live, transaction, step, manifest, names, stats, branch)
    _finish(live, commit, changes, encoded, made, found)
    if step.operation is not None:
        live.steps.note(step.operation, before, commit.id, step.details)
    return commit


def _gone(live: Live) -> set[str]:
    """Recorded node keys that no co-variable has any more."""
    tracker = live.tracker
    return {key for key in tracker.left if key in live.records and key not in tracker.groups and not is_facet(key)}


def _encode(
    live: Live, found: Look, restored: Mapping[tuple[str, ...], RecordId], reuse: bool
) -> dict[Covariable, Encoded]:
    known: dict[bytes, str] = {}
    for group in found.update.replaced if reuse else ():
        known.update(group.chunk_of)
    encoded: dict[Covariable, Encoded] = {}
    for change in found.update.changed:
        group = change.covariable
        if reuse and group.keys in restored:
            known.update(pieces_of(live.repository, live.body(restored[group.keys])))
        about = _about(live, group, found.snapshot)
        doubtful = live.prover.doubtful(change.captured.hooked) if change.captured is not None else {}
        if doubtful and change.captured is not None:
            about["hooked"] = doubtful
            own = {key: part.hooked for key, part in change.captured.own.items()}
            of = {key: sorted(doubtful.keys() & set(map(class_name, kinds))) for key, kinds in own.items()}
            if any(len(classes) < len(doubtful) for classes in of.values()):
                about["hooked_of"] = of
        encoded[group] = live.writer.encode(group, change.captured, known, about)
    return encoded


def _about(live: Live, group: Covariable, snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """What a value record says besides its bytes."""
    names = [key for key in group.keys if key in snapshot]
    about: dict[str, Any] = {"seeds": len(live.encoder.seeds)}
    if names:
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


def _names(live: Live, step: Step, found: Look, gone: set[str]) -> Names:
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
        when={key: _when(live, step, found.late[key]) for key in late},
    )


def _when(live: Live, step: Step, checked: int) -> str:
    """Between which runs something changed that was last found as recorded by update number *checked*."""
    labels = [label for count, label in live.looks if count <= checked]
    since = f"after {labels[-1]}" if labels else "at some time"
    until = _label(step.execution_count, "") or (live.looks[-1][1] if live.looks and step.kind == "live" else "")
    if labels and until:
        return f"between {labels[-1]} and {until}" if until != labels[-1] else since
    return since


def _label(execution_count: int | None, identity: str) -> str:
    return f"In[{execution_count}]" if execution_count is not None else identity[:8]


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
        "names": {f.name: value for f in fields(names) if (value := getattr(names, f.name))},
        "stats": asdict(stats),
        "branch": branch,
        "error": step.error,
        **({"made": dict(step.again)} if step.again else {}),
        **({"text": step.code} if step.code is not None else {}),
    }


def _finish(
    live: Live,
    commit: Commit,
    changes: Mapping[str, RecordId | None],
    encoded: Mapping[Covariable, Encoded],
    made: Mapping[Covariable, RecordId],
    found: Look,
) -> None:
    """The transaction is through: what was written is the recorded live state now."""
    for key, record in changes.items():
        if record is None:
            live.records.pop(key, None)
        else:
            live.records[key] = record
    for group, value in encoded.items():
        group.chunk_of, group.record = value.pieces, None if value.torn else made[group]
        group.islands_of = islands_of(value.body, group.islands)
        if value.torn:
            live.dirty(group.keys)
        live.remember(made[group], value.body)
        if "hooked" in value.body:
            live.prover.want(group.keys, value.body["hooked"], value.bytes)
    live.facet_bytes.update(found.facets)
    _tell_branch(live, commit)
    live.manifest, live.head, live.branch = commit.manifest, commit.id, commit.branch
    live.pending_names, live.tracker.left, live.made_again = set(), set(), {}
    live.owed = None
    if commit.kind != "live":
        live.looks.append((live.tracker.count, _label(commit.execution_count, commit.id)))
        del live.looks[:-_LOOKS]
    if commit.kind == "live" and commit.names.when:
        told = "; ".join(f"{name} {when}" for name, when in commit.names.when.items())
        live.news.append(f"changed without a known reason, and recorded now: {told}")


def _tell_branch(live: Live, commit: Commit) -> None:
    """A branch that starts by itself is said when it happens; the first branch of a session is none."""
    if commit.branch != live.branch:
        live.notices.append(
            f"the session was not at the tip of {live.branch}, so this step creates branch {commit.branch}"
        )
    elif live.fresh_branch:
        live.notices.append(f"this step creates branch {commit.branch}")
    live.fresh_branch = False


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
