"""Facet ``tensorflow_random``: the seed that TensorFlow was given, how far it has got, and its global generator.

Operations that were given a seed of their own count in C, where nothing can be read: once the state of TensorFlow is
set, they begin again.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, ClassVar

from timeslip.errors import FacetError
from timeslip.state.facets.base import FacetBase, moved, register
from timeslip.state.facets.differences import EMPTY, canonical, parsed

_CONTEXT = "tensorflow.python.eager.context"
_GENERATORS = "tensorflow.python.ops.stateful_random_ops"


@register
class TensorflowRandomFacet(FacetBase):
    """``{"generator": [algorithm, state], "seed": [seed, state]}``, each only where there is one."""

    name: ClassVar[str] = "tensorflow_random"
    absent: ClassVar[bytes | None] = EMPTY

    def __init__(self) -> None:
        super().__init__()
        self._seen: object = ({}, None)
        self._data = EMPTY

    def available(self) -> bool:
        """Whether TensorFlow is loaded, completely."""
        return hasattr(sys.modules.get("tensorflow"), "random")

    def capture(self) -> bytes:
        """See `TensorflowRandomFacet`. TensorFlow is not made ready for computing by looking."""
        context = getattr(sys.modules.get(_CONTEXT), "_context", None)
        seed = getattr(context, "_seed", None)
        seen: dict[str, Any] = {}
        if type(seed) is int:
            seen["seed"] = (seed, context._rng.getstate())  # type: ignore[union-attr]
        generator = getattr(sys.modules.get(_GENERATORS), "global_generator", None)
        if generator is not None:
            seen["generator"] = (int(generator.algorithm), generator.state.numpy().tolist())
        if seen != self._seen:
            self._data = canonical(seen).encode() if seen else EMPTY
            self._seen = seen
        return self._data

    def restore(self, data: bytes) -> None:
        """Set seed and generator, loading TensorFlow if that is needed.

        Raises:
            FacetError: no TensorFlow here, or it does not take the state.
        """
        if self.capture() == data if self.available() else data == EMPTY:
            return
        document = parsed(data)
        if not document.keys() <= {"generator", "seed"}:
            raise FacetError("the recorded state of TensorFlow's generators is not of a form that this release knows")
        try:
            tensorflow: Any = importlib.import_module("tensorflow")
            context = importlib.import_module(_CONTEXT).context()
            seed, state = document.get("seed", (None, None))
            context._set_global_seed(seed)  # which also has operations forget what they have counted
            if state is not None:
                context._rng.setstate((state[0], tuple(state[1]), state[2]))
            self._restore_generator(tensorflow, document.get("generator"))
        except Exception as error:  # TensorFlow's own code: anything may come
            raise FacetError(f"TensorFlow's generators cannot take the recorded state ({error})") from error

    def _restore_generator(self, tensorflow: Any, recorded: Any) -> None:
        library: Any = importlib.import_module(_GENERATORS)
        if recorded is None:
            library.global_generator = None  # as before somebody asked for it: then a new one is made
            return
        algorithm, state = recorded
        live = library.global_generator
        if live is not None and int(live.algorithm) == algorithm:
            live.reset(state)
        else:
            tensorflow.random.set_global_generator(tensorflow.random.Generator.from_state(state, algorithm))

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """Only whether they moved."""
        return moved("TensorFlow's generators", before, after)
