"""From the words of a command line to a command, its answer and the exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from timeslip.cli import check_cmd, config_cmd, du_cmd, gc_cmd, mv_cmd, rm_cmd, sessions_cmd, trust_cmd, verb_cmd
from timeslip.cli.command import Command, Invocation
from timeslip.cli.output import write_answer, write_document, write_error
from timeslip.errors import InternalError, TimeslipError, UsageError, in_brief
from timeslip.rendering.document import Document, Table, line, span
from timeslip.verbs import VERBS
from timeslip.verbs.help import verb_help
from timeslip.verbs.parsing import find_verb

_OWN = (
    sessions_cmd.COMMAND,
    check_cmd.COMMAND,
    mv_cmd.COMMAND,
    rm_cmd.COMMAND,
    du_cmd.COMMAND,
    gc_cmd.COMMAND,
    config_cmd.COMMAND,
    trust_cmd.COMMAND,
)

COMMANDS: dict[str, Command] = {
    **{name: verb_cmd.command(verb) for name, verb in VERBS.items()},
    **{command.verb.name: command for command in _OWN},
}
"""Every command of ``timeslip``, by name."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 a problem that the message explains, 2 wrong usage."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(words)
    except TimeslipError as error:
        write_error(error)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, less) has gone: say nothing, and keep the interpreter from trying again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:  # the contract: a message and a hint, never a traceback
        _write_fault(error)
        return 1


def _run(words: list[str]) -> int:
    words, store, session = _global_options(words)
    if not words or words[0] in ("-h", "--help", "help"):
        if len(words) > 1:
            write_document(_help_of(words[1]))
        else:
            write_document(_overview())
        return 0 if words else 2
    if words[0] == "--version":
        from timeslip import __version__

        write_document([line(f"timeslip {__version__}")])
        return 0
    command = COMMANDS[find_verb({name: c.verb for name, c in COMMANDS.items()}, words[0]).name]
    if any(word in ("-h", "--help") for word in words[1:]):
        write_document(_help_of(words[0]))
        return 0
    answer = command.run(Invocation(words[1:], store, session))
    write_answer(answer, as_json="--json" in words[1:])
    return 1 if answer.get("intact") is False else 0


def _global_options(words: list[str]) -> tuple[list[str], Path | None, str | None]:
    """Take ``--store DIR`` and ``--session SESSION`` out of *words*, wherever they stand before ``--``."""
    rest: list[str] = []
    found: dict[str, str] = {}
    index = 0
    while index < len(words):
        word = words[index]
        key, equals, value = word.partition("=")
        if word == "--":
            rest += words[index:]
            break
        if key in ("--store", "--session"):
            if not equals:
                index += 1
                if index >= len(words):
                    raise UsageError(f"{key} needs a value", hint="--store DIR, --session SESSION")
                value = words[index]
            found[key] = value
        else:
            rest.append(word)
        index += 1
    return rest, Path(found["--store"]) if "--store" in found else None, found.get("--session")


def _overview() -> Document:
    groups = (("reading and looking after a store, no kernel needed", True), ("on the live kernel of a session", False))
    blocks: Document = [line(span("usage: ", "dim"), "timeslip COMMAND [SESSION] [options]")]
    for title, stored in groups:
        rows = tuple(
            (span(name, "code"), span(command.verb.summary))
            for name, command in COMMANDS.items()
            if command.verb.stored is stored
        )
        blocks += [line(""), line(span(title, "strong")), Table(rows, wrap=True)]
    more = (
        "SESSION is a notebook's path, a session's name, or a unique part of either; with one session it may be left "
        "out. --session SESSION says it without doubt, --store DIR reads another store than your own."
    )
    return [*blocks, line(""), line(more, hang=0), line("timeslip COMMAND --help says more.")]


def _help_of(name: str) -> Document:
    verb = find_verb({key: command.verb for key, command in COMMANDS.items()}, name)
    prefix = "timeslip"
    blocks = verb_help(verb, prefix)
    if COMMANDS[name].takes_session:
        place = verb.usage.partition(" ")
        blocks[0] = line(span("usage: ", "dim"), f"{prefix} {place[0]} [SESSION] {place[2]}", hang=9)
    return blocks


def _write_fault(error: Exception) -> None:
    if os.environ.get("TIMESLIP_TRACEBACK"):
        import traceback

        sys.stderr.write("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    text = in_brief(str(error), 300)
    write_error(
        InternalError(
            f"a fault inside Timeslip: {type(error).__name__}{': ' + text if text else ''}",
            hint="nothing was changed by this command; TIMESLIP_TRACEBACK=1 shows where it happened",
        )
    )
