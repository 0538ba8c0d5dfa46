"""How two figures, axes or drawn things differ, in what can be seen of them."""

from __future__ import annotations

from typing import Any

from timeslip.describing.containers import Child
from timeslip.describing.objects import diff_members
from timeslip.describing.plots import DRAWN, Card, artist_line, card_of, headline
from timeslip.describing.report import Report
from timeslip.describing.sameness import same
from timeslip.describing.summary import counted

_SHOWN = 8


def diff_plots(before: Any, after: Any, path: str, report: Report, level: int, child: Child) -> str:
    """Summary of how two figures, axes or artists differ in what can be seen of them."""
    old, new = card_of(before), card_of(after)
    if "axes" not in old:
        return _diff_cards(old, new, path, report, level, child)
    said = []
    plain = [{key: item for key, item in card.items() if key != "axes"} for card in (old, new)]
    told = _scalars(plain[0], plain[1], report)
    if told:
        said.append(told)
    x, y = old["axes"], new["axes"]
    if len(x) != len(y):
        said.append(f"{len(y) - len(x):+d} plot{'' if abs(len(y) - len(x)) == 1 else 's'}")
    many = max(len(x), len(y)) > 1
    for at, (one, two) in enumerate(zip(x, y, strict=False)):
        inner = _diff_cards(one, two, f"{path}.axes[{at}]", report, level, child)
        if inner:
            said.append(f"axes {at}: {inner}" if many else f"axes: {inner}")
    for at, card in enumerate(x[len(y) :], len(y)):
        report.line(f"- {path}.axes[{at}]: {headline(card)}")
    for at, card in enumerate(y[len(x) :], len(x)):
        report.line(f"+ {path}.axes[{at}]: {headline(card)}")
    return "; ".join(said)


def _diff_cards(old: Card, new: Card, path: str, report: Report, level: int, child: Child) -> str:
    """Titles, labels and limits in words; what came, went or changed among the drawn things by number."""
    if "kind" in old:
        return diff_members(old, new, path, report, level, child)
    said = [told] if (told := _scalars(old, new, report)) else []
    for held, word in DRAWN.items():
        x, y = old.get(held, []), new.get(held, [])
        if same(x, y, report.work):
            continue
        count = len(y) - len(x)
        if count:
            said.append(f"{count:+d} {word if abs(count) == 1 else held}")
        pairs = [(at, a, b) for at, (a, b) in enumerate(zip(x, y, strict=False)) if not same(a, b, report.work)]
        if pairs:
            said.append(f"{counted(len(pairs), word, held)} changed")
        for at, a, b in pairs[:_SHOWN]:
            child(a, b, f"{path}.{held}[{at}]", report, level + 1)
        for sign, more, first in (("-", x, len(y)), ("+", y, len(x))):
            for at, card in enumerate(more[first:][:_SHOWN], first):
                report.line(f"{sign} {path}.{held}[{at}]: {artist_line(card)}")
    return ", ".join(said)


def _scalars(old: Card, new: Card, report: Report) -> str:
    said = []
    for key in dict.fromkeys((*old, *new)):
        if key in DRAWN or same(old.get(key), new.get(key), report.work):
            continue
        said.append(f"{key} {_word(old, key, report)} -> {_word(new, key, report)}")
    return ", ".join(said)


def _word(card: Card, key: str, report: Report) -> str:
    return report.text(card[key], 40) if key in card else "none"
