"""xgboost: matrices of data, which are kept in memory of C, in xgboost's own binary format."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timeslip.codec import load

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass

_LARGE = 200_000_000
"""Bytes. What is larger would be written to a file and read again after every cell that may have changed it."""


def _matrix(state: Pass, matrix: Any) -> Any:
    if matrix.num_nonmissing() * 4 > _LARGE:
        return state.hole(matrix, f"a matrix of more than {_LARGE // 1_000_000} MB in memory of xgboost is not copied")
    attributes = {name: value for name, value in vars(matrix).items() if name != "handle"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data"
        matrix.save_binary(str(path), silent=True)
        binary = path.read_bytes()
    return load.instance, (type(matrix),), (attributes, binary), None, None, set_matrix


def set_matrix(matrix: Any, parts: tuple[dict[str, Any], bytes]) -> None:
    """State setter for matrices."""
    attributes, binary = parts
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data"
        path.write_bytes(binary)
        made = type(matrix)(str(path))
    matrix.__dict__.update(attributes)
    matrix.handle = made.handle
    made.handle = None  # two owners would free it twice


def find(kind: type) -> Any:
    """The reducer for matrices, or None. The other kinds of them cannot be written."""
    library = sys.modules.get("xgboost.core")
    return _matrix if library is not None and kind is library.DMatrix else None
