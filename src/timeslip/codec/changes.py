"""Changes in place, each with its inverse: how a restore alters what it must not replace."""

from __future__ import annotations

import enum
import types
from typing import Any


class Change:
    """One attribute of one live definition, to be set or deleted, with its inverse."""

    MISSING: Any = object()
    __slots__ = ("_before", "attribute", "target", "value")

    def __init__(self, target: Any, attribute: str, value: Any) -> None:
        self.target = target
        self.attribute = attribute
        self.value = value
        self._before: Any = Change.MISSING

    def apply(self) -> None:
        """Make the change and remember what was there."""
        if isinstance(self.target, type):
            self._before = self.target.__dict__.get(self.attribute, Change.MISSING)
            if self.attribute in ("__bases__", "__name__", "__qualname__"):
                self._before = getattr(self.target, self.attribute)
        elif type(self.target) is dict:
            self._before = self.target.get(self.attribute, Change.MISSING)
        elif isinstance(self.target, types.CellType):
            self._before = cell_value(self.target)
        else:
            self._before = getattr(self.target, self.attribute, Change.MISSING)
        self._set(self.value)

    @property
    def before(self) -> Any:
        """What `apply` found; MISSING where there was nothing."""
        return self._before

    def invert(self) -> None:
        """Put back what `apply` found."""
        self._set(self._before)

    def _set(self, value: Any) -> None:
        target = self.target
        if type(target) is dict:
            if value is Change.MISSING:
                target.pop(self.attribute, None)
            else:
                target[self.attribute] = value
        elif isinstance(target, types.CellType):
            if value is Change.MISSING:
                if cell_value(target) is not Change.MISSING:
                    del target.cell_contents
            else:
                target.cell_contents = value
        elif isinstance(target, type):
            if value is Change.MISSING:
                written_in_c(target, "__delattr__")(target, self.attribute)
            else:
                written_in_c(target, "__setattr__")(target, self.attribute, value)
        elif value is Change.MISSING:
            object.__delattr__(target, self.attribute)
        elif isinstance(target, enum.Enum):
            object.__setattr__(target, self.attribute, value)
        else:
            setattr(target, self.attribute, value)


def written_in_c(cls: type, name: str) -> Any:
    """A method of the metaclass of *cls*, past those of the session. Of those in C, each metaclass has its own."""
    if type(cls) is type:
        return getattr(type, name)
    found = (base.__dict__.get(name) for base in type.__getattribute__(type(cls), "__mro__"))
    return next(method for method in found if type(method) is types.WrapperDescriptorType)


def cell_value(cell: types.CellType) -> Any:
    """What a cell holds; `Change.MISSING` for an empty one."""
    try:
        return cell.cell_contents
    except ValueError:
        return Change.MISSING
