"""What a library keeps for everybody in a mapping that its module has under a name: colormaps, parameters.

By its name, like all that a module holds. What was put into it since belongs to the library, which may have built on
it: it is not taken out. So that nobody is told that it is as it was, the stream says under which keys it had something.
"""

from __future__ import annotations

import collections.abc
import sys
from typing import TYPE_CHECKING, Any

from timeslip.codec import load

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_FEW = 3
"""Keys that are named to people."""
_BY_FRONT_END = "interactive"
"""What the front end sets in the parameters of matplotlib when the first figure is made, once and for all."""
LEFT_INTERACTIVE = f"'{_BY_FRONT_END}' is left as the front end has set it when the first figure was made"

_first: dict[tuple[str, str], tuple[str, ...]] = {}
"""Module and name -> the keys when it was first met in this process."""


def is_one(kind: type) -> bool:
    """Whether instances of *kind*, a class of an installed package, are mappings that more can be put into."""
    return issubclass(kind, collections.abc.Mapping)


def reduce(state: Pass, obj: Any, module: str, name: str) -> Any:
    """Reduction of what *module* has under *name*: that name, and the keys that it has now."""
    keys = keys_of(obj)
    told = difference(_first.setdefault((module, name), keys), keys)
    if _is_parameters(obj):
        if not keys and str(dict.get(obj, "backend")).startswith("module://"):
            state.note(
                obj, f"'{_BY_FRONT_END}' stays as the front end sets it when the first figure is made", fatal=False
            )
    elif told:
        state.note(obj, f"{module}.{name} {told}, which {module} of a new kernel does not know of", fatal=False)
    return load.registry, (module, name, keys)


def keys_of(obj: Any) -> tuple[str, ...]:
    """The keys that are text, sorted. Of matplotlib's parameters what is not brought back by their facet."""
    if _is_parameters(obj):
        pyplot = sys.modules.get("matplotlib.pyplot")
        return () if getattr(pyplot, "_backend_mod", None) is None else (_BY_FRONT_END,)
    return tuple(sorted(key for key in obj if type(key) is str))


def not_as_then(obj: Any, module: str, name: str, then: tuple[str, ...]) -> str:
    """What is to be said of *obj*, which had the keys *then* when it was recorded; empty when it has them now."""
    now = keys_of(obj)
    if not _is_parameters(obj):
        told = difference(then, now)
        return f"{module}.{name} {told}: what a library keeps is left as it is" if told else ""
    if set(now) - set(then):
        return LEFT_INTERACTIVE
    return ""


def difference(then: tuple[str, ...], now: tuple[str, ...]) -> str:
    """``has 'a' now, and no 'b' any more``; empty when nothing differs."""
    more, fewer = sorted(set(now) - set(then)), sorted(set(then) - set(now))
    parts = [f"has {_few(more)} now"] if more else []
    if fewer:
        parts.append(f"{'' if more else 'has '}no {_few(fewer)} any more")
    return ", and ".join(parts)


def _few(keys: list[str]) -> str:
    named = ", ".join(map(repr, keys[:_FEW]))
    return f"{named} and {len(keys) - _FEW} more" if len(keys) > _FEW else named


def _is_parameters(obj: Any) -> bool:
    return obj is getattr(sys.modules.get("matplotlib"), "rcParams", None)
