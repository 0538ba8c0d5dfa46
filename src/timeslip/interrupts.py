"""Sections that no signal tears: what a handler would raise there is raised when the section ends.

Ctrl-C and the stop button of a notebook are a signal, and its handler raises KeyboardInterrupt between any two
instructions. Where two things must change together (HEAD in the store and what is in memory, a namespace and its
inverse) the signal is held back. `open_to_interrupts` lets it through again, around code of the user in such a section.

Only the main thread is ever interrupted; in other threads nothing here does anything.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from timeslip.standard import signal

INSISTENCE = 3
"""A signal that comes so often within one section is let through: whoever waits must not be locked in."""

# The functions below the ones of the module `signal`, which spend most of their time on making enums.
_plain = getattr(signal, "_signal", signal)
_get: Callable[[int], Any] = _plain.getsignal
_set: Callable[[int, Any], Any] = _plain.signal

_HELD = tuple(int(getattr(signal, name)) for name in ("SIGINT", "SIGTERM", "SIGALRM") if hasattr(signal, name))

Handler = Callable[[int, FrameType | None], Any]


class _Shield:
    """What is held back now. One for the process, used by the main thread alone.

    Attributes:
        depth: sections around the present code; nothing is held back when it is 0.
        came: signals that wait, in order.
        before: the handlers that were replaced.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.came: list[int] = []
        self.before: dict[int, Handler] = {}

    def note(self, number: int, frame: FrameType | None) -> None:
        """The handler while signals are held back."""
        if self.depth and self.came.count(number) + 1 < INSISTENCE:
            self.came.append(number)
            return
        handler = self.before.get(number)
        if not self.depth:  # a section that could not end as it should: nothing is held back any more
            self.lower()
        self.came = [other for other in self.came if other != number]
        if handler is not None:
            handler(number, frame)

    def raise_(self) -> None:
        """Hold signals back. Those that the user ignores, or leaves to the system, stay as they are."""
        for number in _HELD:
            handler = _get(number)
            if callable(handler) and handler != self.note:
                self.before[number] = handler  # first, so that it is put back whatever comes now
                try:
                    _set(number, self.note)
                except ValueError:  # a subinterpreter: signals do not reach it
                    return

    def lower(self) -> None:
        """Put the handlers back, those excepted that somebody has replaced meanwhile."""
        for number in [number for number in reversed(_HELD) if number in self.before]:
            if _get(number) == self.note:
                _set(number, self.before[number])

    def deliver(self) -> None:
        """Call the handlers of what came."""
        while self.came:
            number = self.came[0]
            self.came = [other for other in self.came if other != number]
            handler = self.before.get(number)
            if handler is not None:
                handler(number, sys._getframe(1))


_shield = _Shield()


def _is_main() -> bool:
    return threading.get_ident() == threading.main_thread().ident


# Classes, not generators: a generator whose block was never entered ends when the collector finds it, which may be
# long after the section around it.


class uninterrupted:  # noqa: N801  # reads like what it is: with uninterrupted():
    """A section in which SIGINT, SIGALRM and SIGTERM wait; what their handlers raise is raised when it has ended.

    Sections may be nested; the outermost counts. A signal that comes `INSISTENCE` times is let through.
    """

    __slots__ = ("_depth",)

    def __enter__(self) -> None:
        self._depth = -1
        if not _is_main():
            return
        self._depth = _shield.depth
        try:
            _shield.depth = self._depth + 1
            if self._depth == 0:
                _shield.raise_()
        except BaseException:  # it came before the handlers were there
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        if self._depth < 0:
            return
        _shield.depth = self._depth
        if self._depth == 0:
            _shield.lower()
            _shield.deliver()


class open_to_interrupts:  # noqa: N801  # as above
    """Within a section of `uninterrupted`: signals come through here, those that wait first."""

    __slots__ = ("_depth",)

    def __enter__(self) -> None:
        self._depth = _shield.depth if _is_main() else 0
        if self._depth == 0:
            return
        try:
            _shield.depth = 0
            _shield.lower()
            _shield.deliver()
        except BaseException:  # something waited, or came just now
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        if self._depth:
            _shield.depth = self._depth
            _shield.raise_()
