"""``%timeslip``, ``%undo`` and ``%redo``, and what a failing verb looks like: message and hint, no traceback."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import no_var_expand

from timeslip.codec.collecting import uncollected
from timeslip.errors import TimeslipError, UsageError
from timeslip.ipython.faults import Faults, VerbInterrupted, interrupted, without_traceback
from timeslip.ipython.recorder import Recorder


class TimeslipMagics:
    """The magics of one shell, bound to the session that records it."""

    def __init__(self, shell: Any, session: Any, recorder: Recorder, faults: Faults) -> None:
        self.shell = shell
        self._faults = faults
        self._session = session
        self._recorder = recorder

    def register(self) -> None:
        """Make them known to the shell."""
        for function in (self.timeslip, self.undo, self.redo):
            self.shell.register_magic_function(function, "line", function.__name__)
        self.shell.register_magic_function(self.off, "cell", "timeslip")

    def timeslip(self, line: str) -> None:
        """Time travel: %timeslip VERB [options]; %timeslip help lists the verbs, %timeslip alone is the status."""
        self._do(line)

    def undo(self, line: str) -> None:
        """Step back by N cell runs or checkouts: %undo [N]."""
        self._do(line, verb="undo")

    def redo(self, line: str) -> None:
        """Step forward by N cell runs or checkouts: %redo [N]."""
        self._do(line, verb="redo")

    def off(self, line: str, cell: str) -> None:
        """%%timeslip off: this cell is not recorded as a step of its own."""
        # A cell that begins with it never gets here: see extension.strip_off_line. So this is a wrong use.
        hint = "a cell magic takes no verb" if line.strip() != "off" else "it stands in the first line of a cell"
        raise without_traceback(UsageError(f"%%timeslip {line.strip()} cannot be used here", hint=hint))

    def _do(self, line: str, *, verb: str = "") -> None:
        moves = self._session.moves
        try:
            with uncollected():  # what is imported stays; where libraries are loaded, a full collection takes 60 ms
                from timeslip.ipython.perform import perform_line

            perform_line(self.shell, self._session, self._recorder, line, verb=verb)
        except TimeslipError as error:
            self._recorder.tell()
            raise without_traceback(error) from None
        except VerbInterrupted:
            raise
        except Exception as error:  # a fault of ours: one line, the detail in a file
            raise without_traceback(self._faults.as_error(_name(verb, line), error)) from None
        except KeyboardInterrupt:  # while its answer was shown, or before it began
            raise interrupted(_name(verb, line), done=self._session.moves != moves) from None


def _name(verb: str, line: str) -> str:
    return verb or (line.split() or ["status"])[0]


# A line such as `commit -m costs {x} $y` is the user's text: IPython must not replace names in it.
for _function in (TimeslipMagics.timeslip, TimeslipMagics.undo, TimeslipMagics.redo, TimeslipMagics.off):
    no_var_expand(_function)
