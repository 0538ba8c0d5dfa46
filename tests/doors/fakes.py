"""A session that only remembers what it was asked, and records for renderings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from timeslip.config import Settings
from timeslip.errors import CommitNotFoundError
from timeslip.ids import CommitId, OperationId, RecordId
from timeslip.model import (
    CheckoutResult,
    Collected,
    Commit,
    CommitStats,
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
    ValueDiff,
    Verification,
)
from timeslip.progress import Progress


def an_id(number: int) -> CommitId:
    return CommitId(f"{number:02x}" * 32)


def a_commit(number: int, parents: tuple[int, ...] = (), **changes: Any) -> Commit:
    given: dict[str, Any] = {
        "id": an_id(number),
        "parents": tuple(an_id(parent) for parent in parents),
        "kind": "run",
        "execution_count": number,
        "code": f"x = {number}",
        "outcome": "ok",
        "error": None,
        "started": 1000.0 + number,
        "duration": 0.12 * number,
        "message": None,
        "names": Names(changed=("x",)),
        "stats": CommitStats(1, 1, 2000, 1234 * number, 0.003),
        "branch": "main",
        "manifest": RecordId("00" * 32),
        "python": "3.11.7",
    }
    return Commit(**{**given, **changes})


HISTORY = (
    a_commit(6, (5,)),
    a_commit(5, (2,), outcome="error", error="KeyError: \x1b[31m'fare'", names=Names()),
    a_commit(4, (2,), kind="commit", execution_count=None, code=None, message="before the drop"),
    a_commit(3, (2,), names=Names(created=("Out[3]", "_"), changed=("__",), deleted=("tmp",))),
    a_commit(2, (1,), code="\n\ndf = load()\ndf.head()"),
    a_commit(1, names=Names(created=("x", "y"))),
)
REFS = (
    Ref("branch", "main", an_id(6), current=True),
    Ref("branch", "main-2", an_id(4)),
    Ref("tag", "v1", an_id(4)),
)
RESULT = CheckoutResult(
    an_id(5),
    kept=("a", "b"),
    loaded=("df",),
    dropped=("x",),
    placeholders=("g",),
    fidelity={"df": "exact", "g": "lost"},
    notes={"g": "a generator cannot be stored"},
    messages=("figures were put back",),
    duration=0.0123,
)


class FakeSession:
    """Answers every verb with a fixed record and lists the calls."""

    def __init__(self, directory: Path | None = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.moves = 0
        self.progress = Progress()
        self.head = an_id(6)
        self.branch_name = "main"
        self.name = "titanic.ipynb"
        self.namespace: dict[str, Any] = {}
        self.settings = Settings(announce=True)
        self.told: list[str] = []
        self.repository: Any = SimpleNamespace(directory=directory, maps=SimpleNamespace(later=False))
        self.fails: BaseException | None = None

    def end_compaction(self) -> None:
        pass

    def _called(self, *call: Any) -> None:
        self.calls.append(call)
        if self.fails is not None:
            raise self.fails

    def before_run(self, code: str) -> None:
        self._called("before_run", code)

    def record_soon(self, code: str | None = None, **details: Any) -> Commit:
        self._called("record", code, details)
        return HISTORY[0]

    def note_unrecorded(self, code: str | None) -> None:
        self._called("note_unrecorded", code)

    def notices(self) -> list[str]:
        told, self.told = self.told, []
        return told

    def names(self) -> list[str]:
        return sorted(self.namespace)

    def status(self) -> Status:
        return Status("ab" * 16, self.name, None, "/store", "main", HISTORY[0], last=HISTORY[1], store_bytes=10**7)

    def log(self, ref: str | None = None, **options: Any) -> list[Commit]:
        self._called("log", ref, options)
        return list(HISTORY) * (40 if ref == "HEAD~40" else 1)

    def show(self, ref: str, name: str | None = None) -> Any:
        self._called("show", ref, name)
        if name is None:
            return Shown(HISTORY[4], (), (Preview("df", "DataFrame", "891 × 12"), Preview("n", "int", "", "5")))
        return Preview(name, "DataFrame", "891 × 12", "   a  b\n0  1  2", an_id(2))

    def diff(self, a: str | None = None, b: str | None = None, *names: str) -> StateDiff:
        self._called("diff", a, b, names)
        for word in (a, b):
            if word is not None and word not in ("HEAD", ".", "main"):
                raise CommitNotFoundError(f"no commit '{word}'")
        change = ValueDiff("text", "changed", "1 line differs", (" same", "-old", "+new"))
        return StateDiff(an_id(5), None, True, (HISTORY[0],), (ValueDiff("y", "created", "int 5"), change), more_runs=7)

    def blame(self, name: str) -> list[Commit]:
        self._called("blame", name)
        return [HISTORY[3], HISTORY[5]]

    def ops(self, limit: int | None = None) -> list[Operation]:
        return [
            Operation(OperationId("12"), "undo", an_id(6), an_id(5), 1006.0, {"steps": 1}),
            Operation(OperationId("9"), "run", None, an_id(1), 1001.0, {}),
        ]

    def branch(self, *words: Any, **options: Any) -> list[Ref]:
        self._called("branch", words, options)
        return [ref for ref in REFS if ref.kind == "branch"]

    def tag(self, *words: Any, **options: Any) -> list[Ref]:
        self._called("tag", words, options)
        return [ref for ref in REFS if ref.kind == "tag"]

    def _travel(self, *call: Any) -> CheckoutResult:
        self._called(*call)
        return RESULT

    def undo(self, count: int = 1, **options: Any) -> CheckoutResult:
        return self._travel("undo", count, options)

    def redo(self, count: int = 1, **options: Any) -> CheckoutResult:
        return self._travel("redo", count, options)

    def checkout(self, ref: str, *names: str, **options: Any) -> CheckoutResult:
        return self._travel("checkout", ref, names, options)

    def resume(self, ref: str | None = None, **options: Any) -> CheckoutResult:
        return self._travel("resume", ref, options)

    def switch(self, name: str, **options: Any) -> CheckoutResult:
        return self._travel("switch", name, options)

    def replay_plan(self, *names: str) -> list[ReplayStep]:
        return [ReplayStep(an_id(2), 2, "df = load()", 1.5, ("file",), ("df",))]

    def replay(self, *names: str, dry_run: bool = False) -> CheckoutResult:
        return replace(self._travel("replay", names, dry_run), dry_run=dry_run)

    def get(self, ref: str, name: str, as_: str | None = None) -> None:
        self._called("get", ref, name, as_)

    def commit(self, message: str | None = None) -> Commit:
        self._called("commit", message)
        return HISTORY[2]

    def describe(self, ref: str, message: str) -> None:
        self._called("describe", ref, message)

    def verify(self, ref: str | None = None) -> Verification:
        return Verification(None, ("a", "b"), {"df": "changed between In[3] and now"}, {}, {}, (), 0.2)

    def du(self) -> Usage:
        row = UsageRow("titanic.ipynb", 34_000_000, 1_200, 6)
        return Usage("/store", 35_000_000, 10**10, 5 * 10**10, (row,), (UsageRow("df", 30_000_000, 0, 3),))

    def gc(self, dry_run: bool = False) -> Collected:
        return Collected(1_000_000, 3, 2, 40, dry_run, ("kept the last 50 commits",))

    def config(self, key: str | None = None, value: Any = None) -> Any:
        self._called("config", key, value)
        settings = {"replay": "auto", "facets": ("cwd", "random")}
        return settings if key is None else settings[key]

    def trust(self) -> int:
        self._called("trust")
        return 19

    def forget(self, target: str) -> Forgotten:
        self._called("forget", target)
        return Forgotten((f"forgot {target}",), (an_id(2),), (target,))

    def sessions(self) -> list[Recorded]:
        self._called("sessions")
        mine = Recorded("ab" * 16, self.name, "/titanic.ipynb", 1000.0, 1006.0, 6, 10**6, True, True, 12, current=True)
        two = Recorded("cd" * 16, "session-20261127-181500", None, 900.0, 950.0, 3, 10**5, False, False, None)
        return [mine, two, replace(two, id="ef" * 16, name="two words"), replace(two, name="empty", commits=0)]

    def close(self) -> None:
        self._called("close")
