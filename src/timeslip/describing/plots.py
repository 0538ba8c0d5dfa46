"""Figures, axes and what is drawn on them, in the words of the one who drew them.

A figure holds thousands of objects (transforms, callbacks, caches) that say nothing about what is seen. So
each of these objects is first turned into a card, a plain dict of what can be seen, and cards are shown and compared.
Reading a card changes nothing: limits that follow the data are left alone, where asking the axes would compute them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from timeslip.describing.brief import FAILURES, Patience, brief
from timeslip.describing.kinds import attribute, library, short_name
from timeslip.describing.summary import counted

Card = dict[str, Any]

DRAWN = {
    "lines": "line",
    "patches": "patch",
    "collections": "collection",
    "images": "image",
    "texts": "text",
    "tables": "table",
    "artists": "artist",
}
"""Lists of an axes, and the word for one of each."""

_PROPERTIES: dict[str, str] = {
    "label": "get_label",
    "text": "get_text",
    "x": "get_xdata",
    "y": "get_ydata",
    "offsets": "get_offsets",
    "sizes": "get_sizes",
    "array": "get_array",
    "position": "get_xy",
    "at": "get_position",
    "width": "get_width",
    "height": "get_height",
    "color": "get_color",
    "face color": "get_facecolor",
    "edge color": "get_edgecolor",
    "line style": "get_linestyle",
    "line width": "get_linewidth",
    "marker": "get_marker",
    "alpha": "get_alpha",
    "visible": "get_visible",
}
"""What can be asked of an artist that has it; reading it changes nothing."""


def card_of(value: Any) -> Card:
    """What can be seen of a figure, an axes or an artist. Raises what a broken or unknown one raises."""
    if hasattr(value, "get_size_inches"):
        return _figure_card(value)
    return _axes_card(value) if hasattr(value, "get_xscale") else _artist_card(value)


def _figure_card(figure: Any) -> Card:
    title = attribute(figure, "_suptitle")
    width, height = figure.get_size_inches()
    return {
        "size": (float(width), float(height)),
        "dpi": figure.dpi,
        "suptitle": title.get_text() if hasattr(title, "get_text") else "",
        "axes": [_axes_card(axes) for axes in figure.axes],
    }


def _axes_card(axes: Any) -> Card:
    card: Card = {"title": axes.get_title()}
    for place in ("left", "right"):
        if axes.get_title(place):
            card[f"{place} title"] = axes.get_title(place)
    for letter in "xyz":
        if not hasattr(axes, f"get_{letter}label"):
            continue
        card[f"{letter}label"] = getattr(axes, f"get_{letter}label")()
        card[f"{letter}scale"] = getattr(axes, f"get_{letter}scale")()
        card[f"{letter}lim"] = _limits(axes, letter)
    legend = axes.get_legend()
    if legend is not None:
        card["legend"] = [text.get_text() for text in legend.get_texts()]
    if not axes.axison:
        card["axis"] = "off"
    for held in DRAWN:
        drawn = list(getattr(axes, held, ()))
        if drawn:
            card[held] = [_artist_card(artist) for artist in drawn]
    return card


def _limits(axes: Any, letter: str) -> object:
    """The limits that were set, or "auto" where they follow the data: asking for those would compute them."""
    if getattr(axes, f"get_autoscale{letter}_on")():
        return "auto"
    box = attribute(axes, "_viewLim" if letter in "xy" else "zz_viewLim")
    interval = getattr(box, "intervaly" if letter == "y" else "intervalx")
    return tuple(float(end) for end in interval)


def _artist_card(artist: Any) -> Card:
    card: Card = {"kind": short_name(type(artist))}
    for name, method in _PROPERTIES.items():
        ask: Callable[..., Any] | None = getattr(artist, method, None)
        if ask is None:
            continue
        try:
            found = ask(True) if method in ("get_xdata", "get_ydata") else ask()  # as given, not converted
        except FAILURES:  # what this artist cannot tell (an image without data) is no part of its card
            continue
        if name == "label" and (not isinstance(found, str) or found.startswith("_")):
            continue  # a name that matplotlib made up
        if found is not None:
            card[name] = _plain(name, found)
    return card


def _plain(name: str, found: Any) -> object:
    """Colours by their code and data as arrays, however they were given."""
    numpy, colors = library("numpy"), library("matplotlib.colors")
    if name in ("x", "y", "offsets") and numpy is not None:
        return numpy.asarray(found)
    if name.endswith("color") and colors is not None and colors.is_color_like(found):
        return colors.to_hex(found, keep_alpha=True).removesuffix("ff")
    return found


# ---- showing


def plot_line(value: Any) -> str:
    """One line for a figure, an axes or an artist."""
    if hasattr(value, "get_size_inches"):
        titles = [axes.get_title() for axes in value.axes]
        said = ", ".join(repr(title) for title in titles if type(title) is str and title)
        width, height = value.get_size_inches()
        return f"figure of {width:g} × {height:g} inches, {counted(len(titles), 'plot')}" + (
            f": {said}" if said else ""
        )
    card = card_of(value)
    if "kind" in card:
        return str(card["kind"])
    return (
        "axes" + (f" {card['title']!r}" if card["title"] else "") + (f": {_contents(card)}" if _contents(card) else "")
    )


def plot_lines(value: Any, width: int, lines: int, patience: Patience) -> list[str]:
    """The line, then what is drawn and written on each axes."""
    card = card_of(value)
    said = [plot_line(value)]
    if "kind" in card:
        return [*said, *(f"  {key}: {brief(item, width, patience=patience)}" for key, item in list(card.items())[1:])]
    every = card.get("axes", [card])
    for at, axes in enumerate(every):
        usual = ("", "auto", "linear")
        told = {key: item for key, item in axes.items() if key not in (*DRAWN, "title") and item not in usual}
        rows = [f"    {key}: {brief(item, width - 10, patience=patience)}" for key, item in told.items()]
        rows += [f"    {artist_line(artist)}" for held in DRAWN for artist in axes.get(held, ())]
        said += [f"  axes {at}: {_contents(axes)}"] if len(every) > 1 and rows else []
        said += rows
    return said


def artist_line(card: Card) -> str:
    """``Line2D of 2 points, label 'a'``."""
    said = str(card["kind"])
    for name in ("x", "offsets"):
        if hasattr(card.get(name), "shape"):
            said += f" of {counted(len(card[name]), 'point')}"
            break
    for name in ("label", "text"):
        if card.get(name):
            said += f", {name} {card[name]!r}"
    return said


def headline(card: Card) -> str:
    """``axes 'title': 2 lines``."""
    drawn = _contents(card)
    return "axes" + (f" {card['title']!r}" if card["title"] else "") + (f": {drawn}" if drawn else "")


def _contents(card: Card) -> str:
    return ", ".join(counted(len(card[held]), word, held) for held, word in DRAWN.items() if card.get(held))
