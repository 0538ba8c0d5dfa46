"""How values and code differ between two states, in words. Pure functions: nothing is stored, changed or imported."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from timeslip.describing.brief import FAILURES, Patience, describe_error
from timeslip.describing.differences import difference
from timeslip.describing.report import Report
from timeslip.describing.sameness import Work, same_sharing
from timeslip.describing.summary import summarize
from timeslip.describing.texts import line_diff
from timeslip.model import ValueDiff

__all__ = ["diff_code", "diff_values"]


def diff_values(
    name: str,
    before: object,
    after: object,
    *,
    present: tuple[bool, bool] = (True, True),
    cells: Iterable[str] = (),
) -> ValueDiff:
    """How the value of *name* differs between two states, NaN being equal to NaN.

    Frames by column and row, arrays by cell, containers by key, position or element, text by line, functions by source,
    classes and instances by attribute, all else by what it says of itself. Code of the values may run (``__repr__``,
    sometimes ``__eq__``); what fails there is named in a line. Work is bounded, and what was left out is said. Never
    raises.

    Args:
        name: variable or output.
        before: its value in the first state.
        after: its value in the second.
        present: whether the name exists in the first and in the second state; a value that is not there is ignored.
        cells: recorded code in which the text of functions and classes may stand, the nearest first.
    """
    report = Report(Work(Patience(5.0, cells)))
    if not all(present):
        return _one_sided(name, before if present[0] else after, present, report)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a comparison warns about is no answer to the user's question
            summary = difference(before, after, "", report, 0)
            lines = report.finished()
    except FAILURES as error:  # the last resort of a function that promises an answer for every pair of values
        summary, lines = f"could not be compared: {describe_error(error)}", ()
    return ValueDiff(name, "changed", summary or _nothing(before, after, report), lines)


def _nothing(before: object, after: object, report: Report) -> str:
    if report.work.cut:
        return "no difference found in the part that was compared"
    if report.work.unseen:
        return "no difference that can be seen; not all of it can"
    if not same_sharing(before, after, report.work):
        return "equal, but which of its parts are one and the same object differs"
    return "no difference in value"


def _one_sided(name: str, value: object, present: tuple[bool, bool], report: Report) -> ValueDiff:
    if not any(present):
        return ValueDiff(name, "changed", "in neither state")
    kind, summary = summarize(value)
    change = "created" if present[1] else "deleted"
    return ValueDiff(name, change, f"{kind}: {summary}" if summary else kind)


def diff_code(before: str, after: str) -> tuple[str, ...]:
    """Lines of a text diff of two pieces of code: "+", "-" or a space and the line, "@@ line N @@" between places.

    Empty when the lines are equal.
    """
    return tuple(line_diff(before, after))
