"""The line between what a store may hold (anything) and what we may raise (our own errors)."""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

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

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    P = ParamSpec("P")
T = TypeVar("T")


class Reading:
    """Around code that takes rows of the database apart: whatever a damaged or hostile row causes means "damaged".

    Errors of Timeslip pass as they are. Use it as a decorator or in a ``with``; it keeps no state.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """*function* inside the block: without the block's own calls, because a tiny commit makes two dozen of them."""

        @functools.wraps(function)
        def reading(*args: P.args, **named: P.kwargs) -> T:
            try:
                return function(*args, **named)
            except _SYMPTOMS as error:
                self.__exit__(type(error), error, None)
                raise

        return reading

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
