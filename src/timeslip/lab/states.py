"""History in pages: one short row for each state, with a few words about each name that it changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from timeslip.errors import CommitNotFoundError, StoreError
from timeslip.model import is_name

if TYPE_CHECKING:
    from timeslip.history import History
    from timeslip.ids import CommitId
    from timeslip.lab.view import View
    from timeslip.model import Commit

PAGE = 200
"""States in an answer when nobody says how many."""

MOST = 2000
"""States in an answer at most: it must not take long, and can be asked for more."""

_NAMED = 40
"""Of so many changed names at most is said how; of the others, only which they are."""

_COUNT = re.compile(r"(\d[\d,]*) ([a-z]+)")
_PLAIN = frozenset({"int", "float", "complex", "bool", "str", "NoneType"})
_ROOM = 24
_LINE = 200


def page(
    view: View, *, limit: int | None = None, before: str | None = None, newer_than: int | None = None
) -> dict[str, Any]:
    """The newest states of the session, or those before the commit *before*; and every name that points at one.

    Args:
        view: the session.
        limit: so many states, `PAGE` by default, `MOST` at most.
        before: the last state of the page before this one.
        newer_than: only states whose position in the session is higher.

    Raises:
        CommitNotFoundError: there is no commit *before*.
    """
    history, repository = view.history, view.repository
    count = min(max(1, PAGE if limit is None else limit), MOST)
    place = int(repository.commit(before)["seq"]) if before is not None else None
    found = repository.commits(view.session, limit=count + 1, before_seq=place)
    if newer_than is not None:
        found = [row for row in found if int(row[1]["seq"]) > newer_than]
    head = history.head
    return {
        "head": str(head) if head is not None else None,
        "branch": history.branch_name,
        **names(history),
        "states": _states(view, found[:count]),
        "more": len(found) > count,
    }


def names(history: History) -> dict[str, dict[str, str]]:
    """Branches and tags, and the commits that they name."""
    refs = history.refs()
    return {
        "branches": {ref.name: str(ref.commit) for ref in refs if ref.kind == "branch"},
        "tags": {ref.name: str(ref.commit) for ref in refs if ref.kind == "tag"},
    }


def some(view: View, commits: Sequence[CommitId]) -> list[dict[str, Any]]:
    """The rows of a few states, in the order given; one that is gone meanwhile is left out."""
    found = []
    for commit in commits:
        with suppress(CommitNotFoundError):
            found.append((commit, view.repository.commit(commit)))
    return _states(view, found)


def _states(view: View, found: list[tuple[CommitId, dict[str, Any]]]) -> list[dict[str, Any]]:
    history = view.history
    commits = [history.commit(identity, body) for identity, body in found]
    words = Words(history, commits)
    kept = view.repository.commits_with_cells(view.session, [commit.id for commit in commits])
    return [_state(commit, words.about(commit), cells=commit.id in kept) for commit in commits]


def _state(commit: Commit, about: dict[str, str], *, cells: bool) -> dict[str, Any]:
    """One state in short."""
    lines = [line for line in (commit.code or "").splitlines() if line.strip()]
    return {
        "id": str(commit.id),
        "short": commit.id[:8],
        "parents": [str(parent) for parent in commit.parents],
        "kind": commit.kind,
        "count": commit.execution_count,
        "first": lines[0].strip()[:_LINE] if lines else None,
        "lines": len(lines),
        "outcome": commit.outcome,
        "error": commit.error,
        "started": commit.started,
        "duration": commit.duration,
        "bytes": commit.stats.bytes_stored,
        "branch": commit.branch,
        "message": commit.message,
        "created": list(commit.names.created),
        "changed": list(commit.names.changed),
        "deleted": list(commit.names.deleted),
        "about": about,
        "inexact": dict(commit.names.inexact),
        "cells": cells,
    }


class Words:
    """A few words about what a step did to each name, out of what was noted of its value when it was recorded.

    No value is loaded. Manifests and value records are read once for all of *commits*.
    """

    def __init__(self, history: History, commits: Sequence[Commit]) -> None:
        self._history = history
        self._versions = history.repository.versions({name for commit in commits for name in _told(commit)})
        self._manifests = {str(commit.id): str(commit.manifest) for commit in commits}
        self._said: dict[str, Mapping[str, Any]] = {}

    def about(self, commit: Commit) -> dict[str, str]:
        """Name -> a few words, such as "-1 column" or "3 → 4 items", for names that were made or changed."""
        found = {**dict.fromkeys(commit.names.created[:_NAMED], "new"), **dict.fromkeys(_told(commit), "changed")}
        try:
            for name in _told(commit) if commit.parents else ():
                before = self._manifest(commit.parents[0])
                pair = (self._versions.of(before, name), self._versions.of(commit.manifest, name))
                found[name] = how(*(self._summary(record, name) for record in pair))
        except (StoreError, LookupError):  # gone or damaged: which names changed is known all the same
            return found
        return found

    def _manifest(self, commit: str) -> str:
        if commit not in self._manifests:
            self._manifests[commit] = str(self._history.repository.commit(commit)["manifest"])
        return self._manifests[commit]

    def _summary(self, record: str | None, name: str) -> tuple[str, str]:
        if record is None:
            return "", ""
        if record not in self._said:
            try:
                body = self._history.repository.record("value", record, trusted=False, dropped=True)
                self._said[record] = body.get("summary", {})
            except StoreError:  # forgotten, or damaged
                self._said[record] = {}
        kind, line = self._said[record].get(name, ("", ""))
        return str(kind), str(line)


def _told(commit: Commit) -> list[str]:
    """Changed names of which is said how."""
    return [name for name in commit.names.changed if is_name(name)][:_NAMED]


def how(before: tuple[str, str], after: tuple[str, str]) -> str:
    """What became of a value, by its kind and its summary before and after."""
    (kind, line), (new_kind, new_line) = before, after
    if not kind or not new_kind:
        return "changed"
    if kind != new_kind:
        return f"{_short(kind)} → {_short(new_kind)}"
    if kind in _PLAIN:
        return f"{line} → {new_line}" if max(len(line), len(new_line)) <= _ROOM and line != new_line else "changed"
    counts, new_counts = _counts(line), _counts(new_line)
    if [unit for _, unit in counts] == [unit for _, unit in new_counts] and counts != new_counts:
        pairs = zip(counts, new_counts, strict=True)
        if kind.startswith("pandas.") or len(counts) > 1:
            return ", ".join(_difference(old, new, unit) for (old, unit), (new, _) in pairs if old != new)
        return ", ".join(f"{old:,} → {_counted(new, unit)}" for (old, unit), (new, _) in pairs if old != new)
    shape, new_shape = line.partition(",")[0], new_line.partition(",")[0]
    if " × " in shape + new_shape and shape != new_shape and max(len(shape), len(new_shape)) <= _ROOM:
        return f"{shape} → {new_shape}"
    return "changed"


def _short(kind: str) -> str:
    return kind.rpartition(".")[2]


def _counts(line: str) -> list[tuple[int, str]]:
    """What a summary counts in its beginning: "891 rows × 12 columns: …" has 891 rows and 12 columns."""
    start = line.partition(":")[0]
    return [(int(number.replace(",", "")), _single(unit)) for number, unit in _COUNT.findall(start)]


def _single(unit: str) -> str:
    return {"entries": "entry"}.get(unit, unit.removesuffix("s"))


def _counted(number: int, unit: str) -> str:
    many = {"entry": "entries"}.get(unit, unit + "s")
    return f"{number:,} {unit if number == 1 else many}"


def _difference(old: int, new: int, unit: str) -> str:
    return ("+" if new > old else "-") + _counted(abs(new - old), unit)
