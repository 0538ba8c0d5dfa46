"""What stands in a stream for memory that shares nothing: no object of the session, whatever its class is called."""

from __future__ import annotations

from typing import Any


class Detached:
    """Stands in a stream's place for an array or extension array that shares nothing; reduces to its content."""

    __slots__ = ("values",)

    def __init__(self, values: Any) -> None:
        self.values = values
