"""Pillow: what draws into an image, by the image; and fonts that come from memory and not from a file."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import added

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_MADE = frozenset({"_image", "im", "draw", "mode", "palette"})
"""Attributes of a drawing that its constructor makes."""


def _drawing(state: Pass, drawing: Any) -> Any:
    attributes = {name: value for name, value in vars(drawing).items() if name not in _MADE}
    image = drawing._image
    if drawing.im is getattr(image, "im", None):
        return type(drawing), (image, drawing.mode), attributes
    return draw_apart, (type(drawing), image, _canvas(state, drawing.im, image), drawing.mode), attributes


def _canvas(state: Pass, pixels: Any, image: Any) -> Any:
    """An image of *pixels*, for drawings that draw on them while *image* has others by now, as after ``thumbnail``."""
    canvas = state.stand_ins.get(id(pixels))
    if canvas is None:
        canvas = state.stand_ins[id(pixels)] = image._new(pixels)
        state.keep += (canvas, *vars(canvas).values())
    return canvas


def draw_apart(kind: Any, image: Any, canvas: Any, mode: str) -> Any:
    """A drawing of *image* that draws on what *canvas* is of."""
    drawing = kind(canvas, mode)
    drawing._image = image
    if drawing.palette is not None:
        drawing.palette = image.palette
    return drawing


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
