"""pyarrow: open Parquet files, which do not tell where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timeslip.codec.hidden import Hidden

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass


def _parquet(state: Pass, file: Any) -> Any:
    known = Hidden("closed" if file.closed else "open", True)  # reading it moves nothing on
    return state.hole(file, "an open Parquet file does not tell its path", known)


def find(kind: type) -> Any:
    """The reducer for open files, or None."""
    return _parquet if kind.__name__ == "ParquetFile" and kind.__module__.startswith("pyarrow.parquet") else None
