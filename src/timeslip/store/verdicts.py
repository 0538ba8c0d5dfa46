"""What came out when values of a library's class were tried, kept for the whole store in ``verdicts.json``.

A small text file beside the database, not part of its format: without it everything works, and the classes are tried
again. It is replaced in one step, so a reader sees one version or the next; of two processes that write at the same
time, one may find its classes tried again later. Sessions have read it at different times: each writes only what it has
found out since, and what speaks against a class outweighs what speaks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from timeslip.errors import StoreError
from timeslip.standard import json, open_file
from timeslip.store.preferences import replace_file

FILE_NAME = "verdicts.json"
_FORMAT = 2
"""The first one kept reasons that quoted values."""
_WEIGHTS = {"unknown": 0, "faithful": 1, "differs": 2, "fails": 3, "outside": 4}
"""Verdicts (`timeslip.codec.proof`): which of two on the same class is kept."""
_COUNTED = 1
"""Verdicts up to this weight have a number in the place of a reason; the larger one is kept."""
_MOST = 20_000
"""Entries kept: more classes than any environment has that people use."""


def as_key(name: str, version: str) -> str:
    """Under what the verdict on a class of one release of its library is kept."""
    return f"{name} ({version})"


class VerdictFile:
    """The file of one store. Used under the session's lock.

    Args:
        directory: of the store.
        read_only: write nothing.
    """

    def __init__(self, directory: Path, *, read_only: bool = False) -> None:
        self._path = Path(directory) / FILE_NAME
        self._read_only = read_only
        self._known: dict[str, tuple[str, str]] | None = None

    def get(self, key: str) -> tuple[str, str] | None:
        """The verdict (a word, a reason) that is kept under a key of `as_key`, or None."""
        if self._known is None:
            self._known = self._read()
        return self._known.get(key)

    def add(self, verdicts: Mapping[str, tuple[str, str]]) -> None:
        """Keep *verdicts*. A disk that is full or read-only only means that the classes are tried again some day."""
        present = self._read()
        kept = _joined(present, verdicts)
        self._known = _joined(self._known or {}, kept)
        if self._read_only or kept == present:
            return
        kept = dict(sorted([*kept.items()][-_MOST:]))
        try:
            replace_file(self._path, json.dumps({"format": _FORMAT, "classes": kept}, indent=0) + "\n", durable=False)
        except (StoreError, OSError):  # what is known stays known here; the recording says when the disk is full
            self._read_only = True

    def _read(self) -> dict[str, tuple[str, str]]:
        """What is in the file: nothing where it is missing, damaged or of another release. Classes are tried again."""
        try:
            with open_file(self._path, "rb") as file:
                document: Any = json.loads(file.read())
        except (OSError, ValueError, RecursionError, MemoryError):
            return {}
        classes = document.get("classes") if isinstance(document, dict) and document.get("format") == _FORMAT else None
        if not isinstance(classes, dict):
            return {}
        return {name: (entry[0], entry[1]) for name, entry in classes.items() if _is_verdict(entry)}


def _is_verdict(entry: Any) -> bool:
    is_pair = isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, str) for part in entry)
    return is_pair and entry[0] in _WEIGHTS and (_WEIGHTS[entry[0]] > _COUNTED or len(entry[1]) < 10)


def _joined(known: Mapping[str, tuple[str, str]], more: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """*known*, and *more* where it weighs as much; new classes last."""
    found = dict(known)
    for name, verdict in more.items():
        if name not in found or _weight(verdict) >= _weight(found[name]):
            found[name] = verdict
    return found


def _weight(verdict: tuple[str, str]) -> tuple[int, int]:
    word, reason = verdict
    weight = _WEIGHTS.get(word, 0)
    return weight, int(reason) if weight <= _COUNTED and reason.isdecimal() else 0
