"""Facet ``torch_random``: torch's default generators, of the processor and of every CUDA device once CUDA is in use."""

from __future__ import annotations

import ctypes
import importlib
import sys
from typing import Any, ClassVar

from timeslip.errors import FacetError
from timeslip.state.facets.base import FacetBase, moved, register
from timeslip.state.facets.differences import canonical, parsed


@register
class TorchRandomFacet(FacetBase):
    """States of the default generators, recorded whole. CUDA is never initialised by looking."""

    name: ClassVar[str] = "torch_random"

    def __init__(self) -> None:
        super().__init__()
        self._seen: list[bytes] | None = None
        self._data = b""

    def available(self) -> bool:
        """Whether torch is loaded, completely."""
        return hasattr(sys.modules.get("torch"), "get_rng_state")

    def capture(self) -> bytes:
        """``{"cpu": hexadecimal, "cuda": [hexadecimal of device 0, ...]}``."""
        torch: Any = sys.modules["torch"]
        seen = [_bytes_of(torch.get_rng_state())]
        cuda = getattr(torch, "cuda", None)
        if cuda is not None and cuda.is_initialized():
            seen += [_bytes_of(state) for state in cuda.get_rng_state_all()]
        if seen != self._seen:
            self._data = canonical({"cpu": seen[0].hex(), "cuda": [state.hex() for state in seen[1:]]}).encode()
            self._seen = seen
        return self._data

    def restore(self, data: bytes) -> None:
        """Set the generators, loading torch if it is not (the recorded process had it).

        Raises:
            FacetError: no torch here, or fewer CUDA devices than recorded; the other generators are set.
        """
        document = parsed(data)
        try:
            torch: Any = importlib.import_module("torch")
            torch.set_rng_state(_tensor(torch, document["cpu"]))
            states = document.get("cuda", [])
            devices = torch.cuda.device_count() if states else 0
            for device, state in enumerate(states[:devices]):
                torch.cuda.set_rng_state(_tensor(torch, state), device)
        except (ImportError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise FacetError(f"torch's generators cannot take the recorded state ({error})") from error
        if len(states) > devices:
            raise FacetError(f"{len(states)} CUDA generators were recorded, but there are {devices} CUDA devices here")

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """Only whether they moved."""
        return moved("torch's generators", before, after)


def _bytes_of(state: Any) -> bytes:
    """The bytes of a one-dimensional byte tensor in main memory; torch itself has no quick way without numpy."""
    return ctypes.string_at(state.data_ptr(), state.numel())


def _tensor(torch: Any, text: str) -> Any:
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8).clone()
