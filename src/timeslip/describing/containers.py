"""How two containers differ: dicts by key, lists and tuples by position, sets by element."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from timeslip.describing.kinds import bases, kind_of, namespace, short_name
from timeslip.describing.report import Report
from timeslip.describing.sameness import match_elements, matched_keys, same
from timeslip.describing.summary import counted

Child = Callable[[object, object, str, Report, int], None]
"""Writes how one part of a container differs: (before, after, path, report, level)."""

_ALIGNED = 500
_SHOWN = 10
_SORTED = 1000


def _told(counts: dict[str, int], word: str) -> str:
    """``2 keys added, 1 changed``."""
    parts = [(number, verb) for verb, number in counts.items() if number]
    said = [counted(parts[0][0], word) + " " + parts[0][1]] if parts else []
    return ", ".join([*said, *(f"{number:,} {verb}" for number, verb in parts[1:])])


def diff_dicts(before: Any, after: Any, path: str, report: Report, level: int, child: Child) -> str:
    """Summary of how two dicts differ; each key that came, went or changed goes to *report*."""
    pairs, removed, added = matched_keys(before, after, report.work)
    for key in removed[:_SHOWN]:
        report.removed(f"{path}[{report.text(key, 40)}]", dict.get(before, key))
    for key in added[:_SHOWN]:
        report.added(f"{path}[{report.text(key, 40)}]", dict.get(after, key))
    _rest(max(0, len(removed) - _SHOWN) + max(0, len(added) - _SHOWN), "key", report)
    changed = 0
    for key, x, y in pairs:
        if not same(x, y, report.work):
            changed += 1
            if changed <= _SHOWN:
                child(x, y, f"{path}[{report.text(key, 40)}]", report, level + 1)
    _rest(changed - _SHOWN, "changed key", report)
    said = _told({"removed": len(removed), "added": len(added), "changed": changed}, "key")
    if not said and any(not same(x, y, report.work) for x, y in zip(before, after, strict=False)):
        return "order of keys changed"
    return said


def _rest(count: int, word: str, report: Report) -> None:
    if count > 0:
        report.more(count, word)


def diff_sets(before: Any, after: Any, path: str, report: Report, level: int, child: Child) -> str:
    """Summary of which elements came and went."""
    removed, added = match_elements(before, after, report.work)
    for items, write in ((removed, report.removed), (added, report.added)):
        for item in sorted(items, key=report.text)[:_SHOWN] if len(items) <= _SORTED else items[:_SHOWN]:
            write(path, item)
    _rest(max(0, len(removed) - _SHOWN) + max(0, len(added) - _SHOWN), "element", report)
    return _told({"removed": len(removed), "added": len(added)}, "element")


def diff_sequences(before: Any, after: Any, path: str, report: Report, level: int, child: Child) -> str:
    """Summary of how two lists, tuples or deques differ, by position; inserted and removed items are recognised."""
    old, new = _items(before), _items(after)
    if kind_of(type(before))[0] == "tuple" and len(old) == len(new):
        return _by_position(old, new, 0, path, report, level, child, _fields(type(after), len(new)))
    start = _common(zip(old, new, strict=False), report)
    end = _common(zip(reversed(old[start:]), reversed(new[start:]), strict=False), report)
    if report.work.cut:
        return f"{len(old):,} -> {counted(len(new), 'item')}" if len(old) != len(new) else ""
    x, y = old[start : len(old) - end], new[start : len(new) - end]
    if len(x) == len(y) and (len(x) > _ALIGNED or len(x) <= 1):
        return _by_position(x, y, start, path, report, level, child)
    if x and y and max(len(x), len(y)) > _ALIGNED:
        told = _long(x, y, start, path, report, level, child)
        if told:
            return told
        report.line(f"  {path}[{start}:{start + len(x)}]: {len(x):,} items replaced by {len(y):,}")
        return f"{len(old):,} -> {counted(len(new), 'item')}; items {start:,} to {start + len(x):,} replaced"
    return _aligned(x, y, start, path, report, level, child)


def _fields(cls: type, size: int) -> tuple[str, ...] | None:
    """The names of the places of a named tuple."""
    names = namespace(cls).get("_fields")
    return names if type(names) is tuple and len(names) == size else None


def _long(x: list[Any], y: list[Any], start: int, path: str, report: Report, level: int, child: Child) -> str:
    """Two long stretches of unequal length that mostly match from one of their ends; empty when they do not.

    What one has more is then at the other end, and the rest is compared place by place.
    """
    common = min(len(x), len(y))
    for shift in (0, 1):  # 0: from the front, 1: from the end
        old, new = (items[len(items) - common :] if shift else items[:common] for items in (x, y))
        changed = sum(1 for a, b in zip(old, new, strict=True) if not same(a, b, report.work))
        if changed > common // 4:
            continue
        more, write, word = (x, report.removed, "removed") if len(x) > len(y) else (y, report.added, "inserted")
        first = 0 if shift else common
        for at in range(first, min(first + _SHOWN, first + len(more) - common)):
            write(f"{path}[{start + at}]", more[at])
        _rest(len(more) - common - _SHOWN, "item", report)
        place = start + (len(y) - common if shift else 0)
        told = _by_position(old, new, place, path, report, level, child)
        said = f"{counted(len(more) - common, 'item')} {word}"
        return f"{said}, {told.replace(' items', '').replace(' item', '')}" if told else said
    return ""


def _items(value: Any) -> list[Any]:
    base: Any = next(base for base in bases(type(value)) if kind_of(base)[1])
    return list(base.__iter__(value))


def _common(pairs: Any, report: Report) -> int:
    count = 0
    for x, y in pairs:
        if not same(x, y, report.work):
            break
        count += 1
    return count


def _by_position(
    old: list[Any], new: list[Any], start: int, path: str, report: Report, level: int, child: Child,
    names: tuple[str, ...] | None = None,
) -> str:  # fmt: skip
    changed = 0
    for at, (x, y) in enumerate(zip(old, new, strict=True)):
        if not same(x, y, report.work):
            changed += 1
            if changed <= _SHOWN:
                child(x, y, f"{path}.{names[at]}" if names else f"{path}[{start + at}]", report, level + 1)
    _rest(changed - _SHOWN, "changed item", report)
    return _told({"changed": changed}, "item")


def _aligned(x: list[Any], y: list[Any], start: int, path: str, report: Report, level: int, child: Child) -> str:
    """Match equal items as a text diff matches lines. Positions of removed items are those before, others after."""
    old, new = ([(short_name(type(item)), report.text(item, 120)) for item in items] for items in (x, y))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    counts = {"removed": 0, "inserted": 0, "changed": 0}
    shown = 0
    for tag, a, b, c, d in matcher.get_opcodes():
        paired = min(b - a, d - c)
        for step in range(paired):
            if tag == "equal" and same(x[a + step], y[c + step], report.work):
                continue
            counts["changed"] += 1
            shown += 1
            if shown <= _SHOWN:
                child(x[a + step], y[c + step], f"{path}[{start + c + step}]", report, level + 1)
        for at in range(a + paired, b):
            counts["removed"] += 1
            shown += 1
            if shown <= _SHOWN:
                report.removed(f"{path}[{start + at}]", x[at])
        for at in range(c + paired, d):
            counts["inserted"] += 1
            shown += 1
            if shown <= _SHOWN:
                report.added(f"{path}[{start + at}]", y[at])
    _rest(shown - _SHOWN, "item", report)
    return _told(counts, "item")
