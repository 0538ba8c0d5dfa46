"""Removing for good: which records go, and what still says or makes the same, so that nobody feels safe too early."""

from __future__ import annotations

import re
from contextlib import suppress

from timeslip.describing.summary import counted
from timeslip.errors import StoreError
from timeslip.history import History
from timeslip.ids import ChunkId, RecordId
from timeslip.live import Live
from timeslip.model import Commit, Forgotten, is_name
from timeslip.standard import json
from timeslip.store.kept import Change, KeptCell
from timeslip.store.maintenance import forget
from timeslip.store.repository import Repository

_LISTED = 5
"""So many commits are named at most."""


def forget_for_good(live: Live, history: History, target: str) -> Forgotten:
    """Remove all versions of a name, or what a commit alone says.

    Raises:
        CommitNotFoundError: *target* is neither a name that was ever recorded nor a REF.
        StoreError: not everything could be removed; call again.
    """
    records = history.versions_of(target)
    commit = None if records else history.resolve(target)
    said = None if commit is None else history.commit(commit)
    if commit is not None:
        records = history.said_by(commit)
    names = _names_of(live, records)
    with live.changing():
        report = forget(live.repository, live.session, records, cells=_left_of_cells(live.repository, said))
        live.forget_bodies()
        live.dirty({key for key, record in live.records.items() if record in records})
    bound = tuple(sorted(set(live.namespace.snapshot()) & set(names)))
    code = _code_about(history, target) if commit is None else ()
    messages = [_done(target, said, names), *_still(target, bound, code)]
    if live.repository.commits_with_cells(live.session):
        messages.append(_of_cells(said))
    if report.shared:
        messages.append(
            f"{counted(report.shared, 'chunk')} of it stay, because other values hold the same bytes: `forget` these, "
            "too, to erase them"
        )
    if report.waiting:
        messages.append(
            "a live kernel still writes to a file that may hold some of its bytes, and lets go of it with its next "
            "steps: `forget` it again then, which erases them"
        )
    return Forgotten(tuple(messages), tuple(commit.id for commit in code), bound)


def _left_of_cells(repository: Repository, said: Commit | None) -> Change:
    """What is left of a kept cell of the notebook.

    With a commit goes every cell in which its code stands, as the same lines below each other, whatever that cell has
    become since. With a name go the outputs of all cells: any of them may show its values.
    """
    lines = _lines(said.code or "") if said is not None else []
    known: dict[str, bool] = {}

    def says(chunk: ChunkId) -> bool:
        if chunk not in known:
            try:
                source = json.loads(repository.get_chunk(chunk)).get("source", "")
            except (StoreError, ValueError, AttributeError):  # nobody can read it: it may say anything
                return known.setdefault(chunk, True)
            known[chunk] = _stands_in(lines, _lines("".join(source)))
        return known[chunk]

    def left(cell: KeptCell) -> KeptCell:
        if said is None:
            return KeptCell(cell.cell)
        return KeptCell(None) if lines and cell.cell is not None and says(cell.cell) else cell

    return left


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _stands_in(lines: list[str], source: list[str]) -> bool:
    count = len(lines)
    return any(source[at : at + count] == lines for at in range(len(source) - count + 1))


def _names_of(live: Live, records: set[RecordId]) -> list[str]:
    """The names whose values go, also those that share objects with what was asked for."""
    found: set[str] = set()
    for record in records:
        with suppress(StoreError):  # a text, or a value that is forgotten already
            found.update(live.repository.record("value", record, trusted=False, dropped=True).get("keys", ()))
    return sorted(filter(is_name, found))


def _done(target: str, said: Commit | None, names: list[str]) -> str:
    if said is None:
        others = [name for name in names if name != target]
        more = f", and {', '.join(others)}, which shared objects with it" if others else ""
        return f"forgot every recorded value of {target} for good{more}"
    count = f"In[{said.execution_count}], " if said.execution_count is not None else ""
    values = f", and the values that it made of {', '.join(names)}" if names else ""
    return f"forgot the code and message of {count}commit {said.id[:8]}, for good{values}"


def _of_cells(said: Commit | None) -> str:
    if said is None:
        return "the outputs kept with the cells of the notebook are gone, too: any of them could be of those values"
    return "of the cells that were kept with commits, those in which that code stands are gone, too"


def _still(target: str, bound: tuple[str, ...], code: tuple[Commit, ...]) -> list[str]:
    """What still holds, says or makes it, and what to type."""
    messages = []
    if bound:
        they = f"{', '.join(bound)} {'is' if len(bound) == 1 else 'are'} still in the namespace"
        messages.append(f"{they}: the next step records that value again, unless that is `del {', '.join(bound)}`")
    if code:
        cells = [
            f"{commit.id[:8]} (In[{commit.execution_count}])" if commit.execution_count is not None else commit.id[:8]
            for commit in code[:_LISTED]
        ]
        more = f" and {len(code) - _LISTED} more" if len(code) > _LISTED else ""
        messages.append(
            f"the recorded code of {', '.join(cells)}{more} still names {target}: it may make the value again, and "
            f"holds what was written there as text; `forget {code[0].id[:8]}` removes that code, too"
        )
    return messages


def _code_about(history: History, name: str) -> tuple[Commit, ...]:
    """Commits whose code or message names *name*, newest first, those that made or changed it before the others."""
    word = re.compile(rf"(?<![\w]){re.escape(name)}(?![\w])")
    touching = (commit for commit in history.log(all=True, names=[name]) if commit.code is not None)
    made = {commit.id: commit for commit in touching if name in (*commit.names.created, *commit.names.changed)}
    saying = (commit for commit in history.log(all=True, grep=name) if commit.id not in made)
    named = [commit for commit in saying if word.search(f"{commit.code or ''}\n{commit.message or ''}")]
    return (*made.values(), *named)
