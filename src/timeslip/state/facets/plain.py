"""Plain data as canonical JSON text, without running code of the values.

========================  ==========================================================================
value (exact type)        JSON
========================  ==========================================================================
None, bool, int, str      itself; ``["u", hexadecimal of UTF-32-LE]`` for text with lone surrogates
float                     itself; ``["f", "nan"]``, ``"inf"``, ``"-inf"``
list, tuple               ``["l", ...]``, ``["t", ...]``
dict                      ``["d", [key, value], ...]`` in its own order
set, frozenset            ``["s", ...]``, ``["fs", ...]`` sorted by their text
bytes                     ``["b", hexadecimal]``
``re.Pattern``            ``["re", pattern, flags]``
importable class          ``["c", module, qualified name]``
member of an enum         ``["e", module, qualified name, member]``
bound ``str.format``      ``["fmt", text]``
========================  ==========================================================================

Anything else, subclasses of the above included, is not plain. The text is ASCII
without white space: equal values give equal text.
"""

from __future__ import annotations

import enum
import importlib
import math
import re
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

from timeslip.standard import json

Json: TypeAlias = Any
Other: TypeAlias = Callable[[Any], Any]

_MAX_DEPTH = 12
_MAX_ITEMS = 5_000
_ATOMS = frozenset({type(None), bool, int, str})
IMMUTABLE = frozenset({type(None), bool, int, str, float, bytes})
"""Types whose values can be compared by identity and kept without a user being able to notice."""


class NotPlainError(Exception):
    """The value has no plain form; the message names its type."""


def text_of(value: object, other: Other | None = None) -> str:
    """*value* as canonical text.

    Args:
        value: any object; none of its own code is run.
        other: asked for values that are not plain by the table above; returns a JSON list or raises NotPlainError.

    Raises:
        NotPlainError: it, or something in it, is not plain, too deep (12) or too large (5,000 items).
    """
    try:
        return json.dumps(_tree(value, other, _MAX_DEPTH, [_MAX_ITEMS]), separators=(",", ":"))
    except ValueError as error:  # an int with more digits than the interpreter agrees to print
        raise NotPlainError("a number that is too long") from error


def value_of(text: str, other: Other | None = None) -> Any:
    """The value that `text_of` wrote down; a new object each time.

    Raises:
        NotPlainError: it names a class that does not exist here, or the text is of another making.
    """
    return value_from(json.loads(text), other)


def value_from(tree: Json, other: Other | None = None) -> Any:
    """As `value_of`, for JSON that is already parsed."""
    if not isinstance(tree, list):
        return tree
    if not tree:
        raise NotPlainError("an empty form")
    tag, rest = tree[0], tree[1:]
    if tag == "d":
        return {value_from(key, other): value_from(item, other) for key, item in rest}
    decode = _DECODERS.get(tag)
    if decode is not None:
        return decode([value_from(item, other) for item in rest])
    if other is None:
        raise NotPlainError(f"a value of an unknown kind '{tag}'")
    return other(tree)


def find_class(module: str, qualname: str, *, load: bool = False) -> type:
    """The class of that name, or NotPlainError. *load* allows importing its module."""
    found: Any = sys.modules.get(module)
    if found is None and load:
        try:
            found = importlib.import_module(module)
        except Exception as error:  # whatever the module's own code raises: the class cannot be had
            raise NotPlainError(f"{module}.{qualname}, which cannot be imported here ({error})") from error
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type):
        raise NotPlainError(f"{module}.{qualname}, which does not exist here")
    return found


def kind_of(value: object) -> str:
    """The name of the value's type, for messages."""
    return f"a value of type {type.__getattribute__(type(value), '__qualname__')}"


def _tree(value: Any, other: Other | None, depth: int, left: list[int]) -> Json:
    kind = type(value)
    if kind in _ATOMS:
        return value if kind is not str or value.isascii() else _text(value)
    if kind is float:
        return value if math.isfinite(value) else ["f", repr(value)]
    left[0] -= 1
    if depth == 0 or left[0] < 0:
        raise NotPlainError("a value that is too large or refers to itself")
    if kind in _CONTAINERS:
        items = [_tree(item, other, depth - 1, left) for item in value]
        if kind in (set, frozenset):
            items.sort(key=json.dumps)
        return [_CONTAINERS[kind], *items]
    if kind is dict:
        return ["d", *([_tree(k, other, depth - 1, left), _tree(v, other, depth - 1, left)] for k, v in value.items())]
    if kind is bytes:
        return ["b", value.hex()]
    if kind is re.Pattern:
        return ["re", _tree(value.pattern, other, depth - 1, left), value.flags]
    return _named(value, other)


def _text(value: str) -> Json:
    try:
        value.encode()
    except UnicodeEncodeError:  # lone surrogates: two of them would come back from JSON as one character
        return ["u", value.encode("utf-32-le", "surrogatepass").hex()]
    return value


def _named(value: Any, other: Other | None) -> Json:
    """The forms that refer to something by name. Looks only at types: ``__class__`` may be the user's code."""
    kind = type(value)
    if issubclass(type(kind), enum.EnumMeta):
        member = getattr(value, "_name_", None) if _home(kind)[0] != "__main__" else None
        if type(member) is str and _findable(kind):
            return ["e", *_home(kind), member]
    if issubclass(kind, type) and _findable(value):
        return ["c", *_home(value)]
    if kind is _BUILTIN_METHOD and type(value.__self__) is str and value.__name__ == "format":
        return ["fmt", value.__self__]
    if other is not None:
        return other(value)
    raise NotPlainError(kind_of(value))


def _home(kind: type) -> tuple[Any, Any]:
    """Module and qualified name, past anything a metaclass may do."""
    return type.__getattribute__(kind, "__module__"), type.__getattribute__(kind, "__qualname__")


def _findable(kind: type) -> bool:
    module, qualname = _home(kind)
    if type(module) is not str or type(qualname) is not str:
        return False
    try:
        return find_class(module, qualname) is kind
    except NotPlainError:
        return False


def _member(parts: list[Any]) -> Any:
    module, qualname, name = parts
    try:
        return find_class(module, qualname, load=True)[name]  # type: ignore[index]
    except (KeyError, TypeError) as error:
        raise NotPlainError(f"{module}.{qualname}.{name}, which does not exist here") from error


_BUILTIN_METHOD = type("".format)
_CONTAINERS: dict[type, str] = {list: "l", tuple: "t", set: "s", frozenset: "fs"}
_DECODERS: dict[str, Callable[[list[Any]], Any]] = {
    "l": list,
    "t": tuple,
    "s": set,
    "fs": frozenset,
    "f": lambda parts: float(parts[0]),
    "u": lambda parts: bytes.fromhex(parts[0]).decode("utf-32-le", "surrogatepass"),
    "b": lambda parts: bytes.fromhex(parts[0]),
    "re": lambda parts: re.compile(parts[0], parts[1]),
    "c": lambda parts: find_class(parts[0], parts[1], load=True),
    "e": _member,
    "fmt": lambda parts: parts[0].format,
}
