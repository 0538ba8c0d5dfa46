"""What a verb is: its name, its words and its options, declared once for every door.

Magics, the command line, completion, ``--help`` and the generated reference all read the same `Verb` records, so a verb
cannot have another option or another help text at another door.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Answer = dict[str, Any]
"""The JSON form of what a verb answers; documented in docs/reference/json.md, rendered by `timeslip.rendering`."""

Effect = Literal["reads", "names", "travels"]
"""Whether a verb only looks, records or names something, or changes the live state."""

Completes = Literal["", "ref", "name", "branch", "tag", "setting", "value", "verb", "session"]
"""What a word on the command line may be completed with."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One positional argument or option of a verb, in the words of `argparse`.

    Attributes:
        flags: ("ref",) for a positional argument, ("-n", "--limit") for an option.
        help: one line.
        metavar: how it is written in usage lines; None for a switch.
        nargs: "?", "*", "+", a number, or None (exactly one).
        kind: "text", "count" (a whole number from 1 up), "list" (separated by commas) or "switch".
        dest: attribute that holds it; derived from the flags when empty.
        completes: what completion offers.
        group: options of one group exclude each other.
        const: what a switch stores (True when None).
        needed: an option that may not be left out.
    """

    flags: tuple[str, ...]
    help: str
    metavar: str | None = None
    nargs: str | int | None = None
    kind: Literal["text", "count", "list", "switch"] = "text"
    dest: str = ""
    completes: Completes = ""
    group: str = ""
    const: str | None = None
    needed: bool = False

    @property
    def positional(self) -> bool:
        """Whether it is told from others by its place."""
        return not self.flags[0].startswith("-")

    @property
    def written(self) -> str:
        """How a usage line writes it, brackets included when it may be left out."""
        word = self.metavar or self.flags[0].upper()
        if not self.positional:
            option = self.flags[-1] if len(self.flags[0]) > 2 else self.flags[0]
            if self.needed:
                return f"{option} {word}"
            return f"[{option}]" if self.kind == "switch" else f"[{option} {word}]"
        return {"?": f"[{word}]", "*": f"[{word}…]", "+": f"{word}…"}.get(str(self.nargs), word)


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb.

    Attributes:
        name: what the user types.
        summary: one line for lists.
        details: the longer help, paragraphs separated by a blank line.
        arguments: in the order of the usage line.
        run: does it: takes a session and the parsed options, returns the answer's JSON form. Raises TimeslipError.
        effect: whether it only looks, names something, or changes the live state.
        names_after: attribute that takes the words after ``--``, or empty when the verb takes none.
        free_word: True when its first word is any text, so that the command line never guesses it to be a session.
        stored: True when the command line can do it on the store, without a kernel.
        lists_first: True when a person is shown what ``--dry-run`` would say before it is done.
    """

    name: str
    summary: str
    details: str
    arguments: tuple[Argument, ...]
    run: Callable[[Any, argparse.Namespace], Answer]
    effect: Effect = "reads"
    names_after: str = ""
    free_word: bool = False
    stored: bool = False
    lists_first: bool = False

    @property
    def hint(self) -> str:
        """How to use it, as short as a hint has to be."""
        words = [self.name, *(a.written for a in self.arguments if a.positional or a.needed)]
        if self.names_after and not any(a.flags[0] == self.names_after for a in self.arguments):
            words.append("[-- NAME…]")
        return f"usage: `{' '.join(words)}`; `{self.name} --help` lists the options"

    @property
    def usage(self) -> str:
        """The verb with its arguments, as the reference writes it."""
        words = [self.name]
        shown: set[str] = set()
        for argument in self.arguments:
            if argument.group:
                if argument.group in shown:
                    continue
                shown.add(argument.group)
                words.append("[" + " | ".join(a.flags[-1] for a in self.arguments if a.group == argument.group) + "]")
            else:
                words.append(argument.written)
        if self.names_after and not any(a.flags[0] == self.names_after for a in self.arguments):
            words.append("[-- NAME…]")
        return " ".join(words)


def asks_for_live(verb: Verb, options: argparse.Namespace) -> bool:
    """Whether a verb that reads has to look at the live state, which is recorded first."""
    if "." in (getattr(options, "a", None), getattr(options, "b", None), getattr(options, "ref", None)):
        return True
    return verb.name == "verify" and options.ref is None


REF_HELP = "commit id or unique prefix, branch, tag, HEAD, HEAD~3, In[12]"


def ref(*, nargs: str | None = None, dest: str = "ref", text: str = REF_HELP) -> Argument:
    """A positional argument that names a state."""
    return Argument((dest,), text, metavar="REF" if dest == "ref" else dest.upper(), nargs=nargs, completes="ref")


def names(*, nargs: str | None = "*", dest: str = "names", text: str = "names of variables or outputs") -> Argument:
    """A positional argument that lists names of the session."""
    return Argument((dest,), text, metavar="NAME", nargs=nargs, completes="name")


JSON = Argument(("--json",), "answer in the documented JSON form", kind="switch")
DRY_RUN = Argument(("--dry-run",), "say what would happen, change nothing", kind="switch")
RESTORE_OPTIONS = (
    DRY_RUN,
    Argument(
        ("--replay",), "re-run what could not be stored", kind="switch", dest="replay", group="replay", const="auto"
    ),
    Argument(
        ("--no-replay",), "re-run nothing: placeholders", kind="switch", dest="replay", group="replay", const="never"
    ),
    Argument(("--verify",), "check every stored byte before anything is changed", kind="switch"),
    Argument(("--allow-lost",), "go on although a promised value cannot be brought back", kind="switch"),
    JSON,
)
