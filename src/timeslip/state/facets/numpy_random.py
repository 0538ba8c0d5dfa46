"""Facet ``numpy_random``: numpy's global (legacy) generator, the one behind ``numpy.random.rand`` and ``seed``."""

from __future__ import annotations

import importlib
import sys
from functools import cache
from typing import Any, ClassVar

from timeslip.errors import FacetError
from timeslip.state.facets.base import FacetBase, moved, register
from timeslip.state.facets.differences import canonical, parsed
from timeslip.state.facets.watch import memory_of


@register
class NumpyRandomFacet(FacetBase):
    """State of the global ``RandomState``, recorded whole. The object stays, so bound methods people keep go on."""

    name: ClassVar[str] = "numpy_random"

    def __init__(self) -> None:
        super().__init__()
        self._seen: object = None
        self._data = b""

    def available(self) -> bool:
        """Whether ``numpy.random`` is loaded, completely."""
        return hasattr(sys.modules.get("numpy.random"), "get_state")

    def capture(self) -> bytes:
        """The state as numpy's own dictionary, arrays as little-endian hexadecimal."""
        seen = _seen()  # before it is asked: another thread may draw in between
        if seen is None or seen != self._seen:
            self._data = canonical(_plain(sys.modules["numpy.random"].get_state(legacy=False))).encode()
            self._seen = seen
        return self._data

    def restore(self, data: bytes) -> None:
        """Set the generator, loading numpy if it is not (the recorded process had it).

        Raises:
            FacetError: no numpy here, or one that does not know the recorded bit generator.
        """
        document = parsed(data)
        try:
            generator = importlib.import_module("numpy.random")
            numpy = sys.modules["numpy"]
            state = _live(document, numpy)
            if generator.get_state(legacy=False)["bit_generator"] != state["bit_generator"]:
                generator.set_bit_generator(getattr(generator, state["bit_generator"])())
            generator.set_state(state)
        except (ImportError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise FacetError(f"numpy's global generator cannot take the recorded state ({error})") from error

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """Only whether it moved."""
        return moved("numpy's global generator", before, after)


def _seen() -> object:
    """What is another as soon as the generator has moved; None where that cannot be told."""
    numpy: Any = sys.modules["numpy.random"]
    drawing: Any = getattr(numpy.get_state, "__self__", None)  # anything may have been put there
    if type(drawing) is not numpy.RandomState or type(drawing._bit_generator) is not numpy.MT19937:
        return None
    return _memory_of(drawing) if _is_told(numpy) else None


def _memory_of(drawing: Any) -> tuple[Any, ...]:
    """The Mersenne twister has its state in itself; a number that is held back is in what draws on it."""
    generator = drawing._bit_generator
    return id(drawing), memory_of(drawing), id(generator), memory_of(generator)


@cache
def _is_told(numpy: Any) -> bool:
    """Whether drawing shows in the memory of what is drawn on, in this release of numpy."""
    trial = numpy.RandomState(0)
    states = [_memory_of(trial)]
    for _ in range(2):  # the second one was made with the first
        trial.standard_normal()
        states.append(_memory_of(trial))
    return len(set(states)) == len(states)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if hasattr(value, "dtype") and value.shape:
        little = value.astype(value.dtype.newbyteorder("<"))
        return {"!array": little.dtype.str, "hex": little.tobytes().hex()}
    if hasattr(value, "item"):
        return value.item()
    return value


def _live(value: Any, numpy: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "!array" in value:
        array = numpy.frombuffer(bytes.fromhex(value["hex"]), dtype=value["!array"])
        return array.astype(array.dtype.newbyteorder("="))
    return {key: _live(item, numpy) for key, item in value.items()}
