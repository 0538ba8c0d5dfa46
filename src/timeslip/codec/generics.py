"""Models of pydantic with parameters: pydantic has them in a table, so that ``Box[int]`` is always the same class.

Such a class is made again from its parts like any other. Unless it is put into the table as well, the next ``Box[int]``
would be another one, of which nothing that was restored is an instance.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

from timeslip.codec.changes import Change

_TOLD = "__pydantic_generic_metadata__"


def parameters(attributes: Any) -> tuple[Any, tuple[Any, ...]] | None:
    """The model and its parameters that a class with these attributes is made of; None for all others."""
    told = attributes.get(_TOLD)
    if type(told) is not dict or told.get("origin") is None or not told.get("args"):
        return None
    return told["origin"], tuple(told["args"])


def change(cls: type, attributes: Any) -> list[Change]:
    """What makes *cls* the one that is found by its parameters, where it is not."""
    found = parameters(attributes)
    return [] if found is None else [_Found(cls, found)]


class _Found(Change):
    """A class is found by its parameters."""

    __slots__ = ()

    def __init__(self, cls: type, value: Any) -> None:
        super().__init__(cls, _TOLD, value)

    def apply(self) -> None:
        """See `Change.apply`."""
        library, (origin, args) = import_module("pydantic._internal._generics"), self.value
        self._before = library.get_cached_generic_type_early(origin, args)
        self._set(self.target)

    def invert(self) -> None:
        """See `Change.invert`."""
        if self._before is not None:
            self._set(self._before)

    def _set(self, value: Any) -> None:
        library, (origin, args) = sys.modules["pydantic._internal._generics"], self.value
        library.set_cached_generic_type(origin, args, value, origin, args)
