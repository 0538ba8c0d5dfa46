"""The verbs of a session at the command line: on the store where that is enough, else in the live kernel."""

from __future__ import annotations

import argparse
import functools

from timeslip.cli import kernel
from timeslip.cli.command import Command, Invocation
from timeslip.cli.output import write_answer, write_notice
from timeslip.cli.target import check_words, choose_session
from timeslip.stored import StoredSession
from timeslip.verbs.parsing import parse
from timeslip.verbs.spec import Answer, Verb, asks_for_live


def command(verb: Verb) -> Command:
    """The command for *verb*."""
    return Command(verb, functools.partial(_run, verb))


def _run(verb: Verb, invocation: Invocation) -> Answer:
    check_words(verb, invocation.words)
    with invocation.open_store(read_only=True) as repository:
        session, words = choose_session(repository, invocation, verb)
        options = parse(verb, words)
        if _on_store(verb, options):
            stored = StoredSession(repository, session)
            try:
                return verb.run(stored, options)
            finally:
                for notice in stored.notices():
                    write_notice(notice)
    if verb.lists_first and not (options.dry_run or options.json):
        write_answer(kernel.perform(session, [verb.name, *words, "--dry-run"]), as_json=False)
    return kernel.perform(session, [verb.name, *words])


def _on_store(verb: Verb, options: argparse.Namespace) -> bool:
    """Whether the store alone can answer: reading verbs, unless they ask for the live state; and lists of names."""
    if verb.stored:
        return not asks_for_live(verb, options)
    if verb.name in ("branch", "tag"):
        return not (options.name or options.delete or getattr(options, "rename", None))
    return False
