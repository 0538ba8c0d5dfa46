"""The lanes of the history graph, drawn beside the commits. Pure: knows ids and parents only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """What stands left of one commit.

    Attributes:
        before: a line to draw above the commit (lanes that join here), or empty.
        node: beside the commit's first line.
        after: beside its further lines.
    """

    before: str
    node: str
    after: str


def lanes(commits: Sequence[tuple[str, Sequence[str]]], head: str | None = None) -> Iterator[Row]:
    """One `Row` per commit; *commits* are (id, parents), children before parents.

    A lane is a column that waits for one commit. A commit takes the first lane that waits for it; other lanes waiting
    for the same commit (branches that began there) join it just above.
    """
    waiting: list[str | None] = []
    for commit, parents in commits:
        mine = [index for index, wanted in enumerate(waiting) if wanted == commit]
        before = ""
        if not mine:
            place = waiting.index(None) if None in waiting else len(waiting)
            if place == len(waiting):
                waiting.append(commit)
            waiting[place] = commit
        else:
            place = mine[0]
            if len(mine) > 1:
                before = _join(waiting, mine)
                for index in mine[1:]:
                    waiting[index] = None
        while waiting and waiting[-1] is None:
            waiting.pop()
        node = _draw(waiting, place, "●" if commit == head else "○")
        waiting[place] = parents[0] if parents else None
        after = _draw(waiting, -1, "")
        while waiting and waiting[-1] is None:
            waiting.pop()
        yield Row(before, node, after)


def _draw(waiting: Sequence[str | None], place: int, mark: str) -> str:
    cells = [mark if index == place else ("│" if wanted else " ") for index, wanted in enumerate(waiting)]
    return " ".join(cells)


def _join(waiting: Sequence[str | None], mine: Sequence[int]) -> str:
    first, last = mine[0], mine[-1]
    drawn = ""
    for index, wanted in enumerate(waiting):
        inside = first <= index < last
        if index == first:
            mark = "├"
        elif index == last:
            mark = "╯"
        elif index in mine:
            mark = "┴"
        elif inside:
            mark = "│" if wanted else "─"
        else:
            mark = "│" if wanted else " "
        drawn += mark + ("─" if inside else " ")
    return drawn.rstrip()
