"""Write docs/reference/ from the code: errors, settings, verbs, and what comes back of which kind of object.

The code is the source: the pages are made from exception classes, the settings record, the table of verbs and the
tables that tests/fidelity/ holds to be true, and tests/test_docs.py fails when they differ from what this script would
write.

    python scripts/reference.py            write the pages
    python scripts/reference.py --check    say which are out of date; exit status 1 if any
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import inspect
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if (ROOT / "src").is_dir():
    sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from timeslip import config, errors  # noqa: E402 - the checkout beside this script, installed or not

REFERENCE = ROOT / "docs" / "reference"
MADE = "<!-- Made by scripts/reference.py from the code. Do not edit: run `make docs`. -->\n"


def cell(text: str) -> str:
    """*text* as it may stand in a table."""
    return " ".join(text.replace("|", "\\|").split())


def table(*rows: tuple[str, ...]) -> list[str]:
    """A Markdown table; the first row is its head."""
    head, *body = [f"| {' | '.join(cell(text) for text in row)} |" for row in rows]
    return [head, "|" + "---|" * len(rows[0]), *body]


def page(title: str, *paragraphs: str | list[str]) -> str:
    """A whole page."""
    blocks = ["\n".join(block) if isinstance(block, list) else block for block in paragraphs]
    return "\n\n".join([f"# {title}", MADE.rstrip(), *blocks]) + "\n"


def error_classes() -> list[type[errors.TimeslipError]]:
    """Every error, in the order of the source."""
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.TimeslipError) and value.__module__ == errors.__name__
    ]


def errors_page() -> str:
    """docs/reference/errors.md."""
    tree = inspect.cleandoc(errors.__doc__ or "")
    drawing = next(block for block in tree.split("\n\n") if "├──" in block)
    rows = [
        (f"`{kind.code}`", f"`{kind.__name__}`", str(kind.exit_status), (inspect.getdoc(kind) or "").split("\n\n")[0])
        for kind in error_classes()
    ]
    return page(
        "Errors",
        "Every error has a message, a hint and a code. The code never changes between releases; messages and hints "
        "may. In a notebook an error of a verb is shown as message and hint, without a traceback; in Python it is "
        "raised; the `timeslip` command ends with the exit status of the table.",
        f"```\n{drawing}\n```",
        table(("code", "class in `timeslip.errors`", "exit status", "means"), *rows),
    )


def attribute_docs(kind: type) -> dict[str, str]:
    """Name -> text of the ``Attributes:`` section of a docstring."""
    text = inspect.getdoc(kind) or ""
    section = text.split("Attributes:\n", 1)[1]
    entries = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section, flags=re.MULTILINE)
    return {name: " ".join(said.split()) for name, said in entries}


def plain_default(value: Any) -> str:
    """A default as a user would type it."""
    if isinstance(value, tuple):
        return f"`{','.join(value)}`" if value else "none"
    return f"`{value}`"


def settings_page() -> str:
    """docs/reference/settings.md."""
    said = attribute_docs(config.Settings)
    rows = []
    for field in dataclasses.fields(config.Settings):
        if field.name.startswith("_"):
            continue
        rows.append((f"`{field.name}`", plain_default(getattr(config.Settings(), field.name)), said[field.name]))
    return page(
        "Settings",
        "`%timeslip config` lists the settings, `%timeslip config KEY VALUE` changes one for every session of the "
        "store. `timeslip.attach(KEY=VALUE)` and `c.Timeslip.KEY = VALUE` in IPython's configuration hold for one "
        "session; the nearest wins: call, then IPython, then store. Lists are separated by commas.",
        table(("setting", "default", "means"), *rows),
    )


def verb_table() -> dict[str, Any] | None:
    """Name -> `timeslip.verbs.spec.Verb`, or None as long as there is no table of verbs."""
    if importlib.util.find_spec("timeslip.verbs") is None:
        return None
    return dict(importlib.import_module("timeslip.verbs").VERBS)


def verb_section(verb: Any) -> list[str]:
    """One verb: usage, what it does, its arguments."""
    where = (
        "notebook, Python and shell (no kernel needed)" if verb.stored else "notebook, Python and shell (live kernel)"
    )
    lines = [f"## {verb.name}", "", f"    {verb.usage}", "", verb.summary, ""]
    if verb.details:
        lines += [*inspect.cleandoc(verb.details).splitlines(), ""]
    lines += [f"*{verb.effect}; {where}*", ""]
    if verb.arguments:
        lines += table(("argument", "means"), *((argument_words(a), a.help) for a in verb.arguments))
        lines.append("")
    return lines


def argument_words(argument: Any) -> str:
    """An argument as it is typed, every spelling of an option included."""
    if argument.positional:
        return f"`{argument.metavar or argument.flags[0].upper()}`"
    word = f" {argument.metavar}" if argument.metavar else ""
    return ", ".join(f"`{flag}{word}`" for flag in argument.flags)


def verbs_page(verbs: dict[str, Any]) -> str:
    """docs/reference/verbs.md."""
    overview = table(("verb", "does"), *((f"[`{v.name}`](#{v.name})", v.summary) for v in verbs.values()))
    sections = [line for verb in verbs.values() for line in verb_section(verb)]
    return page(
        "Verbs",
        "In a notebook: `%timeslip VERB …`; in Python: a method of `timeslip.session()`; in a shell: `timeslip VERB "
        "[SESSION] …`. Same name, same options, same answers.",
        overview,
        "\n".join(sections).rstrip(),
    )


def fidelity_tables() -> list[Any] | None:
    """The modules with tables in `tests.fidelity`, or None where there are no tests."""
    if importlib.util.find_spec("tests") is None:
        return None
    return [importlib.import_module(f"tests.fidelity.{name}") for name in ("kinds", "traps", "connections")]


def fidelity_page(kinds: Any, traps: Any, connections: Any) -> str:
    """docs/reference/fidelity.md."""
    blocks: list[str | list[str]] = []
    for section, rows in (*kinds.SECTIONS.items(), *connections.SECTIONS.items()):
        blocks.append(f"## {section}")
        head = ("object", "undo of a use", "a new kernel", "said when it is recorded")
        blocks.append(
            table(head, *((name, k.undo, k.resume, f"… {k.said} …" if k.said else "") for name, k in rows.items()))
        )
    right = {name: trap for name, trap in traps.TRAPS.items() if not trap.open}
    told = [(name, trap.answer, f"… {trap.said} …" if trap.said else "") for name, trap in right.items()]
    wrong = [(name, trap.open) for name, trap in traps.TRAPS.items() if trap.open]
    return page(
        "Fidelity",
        "What comes back of objects that belong to the system rather than to Python alone. *exact*: equal, with the "
        "same aliasing. *rebuilt*: equal, but holding a new outside resource. *replayed*: made again by running its "
        "cells, which is only done unasked where they stay within the session. *lost*: a placeholder that says why. An "
        "object that is in the wanted state still is always used itself. What is not exact in a new kernel is said "
        "when the commit is made: `status`, `log` and `Commit.names.inexact` name it.",
        "Every row is a test: the object is made under two names and in containers, recorded, used, recorded, undone, "
        "redone, and resumed in another process.",
        *blocks,
        "## Objects built to fool",
        "Each of these comes back, after every step and in a new kernel, as it is without Timeslip, or is reported.",
        table(("object", "answer", "said when it is recorded"), *told),
        "## Known to be wrong",
        "These are not reported. The tests expect that they fail, and fail when they do not.",
        table(("object", "what is wrong"), *wrong),
    )


def pages() -> dict[Path, str]:
    """Path -> text of every generated page."""
    made = {REFERENCE / "errors.md": errors_page(), REFERENCE / "settings.md": settings_page()}
    verbs = verb_table()
    if verbs is not None:
        made[REFERENCE / "verbs.md"] = verbs_page(verbs)
    tables = fidelity_tables()
    if tables is not None:
        made[REFERENCE / "fidelity.md"] = fidelity_page(*tables)
    return made


def stale() -> list[Path]:
    """The pages that are not what this script would write."""
    return [path for path, text in pages().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]


def main() -> int:
    """Write, or only compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 when a page is out of date")
    arguments = parser.parse_args()
    for path in stale():
        print(("out of date: " if arguments.check else "written: ") + str(path.relative_to(ROOT)))
        if arguments.check:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages()[path], encoding="utf-8")
    return 1 if arguments.check and stale() else 0


if __name__ == "__main__":
    sys.exit(main())
