"""Recording a mapping or a list as differences from what it was at attach.

Both work on texts: each value is given as its canonical text (see `plain`), or as a text that begins with ``!`` when
it has none ("odd"). Odd values are never recorded, but that there is one is, so that a restore neither removes it
when it belongs there nor keeps it when it does not.

Form of a mapping's differences, empty parts left out: ``{"left": [key, ...], "set": {key: value, ...}, "unset": [key,
...]}``. Of a list's: ``{"added": [[position, value], ...], "left": count, "removed": [[value, occurrence], ...]}``,
where *position* counts the surviving values from attach that come before it (-1: all of them).

What is recorded in one process and restored in another stays recorded there although it may happen to be no
difference in the other process ("adopted"): so capture after restore gives the same bytes, and a third process gets
them too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from timeslip.errors import FacetError
from timeslip.standard import json

EMPTY = b"{}"
"""No differences."""


def is_odd(text: str) -> bool:
    """Whether *text* stands for a value that cannot be written down."""
    return text.startswith("!")


def parsed(data: bytes) -> dict[str, Any]:
    """The JSON object in *data*.

    Raises:
        FacetError: it is of another making.
    """
    try:
        document = json.loads(data)
    except ValueError as error:
        raise FacetError("the recorded bytes are not of a form that this release knows") from error
    if not isinstance(document, dict):
        raise FacetError("the recorded bytes are not of a form that this release knows")
    return document


def canonical(document: object) -> str:
    """JSON with sorted keys, ASCII only, no white space."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class MapSteps:
    """What a restore has to do to a mapping.

    Attributes:
        put: key -> text of the value to set.
        drop: keys to remove.
        unknown: keys whose value can neither be set nor removed: it was, or is at attach, an odd one.
    """

    put: dict[str, str]
    drop: list[str]
    unknown: list[str]


@dataclass(slots=True)
class MapDifference:
    """A mapping of names to texts against its baseline."""

    baseline: dict[str, str]
    adopted: set[str] = field(default_factory=set)

    def document(self, current: Mapping[str, str]) -> dict[str, Any]:
        """The differences of *current*, JSON-ready."""
        put: dict[str, Any] = {}
        left = []
        baseline = self.baseline
        for key, text in current.items():
            if text == baseline.get(key) and key not in self.adopted:
                continue
            if is_odd(text):
                left.append(key)
            else:
                put[key] = json.loads(text)
        unset = {key for key in baseline if key not in current}
        unset |= {key for key in self.adopted if key not in current}
        parts = {"left": sorted(left), "set": put, "unset": sorted(unset)}
        return {name: part for name, part in parts.items() if part}

    def steps(self, document: Mapping[str, Any], current: Mapping[str, str]) -> MapSteps:
        """What makes *current* (of this process) the recorded state; adopts what was recorded."""
        put: dict[str, str] = {key: canonical_value(value) for key, value in document.get("set", {}).items()}
        unset, left = set(document.get("unset", ())), set(document.get("left", ()))
        now = self.document(current)
        touched = {*now.get("set", ()), *now.get("unset", ()), *now.get("left", ())}
        self.adopted = {key for key, text in put.items() if self.baseline.get(key) == text}
        self.adopted |= {key for key in unset if key not in self.baseline}
        unknown = sorted(key for key in left if not is_odd(current.get(key, "")))
        for key in touched - put.keys() - unset - left:
            text = self.baseline.get(key)
            if text is None:
                unset.add(key)
            elif not is_odd(text):
                put[key] = text
            elif current.get(key) != text:
                unknown.append(key)
        return MapSteps(
            {key: text for key, text in put.items() if current.get(key) != text},
            sorted(key for key in unset if key in current),
            unknown,
        )


def canonical_value(tree: Any) -> str:
    """The text of one value; not sorted, as `plain.text_of` does not sort."""
    return json.dumps(tree, separators=(",", ":"))


@dataclass(slots=True)
class ListDifference:
    """An ordered list of texts against its baseline."""

    baseline: list[str]
    adopted: list[str] = field(default_factory=list)

    def document(self, current: list[str]) -> dict[str, Any]:
        """The differences of *current*, JSON-ready. A moved value is removed and added."""
        added: list[list[Any]] = []
        removed: list[list[Any]] = []
        left = kept = 0
        for tag, i, j, k, n in SequenceMatcher(None, self.baseline, current, autojunk=False).get_opcodes():
            if tag == "equal":
                kept += j - i
                continue
            for position in range(i, j):
                text = self.baseline[position]
                if not is_odd(text):
                    removed.append([json.loads(text), self.baseline[:position].count(text)])
            left += sum(is_odd(text) for text in current[k:n])
            added += [[kept, json.loads(text)] for text in current[k:n] if not is_odd(text)]
        for entry in added:
            if entry[0] == kept > 0:
                entry[0] = -1
        removed += [[json.loads(text), 0] for text in self.adopted if text not in current]
        parts = {"added": added, "left": left, "removed": removed}
        return {name: part for name, part in parts.items() if part}

    def target(self, document: Mapping[str, Any], current: Iterable[str]) -> list[str]:
        """The recorded list in terms of this process's baseline; adopts what was recorded.

        Odd values of *current* that are not of the baseline stay, at the front, when the record says that there were
        some.
        """
        kept = list(self.baseline)
        self.adopted = []
        gone: dict[str, set[int]] = {}
        for value, occurrence in document.get("removed", ()):
            text = canonical_value(value)
            gone.setdefault(text, set()).add(occurrence)
            if text not in self.baseline:
                self.adopted.append(text)
        seen: dict[str, int] = {}
        survivors = []
        for text in kept:
            seen[text] = seen.get(text, -1) + 1
            if seen[text] not in gone.get(text, ()):
                survivors.append(text)
        result = [t for t in current if is_odd(t) and t not in survivors] if document.get("left") else []
        done = 0
        for position, value in document.get("added", ()):
            stop = len(survivors) if position < 0 else min(position, len(survivors))
            result += survivors[done:stop]
            done = max(done, stop)
            result.append(canonical_value(value))
        return result + survivors[done:]
