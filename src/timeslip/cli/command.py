"""What a command of the command line is."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timeslip.errors import StoreError
from timeslip.store.repository import Repository, default_store_directory
from timeslip.verbs.parsing import parse
from timeslip.verbs.spec import Answer, Verb


@dataclass(frozen=True, slots=True)
class Invocation:
    """One use of a command.

    Attributes:
        words: after the command's name.
        store: directory given with --store, or None.
        session: text given with --session, or None.
    """

    words: Sequence[str]
    store: Path | None
    session: str | None

    def open_store(self, *, read_only: bool = False) -> Repository:
        """The store that is meant.

        Raises:
            StoreNotFoundError: nothing was ever recorded there.
            StoreError: it cannot be read.
        """
        directory = self.store or default_store_directory()
        if directory.exists() and not directory.is_dir():
            raise StoreError(
                f"'{directory}' is a file, and a store is a folder",
                hint="choose another folder: --store or TIMESLIP_HOME",
            )
        return Repository.open(directory, create=False, read_only=read_only)

    def options(self, verb: Verb) -> argparse.Namespace:
        """The words as options of a command that takes no SESSION before them. Raises UsageError."""
        return parse(verb, self.words)


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        verb: its words and options (what `verb.run` would do in a session is not used by commands of their own).
        run: does it and returns the answer. Raises TimeslipError.
        takes_session: whether a SESSION may stand before the other words.
    """

    verb: Verb
    run: Callable[[Invocation], Answer]
    takes_session: bool = True


def only_here(session: Any, options: argparse.Namespace) -> Answer:
    """Stands for `Verb.run` in a command that exists at the command line only."""
    raise NotImplementedError("this command does not run in a session")
