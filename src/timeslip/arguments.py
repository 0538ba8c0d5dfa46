"""What callers give, checked before anything is done with it: a wrong call is a `UsageError`, never a bare one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from timeslip.errors import UsageError


def check_text(value: Any, what: str) -> str:
    """*value* as text that can be stored and shown.

    Args:
        value: what was given.
        what: what it is meant to be, as in "the name of a branch".

    Raises:
        UsageError: it is no text, or holds what is no character.
    """
    if not isinstance(value, str):
        raise UsageError(f"{_short(value)} is not {what}", hint=f"give {what} as text")
    if "\0" in value:
        raise UsageError(f"{what} holds a null character", hint="leave it out")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} holds what is no character: {_short(value)}", hint="leave it out") from error
    return value


def check_session_name(value: Any) -> str:
    """*value* as the name of a session: something in one line.

    Raises:
        UsageError: it is not.
    """
    name = check_text(value, "the name of a session")
    if not name.strip():
        raise UsageError("the name of a session is empty", hint="give it another one")
    if name.strip() != name or not name.isprintable():
        raise UsageError(
            f"{_short(name)} cannot be the name of a session", hint="one line, without spaces before and after it"
        )
    return name


def check_names(names: Any) -> list[str]:
    """*names* as a list of texts.

    Raises:
        UsageError: it is no such list.
    """
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise UsageError(f"{_short(names)} is no list of names", hint="give the names as a list of texts")
    return [check_text(name, "the name of a variable or output") for name in names]


def check_count(n: object) -> int:
    """*n* as a number of steps or entries.

    Raises:
        UsageError: it is not a positive whole number.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise UsageError(f"{_short(n)} is not a whole number from 1 on", hint="give a whole number from 1 on")
    return n


def _short(value: object) -> str:
    """A wrong argument in a few characters, without running code of its class."""
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:39] + "…")
    return repr(value) if type(value) in (int, float, bool, bytes, type(None)) else f"a {type(value).__name__}"
