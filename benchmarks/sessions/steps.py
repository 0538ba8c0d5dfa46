"""What a session consists of: cells, and travels between the states after them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """One thing that the user does.

    Attributes:
        kind: what it is in the tables; steps of one kind are summed up together.
        code: of the cell; empty for a travel.
        travel: "undo", "redo" or "checkout"; empty for a cell.
        to: number of the cell (from 0, travels not counted) after which the state is that the travel leads to.
    """

    kind: str
    code: str = ""
    travel: str = ""
    to: int = -1


@dataclass(frozen=True)
class Workload:
    """A session that can be had from every contender.

    Attributes:
        name: in tables and on the command line.
        says: what it is, with its size.
        steps: in order.
        probe: expression whose value tells states apart; asked only in the session whose times do not count.
        folder: the kernel's working directory is a copy of it; None for an empty one.
        needs: distributions that have to be installed beside the common ones.
    """

    name: str
    says: str
    steps: tuple[Step, ...]
    probe: str
    folder: Path | None = None
    needs: tuple[str, ...] = ()

    @property
    def cells(self) -> list[Step]:
        """The steps that run code."""
        return [step for step in self.steps if step.code]


@dataclass
class Script:
    """A workload while it is written down: keeps count of the cells and of where the session is.

    Attributes:
        steps: what there is up to now.
    """

    steps: list[Step] = field(default_factory=list)
    _cells: int = 0
    _operations: list[int] = field(default_factory=list)
    _at: int = -1

    def cell(self, kind: str, code: str) -> int:
        """Run *code*; its number, to travel to."""
        del self._operations[self._at + 1 :]
        self.steps.append(Step(kind, code=code))
        self._operations.append(self._cells)
        self._at += 1
        self._cells += 1
        return self._cells - 1

    def undo(self, kind: str) -> None:
        """Take back the last operation that has not been taken back."""
        self._at -= 1
        self.steps.append(Step(kind, travel="undo", to=self._operations[self._at]))

    def redo(self, kind: str) -> None:
        """Do again what was taken back last."""
        self._at += 1
        self.steps.append(Step(kind, travel="redo", to=self._operations[self._at]))

    def checkout(self, kind: str, to: int) -> None:
        """Go to the state after cell *to*."""
        del self._operations[self._at + 1 :]
        self.steps.append(Step(kind, travel="checkout", to=to))
        self._operations.append(to)
        self._at += 1
