"""Arrays of Python objects that are nothing but text and numbers: a few pickles inside the pickle hold their items.

A column of a hundred thousand texts is as many objects in the memo of a pass, and each is asked for after it: in the
order of that table, which is none, so that it takes many times what pickle takes. What nobody can tell from a copy
need not be in that memo. Who holds a text besides does not matter (`linking`), unless it is large; numbers that are
none are objects that can be told from one another, and stand beside the rest with their places.
"""

from __future__ import annotations

import io
import math
import pickle
import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import chain, compress, count
from operator import ne
from typing import TYPE_CHECKING, Any, NoReturn

from timeslip.codec.streams import has_special, may_hold_large_text

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_PLAIN = frozenset({str, int, float, bool, type(None)})
_LEAST = 256
"""So few items are written as any list."""
_PART = 1 << 13
"""So many are a pickle of their own: less memory at a time, and a change shows in one of them."""
_SAMPLE = 256
_MOST_NANS = 64

Packed = tuple[list[bytes], list[tuple[Any, bytes]]]
"""The pickles; and each number that is none, or what it is called, with the places where it stands."""


def packed(state: Pass, items: list[Any]) -> Packed | None:
    """*items* as pickles of their own, where nobody can tell what they hold from copies; None where somebody can.

    Args:
        state: of the pass.
        items: a list that nobody else has.
    """
    if len(items) < _LEAST:
        return None
    try:
        kinds = set(map(type, items))
    except Exception:  # a metaclass of the session that lets nobody hash its classes
        return None
    if not kinds <= _PLAIN or (str in kinds and _are_known(state, items)):
        return None
    nans = _nans(items) if float in kinds else []
    if nans is None:
        return None
    rest = items
    if nans:
        rest = items.copy()
        for _, places in nans:
            for place in places:
                rest[place] = None
    parts = [pickle.dumps(rest[first : first + _PART], 5) for first in range(0, len(rest), _PART)]
    if any(has_special((part,)) or may_hold_large_text((part,)) for part in parts):
        return None
    return parts, [(_called(nan), places.tobytes()) for nan, places in nans]


def unpacked(parts: Iterable[bytes], nans: Iterable[tuple[Any, bytes]]) -> list[Any]:
    """The items of which `packed` made that."""
    items = list(chain.from_iterable(_Plain(io.BytesIO(part)).load() for part in parts))
    for nan, places in nans:
        number = _NANS[nan]() if isinstance(nan, str) else nan
        for place in array("Q", places):
            items[place] = number
    return items


class _Plain(pickle.Unpickler):
    """What holds nothing but text and numbers names nothing."""

    def find_class(self, module_name: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module_name}.{name} is neither text nor a number")


def _are_known(state: Pass, items: Sequence[Any]) -> bool:
    """Whether most of the texts are in another array of this pass: each would load them once more.

    Of both some are compared, those at the same places. Where these are few texts, loading them again is nothing.
    """
    sample = {id(item) for item in items[:: -(-len(items) // _SAMPLE)] if type(item) is str and len(item) > 1}
    known = len(sample & state.sampled)
    state.sampled |= sample
    return 2 * known > len(sample) > _SAMPLE // 4


def _nans(items: list[Any]) -> list[tuple[Any, array[int]]] | None:
    """The numbers among *items* that are none, each object with its places; None where they are very many."""
    found: dict[int, tuple[Any, array[int]]] = {}
    for place in compress(count(), map(ne, items, items)):
        number = items[place]
        entry = found.get(id(number))
        if entry is None:
            if len(found) == _MOST_NANS:
                return None
            entry = found[id(number)] = number, array("Q")
        entry[1].append(place)
    return list(found.values())


_NANS: dict[str, Any] = {"math": lambda: math.nan, "numpy": lambda: sys.modules["numpy"].nan}


def _called(number: float) -> float | str:
    """What the NaN objects are called that everybody knows: named, they need no pass that looks for such numbers."""
    if number is math.nan:  # noqa: PLW0177 - its identity is asked for, not its value
        return "math"
    numpy = sys.modules.get("numpy")
    return "numpy" if numpy is not None and number is numpy.nan else number
