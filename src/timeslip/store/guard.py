"""The line between what a store may hold (anything) and what we may raise (our own errors)."""

from __future__ import annotations

import contextlib
import struct
import zlib
from types import TracebackType

from timeslip.errors import DamagedStoreError, TimeslipError, in_brief

_SYMPTOMS = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    struct.error,
    zlib.error,
)
"""What Python raises when a row holds something else than it should."""


class Reading(contextlib.ContextDecorator):
    """Around code that takes rows of the database apart: whatever a damaged or hostile row causes means "damaged".

    Errors of Timeslip pass as they are. Use it as a decorator or in a ``with``; it keeps no state.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, _SYMPTOMS) and not isinstance(error, TimeslipError):
            raise DamagedStoreError(
                f"{self._what} of the store cannot be read ({type(error).__name__}: {in_brief(str(error))})",
                hint="`timeslip check` says what can be read",
            ) from error
