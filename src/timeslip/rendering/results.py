"""Documents for what a verb did: restores, commits, names for commits, verification, sizes, settings, messages."""

from __future__ import annotations

from typing import Any

from timeslip.rendering.document import Code, Document, Line, Span, Table, line, one_line, span
from timeslip.rendering.history import changes, labels, prompt, title
from timeslip.rendering.units import Clock, duration, plural, size

Json = dict[str, Any]

_DONE = {
    "undo": ("undone", "undo would lead"),
    "redo": ("redone", "redo would lead"),
    "checkout": ("checked out", "checkout would lead"),
    "resume": ("resumed", "resume would lead"),
    "switch": ("switched", "switch would lead"),
    "replay": ("replayed", "replay would lead"),
}


def restore(answer: Json, clock: Clock) -> Document:
    """What undo, redo, checkout, resume, switch or replay did."""
    done, would = _DONE.get(answer["verb"], (answer["verb"], answer["verb"] + " would lead"))
    target = span(answer["commit"][:8], "id") if answer["commit"] else span("the empty state", "id")
    arrow = " to " if answer["dry_run"] else ", now at "
    head = [span(would if answer["dry_run"] else done, "strong"), span(arrow), target]
    if answer["branch"]:
        head += [span(" on "), span(answer["branch"], "branch")]
    if not answer["dry_run"]:
        head.append(span(f"  ({duration(answer['duration'])})", "dim"))
    # What was done is not listed again: it was, before it was done.
    steps = answer.get("steps", ()) if answer["dry_run"] else ()
    blocks: Document = [*_steps(steps), Line(tuple(head))]
    for what, style in (("loaded", "created"), ("replayed", "changed"), ("dropped", "deleted")):
        if answer[what]:
            blocks.append(_listed(what, answer[what], style))
    if answer["kept"]:
        blocks.append(line(span("kept      ", "dim"), _many(answer["kept"])))
    if answer["placeholders"]:
        blocks.append(_listed("placeholder", answer["placeholders"], "warn"))
    for name, reason in sorted(answer["notes"].items()):
        fidelity = answer["fidelity"].get(name, "")
        blocks.append(line(span(name, "strong"), f"  {fidelity + ': ' if fidelity else ''}{one_line(reason)}", hang=4))
    return [*blocks, *(line(one_line(message)) for message in answer["messages"])]


def _listed(what: str, names: list[str], style: Any) -> Line:
    return Line((span(what.ljust(9) + " ", "dim"), span(", ".join(names), style)), hang=10)


def _many(names: list[str]) -> str:
    """Names that were left alone: few by name, many by number."""
    return ", ".join(names) if len(names) <= 8 else f"{', '.join(names[:6])} and {len(names) - 6} more"


def _steps(steps: Any) -> Document:
    blocks: Document = []
    for step in steps:
        count = f"In[{step['execution_count']}]" if step["execution_count"] is not None else "run"
        touches = ", ".join(step["touches"]) or "nothing outside the session"
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
    bad += f", {len(answer['unrestorable'])} cannot" if answer["unrestorable"] else ""
    head = line(span(where, "strong"), good + bad, took)
    blocks: Document = [head]
    for name, reason in sorted(answer["changed"].items()):
        blocks.append(line(span("differs: ", "warn"), span(name, "strong"), "  " + one_line(reason)))
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
    return (span(row["name"], "strong"), span(size(row["bytes"])), span(own, "dim"), span(f"{row['versions']:,}"))


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
    for problem in answer["problems"]:
        what = f"{problem['subject']} {problem['id'][:16]}".rstrip()
        blocks.append(line(span(what + ": ", "error"), one_line(problem["text"]), hang=4))
        blocks += [line("    ", span(one_line(where), "dim"), hang=6) for where in problem["where"]]
    return blocks
