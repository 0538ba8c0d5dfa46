"""aiohttp: sessions belong to a running event loop, and hold what proves who one is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from timeslip.codec.hidden import Hidden
from timeslip.codec.reducers import secrets

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


_OUTSIDE = ("_connector", "_cookie_jar", "_loop")
"""What changes by what goes through a session."""


def _told(session: Any) -> str:
    parts = [f"{session.closed}"]
    for name, part in sorted(vars(session).items()) if hasattr(session, "_default_headers") else ():
        if name not in _OUTSIDE:
            is_plain = type(part) in _PLAIN or hasattr(part, "__dataclass_fields__")
            items = list(part.items()) if hasattr(part, "getall") else part if is_plain else id(part)
            parts.append(f"{name} {items!r}")
    return "\n".join(parts)


_PLAIN = (str, int, float, bool, type(None), frozenset)


def _session(state: Pass, session: Any) -> Any:
    told = secrets.name_of(_told(session))  # there may be keys in it
    known = Hidden(told, True)  # a handle, as to a pool: what went through it is outside
    return state.hole(session, "a session of aiohttp belongs to a running event loop", known)


def find(kind: type) -> Any:
    """The reducer for sessions, connectors and passwords, or None."""
    if kind.__name__ == "BasicAuth":
        return secrets.without_fields(kind, ("password",))
    library: Any = sys.modules.get("aiohttp")
    if library is None or not hasattr(library, "ClientSession"):
        return None
    return _session if issubclass(kind, (library.ClientSession, library.BaseConnector)) else None
