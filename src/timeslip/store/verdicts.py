"""What came out when values of a library's class were tried, kept for the whole store in ``verdicts.json``.

A small text file beside the database, not part of its format: without it everything works, and the classes are tried
again. It is replaced in one step, so a reader sees one version or the next; of two processes that write at the same
time, one may find its classes tried again later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from timeslip.errors import StoreError
from timeslip.store.preferences import replace_file

FILE_NAME = "verdicts.json"
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
        if self._known is None:
            self._known = {}
        self._known.update(verdicts)
        if self._read_only:
            return
        self._known = {**self._read(), **self._known}
        kept = dict(sorted([*self._known.items()][-_MOST:]))
        try:
            replace_file(self._path, json.dumps({"format": 1, "classes": kept}, indent=0) + "\n", durable=False)
        except StoreError:  # what is known stays known here; the recording itself says when the disk is full
            self._read_only = True

    def _read(self) -> dict[str, tuple[str, str]]:
        try:
            document: Any = json.loads(self._path.read_text(encoding="utf-8"))
            classes = document["classes"] if document["format"] == 1 else {}
            return {str(name): (str(word), str(reason)) for name, (word, reason) in classes.items()}
        except (OSError, ValueError, TypeError, KeyError):  # missing, damaged or of a later release: tried again
            return {}
