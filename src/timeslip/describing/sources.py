"""The text of functions and classes: as Python remembers it, or as it stands in the recorded cells.

Python forgets the text of a cell with the kernel, and a file may have changed since it was run. So a text counts only
when compiling it gives the very code that the function has.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import types
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from timeslip.describing.brief import FAILURES, Patience
from timeslip.describing.kinds import namespace, short_name
from timeslip.describing.sameness import same_code
from timeslip.standard import os

_QUIET = frozenset(
    "__dict__ __weakref__ __module__ __doc__ __qualname__ __firstlineno__ __static_attributes__ __slots__ "
    "__annotations__ __annotate__ __annotate_func__ __annotations_cache__ __orig_bases__ __parameters__ "
    "__dataclass_fields__ __dataclass_params__ __match_args__ __abstractmethods__ _abc_impl __classcell__".split()
)
"""Entries of a class that Python itself puts there."""

_MOST_CELLS = 500
_MOST_TEXT = 200_000


def class_attributes(cls: type) -> dict[str, object]:
    """What the body of a class defines, without what Python adds."""
    return {name: item for name, item in namespace(cls).items() if type(name) is str and name not in _QUIET}


def source_of(value: Any, patience: Patience) -> str | None:
    """The text of a function or class; None when nothing is known that compiles to it.

    Looked for in what Python remembers, then in the cells that *patience* brings along.
    """
    wanted = _codes_of(value)
    if not wanted:
        return None
    for text in _texts(wanted[0], patience):
        found = _in_text(text, value, wanted)
        if found is not None:
            return found
    return None


def _codes_of(value: Any) -> list[types.CodeType]:
    """The code of a function, or of the methods that the body of a class defines."""
    if type(value) is types.FunctionType:
        return [value.__code__]
    found = []
    items: list[Any] = list(class_attributes(value).values())
    for item in items:
        inner = item.__func__ if type(item) in (staticmethod, classmethod) else item
        inner = inner.fget if type(inner) is property else inner
        if type(inner) is types.FunctionType and inner.__code__.co_filename != "<string>":  # made by a decorator
            found.append(inner.__code__)
    return found


def _texts(code: types.CodeType, patience: Patience) -> Iterator[str]:
    yield "".join(linecache.getlines(code.co_filename))
    for text in islice(patience.cells, _MOST_CELLS):
        if not patience.left():
            return
        yield text


def _in_text(text: str, value: Any, wanted: list[types.CodeType]) -> str | None:
    word = "lambda" if wanted[0].co_name == "<lambda>" else wanted[0].co_name
    if word not in text or len(text) > _MOST_TEXT:
        return None
    whole = _compiled(text)
    if whole is None:
        return _trusted(text, value, wanted[0])
    if type(value) is types.FunctionType:
        places = [code.co_firstlineno for code in _inner(whole) if _is(code, wanted[0])]
    else:
        places = [code.co_firstlineno for code in _inner(whole) if _is_body(code, short_name(value), wanted)]
    if not places:
        return _trusted(text, value, wanted[0])
    near = min(places, key=lambda line: abs(line - wanted[0].co_firstlineno))
    return _block(text, near)


def _trusted(text: str, value: Any, code: types.CodeType) -> str | None:
    """A cell of this very kernel that was changed before it was compiled: its text stays, so it may be believed."""
    here = linecache.cache.get(code.co_filename)
    if here is None or os.path.exists(code.co_filename) or "".join(linecache.getlines(code.co_filename)) != text:
        return None
    return _block(text, code.co_firstlineno) if type(value) is types.FunctionType else None


def _is(code: types.CodeType, wanted: types.CodeType) -> bool:
    return code.co_name == wanted.co_name and same_code(code, wanted)


def _is_body(code: types.CodeType, name: str, wanted: Iterable[types.CodeType]) -> bool:
    """Whether *code* is the body of a class of that name which defines all of these methods."""
    inner = [const for const in code.co_consts if type(const) is types.CodeType]
    return code.co_name == name and all(any(_is(const, method) for const in inner) for method in wanted)


def _inner(code: types.CodeType) -> Iterator[types.CodeType]:
    stack = [code]
    while stack:
        outer = stack.pop()
        for const in outer.co_consts:
            if type(const) is types.CodeType:
                yield const
                stack.append(const)


@functools.lru_cache(maxsize=32)
def _compiled(text: str) -> types.CodeType | None:
    try:
        compiled: types.CodeType = compile(
            _without_magics(text), "<recorded>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True
        )
    except FAILURES:  # a cell that never ran, or magics within expressions
        return None
    return compiled


def _without_magics(text: str) -> str:
    """The same lines, those that only IPython understands doing nothing."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        bare = line.lstrip()
        if bare.startswith(("%", "!", "?")) or bare.rstrip().endswith("?"):
            lines[at] = line[: len(line) - len(bare)] + "pass"
    return "\n".join(lines)


def _block(text: str, line: int) -> str | None:
    try:
        lines = [f"{row}\n" for row in text.split("\n")][line - 1 :]
        return inspect.cleandoc("\n" + "".join(inspect.getblock(lines)))
    except FAILURES:  # text that the tokenizer does not take
        return None
