"""Facet ``warnings``: the filters that ``warnings.filterwarnings`` and libraries set, as differences from attach."""

from __future__ import annotations

import re
import warnings
from contextlib import nullcontext
from typing import Any, ClassVar

from timeslip.errors import FacetError
from timeslip.state.facets.base import FacetBase, register, shortened
from timeslip.state.facets.differences import EMPTY, ListDifference, canonical, is_odd, parsed
from timeslip.state.facets.plain import NotPlainError, text_of, value_of

_ACTIONS = frozenset({"default", "error", "ignore", "always", "all", "module", "once"})


@register
class WarningsFacet(FacetBase):
    """Differences of ``warnings.filters`` from attach. The list object, and entries that stay, stay the same."""

    name: ClassVar[str] = "warnings"

    def __init__(self) -> None:
        super().__init__()
        self._difference = ListDifference([])
        self._known: dict[int, tuple[Any, str]] = {}
        self._seen: list[str] | None = None
        self._data = EMPTY

    def attach(self) -> None:
        """Remember the present filters."""
        self._seen = None
        self._difference = ListDifference(self._texts())

    def capture(self) -> bytes:
        """The differences. Filters with classes or objects that cannot be named are left out."""
        texts = self._texts()
        if texts != self._seen:
            document = self._difference.document(texts)
            if "left" in document:
                self.report("left", "warnings filters with classes or objects made in the session are not recorded")
            self._data = canonical(document).encode() if document else EMPTY
            self._seen = texts
        return self._data

    def restore(self, data: bytes) -> None:
        """Make the filters what was recorded, and tell ``warnings`` that its caches are stale.

        Raises:
            FacetError: a filter names a class that cannot be had here; the other filters are set.
        """
        texts = self._texts()
        live = dict(zip(texts, warnings.filters, strict=True))
        filters: list[Any] = []
        failed = []
        for text in self._difference.target(parsed(data), texts):
            try:
                filters.append(live[text] if text in live else _filter_of(text))
            except NotPlainError as error:
                failed.append(str(error))
        if list(warnings.filters) != filters:
            warnings.filters[:] = filters  # type: ignore[index]
            _tell()
        if failed:
            self._seen = None
            raise FacetError(f"{len(failed)} warnings filters could not be put back: they name {shortened(failed)}")
        self._seen, self._data = self._texts(), data

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """``warnings filters: + ignore DeprecationWarning, - error Warning``."""
        old, new = (_lines(data) for data in (before, after))
        parts = ["+ " + line for line in new if line not in old] + ["- " + line for line in old if line not in new]
        return "warnings filters: " + (shortened(parts) or ("unchanged" if before == after else "order changed"))

    def _texts(self) -> list[str]:
        """The filters as texts. Those of entries that hold nothing of the user's are kept from the last time."""
        known, self._known = self._known, {}
        texts = []
        for entry in list(warnings.filters):
            cached = known.get(id(entry))
            text = cached[1] if cached is not None and cached[0] is entry else _text_of(entry)
            if not is_odd(text) and entry[2].__module__ != "__main__":
                self._known[id(entry)] = (entry, text)
            texts.append(text)
        return texts


def _text_of(entry: Any) -> str:
    """A filter as text, "!..." when it is not one of the plain kind."""
    odd = f"!{id(entry)}"
    if type(entry) is not tuple or len(entry) != 5 or not issubclass(type(entry[2]), type):
        return odd
    action, message, _, module, line = entry
    if action not in _ACTIONS or type(line) is not int:
        return odd
    if any(type(part) not in (type(None), str, re.Pattern) for part in (message, module)):
        return odd
    try:
        return text_of(entry)
    except NotPlainError:
        return odd


def _filter_of(text: str) -> Any:
    if is_odd(text):
        raise NotPlainError("an object that was not recorded")
    entry = value_of(text)
    if not (isinstance(entry, tuple) and len(entry) == 5 and issubclass(entry[2], Warning)):
        raise NotPlainError("something that is no filter")
    return entry


def _tell() -> None:
    """Make ``warnings`` look at its filters again. The function's name differs between versions of Python."""
    for name in ("_filters_mutated", "_filters_mutated_lock_held"):
        mutated = getattr(warnings, name, None)
        if mutated is not None:
            with getattr(warnings, "_lock", nullcontext()):
                mutated()
            return


def _lines(data: bytes | None) -> list[str]:
    document = parsed(data or EMPTY)
    entries = [tree for _, tree in document.get("added", ())]
    lines = [_line(tree) for tree in entries]
    return lines + ["without " + _line(tree) for tree, _ in document.get("removed", ())]


def _line(tree: Any) -> str:
    """A filter for people, from its plain form ``["t", action, message, ["c", module, class], module, line]``."""
    _, action, message, category, module, _ = tree
    text = f"{action} {category[2]}"
    for word, pattern in (("", message), ("in ", module)):
        if pattern is not None:
            text += f" {word}{pattern[1] if isinstance(pattern, list) else pattern!r}"
    return text
