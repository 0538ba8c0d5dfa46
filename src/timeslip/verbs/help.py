"""What ``--help`` shows and what the reference is generated from: the words of the verb table, nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from timeslip.rendering.document import Document, Table, line, span
from timeslip.verbs.spec import REF_HELP, Verb


def verb_help(verb: Verb, prefix: str) -> Document:
    """Usage, text and options of one verb; *prefix* is how this door begins it (``%timeslip`` or ``timeslip``)."""
    blocks: Document = [line(span("usage: ", "dim"), f"{prefix} {verb.usage}", hang=9), line("")]
    blocks.append(line(span(verb.summary, "strong")))
    for paragraph in verb.details.split("\n\n"):
        blocks += [line(""), line(paragraph, hang=0)]
    rows = tuple((span(_written(verb, index), "code"), span(a.help)) for index, a in enumerate(verb.arguments))
    if rows:
        blocks += [line(""), Table(rows, wrap=True)]
    return blocks


def _written(verb: Verb, index: int) -> str:
    argument = verb.arguments[index]
    word = argument.metavar or ""
    return word if argument.positional else ", ".join(argument.flags) + (f" {word}" if word else "")


def overview(verbs: Mapping[str, Verb], prefix: str) -> Document:
    """All verbs with their one-line summaries."""
    rows = tuple((span(verb.name, "code"), span(verb.summary)) for verb in verbs.values())
    more = f"{prefix} VERB --help says more. A REF is a {REF_HELP}."
    return [
        line(span("usage: ", "dim"), f"{prefix} VERB [options]"),
        line(""),
        Table(rows, wrap=True),
        line(""),
        line(more, hang=0),
    ]
