"""``%timeslip``, ``%undo`` and ``%redo``: from a line of words to a verb and its answer; failures have no traceback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from IPython.core.magic import no_var_expand

from timeslip.errors import TimeslipError, UsageError
from timeslip.ipython.display import show, show_document, without_traceback
from timeslip.ipython.recorder import Recorder
from timeslip.verbs import VERBS
from timeslip.verbs.help import overview, verb_help
from timeslip.verbs.parsing import find_verb, parse, split_line


def perform(session: Any, recorder: Recorder, words: Sequence[str]) -> dict[str, Any] | None:
    """Run the verb that *words* name and return its answer; None when help was asked for.

    What ran before the verb in the same cell is recorded first, unless the verb only reads.

    Raises:
        TimeslipError: the verb failed; the session is as it was.
    """
    verb = find_verb(VERBS, words[0])
    options = parse(verb, words[1:])
    if options.help:
        return None
    if verb.effect == "reads":
        return verb.run(session, options)
    recorder.before_verb()
    failure: BaseException | None = None
    try:
        return verb.run(session, options)
    except BaseException as error:
        failure = error
        raise
    finally:
        recorder.after_verb(failure)


class TimeslipMagics:
    """The magics of one shell, bound to the session that records it."""

    def __init__(self, shell: Any, session: Any, recorder: Recorder) -> None:
        self.shell = shell
        self._session = session
        self._recorder = recorder

    def register(self) -> None:
        """Make them known to the shell."""
        for function in (self.timeslip, self.undo, self.redo):
            self.shell.register_magic_function(function, "line", function.__name__)
        self.shell.register_magic_function(self.off, "cell", "timeslip")

    def timeslip(self, line: str) -> None:
        """Time travel: %timeslip VERB [options]; %timeslip help lists the verbs, %timeslip alone is the status."""
        self._do(line, default="status")

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

    def _do(self, line: str, *, verb: str = "", default: str = "") -> None:
        try:
            words = split_line(line)
            words = [verb, *words] if verb else words or [default]
            if words[0] in ("help", "--help", "-h"):
                self._help(words[1:])
                return
            answer = perform(self._session, self._recorder, words)
            if answer is None:
                self._help(words[:1])
                return
            show(self.shell, answer, as_json="--json" in words)
            self._recorder.tell()
        except TimeslipError as error:
            raise without_traceback(error) from None

    def _help(self, words: Sequence[str]) -> None:
        blocks = verb_help(find_verb(VERBS, words[0]), "%timeslip") if words else overview(VERBS, "%timeslip")
        show_document(self.shell, blocks)


# A line such as `commit -m costs {x} $y` is the user's text: IPython must not replace names in it.
for _function in (TimeslipMagics.timeslip, TimeslipMagics.undo, TimeslipMagics.redo, TimeslipMagics.off):
    no_var_expand(_function)
