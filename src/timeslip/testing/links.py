"""Which names hang together, because what they hold reaches a common object or common memory."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from timeslip.graphs.comparison import Comparison, Path

_SKIPPED = frozenset({"__builtins__", "__builtin__"})


def linked_names(namespace: Mapping[str, object]) -> list[frozenset[str]]:
    """The names of *namespace* in groups: two names are together when they reach a common object with visible identity.

    Classes and functions made in the namespace link here like any other object, so a group may be larger than the
    co-variable that the engine stores. Nothing is changed; runs no code of the user's.
    """
    owners: dict[int, str] = {}
    groups: dict[str, set[str]] = {}
    arrays: list[tuple[str, Any]] = []
    for name, value in namespace.items():
        if name in _SKIPPED:
            continue
        groups[name] = {name}
        walk = Comparison(namespace, namespace, (namespace, namespace))
        walk.pair(Path(None, name), value, value)
        walk.run()
        for key in walk.to_right:
            _join(groups, name, owners.setdefault(key, name))
        for _, array, _ in walk.arrays:
            for other, known in arrays:
                if sys.modules["numpy"].shares_memory(array, known):
                    _join(groups, name, other)
            arrays.append((name, array))
    return list({id(group): frozenset(group) for group in groups.values()}.values())


def group_of(namespace: Mapping[str, object], name: str) -> frozenset[str]:
    """The group of *name*; `KeyError` when the namespace has no such name."""
    for group in linked_names(namespace):
        if name in group:
            return group
    raise KeyError(name)


def _join(groups: dict[str, set[str]], name: str, other: str) -> None:
    if groups[name] is groups[other]:
        return
    joined = groups[name] | groups[other]
    for member in joined:
        groups[member] = joined
