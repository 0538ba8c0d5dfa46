"""functools.lru_cache: caching functions with their results, where these can be seen, and how often they were asked."""

from __future__ import annotations

import functools
import gc
import inspect
import types
from collections.abc import Callable
from itertools import repeat
from typing import TYPE_CHECKING, Any

from timeslip.codec import definitions

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_MOST_CALLS = 100_000
"""Calls that are made to have the counters of a cache say what they said, at most: some ten milliseconds."""

_COUNTS_ANEW = "its cache_info counts calls anew"


def _cached_function(state: Pass, function: Any) -> Any:
    importable = definitions.resolve_global(function.__module__, function.__qualname__) is function
    if importable and not definitions.is_definition(function.__wrapped__, state.namespace):
        return NotImplemented
    parameters, info = function.cache_parameters(), function.cache_info()
    cache = _unbounded_cache(function) if parameters["maxsize"] is None else None
    made = (function.__wrapped__, parameters["maxsize"], parameters["typed"], dict(function.__dict__))
    if cache is not None:
        counts = (info.hits, info.misses)
        if not _can_be_counted(function, *counts):
            state.note(function, _COUNTS_ANEW, fatal=False)
            counts = (0, 0)
        return lru_cache, made, (cache, *counts), None, None, fill_cache
    if info.currsize == 0:
        if info.hits or info.misses:
            state.note(function, _COUNTS_ANEW, fatal=False)
        return lru_cache, made
    return state.resource(
        function,
        "the results it has cached cannot be stored: it comes back with an empty cache",
        f"{info} {_cached(function)}",
        lru_cache,
        made,
        complete=False,  # the results themselves are seen nowhere
    )


def _unbounded_cache(function: Any) -> dict[Any, Any] | None:
    """The dict in which a caching function without limit keeps its results; nobody else has a reference to it."""
    size = function.cache_info().currsize
    own = function.__dict__
    for part in gc.get_referents(function):
        if type(part) is dict and part is not own and len(part) == size:
            return part
    return None


def _cached(function: Any) -> int:
    """A number that tells which results a caching function has, and in which order."""
    own = function.__dict__
    keys = [tuple(map(id, part)) for part in gc.get_referents(function) if type(part) is dict and part is not own]
    return hash(tuple(keys))


def lru_cache(function: Callable[..., Any], maxsize: int | None, typed: bool, attributes: dict[str, Any]) -> Any:
    """A caching function with an empty cache."""
    made = functools.lru_cache(maxsize=maxsize, typed=typed)(function)
    made.__dict__.clear()  # the decorator copies what the function has by now
    made.__dict__.update(attributes)
    return made


def fill_cache(function: Any, state: tuple[Any, ...]) -> None:
    """State setter for a caching function without limit: its results, and how often they were found and not found."""
    results, *counts = state
    cache = _unbounded_cache(function)
    if cache is not None:
        if counts and _can_be_counted(function, *counts):
            _count(function, cache, *counts)
        cache.update(results)


# ---- The counters can only be raised, and only by calls. None of these runs a line of the user's.


def _can_be_counted(function: Any, hits: int, misses: int) -> bool:
    if hits + misses > _MOST_CALLS or (hits and not _finds_no_arguments()):
        return not hits + misses
    return not misses or _wrong_call(function.__wrapped__) is not None


def _count(function: Any, cache: dict[Any, Any], hits: int, misses: int) -> None:
    """Raise the counters of *function*, whose *cache* is empty; it is empty again afterwards."""
    wrong = _wrong_call(function.__wrapped__)
    if misses and wrong is not None:
        positional, named = wrong
        for _ in repeat(None, misses):
            try:
                function(*positional, **named)
            except TypeError:  # which is what it is called for: it counts before it passes the arguments on
                continue
    cache[()] = None  # the key of a call without arguments
    try:
        for _ in repeat(None, hits):
            function()
    finally:
        cache.clear()


def _wrong_call(function: Any) -> tuple[tuple[None, ...], dict[str, None]] | None:
    """Arguments that a function of Python refuses before its first line runs; None where it may take any."""
    if type(function) is not types.FunctionType:
        return None
    code = function.__code__
    if not code.co_flags & inspect.CO_VARARGS:
        return (None,) * (code.co_argcount + 1), {}
    return ((), {"no such argument": None}) if not code.co_flags & inspect.CO_VARKEYWORDS else None


@functools.cache
def _finds_no_arguments() -> bool:
    """Whether a caching function of this Python finds the result of a call without arguments under an empty tuple."""
    calls: list[None] = []
    for typed in (False, True):
        probe = functools.lru_cache(maxsize=None, typed=typed)(lambda: calls.append(None))
        cache = _unbounded_cache(probe)
        if cache is None:
            return False
        cache[()] = None
        probe()
    return not calls


REDUCERS: dict[type, Any] = {functools._lru_cache_wrapper: _cached_function}
