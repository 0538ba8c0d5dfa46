"""scipy: triangulations that points can be added to, which keep their state in C."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import xxhash

from timeslip.codec.hidden import Hidden

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _incremental(state: Pass, made: Any) -> Any:
    if getattr(made, "_qhull", None) is None:
        return NotImplemented
    return state.hole(made, "what was made with incremental=True and is not closed cannot be stored", _told(made))


_ATOMS = frozenset({int, float, bool, str, bytes, type(None)})


def _told(made: Any) -> Hidden:
    """The state of *made* by its attributes: whenever points are added, all that C has is put there again."""
    numpy = sys.modules["numpy"]
    token, complete = [], True
    for name, value in sorted(vars(made).items()):
        if type(value) is numpy.ndarray and not value.dtype.hasobject:
            told = f"{value.dtype.str} {value.shape} {xxhash.xxh3_128_hexdigest(value.tobytes())}"
        elif type(value) in _ATOMS:
            told = repr(value)
        else:
            told, complete = f"@{id(value):x}", complete and name == "_qhull"
        token.append(f"{name} {told}")
    digest = xxhash.xxh3_128_hexdigest("\n".join(token).encode("utf-8", "backslashreplace"))
    return Hidden(digest, complete)


def find(kind: type) -> Any:
    """The reducer for what Qhull makes, or None."""
    names = {(base.__module__, base.__name__) for base in kind.__mro__}
    return _incremental if ("scipy.spatial._qhull", "_QhullUser") in names else None
