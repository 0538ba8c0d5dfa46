"""Facet ``submodules``: parts of packages that cells have imported under the name of the package.

``import xml.etree.ElementTree`` binds ``xml``, which is referred to by its name; that it has ``xml.etree`` is an effect
of the import, and a new kernel would not know of it. Form: ``{"modules": [name, …]}``, sorted. What is imported stays
so: in the process itself a restore changes nothing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from typing import Any, ClassVar

from timeslip.errors import FacetError
from timeslip.state.facets.base import FacetBase, register, shortened
from timeslip.state.facets.differences import EMPTY, canonical, parsed


@register
class SubmodulesFacet(FacetBase):
    """The dotted names of modules that cells have imported, of packages that a name stands for. See `note`."""

    name: ClassVar[str] = "submodules"

    def __init__(self) -> None:
        super().__init__()
        self._names: frozenset[str] = frozenset()
        self._data = EMPTY

    def note(self, imported: Iterable[str], values: Iterable[Any]) -> None:
        """A cell has run.

        Args:
            imported: names of modules that it imports, as they stand in it.
            values: what names are bound to now; gone through only where there is a new dotted name.
        """
        found = {name for name in imported if "." in name[1:] and not name.startswith(".") and name in sys.modules}
        found -= self._names
        if found:
            packages = {name.partition(".")[0] for name in found}
            known = {id(sys.modules[package]): package for package in packages if package in sys.modules}
            named = {known[id(value)] for value in values if id(value) in known}
            self._know({*self._names, *(name for name in found if name.partition(".")[0] in named)})

    def _know(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._data = canonical({"modules": sorted(self._names)}).encode() if self._names else EMPTY

    def capture(self) -> bytes:
        """What was noted."""
        return self._data

    def restore(self, data: bytes) -> None:
        """Import what is not imported yet.

        Raises:
            FacetError: some of it cannot be imported, and the rest is; or it is of another making.
        """
        names, failed = _modules(data), []
        for name in names:
            try:
                importlib.import_module(name)
            except Exception as error:  # the code of the module, whatever it is
                failed.append(f"{name} ({type(error).__name__}: {error})"[:200])
        self._know(names)
        if failed:
            raise FacetError(f"modules that cells had imported cannot be imported here: {', '.join(failed)}")

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """``submodules: xml.etree.ElementTree``."""
        old, new = (set(_modules(data or EMPTY)) for data in (before, after))
        parts = [f"+{name}" for name in sorted(new - old)] + [f"-{name}" for name in sorted(old - new)]
        return "submodules: " + (shortened(parts) or "unchanged")


def _modules(data: bytes) -> list[str]:
    document = parsed(data)
    names = document.pop("modules", [])
    if document or type(names) is not list or not all(type(name) is str for name in names):
        raise FacetError("what was recorded of imported submodules has another form here")
    return names
