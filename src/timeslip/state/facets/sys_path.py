"""Facet ``sys_path``: where imports are looked for, as entries added and removed since attach."""

from __future__ import annotations

import sys
from typing import ClassVar

from timeslip.standard import json
from timeslip.state.facets.base import FacetBase, register, shortened
from timeslip.state.facets.credentials import value_has_known_form
from timeslip.state.facets.differences import EMPTY, ListDifference, canonical, is_odd, parsed


@register
class SysPathFacet(FacetBase):
    """Differences of ``sys.path`` from attach. The list object stays the same."""

    name: ClassVar[str] = "sys_path"

    def __init__(self) -> None:
        super().__init__()
        self._difference = ListDifference([])
        self._seen: list[str] | None = None
        self._data = EMPTY

    def attach(self) -> None:
        """Remember the present entries."""
        self._seen = None
        self._difference = ListDifference(self._texts())

    def capture(self) -> bytes:
        """The differences. Entries that are no text, and addresses with a password in them, are left out."""
        texts = self._texts()
        if texts != self._seen:
            document = self._difference.document(texts)
            if "left" in document:
                self.report("left", "sys.path has entries that are no plain paths; they are not recorded")
            self._data = canonical(document).encode() if document else EMPTY
            self._seen = texts
        return self._data

    def restore(self, data: bytes) -> None:
        """Make ``sys.path`` what was recorded, relative to this process's own entries."""
        texts = self._texts()
        live = dict(zip(texts, sys.path, strict=True))
        target = self._difference.target(parsed(data), texts)
        had = [text for text in target if text in live or not is_odd(text)]
        sys.path[:] = [live[text] if text in live else json.loads(text) for text in had]
        self._seen, self._data = self._texts(), data

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """``sys.path: + /a, - /b``."""
        old, new = (_entries(data) for data in (before, after))
        parts = [sign + " " + entry for sign, entry in sorted(new - old)] + [
            f"{'-' if sign == '+' else '+'} {entry}" for sign, entry in sorted(old - new)
        ]
        return "sys.path: " + (shortened(parts) or ("unchanged" if before == after else "order changed"))

    def _texts(self) -> list[str]:
        return [
            _encode(entry) if type(entry) is str and "@" not in entry else _guarded(entry) for entry in list(sys.path)
        ]


_encode = json.encoder.encode_basestring_ascii


def _guarded(entry: object) -> str:
    return _encode(entry) if type(entry) is str and not value_has_known_form(entry) else f"!{id(entry)}"


def _entries(data: bytes | None) -> set[tuple[str, str]]:
    document = parsed(data or EMPTY)
    return {("+", entry) for _, entry in document.get("added", ())} | {
        ("-", entry) for entry, _ in document.get("removed", ())
    }
