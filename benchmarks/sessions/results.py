"""Results of a run: what is kept of the sessions, and how it is read again."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.sessions.driving import Request, Timed, Weighed
from benchmarks.sessions.figures import Series, Spread, added, ratios, spread

FORMAT = 1


@dataclass
class Kind:
    """Steps of one kind in the sessions of one contender.

    Attributes:
        travel: they are travels.
        count: how many there are in a session.
        delay: seconds, the median of a session's steps for each repeat: all that a step costs.
        reply: up to its reply.
        code: the code itself.
        cpu: processor time.
        stored: bytes that a step adds to the store, median.
        peak: most resident memory during any of them, bytes.
    """

    travel: bool = False
    count: int = 0
    delay: list[float | None] = field(default_factory=list)
    reply: list[float | None] = field(default_factory=list)
    code: list[float | None] = field(default_factory=list)
    cpu: list[float | None] = field(default_factory=list)
    stored: float | None = None
    peak: int = 0


@dataclass
class Sessions:
    """All sessions of one contender in one workload.

    Attributes:
        kinds: by name, in the order of the workload.
        delay: of all cells of a session, travels left out, seconds, for each repeat.
        cpu: processor time of the same.
        attach: setting up, seconds.
        attached: memory that it took, bytes.
        store: bytes after the kernel's end.
        failures: why sessions ended early, and what raised that does not in a bare kernel.
        wrong: travels after which the state was another than in a bare kernel.
    """

    kinds: dict[str, Kind] = field(default_factory=dict)
    delay: list[float | None] = field(default_factory=list)
    cpu: list[float | None] = field(default_factory=list)
    attach: list[float | None] = field(default_factory=list)
    attached: int = 0
    store: int | None = None
    failures: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add_timed(self, wanted: Sequence[Request], made: Timed, bare: Weighed | None = None) -> None:
        """One more repeat; with what raises in a *bare* kernel, too."""
        whole = not made.failure
        self.attach.append(_short(made.attach) if whole else None)
        cells = [number for number, request in enumerate(wanted) if request.step.code]
        self.delay.append(_short(sum(made.delay[number] for number in cells)) if whole else None)
        self.cpu.append(_short(sum(made.cpu[number] for number in cells)) if whole else None)
        for name, numbers in by_kind(wanted).items():
            kind = self.kinds.setdefault(name, Kind(not wanted[numbers[0]].step.code, len(numbers)))
            for what in ("delay", "reply", "code", "cpu"):
                values = getattr(made, what)
                median = _short(statistics.median([values[number] for number in numbers])) if whole else None
                getattr(kind, what).append(median)
        if made.failure:
            self.failures.append(made.failure)
        self.failures += _raised(wanted, made, bare or Weighed())

    def add_weighed(self, wanted: Sequence[Request], made: Weighed, bare: Weighed) -> None:
        """What the steps left behind, and whether the travels led where they should.

        Args:
            wanted: the steps.
            made: what was found.
            bare: the same session in a bare kernel.
        """
        for name, numbers in by_kind(wanted).items():
            there = [number for number in numbers if number < len(made.stored)]
            kind = self.kinds.setdefault(name, Kind(not wanted[numbers[0]].step.code, len(numbers)))
            if there:
                kind.stored = statistics.median([made.stored[number] for number in there])
                kind.peak = max(made.peak[number] for number in there)
        self.attached, self.store = made.attached, None if made.failure else made.total
        if made.failure:
            self.failures.append(f"weighed: {made.failure}")
        self.failures += _raised(wanted, made, bare) + made.notes
        for request, seen in zip(wanted, made.probes, strict=False):
            to = request.step.to
            if request.step.travel and to < len(bare.probes) and seen != bare.probes[to]:
                self.wrong.append(request.step.kind)


def _raised(wanted: Sequence[Request], made: Timed | Weighed, bare: Weighed) -> list[str]:
    """Steps that raised and do not in a bare kernel."""
    kinds = {request.number: request.step.kind for request in wanted}
    return [f"{kinds[number]}: {told}" for number, told in made.raised.items() if number not in bare.raised]


def _short(seconds: float) -> float:
    """Four digits: no clock tells more, and files stay small."""
    return float(f"{seconds:.4g}")


def by_kind(wanted: Sequence[Request]) -> dict[str, list[int]]:
    """Positions in *wanted* of the steps of each kind."""
    found: dict[str, list[int]] = {}
    for number, request in enumerate(wanted):
        found.setdefault(request.step.kind, []).append(number)
    return found


@dataclass
class Result:
    """A run.

    Attributes:
        about: date, scale, repeats, command, machine and its load, versions.
        titles: of the contenders that took part.
        absent: why others did not.
        says: what each workload is, or why it was left out.
        sessions: by workload and contender.
        references: what the machine itself can do: seconds for each repeat.
        sizes: bytes that the references are about.
    """

    about: dict[str, Any] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    says: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, dict[str, Sessions]] = field(default_factory=dict)
    references: dict[str, list[float | None]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    parts: list[Result] = field(default_factory=list, repr=False)
    """Of results that were joined: those of each run."""

    @classmethod
    def joined(cls, parts: Sequence[Result]) -> Result:
        """Several runs as one result: of a workload that is in more than one, the last one counts.

        All that a workload is compared with is of its own run.

        Raises:
            ValueError: they are of different scales.
        """
        if len(parts) == 1:
            return parts[0]
        if len({part.about["scale"] for part in parts}) > 1:
            raise ValueError("the results are of different scales")
        made = cls(dict(parts[0].about), parts=list(parts))
        for part in parts:
            made.says.update(part.says)
            made.sessions.update(part.sessions)
            made.sizes.update(part.sizes)
            made.titles.update(part.titles)
            made.absent.update(part.absent)
        made.absent = {title: why for title, why in made.absent.items() if title not in made.titles.values()}
        return made

    def run_of(self, workload: str) -> Result:
        """The run that *workload* was part of."""
        return next((part for part in reversed(self.parts) if workload in part.sessions), self)

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = {"format": FORMAT, **{name: value for name, value in vars(self).items() if name != "parts"}}
        path.write_text(json.dumps(plain, default=vars, ensure_ascii=False, indent=None) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Result:
        """Read it.

        Raises:
            ValueError: it is not of this format.
        """
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain.pop("format", None) != FORMAT:
            raise ValueError(f"{path.name} is no result of this format ({FORMAT})")
        plain["sessions"] = {
            workload: {name: _sessions(one) for name, one in contenders.items()}
            for workload, contenders in plain["sessions"].items()
        }
        return cls(**plain)


def _sessions(plain: Mapping[str, Any]) -> Sessions:
    return Sessions(**{**plain, "kinds": {name: Kind(**kind) for name, kind in plain["kinds"].items()}})


@dataclass(frozen=True)
class View:
    """The sessions of one contender beside those of the bare kernel, in one workload of one result."""

    result: Result
    workload: str
    contender: str

    @property
    def sessions(self) -> Sessions | None:
        """Its own; None when it did not take part."""
        return self.result.sessions.get(self.workload, {}).get(self.contender)

    @property
    def bare(self) -> Sessions:
        """Those of the bare kernel."""
        return self.result.sessions.get(self.workload, {}).get("bare") or Sessions()

    def kinds(self) -> list[str]:
        """The kinds of steps that there are."""
        return list(self.sessions.kinds) if self.sessions else []

    def series(self, kind: str, what: str = "delay") -> Series:
        """Seconds for each repeat; empty when there are none."""
        there = self.sessions and self.sessions.kinds.get(kind)
        return getattr(there, what) if there else []

    def added(self, kind: str, what: str = "delay") -> Spread | None:
        """What comes on top of the bare kernel's time. A travel has nothing beside it: it is given as a whole."""
        own = self.series(kind, what)
        beside = self.bare.kinds.get(kind)
        return spread(added(own, getattr(beside, what)) if beside else own)

    def ratio(self, kind: str, what: str = "delay") -> Spread | None:
        """The same as a multiple of the bare kernel's time."""
        beside = self.bare.kinds.get(kind)
        return spread(ratios(self.series(kind, what), getattr(beside, what))) if beside else None

    def stored(self, kind: str) -> Spread | None:
        """Bytes that a step of that kind adds to the store."""
        there = self.sessions and self.sessions.kinds.get(kind)
        return spread([there.stored]) if there else None

    def whole_added(self, what: str = "delay") -> Spread | None:
        """What recording adds to all cells of a session."""
        return spread(added(getattr(self.sessions, what), getattr(self.bare, what))) if self.sessions else None

    def whole_ratio(self) -> Spread | None:
        """The same as a multiple."""
        return spread(ratios(self.sessions.delay, self.bare.delay)) if self.sessions else None

    def peak(self, *, travels: bool = False) -> int:
        """Most resident memory during any step that is (not) a travel, bytes; 0 when unknown."""
        kinds = self.sessions.kinds.values() if self.sessions else []
        return max((kind.peak for kind in kinds if kind.travel == travels), default=0)

    def reference(self, name: str) -> float | None:
        """Median seconds of what the machine itself does."""
        found = spread(self.result.run_of(self.workload).references.get(name, []))
        return found.median if found else None
