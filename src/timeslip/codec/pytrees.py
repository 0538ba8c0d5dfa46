"""How jax takes instances of a class of the session apart: it was told, and the class itself does not know.

A class that is made again in another process is no pytree there until it is registered again. jax cannot forget a
class, so there is no way back, and none is needed: the functions belong to the class as long as the class lives.
"""

from __future__ import annotations

import operator
import sys
from importlib import import_module
from typing import Any

from timeslip.codec.changes import Change

_FIELDS = ("data_fields", "meta_fields")


def registered(cls: type) -> tuple[Any, ...] | None:
    """How *cls* was registered: the names of its fields, or the functions that take apart and put together; or None.

    jax does not tell whether there is a function for the names of parts as well: it is known for classes that have the
    method for it, and where it is also the one that takes apart.
    """
    entry = _entry(cls)
    if entry is None:
        return None
    function = entry.to_iter
    code, closure = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    if getattr(function, "__qualname__", "") == "register_dataclass.<locals>.flatten_func" and code and closure:
        held = {name: cell.cell_contents for name, cell in zip(code.co_freevars, closure, strict=True)}
        if all(name in held for name in _FIELDS):
            return tuple(tuple(held[name]) for name in _FIELDS)
    if getattr(function, "__qualname__", "") == "register_pytree_with_keys.<locals>.flatten_func_impl" and closure:
        return None, entry.from_iter, closure[0].cell_contents
    return entry.to_iter, entry.from_iter, hasattr(cls, "tree_flatten_with_keys")


def _entry(cls: type) -> Any:
    trees = sys.modules.get("jax._src.tree_util")
    known = getattr(trees, "_registry", None)
    return known.get(cls) if type(known) is dict else None


class Register(Change):
    """Register a class that is not registered."""

    __slots__ = ()

    def __init__(self, cls: type, how: tuple[Any, ...]) -> None:
        super().__init__(cls, "pytree", how)

    def apply(self) -> None:
        """See `Change.apply`."""
        if _entry(self.target) is not None:
            return
        trees, how = import_module("jax").tree_util, self.value
        if len(how) == 2:
            trees.register_dataclass(self.target, *map(list, how))
        elif how[2]:
            with_keys = operator.methodcaller("tree_flatten_with_keys") if how[2] is True else how[2]
            trees.register_pytree_with_keys(self.target, with_keys, how[1], how[0])
        else:
            trees.register_pytree_node(self.target, how[0], how[1])

    def invert(self) -> None:
        """See `Change.invert`: there is no way back, and nothing to undo."""
