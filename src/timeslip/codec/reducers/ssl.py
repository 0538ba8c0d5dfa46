"""TLS contexts, which every client of the web holds: made again with the same settings and the same authorities."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers.instances import Lacking

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass

_REASON = "a TLS context with the same settings and authorities, without a certificate of its own if it had one"
_SETTINGS = ("verify_flags", "options", "minimum_version", "maximum_version", "verify_mode", "check_hostname")
"""In the order in which they can be set: checking host names demands that certificates are verified."""


def _context(state: Pass, context: Any) -> Any:
    state.note(context, _REASON, fatal=False)
    settings = tuple(int(getattr(context, name)) for name in _SETTINGS)
    ciphers = [one["name"] for one in context.get_ciphers() if one["protocol"] != "TLSv1.3"]  # those are not to choose
    authorities = context.get_ca_certs(binary_form=True)
    return make, (int(context.protocol), settings, ciphers, authorities, Lacking())


def make(protocol: int, settings: tuple[int, ...], ciphers: list[str], authorities: list[bytes], _: Any) -> Any:
    """A context that a client can use."""
    ssl: Any = import_module("ssl")
    made = ssl.SSLContext(protocol)
    made.check_hostname = False
    for name, value in zip(_SETTINGS, settings, strict=True):
        setattr(made, name, type(getattr(made, name))(value))
    made.set_ciphers(":".join(ciphers))
    if authorities:
        made.load_verify_locations(cadata=b"".join(authorities))
    return made


def find(kind: type) -> Any:
    """The reducer for contexts, or None."""
    return _context if kind is sys.modules["ssl"].SSLContext else None
