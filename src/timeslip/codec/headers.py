"""The headers of definitions: what has to be there before a class or function can be made (`definitions`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timeslip.codec.picklers import FastPickler, NanPickler
from timeslip.codec.streams import has_special

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_PASSES: tuple[tuple[type[FastPickler], bool], ...] = ((FastPickler, False), (FastPickler, True), (NanPickler, True))
"""Pickler, and whether what cannot be reduced is left out: only after a first pass has failed, which may have been for
something that passes (no memory), and not for what is in the header."""


def header_bytes(state: Pass, header: dict[str, Any]) -> bytes:
    """The stream of a header, in a pass of its own; what that met is noted in *state*."""
    for kind, careful in _PASSES:
        inner = type(state)(state.encoder, frozenset())
        inner.careful = careful
        pickler = kind(inner)
        pickler.memo = state.encoder.seed_memo
        try:
            pickler.dump(header)
        except RecursionError:
            raise
        except Exception:  # reducers ask users' and libraries' objects: anything may come
            if careful:
                raise
            continue
        if not has_special(inner.writer.segments):  # a header that needs the last one is rare
            break
    state.references.update(inner.references)
    state.holes += inner.holes
    return b"".join(inner.writer.segments)
