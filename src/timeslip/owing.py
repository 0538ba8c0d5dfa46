"""What a step is, and what its commit takes, from the look at the live state to the transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict

from timeslip.encoding import Encoded
from timeslip.ids import CommitId, RecordId
from timeslip.model import Names
from timeslip.standard import time
from timeslip.state.covariables import Covariable


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


class About(TypedDict, total=False):
    """What is known of a run besides its code.

    Attributes:
        execution_count: of the cell.
        outcome: "ok", "error" or "interrupted".
        error: one line about the exception.
        started: Unix time, seconds.
        duration: of the run, seconds.
        source: the code as plain Python, where magics were turned into calls.
    """

    execution_count: int | None
    outcome: str
    error: str | None
    started: float | None
    duration: float
    source: str | None


def step_of(code: str | None, about: About, *, everything: bool) -> Step:
    """The step that a run of *code*, as typed, is; *everything* as `Step`, which it is when there is no code."""
    duration = about.get("duration", 0.0)
    started = about.get("started")
    return Step(
        code=code,
        source=about.get("source"),
        execution_count=about.get("execution_count"),
        outcome=about.get("outcome", "ok"),
        error=about.get("error"),
        started=time.time() - duration if started is None else started,
        duration=duration,
        everything=everything or code is None,
    )


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


@dataclass(slots=True)
class Entry:
    """One commit that is ready but for chunks.

    Attributes:
        step: that it records.
        encoded: its versions; filled in when their chunks are there.
        values: those of facets.
        facets: facet name -> bytes, for those that differ.
        gone: recorded node keys that no co-variable has any more.
        names: what the step did to the names.
        looked_for: names that changed or are gone, which belong to the next commit if this one cannot be written.
        checked: how many co-variables were looked at.
        count: number of the update of the tracker that found it.
        began: of `time.perf_counter`, when the look began.
        seconds: what it took up to the reply; None where that has not come.
        stored: bytes that its chunks took in the store, after compression.
        branch: that it goes to; None where that is to be found out.
    """

    step: Step
    values: Mapping[str, Encoded]
    facets: Mapping[str, bytes]
    gone: set[str]
    names: Names
    looked_for: set[str]
    checked: int
    count: int
    began: float
    encoded: Mapping[Covariable, Encoded] = field(default_factory=dict)
    seconds: float | None = None
    stored: int = 0
    branch: str | None = None
