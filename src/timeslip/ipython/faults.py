"""What happens when something inside Timeslip fails: one line for the user, the detail in a file, never more.

The user's cell, its output and its exception stay as they would have been (rule 8 of the design).
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from timeslip.errors import InternalError, StoreFullError, TimeslipError, in_brief
from timeslip.standard import patched
from timeslip.store import logfile

_FEW = 4
"""Names that a message lists."""


class Faults:
    """Turns faults into warnings.

    Args:
        directory: of the store; the log file lies in it. None before there is a store.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory
        self._last = ""

    @property
    def log_file(self) -> Path | None:
        """Where the details are, or None."""
        return self.directory / logfile.FILE_NAME if self.directory else None

    @contextlib.contextmanager
    def guard(self, what: str) -> Iterator[None]:
        """Run a block of Timeslip's own; whatever it raises becomes one warning line that begins with *what*.

        An interrupt is the user's, and passes.
        """
        try:
            yield
        except Exception as error:  # rule 8: nothing of ours may reach the user's cell
            self.report(what, error)
            traceback.clear_frames(error.__traceback__)  # they hold the user's objects, which then look shared

    def report(self, what: str, error: Exception) -> None:
        """Write one warning line about *error*, and its detail to the log file.

        A pause of recording is told once, until `worked` says that something was recorded again.
        """
        where = self._write(what, error)
        if isinstance(error, StoreFullError):
            self.say_once(f"recording is paused: {error.message}" + (f" ({error.hint})" if error.hint else ""))
            return
        if isinstance(error, TimeslipError) and error.code != "internal":
            text = f"{what} failed: {error.message}" + (f" ({error.hint})" if error.hint else "")
        else:
            text = f"{what} failed inside Timeslip ({_one_line(error)}){_while_patched()}; the session goes on" + (
                f"; details in {where}" if where else ""
            )
        self.say_once(text)

    def note(self, what: str, error: Exception) -> None:
        """Write the detail to the log file and nothing anywhere else: nobody has asked, and nothing was lost."""
        self._write(what, error)

    def as_error(self, what: str, error: Exception) -> InternalError:
        """A fault in a verb as an error that can be shown; its detail goes to the log file."""
        where = self._write(what, error)
        details = f"; details in {where}" if where else ""
        text = f"{what} failed inside Timeslip ({_one_line(error)}){_while_patched()}"
        return InternalError(text, hint=f"`status` says where the session is{details}")

    def worked(self) -> None:
        """Something was recorded: a fault that comes back from here on is news again."""
        self._last = ""

    def say_once(self, text: str) -> None:
        """Write one line, unless it was the last one written so."""
        if text != self._last:
            self._last = text
            self.say(text)

    def say(self, text: str) -> None:
        """Write one warning line to the user's standard error."""
        try:
            if "`" in text:
                from timeslip.rendering.spoken import spoken  # only with the first line that names a command

                text = spoken(text, "notebook")
            sys.stderr.write(f"timeslip: {text}\n")
            sys.stderr.flush()
        except Exception:  # a closed or replaced stderr of the user's must not turn a warning into a failure
            return

    def _write(self, what: str, error: Exception) -> Path | None:
        if self.directory is None:
            return None
        try:
            text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            return logfile.append(self.directory, what, text)
        except Exception:  # an exception that cannot be written: the warning itself must still come
            return None


def without_traceback(error: TimeslipError, door: Literal["notebook", "shell"] = "notebook") -> TimeslipError:
    """The same error, made to be shown by IPython as its message and hint alone; *door* is where they are typed."""
    from timeslip.rendering.document import clean
    from timeslip.rendering.spoken import spoken

    text = spoken(clean(error.render()), door)
    error._render_traceback_ = lambda: text.split("\n")  # type: ignore[attr-defined]
    return error


class VerbInterrupted(KeyboardInterrupt):
    """An interrupt that says what holds, shown by IPython as these lines alone.

    Attributes:
        message: what was interrupted, and whether it was done.
        hint: what to do next.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def _render_traceback_(self) -> list[str]:
        return [f"interrupted: {self.message}", f"hint:  {self.hint}"]


def interrupted(verb: str, *, done: bool) -> VerbInterrupted:
    """What to raise in the place of an interrupt of *verb*.

    Args:
        verb: its name.
        done: whether it has done what it is for.
    """
    if done:
        return VerbInterrupted(f"{verb} was done before the interrupt came through", "`%timeslip` says where you are")
    return VerbInterrupted(f"{verb} was not done; the session is as it was", "run it again")


def _while_patched() -> str:
    """What else may be behind a fault, for the message of it."""
    names = patched()
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f", with {', '.join(names[:_FEW])}{more} of Python's library replaced" if names else ""


def _one_line(error: Exception) -> str:
    try:
        text = in_brief(str(error), 180)
    except Exception:  # an exception of the user's may fail to become text
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
