"""How two texts differ, by line; for long single lines, around the first character that differs."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from timeslip.describing.report import Report

_MOST = 2000
_AROUND = 20
_COUNTED = 2_000_000


def line_diff(before: str, after: str, *, context: int = 2) -> list[str]:
    """Lines of a text diff: "+", "-" or a space, then the line; "@@ … @@" between distant places.

    Beyond 2,000 lines that differ the middle is given as counts: matching them would take minutes.
    """
    old, new = before.splitlines(), after.splitlines()
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    middle_old, middle_new = old[start : len(old) - end], new[start : len(new) - end]
    if len(middle_old) > _MOST or len(middle_new) > _MOST:
        return [f"-{len(middle_old):,} lines from line {start + 1}", f"+{len(middle_new):,} lines in their place"]
    lead = min(start, context)
    tail = min(end, context)
    shift = start - lead
    head = old[shift:start]
    rest = old[len(old) - end : len(old) - end + tail]
    lines = list(
        difflib.unified_diff([*head, *middle_old, *rest], [*head, *middle_new, *rest], n=context, lineterm="")
    )[2:]
    return _shifted(lines, shift)


def _common(a: list[str], b: list[str]) -> int:
    count = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        count += 1
    return count


def _shifted(lines: list[str], shift: int) -> list[str]:
    """Hunk headers in the numbers of the whole text; the first one is left out when nothing lies before it."""
    shown = []
    for at, line in enumerate(lines):
        if not line.startswith("@@"):
            shown.append(line)
            continue
        first = int(line.split()[2].lstrip("+").split(",")[0]) + shift
        if at or first > 1:
            shown.append(f"@@ line {first} @@")
    return shown


def diff_texts(before: str, after: str, path: str, report: Report, level: int) -> str:
    """Summary of how two strings differ; a text diff goes to *report* when they have several lines."""
    if before == after:
        return ""
    if "\n" not in before and "\n" not in after:
        if len(before) + len(after) <= 100:
            return f"{before!r} -> {after!r}"
        return _inline(before, after)
    lines = line_diff(before, after)
    for line in lines:
        report.line(line)
    gone = sum(1 for line in lines if line.startswith("-"))
    come = sum(1 for line in lines if line.startswith("+"))
    return f"text: {come:,} line{'' if come == 1 else 's'} added, {gone:,} removed" if lines else "line ends changed"


def _first_difference(before: Sequence[object], after: Sequence[object]) -> int:
    """Where two texts or byte strings part: by large pieces first, which are compared in C."""
    start, end = 0, min(len(before), len(after))
    step = 1 << 20
    while step:
        while start < end and before[start : start + step] == after[start : start + step]:
            start += step
        step //= 16
    return min(start, end)


def _inline(before: str, after: str) -> str:
    at = _first_difference(before, after)
    start = max(0, at - _AROUND)
    end = at + _AROUND
    old, new = ("…" * (start > 0) + text[start:end] + "…" * (len(text) > end) for text in (before, after))
    sizes = f"; {len(before):,} -> {len(after):,} characters" if len(before) != len(after) else ""
    return f"from character {at:,}: {old!r} -> {new!r}{sizes}"


def diff_bytes(before: bytes, after: bytes, path: str, report: Report, level: int) -> str:
    """Summary of how two byte strings differ: how many bytes, and the place around the first of them."""
    before, after = bytes(before), bytes(after)
    if before == after:
        return ""
    if len(before) + len(after) <= 100:
        return f"{before!r} -> {after!r}"
    at = _first_difference(before, after)
    start = max(0, at - _AROUND)
    old, new = (f"{'…' * (start > 0)}{text[start : at + _AROUND]!r}" for text in (before, after))
    count = sum(x != y for x, y in zip(before, after, strict=False)) if len(before) <= _COUNTED else 0
    sizes = f"; {len(before):,} -> {len(after):,} bytes" if len(before) != len(after) else ""
    many = f"{count:,} of {len(before):,} bytes changed, the first" if count and not sizes else "changed"
    return f"{many} at {at:,}: {old} -> {new}{sizes}"
