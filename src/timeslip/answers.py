"""The JSON forms of the engine's records: what ``--json`` prints and what the renderings read.

Every answer is a dict of plain JSON values. Times are Unix seconds, durations seconds, sizes bytes on disk. The forms
are stable within ``FORMAT``: fields may be added, never renamed or removed. docs/reference/json.md describes them, and
``schemas/*.json`` are their JSON Schemas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from timeslip.model import (
    CheckoutResult,
    Collected,
    Commit,
    Forgotten,
    Names,
    Operation,
    Preview,
    Recorded,
    Ref,
    ReplayStep,
    Shown,
    StateDiff,
    Status,
    Usage,
    UsageRow,
    Verification,
)

FORMAT = 1
"""Version of all JSON forms together."""

Json = dict[str, Any]


def answer(verb: str, **body: Any) -> Json:
    """The envelope of every answer."""
    return {"timeslip": FORMAT, "verb": verb, **body}


def names_json(names: Names) -> Json:
    """What a step did to the names."""
    return {
        "created": list(names.created),
        "changed": list(names.changed),
        "deleted": list(names.deleted),
        "late": list(names.late),
        "assumed": list(names.assumed),
        "inexact": dict(names.inexact),
        "when": dict(names.when),
        "assumed_more": names.assumed_more,
    }


def commit_json(commit: Commit, refs: Iterable[Ref] = (), head: str | None = None) -> Json:
    """A commit, with the *refs* that name it and whether it is *head*."""
    return {
        "id": str(commit.id),
        "short": commit.id[:8],
        "parents": [str(parent) for parent in commit.parents],
        "kind": commit.kind,
        "execution_count": commit.execution_count,
        "code": commit.code,
        "outcome": commit.outcome,
        "error": commit.error,
        "started": commit.started,
        "duration": commit.duration,
        "message": commit.message,
        "names": names_json(commit.names),
        "bytes_serialized": commit.stats.bytes_serialized,
        "bytes_stored": commit.stats.bytes_stored,
        "seconds": commit.stats.seconds,
        "branch": commit.branch,
        "python": commit.python,
        "head": head is not None and commit.id == head,
        "refs": [ref_json(ref) for ref in refs if ref.commit == commit.id],
    }


def ref_json(ref: Ref) -> Json:
    """A branch or a tag."""
    return {"kind": ref.kind, "name": ref.name, "commit": str(ref.commit), "current": ref.current}


def log_json(
    commits: Iterable[Commit], refs: Iterable[Ref], head: str | None, branch: str | None, *, more: bool = False
) -> Json:
    """History, newest first; *more* when earlier commits were left out for want of a limit."""
    listed = list(refs)
    rows = [commit_json(commit, listed, head) for commit in commits]
    return answer("log", head=head, branch=branch, commits=rows, more=more)


def blame_json(name: str, commits: Iterable[Commit], refs: Iterable[Ref], head: str | None) -> Json:
    """The runs that made or changed one name, newest first."""
    listed = list(refs)
    return answer("blame", name=name, commits=[commit_json(commit, listed, head) for commit in commits])


def status_json(status: Status) -> Json:
    """Where a session is."""
    return answer(
        "status",
        session=status.session,
        name=status.name,
        notebook=status.notebook,
        store=status.store,
        branch=status.branch,
        head=commit_json(status.head, head=status.head.id) if status.head else None,
        at_tip=status.at_tip,
        last=commit_json(status.last, head=status.head.id if status.head else None) if status.last else None,
        inexact=dict(status.inexact),
        placeholders=dict(status.placeholders),
        assumed=list(status.assumed),
        unfinished=status.unfinished,
        saving=list(status.saving) if status.saving else None,
        paused=status.paused,
        store_bytes=status.store_bytes,
        resumable=str(status.resumable) if status.resumable else None,
        kernel=status.kernel,
        shared=status.shared,
        next_branch=status.next_branch or status.branch,
        large_arrays=status.large_arrays,
        large_values=status.large_values,
    )


def preview_json(preview: Preview) -> Json:
    """One value in a few lines."""
    return {
        "name": preview.name,
        "type": preview.type,
        "summary": preview.summary,
        "text": preview.text,
        "commit": str(preview.commit) if preview.commit else None,
        "note": preview.note,
    }


def show_json(shown: Shown) -> Json:
    """One commit in full."""
    return answer(
        "show",
        commit=commit_json(shown.commit, shown.refs),
        values=[preview_json(value) for value in shown.values],
        value=None,
    )


def show_value_json(preview: Preview) -> Json:
    """One value of one commit."""
    return answer("show", commit=None, values=[], value=preview_json(preview))


def diff_json(diff: StateDiff) -> Json:
    """What differs between two states."""
    return answer(
        "diff",
        a="." if diff.a_live else (str(diff.a) if diff.a else None),
        b="." if diff.b_live else (str(diff.b) if diff.b else None),
        runs=[commit_json(commit) for commit in diff.runs],
        more_runs=diff.more_runs,
        values=[
            {"name": v.name, "change": v.change, "summary": v.summary, "lines": list(v.lines)} for v in diff.values
        ],
    )


def ops_json(operations: Iterable[Operation]) -> Json:
    """The operation log, newest first."""
    return answer(
        "ops",
        operations=[
            {
                "id": int(op.id),
                "kind": op.kind,
                "before": str(op.before) if op.before else None,
                "after": str(op.after) if op.after else None,
                "time": op.time,
                "details": op.details,
            }
            for op in operations
        ],
    )


def checkout_json(verb: str, result: CheckoutResult, branch: str | None) -> Json:
    """What a restore did, or would do."""
    return answer(
        verb,
        commit=str(result.commit) if result.commit else None,
        branch=branch,
        kept=list(result.kept),
        loaded=list(result.loaded),
        replayed=list(result.replayed),
        dropped=list(result.dropped),
        placeholders=list(result.placeholders),
        fidelity=dict(result.fidelity),
        notes=dict(result.notes),
        messages=list(result.messages),
        duration=result.duration,
        dry_run=result.dry_run,
        at=commit_json(result.at) if result.at else None,
        went=[{"kind": step.kind, "commit": commit_json(step.commit) if step.commit else None} for step in result.went],
    )


def replay_step_json(step: ReplayStep) -> Json:
    """One recorded cell that would run again."""
    return {
        "commit": str(step.commit),
        "execution_count": step.execution_count,
        "code": step.code,
        "duration": step.duration,
        "touches": list(step.touches),
        "rebuilds": list(step.rebuilds),
    }


def commit_answer(verb: str, commit: Commit) -> Json:
    """One commit that a verb has made or touched."""
    return answer(verb, commit=commit_json(commit, head=commit.id))


def refs_json(verb: str, refs: Iterable[Ref], message: str = "") -> Json:
    """Branches or tags, with what was just done to one of them."""
    return answer(verb, refs=[ref_json(ref) for ref in refs], message=message)


def verify_json(result: Verification) -> Json:
    """What `verify` found."""
    return answer(
        "verify",
        commit=str(result.commit) if result.commit else None,
        intact=list(result.intact),
        changed=dict(result.changed),
        unrestorable=dict(result.unrestorable),
        replayed=dict(result.replayed),
        messages=list(result.messages),
        duration=result.duration,
    )


def _usage_row(row: UsageRow) -> Json:
    return {"name": row.name, "bytes": row.bytes, "own_bytes": row.own_bytes, "versions": row.versions}


def usage_json(usage: Usage) -> Json:
    """What a store holds."""
    return answer(
        "du",
        store=usage.store,
        total_bytes=usage.total_bytes,
        free_bytes=usage.free_bytes,
        limit_bytes=usage.limit_bytes,
        sessions=[_usage_row(row) for row in usage.sessions],
        names=[_usage_row(row) for row in usage.names],
    )


def gc_json(collected: Collected) -> Json:
    """What `gc` dropped, or would drop."""
    return answer(
        "gc",
        freed_bytes=collected.freed_bytes,
        values=collected.values,
        commits=collected.commits,
        chunks=collected.chunks,
        dry_run=collected.dry_run,
        messages=list(collected.messages),
    )


def config_json(settings: Mapping[str, Any], changed: str | None = None) -> Json:
    """Settings; *changed* is the one just set."""
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in settings.items()}
    return answer("config", settings=plain, changed=changed)


def sessions_json(store: str, sessions: Iterable[Recorded]) -> Json:
    """The sessions of a store, the last used first."""
    rows = [
        {
            "id": str(row.id),
            "name": row.name,
            "notebook": row.notebook,
            "created": row.created,
            "last_used": row.last_used,
            "commits": row.commits,
            "bytes": row.bytes,
            "alive": row.alive,
            "reachable": row.reachable,
            "pid": row.pid,
            "current": row.current,
        }
        for row in sessions
    ]
    return answer("sessions", store=store, sessions=rows)


def forgotten_json(forgotten: Forgotten) -> Json:
    """What `forget` did, and what still says or makes the same."""
    return answer(
        "forget",
        messages=list(forgotten.messages),
        code=[str(commit) for commit in forgotten.code],
        bound=list(forgotten.bound),
    )


def trusted_json(signed: int) -> Json:
    """What `trust` accepted."""
    records = "1 record" if signed == 1 else f"{signed:,} records"
    return message_json("trust", f"{records} signed with your key: what the store holds now is yours")


def message_json(verb: str, *messages: str) -> Json:
    """An answer that is only sentences."""
    return answer(verb, messages=[message for message in messages if message])
