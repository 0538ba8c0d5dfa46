"""Any value in one bounded piece of text: never deep, never long, and failing only in words."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from timeslip.describing.kinds import attributes, bases, kind_of, maker_of, namespace, short_name, type_name
from timeslip.standard import time

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+")
_DEPTH = 4
_BRACKETS = {"list": "[]", "tuple": "()", "set": "{}", "deque": "[]", "dict": "{}"}
_NATIVE: dict[str, Any] = {"int": int, "float": float, "complex": complex, "str": str, "bytes": bytes, "bool": bool}

FAILURES = (Exception, SystemExit, GeneratorExit)
"""What a failing method of a user's object may raise; an interrupt by the user goes through."""


class Patience:
    """How long methods of users' objects may be called for one answer.

    Args:
        seconds: after which no further one is called; one that is running is not ended.
        cells: recorded code in which the text of functions and classes may stand, the nearest first.
    """

    def __init__(self, seconds: float = 2.0, cells: Iterable[str] = ()) -> None:
        self.cells = cells
        self._end = time.monotonic() + seconds
        self.used_up = False
        self.failures: dict[str, None] = {}

    def left(self) -> bool:
        """Whether there is time left."""
        if not self.used_up and time.monotonic() > self._end:
            self.used_up = True
        return not self.used_up

    def failed(self, value: object, method: str, error: BaseException) -> str:
        """Remember, and say, that a method of *value* raised."""
        text = f"{method} of {type_name(type(value))} raised {describe_error(error)}"
        if len(self.failures) < 5:
            self.failures[text] = None
        return text


def describe_error(error: BaseException) -> str:
    """Name and message of an exception, without calling its own ``__str__``."""
    args = BaseException.__dict__["args"].__get__(error)
    message = args[0] if args and type(args[0]) is str else ""
    name = short_name(type(error))
    return f"{name}: {cut(message, 80)}" if message else name


def cut(text: str, room: int) -> str:
    """*text* with at most *room* characters, the last one "…" when something was cut."""
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"


def brief(value: object, room: int = 80, *, patience: Patience | None = None, depth: int = _DEPTH) -> str:
    """*value* on one line of about *room* characters at most.

    Exact builtins and plain instances are written from their parts, a few levels deep; what has a ``__repr__`` of its
    own is asked once. A failure of that is told in the text and kept in *patience*. Never raises.
    """
    patience = patience or Patience()
    try:
        return cut(_write(value, room, depth, patience).replace("\n", "\\n"), room)
    except FAILURES as error:  # a container changed by another thread, an object broken beyond its repr: say so, go on
        return cut(f"<{type_name(type(value))}: {describe_error(error)}>", room)


def _write(value: object, room: int, depth: int, patience: Patience) -> str:
    cls = type(value)
    kind, exact = kind_of(cls)
    if kind in ("none", "plain", "libscalar") and exact:
        return repr(value)
    if kind in _NATIVE and (exact or maker_of(cls, "__repr__") is _NATIVE[kind]):
        return scalar(value, kind, room)
    if kind in _BRACKETS and has_builtin_repr(cls):
        return _container(value, kind, room, depth, patience)
    if kind == "function":
        return f"<function {attribute_text(value, '__qualname__')}>"
    if kind == "class":
        return f"<class {type_name(value)}>"  # type: ignore[arg-type]
    if kind == "module":
        return f"<module {attribute_text(value, '__name__')}>"
    if kind in ("array", "frame", "series", "index", "tensor", "polars", "arrow", "figure"):
        from timeslip.describing.summary import summarize

        return f"<{short_name(cls)} {summarize(value)[1]}>"
    if kind == "object" and is_written_from_parts(cls):
        return _instance(value, room, depth, patience)
    return own_repr(value, room, patience)


def attribute_text(value: object, name: str) -> str:
    """A text attribute of a function or module, read without `getattr`; "?" when it is something else."""
    found = object.__getattribute__(value, name) if type(value) is types.FunctionType else attributes(value).get(name)
    return found if type(found) is str else "?"


def scalar(value: Any, kind: str, room: int = 80) -> str:
    """A number, text or bytes, cut to *room* without converting the whole of it."""
    if kind == "int" and int.bit_length(value) > 3.3 * room:
        sign = "-" if int.__lt__(value, 0) else ""
        return f"{sign}<integer of {int.bit_length(value):,} bits>"
    if kind == "str":
        length = str.__len__(value)
        return repr(str.__getitem__(value, slice(0, room))) + ("…" if length > room else "")
    if kind == "bytes":
        maker: Any = bytearray if issubclass(type(value), bytearray) else bytes
        return repr(maker(maker.__getitem__(value, slice(0, room)))) + ("…" if maker.__len__(value) > room else "")
    return str(_NATIVE[kind].__repr__(value))


