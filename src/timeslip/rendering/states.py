"""Documents for what a state is: status, show, diff."""

from __future__ import annotations

import shlex
from typing import Any

from timeslip.rendering.document import Code, Document, Line, Span, Style, Table, line, one_line, span
from timeslip.rendering.history import changes, code_block, cost, labels, outcome, prompt, ran, title
from timeslip.rendering.results import by_reason
from timeslip.rendering.units import Clock, duration, plural, size, some

Json = dict[str, Any]


def status(answer: Json, clock: Clock) -> Document:
    """Where the session is."""
    head = answer["head"]
    blocks: Document = [_where(answer, head)]
    blocks += _warnings(answer)
    if answer["last"]:
        blocks += _last(answer["last"], clock)
    blocks += _reasons("not stored exactly", answer["inexact"])
    blocks += _reasons("placeholder", answer["placeholders"])
    if answer["assumed"]:
        blocks.append(line(span("not looked at and not reached by the last run: ", "dim"), some(answer["assumed"])))
    if answer["unfinished"]:
        blocks.append(line(span(_unfinished(answer), "warn")))
    if answer["large_arrays"]:
        blocks.append(line(span("large arrays: ", "dim"), one_line(answer["large_arrays"])))
    if answer["large_values"]:
        blocks.append(line(span("large values are written ", "dim"), one_line(answer["large_values"])))
    blocks.append(line(span("store   ", "dim"), size(answer["store_bytes"]), span("  " + answer["store"], "dim")))
    return blocks


def _unfinished(answer: Json) -> str:
    runs = plural(answer["unfinished"], "run")
    if answer["paused"]:
        return f"{runs} not recorded since then; what was changed belongs to the next step that is recorded"
    done, total = answer["saving"] or (0, 0)
    return f"{runs} still being saved" + (f": {size(done)} of {size(total)}" if total else "")


def _where(answer: Json, head: Json | None) -> Line:
    spans = [span(answer["name"], "strong"), span("  on "), span(answer["branch"], "branch")]
    if head is None:
        spans.append(span(", nothing recorded yet"))
    else:
        spans += [span(" at "), span(head["short"], "id"), span(" " + prompt(head), "prompt"), span("  "), title(head)]
    return Line(tuple(spans))


def _warnings(answer: Json) -> Document:
    blocks: Document = []
    if answer["paused"]:
        blocks.append(line(span("recording is paused: ", "warn"), one_line(answer["paused"])))
    if answer["resumable"]:
        ref = answer["resumable"][:8]
        what = (
            "the other kernel's state can be brought in: "
            if answer["shared"]
            else "an earlier state can be brought back: "
        )
        named = "" if answer["kernel"] == "this" or answer["notebook"] else f" --from {shlex.quote(answer['name'])}"
        blocks.append(line(what, span("%timeslip resume" + named, "code"), f"  ({ref})"))
    if not answer["at_tip"]:
        moved = answer["next_branch"] != answer["branch"]
        blocks.append(
            line(
                "the next run creates branch ",
                span(answer["next_branch"], "branch"),
                *((", because this is not the tip of ", span(answer["branch"], "branch")) if moved else ()),
            )
        )
    return blocks


def _last(commit: Json, clock: Clock) -> Document:
    did = changes(commit["names"]) or [span(" no change", "dim")]
    blocks: Document = [
        Line(
            (
                span("last    ", "dim"),
                span(prompt(commit), "prompt"),
                *did,
                *outcome(commit),
                span("   " + ran(commit, clock), "dim"),
            ),
            hang=8,
        ),
        line(
            span("cost    ", "dim"),
            f"{duration(commit['seconds'])} to record, {size(commit['bytes_stored'])} added, "
            f"{size(commit['bytes_serialized'])} looked at",
        ),
    ]
    if commit["names"]["late"]:
        blocks.append(
            line(
                span("found changed without a known reason: ", "warn"),
                "; ".join(" ".join((name, commit["names"]["when"].get(name, ""))) for name in commit["names"]["late"]),
            )
        )
    return blocks


def _reasons(what: str, reasons: Json) -> Document:
    return [
        line(span(what + ": ", "warn"), span(some(names), "strong"), "  " + one_line(reason))
        for names, reason in by_reason(reasons)
    ]


def show(answer: Json, clock: Clock) -> Document:
    """One commit, or one value."""
    if answer["value"] is not None:
        return _value(answer["value"])
    commit = answer["commit"]
    blocks: Document = [
        line(
            span("commit  ", "dim"),
            span(commit["id"][:16], "id"),
            span("  " + prompt(commit), "prompt"),
            *labels(commit),
            *outcome(commit),
        ),
        line(span("when    ", "dim"), cost(commit, clock), span("  " + _python(commit["python"]), "dim")),
        Line((span("names  ", "dim"), *(changes(commit["names"]) or [span(" no change", "dim")])), hang=8),
    ]
    if commit["message"]:
        blocks.append(line(span("message ", "dim"), one_line(commit["message"])))
    blocks.append(code_block(commit))
    blocks += _reasons("not stored exactly", commit["names"]["inexact"])
    if answer["values"]:
        blocks.append(Table(tuple(_value_row(value) for value in answer["values"]), ("name", "type", "value")))
    return blocks


def _python(version: str) -> str:
    """``Python 3.11.7``, also for a tag such as ``cpython-311``."""
    name, dash, digits = version.partition("-")
    return f"{name} {digits[:1]}.{digits[1:]}" if dash else f"Python {version}"


def _value_row(value: Json) -> tuple[Span, ...]:
    text = value["note"] or value["summary"] or value["text"]
    return (span(value["name"], "strong"), span(value["type"], "dim"), span(one_line(text)))


def _value(value: Json) -> Document:
    head = [span(value["name"], "strong"), span("  " + value["type"], "dim")]
    if value["summary"]:
        head.append(span("  " + one_line(value["summary"])))
    if value["commit"]:
        head += [span("  made by ", "dim"), span(value["commit"][:8], "id")]
    blocks: Document = [Line(tuple(head))]
    if value["note"]:
        blocks.append(line(span(one_line(value["note"]), "warn")))
    if value["text"]:
        blocks.append(Code(value["text"].rstrip("\n")))
    return blocks


_MARKS: dict[str, tuple[str, Style]] = {
    "created": ("+", "created"),
    "changed": ("~", "changed"),
    "deleted": ("-", "deleted"),
}


def diff(answer: Json, clock: Clock) -> Document:
    """What differs between two states."""
    blocks: Document = [
        line(
            span("from ", "dim"), span(_state(answer["a"]), "id"), span(" to ", "dim"), span(_state(answer["b"]), "id")
        )
    ]
    if answer["more_runs"]:
        blocks.append(line(span(f"  {answer['more_runs']:,} earlier ones, and then", "dim")))
    for commit in answer["runs"]:
        blocks.append(
            Line((span("  " + commit["short"], "id"), span("  " + prompt(commit) + "  ", "prompt"), title(commit)))
        )
    if not answer["values"]:
        blocks.append(line(span("no value differs", "dim")))
    for value in answer["values"]:
        mark, style = _MARKS.get(value["change"], _MARKS["changed"])
        blocks.append(line(span(f"{mark}{value['name']}", style), "  " + one_line(value["summary"]), hang=4))
        if value["lines"]:
            blocks.append(Code("\n".join(value["lines"]), indent=4, diff=True))
    return blocks


def _state(text: str | None) -> str:
    if text is None:
        return "the empty state"
    return "the live state" if text == "." else text[:8]
