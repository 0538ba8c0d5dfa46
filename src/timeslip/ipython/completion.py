"""Tab completion of ``%timeslip``, ``%undo`` and ``%redo``: verbs, options, references and names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from timeslip.config import values_of
from timeslip.errors import TimeslipError

if TYPE_CHECKING:
    from timeslip.verbs.spec import Argument, Completes, Verb

_LINE = re.compile(r"\s*%(timeslip|undo|redo)\s+(.*)\Z", re.DOTALL)
_NUMBERED = 30
"""So many newest In[n] are offered."""


def candidates(text: str, session: Any) -> tuple[str, list[str]] | None:
    """The word that ends *text* (a line up to the cursor) and what it may become; None when the line is not ours."""
    match = _LINE.match(text)
    if match is None:
        return None
    from timeslip.verbs import VERBS  # with the first TAB, not when attaching

    words = match[2].split()
    fragment = "" if not match[2] or match[2][-1].isspace() else words.pop()
    if match[1] == "timeslip" and not words:
        offered = [*VERBS, "help"]
    elif words[:1] == ["help"]:
        offered = list(VERBS)
    else:
        verb = VERBS.get(match[1] if match[1] != "timeslip" else words[0])
        given = words if match[1] != "timeslip" else words[1:]
        offered = _for_verb(verb, given, fragment, session) if verb else []
    return fragment, [word for word in dict.fromkeys(offered) if word.lstrip("'").startswith(fragment.lstrip("'"))]


def _for_verb(verb: Verb, given: list[str], fragment: str, session: Any) -> list[str]:
    if "--" in given:
        return _words("name", session)
    if fragment.startswith("-"):
        return [flag for argument in verb.arguments if not argument.positional for flag in argument.flags]
    option = _awaiting_value(verb, given)
    if option is not None:
        before = fragment.rpartition(",")[0] if option.kind == "list" else ""
        return [f"{before},{word}" if before else word for word in _words(option.completes, session)]
    places = [argument for argument in verb.arguments if argument.positional]
    taken = len([word for word in given if not word.startswith("-")])
    wanted = places[min(taken, len(places) - 1)] if places else None
    if wanted is None or (taken >= len(places) and wanted.nargs not in ("*", "+")):
        return []
    if wanted.completes == "value":
        return values_of(given[0])
    return _words(wanted.completes, session)


def _awaiting_value(verb: Verb, given: list[str]) -> Argument | None:
    if not given or not given[-1].startswith("-"):
        return None
    for argument in verb.arguments:
        if given[-1] in argument.flags and argument.kind != "switch":
            return argument
    return None


def _words(kind: Completes, session: Any) -> list[str]:
    source = _SOURCES.get(kind)
    if source is None:
        return []
    try:
        return list(source(session))
    except TimeslipError:  # an unreadable store must not put a traceback into the completer; the verb will say it
        return []


def _refs(session: Any) -> Iterable[str]:
    yield "HEAD"
    for ref in [*session.branch(), *session.tag()]:
        yield ref.name
    commits = session.log(limit=_NUMBERED)
    for commit in commits:
        if commit.execution_count is not None:
            yield f"In[{commit.execution_count}]"
    for commit in commits:
        yield commit.id[:8]


def _names(session: Any) -> Iterable[str]:
    """Names that are there now, and those that recent runs have deleted."""
    yield from (_quoted(name) for name in session.names() if not name.startswith("_"))
    for commit in session.log(limit=_NUMBERED):
        yield from map(_quoted, commit.names.deleted)


def _quoted(name: str) -> str:
    return f"'{name}'" if any(letter.isspace() for letter in name) and "'" not in name else name


def _branches(session: Any) -> Iterable[str]:
    return [ref.name for ref in session.branch()]


def _tags(session: Any) -> Iterable[str]:
    return [ref.name for ref in session.tag()]


def _sessions(session: Any) -> Iterable[str]:
    return [shlex.quote(row.name) for row in session.sessions() if row.commits and not row.current]


def _settings(session: Any) -> Iterable[str]:
    return list(session.config())


_SOURCES: dict[str, Callable[[Any], Iterable[str]]] = {
    "ref": _refs,
    "name": _names,
    "branch": _branches,
    "tag": _tags,
    "setting": _settings,
    "session": _sessions,
}


def matcher(session: Any) -> Callable[[Any], Any]:
    """A matcher for IPython's completer, to be put among its ``custom_matchers``."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    def timeslip_matcher(context: Any) -> Any:
        found = candidates(context.line_with_cursor[: context.cursor_position], session)
        if found is None:
            return {"completions": [], "suppress": False}
        fragment, words = found
        listed = [SimpleCompletion(text=word, type="timeslip") for word in words]
        return {"completions": listed, "suppress": True, "matched_fragment": fragment, "ordered": True}

    wrapped: Callable[[Any], Any] = context_matcher()(timeslip_matcher)
    return wrapped