def own_repr(value: object, room: int, patience: Patience) -> str:
    """What the object says of itself, without addresses; why it cannot, when its ``__repr__`` fails."""
    if not patience.left():
        return f"<{type_name(type(value))}>"
    try:
        text = str.__str__(repr(value))
    except FAILURES as error:  # the user's own __repr__: whatever it raises is told in its place
        return f"<{patience.failed(value, '__repr__', error)}>"
    return _ADDRESS.sub("", text[: room + 200])


def has_builtin_repr(cls: type) -> bool:
    """Whether nobody gave this container a repr of their own."""
    maker = maker_of(cls, "__repr__")
    return maker is not object and (
        type_name(maker) in ("list", "tuple", "dict", "set", "frozenset", "collections.deque")
        or type_name(maker) in ("collections.OrderedDict", "collections.defaultdict", "collections.Counter")
        or ("_fields" in namespace(cls) and "_field_defaults" in namespace(cls))
    )


def is_written_from_parts(cls: type) -> bool:
    """Whether an instance is shown by its attributes, because its class says nothing better."""
    return maker_of(cls, "__repr__") is object or _has_dataclass_repr(cls)


def _has_dataclass_repr(cls: type) -> bool:
    """Whether the repr is the one that `dataclasses` made: then the parts are written here, and cut in time."""
    made = namespace(maker_of(cls, "__repr__")).get("__repr__")
    if type(made) is not types.FunctionType or "__dataclass_fields__" not in namespace(maker_of(cls, "__repr__")):
        return False
    inner = made.__dict__.get("__wrapped__", made)
    return type(inner) is types.FunctionType and inner.__code__.co_filename == "<string>"


def _join(parts: Iterable[str], room: int) -> str:
    kept: list[str] = []
    used = 0
    for part in parts:
        if used + len(part) > room and kept:
            return ", ".join([*kept, "…"])
        kept.append(part)
        used += len(part) + 2
    return ", ".join(kept)


def _container(value: Any, kind: str, room: int, depth: int, patience: Patience) -> str:
    opening, closing = _BRACKETS[kind][0], _BRACKETS[kind][1]
    cls = type(value)
    base = next(base for base in bases(cls) if kind_of(base) == (kind, True))
    plain = kind_of(cls)[1] and cls in (list, tuple, dict, set)
    size = base.__len__(value)  # type: ignore[attr-defined]
    if not size:
        return ("set()" if cls is set else opening + closing) if plain else f"{short_name(cls)}()"
    if depth <= 0:
        inner = "…"
    else:
        fields = namespace(cls).get("_fields") if kind == "tuple" and not plain else None
        if type(fields) is tuple and len(fields) == size:
            return f"{short_name(cls)}({_join(_fields(value, fields, room, depth, patience), room)})"
        inner = _join(_parts(value, base, kind, room, depth, patience), room)
        inner += "," if kind == "tuple" and size == 1 else ""
    text = opening + inner + closing
    return text if plain else f"{short_name(cls)}({text})"


def _parts(value: Any, base: Any, kind: str, room: int, depth: int, patience: Patience) -> Iterator[str]:
    items = dict.items(value) if kind == "dict" else base.__iter__(value)
    for item in islice(items, room):  # every part takes at least a character
        if kind == "dict":
            key = brief(item[0], room // 2, patience=patience, depth=depth - 1)
            yield key + ": " + brief(item[1], room, patience=patience, depth=depth - 1)
        else:
            yield brief(item, room, patience=patience, depth=depth - 1)


def _fields(value: Any, fields: Any, room: int, depth: int, patience: Patience) -> Iterator[str]:
    for name, item in zip(fields, tuple.__iter__(value), strict=True):
        yield f"{name}={brief(item, room, patience=patience, depth=depth - 1)}"


def _instance(value: object, room: int, depth: int, patience: Patience) -> str:
    held = attributes(value)
    name = type_name(type(value))
    if not held:
        return f"<{name}>"
    if depth <= 0:
        return f"<{name} …>"
    parts = (f"{key}={brief(item, room, patience=patience, depth=depth - 1)}" for key, item in held.items())
    return f"<{name} {_join(parts, room)}>"
