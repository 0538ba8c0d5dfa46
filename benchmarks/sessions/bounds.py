"""The bounds: what each kind of work may cost, and how that is read from the results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.sessions.figures import Spread, geometric_mean, in_words, multiple, size_in_words, spread
from benchmarks.sessions.results import Result, View

Value = Callable[[View], "Spread | None"]
Limit = Callable[[View], "float | None"]


@dataclass(frozen=True)
class Bound:
    """One line of the table of bounds.

    Attributes:
        work: what is done.
        says: the bound in words.
        workload: where it is measured.
        value: the figure of a contender.
        limit: the most that it may be, in the same unit.
        shown: the figure in words.
        absolute: the bound is a plain time for data of full size; at a smaller scale it says little.
    """

    work: str
    says: str
    workload: str
    value: Value
    limit: Limit
    shown: Callable[[float], str] = in_words
    absolute: bool = False

    def missed(self, view: View) -> float | None:
        """By what factor the median is above the bound; 1 or less when it is met; None when nothing is known."""
        value, limit = self.value(view), self.limit(view)
        return value.median / limit if value is not None and limit else None


def _added(kind: str, what: str = "delay") -> Value:
    return lambda view: view.added(kind, what)


def _stored(kind: str) -> Value:
    return lambda view: view.stored(kind)


def _at_most(limit: float) -> Limit:
    return lambda _view: limit


def _of_reference(factor: float, name: str) -> Limit:
    def limit(view: View) -> float | None:
        reference = view.reference(name)
        return factor * reference if reference else None

    return limit


def _of_size(factor: float, name: str) -> Limit:
    return lambda view: factor * view.result.sizes[name]


def _loops(view: View) -> Spread | None:
    kinds = ("top-level loop", "function reading globals", "method calls", "comprehension", "recursion")
    found = [ratio for kind in kinds if (ratio := view.ratio(kind, "code"))]
    return max(found, key=lambda ratio: ratio.median) if found else None


def _rewritten(view: View) -> Spread | None:
    """Less the bare cell's own time: what is left is saving the version."""
    return view.added("later rewrite")


def _first_rewrite(view: View) -> float | None:
    code = spread(View(view.result, view.workload, "bare").series("first rewrite", "code"))
    hashing = view.reference("hash array")
    return 1.15 * code.median + hashing if code and hashing else None


def _first_rewrite_code(view: View) -> Spread | None:
    return spread(view.series("first rewrite", "code"))


def _peak(view: View) -> Spread | None:
    peak = view.peak()
    return Spread(peak, peak, peak) if peak else None


def _peak_limit(view: View) -> float | None:
    bare = View(view.result, view.workload, "bare").peak()
    return 1.1 * bare + 64e6 if bare else None


def _tiny(which: int) -> Value:
    """Tiny cells among the first, or the last, fifty."""

    def value(view: View) -> Spread | None:
        kinds = [kind for kind in view.bare.kinds if kind.startswith("cells to ")]
        return view.added(kinds[which]) if kinds else None

    return value


def _attached(view: View) -> Spread | None:
    taken = view.sessions.attached if view.sessions else 0
    return Spread(taken, taken, taken) if taken else None


def _per_commit(view: View) -> Spread | None:
    sessions = view.sessions
    if sessions is None or not sessions.store:
        return None
    count = sum(kind.count for kind in sessions.kinds.values() if not kind.travel)
    return Spread(*[sessions.store / count] * 3)


