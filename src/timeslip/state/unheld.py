"""Whether objects that are still there are garbage that holds itself, found out without a collection.

A full collection looks at every object of the process: a second in a session of some million objects. What a few
objects hold is few: when all references to them, and to whatever leads back to them, come from among these, nobody else
has them. That is how the collector itself finds garbage, in a small part of the graph.
"""

from __future__ import annotations

import builtins
import gc
import sys
import types
from collections import Counter
from operator import eq
from typing import Any

from timeslip.codec.kinds import references_in_lists

_MOST = 20_000
"""So many objects are looked at, which takes as long as a collection of a few hundred thousand."""

_NOT_ENTERED = (types.ModuleType, types.CodeType, type)
"""What they refer to is not asked: a reference from there is one from outside."""


def are_garbage(objects: list[Any]) -> bool:
    """Whether nothing but the caller's list and what *objects* themselves hold refers to them.

    False also where that cannot be told: there are too many, or a class, a module or an extension in C may hold one.
    """
    found = {id(obj): obj for obj in objects}
    given = list(found)
    referrers = _referrers(found)
    if referrers is None:
        return False
    leading, work = set(given), given
    while work:
        new = set(referrers.get(work.pop(), ())) - leading
        leading |= new
        work += new
    asked = [found[address] for address in leading]
    held = Counter(map(id, objects))
    counts = map(sys.getrefcount, asked)
    known = (_OWN + held[address] + len(referrers.get(address, ())) for address in leading)
    return all(map(eq, counts, known))


def _referrers(found: dict[int, Any]) -> dict[int, list[int]] | None:
    """What refers to each of the objects that *found* leads to, which are added to it; None when they are too many."""
    referrers: dict[int, list[int]] = {}
    work = list(found)
    while work:
        address = work.pop()
        kind = type(found[address])
        if issubclass(kind, _NOT_ENTERED):
            continue
        left_out = {id(builtins.__dict__)}
        if kind is types.FunctionType or kind is types.FrameType:
            left_out.add(id(getattr(found[address], "__globals__" if kind is types.FunctionType else "f_globals")))
        for part in gc.get_referents(found[address]):
            if id(part) in left_out or not gc.is_tracked(part):  # what is not tracked leads nowhere
                continue
            referrers.setdefault(id(part), []).append(address)
            if id(part) not in found:
                found[id(part)] = part
                work.append(id(part))
        if len(found) > _MOST:
            return None
    return referrers


_OWN = references_in_lists(2)
"""What is looked at is in a dict and in a list here. In no variable: each would be one more reference."""
