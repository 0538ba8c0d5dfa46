"""From typed words to options. Wrong words raise `UsageError`; nothing here ever ends the process or prints."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from timeslip.arguments import check_text
from timeslip.errors import UsageError
from timeslip.standard import another
from timeslip.verbs.spec import Argument, Verb

if TYPE_CHECKING:
    import argparse
else:
    # Without translations: its words are replaced below, and looking for them opens files by what the user may patch.
    argparse = another("argparse", _=str, ngettext=lambda one, many, number: one if number == 1 else many)


class _Parser(argparse.ArgumentParser):
    """`argparse` with its two ways of ending the process turned into `UsageError`."""

    usage_hint = ""

    def error(self, message: str) -> NoReturn:
        raise UsageError(_plain_words(message), hint=self.usage_hint)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise UsageError(message or "the command ended early", hint=self.usage_hint)


def _plain_words(message: str) -> str:
    words = message.replace("the following arguments are required:", "missing:")
    return words.replace("unrecognized arguments:", "unknown or too many arguments:")


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 up")
    return number


def _list(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.replace(",", " ").split() if word)


_KINDS: dict[str, Callable[[str], Any]] = {"text": str, "count": _count, "list": _list}


def _destination(argument: Argument) -> str:
    return argument.dest or argument.flags[-1].lstrip("-").replace("-", "_")


def _add(parser: argparse._ActionsContainer, argument: Argument) -> None:
    if argument.kind == "switch":
        parser.add_argument(
            *argument.flags,
            dest=_destination(argument),
            action="store_const",
            const=True if argument.const is None else argument.const,
            default=False if argument.const is None else None,
        )
        return
    kind = _KINDS[argument.kind]
    if argument.positional:
        parser.add_argument(argument.flags[0], metavar=argument.metavar, nargs=argument.nargs, type=kind)
    else:
        parser.add_argument(
            *argument.flags, dest=_destination(argument), metavar=argument.metavar, nargs=argument.nargs, type=kind
        )


def parser_for(verb: Verb) -> argparse.ArgumentParser:
    """A parser for the words after the verb's name."""
    parser = _Parser(prog=verb.name, add_help=False, allow_abbrev=False)
    parser.usage_hint = verb.hint
    groups: dict[str, argparse._ActionsContainer] = {}
    for argument in verb.arguments:
        if argument.group:
            if argument.group not in groups:
                groups[argument.group] = parser.add_mutually_exclusive_group()
            _add(groups[argument.group], argument)
        else:
            _add(parser, argument)
    return parser


def parse(verb: Verb, words: Sequence[str]) -> argparse.Namespace:
    """The options in *words* (those after the verb's name).

    ``options.help`` is True when help was asked for; nothing else is set then.

    Raises:
        UsageError: unknown option, missing or superfluous argument, a value of the wrong kind.
    """
    check_characters(verb, words)
    before, after = _split_at_dashes(words)
    if any(word in ("-h", "--help") for word in before):
        return argparse.Namespace(help=True)
    if after is not None and not verb.names_after:
        before, after = [*before, *after], None
    options = parser_for(verb).parse_intermixed_args(list(before))
    options.help = False
    if verb.names_after and not hasattr(options, verb.names_after):
        setattr(options, verb.names_after, ())
    if after is not None:
        setattr(options, verb.names_after, tuple(after))
        if not after:
            raise UsageError("no name after '--'", hint=verb.hint)
    return options


def check_characters(verb: Verb, words: Sequence[str]) -> None:
    """Whether all *words* are text. Raises UsageError."""
    for word in words:
        try:
            check_text(word, "a word")
        except UsageError as error:
            raise UsageError(f"{verb.name}: {error.message}", hint=verb.hint) from error


def _split_at_dashes(words: Sequence[str]) -> tuple[list[str], list[str] | None]:
    listed = list(words)
    if "--" not in listed:
        return listed, None
    place = listed.index("--")
    return listed[:place], listed[place + 1 :]


def split_line(line: str) -> list[str]:
    """The words of a magic's line, quotes respected; a ``#`` by itself begins a comment, as in the cells around it.

    A message may hold a lone quote (``commit -m it's done``): all that follows ``-m`` is then the message.

    Raises:
        UsageError: a quote that is never closed.
    """
    line = _without_comment(line)
    try:
        return shlex.split(line)
    except ValueError:
        head, found, text = line.partition(" -m ")
        if not found or "'" in head or '"' in head:
            raise UsageError("a quote is opened and never closed", hint="put the text in double quotes") from None
        return [*head.split(), "-m", text.strip()]


def _without_comment(line: str) -> str:
    """*line* up to a ``#`` that stands by itself, outside of quotes: ``#12`` is a word."""
    quote = ""
    for at, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "#" and not line[max(0, at - 1) : at].strip() and not line[at + 1 : at + 2].strip():
            return line[:at]
    return line


def find_verb(table: Mapping[str, Verb], name: str) -> Verb:
    """The verb called *name*.

    Raises:
        UsageError: there is none; the hint names the nearest.
    """
    verb = table.get(name)
    if verb is not None:
        return verb
    import difflib

    near = difflib.get_close_matches(name, list(table), n=1)
    hint = f"did you mean '{near[0]}'?" if near else "verbs: " + ", ".join(table)
    raise UsageError(f"there is no verb '{name}'", hint=hint)
