"""xgboost: data matrices in the library's own binary form. Pickled as usual they are a pointer."""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_LARGEST = 8_000_000
"""A matrix with more values than this is not stored."""


def _matrix(state: Pass, matrix: Any) -> Any:
    if matrix.num_nonmissing() > _LARGEST:
        return state.hole(matrix, "a data matrix of this size is not stored")
    attributes = {name: value for name, value in vars(matrix).items() if name != "handle"}
    with tempfile.TemporaryDirectory(prefix="timeslip-") as folder:
        path = Path(folder, "matrix.bin")
        matrix.save_binary(str(path), silent=True)
        content = path.read_bytes()
    state.keep += (attributes,)
    return make_matrix, (content,), attributes, None, None, set_matrix


def make_matrix(content: bytes) -> Any:
    """A matrix of that content."""
    with tempfile.TemporaryDirectory(prefix="timeslip-") as folder:
        path = Path(folder, "matrix.bin")
        path.write_bytes(content)
        return import_module("xgboost").DMatrix(str(path), silent=True)


def set_matrix(matrix: Any, attributes: dict[str, Any]) -> None:
    """State setter for matrices: what Python knows of it."""
    vars(matrix).update(attributes)


def _quantiles(state: Pass, matrix: Any) -> Any:
    return state.hole(matrix, "a matrix of quantiles cannot be stored: xgboost does not write it")


def find(kind: type) -> Any:
    """The reducer for matrices, or None."""
    core: Any = sys.modules.get("xgboost.core")
    if core is None or not hasattr(core, "DMatrix") or not issubclass(kind, core.DMatrix):
        return None
    return _matrix if kind is core.DMatrix else _quantiles
