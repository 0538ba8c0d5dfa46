"""The facets of one session, taken and put back together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from timeslip.errors import FacetError
from timeslip.state.facets.base import REGISTRY, Facet
from timeslip.state.facets.submodules import SubmodulesFacet

_ORDER = (
    "cwd",
    "environ",
    "sys_path",
    "submodules",  # found by way of sys.path
    "locale",
    "interpreter",
    "decimal",
    "pandas_options",
    "matplotlib",
    "warnings",  # after what loads libraries, which set filters of their own
    "tensor_options",
    "library_options",
    "torch_random",
    "tensorflow_random",
    "numpy_random",
    "random",  # last: anything above might draw
)


class FacetSet:
    """The facets that a session records.

    Nothing here raises: a facet that fails is left out, and the reason is in `problems`. All calls come from the thread
    that runs the cells, while none is running. The inverse of a `restore` is a `capture` made before it.

    Args:
        names: facets to record, as in ``Settings.facets``; unknown ones are reported.

    Attributes:
        problems: sentences about what could not be recorded, each given once; the caller empties the list.
    """

    def __init__(self, names: Iterable[str]) -> None:
        names = tuple(names)
        self.problems: list[str] = [f"there is no facet '{name}'" for name in names if name not in REGISTRY]
        self._facets: dict[str, Facet] = {
            name: REGISTRY[name]() for name in sorted(REGISTRY, key=_place) if name in names
        }
        self._failing: dict[str, str] = {}

    def __getitem__(self, name: str) -> Facet:
        """The facet of that name; KeyError when it is not recorded."""
        return self._facets[name]

    def __iter__(self) -> Iterator[str]:
        """Names, in the order in which they are restored."""
        return iter(self._facets)

    def attach(self) -> None:
        """Take the present values as those of the process. Once, before the first `capture`."""
        for name, facet in self._facets.items():
            try:
                facet.attach()
            except Exception as error:  # a facet reads other libraries' internals; the session must not notice
                self._note(name, error)

    def capture(self) -> dict[str, bytes]:
        """Facet name -> canonical bytes, for those that are available. About 0.1 ms with numpy, pandas, matplotlib.

        A facet that is missing from the result is not recorded: leave it alone when restoring that state.
        """
        captured: dict[str, bytes] = {}
        for name, facet in self._facets.items():
            try:
                if facet.available():
                    captured[name] = facet.capture()
                elif facet.absent is not None:
                    captured[name] = facet.absent
                if self._failing:
                    self._failing.pop(name, None)
            except Exception as error:  # a facet reads other libraries' internals; the session must not notice
                self._note(name, error)
            self.problems += facet.take_problems()
        return captured

    def note_imports(self, imported: Iterable[str], values: Iterable[Any]) -> None:
        """What a cell that has run imports, for the facet that records it; see `SubmodulesFacet.note`."""
        facet = self._facets.get("submodules")
        if isinstance(facet, SubmodulesFacet):
            facet.note(imported, values)

    def restore(self, recorded: Mapping[str, bytes]) -> list[str]:
        """Make the process equal to *recorded*; facets that are not in it stay as they are.

        Returns:
            Sentences about what could not be put back; empty when all is well. The rest has been done.
        """
        problems = [f"the facet '{name}' is not known to this release" for name in recorded if name not in REGISTRY]
        for name, facet in self._facets.items():
            if name not in recorded:
                continue
            try:
                facet.restore(recorded[name])
            except Exception as error:  # rule: a facet that fails is reported and does not abort a checkout
                problems.append(_sentence(name, error))
        return problems

    def describe(self, name: str, before: bytes | None, after: bytes | None) -> str:
        """One line about the change of a facet; works for facets that are not recorded now, too."""
        facet = self._facets.get(name) or (REGISTRY[name]() if name in REGISTRY else None)
        try:
            return facet.describe(before, after) if facet is not None else f"facet {name} changed"
        except Exception:  # bytes of a later release: say as much as is known
            return f"facet {name} changed"

    def _note(self, name: str, error: Exception) -> None:
        """Report a failing facet once, and again only when it fails for another reason or after it worked."""
        sentence = _sentence(name, error)
        if self._failing.get(name) != sentence:
            self._failing[name] = sentence
            self.problems.append(sentence)


def _place(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)


def _sentence(name: str, error: Exception) -> str:
    if isinstance(error, FacetError):
        return str(error)
    return f"the facet '{name}' failed: {type(error).__name__}: {error}"
