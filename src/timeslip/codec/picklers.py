"""The C pickler with our reducers, and what its memo holds after a pass."""

from __future__ import annotations

import gc
import pickle
from typing import TYPE_CHECKING, Any

from timeslip.codec.streams import LARGE_NUMBER, SegmentWriter

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass

PROTOCOL = 5
_LARGE_INT = 1 << (8 * LARGE_NUMBER)


class FastPickler(pickle.Pickler):
    """The C pickler with our reducers."""

    def __init__(self, state: Pass) -> None:
        super().__init__(state.writer, PROTOCOL, buffer_callback=state.out_of_band.append)
        self._reduce = state.reduce
        self.state = state
        self.bare: set[int] = set()
        """Addresses of what the pickler refers to beside its memo, for `met_objects`."""

    def reducer_override(self, obj: Any) -> Any:
        """Called by pickle for what is no plain container, number or text."""
        return self._reduce(obj)


class NanPickler(FastPickler):
    """The same, with NaN objects by identity."""

    def persistent_id(self, obj: Any) -> Any:
        """Called by pickle for every object: numbers whose identity it would lose."""
        kind = type(obj)
        if kind is float:
            return self.state.nan(obj) if obj != obj else None
        if kind is int and (obj > _LARGE_INT or obj < -_LARGE_INT):
            return self.state.large_int(obj)
        return None


def met_objects(pickler: Any) -> list[Any]:
    """What is in the memo of *pickler*, in no order."""
    if not isinstance(pickler, FastPickler) or not _SHOWS_MEMO:
        return [obj for _, obj in pickler.memo.copy().values()]
    # A list of what the pickler refers to, made in C: twenty times faster than a copy of the memo.
    held = gc.get_referents(pickler)
    for part in (slice(-_ENDS, None), slice(_ENDS)):  # what it refers to beside its memo comes first or last
        held[part] = [obj for obj in held[part] if id(obj) not in pickler.bare]
    return held


_ENDS = 64


def _shows_memo() -> bool:
    """Whether the garbage collector sees what is in the memo of a pickler: on CPython 3.11 and later it does."""
    pickler = pickle.Pickler(SegmentWriter(), PROTOCOL)
    met: list[Any] = [[], []]
    pickler.dump(met)
    seen = gc.get_referents(pickler)
    return all(any(obj is held for held in seen) for obj in (met, *met))


_SHOWS_MEMO = _shows_memo()
