"""What a facet is, and the registry of all of them.

A *facet* is process state outside the namespace that cells depend on. Each one is a small class that turns its part of
the process into canonical bytes and back. To add one: write a module with a class decorated by `register`, import it
in ``timeslip.state.facets``, and add its name to ``timeslip.config.FACETS``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol, TypeVar, runtime_checkable


@runtime_checkable
class Facet(Protocol):
    """One part of the process state. All calls come from the thread that runs the cells, never while one is running.

    Attributes:
        name: as in ``timeslip.config.FACETS``.
        absent: what `capture` would give while the facet is not `available`, when that is known (options of a library
            that is not loaded are at their defaults); None when nothing can be said (a generator that does not exist).
    """

    name: ClassVar[str]
    absent: ClassVar[bytes | None]

    def available(self) -> bool:
        """Whether there is something to capture now. Imports nothing; well below a microsecond."""
        ...

    def attach(self) -> None:
        """Remember the present values as those that belong to the process, not to the session.

        Facets that are recorded as differences are recorded relative to them. Called once, when the facet is first
        available; calling it again starts afresh.
        """
        ...

    def capture(self) -> bytes:
        """The present state as canonical bytes: equal state gives equal bytes. Tens of microseconds at most.

        Holds plain data only and runs no code of the user's objects. What cannot be written down is left out and
        reported once through `take_problems`.

        Raises:
            FacetError: the state cannot be read.
        """
        ...

    def restore(self, data: bytes) -> None:
        """Make the live process equal to *data*, a result of `capture` (of this or of another process).

        Touches only what was recorded, changes libraries' objects in place, and does all of it that can be done
        before it raises. Afterwards `capture` gives *data* again.

        Raises:
            FacetError: something could not be put back; the message says what.
        """
        ...

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """One line for logs and diffs ("working directory /a -> /b"). None: not recorded. Shows no secrets.

        A pure function of its arguments: needs neither `attach` nor a live library.
        """
        ...

    def take_problems(self) -> list[str]:
        """Sentences about what `capture` left out since the last call; each is given once."""
        ...


class FacetBase:
    """What facets share: the once-only reporting of what is left out, and defaults for the optional parts."""

    absent: ClassVar[bytes | None] = None

    def __init__(self) -> None:
        self._reported: set[str] = set()
        self._problems: list[str] = []

    def available(self) -> bool:
        """Always: the facet belongs to the interpreter."""
        return True

    def attach(self) -> None:
        """Nothing to remember: the facet is recorded as it is."""

    def report(self, subject: str, sentence: str) -> None:
        """Queue *sentence*, unless *subject* has been reported before."""
        if subject not in self._reported:
            self._reported.add(subject)
            self._problems.append(sentence)

    def take_problems(self) -> list[str]:
        """Sentences queued since the last call."""
        if not self._problems:  # nearly always: it is asked of every facet after every run
            return []
        problems, self._problems = self._problems, []
        return problems


REGISTRY: dict[str, Callable[[], Facet]] = {}
"""Facet name -> what makes one."""

_F = TypeVar("_F", bound=Callable[[], Facet])


def register(facet: _F) -> _F:
    """Class decorator: makes the facet known under its ``name``."""
    REGISTRY[facet.name] = facet  # type: ignore[attr-defined]
    return facet


def change(subject: str, before: object | None, after: object | None) -> str:
    """The usual line of a facet that has one value: ``subject before -> after``."""
    if before is None:
        return f"{subject} {after}" if after is not None else f"{subject} not recorded"
    if after is None:
        return f"{subject} {before} -> not recorded"
    return f"{subject} {before} -> {after}" if before != after else f"{subject} {after}"


def moved(subject: str, before: bytes | None, after: bytes | None) -> str:
    """The usual line of a facet whose state means nothing to a reader."""
    if before is None and after is not None:
        return f"{subject} first recorded"
    return f"{subject} unchanged" if before == after else f"{subject} moved"


def shortened(parts: list[str], limit: int = 6) -> str:
    """*parts* joined by commas, with "and n more" after the first *limit*."""
    if len(parts) > limit:
        parts = [*parts[:limit], f"and {len(parts) - limit} more"]
    return ", ".join(parts)
