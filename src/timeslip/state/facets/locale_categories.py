"""Facet ``locale``: the C library's locale, category by category, as differences from attach."""

from __future__ import annotations

import locale
from typing import ClassVar

from timeslip.errors import FacetError
from timeslip.standard import json
from timeslip.state.facets.base import FacetBase, register, shortened
from timeslip.state.facets.differences import EMPTY, MapDifference, canonical, parsed

_CATEGORIES = {
    name: getattr(locale, name)
    for name in ("LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME")
    if hasattr(locale, name)
}


@register
class LocaleFacet(FacetBase):
    """Categories that the session set. ``setlocale`` is not safe beside threads that format numbers or dates."""

    name: ClassVar[str] = "locale"

    def __init__(self) -> None:
        super().__init__()
        self._difference = MapDifference({})
        self._seen: str | None = None
        self._data = EMPTY

    def attach(self) -> None:
        """Remember the present categories."""
        self._seen = None
        self._difference = MapDifference(_texts())

    def capture(self) -> bytes:
        """The differences; half a microsecond when nothing was set."""
        seen = locale.setlocale(locale.LC_ALL, None)
        if seen != self._seen:
            document = self._difference.document(_texts())
            self._data = canonical(document).encode() if document else EMPTY
            self._seen = seen
        return self._data

    def restore(self, data: bytes) -> None:
        """Set the categories that were recorded; raises FacetError for those that this system does not have."""
        steps = self._difference.steps(parsed(data), _texts())
        failed = []
        for name, text in sorted(steps.put.items()):
            try:
                locale.setlocale(_CATEGORIES[name], json.loads(text))
            except (KeyError, locale.Error):
                failed.append(f"{name} {json.loads(text)}")
        self._seen = None
        if failed:
            raise FacetError(f"this system has no locale {shortened(failed)}")
        self._seen, self._data = locale.setlocale(locale.LC_ALL, None), data

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """``locale: LC_NUMERIC at the start -> de_DE.UTF-8``."""
        old, new = (parsed(data or EMPTY).get("set", {}) for data in (before, after))
        start = "at the start"
        parts = [
            f"{name} {old.get(name, start)} -> {new.get(name, start)}"
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        ]
        return "locale: " + (shortened(parts) or "unchanged")


def _texts() -> dict[str, str]:
    return {name: json.dumps(locale.setlocale(category, None)) for name, category in _CATEGORIES.items()}
