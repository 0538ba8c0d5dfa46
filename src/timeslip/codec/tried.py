"""What a trial takes as it is: numbers of libraries whose threads a copy of the process does not have.

An array of jax or a variable of TensorFlow is computed, copied and freed by threads that are not there after a fork: to
wait for one of them never ends. Our own tests restore and compare them. So a capture that is a trial refers to the
object itself, and loading it gives that very object.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_live: list[Any] | None = None
"""In a trial: the objects that captures refer to, by number."""


@contextmanager
def by_reference() -> Iterator[None]:
    """A context in which captures are trials."""
    global _live
    _live = []
    try:
        yield
    finally:
        _live = None


def reference(obj: Any) -> Any:
    """The reduction of *obj* in a trial; None outside."""
    if _live is None:
        return None
    _live.append(obj)
    return live, (len(_live) - 1,)


def live(number: int) -> Any:
    """The object of that number."""
    assert _live is not None
    return _live[number]
