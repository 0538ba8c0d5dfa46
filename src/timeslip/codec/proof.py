"""Does a value come back as it is? Tried out: captured, loaded beside, and compared as graphs of objects.

Classes of libraries say themselves what there is to pickle of an instance. What their hooks drop, invent or do is seen
by nobody who only pickles. So one instance of each is tried, and the class has a *verdict* from then on.

Everything here runs the pickling hooks of users' and libraries' classes. It is meant for a forked copy of the process
(`timeslip.proving`), where it can do no harm; it works in any process.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from timeslip.codec import tried
from timeslip.codec.capture import Encoder
from timeslip.codec.captured import Captured
from timeslip.codec.definitions import class_name, of
from timeslip.codec.restore import Loader, Stored, StoredBuffer
from timeslip.errors import TimeslipError, UnstorableError
from timeslip.graphs.comparison import Comparison

FAITHFUL = "faithful"
DIFFERS = "differs"
FAILS = "fails"
OUTSIDE = "outside"
UNKNOWN = "unknown"

_KNOWN = sys.stdlib_module_names | {"matplotlib", "mpl_toolkits", "numpy", "pandas", "timeslip"}
"""Top-level packages whose classes our own tests restore and compare: these need no trial."""


class Stand(Protocol):
    """What a guard around loading says afterwards."""

    breach: str | None


Kinds = dict[str, type]
"""Classes by their dotted names."""
Guard = Callable[[], AbstractContextManager[Stand]]
"""Stops what touches the outside while the block runs; raises nothing by itself."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out for one class.

    Attributes:
        word: FAITHFUL; DIFFERS: loads, but something is not as it was; FAILS: cannot be loaded; OUTSIDE: loading it
            touches the outside, or does not end; UNKNOWN: the trial itself did not end.
        reason: of all but the first, for people; for the first how many values have come back, where that is counted.
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
        line = memoryview(data).cast("B")

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
        guard: stands around loading.
    """

    def __init__(self, encoder: Encoder, guard: Guard) -> None:
        self._encoder = encoder
        self._guard = guard

    def verdicts(self, nodes: Sequence[tuple[str, Any]], asked: Iterable[str]) -> dict[str, Verdict]:
        """What comes out for the classes named by *asked* that the values *nodes* (name, object) hold.

        The whole is tried first; only when it does not come back, one instance of each class is tried alone, to find
        those that are to blame. A class of which nothing could be found out is not in the answer.
        """
        with tried.by_reference():
            return self._verdicts(nodes, asked)

    def _verdicts(self, nodes: Sequence[tuple[str, Any]], asked: Iterable[str]) -> dict[str, Verdict]:
        try:
            captured = self._encoder.capture(nodes)
        except UnstorableError:
            return {}
        kinds = {class_name(kind): kind for kind in captured.hooked}
        wanted = {name: kinds[name] for name in asked if name in kinds}
        if any(hole.fatal for hole in captured.holes) or not wanted:
            return {}
        found = self._try(nodes, captured)
        if found.word == FAITHFUL:
            return dict.fromkeys(wanted, Verdict(FAITHFUL))
        if len(wanted) == 1 and found.word == OUTSIDE:  # what does not end would not end again
            return {next(iter(wanted)): Verdict(found.word, found.reason)}
        blamed = self._blame(captured, wanted)
        if not any(verdict.word != FAITHFUL for verdict in blamed.values()):
            blamed |= self._of_owner(found, wanted)
        return blamed

    def _blame(self, captured: Captured, wanted: Kinds) -> dict[str, Verdict]:
        """Verdicts from one instance of each class, the simplest first: who holds a culprit is not one by that."""
        samples: dict[type, Any] = {}
        for obj in captured.objects_at(_All()):
            samples.setdefault(type(obj), obj)
        parts: list[tuple[int, str, Captured, Any]] = []
        for name, kind in wanted.items():
            if kind in samples:
                try:
                    alone = self._encoder.capture([("value", samples[kind])])
                except UnstorableError:
                    continue
                parts.append((len(alone.hooked), name, alone, samples[kind]))
        verdicts: dict[str, Verdict] = {}
        bad: set[type] = set()
        for _, name, alone, sample in sorted(parts, key=lambda part: part[:2]):
            found = self._try([("value", sample)], alone)
            if found.word != FAITHFUL and bad & (alone.hooked - {wanted[name]}):
                continue
            verdicts[name] = Verdict(found.word, found.reason)
            if found.word != FAITHFUL:
                bad.add(wanted[name])
        return verdicts

    def _of_owner(self, found: _Found, wanted: Kinds) -> dict[str, Verdict]:
        """Every instance comes back alone, the whole does not: the class where the difference was found."""
        name = class_name(found.owner) if found.owner is not None else ""
        return {name: Verdict(found.word, found.reason)} if name in wanted else {}

    def _try(self, nodes: Sequence[tuple[str, Any]], captured: Captured) -> _Found:
        """Load *captured* and compare."""
        loader = Loader(self._encoder, lambda _: None)
        loader.unasked = True
        error = ""
        values: dict[str, Any] = {}
        with self._guard() as stand:
            try:
                values = loader.load(as_stored(captured, len(self._encoder.seeds)))
            except TimeslipError as problem:
                cause = problem.__cause__
                error = f"{type(cause).__name__}: {cause}" if cause is not None else problem.message
            except Exception as problem:  # the user's or a library's code: anything may come
                error = f"{type(problem).__name__}: {problem}"
            except BaseException as problem:  # the guard's own, which is no error
                if stand.breach is None:
                    raise
                error = str(problem)
        if stand.breach is not None:
            return _Found(OUTSIDE, stand.breach)
        if error:
            return _Found(FAILS, " ".join(error.split())[:200])
        left = {key: value for key, value in nodes if not key.startswith("def:")}
        right = {key: values[key] for key in left}
        space = self._encoder.namespace
        comparison = Comparison(left, right, (space, space), 1, thorough=needs_trial)
        comparison.names(())
        if not comparison.run():
            return _Found(FAITHFUL)
        return _Found(DIFFERS, comparison.differences[0], comparison.owners[0])


@dataclass(frozen=True, slots=True)
class _Found(Verdict):
    owner: type | None = None


class _All:
    def __contains__(self, _: object) -> bool:
        return True
