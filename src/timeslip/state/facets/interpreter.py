"""Facet ``interpreter``: how deep calls may go, how often threads take turns and how long sockets wait.

As differences from attach: front ends have limits of their own, and those stay. Nothing here is set that the session
has not set, above all not the recursion limit: a higher one than it asked for lets some Pythons run over the end of the
stack.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from timeslip.state.facets.base import FacetBase, register
from timeslip.state.facets.differences import EMPTY, canonical, parsed
from timeslip.state.facets.options import Options, changes


def _socket_timeout() -> float | None:
    socket: Any = sys.modules.get("socket")
    return socket.getdefaulttimeout() if hasattr(socket, "getdefaulttimeout") else None


def _set_socket_timeout(value: float | None) -> None:
    importlib.import_module("socket").setdefaulttimeout(value)


_SET: dict[str, Callable[[Any], None]] = {
    "recursion limit": sys.setrecursionlimit,
    "switch interval": sys.setswitchinterval,
    "timeout of sockets": _set_socket_timeout,
}


def _present() -> dict[str, Any]:
    return {
        "recursion limit": sys.getrecursionlimit(),
        "switch interval": sys.getswitchinterval(),
        "timeout of sockets": _socket_timeout(),
    }


@register
class InterpreterFacet(FacetBase):
    """What the session told Python itself. The timeout of sockets is None where they are not loaded."""

    name: ClassVar[str] = "interpreter"

    def __init__(self) -> None:
        super().__init__()
        self._options = Options({})
        self._seen: dict[str, Any] | None = None
        self._data = EMPTY

    def attach(self) -> None:
        """Remember the present values."""
        self._seen = None
        self._options = Options(_present())

    def capture(self) -> bytes:
        """The differences; a microsecond when nothing was set."""
        seen = _present()
        if seen != self._seen:
            document = self._options.document(seen)
            self._data = canonical(document).encode() if document else EMPTY
            self._seen = seen
        return self._data

    def restore(self, data: bytes) -> None:
        """Set what was recorded, and what the session has set since back; raises FacetError for what Python refuses."""
        self._seen = None
        self._options.apply(parsed(data), _present(), lambda name, value: _SET[name](value))

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """``interpreter: recursion limit -> 5000``."""
        return "interpreter: " + (", ".join(changes(parsed(before or EMPTY), parsed(after or EMPTY))) or "unchanged")
