"""Facet ``random``: the generator behind the functions of the ``random`` module."""

from __future__ import annotations

import array
import random
import sys
from typing import Any, ClassVar

from timeslip.errors import FacetError
from timeslip.state.facets.base import FacetBase, moved, register
from timeslip.state.facets.differences import canonical, parsed
from timeslip.state.facets.watch import memory_of


@register
class RandomFacet(FacetBase):
    """State of the shared Mersenne twister, recorded whole. ``random.random`` and its like stay the same objects."""

    name: ClassVar[str] = "random"

    def __init__(self) -> None:
        super().__init__()
        self._seen: object = None
        self._data = b""

    def capture(self) -> bytes:
        """Version, the 625 words as hexadecimal, and the pending Gaussian; a microsecond when it has not moved."""
        seen = _seen()  # before it is asked: another thread may draw in between
        if seen is None or seen != self._seen:
            version, words, gauss = random.getstate()
            packed = array.array("I", words)
            if sys.byteorder == "big":
                packed.byteswap()
            self._data = canonical({"gauss": gauss, "version": version, "words": packed.tobytes().hex()}).encode()
            self._seen = seen
        return self._data

    def restore(self, data: bytes) -> None:
        """Set the generator; raises FacetError when the bytes are of another version of it."""
        document = parsed(data)
        try:
            packed = array.array("I", bytes.fromhex(document["words"]))
            if sys.byteorder == "big":
                packed.byteswap()
            random.setstate((document["version"], tuple(packed), document["gauss"]))
        except (KeyError, TypeError, ValueError) as error:
            raise FacetError(f"the random generator cannot take the recorded state ({error})") from error

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """Only whether it moved: the state means nothing to a reader."""
        return moved("random generator", before, after)


def _seen() -> object:
    """What is another as soon as the generator has moved; None where that cannot be told."""
    generator: Any = getattr(random.getstate, "__self__", None)  # anything may have been put there
    if type(generator) is not _RANDOM or not _TOLD:
        return None
    return id(generator), memory_of(generator), generator.gauss_next


_RANDOM: Any = random.Random


def _is_told() -> bool:
    generator = _RANDOM(0)
    before = memory_of(generator)
    generator.random()
    return before is not None and memory_of(generator) != before


_TOLD = _is_told()
