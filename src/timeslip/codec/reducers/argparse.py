"""argparse: parsers compare with the one text `argparse.SUPPRESS` by identity, which no pickle keeps."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _part(state: Pass, part: Any) -> Any:
    reduced = part.__reduce_ex__(5)
    if isinstance(reduced, str) or len(reduced) < 3 or type(reduced[2]) is not dict:
        return NotImplemented
    return (*reduced[:3], None, None, set_attributes)


def set_attributes(part: Any, attributes: dict[str, Any]) -> None:
    """State setter for parsers and their arguments."""
    suppress = import_module("argparse").SUPPRESS
    for name, value in attributes.items():
        part.__dict__[name] = suppress if type(value) is str and value == suppress else value


def find(kind: type) -> Any:
    """The reducer for parsers and their arguments, or None."""
    library = sys.modules["argparse"]
    parts = (library.Action, library._ActionsContainer)  # of which parsers and groups of arguments are
    return _part if issubclass(kind, parts) and kind.__module__ == "argparse" else None
