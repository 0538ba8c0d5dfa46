"""pyarrow: memory that belongs to an array of numpy or a frame; open Parquet files, which do not tell their path."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec.hidden import Hidden
from timeslip.codec.reducers import owners

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _buffer(state: Pass, buffer: Any) -> Any:
    """Memory that is looked into through an array of pyarrow: what is written to its owner shows there."""
    if not buffer.is_cpu or not buffer.size or "numpy" not in sys.modules:
        return NotImplemented
    found = owners.of(state, buffer.address, buffer.size)
    return NotImplemented if found is None else (buffer_over, (*found, buffer.is_mutable))


def buffer_over(owner: Any, offset: int, size: int, mutable: bool) -> Any:
    """A buffer over part of the memory of *owner*, an array or another object that gives its bytes."""
    return import_module("pyarrow").py_buffer(owners.array_over(owner, (size,), "u1", offset, (1,), mutable))


def _parquet(state: Pass, file: Any) -> Any:
    known = Hidden("closed" if file.closed else "open", True)  # reading it moves nothing on
    return state.hole(file, "an open Parquet file does not tell its path", known)


def find(kind: type) -> Any:
    """The reducer for buffers and open files, or None."""
    if kind is getattr(sys.modules.get("pyarrow.lib"), "Buffer", None):
        return _buffer
    return _parquet if kind.__name__ == "ParquetFile" and kind.__module__.startswith("pyarrow.parquet") else None
