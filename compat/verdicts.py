"""What the runs of one case say about Timeslip: pure functions over what scripts/class_probe.py saw.

An aspect (value, type, aliasing, use) is *stable* when all bare runs agree about it; only stable aspects are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

ASKED = "on request"
"""Not one of Timeslip's words: a placeholder at first, and replayed as it was when ``replay`` asked for it."""
FIDELITIES = ("exact", "rebuilt", "replayed", ASKED, "lost")
"""From the best to the worst."""

ASPECTS = ("value", "type", "aliased", "together", "used")
CREATED, MUTATED = "created", "mutated"

Look = dict[str, Any]
"""What `class_probe.look` gave, and under "used" what `class_probe.use` gave."""


@dataclass
class Bare:
    """What the bare kernels showed of one case.

    Attributes:
        looks: state -> one look for each run that had it.
        error: what the case's own code raised; then it says nothing.
    """

    looks: dict[str, list[Look]] = field(default_factory=lambda: {CREATED: [], MUTATED: []})
    error: str = ""

    def expected(self, state: str) -> dict[str, Any]:
        """Aspect -> what must be seen, for the stable ones."""
        looks = self.looks[state]
        found: dict[str, Any] = {}
        for aspect in ASPECTS:
            seen = [_comparable(look, aspect) for look in looks if aspect in look]
            if seen and all(one == seen[0] for one in seen):
                found[aspect] = seen[0]
        return found

    def unstable(self, state: str) -> list[str]:
        """Aspects about which the bare runs do not agree."""
        looked = {aspect for look in self.looks[state] for aspect in ASPECTS if aspect in look}
        return sorted(looked - self.expected(state).keys())


def _comparable(look: Look, aspect: str) -> Any:
    return look["used"]["value"] if aspect == "used" else look[aspect]


@dataclass
class Leg:
    """One way back to a state of the case.

    Attributes:
        way: "undo", "redo", "checkout", "resume", "earlier" (a checkout after the restart).
        state: the state it leads to.
        fidelity: what Timeslip said, the worst over the names of the case.
        note: its reason.
        look: what was seen then.
        seconds: how long it took, by Timeslip's own account.
    """

    way: str
    state: str
    fidelity: str
    note: str
    look: Look
    seconds: float


LIVE = frozenset({"undo", "redo", "checkout"})


@dataclass
class Recorded:
    """One case under Timeslip.

    Attributes:
        attached: state -> what was seen before any travelling.
        inexact: state -> name -> reason: what was said when it was recorded.
        legs: the ways back.
        seconds: both commits together, from the end of the code to the finished commit, seconds.
        stored: both commits together, added to the store, bytes on disk.
        failure: what raised, or how the kernel ended.
    """

    attached: dict[str, Look] = field(default_factory=dict)
    inexact: dict[str, dict[str, str]] = field(default_factory=dict)
    legs: list[Leg] = field(default_factory=list)
    seconds: float = 0.0
    stored: int = 0
    failure: str = ""


@dataclass
class Verdict:
    """What the table says of one case.

    Attributes:
        live, restarted: the worst fidelity of the ways back in the same kernel, and after its restart.
        wrong: ways on which something came back other than it was, although it was not said to be lost.
        unreported: ways on which something came back less than exact that was not named when it was recorded.
        attached: what differed before any travelling.
        unstable: aspects that could not be compared.
        reasons: what Timeslip said of what is not exact.
        broken: why the case itself says nothing, or empty.
        live_seconds, restarted_seconds: the slowest way back.
    """

    live: str = ""
    restarted: str = ""
    wrong: list[str] = field(default_factory=list)
    unreported: list[str] = field(default_factory=list)
    attached: list[str] = field(default_factory=list)
    unstable: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    broken: str = ""
    live_seconds: float = 0.0
    restarted_seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether something came out as it must not."""
        return bool(self.wrong or self.unreported or self.attached or self.broken)

    @property
    def word(self) -> str:
        """One word for the summary."""
        for word in ("broken", "wrong", "attached", "unreported"):
            if getattr(self, word):
                return word
        return worst([self.live, self.restarted])


def worst(fidelities: Sequence[str]) -> str:
    """The worst of them."""
    return max(fidelities, key=FIDELITIES.index, default="lost")


def judge(bare: Bare, recorded: Recorded) -> Verdict:
    """Compare one case under Timeslip with the bare kernels."""
    verdict = Verdict(broken=bare.error)
    if bare.error:
        return verdict
    verdict.unstable = sorted({what for state in (CREATED, MUTATED) for what in bare.unstable(state)})
    # What is not the same every time at one state may be so by chance at the other.
    shaky = {what for state in (CREATED, MUTATED) for what in bare.unstable(state)}
    expected = {
        state: {what: seen for what, seen in bare.expected(state).items() if what not in shaky}
        for state in (CREATED, MUTATED)
    }
    if expected[CREATED] == expected[MUTATED]:
        verdict.broken = "the change is seen in nothing that could be compared"
        return verdict
    for state, look in recorded.attached.items():
        verdict.attached += [f"{state}: {what}" for what in differing(expected[state], look)]
    for leg in recorded.legs:
        _travelled(verdict, expected[leg.state], recorded.inexact.get(leg.state, {}), leg)
    for live in (True, False):
        legs = [leg for leg in recorded.legs if (leg.way in LIVE) is live]
        asked = {leg.state for leg in legs if leg.fidelity == ASKED}
        # Undo and redo are not asked to replay: that would be a step of its own.
        legs = [leg for leg in legs if leg.fidelity != "lost" or leg.state not in asked]
        fidelity, seconds = worst([leg.fidelity for leg in legs]), max((leg.seconds for leg in legs), default=0.0)
        if live:
            verdict.live, verdict.live_seconds = fidelity, seconds
        else:
            verdict.restarted, verdict.restarted_seconds = fidelity, seconds
    if recorded.failure:
        verdict.wrong.append(recorded.failure)
    return verdict


_WITHOUT_KEYS = "not stored"
"""In the reason for what comes back without its key or password (`secrets.say`)."""


def differing(expected: dict[str, Any], look: Look) -> list[str]:
    """The aspects that are not as they must be."""
    differ = [what for what in expected if (what in look) and _comparable(look, what) != expected[what]]
    if differ == ["used"]:
        differ = [f"used: {look['used']['value'] if look['used']['value'][:6] == 'raises' else look['used']['text']}"]
    return differ


def _travelled(verdict: Verdict, expected: dict[str, Any], inexact: dict[str, str], leg: Leg) -> None:
    where = f"{leg.way} to {leg.state}"
    if leg.fidelity != "exact":
        reason = f"{leg.fidelity}: {leg.note}".rstrip(": ")
        if reason not in verdict.reasons:
            verdict.reasons.append(reason)
        if not inexact:
            verdict.unreported.append(f"{where}: {reason}")
    if leg.fidelity == "lost":
        return
    if leg.fidelity == "rebuilt" and _WITHOUT_KEYS in leg.note:  # said, and meant so
        expected = {what: seen for what, seen in expected.items() if what in ("type", "aliased")}
    if differ := differing(expected, leg.look):
        verdict.wrong.append(f"{where}, said to be {leg.fidelity}: {', '.join(differ)}")
