"""What is said of the names that a restore leaves alone.

They are the very objects that they were, which is why there is nothing to say of them. But for a placeholder that still
stands for what could not be had; and for what belongs to a library that has changed it meanwhile.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from timeslip.codec.placeholder import Placeholder
from timeslip.codec.reducers.registries import LEFT_INTERACTIVE
from timeslip.live import Live
from timeslip.model import EXACT, LOST, REBUILT
from timeslip.state.facets import stays_interactive
from timeslip.values import read_stream


def kept(
    live: Live, target: Mapping[str, str], snapshot: Mapping[str, Any], names: Iterable[str]
) -> Iterator[tuple[str, str, str]]:
    """Name, fidelity and note (empty for none) of each of *names*, which keep the values they have in *snapshot*.

    Args:
        live: the session.
        target: node key -> value record, in the state that is restored.
        snapshot: the names as they are.
        names: which of them stay.

    Raises:
        StoreError: a record cannot be read.
    """
    parameters = getattr(sys.modules.get("matplotlib"), "rcParams", None)
    for name in names:
        value = snapshot.get(name)
        if type(value) is Placeholder:
            yield name, LOST, value.timeslip_reason
        elif value is parameters is not None and stays_interactive(_facet(live, target, "matplotlib")):
            yield name, REBUILT, LEFT_INTERACTIVE
        else:
            yield name, EXACT, ""


def _facet(live: Live, target: Mapping[str, str], name: str) -> bytes | None:
    """What *target* has recorded of a facet; None for nothing."""
    record = target.get(f"facet:{name}")
    return None if record is None else b"".join(read_stream(live.repository, live.body(record)["facet"]))
