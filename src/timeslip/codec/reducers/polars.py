"""polars: columns of Python objects, which the library does not write."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass


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


def find(kind: type) -> Any:
    """The reducer for frames and series, or None."""
    library: Any = sys.modules.get("polars")
    if library is None or not hasattr(library, "DataFrame"):
        return None
    return {library.DataFrame: _frame, library.Series: _series}.get(kind)
