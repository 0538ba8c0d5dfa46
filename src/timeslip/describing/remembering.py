"""The text of cells whose functions were made in an earlier kernel, for tracebacks and for `inspect.getsource`.

Python finds the text of a function by the name of its file. A cell has no file: IPython makes a name up and tells
`linecache` the text, which ends with the kernel. The text is among the recorded ones; it counts as that of a file if it
compiles to every function that says it is from there.
"""

from __future__ import annotations
import __future__

import ast
import functools
import linecache
import operator
import types
from collections.abc import Callable, Iterable, Iterator

from timeslip.describing.brief import FAILURES, Patience
from timeslip.describing.sameness import same_code
from timeslip.standard import os
from timeslip.state.source import FILENAME, quiet

_MOST_TEXT = 200_000
"""A longer cell is not compiled: that would take too long."""

_SECONDS = 1.0
"""So long texts may be looked for: what is not found by then is left out."""

_OF_ONE_CELL = "<ipython-input-"
"""Of all names that stand for no file, only those that begin so stand for one text alone."""

_FUTURE: int = functools.reduce(
    operator.or_, (getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)
)


def remember(codes: Iterable[types.CodeType], texts: Iterable[str], transform: Callable[[str], str]) -> None:
    """Tell `linecache` the texts that *codes* were compiled from, as far as they are found among *texts*.

    Args:
        codes: code of functions.
        texts: cells as they were typed, the most likely first.
        transform: gives a cell as plain Python.
    """
    wanted = _unknown(codes)
    moved: dict[str, list[str]] = {}
    patience = Patience(_SECONDS)
    for text in texts if wanted else ():
        likely = [name for name, found in wanted.items() if len(text) < _MOST_TEXT and _may_give(text, found)]
        for name in likely:
            compiled = _compiled(text, transform, _futures(wanted[name]))
            by = _lines_before(wanted[name], compiled[1]) if compiled is not None else None
            if compiled is None or by is None:
                continue
            lines = compiled[0].splitlines()
            if by == 0:
                _tell(name, lines)
                del wanted[name]
            else:  # a part of a cell was recorded as a step of its own
                moved.setdefault(name, [*[""] * by, *lines])
        if not wanted or not patience.left():
            break
    for name in wanted.keys() & moved.keys():
        _tell(name, moved[name])


def _unknown(codes: Iterable[types.CodeType]) -> dict[str, list[types.CodeType]]:
    """The code that is of cells whose text is not known, by the name that stands for the cell."""
    found: dict[str, list[types.CodeType]] = {}
    for code in codes:
        found.setdefault(code.co_filename, []).append(code)
    return {name: held for name, held in found.items() if _is_unknown_cell(name)}


def _is_unknown_cell(name: str) -> bool:
    if name in linecache.cache or (name.startswith("<") and not name.startswith(_OF_ONE_CELL)):
        return False
    return not os.path.exists(name)


def _may_give(text: str, codes: Iterable[types.CodeType]) -> bool:
    return all((code.co_name if code.co_name.isidentifier() else "") in text for code in codes)


def _futures(codes: Iterable[types.CodeType]) -> int:
    """What earlier cells of an IPython shell have imported from ``__future__``: it goes for all that follow."""
    return functools.reduce(operator.or_, (code.co_flags for code in codes), 0) & _FUTURE


def _compiled(text: str, transform: Callable[[str], str], flags: int) -> tuple[str, list[types.CodeType]] | None:
    """A cell as plain Python, and the code of all that it defines."""
    try:
        source = transform(text)
        with quiet():
            whole = compile(source, FILENAME, "exec", flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except FAILURES:  # a cell that never ran
        return None
    return source, list(_inner(whole))


def _inner(code: types.CodeType) -> Iterator[types.CodeType]:
    stack = [code]
    while stack:
        for const in stack.pop().co_consts:
            if type(const) is types.CodeType:
                yield const
                stack.append(const)


def _lines_before(wanted: Iterable[types.CodeType], inner: Iterable[types.CodeType]) -> int | None:
    """How many lines stood before the text that gives *inner* where *wanted* was compiled; None if it was not this."""
    possible: set[int] | None = None
    by_name: dict[str, list[types.CodeType]] = {}
    for code in inner:
        by_name.setdefault(code.co_name, []).append(code)
    for code in wanted:
        same = [other for other in by_name.get(code.co_name, ()) if same_code(code, other)]
        by = {code.co_firstlineno - other.co_firstlineno for other in same}
        possible = by if possible is None else possible & by
        if not possible:
            return None
    return min((by for by in possible or () if by >= 0), default=None)


def _tell(name: str, lines: list[str]) -> None:
    """As IPython does it: without a time, so that `linecache.checkcache` leaves it."""
    text = [f"{line}\n" for line in lines]
    linecache.cache[name] = (sum(map(len, text)), None, text, name)
