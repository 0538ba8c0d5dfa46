"""Pillow: what draws into an image, by the image; and fonts that come from memory and not from a file."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import added

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass

_MADE = frozenset({"_image", "im", "draw", "mode", "palette"})
"""Attributes of a drawing that its constructor makes."""


def _drawing(state: Pass, drawing: Any) -> Any:
    attributes = {name: value for name, value in vars(drawing).items() if name not in _MADE}
    return type(drawing), (drawing._image, drawing.mode), attributes


def _font(state: Pass, font: Any) -> Any:
    held = vars(font).get("font_bytes")
    if held is None:
        return NotImplemented  # its path says what it is
    return make_font, (type(font), held, font.size, font.index, font.encoding, font.layout_engine)


def make_font(kind: Any, data: bytes, size: Any, index: int, encoding: str, engine: Any) -> Any:
    """A font from the bytes of its file."""
    return kind(io.BytesIO(data), size, index, encoding, engine)


def find(kind: type) -> Any:
    """The reducer for drawings and fonts, or None."""
    drawing, font = sys.modules.get("PIL.ImageDraw"), sys.modules.get("PIL.ImageFont")
    if drawing is not None and kind is drawing.ImageDraw:
        return _drawing
    return added.keeping(_font) if font is not None and kind is font.FreeTypeFont else None
