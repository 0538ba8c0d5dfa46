"""Values whose parts all lead back to one object, captured beside it.

Every artist of matplotlib leads to its figure, and a figure to all of its artists. So a list of two lines holds the
whole figure: after twenty cells that plot, `Out` has twenty such lists, and a pass over each would be a pass over the
figure each time. Such an object is a *hub*. What a value holds beside its hub is pickled by itself, with the places
that its parts have in the pass over the hub: that, and what the hub is like, say all that a pass of its own would say.
Nothing is ever loaded from it.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from timeslip.codec.addresses import Links, union
from timeslip.codec.captured import Captured
from timeslip.codec.definitions import is_a, of
from timeslip.codec.kinds import attributes_of
from timeslip.codec.linking import is_atom, linking_addresses
from timeslip.codec.passes import Pass
from timeslip.codec.picklers import FastPickler, met_objects
from timeslip.codec.streams import has_special

if TYPE_CHECKING:
    from timeslip.codec.capture import Encoder

_MOST_PARTS = 1_000
_LIBRARIES = frozenset({"matplotlib", "mpl_toolkits"})
_FIGURE_OF = ("_parent_figure", "figure")
"""Attributes that hold what an artist is drawn on, of newer and older releases."""


def hub_of(value: Any) -> tuple[Any, list[Any]] | None:
    """The hub that *value* leads to, by itself or by all of its items that are no atoms, and these; or None."""
    artist: Any = getattr(sys.modules.get("matplotlib.artist"), "Artist", None)
    figure: Any = getattr(sys.modules.get("matplotlib.figure"), "Figure", None)
    if not (is_a(artist, type) and is_a(figure, type)):
        return None
    parts = _parts(value)
    hubs = {id(hub): hub for part in parts for hub in (_figure_of(part, artist, figure),)}
    found = next(iter(hubs.values()), None)
    return None if found is None or len(hubs) > 1 else (found, parts)


def _parts(value: Any) -> list[Any]:
    kind = type(value)
    items: Any = (value,)
    if kind is list or kind is tuple:
        items = value
    elif kind is dict:
        items = value.values()
    elif kind is getattr(sys.modules.get("numpy"), "ndarray", None) and value.dtype.hasobject:
        items = value.flat if value.dtype == object else ()
    few = list(islice(items, _MOST_PARTS + 1))
    return [part for part in few if not is_atom(part)] if len(few) <= _MOST_PARTS else []


def _figure_of(part: Any, artist: type, figure: type) -> Any | None:
    """The figure that a library's own artist leads to: a class of the user's may leave that out of its state."""
    for _ in range(_DEPTH):
        kind = type(part)
        if kind is figure:
            return part
        if not issubclass(kind, artist) or str(of(kind, "__module__")).partition(".")[0] not in _LIBRARIES:
            return None
        attributes = attributes_of(part) or {}
        part = next((attributes[name] for name in _FIGURE_OF if name in attributes), None)
    return None


_DEPTH = 6
"""Subfigures within each other that are gone through."""


_FIRST_PLACE = 1 << 31
"""Added to places in the pass over a hub: the pickler counts from 0 what it meets beside it."""


_PLAIN = frozenset({list, tuple, dict})


def _is_plain(obj: Any) -> bool:
    """Whether *obj* is a plain container, an atom, or what belongs to an array of objects in a stream."""
    numpy = sys.modules.get("numpy")
    kind = type(obj)
    is_array = kind is getattr(numpy, "ndarray", None) or issubclass(kind, getattr(numpy, "dtype", ()))
    return kind in _PLAIN or kind is types.FunctionType or is_array or is_atom(obj)


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub that was captured, by itself.

    Attributes:
        captured: its capture, not released.
        digest: what it is like.
        places: address of what the pass met -> its place there. No objects: how often these are held is counted.
    """

    captured: Captured
    digest: bytes
    places: dict[int, int]


def as_hub(captured: Captured, digest: bytes) -> Hub | None:
    """The hub of a capture, or None where nothing can be captured beside it."""
    pickler, _, state = captured.memo
    if captured.mode != "fast" or type(pickler) is not FastPickler or state.prefixed:
        return None
    return Hub(captured, digest, {address: place for address, (place, _) in pickler.memo.copy().items()})


class _Beside:
    """What two passes met, as `picklers.met_objects` asks for it."""

    def __init__(self, pickler: Any, own: list[Any]) -> None:
        self._pickler, self._own = pickler, own

    @property
    def memo(self) -> dict[int, tuple[int, Any]]:
        """Every object by its address."""
        return {id(obj): (0, obj) for obj in (*met_objects(self._pickler), *self._own)}


def beside(encoder: Encoder, hub: Hub, key: str, value: Any, parts: Iterable[Any]) -> Captured | None:
    """A capture of *value* that is good for everything but being stored.

    None where a pass of its own is needed: it holds more than plain containers and what the pass over the hub met.

    Args:
        encoder: that made the other one.
        hub: of *value*.
        key: node key.
        value: the object.
        parts: as `hub_of` gives them.
    """
    if any(id(part) not in hub.places for part in parts):
        return None
    met = {id(part): (_FIRST_PLACE + hub.places[id(part)], part) for part in parts}
    state = Pass(encoder, frozenset())
    pickler = FastPickler(state)
    pickler.memo = met
    payload = [value]
    try:
        pickler.dump(payload)
    except Exception:  # users' and libraries' code may run: the pass of its own says what is wrong
        return None
    own = [obj for address, (_, obj) in pickler.memo.copy().items() if address not in met]
    special = state.holes or state.references or state.buffers or state.out_of_band or state.by_hand or state.held
    if special or state.nans or state.hashing or state.odd or has_special(state.writer.segments):
        return None
    if not all(map(_is_plain, own)):
        return None
    whole = hub.captured
    captured = replace(
        whole,
        keys=(key,),
        segments=[hub.digest, *state.writer.segments],
        buffers=[],
        out_of_band=[],
        rows=[],
        links=frozenset(),
        hidden=frozenset(),
        own={},
        spans=[*whole.spans, *state.spans],
        roots=whole.roots | state.roots,
        blocks=whole.blocks | state.blocks,
        plain=False,
        memo=(_Beside(whole.memo[0], own), payload, state),
    )
    left_out = {id(payload), *map(id, state.keep), *map(id, encoder.seeds)}

    def find(weak_roots: Collection[int]) -> Links:
        whole.find_links(weak_roots)
        captured.hidden = whole.hidden
        kinds = list(map(type, own))
        links = linking_addresses(own, kinds, left_out, [], weak_roots, state.met, False, reduced=state.asked)
        return union([whole.links, links])

    captured.find = find
    return captured
