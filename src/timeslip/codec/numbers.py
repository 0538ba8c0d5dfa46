"""Numbers that are no number, to the bit: their sign and payload can be seen, and `repr` does not show them."""

from __future__ import annotations

import struct
from typing import Any


def to_bytes(value: Any) -> bytes:
    """The 8 bytes of a float, or the 16 of a complex number."""
    if type(value) is complex:
        return struct.pack("<dd", value.real, value.imag)
    return struct.pack("<d", value)


def from_bytes(data: bytes) -> Any:
    """The number that `to_bytes` wrote."""
    parts: tuple[float, ...] = struct.unpack(f"<{len(data) // _FLOAT}d", data)
    return complex(*parts) if len(parts) > 1 else parts[0]


def is_nan(value: Any) -> bool:
    """Whether *value* is a float or complex number that does not equal itself."""
    return (type(value) is float or type(value) is complex) and bool(value != value)


_FLOAT = 8
USUAL_NAN = to_bytes(float("nan"))
LONGEST = 2 * _FLOAT
"""Bytes of the longest number that `to_bytes` writes."""
