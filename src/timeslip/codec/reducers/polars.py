"""polars: columns of Python objects, which the library does not write, and functions in expressions and lazy frames.

What polars writes of an expression holds a copy of every Python function in it, or its name. A function of the session
stays the one that it is here: it goes into the stream beside what polars writes, as any value.
"""

from __future__ import annotations

import pickle
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import added
from timeslip.standard import os

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _series(state: Pass, series: Any) -> Any:
    if series.dtype != sys.modules["polars"].Object:
        return NotImplemented
    values = list(series)
    state.keep += (values,)
    return make_series, (series.name, values)


def make_series(name: str, values: list[Any]) -> Any:
    """A series of those very objects."""
    polars = import_module("polars")
    return polars.Series(name, values, dtype=polars.Object)


def _frame(state: Pass, frame: Any) -> Any:
    if sys.modules["polars"].Object not in frame.dtypes:
        return NotImplemented
    columns = frame.get_columns()
    state.keep += (columns, *columns)
    return make_frame, (columns,)


def make_frame(columns: list[Any]) -> Any:
    """A frame of those columns."""
    return import_module("polars").DataFrame(columns)


_MARK = b"timeslip-function-%032x"
_MARKS = re.compile(rb"timeslip-function-[0-9a-f]{32}")

_functions: dict[str, Any] = {}
"""Mark -> function, of what was made here: polars asks for it when an expression is used, or one built on that."""


def _lazy(state: Pass, obj: Any) -> Any:
    with _marks_for_functions() as found:
        content = obj.__getstate__()
    functions: list[Any] = []
    numbers: dict[bytes, int] = {}

    def numbered(match: re.Match[bytes]) -> bytes:
        mark = match[0]
        if mark not in numbers:
            numbers[mark] = len(functions)
            functions.append(found[mark] if mark in found else _functions[mark.decode()])
        return _MARK % numbers[mark]

    content = _MARKS.sub(numbered, content)
    state.keep.append(functions)
    return make_lazy, (type(obj), content, functions)


@contextmanager
def _marks_for_functions() -> Iterator[dict[bytes, Any]]:
    """A context in which polars writes marks for the functions in the dict that this gives.

    It asks one of two modules to pickle them, and takes what stands there when it does.
    """
    found: dict[bytes, Any] = {}
    here = threading.get_ident()
    modules: list[Any] = [pickle]
    with suppress(ImportError):
        modules.append(import_module("cloudpickle"))
    usual = [module.dumps for module in modules]

    def dumps(obj: Any, *args: Any, **options: Any) -> bytes:
        if threading.get_ident() != here:
            written: bytes = usual[0](obj, *args, **options)
            return written
        mark = _MARK % int.from_bytes(os.urandom(16), "big")
        found[mark] = obj
        return b"c%b\nfunction\n(V%b\ntR." % (__name__.encode(), mark)

    try:
        for module in modules:
            module.dumps = dumps
        yield found
    finally:
        for module, before in zip(modules, usual, strict=True):
            module.dumps = before


def function(mark: str) -> Any:
    """The function of an expression or lazy frame that was made here."""
    return _functions[mark]


def make_lazy(kind: Any, content: bytes, functions: Sequence[Any]) -> Any:
    """An expression or a lazy frame with these functions."""
    marks = {_MARK % number: _MARK % int.from_bytes(os.urandom(16), "big") for number in range(len(functions))}
    _functions.update((new.decode(), one) for new, one in zip(marks.values(), functions, strict=True))
    made = kind.__new__(kind)
    made.__setstate__(_MARKS.sub(lambda match: marks[match[0]], content) if marks else content)
    return made


def find(kind: type) -> Any:
    """The reducer for frames, series and expressions, or None."""
    library: Any = sys.modules.get("polars")
    if library is None or not hasattr(library, "DataFrame"):
        return None
    reducers = {library.DataFrame: _frame, library.Series: _series, library.Expr: _lazy, library.LazyFrame: _lazy}
    return added.keeping(reducers[kind]) if kind in reducers else None
