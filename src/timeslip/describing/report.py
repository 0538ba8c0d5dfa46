"""Where the lines of one difference are gathered, within bounds."""

from __future__ import annotations

from timeslip.describing.brief import Patience, brief, cut
from timeslip.describing.sameness import Work

MAX_LINES = 40
_ROOM = 60


class Report:
    """Lines about one name; what is beyond the limit is counted, not kept.

    Lines about something that came begin with "+", that went with "-", all others with a space.
    """

    def __init__(self, work: Work | None = None, limit: int = MAX_LINES) -> None:
        self.work = work or Work()
        self.patience: Patience = self.work.patience
        self._lines: list[str] = []
        self._limit = limit
        self._left_out = 0

    def line(self, text: str) -> None:
        """Add one finished line."""
        if len(self._lines) < self._limit:
            self._lines.append(cut(text.replace("\n", "\\n"), 200))
        else:
            self._left_out += 1

    def inner(self) -> Report:
        """A report about a part of this one's subject."""
        return Report(self.work, self._limit)

    def take(self, other: Report) -> None:
        """Add the lines of another report."""
        for line in other.parts():
            self.line(line)

    def text(self, value: object, room: int = _ROOM) -> str:
        """A value in a few words."""
        return brief(value, room, patience=self.patience, depth=3)

    def changed(self, path: str, before: str, after: str) -> None:
        """One place that holds something else now."""
        told = f"{before} -> {after}" if before != after else f"{before} -> another that looks the same in short"
        self.line(f"  {path}: {told}".rstrip() if path else f"  {told}")

    def added(self, path: str, value: object) -> None:
        """Something that was not there before."""
        self.line(f"+ {path}: {self.text(value)}" if path else f"+ {self.text(value)}")

    def removed(self, path: str, value: object) -> None:
        """Something that is gone."""
        self.line(f"- {path}: {self.text(value)}" if path else f"- {self.text(value)}")

    def replaced(self, path: str, before: object, after: object) -> None:
        """One thing in the place of quite another."""
        self.removed(path, before)
        self.added(path, after)

    def more(self, count: int, word: str, where: str = "", *, many: str = "") -> None:
        """So many more like the ones before, not shown."""
        words = word if count == 1 else many or word + "s"
        self.line(f"  … {count:,} more {words}{' of ' + where if where else ''}")

    def parts(self) -> list[str]:
        """The lines so far, and how many were left out, without the notes that concern the whole comparison."""
        lines = list(self._lines)
        if self._left_out:
            lines.append(f"  … {self._left_out:,} more line{'' if self._left_out == 1 else 's'}")
        return lines

    def finished(self) -> tuple[str, ...]:
        """All lines, with a note about what is missing."""
        lines = self.parts()
        lines += [f"  note: {failure}" for failure in self.patience.failures]
        if self.work.cut:
            lines.append(
                "  note: too large or too deep to be compared in full; what is said holds for the part that was"
            )
        return tuple(lines)


def arrow(before: object, after: object, patience: Patience) -> str:
    """``1 -> 2``; when both look the same in so few words, that is said."""
    old, new = (brief(value, _ROOM, patience=patience) for value in (before, after))
    return f"{old} -> {new}" if old != new else f"{old} -> another that looks the same in short"
