"""The text of cells whose functions come from the store: `inspect.getsource` and tracebacks have it again."""

from __future__ import annotations

import inspect
import linecache
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.doors.shells import a_shell, run

from timeslip.describing.remembering import remember
from timeslip.ipython import extension

NAME = "<ipython-input-7-0123456789ab>"


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    yield
    linecache.cache.pop(NAME, None)


def made(text: str, name: str = NAME, before: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = {}
    exec(compile("\n" * before + text, name, "exec", dont_inherit=True), found)
    return found


def codes(namespace: dict[str, Any]) -> list[types.CodeType]:
    return [value.__code__ for value in namespace.values() if type(value) is types.FunctionType]


def plain(text: str) -> str:
    return text.replace("%magic", "magic()")


def test_the_text_counts_that_gives_every_function_of_the_cell() -> None:
    namespace = made("def f(): return 1\n\nh = lambda: 2\ndef g(): return f()")
    near = "def g(): return f()\ndef f(): return 1"
    remember(codes(namespace), ["def f( return", near, "%magic\n" + near], plain)
    assert NAME not in linecache.cache
    remember(codes(namespace), [near, "def f(): return 1\n%magic\nh = lambda: 2\ndef g(): return f()"], plain)
    assert inspect.getsource(namespace["g"]) == "def g(): return f()\n"
    assert inspect.getsource(namespace["h"]) == "h = lambda: 2\n"
    assert linecache.getline(NAME, 2) == "magic()\n"
    linecache.checkcache()
    assert NAME in linecache.cache


def test_the_lines_of_a_part_of_a_cell_stand_where_they_stood() -> None:
    text = "def f():\n    return 1"
    namespace = made(text, before=2)
    remember(codes(namespace), [text], plain)
    assert inspect.getsource(namespace["f"]) == f"{text}\n"
    del linecache.cache[NAME]
    remember(codes(namespace), [text, f"x = 1\ny = 2\n{text}"], plain)
    assert linecache.getline(NAME, 1) == "x = 1\n", "that which fits as it is comes first"


@pytest.mark.parametrize("name", ["<string>", "<session>", __file__])
def test_a_name_that_is_no_cell_is_left_alone(name: str) -> None:
    before = linecache.cache.get(name)
    remember(codes(made("def f(): return 1", name)), ["def f(): return 1"], plain)
    assert linecache.cache.get(name) is before


def test_a_function_that_was_made_again_has_its_text(tmp_path: Path) -> None:
    with a_shell(min_free_bytes=0) as shell:
        extension.attach_shell(shell, store=tmp_path, name="s")
        try:
            run(
                shell,
                "from __future__ import annotations",
                "!true\ndef f(x: int):\n    return x / 0\nclass K:\n    def m(self):\n        return f",
                "k = K()",
            )
            name = shell.user_ns["f"].__code__.co_filename
            text = linecache.cache.pop(name)[2]  # type: ignore[misc]  # as in a new kernel
            run(shell, "del f, K, k", "%undo")
            assert inspect.getsource(shell.user_ns["f"]) == "def f(x: int):\n    return x / 0\n"
            assert inspect.getsource(shell.user_ns["k"].m) == "    def m(self):\n        return f\n"
            assert linecache.getlines(name) == text
        finally:
            extension.unload(shell)
