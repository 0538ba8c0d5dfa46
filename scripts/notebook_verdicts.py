"""What a notebook's runs say about Timeslip: pure functions over what scripts/state_digest.py saw.

A name is *stable* at a cell when all bare runs gave it the same digest; only stable names are compared. A name that
came back different is a suspect until it is known whether its class's own pickling gives back just that.
"""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

FIDELITIES = ("exact", "rebuilt", "replayed", "lost")
RELATIONS = ("aliases", "shared_memory")
Suspicion = dict[int, dict[str, str]]
"""Cell -> name -> digest."""


@dataclass
class Trace:
    """One run of a notebook.

    Attributes:
        states: after each cell, what state_digest saw.
        errors: number of the cell -> the exception it raised.
        commits: after each cell, the session's HEAD (under Timeslip only).
        seconds: the cells alone, without looking at the values.
    """

    states: list[dict[str, Any]] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Result:
    """What was found in one notebook.

    Attributes:
        notebook: project and path inside its source distribution.
        cells: code cells run.
        states: states checked out.
        names: names compared, summed over the states.
        unstable: names left out because two bare runs differ, summed over the states.
        fidelity: fidelity -> names that came back so, and as they must be.
        wrong: what came back wrong: state, name, how, and what Timeslip said about it.
        own_pickling: what came back different, but just as the class's own pickling gives it back in a bare kernel.
        suspects: number of the cell -> name -> digest it came back with.
        suspected: number of the cell -> name -> what to report, if it is found to be wrong.
        lost: names reported as lost, with whether they pickle.
        attached: names that had another value under Timeslip before any travelling.
        raised: cells that raised in all runs alike.
        bare_seconds, recorded_seconds: the cells in a bare kernel and under Timeslip, seconds.
        checkout_seconds: one checkout, median, seconds.
        store_bytes: size of the store at the end, bytes.
        skipped: why it was not run, or empty.
    """

    notebook: str
    cells: int = 0
    states: int = 0
    names: int = 0
    unstable: int = 0
    fidelity: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    own_pickling: list[str] = field(default_factory=list)
    suspects: Suspicion = field(default_factory=dict)
    suspected: dict[int, dict[str, str]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    attached: list[str] = field(default_factory=list)
    raised: int = 0
    bare_seconds: float = 0.0
    recorded_seconds: float = 0.0
    checkout_seconds: float = 0.0
    store_bytes: int = 0
    skipped: str = ""

    @property
    def failed(self) -> bool:
        """Whether something came out as it must not."""
        return bool(self.wrong or self.attached or any(text.endswith("(pickles)") for text in self.lost))


@dataclass
class Visit:
    """One checkout.

    Attributes:
        number: the cell whose state it is.
        fidelity, notes: what Timeslip said.
        seconds: how long it took, by its own account.
        seen: what state_digest saw afterwards.
    """

    number: int
    fidelity: dict[str, str]
    notes: dict[str, str]
    seconds: float
    seen: dict[str, Any]


@dataclass
class Journey:
    """One run under Timeslip with its checkouts; *failure* tells of a checkout that raised."""

    recorded: Trace
    visits: list[Visit] = field(default_factory=list)
    failure: str = ""
    store_bytes: int = 0


class Expected:
    """What must be seen at one cell, as far as the bare runs agree."""

    def __init__(self, states: list[dict[str, Any]]) -> None:
        first = states[0]
        self.first = first
        self.digests: dict[str, str] = {
            name: digest
            for name, digest in first["digests"].items()
            if all(state["digests"].get(name) == digest for state in states)
        }
        self.unstable = len(first["digests"]) - len(self.digests)
        self.known = {name for state in states for name in state["digests"]}
        self.relations = {
            relation: {tuple(group) for group in first[relation]}
            for relation in RELATIONS
            if all(state[relation] == first[relation] for state in states)
        }

    def differing(self, seen: dict[str, Any]) -> dict[str, str]:
        """Name -> digest found ("" for a missing one), for names that are not as they must be."""
        found = seen["digests"]
        differ = {name: found.get(name, "") for name, digest in self.digests.items() if found.get(name) != digest}
        return differ | {name: found[name] for name in found.keys() - self.known}

    def broken_relations(self, seen: dict[str, Any]) -> list[str]:
        """One sentence for each alias or shared memory that is missing, or new."""
        said = []
        for relation, wanted in self.relations.items():
            for group in sorted(wanted ^ {tuple(group) for group in seen[relation]}):
                how = "no longer" if group in wanted else "now"
                said.append(f"{', '.join(group)} are {how} {relation.replace('_', ' ')}")
        return said


def judge(result: Result, bares: list[Trace], made: Journey) -> None:
    """Fill *result* from the runs; what was in it from an earlier judgement is replaced."""
    result.names = result.unstable = 0
    result.fidelity = Counter()
    result.suspects, result.suspected = {}, {}
    result.wrong, result.lost, result.attached = [], [], []
    result.raised = len(bares[0].errors)
    result.bare_seconds = statistics.mean(trace.seconds for trace in bares)
    result.recorded_seconds, result.store_bytes = made.recorded.seconds, made.store_bytes
    expected = [Expected([trace.states[n] for trace in bares]) for n in range(len(bares[0].states))]
    for number, seen in enumerate(made.recorded.states):
        _attached(result, number, expected[number], seen, bares[0], made.recorded)
    for visit in made.visits:
        _visited(result, expected[visit.number], visit)
    if made.failure:
        result.wrong.append(f"under Timeslip: {made.failure}")
    result.states = len(made.visits)
    result.checkout_seconds = statistics.median(visit.seconds for visit in made.visits) if made.visits else 0.0


def _attached(
    result: Result, number: int, expected: Expected, seen: dict[str, Any], bare: Trace, recorded: Trace
) -> None:
    where = f"cell {number + 1}"
    result.attached += [f"{where}: {name}" for name in sorted(expected.differing(seen))]
    result.attached += [f"{where}: {said}" for said in expected.broken_relations(seen)]
    if bare.errors.get(number, "").split(":")[0] != recorded.errors.get(number, "").split(":")[0]:
        result.attached.append(f"{where}: raised {recorded.errors.get(number, 'nothing')}")


def _visited(result: Result, expected: Expected, visit: Visit) -> None:
    where, first = f"cell {visit.number + 1}", expected.first
    differ = expected.differing(visit.seen)
    result.names += len(expected.digests)
    result.unstable += expected.unstable
    result.wrong += [f"{where}: {said}" for said in expected.broken_relations(visit.seen)]
    for name in sorted(expected.digests.keys() | differ.keys()):
        promised, note = visit.fidelity.get(name, "exact"), visit.notes.get(name, "")
        kind = first["kinds"].get(name, "a name that should not be there")
        if promised == "lost":
            result.fidelity["lost"] += 1
            pickles = "pickles" if first["picklable"].get(name) else "does not pickle"
            result.lost.append(f"{where}: {name}: {kind}: {note} ({pickles})")
        elif name in differ:
            result.suspects.setdefault(visit.number, {})[name] = differ[name]
            text = f"{where}: {name}: {kind}: said to be {promised} {note}".rstrip()
            result.suspected.setdefault(visit.number, {})[name] = text
        else:
            result.fidelity[promised] += 1


def acquit(result: Result, own: Suspicion) -> None:
    """Sort the suspects: wrong, or just what the class's own pickling gives back."""
    for number, names in result.suspects.items():
        for name, digest in names.items():
            same = own.get(number, {}).get(name) == digest
            (result.own_pickling if same else result.wrong).append(result.suspected[number][name])
