"""Plots as plain SVG: bars on a logarithmic scale, and lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from xml.sax.saxutils import escape

COLOURS = ("#0b6e4f", "#6bbf8a", "#b23a48", "#e08e9b", "#33658a", "#86bbd8", "#888888", "#c9a227")
_LEFT, _WIDTH, _BAR, _GAP = 150, 560, 11, 14
_FONT = 'font-family="sans-serif" font-size="11"'


def _text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {_FONT} {more}>{escape(words)}</text>'


def _legend(titles: Sequence[str], top: float) -> list[str]:
    found = []
    for number, title in enumerate(titles):
        x, y = 20 + (number % 3) * 250, top + 15 * (number // 3)
        found.append(f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{COLOURS[number % len(COLOURS)]}"/>')
        found.append(_text(x + 15, y, title))
    return found


def _decades(least: float, most: float) -> tuple[int, int]:
    low, high = math.floor(math.log10(least)), math.ceil(math.log10(most))
    return low, max(high, low + 1)


def _drawing(height: float, parts: Sequence[str]) -> str:
    width = _LEFT + _WIDTH + 70
    size = f'viewBox="0 0 {width} {height:.0f}" width="{width}" height="{height:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *parts, "</svg>"]) + "\n"


def bars(
    title: str, groups: Mapping[str, Mapping[str, float]], titles: Sequence[str], shown: Callable[[float], str]
) -> str:
    """Bars by group and title, lengths on a logarithmic scale; what is missing, or not above zero, has none."""
    values = [value for group in groups.values() for value in group.values() if value > 0]
    parts = [_text(_LEFT, 18, title, 'font-weight="bold"'), *_legend(titles, 38)]
    if not values:
        return _drawing(80, parts)
    low, high = _decades(min(values), max(values))
    top = y = 50 + 15 * ((len(titles) + 2) // 3)
    for name, group in groups.items():
        parts.append(_text(_LEFT - 8, y + len(titles) * _BAR / 2 + 4, name, 'text-anchor="end"'))
        for number, one in enumerate(titles):
            value = group.get(one, 0.0)
            if value > 0:
                length = max(1.0, _WIDTH * (math.log10(value) - low) / (high - low))
                colour = COLOURS[number % len(COLOURS)]
                parts.append(
                    f'<rect x="{_LEFT}" y="{y:.1f}" width="{length:.1f}" height="{_BAR - 1}" fill="{colour}"/>'
                )
                parts.append(_text(_LEFT + length + 4, y + 9, shown(value), 'fill="#444"'))
            y += _BAR
        y += _GAP
    for decade in range(low, high + 1):
        x = _LEFT + _WIDTH * (decade - low) / (high - low)
        parts.insert(0, f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{y - _GAP + 4:.1f}" stroke="#ddd"/>')
        parts.append(_text(x, y + 6, shown(10.0**decade), 'text-anchor="middle"'))
    return _drawing(y + 20, parts)


def lines(
    title: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    below: str,
    shown: Callable[[float], str],
    *,
    both: bool = False,
) -> str:
    """One line for each title, with a logarithmic scale upwards, or in *both* directions.

    What has no logarithm is left out.
    """
    points = {name: [(x, y) for x, y in line if y > 0 and (x > 0 or not both)] for name, line in series.items()}
    heights = [y for line in points.values() for _, y in line]
    parts = [_text(_LEFT, 18, title, 'font-weight="bold"'), *_legend(list(points), 38)]
    if not heights:
        return _drawing(80, parts)
    low, high = _decades(min(heights), max(heights))
    top, tall = 50 + 15 * ((len(points) + 2) // 3), 240
    across = [x for line in points.values() for x, _ in line]
    least, most = (min(across), max(across)) if both else (0.0, max(across))

    def along(x: float) -> float:
        if not both:
            return x / most if most else 0.0
        return math.log(x / least) / math.log(most / least) if most > least else 0.0

    def place(x: float, y: float) -> tuple[float, float]:
        return _LEFT + _WIDTH * along(x), top + tall * (high - math.log10(y)) / (high - low)

    for decade in range(low, high + 1):
        _, y = place(most, 10.0**decade)
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_LEFT + _WIDTH}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(_text(_LEFT - 8, y + 4, shown(10.0**decade), 'text-anchor="end"'))
    for number, line in enumerate(points.values()):
        path = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in line)
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    parts.append(_text(_LEFT + _WIDTH / 2, top + tall + 32, below, 'text-anchor="middle"'))
    for x in dict.fromkeys(across if both else (0.0, most / 2, most)):
        words = f"{x:g}" if x < 1e5 else f"{x:.0e}"
        parts.append(_text(_LEFT + _WIDTH * along(x), top + tall + 16, words, 'text-anchor="middle"'))
    return _drawing(top + tall + 45, parts)
