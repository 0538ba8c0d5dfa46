"""Facts of a cell from its source text.

The text is what IPython made of the cell: plain Python with calls for magics. It is compiled as IPython compiles it
(top-level `await` allowed) and read off the bytecode; a syntax tree is made only for cells with magics.
"""

from __future__ import annotations

import ast
import inspect
import re
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, cast

from timeslip.state.bytecode import scan
from timeslip.state.facts import NOTHING, CodeFacts, Use, make_facts
from timeslip.state.magics import TIMED, expand
from timeslip.state.outside import Finding

FILENAME = "<timeslip analysis>"
"""File name given to code compiled for analysis only."""

_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_QUIET = ("ignore", None, Warning, re.compile(re.escape(FILENAME) + r"\Z"), 0)


@lru_cache(maxsize=2048)
def facts_of_source(source: str) -> CodeFacts:
    """Facts of a transformed cell. Cached; safe in any thread.

    A text that does not compile gives empty facts: it cannot have run. One that is too deep to be analysed is dynamic.
    """
    try:
        with quiet():
            if "get_ipython" not in source:
                return scan(_compile(source))
            tree = parse(source)
            extra = expand(tree)
            return _without_stand_ins(scan(_compile(tree), extra))
    except (RecursionError, MemoryError):
        finding = Finding("dynamic", "is nested too deeply to be analysed")
        return make_facts(reads=(), binds=(), deletes=(), attributes=(), uses=(Use("", "", "", True, "", finding),))
    except (SyntaxError, ValueError):
        return NOTHING


def parse(source: str) -> ast.Module:
    """Syntax tree of a cell; raises SyntaxError, ValueError, RecursionError or MemoryError as `compile` does."""
    tree = compile(source, FILENAME, "exec", _FLAGS | ast.PyCF_ONLY_AST, dont_inherit=True)
    assert isinstance(tree, ast.Module)
    return tree


def awaits(source: str) -> bool:
    """Whether a transformed cell awaits something at its top level."""
    try:
        with quiet():
            return bool(_compile(source).co_flags & inspect.CO_COROUTINE)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def statements(source: str) -> list[str]:
    """The top-level statements of a cell, each with what the cell imports before it; [] where that cannot be told."""
    try:
        with quiet():
            body = parse(source).body
            imports = [part for part in body if isinstance(part, (ast.Import, ast.ImportFrom))]
            parts = [part for part in body if not isinstance(part, (ast.Import, ast.ImportFrom))]
            return [ast.unparse(ast.Module([*imports, part], [])) for part in parts]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _compile(source: str | ast.Module) -> types.CodeType:
    return cast(types.CodeType, compile(source, FILENAME, "exec", _FLAGS, dont_inherit=True))


def _without_stand_ins(facts: CodeFacts) -> CodeFacts:
    """Drop the names that `expand` made up."""
    if TIMED not in facts.names:
        return facts
    hidden = {TIMED}
    return make_facts(
        reads=facts.reads - hidden,
        binds=facts.binds - hidden,
        deletes=facts.deletes,
        attributes=facts.attributes,
        uses=(use for use in facts.uses if use.root != TIMED),
        imports=facts.imports,
        stores=facts.stores,
        rewrites=facts.rewrites - hidden,
        computed=facts.computed,
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the compiler's warnings about our own compilation, and nothing else.

    `warnings.catch_warnings` would make every "once" warning of the user's code appear again, and is not safe with
    threads; a filter that fits only our file name, put into the live list and taken out again, does neither.
    """
    filters = cast(list[Any], warnings.filters)
    filters.insert(0, _QUIET)
    try:
        yield
    finally:
        try:
            filters.remove(_QUIET)
        except ValueError:
            pass  # another thread replaced the contents meanwhile: then ours is gone already
