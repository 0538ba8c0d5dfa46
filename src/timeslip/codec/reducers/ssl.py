"""TLS contexts, which every client of the web holds: made again with the same settings and the same authorities."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers.instances import Lacking

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_REASON = (
    "a TLS context with the same settings and with the authorities that it has loaded; a folder that it looks for"
    " others in, a certificate of its own and what it offers to speak are not told, and left out"
)
_SETTINGS = ("verify_flags", "options", "minimum_version", "maximum_version", "verify_mode", "check_hostname")
"""In the order in which they can be set: checking host names demands that certificates are verified."""

_MORE = ("post_handshake_auth", "hostname_checks_common_name")


def _context(state: Pass, context: Any) -> Any:
    state.note(context, _REASON, fatal=False)
    settings = tuple(int(getattr(context, name)) for name in _SETTINGS)
    ciphers = [one["name"] for one in context.get_ciphers() if one["protocol"] != "TLSv1.3"]  # those are not to choose
    authorities = context.get_ca_certs(binary_form=True)
    more: dict[str, Any] = {name: bool(getattr(context, name)) for name in _MORE if hasattr(context, name)}
    more["security_level"] = getattr(context, "security_level", None)
    state.keep += (settings, ciphers, authorities, *authorities, more)
    return make, (int(context.protocol), settings, ciphers, authorities, Lacking(), more)


def make(
    protocol: int,
    settings: tuple[int, ...],
    ciphers: list[str],
    authorities: list[bytes],
    _: Any,
    more: dict[str, Any] | None = None,
) -> Any:
    """A context that a client can use."""
    ssl: Any = import_module("ssl")
    made = ssl.SSLContext(protocol)
    made.check_hostname = False
    for name, value in zip(_SETTINGS, settings, strict=True):
        setattr(made, name, type(getattr(made, name))(value))
    more = dict(more or {})
    level = more.pop("security_level", None)
    made.set_ciphers(":".join(ciphers if level is None else [*ciphers, f"@SECLEVEL={level}"]))
    for name, value in more.items():
        setattr(made, name, value)
    if authorities:
        made.load_verify_locations(cadata=b"".join(authorities))
    return made


def find(kind: type) -> Any:
    """The reducer for contexts, or None."""
    return _context if kind is sys.modules["ssl"].SSLContext else None