BOUNDS = (
    Bound("users' loops, the slowest kind", "< 1.02 x bare", "hot_loop", _loops, _at_most(1.02), multiple),
    Bound(
        "a cell that only reads the frame", "≤ 10 ms", "df_columns", _added("only read"), _at_most(0.010), absolute=True
    ),
    Bound(
        "one column added: up to the reply",
        "≤ 30 ms",
        "df_columns",
        _added("add a column", "reply"),
        _at_most(0.030),
        absolute=True,
    ),
    Bound("… with the wait after it", "≤ 30 ms", "df_columns", _added("add a column"), _at_most(0.030), absolute=True),
    Bound(
        "… stored",
        "≤ 1.05 x the column",
        "df_columns",
        _stored("add a column"),
        _of_size(1.05, "column"),
        size_in_words,
    ),
    Bound("one value changed", "≤ 20 ms", "df_columns", _added("change one value"), _at_most(0.020), absolute=True),
    Bound("… stored", "≤ 1.1 MB", "df_columns", _stored("change one value"), _at_most(1.1e6), size_in_words),
    *(
        Bound(what, "≤ 30 ms", "df_columns", _added(what), _at_most(0.030), absolute=True)
        for what in ("undo of one value", "undo of a changed column", "undo of an added column")
    ),
    *(
        Bound(what, "≤ 60 ms", "df_columns", _added(what), _at_most(0.060), absolute=True)
        for what in ("checkout of the first state", "checkout of the last state")
    ),
    Bound(
        "new frame built: up to the reply",
        "≤ 0.2 x a plain write",
        "df_columns",
        _added("build the frame", "reply"),
        _of_reference(0.2, "write frame"),
    ),
    Bound(
        "… until it is on disk, at most",
        "≤ 1.3 x a plain write",
        "df_columns",
        _added("build the frame"),
        _of_reference(1.3, "write frame"),
    ),
    Bound(
        "dicts, one changed",
        "≤ 1.3 x C pickle",
        "many_objects",
        _added("change one element"),
        _of_reference(1.3, "pickle dicts"),
    ),
    Bound("… stored", "≤ 1 MB", "many_objects", _stored("change one element"), _at_most(1e6), size_in_words),
    Bound(
        "dicts, only read", "≤ 1.3 x C pickle", "many_objects", _added("only read"), _of_reference(1.3, "pickle dicts")
    ),
    Bound("a tiny cell beside them", "≤ 5 ms", "many_objects", _added("tiny cell"), _at_most(0.005), absolute=True),
    Bound(
        "undo on them",
        "≤ 1.3 x C unpickle",
        "many_objects",
        _added("undo of one element"),
        _of_reference(1.3, "unpickle dicts"),
    ),
    Bound(
        "strings, one changed",
        "≤ 1.3 x C pickle",
        "many_strings",
        _added("change one element"),
        _of_reference(1.3, "pickle strings"),
    ),
    Bound(
        "all of an array rewritten: saving it",
        "≤ 1.15 x a plain write",
        "rewrites",
        _rewritten,
        _of_reference(1.15, "write array"),
    ),
    Bound(
        "first rewrite, the code itself", "≤ 1.15 x bare + a hash pass", "rewrites", _first_rewrite_code, _first_rewrite
    ),
    Bound("tiny cells among the first fifty", "≤ 2 ms", "many_cells", _tiny(0), _at_most(0.002)),
    Bound("… among the last", "≤ 2 ms", "many_cells", _tiny(-1), _at_most(0.002)),
    Bound("… store for each commit", "≤ 2 kB", "many_cells", _per_commit, _at_most(2e3), size_in_words),
    Bound("memory that attaching takes", "≤ 30 MB", "many_cells", _attached, _at_most(30e6), size_in_words),
    Bound("switch between branches", "≤ 20 ms", "branching", _added("switch"), _at_most(0.020), absolute=True),
    *(
        Bound(f"peak memory, {name}", "≤ 1.1 x bare + 64 MB", name, _peak, _peak_limit, size_in_words)
        for name in ("df_columns", "many_objects", "ml")
    ),
)
"""What more the bound on peak memory allows (memo and stream of the C pickler for the largest changed co-variable) is
not taken into account: a miss by so much is none."""

OURS = ("timeslip", "timeslip-hashing")
KISHU = ("kishu", "kishu-experimental")


@dataclass(frozen=True)
class Whole:
    """A bound on whole sessions: one contender of ours beside all others, over all workloads.

    Attributes:
        work: what is compared.
        beaten: for each workload, our figure divided by that of the best alternative that restored rightly.
        kishu: geometric mean of Kishu's figures divided by ours.
        wanted: what that is to be at least.
    """

    work: str
    beaten: dict[str, float]
    kishu: float | None
    wanted: float


def whole_sessions(result: Result, contender: str) -> list[Whole]:
    """Store and added time of whole sessions."""
    measures: tuple[tuple[str, float, Callable[[View], float | None]], ...] = (
        ("store", 5.0, lambda view: view.sessions.store if view.sessions else None),
        ("added time", 10.0, lambda view: added.median if (added := view.whole_added()) else None),
    )
    found = []
    for work, wanted, measure in measures:
        beaten: dict[str, float] = {}
        kishu: list[float] = []
        for workload in result.says:  # not those that show how costs grow
            own = measure(View(result, workload, contender))
            if own is None:
                continue
            others = {
                name: value
                for name in result.titles
                if name not in (*OURS, "bare")
                and (view := View(result, workload, name)).sessions
                and (value := measure(view)) is not None
                and value > 0
            }
            right = [value for name, value in others.items() if fair(result, workload, name)]
            if right:
                beaten[workload] = own / min(right)
            if "kishu" in others and own > 0:
                kishu.append(others["kishu"] / own)
        found.append(Whole(work, beaten, geometric_mean(kishu), wanted))
    return found


def fair(result: Result, workload: str, contender: str) -> bool:
    """Whether a contender could do all of a workload, and every travel led where it should."""
    sessions = result.sessions.get(workload, {}).get(contender)
    return sessions is not None and not sessions.failures and not sessions.wrong
