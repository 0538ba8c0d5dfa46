"""lightgbm: constructed datasets in the library's own binary form. Pickled as usual they are a pointer.

A booster that is still being trained loses its training by its own pickling: that is said.
"""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_LARGEST = 16_000_000
"""A dataset with more values than this is not stored."""
_FIELDS = ("init_score", "position")
"""What the binary form does not have."""


def _dataset(state: Pass, dataset: Any) -> Any:
    if dataset._handle is None:
        return NotImplemented
    if dataset.num_data() * dataset.num_feature() > _LARGEST:
        return state.hole(dataset, "a dataset of this size is not stored")
    fields = {name: dataset.get_field(name) for name in _FIELDS}
    attributes = {name: value for name, value in vars(dataset).items() if name != "_handle"}
    with tempfile.TemporaryDirectory(prefix="timeslip-") as folder:
        path = Path(folder, "dataset.bin")
        dataset.save_binary(str(path))
        content = path.read_bytes()
    state.keep += (fields, attributes, *fields.values())
    return make_dataset, (type(dataset), content, fields), attributes, None, None, set_dataset


def make_dataset(kind: Any, content: bytes, fields: dict[str, Any]) -> Any:
    """A constructed dataset of that content."""
    import_module("lightgbm")
    with tempfile.TemporaryDirectory(prefix="timeslip-") as folder:
        path = Path(folder, "dataset.bin")
        path.write_bytes(content)
        dataset = kind(str(path), params={"verbosity": -1}).construct()
    for name, value in fields.items():
        if value is not None:
            dataset.set_field(name, value)
    return dataset


def set_dataset(dataset: Any, attributes: dict[str, Any]) -> None:
    """State setter for datasets: what Python knows of it."""
    vars(dataset).update(attributes)


def _booster(state: Pass, booster: Any) -> Any:
    if vars(booster).get("train_set") is not None:
        state.note(
            booster, "it comes back without the data that it is trained on: it cannot be trained on", fatal=False
        )
    return NotImplemented


_booster.looks_on = True  # type: ignore[attr-defined]  # its own pickling is tried all the same


def find(kind: type) -> Any:
    """The reducer for datasets and boosters, or None."""
    basic: Any = sys.modules.get("lightgbm.basic")
    known = {getattr(basic, "Dataset", None): _dataset, getattr(basic, "Booster", None): _booster}
    return known.get(kind) if basic is not None else None
