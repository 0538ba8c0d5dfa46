"""From a line of words to a verb and its answer, shown or returned. Imported when the first verb is used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from timeslip.interrupts import open_to_interrupts, uninterrupted
from timeslip.ipython.display import show, show_document
from timeslip.ipython.faults import interrupted
from timeslip.ipython.recorder import Recorder
from timeslip.ipython.watching import progress
from timeslip.verbs import VERBS
from timeslip.verbs.help import overview, verb_help
from timeslip.verbs.parsing import find_verb, parse, split_line
from timeslip.verbs.spec import asks_for_live


def perform_line(shell: Any, session: Any, recorder: Recorder, line: str, *, verb: str = "") -> None:
    """Run the verb of a magic's *line* (or *verb*, and the line holds its options) and show the answer.

    Raises:
        TimeslipError: the verb failed; the session is as it was.
    """
    words = split_line(line)
    words = [verb, *words] if verb else words or ["status"]
    if words[0] in ("help", "--help", "-h"):
        _help(shell, words[1:])
        return
    if lists_first(words):
        show(shell, perform(shell, session, recorder, [*words, "--dry-run"]) or {})
    answer = perform(shell, session, recorder, words)
    if answer is None:
        _help(shell, words[:1])
        return
    show(shell, answer, as_json="--json" in words)
    recorder.tell()


def lists_first(words: Sequence[str]) -> bool:
    """Whether a person is to be shown what the verb would do before it does it."""
    verb = find_verb(VERBS, words[0])
    return verb.lists_first and not {"--dry-run", "--json", "--help", "-h"} & set(words)


def _help(shell: Any, words: Sequence[str]) -> None:
    blocks = verb_help(find_verb(VERBS, words[0]), "%timeslip") if words else overview(VERBS, "%timeslip")
    show_document(shell, blocks)


def perform(shell: Any, session: Any, recorder: Recorder, words: Sequence[str]) -> dict[str, Any] | None:
    """Run the verb that *words* name and return its answer; None when help was asked for.

    What ran before the verb in the same cell is recorded first, unless the verb only reads what is recorded.

    Raises:
        TimeslipError: the verb failed; the session is as it was.
        VerbInterrupted: it says whether the verb was done.
    """
    verb = find_verb(VERBS, words[0])
    options = parse(verb, words[1:])
    if options.help:
        return None
    moves = session.moves
    try:
        if verb.effect == "reads" and not asks_for_live(verb, options):
            with progress(shell, session, verb.name):
                return verb.run(session, options)
        with uninterrupted():  # the recorder must know how it ended
            recorder.before_verb()
            moves = session.moves
            failure: BaseException | None = None
            try:
                with open_to_interrupts(), progress(shell, session, verb.name):
                    return verb.run(session, options)
            except BaseException as error:
                failure = error
                raise
            finally:
                recorder.after_verb(failure)
    except KeyboardInterrupt:
        raise interrupted(verb.name, done=session.moves != moves) from None
