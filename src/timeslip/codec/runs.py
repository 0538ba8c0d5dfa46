"""Which code of the session runs when an object is used that cannot be stored.

A generator under way runs code that none of its names tell, and calls what its variables hold. The classes and
functions in a stream are referred to; of what a hole stands for nothing is in the stream. So it is gone through when
it is captured: afterwards a generator may be finished, and hold nothing any more.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from timeslip.codec.definitions import is_a, of
from timeslip.codec.hidden import frame_locals, frame_parts
from timeslip.codec.kinds import is_of_session
from timeslip.codec.linking import is_atom, never_links

Runs = frozenset[types.CodeType] | None
"""Code of the session; None where there is too much to go through."""

_MOST = 10_000
"""Objects that are gone through; numbers, text and the like do not count."""
_MANY = 100
"""Parts that are sorted out by their types before they are looked at one by one."""
_PLAIN = frozenset(map(id, (int, float, complex, bool, str, bytes, bytearray, type(None), range, slice)))

_FRAMES = {
    id(types.GeneratorType): ("gi_frame", "gi_code", "gi_yieldfrom"),
    id(types.CoroutineType): ("cr_frame", "cr_code", "cr_await"),
    id(types.AsyncGeneratorType): ("ag_frame", "ag_code", "ag_await"),
}
_BOUND = frozenset(map(id, (types.BuiltinFunctionType, types.MethodWrapperType)))
"""By their addresses: a metaclass may let nobody hash or compare its classes."""


def run_by(value: Any, namespace: dict[str, Any], outside: Iterable[Any]) -> Runs:
    """The code of functions of *namespace* that *value* holds, at any depth, and that of the classes of what it holds.

    Args:
        value: any object.
        namespace: of the session; code of modules does not see its names.
        outside: objects of the session itself, which no walk goes through.
    """
    found: set[types.CodeType] = set()
    seen = {*map(id, outside), id(namespace)}
    work: list[Any] = [value]
    seen.add(id(value))
    while work:
        part = work.pop()
        found.update(_code_of(part, namespace))
        for other in _parts(part):
            if id(other) not in seen and id(type(other)) not in _PLAIN and _is_entered(other):
                seen.add(id(other))
                work.append(other)
                if len(seen) > _MOST:
                    return None
    return frozenset(found)


def _code_of(part: Any, namespace: dict[str, Any]) -> Iterator[types.CodeType]:
    kind = type(part)
    if kind is types.FunctionType and part.__globals__ is namespace:
        yield part.__code__
    elif id(kind) in _FRAMES:
        frame, code, _ = (getattr(part, name) for name in _FRAMES[id(kind)])
        if frame is not None and frame.f_globals is namespace:
            yield code


def _is_entered(part: Any) -> bool:
    if id(type(part)) in _BOUND:
        return not is_a(part.__self__, (types.ModuleType, type))
    if is_a(part, type):
        return is_of_session(part)
    if type(part) is types.FunctionType:
        return True
    return not (is_atom(part) or is_a(part, (types.ModuleType, types.CodeType)) or never_links(type(part)))


def _not_plain(parts: list[Any]) -> list[Any]:
    """*parts* without numbers and text, of which there may be millions; no more of them than are gone through."""
    if len(parts) < _MANY:
        return parts
    left = set(map(id, map(type, parts))) - _PLAIN
    return list(islice((part for part in parts if id(type(part)) in left), _MOST + 1)) if left else []


def _parts(part: Any) -> Iterable[Any]:
    kind = type(part)
    if kind is types.FrameType:  # not all that it refers to: that includes the globals, and who called it
        return [*frame_locals(part), *frame_parts(part)]
    if id(kind) in _BOUND:
        return [part.__self__]
    if kind is types.FunctionType:
        held = [*(part.__closure__ or ()), *(part.__defaults__ or ()), *part.__dict__.values()]
        return [*held, *(part.__kwdefaults__ or {}).values()]
    if is_a(part, type):
        return [*of(part, "__dict__").values(), *of(part, "__bases__"), type(part)]
    parts = [kind, *_not_plain(gc.get_referents(part))]
    if id(kind) in _FRAMES:
        frame, _, waits_for = (getattr(part, name) for name in _FRAMES[id(kind)])
        parts = [other for other in parts if type(other) is not types.FrameType]
        parts += [waits_for, *(frame_parts(frame) if frame is not None else ())]
    return parts
