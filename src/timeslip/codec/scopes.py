"""Globals that are not the session's: of a script run with ``%run``, of ``exec``, of a module made by hand.

Such a dict is a definition like a class or a function: referred to by identity from the functions that run in it, from
its module and from every value that holds the dict itself, stored once by itself, and changed in place.
"""

from __future__ import annotations

import builtins
import sys
import types
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from timeslip.codec.changes import Change
from timeslip.ids import DefinitionId

SCOPE = "scope"

Holder = types.FunctionType | types.ModuleType


class Scope:
    """One such dict.

    Attributes:
        holder: a function that runs in it, or its module.
        module: the module whose dict it is, if one is known.
    """

    __slots__ = ("holder", "module")

    def __init__(self, holder: Holder, module: types.ModuleType | None = None) -> None:
        self.holder = holder
        self.module = module

    @property
    def globals(self) -> dict[str, Any]:
        """The dict. Not kept here: references to it are counted to see whether a pass has met it."""
        return globals_of(self.holder)


def globals_of(holder: Holder) -> dict[str, Any]:
    """The dict that a function runs in, or that a module has."""
    found: dict[str, Any] = holder.__globals__ if type(holder) is types.FunctionType else holder.__dict__
    return found


def foreign_scope(function: types.FunctionType, namespace: dict[str, Any]) -> dict[str, Any] | None:
    """The globals of *function*, if they are neither the session's nor those of an imported module."""
    found = function.__globals__
    if found is namespace:
        return None
    module = sys.modules.get(str(found.get("__name__")))
    return None if module is not None and module.__dict__ is found else found


class ScopeRegistry:
    """Which identity belongs to which dict. A dict has no weak references: its life is told by that of its holders.

    Not thread-safe by itself.
    """

    def __init__(self) -> None:
        self._by_address: dict[int, DefinitionId] = {}
        self._fresh: set[int] = set()
        self._holders: dict[str, weakref.WeakSet[Holder]] = {}
        self._modules: weakref.WeakValueDictionary[str, types.ModuleType] = weakref.WeakValueDictionary()

    def id_of(self, holder: Holder) -> DefinitionId:
        """The identity of the dict of *holder*; a new one when it was never seen."""
        held = globals_of(holder)
        identity = self._by_address.get(id(held))
        if identity is None or not any(globals_of(other) is held for other in self._holders[identity]):
            identity = DefinitionId.new()
        self.bind(identity, holder)
        return identity

    def bind(self, identity: DefinitionId, holder: Holder) -> None:
        """Say that the dict of *holder* is the live one of *identity*."""
        address = id(globals_of(holder))
        if self._by_address.get(address) != identity:
            self._by_address[address] = identity
            self._fresh.add(address)
        self._holders.setdefault(identity, weakref.WeakSet()).add(holder)
        if isinstance(holder, types.ModuleType):
            self._modules[identity] = holder

    def take_fresh(self) -> frozenset[int]:
        """Addresses of the dicts that were not known when this was last asked: earlier captures took them as values."""
        fresh = frozenset(self._fresh)
        self._fresh.clear()
        return fresh

    def live(self, identity: str) -> Scope | None:
        """The live dict of *identity*, or None."""
        for holder in self._holders.get(identity, ()):
            return Scope(holder, self._modules.get(identity))
        return None

    def all(self) -> list[tuple[DefinitionId, dict[str, Any]]]:
        """Every live dict with its identity; those whose holders are gone are forgotten."""
        found = []
        for address, identity in list(self._by_address.items()):
            scope = self.live(identity)
            if scope is not None and id(scope.globals) == address:
                found.append((identity, scope.globals))
            else:
                del self._by_address[address]
                if scope is None:
                    self._holders.pop(identity, None)
        return found


_BUILTINS, _INTERPRETERS = "__builtins__", frozenset({"__loader__", "__spec__", "__cached__"})


def _items(scope: dict[str, Any]) -> dict[str, Any]:
    """What of *scope* is the user's: without what the interpreter has put there."""
    return {
        key: value
        for key, value in scope.items()
        if not (_is_default(value) if key == _BUILTINS else key in _INTERPRETERS and value is not None)
    }


def _is_default(value: Any) -> bool:
    return value is builtins or value is builtins.__dict__


def _form(scope: dict[str, Any]) -> str | None:
    """How the interpreter has put the builtins there: as a module, as a dict, or not at all."""
    held = scope.get(_BUILTINS)
    return "module" if held is builtins else "dict" if held is builtins.__dict__ else None


def _builtins(form: str) -> Any:
    return builtins if form == "module" else builtins.__dict__


def scope_header(scope: Scope) -> dict[str, Any]:
    """What a scope is made with."""
    return {"kind": SCOPE, "name": str(scope.globals.get("__name__", "__main__"))}


def scope_content(scope: Scope) -> dict[str, Any]:
    """The names of a scope."""
    return {"kind": SCOPE, "items": _items(scope.globals), "builtins": _form(scope.globals)}


def make_scope(header: Mapping[str, Any]) -> Scope:
    """An empty scope."""
    module = types.ModuleType(header["name"])  # so that a module made by hand can have this very dict
    module.__dict__.clear()
    return Scope(module, module)


def scope_changes(scope: Scope, content: Mapping[str, Any]) -> list[Change]:
    """The in-place changes that make a scope equal to *content*, its order too: to a name it is a dict like any."""
    target = scope.globals
    items, present, form = content["items"], _items(target), content["builtins"]
    changes = []
    if form != _form(target):
        changes.append(Change(target, _BUILTINS, Change.MISSING if form is None else _builtins(form)))
    kept = [key for key in present if key in items]
    if [*kept, *(key for key in items if key not in present)] != list(items):
        changes += [Change(target, key, Change.MISSING) for key in present]
        return changes + [Change(target, key, value) for key, value in items.items()]
    changes += [Change(target, k, v) for k, v in items.items() if k not in present or present[k] is not v]
    return changes + [Change(target, k, Change.MISSING) for k in present if k not in items]


class ScopeWatch:
    """Finds the foreign globals that a pass has met as values: its memo refers to them.

    The pickler asks nobody about plain dicts. One more reference than before the pass is the cheap sign of it.
    """

    def __init__(self, registry: ScopeRegistry) -> None:
        self._registry = registry
        self._before = registry.all()
        self._counts = [sys.getrefcount(scope) for _, scope in self._before]

    def met(self, among: Callable[[set[int]], set[int]]) -> dict[str, dict[str, Any]]:
        """Identity -> dict of those that were met; *among* tells at which of some addresses anything was."""
        found = {
            str(identity): scope
            for (identity, scope), count in zip(self._before, self._counts, strict=True)
            if sys.getrefcount(scope) > count
        }
        known = {identity for identity, _ in self._before}
        fresh = [pair for pair in self._registry.all() if pair[0] not in known]
        met = among({id(scope) for _, scope in fresh}) if fresh else ()
        found.update({str(identity): scope for identity, scope in fresh if id(scope) in met})
        return found
