"""After a whole restore: what came back is the recorded live state from now on, and is noted as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import filterfalse
from typing import Any

from timeslip.codec.loaded import take_marks
from timeslip.codec.restore import Loader
from timeslip.ids import CommitId, RecordId
from timeslip.live import Live
from timeslip.model import is_definition
from timeslip.state.memory import Said
from timeslip.state.watched import Key
from timeslip.values import islands_of, pieces_of


@dataclass(slots=True)
class Prepared:
    """Everything that a swap needs, made beside the live state.

    Attributes:
        loader: with the in-place changes that it collected.
        values: name -> object to bind.
        drop: names to unbind.
        facets: facet name -> bytes to restore.
        records: what is live after the swap, for what was loaded: record -> body.
        fidelity: name -> what it is.
        notes: name -> reason.
        replayed: names.
        messages: for the user.
        still: what was said of the large arrays that stay.
    """

    loader: Loader
    values: dict[str, Any] = field(default_factory=dict)
    drop: list[str] = field(default_factory=list)
    facets: dict[str, bytes] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    fidelity: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    replayed: set[str] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)
    still: Mapping[Key, Said] = field(default_factory=dict)


def settle(
    live: Live, prepared: Prepared, target: Mapping[str, RecordId], commit: CommitId | None, keys: Iterable[str]
) -> None:
    """Note *target* as what is live.

    What was loaded is captured once, so that the next comparison is with the object as it is and not with the bytes
    it came from (a third of all faithful objects give other bytes when they are written again). Of large plain
    values the loader knows already what that would show (`codec.loaded`).

    Args:
        live: the session, in which *prepared* was applied.
        prepared: what came back.
        target: node key -> record of the state.
        commit: of which it is; None for the empty state.
        keys: of what was loaded or made again.
    """
    tracker, loaded = live.tracker, prepared.loader.loaded
    touched = (*keys, *map("def:{}".format, prepared.loader.made))
    stale = {tracker.groups[key] for key in touched if key in tracker.groups}
    # What was kept may have been together with a class or function that only what is gone now referred to.
    for key in [key for key in tracker.groups if is_definition(key) and key not in target]:
        group = tracker.groups.get(key)
        if group is not None and group.names:
            tracker.forget(group)
            stale.discard(group)
    digests = {key: live.digests.get(record) for record, body in prepared.records.items() for key in body["keys"]}
    noted = {key: digest for key, digest in digests.items() if digest is not None}
    with live.progress.phase("looking at names"):
        take_marks(loaded)  # what was replaced is gone
        update = tracker.update(live.namespace.snapshot(), stale, loaded=loaded, noted=noted, still=prepared.still)
    as_stored = {id(known.captured) for known in loaded.values()}
    live.records = dict(target)
    for change in update.changed:
        versions = {live.records.get(key) for key in change.covariable.keys}
        record = versions.pop() if len(versions) == 1 else None
        change.covariable.record = record
        if record is not None:  # what of it does not change is not put into the store again
            body = prepared.records.get(record, {})
            change.covariable.chunk_of = pieces_of(live.repository, body)
            if id(change.captured) in as_stored:
                names = islands_of(body, change.covariable.islands)
                change.covariable.islands_of = names
                if names:
                    change.covariable.chunk_of.update(
                        zip(change.covariable.fingerprint.segments[1:-1], names, strict=True)
                    )
            live.note_digest(change.covariable)
    loaded.clear()
    update.release()
    tracker.left.update(filterfalse(tracker.groups.__contains__, live.records))
    unknown = {tracker.groups[key] for key in filterfalse(live.records.__contains__, tracker.groups)}
    live.made_again = {}
    for group in unknown:
        for stale_group in (group, *tracker.users_of([key[4:] for key in group.keys], directly=True)):
            tracker.forget(stale_group)
            if commit is not None:  # the step that records them is not what made them
                live.made_again.update((key, (commit, key)) for key in stale_group.names if key in target)
    # What is recorded of the facets, not what they are: one that could not be put back is news for the next step.
    known = {**live.facet_bytes, **prepared.facets}
    live.facet_bytes = {name: data for name, data in known.items() if f"facet:{name}" in live.records}
