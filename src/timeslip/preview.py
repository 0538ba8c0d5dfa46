"""What one value looks like: a line for every commit, a few lines for `show REF NAME`. Pure functions."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from timeslip.describing.brief import FAILURES, Patience, brief
from timeslip.describing.kinds import attribute, kind_of
from timeslip.describing.looks import failed, look
from timeslip.describing.summary import summarize
from timeslip.model import Preview

__all__ = ["preview", "summarize"]


def preview(name: str, value: object, *, width: int = 100, lines: int = 20, cells: Iterable[str] = ()) -> Preview:
    """A few lines about *value*: head of a frame, edge of an array, source of a function, repr of anything else.

    Code of the value may run (its ``__repr__``); nothing is changed by us. What fails there is told in ``note``. Work
    does not grow with the size of the value, nor recursion with its depth. Never raises.

    Args:
        name: of the variable or output.
        value: what it is bound to.
        width: columns of the screen; longer lines are cut.
        lines: most lines of the text, at least 3.
        cells: recorded code in which the text of functions and classes may stand, the nearest first.
    """
    kind, summary = summarize(value)
    if kind_of(type(value))[0] == "placeholder":
        reason = attribute(value, "timeslip_reason")
        return Preview(name, kind, summary, note=f"not here: {reason}" if type(reason) is str else "not here")
    patience = Patience(cells=cells)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a repr warns about is no answer to the user's question
            text = "\n".join(look(value, max(width, 20), max(lines, 3), patience))
    except FAILURES as error:  # a broken object or an unknown version of its library: still show what can be shown
        return Preview(name, kind, summary, brief(value, width, patience=patience), note=failed(value, error))
    notes = list(patience.failures)
    if patience.used_up:
        notes.append("some parts are shown by type only, because their __repr__ is slow")
    return Preview(name, kind, summary, text, note="; ".join(notes))
