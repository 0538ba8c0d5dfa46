"""Graphs of instances that are deeper than the recursion limit, at the speed of the C pickler.

That one goes down into what an instance holds before it goes on. So every plain instance is written empty where it is
met, and at the end of the stream comes a list of what is in them, one after the other. What is in one of them may hold
further instances; they are written empty there, and added to the list while it is written.

Until the end of a load the instances are empty. Such a stream is right only if nothing in it asks them for what they
hold while it is made: no hashes and no comparisons of the user's, no objects that are made by calling something with
them.
"""

from __future__ import annotations

import copyreg
from collections import deque
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from timeslip.codec import load

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass
    from timeslip.codec.reducers.instances import Plain

_TRACKED = 1 << 14
"""Flag of types whose instances may hold any object (``Py_TPFLAGS_HAVE_GC``)."""


class Deep:
    """What one deep pass has met.

    Attributes:
        others: classes of what Python was called for and that is no plain instance.
        empty: class -> the reduction of its instances as empty ones.
        postpone: called with an instance that was written so; what is in it comes with `parts`.
    """

    def __init__(self) -> None:
        self.others: set[type] = set()
        self.empty: dict[type, Any] = {}
        self._plain: dict[type, Plain] = {}
        self._postponed: deque[Any] = deque()
        self.postpone = self._postponed.append

    def take(self, kind: type, plain: Plain) -> Any:
        """The reduction of instances of *kind* from now on."""
        self._plain[kind] = plain
        made = copyreg.__newobj__, (kind,)  # type: ignore[attr-defined]  # of the protocol, not in the stubs
        self.empty[kind] = made
        return made

    def parts(self) -> Iterator[Any]:
        """Each instance, what is in its slots, its attribute dict, and None; writing them may add to them.

        Pickle may ask for an item before it has written the one before. With None between, what may hold further
        instances is always written before the next one is asked for.
        """
        postponed, plain_of = self._postponed, self._plain
        while postponed:
            obj = postponed.popleft()
            plain = plain_of[type(obj)]
            yield obj
            yield plain.slots_in(obj)
            yield plain.dict_of(obj) if plain.dict_of is not None else None
            yield None

    def can_be_read(self, by_identity: Collection[type]) -> bool:
        """Whether nothing that was met may ask an instance for what is in it before it is there.

        Args:
            by_identity: classes of what is not made from what it holds.
        """
        made = [kind for kind in self.others if kind not in by_identity and kind not in _OWN]
        return not self._postponed and not any(kind.__flags__ & _TRACKED for kind in made if not issubclass(kind, type))


class Whole:
    """A payload in which instances stand empty, with what is in them."""

    __slots__ = ("payload",)

    def __init__(self, payload: list[Any]) -> None:
        self.payload = payload


class Parts:
    """Stands for the list of what is in the instances of a pass."""

    __slots__ = ()


_OWN = frozenset({Whole, Parts})


def reduce_whole(state: Pass, whole: Whole) -> Any:
    """As any reducer."""
    parts = Parts()
    state.keep += (whole, parts)
    return load.filled, (whole.payload, parts)


def reduce_parts(state: Pass, _: Parts) -> Any:
    """As any reducer."""
    assert state.deep is not None
    return list, (), None, state.deep.parts()
