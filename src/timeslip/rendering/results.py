"""Documents for what a verb did: restores, commits, names for commits, verification, sizes, settings, messages."""

from __future__ import annotations

from typing import Any

from timeslip.model import is_definition, is_facet
from timeslip.rendering.document import Code, Document, Line, Span, Table, line, one_line, span
from timeslip.rendering.history import changes, labels, prompt, title
from timeslip.rendering.units import Clock, duration, plural, size, some

Json = dict[str, Any]

_DONE = {
    "undo": ("undone", "undo would lead"),
    "redo": ("redone", "redo would lead"),
    "checkout": ("checked out", "checkout would lead"),
    "resume": ("resumed", "resume would lead"),
    "switch": ("switched", "switch would lead"),
    "replay": ("replayed", "replay would lead"),
}
_STEPS = {
    "checkout": "the checkout of",
    "partial-checkout": "the checkout of names that made",
    "get": "the get that made",
    "resume": "the resume of",
    "replay": "the replay that made",
    "live": "the unrecorded changes in",
}
_SHOWN = 5
"""So many steps are listed; the rest is a number."""
_LAST_OUTPUTS = ("_", "__", "___")


def restore(answer: Json, clock: Clock) -> Document:
    """What undo, redo, checkout, resume, switch or replay did."""
    # What was done is not listed again: it was, before it was done.
    steps = answer.get("steps", ()) if answer["dry_run"] else ()
    blocks: Document = [*_steps(steps), *_went(answer), _arrived(answer)]
    for what, style in (("loaded", "created"), ("replayed", "changed"), ("dropped", "deleted")):
        if answer[what]:
            blocks.append(_listed(what, answer[what], style))
    if answer["kept"]:
        blocks.append(line(span("kept      ", "dim"), _many(answer["kept"])))
    # What was a placeholder before is not news, and the last outputs have other names for the same objects.
    still = [name for name in answer["placeholders"] if name in answer["kept"] and name not in _LAST_OUTPUTS]
    new = [name for name in answer["placeholders"] if name not in answer["kept"] and name not in _LAST_OUTPUTS]
    if new:
        blocks.append(_listed("placeholder", new, "warn"))
    if still:
        blocks.append(line(span("still a placeholder: ", "dim"), some(still)))
    if not any(answer[what] for what in ("loaded", "replayed", "dropped", "placeholders")):
        would = "would have" if answer["dry_run"] else "had"
        blocks.append(line(span(f"no name {would} to change", "dim")))
    told = {
        name: f"{fidelity + ': ' if (fidelity := answer['fidelity'].get(name, '')) else ''}{one_line(reason)}"
        for name, reason in answer["notes"].items()
        if name not in still and not (name in answer["placeholders"] and name in _LAST_OUTPUTS)
    }
    for names, text in by_reason(told):
        blocks.append(line(span(some(names), "strong"), "  " + text, hang=4))
    return [*blocks, *(line(one_line(message)) for message in answer["messages"])]


def by_reason(told: Json) -> list[tuple[list[str], str]]:
    """Names of which the same is said, and that; the last outputs only where no other name has the object."""
    groups: dict[str, list[str]] = {}
    for name, text in sorted(told.items()):
        groups.setdefault(text, []).append(name)
    return [([name for name in names if name not in _LAST_OUTPUTS] or names, text) for text, names in groups.items()]


def _went(answer: Json) -> Document:
    """The steps that undo took back, or redo did again, a line each."""
    word = f"would {answer['verb']}" if answer["dry_run"] else _DONE[answer["verb"]][0]
    blocks: Document = []
    for step in answer["went"][:_SHOWN]:
        made = step["commit"]
        spans = [span(word + " ", "strong")]
        if step["kind"] != "run":
            spans.append(span(_STEPS.get(step["kind"], step["kind"] + " to") + " "))
        if made is None:
            spans.append(span("the empty state", "id"))
        elif step["kind"] == "run":
            spans += [span(prompt(made), "prompt"), span("  "), title(made)]
        else:
            spans.append(span(made["short"], "id"))
        blocks.append(Line(tuple(spans)))
    more = len(answer["went"]) - _SHOWN
    return [*blocks, line(f"and {plural(more, 'more step')}")] if more > 0 else blocks


