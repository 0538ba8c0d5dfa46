"""Does a value come back as it is? Tried out: captured, loaded beside, and compared as graphs of objects.

Classes of libraries say themselves what there is to pickle of an instance. What their hooks drop, invent or do is seen
by nobody who only pickles. So one instance of each is tried, and the class has a *verdict* from then on.

Everything here runs the pickling hooks of users' and libraries' classes, and makes second objects of which the first
are still in use: to let one of them die may delete the file that both stand for. It is meant for a forked copy of the
process (`timeslip.proving`), where it can do no harm, and which ends without letting anything die.

What is said of a class is kept on disk and shown. So it holds the way to a difference and kinds of objects, and nothing
that is in a value.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from timeslip.codec import tried
from timeslip.codec.capture import Encoder
from timeslip.codec.captured import Captured
from timeslip.codec.definitions import class_name, of
from timeslip.codec.parts import data_of
from timeslip.codec.restore import Loader
from timeslip.codec.stored import Stored, StoredBuffer
from timeslip.errors import TimeslipError, UnstorableError
from timeslip.graphs.comparison import Comparison
from timeslip.standard import time

FAITHFUL = "faithful"
DIFFERS = "differs"
FAILS = "fails"
OUTSIDE = "outside"
UNKNOWN = "unknown"

LOADING = 1.0
"""A value whose loading takes longer than this in a trial counts as one that cannot be loaded, seconds."""
LOOKING = 8.0
"""So long may capturing it take, and comparing it; else nothing is known of its classes."""
_BLAMING = 8.0
"""So long it may take to find who is to blame; what is not found by then is not known."""

_KNOWN = sys.stdlib_module_names | {"matplotlib", "mpl_toolkits", "numpy", "pandas", "timeslip"}
"""Top-level packages whose classes our own tests restore and compare: these need no trial."""


class Stand(Protocol):
    """What a guard says afterwards.

    Attributes:
        breach: what was stopped, or None.
        late: whether that was the block itself, for it took too long.
    """

    breach: str | None
    late: bool


Kinds = dict[str, type]
"""Classes by their dotted names."""
Guard = Callable[[float], AbstractContextManager[Stand]]
"""Stops what touches the outside while the block runs, and the block itself after so many seconds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out for one class.

    Attributes:
        word: FAITHFUL; DIFFERS: loads, but something is not as it was; FAILS: cannot be loaded; OUTSIDE: loading it
            touches the outside, or does not end; UNKNOWN: the trial itself did not end.
        reason: for people, without anything that is in a value; of FAITHFUL how many values have come back, and of
            UNKNOWN how many trials did not end, where that is counted.
    """

    word: str
    reason: str = ""


def needs_trial(kind: type) -> bool:
    """Whether it is not known beforehand that instances of *kind*, met by `Captured.hooked`, come back."""
    package = str(of(kind, "__module__")).partition(".")[0]
    return package not in _KNOWN and not package.startswith("_cython_")


def as_stored(captured: Captured, seeds: int) -> Stored:
    """What would come out of the store for *captured*. Its memory belongs to the captured objects."""

    def buffer(data: Any) -> StoredBuffer:
        line = data_of(data)

        def read_into(target: memoryview) -> None:
            target.cast("B")[:] = line

        return StoredBuffer(len(line), read_into)

    return Stored(
        captured.keys,
        captured.headers,
        captured.segments,
        [buffer(data) for data in captured.buffers],
        [buffer(data) for data in captured.out_of_band],
        seeds,
    )


class Trial:
    """Trials of the values of one session, with the classes and functions of the session as they are.

    Args:
        encoder: of the session.
        guard: stands around everything that runs code of a class.
    """

    def __init__(self, encoder: Encoder, guard: Guard) -> None:
        self._encoder = encoder
        self._guard = guard
        self._alive: list[Any] = []
        """All that was captured, loaded and raised: what a finalizer does would be put down to what is tried next."""

    def verdicts(self, nodes: Sequence[tuple[str, Any]], asked: Iterable[str]) -> dict[str, Verdict]:
        """What comes out for the classes named by *asked* that the values *nodes* (name, object) hold.

        The whole is tried first; only when it does not come back, the instances of each class are tried alone, to find
        those that are to blame: these are in the answer whether they were asked for or not. A class of which nothing
        could be found out is not in it.
        """
        with tried.by_reference():
            return self._verdicts(nodes, asked)

    def _verdicts(self, nodes: Sequence[tuple[str, Any]], asked: Iterable[str]) -> dict[str, Verdict]:
        captured, late = self._capture(nodes)
        if captured is None:
            return dict.fromkeys(asked, Verdict(UNKNOWN)) if late else {}
        kinds = {class_name(kind): kind for kind in captured.hooked}
        wanted = {name: kinds[name] for name in asked if name in kinds}
        if any(hole.fatal for hole in captured.holes) or not wanted:
            return {}
        found = self._try(nodes, captured, captured.hooked)
        if found.word == UNKNOWN:
            return dict.fromkeys(wanted, Verdict(UNKNOWN)) if found.late else {}
        if found.word == FAITHFUL:
            return dict.fromkeys(wanted, Verdict(FAITHFUL))
        if found.word == OUTSIDE and len(captured.hooked) == 1:  # what does not end would not end again
            return {next(iter(wanted)): found.verdict()}
        blamed = self._blame(captured, found)
        return {
            class_name(kind): verdict.verdict()
            for kind, verdict in blamed.items()
            if needs_trial(kind) and (verdict.word != FAITHFUL or class_name(kind) in wanted)
        }

    def _blame(self, captured: Captured, whole: _Found) -> dict[type, _Found]:
        """What comes out for the instances of each class by themselves, those first that hold fewest others.

        Who holds an instance of a class that is to blame is not tried: that would not come back either. Classes that
        hold each other cannot be told apart in that way, and may only come back when the right one is loaded first.
        Where code of one of them was at work in *whole*, or the difference lies in one, that one is to blame, else
        nobody is.
        """
        verdicts: dict[type, _Found] = {}
        unsafe: set[type] = set()
        until = time.monotonic() + _BLAMING
        parts = self._parts(captured, until)
        alike = {kind: alone.hooked for kind, _, alone in parts}
        for kind, nodes, alone in parts:
            others = alone.hooked - {kind}
            if time.monotonic() > until:
                break
            if others & unsafe or not others <= alike.keys():
                continue
            found = self._try(nodes, alone, alone.hooked)
            if found.word == FAITHFUL:
                verdicts[kind] = found
                continue
            tied = {other for other in others if alike[other] == alone.hooked and other not in verdicts} | {kind}
            unsafe |= tied
            culprit, found = (kind, found) if len(tied) == 1 else (whole.owner, whole)
            if culprit in tied and found.word != UNKNOWN:
                verdicts[culprit] = found
        if any(verdict.word != FAITHFUL for verdict in verdicts.values()):
            return verdicts
        if unsafe or whole.owner not in captured.hooked or time.monotonic() > until:
            return {}
        return {**verdicts, whole.owner: whole}

    def _parts(self, captured: Captured, until: float) -> list[tuple[type, list[tuple[str, Any]], Captured]]:
        """For each class its instances by themselves, and what was captured of them, the simplest first."""
        kinds = {id(kind): kind for kind in captured.hooked}
        instances: dict[type, list[tuple[str, Any]]] = {}
        for obj in captured.objects_at(_All()):
            if id(type(obj)) in kinds:
                met = instances.setdefault(kinds[id(type(obj))], [])
                met.append((f"value{len(met)}", obj))
        parts = []
        for kind, nodes in instances.items():
            if time.monotonic() > until:
                break
            alone, _ = self._capture(nodes)
            if alone is not None and not any(hole.fatal for hole in alone.holes):
                parts.append((kind, nodes, alone))
        return sorted(parts, key=lambda part: (len(part[2].hooked), class_name(part[0])))

    def _capture(self, nodes: Sequence[tuple[str, Any]]) -> tuple[Captured | None, bool]:
        """What is captured of *nodes*; None when that touches the outside, takes too long (the second) or fails."""
        captured = None
        with self._guard(LOOKING) as stand:
            try:
                captured = self._encoder.capture(nodes)
            except UnstorableError as problem:
                self._alive.append(problem)
            except BaseException as problem:  # the guard's own, which is no error
                self._alive.append(problem)
                if stand.breach is None:
                    raise
        self._alive.append(captured)
        return (captured if stand.breach is None else None), stand.late

    def _try(self, nodes: Sequence[tuple[str, Any]], captured: Captured, kinds: Collection[type]) -> _Found:
        """Load *captured* and compare; *kinds* are the classes that may be the ones that were at work."""
        loader = Loader(self._encoder, lambda _: None)
        loader.unasked = True
        failed: BaseException | None = None
        values: dict[str, Any] = {}
        self._alive += (loader, captured)
        with self._guard(LOADING) as stand:
            try:
                values = loader.load(as_stored(captured, len(self._encoder.seeds)))
            except Exception as problem:  # the user's or a library's code: anything may come
                failed = problem.__cause__ or problem if isinstance(problem, TimeslipError) else problem
                self._alive.append(problem)
            except BaseException as problem:  # the guard's own, which is no error
                if stand.breach is None:
                    raise
                failed = problem
        self._alive += (failed, values)
        at_work = _at_work(failed, kinds)
        if stand.breach is not None:
            return _Found(OUTSIDE, stand.breach, at_work)
        if failed is not None:  # no word of it: it may quote what is in the value
            return _Found(FAILS, type(failed).__name__, at_work)
        return self._compare(nodes, values)

    def _compare(self, nodes: Sequence[tuple[str, Any]], values: dict[str, Any]) -> _Found:
        left = {key: value for key, value in nodes if not key.startswith("def:")}
        right = {key: values[key] for key in left}
        space = self._encoder.namespace
        comparison = Comparison(left, right, (space, space), 1, thorough=needs_trial)
        self._alive.append(comparison)
        with self._guard(LOOKING) as stand:
            try:
                comparison.names(())
                comparison.run()
            except BaseException as problem:  # the guard's own too; any other is a fault of ours
                self._alive.append(problem)
                if stand.breach is None:
                    raise
        if stand.breach is not None:  # a hook that was asked what there is: nobody knows what there is
            return _Found(UNKNOWN, late=stand.late)
        if not comparison.differences:
            return _Found(FAITHFUL)
        return _Found(DIFFERS, comparison.plain[0], comparison.owners[0])


@dataclass(frozen=True, slots=True)
class _Found(Verdict):
    owner: type | None = None
    """The class in whose instance the difference is, or whose code was at work."""
    late: bool = False

    def verdict(self) -> Verdict:
        return Verdict(self.word, self.reason)


def _at_work(problem: BaseException | None, kinds: Collection[type]) -> type | None:
    """Which of *kinds* ran first where *problem* was raised: the first argument of a frame says whose code it is."""
    known = {id(kind): kind for kind in kinds}
    trace = problem.__traceback__ if problem is not None else None
    while trace is not None:
        code, values = trace.tb_frame.f_code, trace.tb_frame.f_locals
        first = values.get(code.co_varnames[0]) if code.co_argcount else None
        found = known.get(id(first)) or known.get(id(type(first)))
        if found is not None:
            return found
        trace = trace.tb_next
    return None


class _All:
    def __contains__(self, _: object) -> bool:
        return True
