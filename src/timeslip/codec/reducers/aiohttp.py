"""aiohttp: sessions belong to a running event loop, and hold what proves who one is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from timeslip.codec.hidden import Hidden

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass


def _session(state: Pass, session: Any) -> Any:
    known = Hidden(f"{session.closed}", True)  # a handle, as to a pool: what went through it is outside
    return state.hole(session, "a session of aiohttp belongs to a running event loop", known)


def find(kind: type) -> Any:
    """The reducer for sessions and connectors, or None."""
    library: Any = sys.modules.get("aiohttp")
    if library is None or not hasattr(library, "ClientSession"):
        return None
    return _session if issubclass(kind, (library.ClientSession, library.BaseConnector)) else None
