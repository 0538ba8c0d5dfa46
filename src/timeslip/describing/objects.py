"""How two functions, classes or instances differ: source, body, attributes."""

from __future__ import annotations

from typing import Any

from timeslip.describing.containers import Child
from timeslip.describing.kinds import attributes, bases, type_name
from timeslip.describing.report import Report
from timeslip.describing.sameness import same, same_code, unwrapped
from timeslip.describing.sources import class_attributes, source_of
from timeslip.describing.summary import counted, named_parts, signature
from timeslip.describing.texts import line_diff

_SHOWN = 12


def diff_functions(before: Any, after: Any, path: str, report: Report, level: int, child: Child) -> str:
    """Summary of how two functions differ: a text diff where the source of both is known."""
    said = []
    if signature(before) != signature(after):
        said.append(f"signature {signature(before)} -> {signature(after)}")
    if not same_code(before.__code__, after.__code__):
        _diff_sources(before, after, report)
        said.append("code changed")
    for attribute, word in (("__defaults__", "defaults"), ("__kwdefaults__", "keyword defaults")):
        x, y = getattr(before, attribute), getattr(after, attribute)
        if not same(x, y, report.work):
            said.append(f"{word} {report.text(x, 40)} -> {report.text(y, 40)}")
    x, y = before.__closure__ or (), after.__closure__ or ()
    names = before.__code__.co_freevars
    if len(x) == len(y) and names == after.__code__.co_freevars:
        for name, a, b in zip(names, x, y, strict=True):
            old_held, new_held = _content(a), _content(b)
            if not same(old_held, new_held, report.work):
                said.append(f"closes over another {name}")
                child(old_held, new_held, f"{path}<{name}>", report, level + 1)
    told = diff_members(before.__dict__, after.__dict__, path, report, level, child)
    return "; ".join([*said, told] if told else said)


def _diff_sources(before: Any, after: Any, report: Report) -> bool:
    """Write how the texts of two functions or classes differ, where both are known; whether there was anything."""
    old, new = (source_of(value, report.patience) for value in (before, after))
    if old is None or new is None or old == new:
        return False
    for line in line_diff(old, new):
        report.line(line)
    return True


def _content(cell: Any) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return None  # not filled yet


def diff_classes(before: Any, after: Any, path: str, report: Report, level: int, child: Child) -> str:
    """Summary of how two classes differ, by what their bodies define."""
    said = []
    if type_name(before) != type_name(after):
        said.append(f"{type_name(before)} -> {type_name(after)}")
    old, new = ([type_name(base) for base in bases(cls)[1:-1]] for cls in (before, after))
    if old != new:
        said.append(f"bases ({', '.join(old)}) -> ({', '.join(new)})")
    x, y = ({name: unwrapped(item) for name, item in class_attributes(cls).items()} for cls in (before, after))
    parts = report.inner()
    told = diff_members(x, y, path, parts, level, child)
    if not (told and level == 0 and _diff_sources(before, after, report)):
        report.take(parts)  # without the texts, each member is told for itself
    return "; ".join([*said, told] if told else said)


def diff_instances(before: Any, after: Any, path: str, report: Report, level: int, child: Child) -> str:
    """Summary of how two instances differ, by what they hold."""
    return diff_members(attributes(before), attributes(after), path, report, level, child)


def diff_estimators(before: Any, after: Any, path: str, report: Report, level: int, child: Child) -> str:
    """Summary of how two estimators differ: parameters, then what fitting made (names that end with "_")."""
    held = [_parts_by_name(attributes(value)) for value in (before, after)]
    said = []
    for fitted, word in ((False, "parameter"), (True, "fitted attribute")):
        x, y = ({name: item for name, item in found.items() if _is_fitted(name) is fitted} for found in held)
        told = diff_members(x, y, path, report, level, child, word)
        if told:
            said.append(told)
    return "; ".join(said)


def _parts_by_name(held: dict[str, object]) -> dict[str, object]:
    """The parameters, with the parts of a pipeline (or of what votes, stacks or joins) under their own names."""
    found: dict[str, object] = {}
    for name, item in held.items():
        pairs = named_parts({name: item})
        if pairs:
            found.update({f"{name}[{part!r}]": estimator for part, estimator in pairs})
        else:
            found[name] = item
    return found


def _is_fitted(name: str) -> bool:
    return name.endswith("_") or name.startswith("_")


def diff_members(
    x: dict[str, object], y: dict[str, object], path: str, report: Report, level: int, child: Child,
    word: str = "attribute",
) -> str:  # fmt: skip
    """Summary of how two sets of named parts differ; each that came, went or changed goes to *report*."""
    removed = [name for name in x if name not in y]
    added = [name for name in y if name not in x]
    changed = [name for name in x if name in y and not same(x[name], y[name], report.work)]
    for name in removed[:_SHOWN]:
        report.removed(f"{path}.{name}", x[name])
    for name in added[:_SHOWN]:
        report.added(f"{path}.{name}", y[name])
    for name in changed[:_SHOWN]:
        child(x[name], y[name], f"{path}.{name}", report, level + 1)
    hidden = sum(max(0, len(names) - _SHOWN) for names in (removed, added, changed))
    if hidden:
        report.more(hidden, word)
    parts = [(removed, "removed"), (added, "added"), (changed, "changed")]
    said = [f"{counted(len(names), word)} {verb}: {_few(names)}" for names, verb in parts if names]
    return "; ".join(said)


def _few(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
