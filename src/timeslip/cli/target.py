"""Which session a command means, and which of its words are left for the command itself."""

from __future__ import annotations

import os
from collections.abc import Sequence

from timeslip.cli.command import Invocation
from timeslip.errors import NotFoundError, SessionNotFoundError, UsageError
from timeslip.store.repository import Repository
from timeslip.store.rows import SessionRow
from timeslip.verbs.parsing import check_characters, parse
from timeslip.verbs.spec import Verb


def choose_session(repository: Repository, invocation: Invocation, verb: Verb) -> tuple[SessionRow, list[str]]:
    """The session and the words after it.

    ``--session`` decides if given. Else the first word is the session when it is one; with a single session in the
    store it may be left out, and then a word that only happens to be part of its name is not taken for it.

    Raises:
        SessionNotFoundError: no session is meant, or the store has none.
        AmbiguousReferenceError: the word fits several.
    """
    known = repository.sessions()
    if not known:
        raise SessionNotFoundError(
            "nothing has been recorded in this store yet", hint="run %load_ext timeslip in a notebook or IPython"
        )
    words = list(invocation.words)
    check_characters(verb, words)
    if invocation.session is not None:
        return _row(known, repository.find_session(invocation.session)), words
    place = next((i for i, word in enumerate(words) if not word.startswith("-") or word == "--"), len(words))
    word = words[place] if place < len(words) and words[place] != "--" else None
    rest = [*words[:place], *words[place + 1 :]] if word is not None else words
    if len(known) == 1:
        if word is not None and _means(word, known[0], verb, rest, repository):
            return known[0], rest
        return known[0], words
    if word is None or _is_value_of_option(words, place, verb) or (_first(verb) == "count" and word.isdigit()):
        raise SessionNotFoundError(
            f"the store holds {len(known)} sessions, so say which one", hint=f"one of: {_listed(known)}"
        )
    return _row(known, repository.find_session(word)), rest


def check_words(verb: Verb, words: Sequence[str]) -> None:
    """Whether *words*, with or without a SESSION before them, can be meant at all; asked before a store is opened.

    Raises:
        UsageError: they cannot.
    """
    check_characters(verb, words)
    place = next((i for i, word in enumerate(words) if not word.startswith("-")), None)
    if place is not None and _parses(verb, [*words[:place], *words[place + 1 :]]):
        return
    parse(verb, words)


def _is_value_of_option(words: Sequence[str], place: int, verb: Verb) -> bool:
    flags = {flag for a in verb.arguments if not a.positional and a.kind != "switch" for flag in a.flags}
    return place > 0 and words[place - 1] in flags


def _means(word: str, session: SessionRow, verb: Verb, rest: list[str], repository: Repository) -> bool:
    """Whether *word* is the only session of the store, rather than the command's own first word."""
    if word in (session.id, session.name, session.notebook) or os.path.realpath(word) == session.notebook:
        return True
    if word.endswith(".ipynb") or os.sep in word:
        repository.find_session(word)  # a path that is no session is a mistake to be told, not a commit to look for
        return True
    if verb.free_word or word not in f"{session.name}\n{session.notebook or ''}" or not _parses(verb, rest):
        return False
    # `undo 2` means two steps, although there may be a 2 in the notebook's path.
    return not _parses(verb, [word, *rest]) or (_first(verb) == "ref" and not _is_ref(word, session, repository))


def _first(verb: Verb) -> str:
    """What the verb's own first word is: "ref", "count", anything else that it completes, or empty."""
    first = next((argument for argument in verb.arguments if argument.positional), None)
    if first is None:
        return ""
    return "count" if first.kind == "count" else first.completes


def _parses(verb: Verb, words: Sequence[str]) -> bool:
    try:
        parse(verb, words)
    except UsageError:
        return False
    return True


def _is_ref(word: str, session: SessionRow, repository: Repository) -> bool:
    if word == "." or word.startswith(("HEAD", "In[")) or word in repository.ref_names(session.id):
        return True
    try:
        return bool(repository.resolve_prefix(session.id, word))
    except NotFoundError:
        return False


def _row(known: Sequence[SessionRow], session: str) -> SessionRow:
    return next(row for row in known if row.id == session)


def _listed(known: Sequence[SessionRow]) -> str:
    names = [row.name for row in known]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
