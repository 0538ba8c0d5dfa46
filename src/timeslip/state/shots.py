"""The captures of one update of the tracker: of a node or several, with what was learnt from each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from timeslip.codec.captured import Captured
from timeslip.codec.earlier import Earlier
from timeslip.codec.loaded import Loaded
from timeslip.errors import UnstorableError
from timeslip.standard import time
from timeslip.state.capturing import capture_of, mark_before
from timeslip.state.fingerprint import Fingerprint

if TYPE_CHECKING:
    from timeslip.state.covariables import Covariable, Tracker

HUB = "\0hub"
"""Stands for the key of a hub while it is captured by itself: among `Shots.definitions`."""

_QUICK, _QUICK_IF_SMALL, _SMALL = 0.005, 0.1, 100_000
"""Captures up to this many seconds may be made twice; the second for those of up to so many bytes."""


@dataclass(slots=True)
class Shot:
    """One capture with what was learnt from it; `captured` is None when it failed."""

    captured: Captured | None
    fingerprint: Fingerprint
    seconds: float
    failure: str | None = None
    keys: tuple[str, ...] = ()
    mark: bytes | None = None
    beside: bool = False
    """Whether it was made beside a hub, and cannot be stored."""


class Shots:
    """What one update captures. While it lives, all of that stays alive.

    Args:
        tracker: that is brought up to date.
        snapshot: node key -> object of every name.
        loaded: node key -> a value that was just loaded, whose capture is known.
        noted: node key -> digest of the version that was just loaded, after a second capture.

    Attributes:
        definitions: node key -> class or function that no registry finds.
        taken: all captures.
    """

    def __init__(
        self, tracker: Tracker, snapshot: Mapping[str, Any], loaded: Mapping[str, Loaded], noted: Mapping[str, bytes]
    ) -> None:
        self._tracker = tracker
        self._snapshot = snapshot
        self._loaded = loaded
        self._noted = noted
        self.definitions: dict[str, Any] = {}
        self.taken: list[Captured] = []

    def object(self, key: str) -> Any:
        """What *key* stands for; None for a class or function that is gone."""
        if not key.startswith("def:") and key is not HUB:
            return self._snapshot[key]
        known = self.definitions.get(key)
        return known if known is not None else self._tracker.encoder.registry.live(key[4:])

    def take(
        self,
        keys: Iterable[str],
        shared: frozenset[int] = frozenset(),
        *,
        deep: bool = False,
        marked: bool = True,
        mark: bytes | None = None,
        whole: bool = False,
    ) -> Shot:
        """Capture nodes together; their *mark* is not taken again where it was just taken.

        *whole*: nothing that is known from an earlier capture is left out.
        """
        began, tracker = time.perf_counter(), self._tracker
        tracker.looked()
        nodes = [(key, self.object(key)) for key in keys]
        known = self._loaded.get(nodes[0][0]) if len(nodes) == 1 else None
        if known is not None and known.value is nodes[0][1]:
            self.taken.append(known.captured)
            print_ = tracker.fingerprint(known.captured)
            return Shot(known.captured, print_, known.seconds, mark=known.mark)
        before = tracker.groups.get(nodes[0][0])
        earlier = _earlier(before) if before is not None and not whole else None
        if marked and mark is None:
            mark = mark_before(nodes, tracker.encoder, before is not None and before.walks)
        try:
            captured = capture_of(tracker.encoder, nodes, shared, deep=deep, earlier=earlier)
        except UnstorableError as error:
            never_equal = Fingerprint(f"failed {tracker.count}".encode())
            return Shot(None, never_equal, time.perf_counter() - began, error.message)
        self.taken.append(captured)
        print_ = tracker.fingerprint(captured)
        return Shot(captured, print_, time.perf_counter() - began, mark=mark)

    def mark_again(self, group: Covariable) -> bytes | None:
        """The mark of *group* as it stands, to be compared with that of its last capture; None where there is none."""
        objects = [self.object(key) for key in group.keys]
        if group.mark is None and group.walks is False:
            return None
        return mark_before(list(zip(group.keys, objects, strict=True)), self._tracker.encoder, group.walks)

    def steady(self, keys: tuple[str, ...], shot: Shot, shared: frozenset[int] = frozenset()) -> Shot:
        """*shot*, or a second one where the first has itself changed the object.

        The first reduction of some objects fills a cache or makes an attribute dict; only the second is the same again.
        """
        if shot.captured is None or not shot.captured.reduced:
            return shot
        if len(keys) == 1 and self._noted.get(keys[0]) == shot.fingerprint.digest:
            return shot  # loaded, and steady already: this is what was noted of that version after a second capture
        # On a slow machine a small object takes its time, too, and would look changed by nothing the next time.
        if shot.seconds > (_QUICK if shot.captured.size > _SMALL else _QUICK_IF_SMALL):
            return shot
        again = self.take(keys, shared, deep=shot.captured.is_deep)
        return shot if again.fingerprint.digest == shot.fingerprint.digest else again


def _earlier(group: Covariable) -> Earlier | None:
    """What is known of the islands of *group*: they need not be written again where their chunks are known.

    The first capture of text and numbers gives no marks of islands: they take as long as writing, and many are never
    changed.
    """
    if not group.islands:
        return None
    if len(group.islands) != len(group.islands_of):
        return Earlier((), ())
    return Earlier(group.islands, group.fingerprint.segments[1:-1])
