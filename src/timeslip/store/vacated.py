"""Packs with bytes in them that no row points to any more, or not yet, although they may be those of some value.

Whoever puts the bytes of a chunk into another pack leaves the old ones behind until their pack is rewritten, and is
killed, perhaps, before anything points to the new ones. `forget` erases what its rows point to; so that it erases the
rest as well, both packs are noted here, and `lock_of` keeps it apart from what is on its way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from timeslip.standard import json, time
from timeslip.store.host import FileLock

if TYPE_CHECKING:
    from timeslip.store.packs import Location
    from timeslip.store.repository import Repository

PAUSE = 0.03
"""So long whoever holds `lock_of` again and again lets go of it in between, seconds: longer than others sleep."""

_SLEEP = 0.02

_MOST_LEFT = 10_000
"""So many chunks that were not cold are looked at again the next time; of more, the oldest stay as they are."""

_KEY = "compacted"


@dataclass(slots=True)
class Position:
    """What a store remembers of compressing what is cold, and of what was put into another pack.

    Attributes:
        to: how far the chunks were looked at, by number.
        left: those before that were not cold then.
        vacated: packs with bytes in them that no row points to any more, or not yet: `forget` has them rewritten.
    """

    to: int = 0
    left: list[int] = field(default_factory=list)
    vacated: set[int] = field(default_factory=set)

    @classmethod
    def load(cls, repository: Repository) -> Position:
        """As it is now; of a note that cannot be read: from the beginning, and any pack may have such bytes."""
        row = repository._database.one("SELECT value FROM meta WHERE key = ?", (_KEY,))
        try:
            said = json.loads(row[0]) if row is not None else {}
            found = cls(int(said.get("to", 0)), list(map(int, said.get("left", ()))))
            found.vacated.update(map(int, said.get("vacated", ())))
        except (TypeError, ValueError, AttributeError):  # damaged: everything is looked at once more
            return cls(vacated=set(repository._packs.sizes()))
        found.vacated &= repository._packs.sizes().keys()
        return found

    def save(self, repository: Repository) -> None:
        """Inside an open transaction."""
        value = {"to": self.to, "left": sorted(self.left)[-_MOST_LEFT:], "vacated": sorted(self.vacated)}
        repository._database.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_KEY, json.dumps(value)))


class Moving:
    """Puts bytes that some pack has into another. Under `lock_of`, and inside `ChunkStore.appending`.

    Args:
        repository: the store.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._noted: set[int] = set()
        self._fresh: set[int] = set()
        """Packs that were not noted before: they have no such bytes but those that were put here."""

    def put(self, data: memoryview, phase: int | None) -> Location:
        """As `PackDirectory.append`; the pack is noted before."""
        packs = self._repository._packs
        self._note(packs.pack_for(data.nbytes))
        location = packs.append(data, phase=phase)
        self._note(location.pack)  # another, if a thread has filled that one meanwhile
        return location

    def _note(self, pack: int) -> None:
        if pack in self._noted:
            return
        with self._repository._database.write():
            position = Position.load(self._repository)
            if pack not in position.vacated:
                self._fresh.add(pack)
                position.vacated.add(pack)
                position.save(self._repository)
        self._noted.add(pack)

    def finish(self, position: Position, *, all_used: bool, vacated: Iterable[int] = ()) -> None:
        """Inside the transaction that points to what was put: say so in *position*, which the caller saves.

        Args:
            position: as it is now.
            all_used: everything that was put is pointed to; else something was removed or moved meanwhile.
            vacated: packs in which these bytes are as well.
        """
        if all_used:
            position.vacated -= self._fresh
        position.vacated.update(vacated)


def lock_of(repository: Repository) -> FileLock:
    """Held while bytes are on the way from one pack to another."""
    return FileLock(repository.directory / "compaction.lock")


def take(lock: FileLock, seconds: float) -> bool:
    """Wait so long for a lock; also True where there are no locks."""
    deadline = time.monotonic() + seconds
    while not lock.try_exclusive():
        if not lock.supported:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(_SLEEP)
    return True


def vacated_packs(repository: Repository) -> set[int]:
    """Packs that may hold bytes of chunks that are elsewhere now. Asked under `lock_of`."""
    return Position.load(repository).vacated
