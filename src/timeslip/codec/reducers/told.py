"""Objects written in C that no library pickles, and that tell all of their state: they come back exact.

Found by the name of their module and class, because attaching may import none of these modules. What one of them does
not tell in some case stays a hole, with the reason, as before.
"""

from __future__ import annotations

import gc
import itertools
import sys
import types
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from timeslip.codec.kinds import is_plain
from timeslip.codec.reducers import instances

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

# ---- patterns

_FOUND_AGAIN = 200
"""Matches that are looked at to find one of `finditer` again."""


def _match(state: Pass, match: Any) -> Any:
    """A match by how it can be found again."""
    if type(match.string) not in (str, bytes):
        return state.hole(match, "a match in a text that may have changed cannot be stored")
    where = (match.re, match.string, match.pos, match.endpos)
    number = next((n for n, other in enumerate(_ways(*where)) if other is not None and _same(match, other)), None)
    if number is None:
        return state.hole(match, "a match that cannot be found again the way it was found cannot be stored")
    return find_match, (*where, number)


def _ways(pattern: Any, text: Any, start: int, stop: int) -> Iterator[Any]:
    """The matches of a part of *text* by all methods of a pattern, always in the same order."""
    for method in (pattern.search, pattern.match, pattern.fullmatch):
        yield method(text, start, stop)
    yield from itertools.islice(pattern.finditer(text, start, stop), _FOUND_AGAIN)


def _same(one: Any, other: Any) -> bool:
    return bool(one.regs == other.regs and one.lastindex == other.lastindex)


def find_match(pattern: Any, text: Any, start: int, stop: int, number: int) -> Any:
    """That very match."""
    return next(itertools.islice(_ways(pattern, text, start, stop), number, None))


def _struct(state: Pass, packer: Any) -> Any:
    return type(packer), (packer.format,)


def _key(state: Pass, key: Any) -> Any:
    """What `functools.cmp_to_key` makes: a function that compares, or one object with it."""
    parts = [part for part in gc.get_referents(key) if part is not type(key)]
    if not 1 <= len(parts) <= 2:
        return state.hole(key, "a sort key that does not tell its function cannot be stored")
    return sort_key, (parts[0], len(parts) == 2), tuple(parts[1:]) or None, None, None, set_key


def sort_key(compare: Any, whole: bool) -> Any:
    """A sort key; `set_key` gives it its object."""
    import functools

    made: Any = functools.cmp_to_key(compare)
    return made(None) if whole else made


def set_key(key: Any, state: tuple[Any]) -> None:
    """State setter for sort keys."""
    key.obj = state[0]


# ---- queues


def _queue(state: Pass, queue: Any) -> Any:
    """A queue in C: what is in it. Its list has empty places, which nobody may touch: only the collector looks in."""
    parts = gc.get_referents(queue)
    held = next((part for part in parts if type(part) is list), None)
    if sys.version_info < (3, 13) and held is not None:
        items = [part for part in gc.get_referents(held) if part is not None][::-1]
    else:
        items = [part for part in parts if part is not type(queue)]
    if len(items) != queue.qsize():  # of what it holds, or None among it: then nothing tells the order
        return state.hole(queue, "a queue that does not tell what is in it cannot be stored")
    return type(queue), (), tuple(items) or None, None, None, fill_queue


def fill_queue(queue: Any, items: tuple[Any, ...]) -> None:
    """State setter for queues."""
    for item in items:
        queue.put(item)


# ---- csv and json

_DIALECT = (
    "delimiter",
    "doublequote",
    "escapechar",
    "lineterminator",
    "quotechar",
    "quoting",
    "skipinitialspace",
    "strict",
)


def _dialect(state: Pass, dialect: Any) -> Any:
    return make_dialect, (type(dialect), {name: getattr(dialect, name) for name in _DIALECT})


def make_dialect(kind: Any, options: dict[str, Any]) -> Any:
    """How a csv file is written, as the module written in C keeps it."""
    return kind(None, **options)


def _reader(state: Pass, reader: Any) -> Any:
    return state.hole(reader, "a reader of csv does not tell its position")


def _writer(state: Pass, writer: Any) -> Any:
    """A writer of csv: it keeps the dialect and the method that it writes with."""
    parts = [part for part in gc.get_referents(writer) if type(part) in _METHODS]
    if len(parts) != 1 or getattr(parts[0], "__name__", "") != "write":
        return state.hole(writer, "a writer that does not tell what it writes to cannot be stored")
    return make_writer, (parts[0].__self__, writer.dialect)


_METHODS = (types.BuiltinFunctionType, types.MethodType)


def make_writer(file: Any, dialect: Any) -> Any:
    """A writer of csv."""
    import csv

    return csv.writer(file, dialect=dialect)


_SCANNER = ("strict", "object_hook", "object_pairs_hook", "parse_float", "parse_int", "parse_constant")


def _scanner(state: Pass, scanner: Any) -> Any:
    return make_scanner, (type(scanner), {name: getattr(scanner, name) for name in _SCANNER})


def make_scanner(kind: Any, options: dict[str, Any]) -> Any:
    """What reads JSON for a decoder."""
    return kind(types.SimpleNamespace(**options))


# ---- weak references


def _weak_method(state: Pass, reference: Any) -> Any:
    method = reference()
    callback: Any = vars(weakref.ref)["__callback__"].__get__(reference)
    cells = getattr(callback, "__closure__", None) or ()
    function = dict(zip(callback.__code__.co_freevars, cells, strict=True)) if cells else {}
    if method is None:
        return dead_method, ()
    if "callback" not in function:
        return state.hole(reference, "a weak reference to a method that does not tell what it calls cannot be stored")
    given = function["callback"].cell_contents
    return weak_method, (method.__self__, method.__func__, *(() if given is None else (given,)))


def weak_method(owner: Any, function: Any, *callback: Any) -> Any:
    """A weak reference to a method of *owner*."""
    return weakref.WeakMethod(types.MethodType(function, owner), *callback)


class _Gone:
    """Something with a method, to refer to weakly and let go."""

    def method(self) -> None:
        """A method."""


def dead_method() -> Any:
    """A weak reference to a method of what is gone."""
    return weakref.WeakMethod(_Gone().method)


_BY_NAME = {
    ("re", "Match"): _match,
    ("_struct", "Struct"): _struct,
    ("functools", "KeyWrapper"): _key,
    ("_queue", "SimpleQueue"): _queue,
    ("_csv", "Dialect"): _dialect,
    ("_csv", "reader"): _reader,
    ("_csv", "writer"): _writer,
    ("_json", "Scanner"): _scanner,
    ("weakref", "WeakMethod"): _weak_method,
}


_REFUSING = {("codecs", name) for name in ("StreamReader", "StreamWriter", "StreamReaderWriter", "StreamRecoder")}
"""Classes that refuse to be pickled although they are nothing but their attributes."""


def find(kind: type) -> Any:
    """The reducer for exactly that type, or None."""
    if any((base.__module__, base.__name__) in _REFUSING for base in kind.__mro__) and is_plain(kind):
        return instances.by_attributes(kind)
    return _BY_NAME.get((kind.__module__, kind.__name__)) if kind.__module__ != "__main__" else None
