"""Documents for what happened: log, blame, ops; and the pieces that describe a commit anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from timeslip.rendering.document import Block, Code, Document, Line, Span, Style, Table, clean, line, one_line, span
from timeslip.rendering.graph import lanes
from timeslip.rendering.units import Clock, duration, plural, size

Json = dict[str, Any]

UNDERS = ("_", "__", "___")
"""Names that IPython's display hook keeps."""

_KINDS = {
    "attach": "state found when recording began",
    "commit": "recorded by hand",
    "live": "live state before travelling",
    "checkout": "names brought back",
    "get": "past value brought in",
    "resume": "resumed",
}


def prompt(commit: Json) -> str:
    """``In[12]``, or the kind of a commit that no cell made."""
    count = commit["execution_count"]
    if count is not None:
        return f"In[{count}]"
    return "run" if commit["kind"] == "run" else str(commit["kind"])


def title(commit: Json) -> Span:
    """The message if there is one, else the first line of code, else what kind of commit it is."""
    if commit["message"]:
        return span(one_line(commit["message"]), "strong", flex=True)
    if commit["code"] is None:
        known = _KINDS.get(commit["kind"])
        return span(known or "code not kept", "dim", flex=True)
    lines = [text for text in clean(commit["code"]).splitlines() if text.strip()]
    more = " …" if len(lines) > 1 else ""
    return span((lines[0].strip() if lines else "(empty cell)") + more, "code", flex=True)


def labels(commit: Json) -> list[Span]:
    """HEAD, branches and tags of a commit, each with a space before it."""
    spans = [span("  HEAD", "head")] if commit["head"] else []
    for ref in commit["refs"]:
        style: Style = "branch" if ref["kind"] == "branch" else "tag"
        mark = "" if style == "branch" else "tag "
        spans.append(span(f"  {mark}{ref['name']}", style))
    return spans


def changes(names: Json) -> list[Span]:
    """``+created ~changed -deleted ?found late !not exact``, each with a space before it; empty when nothing changed.

    The display hook's ``_``, ``__`` and ``___`` follow from the output that is new, so they are then left out.
    """
    if any(name.startswith("Out[") for name in names["created"]):
        listed = ("created", "changed", "deleted", "late", "inexact")
        names = {key: [name for name in names[key] if name not in UNDERS] for key in listed}
    late, deleted = set(names["late"]), set(names["deleted"])
    spans = _marked("+", names["created"], "created")
    spans += _marked("~", [name for name in names["changed"] if name not in late], "changed")
    spans += _marked("-", names["deleted"], "deleted")
    spans += _marked("?", names["late"], "warn")
    return spans + _marked("!", [name for name in names["inexact"] if name not in deleted], "warn")


def _marked(mark: str, names: Sequence[str], style: Style) -> list[Span]:
    told = names if len(names) <= _MOST else names[: _MOST - 2]
    rest = [span(f" and {len(names) - len(told)} more", "dim")] if len(told) < len(names) else []
    return [span(f" {mark}{name}", style) for name in told] + rest


_MOST = 24
"""Of more names than this, those of a bulk operation, some are told and the others counted."""


def outcome(commit: Json) -> list[Span]:
    """How a run ended, when it did not end well."""
    if commit["outcome"] == "ok":
        return []
    text = one_line(commit["error"] or "") or commit["outcome"]
    return [span("  ✗ ", "error"), span(text, "error", flex=True)]


def _log_rows(commits: Sequence[Json], clock: Clock) -> Document:
    head = next((commit["id"] for commit in commits if commit["head"]), None)
    drawn = list(lanes([(commit["id"], commit["parents"]) for commit in commits], head))
    width = max((len(row.node) for row in drawn), default=1)
    count = max((len(prompt(commit)) for commit in commits), default=0)
    blocks: Document = []
    for commit, row in zip(commits, drawn, strict=True):
        if row.before:
            blocks.append(line(span(row.before, "dim")))
        node = span(row.node.ljust(width) + " ", "head" if commit["head"] else "dim")
        first = [node, span(commit["short"], "id"), span("  " + prompt(commit).ljust(count), "prompt"), span("  ")]
        blocks.append(Line((*first, title(commit), *labels(commit), *outcome(commit)), len(row.node) + 3))
        margin = span(row.after.ljust(width) + " ", "dim")
        did = changes(commit["names"]) or [span(" no change", "dim")]
        blocks.append(Line((margin, *did, span("   " + cost(commit, clock), "dim")), width + 2))
    return blocks


def ran(commit: Json, clock: Clock) -> str:
    """When, and how long."""
    parts = [clock.moment(commit["started"])]
    if commit["kind"] == "run":
        parts.append(duration(commit["duration"]))
    return " · ".join(parts)


def cost(commit: Json, clock: Clock) -> str:
    """When, how long, how many bytes."""
    return f"{ran(commit, clock)} · {size(commit['bytes_stored'])}"


def log(answer: Json, clock: Clock) -> Document:
    """History as a graph."""
    commits = answer["commits"]
    if not commits:
        return [line(span("no commit yet, or none that matches", "dim"))]
    rest = [line(span(f"… and earlier ones: `log -n {10 * len(commits)}` shows more", "dim"))] if answer["more"] else []
    return [*_log_rows(commits, clock), *rest]


def blame(answer: Json, clock: Clock) -> Document:
    """The runs that made or changed one name, with their code."""
    commits = answer["commits"]
    name = answer["name"]
    if not commits:
        return [line(span(f"no recorded run made or changed {name}", "dim"))]
    blocks: Document = [line(span(name, "strong"), f" was made or changed by {plural(len(commits), 'run')}:")]
    for commit in commits:
        blocks.append(
            line(
                span(commit["short"], "id"),
                span("  " + prompt(commit), "prompt"),
                *_did(name, commit["names"]),
                span("  " + cost(commit, clock), "dim"),
                *labels(commit),
                *outcome(commit),
            )
        )
        blocks.append(code_block(commit))
    return blocks


def _did(name: str, names: Json) -> list[Span]:
    if name in names["created"]:
        return [span("  created", "created")]
    if name in names["deleted"]:
        return [span("  deleted", "deleted")]
    if name in names["late"]:
        return [span("  found changed", "warn")]
    return [span("  changed", "changed")]


def code_block(commit: Json) -> Block:
    """The code of a commit, or why there is none."""
    if commit["code"] is None:
        return Line((span("  "), title(commit)))
    return Code(commit["code"].rstrip("\n"), indent=4)


def ops(answer: Json, clock: Clock) -> Document:
    """The operation log."""
    rows = tuple(
        (
            span(op["id"], "dim"),
            span(clock.moment(op["time"]), "dim"),
            span(op["kind"], "strong"),
            span(_short(op["before"]), "id"),
            span("→", "dim"),
            span(_short(op["after"]), "id"),
            span(_details(op["details"]), "dim"),
        )
        for op in answer["operations"]
    )
    if not rows:
        return [line(span("no operation yet", "dim"))]
    return [Table(rows, right=frozenset({0}))]


def _short(commit: str | None) -> str:
    return commit[:8] if commit else "–"


def _details(details: Json) -> str:
    parts = []
    for key, value in details.items():
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            parts.append(f"{key}={one_line(str(value))}")
        elif isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            parts.append(f"{key}={','.join(value)}")
    return " ".join(parts)
