"""SQLAlchemy: what maps classes to tables is not a value, but what the class statement has done to the class."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass


def _mapper(state: Pass, mapper: Any) -> Any:
    return state.hole(mapper, "a class that is mapped to a table can only be made by its class statement")


def find(kind: type) -> Any:
    """The reducer for mappers, or None."""
    orm = sys.modules.get("sqlalchemy.orm")
    return _mapper if orm is not None and issubclass(kind, orm.Mapper) else None
