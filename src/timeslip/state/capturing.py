"""Captures as a co-variable needs them, with as few passes as may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from timeslip.codec.capture import Encoder, capture_atom
from timeslip.codec.captured import Captured, Island
from timeslip.codec.earlier import Earlier
from timeslip.codec.islands import with_names
from timeslip.codec.linking import is_atom
from timeslip.codec.marks import is_sufficient, mark_of_nodes
from timeslip.codec.walked import MARK, mark_of_walk
from timeslip.state.bundles import attached_in

_PLAIN = frozenset({int, float, bool, type(None), str, bytes})


def capture_of(
    encoder: Encoder,
    nodes: list[tuple[str, Any]],
    shared: frozenset[int],
    *,
    deep: bool,
    earlier: Earlier | None = None,
) -> Captured:
    """The capture of some nodes together; the other arguments as they are noted of a co-variable."""
    key, obj = nodes[0]
    if len(nodes) == 1 and is_atom(obj) and type(obj) in _PLAIN:
        return capture_atom(key, obj)
    captured = encoder.capture(nodes, shared=shared, deep=deep, earlier=earlier)
    inner = attached_in([captured]) if captured.blocks and not shared else shared
    if inner != shared:  # plain arrays and frames over the same memory inside one value
        captured = encoder.capture(nodes, shared=inner, deep=deep)
    return captured


def capture_with_names(
    encoder: Encoder, captured: Captured | None, value: Any, nodes: list[tuple[str, Any]]
) -> tuple[Captured, bytes | None] | None:
    """As `islands.with_names`, with the mark of *nodes*; to be called when nothing holds what *captured* has met.

    Not while code of the user's runs in other threads: the mark would be that of what it has changed since the pass.
    """
    if captured is None or not encoder.is_alone():
        return None
    found = with_names(captured, value, nodes, encoder.seed_memo)
    return None if found is None else (found, mark_of_nodes(nodes, encoder))


def mark_before(nodes: list[tuple[str, Any]], encoder: Encoder, walks: bool | None) -> bytes | None:
    """The mark of *nodes*, to be compared with that of the last capture.

    Args:
        nodes: key and object of each.
        encoder: that captures them.
        walks: as `Covariable.walks`.
    """
    if walks is False:
        return mark_of_nodes(nodes, encoder)
    return mark_of_walk([obj for _, obj in nodes], encoder)


def counts_for(mark: bytes | None, captured: Captured) -> bool:
    """Whether *mark*, taken before *captured*, tells all that this did."""
    return is_sufficient(mark) or (captured.walkable and mark is not None and mark.startswith(MARK))


def walks(captured: Captured, mark: bytes | None) -> bool | None:
    """Whether the next look at what was captured begins with a walk, as `Covariable.walks`.

    Args:
        captured: before its release, its links found.
        mark: taken before it.
    """
    if not captured.walkable or captured.plain or captured.size < _WALKED_FROM:
        return False
    return True if mark is not None and mark.startswith(MARK) else None


_WALKED_FROM = 1 << 14
"""Bytes: a pass over fewer takes about as long as a walk."""


def islands_in(captured: Captured) -> tuple[Island, ...]:
    """The islands of a value, where they are of nothing but plain containers, text and numbers; none of any other."""
    segments = captured.segments[1:-1]
    if len(segments) != len(captured.parts):
        return captured.parts
    return tuple(replace(island, size=len(segment)) for island, segment in zip(captured.parts, segments, strict=True))
