"""How changes of large buffers are noticed: by the pages that were written, or by hashing, with the same digests.

Where the kernel tells which pages were written (`pages`, `watched`), a buffer that nobody has written to is not read,
and of one that was written in places only the pieces are hashed that have a written page. Of buffers that came back as
pages of a pack (`mapped`) the pages tell themselves. Everywhere else every buffer is hashed: on other systems, in
containers that forbid to ask, in forked children, and for small, shared or pinned memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from timeslip.codec.chunking import buffer_pieces
from timeslip.codec.parts import Items, Looked, Part, heard
from timeslip.state.digesting import digests_of
from timeslip.state.mapped import Lying, known_digests
from timeslip.state.mappings import address_of
from timeslip.state.watched import Key, NotTold, Range, Watched, process

WATCHED_BYTES = 1 << 19
"""Smaller buffers are hashed: what a look at a watched one costs in Python, about 15 µs, is the hash of 100 kB; and
more of them would be many maps."""

Said = tuple[tuple[bytes, ...], Range | None]
"""The digests of the pieces of a buffer, and what has to be kept for the next look at it to be cheap."""

_BY_PAGES = "written pages are asked of the kernel"


class Memory:
    """Digests of the pieces of buffers, for one session. Used under the session's lock.

    Never raises for what the system does or refuses: then buffers are hashed.

    Args:
        hashing: hash everything, as where the kernel does not tell; for tests and measurements.
        least: bytes of the smallest buffer that is watched.

    Attributes:
        still: what was said of buffers that are alive and were not written to since, and is said again; set for one
            look by whoever knows that.
    """

    def __init__(self, *, hashing: bool = False, least: int = WATCHED_BYTES) -> None:
        self._least = max(least, 1)
        self._table: Watched | None = None
        self._why = "all of them are, as was asked for" if hashing else ""
        self._reads_all = hashing
        self._lying = Lying()
        self.still: Mapping[Key, Said] = {}

    def _watched(self) -> Watched | None:
        if self._table is None and not self._why:
            try:
                self._table = process.take()
            except NotTold as reason:
                self._why = str(reason)
            except Exception as error:  # whatever the system does not let us do; there is hashing
                self._why = f"they cannot be watched ({type(error).__name__}: {error})"
        return self._table

    @property
    def is_watching(self) -> bool:
        """Whether large buffers are watched."""
        return self._watched() is not None

    @property
    def how(self) -> str:
        """How changes of large buffers are noticed and why, for people."""
        return _BY_PAGES if self._watched() is not None else f"hashed: {self._why}"

    def turn(self) -> None:
        """Code of the user may have run since the last look."""
        self._lying = Lying()
        if self._table is not None:
            self._table.turn()

    def begin_run(self) -> None:
        """Code of the user begins to run."""
        try:
            if self._table is not None:
                self._table.begin_run()
        except Exception:  # no thread can be started, or the like: what is rewritten takes longer
            return

    def digests(self, data: memoryview, row: int, limit: int) -> Said:
        """The digests of the pieces of a buffer, XXH3-128 of each.

        Args:
            data: one-dimensional memory of bytes; not kept.
            row: see `codec.chunking.buffer_pieces`, as *limit*.
            limit: bytes.

        Returns:
            The digests; and what has to be kept for the next look to be cheap, if anything.
        """
        if self.still and (said := self.still.get((address_of(data), len(data), row, limit))) is not None:
            return said
        known = None if self._reads_all else known_digests(data, row, limit, self._lying)
        if known is not None:
            return known, None
        if len(data) >= self._least:
            table = self._watched()
            found = table.look(data, row, limit) if table is not None else None
            if found is not None:
                return found.digests, found
        return tuple(digests_of(list(buffer_pieces(data, row, limit)))), None

    def look_at_items(self, start: int, size: int, step: int, items: Items, limit: int) -> Looked | None:
        """The parts of an array of objects that cannot change, of which only those are written that are not known.

        Args:
            start: address of its memory.
            size: bytes.
            step: bytes that the items of one part take there.
            items: these.
            limit: largest piece of a part, bytes.

        Returns:
            None where the kernel does not tell who writes there, or the items are others.
        """
        table = self._watched() if size >= step else None
        written = _Written(items)
        found = table.look_at_items(start, size, step, limit, written) if table is not None else None
        if found is None:
            return None
        noted, parts = [], []
        for number, said in enumerate(found.digests):
            note, length, digests = heard(said)
            noted.append(note)
            parts.append(Part(length, partial(_again, items, number), written.data.get(number), limit, digests))
        return Looked(noted, parts, found)

    def close(self) -> None:
        """Watch nothing any more; what is looked at from now on is hashed."""
        table, self._table = self._table, None
        self._why = self._why or "the session is closed"
        if table is not None:
            process.give_back(table)


class _Written:
    """Items of an array whose parts are kept as they are written."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self.data: dict[int, bytes] = {}
        self.check = items.check

    def write(self, number: int) -> tuple[int, bytes]:
        """As `Items.write`."""
        noted, self.data[number] = self._items.write(number)
        return noted, self.data[number]


def _again(items: Items, number: int) -> bytes:
    return items.write(number)[1]
