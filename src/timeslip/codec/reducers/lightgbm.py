"""lightgbm: data sets, which keep what they are made of in memory of C once they are used.

A data set that still has its raw data is made of it again, as lightgbm does it itself; one that has let go of it is
stored in lightgbm's own binary format.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timeslip.codec import load

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass

_HANDLE = "_handle"


def _dataset(state: Pass, dataset: Any) -> Any:
    attributes = dict(vars(dataset))
    handle = attributes.get(_HANDLE)
    attributes[_HANDLE] = None
    binary = b""
    if handle is not None and attributes.get("data") is None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "data"
            dataset.save_binary(str(path))
            binary = path.read_bytes()
    return load.instance, (type(dataset),), (attributes, handle is not None, binary), None, None, set_dataset


def set_dataset(dataset: Any, parts: tuple[dict[str, Any], bool, bytes]) -> None:
    """State setter for data sets. One that was in use is made ready at once: it can be asked for its size."""
    attributes, constructed, binary = parts
    dataset.__dict__.update(attributes)
    if not constructed:
        return
    if binary:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "data"
            path.write_bytes(binary)
            made = type(dataset)(str(path), params=dataset.params).construct()
        dataset._handle, made._handle = made._handle, None  # two owners would free it twice
    else:
        dataset.construct()
    dataset.__dict__.update({**attributes, _HANDLE: dataset._handle})


def find(kind: type) -> Any:
    """The reducer for data sets, or None."""
    library = sys.modules.get("lightgbm.basic")
    return _dataset if library is not None and kind is library.Dataset else None
