"""Looks that are torn at any point, and systems that do not tell what was written."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from tests.state.areas import LIMIT, Looker, Raw, call, counted, fill, looker, mapped, needs_kernel, view

from timeslip.state import memory, pages, watched
from timeslip.state.memory import Memory
from timeslip.state.pages import PAGE
from timeslip.state.watched import Range

__all__ = ["counted", "looker"]

SIZE = 8 * PAGE


def _interrupting(at: int) -> Callable[[FrameType, str, Any], Any]:
    """A trace function that raises KeyboardInterrupt before the line number *at* of those that a look goes through."""
    left = [at]

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        name = frame.f_globals.get("__name__", "")
        if name not in ("timeslip.state.watched", "timeslip.state.pages", "timeslip.state.memory"):
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
        return trace

    return trace


def _look_torn(looker: Looker, buffer: memoryview, at: int) -> bool:
    """Look; whether an interrupt came."""

    def look() -> Range | None:
        return looker.memory.digests(buffer, 0, LIMIT)[1]

    return _torn(looker, look, at)


def _torn(looker: Looker, look: Callable[[], Range | None], at: int) -> bool:
    before = sys.gettrace()
    looker.memory.turn()
    try:
        sys.settrace(_interrupting(at))
        found = look()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    if found is not None:
        looker.held[found.key] = found
    return False


@needs_kernel
def test_an_interrupt_loses_no_news_of_the_items_of_an_array() -> None:
    start = mapped(SIZE)
    first, second = (start + 100, 4 * PAGE, PAGE), (start + 100 + 4 * PAGE, 3 * PAGE, PAGE)
    at, torn = 0, True
    while torn:
        at += 1
        looker, other = Looker(), Looker()
        for _ in range(2):
            other.look_at_items(*first)
            other.look_at_items(*second)
        fill(start + 4 * PAGE + 50, at & 255)  # on the page that both have
        fill(start + 4 * PAGE + 150, at & 255)
        fill(start + PAGE, at & 255)

        def look(looker: Looker = looker) -> Range | None:
            found = looker.memory.look_at_items(*first, Raw(*first), LIMIT)
            return found.kept if found is not None else None

        torn = _torn(looker, look, at)
        other.look_at_items(*second)
        looker.look_at_items(*first)
        other.look_at_items(*first)
        looker.close()
        other.close()


@needs_kernel
@pytest.mark.parametrize("remapped", [False, True])
def test_an_interrupt_at_any_point_loses_no_news(remapped: bool) -> None:
    start = mapped(SIZE)
    first, second = view(start + 100, 4 * PAGE), view(start + 100 + 4 * PAGE, 3 * PAGE)
    at, torn = 0, True
    while torn:
        at += 1
        looker, other = Looker(), Looker()
        for _ in range(2):
            other.look(first)
            other.look(second)
        if remapped:
            call("munmap", start, SIZE)
            mapped(SIZE, start)
        fill(start + 4 * PAGE + 50, at & 255)  # on the page that both have
        fill(start + 4 * PAGE + 150, at & 255)
        fill(start + PAGE, at & 255)
        torn = _look_torn(looker, first, at)
        other.look(second)
        looker.look(first)
        other.look(first)
        looker.close()
        other.close()
    assert at > 40


@needs_kernel
def test_an_interrupt_in_the_first_look_leaves_nothing_that_is_not_found() -> None:
    start = mapped(SIZE)
    first, second = view(start + 100, 4 * PAGE), view(start + 100 + 4 * PAGE, 3 * PAGE)
    at, torn = 0, True
    while torn:
        at += 1
        looker = Looker()
        torn = _look_torn(looker, first, at)
        for _ in range(2):
            looker.look(first)
            looker.look(second)
            fill(start + 4 * PAGE + 50, at & 255)
            fill(start + 4 * PAGE + 150, at & 255)
            looker.look(first)
            looker.look(second)
        looker.close()
    assert at > 40


@needs_kernel
@pytest.mark.parametrize("name", ["written", "register", "unregister", "unprotect"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", [OSError(errno.ENOMEM, "none left"), RuntimeError("a fault of ours")])
def test_what_fails_is_hashed(
    name: str, after: bool, error: Exception, looker: Looker, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = mapped(SIZE)
    buffer = view(start, SIZE)
    real = getattr(pages.Pages, name)
    looker.look(buffer)

    def failing(self: pages.Pages, *arguments: int) -> Any:
        if after:
            real(self, *arguments)
        raise error

    for byte in range(4):
        fill(start, byte, SIZE)
        with monkeypatch.context() as patched:
            patched.setattr(pages.Pages, name, failing)
            looker.look(buffer)
        fill(start + PAGE, byte + 100)
        looker.look(buffer)
    looker.drop()


@needs_kernel
def test_no_map_left_is_hashed(looker: Looker, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_map(*_: object) -> None:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr(pages.Pages, "register", no_map)
    assert not looker.look(view(mapped(SIZE), SIZE))


REFUSALS = [
    (errno.EPERM, "hashed: this kernel or container does not allow to ask which pages of memory were written"),
    (errno.ENOSYS, "hashed: this kernel does not tell which pages of memory were written (Linux does from 6.7 on)"),
    (errno.EINVAL, "hashed: this kernel does not tell which pages of memory were written (Linux does from 6.7 on)"),
    (errno.EMFILE, "hashed: the kernel does not tell which pages of memory were written (Too many open files)"),
]


@pytest.mark.parametrize(("code", "said"), REFUSALS)
def test_a_kernel_that_refuses(code: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(pages.Pages, "_open", refuse)
    monkeypatch.setattr(watched, "process", watched._Process())
    monkeypatch.setattr(memory, "process", watched.process)
    one = Looker(hashing=False, least=1) if False else Memory(least=1)
    assert not one.is_watching
    assert one.how == said
    digests, kept = one.digests(memoryview(b"x" * 100_000), 0, LIMIT)
    assert (digests, kept) == (Memory(hashing=True).digests(memoryview(b"x" * 100_000), 0, LIMIT)[0], None)
    one.close()


@pytest.mark.parametrize("name", ["uname", "open"])
def test_a_system_without_any_of_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AttributeError(f"module 'os' has no attribute {name!r}")

    monkeypatch.setattr(pages.os, name, fail)
    monkeypatch.setattr(watched, "process", watched._Process())
    monkeypatch.setattr(memory, "process", watched.process)
    one = Memory(least=1)
    assert one.how.startswith("hashed: ")
    one.close()


@needs_kernel
def test_a_kernel_that_tells_wrongly_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages.Pages, "written", lambda *_: [])
    with pytest.raises(pages.NotTold, match="rightly"):
        pages.Pages()
