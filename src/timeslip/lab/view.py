"""What one request of a front end looks at: a store that is open for reading, and one session in it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from timeslip.errors import SessionNotFoundError
from timeslip.history import History
from timeslip.ids import SessionId
from timeslip.stored import StoredSession

if TYPE_CHECKING:
    from timeslip.model import Status
    from timeslip.store.repository import Repository
    from timeslip.store.rows import SessionRow
    from timeslip.whereabouts import Whereabouts


@dataclass(frozen=True, slots=True)
class View:
    """One session as it is recorded. Made anew for each request: the session may have become another one.

    Attributes:
        repository: a store that nobody else writes through.
        session: id of the session.
        here: what the live session says of itself; None where only the store is asked.
        kernel: whose HEAD is meant; None for the kernel that holds the session, or held it last.
    """

    repository: Repository
    session: SessionId
    here: Whereabouts | None = None
    kernel: str | None = None

    @property
    def history(self) -> History:
        """The history of the session."""
        return History(self.repository, self.session, self.kernel)

    def stored(self) -> SeenSession:
        """What the reading verbs take for a session. Raises SessionNotFoundError: it was removed."""
        row = next((row for row in self.repository.sessions() if row.id == self.session), None)
        if row is None:
            raise SessionNotFoundError("this session is not in the store any more", hint="`timeslip sessions`")
        return SeenSession(self.repository, row, self.kernel, self.here)


class SeenSession(StoredSession):
    """A stored session that knows what its kernel says of itself."""

    def __init__(self, repository: Repository, row: SessionRow, kernel: str | None, here: Whereabouts | None) -> None:
        super().__init__(repository, row, kernel)
        self._here = here

    def status(self) -> Status:
        """As far as the store knows, and why recording is paused."""
        status = super().status()
        if self._here is None:
            return status
        return dataclasses.replace(
            status,
            paused=self._here.paused,
            unfinished=self._here.unfinished,
            resumable=self._here.resumable,
            shared=self._here.shared,
        )