def _arrived(answer: Json) -> Line:
    """Where the session is now, or would be."""
    done, would = _DONE[answer["verb"]]
    target = span(answer["commit"][:8], "id") if answer["commit"] else span("the empty state", "id")
    if answer["dry_run"]:
        head = [span(would, "strong"), span(" to "), target]
    else:
        head = [*((span(done, "strong"), span(", ")) if not answer["went"] else ()), span("now at "), target]
    if answer["at"]:
        head += [span(" " + prompt(answer["at"]), "prompt"), span("  "), title(answer["at"]), span(" ")]
    if answer["branch"]:
        head += [span(" on "), span(answer["branch"], "branch")]
    if not answer["dry_run"]:
        head.append(span(f"  ({duration(answer['duration'])})", "dim"))
    return Line(tuple(head))


def _listed(what: str, names: list[str], style: Any) -> Line:
    return Line((span(what.ljust(9) + " ", "dim"), span(some(names), style)), hang=10)


def _many(names: list[str]) -> str:
    """Names that were left alone: few by name, many by number."""
    return some(names, 8)


_TOUCHED = 4
"""So many of the things that a cell seems to touch are named; one is enough to make a user look at the cell."""


def _steps(steps: Any) -> Document:
    blocks: Document = []
    for step in steps:
        count = f"In[{step['execution_count']}]" if step["execution_count"] is not None else "run"
        touches = some(step["touches"], _TOUCHED) if step["touches"] else "nothing outside the session"
        blocks.append(
            line(
                span(step["commit"][:8], "id"),
                span(f"  {count}", "prompt"),
                f"  took {duration(step['duration'])}, touches {touches}, makes {', '.join(step['rebuilds'])}",
            )
        )
        blocks.append(Code(step["code"].rstrip("\n"), indent=4))
    return blocks


def commit(answer: Json, clock: Clock) -> Document:
    """One commit that was made or described."""
    made = answer["commit"]
    did = changes(made["names"]) or [span(" no change", "dim")]
    verb = "recorded" if answer["verb"] == "commit" else "described"
    head = [span(verb + " ", "strong"), span(made["short"], "id"), span("  " + prompt(made), "prompt"), span("  ")]
    extra = span(f"   {size(made['bytes_stored'])}", "dim")
    return [Line((*head, title(made), *labels(made), *did, extra))]


def got(answer: Json, clock: Clock) -> Document:
    """A past value that was brought in."""
    where = f"{answer['name']} of {answer['ref']}"
    return [line(span(answer["new"], "created"), f" is now {where}; nothing else changed")]


def refs(answer: Json, clock: Clock) -> Document:
    """Branches or tags."""
    blocks: Document = [line(answer["message"])] if answer["message"] else []
    rows = tuple(
        (
            span("*" if ref["current"] else " ", "head"),
            span(ref["name"], "branch" if ref["kind"] == "branch" else "tag"),
            span(ref["commit"][:8], "id"),
        )
        for ref in answer["refs"]
    )
    if rows:
        blocks.append(Table(rows))
    elif not blocks:
        blocks.append(line(span("none yet", "dim")))
    return blocks


def verification(answer: Json, clock: Clock) -> Document:
    """What `verify` found."""
    where = f"commit {answer['commit'][:8]}" if answer["commit"] else "the live state"
    took = span(f"  ({duration(answer['duration'])})", "dim")
    good = f": {plural(len(answer['intact']), 'name')} {'can be restored' if answer['commit'] else 'as recorded'}"
    bad = f", {len(answer['changed'])} not as recorded" if answer["changed"] else ""
    bad += f", {len(answer['replayed'])} by running cells again" if answer["replayed"] else ""
    bad += f", {len(answer['unrestorable'])} cannot" if answer["unrestorable"] else ""
    head = line(span(where, "strong"), good + bad, took)
    blocks: Document = [head]
    for name, reason in sorted(answer["changed"].items()):
        blocks.append(line(span("differs: ", "warn"), span(name, "strong"), "  " + one_line(reason)))
    for name, reason in sorted(answer["replayed"].items()):
        blocks.append(line(span("not loaded: ", "warn"), span(name, "strong"), "  " + one_line(reason)))
    for name, reason in sorted(answer["unrestorable"].items()):
        blocks.append(line(span("cannot be restored: ", "error"), span(name, "strong"), "  " + one_line(reason)))
    return [*blocks, *(line(one_line(message)) for message in answer["messages"])]


