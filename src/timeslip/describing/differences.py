"""Which comparison fits a pair of values, and how deep to go into their parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from timeslip.describing.arrays import diff_arrays
from timeslip.describing.brief import FAILURES, describe_error, is_written_from_parts
from timeslip.describing.containers import diff_dicts, diff_sequences, diff_sets
from timeslip.describing.frames import diff_frames, diff_indexes, diff_series
from timeslip.describing.generators import diff_generators
from timeslip.describing.hidden import hidden_parts
from timeslip.describing.kinds import attribute, attributes, is_pure, kind_of, type_name
from timeslip.describing.objects import (
    diff_classes,
    diff_estimators,
    diff_functions,
    diff_instances,
    diff_members,
)
from timeslip.describing.plot_differences import diff_plots
from timeslip.describing.polars import diff_polars
from timeslip.describing.report import Report, arrow
from timeslip.describing.sameness import module_members, same, same_class
from timeslip.describing.sparse import diff_sparse
from timeslip.describing.texts import diff_bytes, diff_texts

_LEVELS = 4
_SCALARS = frozenset({"none", "bool", "int", "float", "complex", "plain", "npscalar", "libscalar", "enum"})
_Plain = Callable[[Any, Any, str, Report, int], str]

_LEAVES: dict[str, _Plain] = {
    "array": diff_arrays,
    "tensor": diff_arrays,
    "frame": diff_frames,
    "series": diff_series,
    "index": diff_indexes,
    "polars": diff_polars,
    "sparse": diff_sparse,
    "rng": diff_generators,
    "str": diff_texts,
    "bytes": diff_bytes,
}
_BRANCHES: dict[str, Callable[..., str]] = {
    "list": diff_sequences,
    "tuple": diff_sequences,
    "deque": diff_sequences,
    "dict": diff_dicts,
    "set": diff_sets,
    "function": diff_functions,
    "class": diff_classes,
    "estimator": diff_estimators,
    "figure": diff_plots,
    "axes": diff_plots,
    "artist": diff_plots,
}


def difference(before: Any, after: Any, path: str, report: Report, level: int) -> str:
    """One line about how *after* differs from *before*; "" when no difference is seen. Details go to *report*.

    Works through nested values a few levels deep; below that they are written as a whole.
    """
    try:
        return _difference(before, after, path, report, level)
    except FAILURES as error:  # an unknown version of a library, or elements that fail: the other names still matter
        report.line(f"  note: {path or 'the values'} could not be compared part by part ({describe_error(error)})")
        report.replaced(path, before, after)
        return "changed"


def _difference(before: Any, after: Any, path: str, report: Report, level: int) -> str:
    (kind, _), (other, _) = kind_of(type(before)), kind_of(type(after))
    alike = same_class(type(before), type(after))
    if kind == other and kind in _SCALARS:
        said = _number(before, after, alike, report)
        # -0.0 equals 0.0 and Decimal("1.0") equals Decimal("1.00"), but they are not the same
        return said if report.text(before) != report.text(after) or not same(before, after, report.work) else ""
    if "placeholder" in (kind, other) or (not alike and (kind != other or kind in ("object", "estimator"))):
        return _retyped(before, after, path, report)
    prefix = "" if alike else f"{type_name(type(before))} -> {type_name(type(after))}; "
    if kind in _LEAVES:
        if kind == "str":  # a child of str may answer with methods of its own
            before, after = str.__str__(before), str.__str__(after)
        if kind == "array" and before.dtype == after.dtype == object and level < _LEVELS:
            return (prefix + diff_arrays(before, after, path, report, level, tell)).removesuffix("; ")
        return (prefix + _LEAVES[kind](before, after, path, report, level)).removesuffix("; ")
    if level >= _LEVELS:
        return "" if same(before, after, report.work) else arrow(before, after, report.patience)
    if kind in _BRANCHES:
        said = _BRANCHES[kind](before, after, path, report, level, tell)
        if kind in ("list", "tuple", "dict", "deque", "set") and not said and type(before).__dictoffset__:
            said = diff_instances(before, after, path, report, level, tell)
        return (prefix + said).removesuffix("; ")
    if kind == "object" and (attributes(before) or attributes(after)):
        said = diff_instances(before, after, path, report, level, tell)
        if said or is_pure(type(before)):
            return said
    return _whole(before, after, path, kind, report, level)


def tell(before: object, after: object, path: str, report: Report, level: int) -> None:
    """Write how one part differs: on one line, or as a line and the lines of its own parts."""
    inner = Report(report.work)
    said = difference(before, after, path, inner, level)
    kind = kind_of(type(after))[0]
    nested = kind in _BRANCHES or kind == "object"
    lines = inner.parts()
    if not (nested and lines and all(path in line for line in lines)):
        report.line(f"  {path}: {said or 'changed'}")
    for line in lines:
        report.line(line)


def _number(before: object, after: object, alike: bool, report: Report) -> str:
    types_said = "" if alike else f" ({type_name(type(before))} -> {type_name(type(after))})"
    if type(before) is int and type(after) is int and report.text(before) == report.text(after):
        by = f"{'larger' if after > before else 'smaller'} by {report.text(abs(after - before))}"
        return f"{report.text(before)} -> {by}"
    return arrow(before, after, report.patience) + types_said


def _retyped(before: Any, after: Any, path: str, report: Report) -> str:
    kinds = [kind_of(type(value))[0] for value in (before, after)]
    if "placeholder" in kinds:
        held = before if kinds[0] == "placeholder" else after
        if kinds[0] == kinds[1]:
            return "" if same(before, after, report.work) else "another version, and neither is here: both placeholders"
        return f"cannot be compared: one side is a placeholder ({attribute(held, 'timeslip_reason')})"
    if all(kind in _SCALARS or kind == "str" for kind in kinds):
        return _number(before, after, False, report)
    report.replaced(path, before, after)
    return f"{type_name(type(before))} -> {type_name(type(after))}"


def _whole(before: object, after: object, path: str, kind: str, report: Report, level: int) -> str:
    """Values without attributes that we know: modules, methods, handles, objects written in C."""
    if kind == "module":
        names = [object.__getattribute__(value, "__dict__").get("__name__") for value in (before, after)]
        if names[0] != names[1]:
            return f"module {names[0]} -> {names[1]}"
        return diff_members(module_members(before), module_members(after), path, report, level, tell)
    if same(before, after, report.work):
        return ""
    if kind == "arrow":
        return arrow(before, after, report.patience)
    texts = [report.text(value, 200) for value in (before, after)]
    if texts[0] != texts[1] and not is_written_from_parts(type(before)):
        report.replaced(path, before, after)
        return f"{type_name(type(after))} changed"
    old, new = (hidden_parts(value, report.patience) for value in (before, after))
    if old is not None and new is not None:
        said = diff_members(old, new, path, report, level, tell, "part")
        if said:
            return said
    return f"another {type_name(type(after))}; how it differs cannot be seen"