def usage(answer: Json, clock: Clock) -> Document:
    """What a store holds."""
    limit = f" of at most {size(answer['limit_bytes'])}" if answer["limit_bytes"] else ""
    blocks: Document = [
        line(
            span(size(answer["total_bytes"]), "strong"),
            limit,
            f", {size(answer['free_bytes'])} free on the disk",
            span("  " + answer["store"], "dim"),
        )
    ]
    for key, header in (("sessions", "session"), ("names", "name")):
        rows = tuple(_usage_row(row) for row in answer[key])
        if rows:
            heads = (header, "size", "own", "commits" if key == "sessions" else "versions")
            blocks.append(Table(rows, heads, frozenset({1, 2, 3})))
    return blocks


def _usage_row(row: Json) -> tuple[Span, ...]:
    own = size(row["own_bytes"]) if row["own_bytes"] else ""
    name = row["name"]
    if is_definition(name):
        name = f"definition {name[4:12]}"
    elif is_facet(name):
        name = f"facet {name[6:]}"
    return (span(name, "strong"), span(size(row["bytes"])), span(own, "dim"), span(f"{row['versions']:,}"))


def collected(answer: Json, clock: Clock) -> Document:
    """What `gc` did."""
    verb = "would free" if answer["dry_run"] else "freed"
    dropped = f"{plural(answer['values'], 'value')} of {plural(answer['commits'], 'commit')}"
    head = line(
        span(f"{verb} {size(answer['freed_bytes'])}", "strong"), f": {dropped}, ", plural(answer["chunks"], "chunk")
    )
    return [head, *(line(one_line(message)) for message in answer["messages"])]


def settings(answer: Json, clock: Clock) -> Document:
    """Settings and their values."""
    if answer["changed"]:
        key = answer["changed"]
        return [line(span(key, "strong"), f" is now {_setting(answer['settings'][key])}")]
    return [Table(tuple((span(key, "strong"), span(_setting(value))) for key, value in answer["settings"].items()))]


def _setting(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(value) if isinstance(value, list) else str(value)


def messages(answer: Json, clock: Clock) -> Document:
    """Only sentences."""
    return [line(one_line(message)) for message in answer["messages"]]


def sessions(answer: Json, clock: Clock) -> Document:
    """The sessions of a store."""
    if not answer["sessions"]:
        return [line(span("no session is recorded in ", "dim"), answer["store"])]
    rows = tuple(
        (
            span("*" if row["current"] else " ", "head"),
            span(row["name"], "strong"),
            span(_kernel(row), "branch" if row["alive"] else "dim"),
            span(f"{row['commits']:,}"),
            span(size(row["bytes"])),
            span(clock.moment(row["last_used"]), "dim"),
            span(row["notebook"] or "", "dim"),
        )
        for row in answer["sessions"]
    )
    return [Table(rows, ("", "session", "kernel", "commits", "size", "last used", "notebook"), frozenset({3, 4}))]


def _kernel(row: Json) -> str:
    if not row["alive"]:
        return "no kernel"
    return "alive" if row["reachable"] else "alive, out of reach"


def check(answer: Json, clock: Clock) -> Document:
    """What `check` found in a store."""
    if answer["intact"]:
        looked = f"{plural(answer['records'], 'record')} and {plural(answer['chunks'], 'chunk')} read"
        head = line(span("the store is intact", "created"), f": {looked}")
    else:
        head = line(span(f"{plural(len(answer['problems']), 'problem')} found", "error"))
    blocks: Document = [head]
    if answer["untrusted"]:
        signed = plural(answer["untrusted"], "record")
        blocks.append(line(span(f"{signed} signed with a key that is not yours: ", "warn"), "`trust` accepts them"))
    for problem in answer["problems"]:
        what = f"{problem['subject']} {problem['id'][:16]}".rstrip()
        blocks.append(line(span(what + ": ", "error"), one_line(problem["text"]), hang=4))
        blocks += [line("    ", span(one_line(where), "dim"), hang=6) for where in problem["where"]]
    return blocks
