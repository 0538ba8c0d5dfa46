"""Which names a run may have reached: the closure over the code that a cell names.

The cell's own facts come from `timeslip.state.source`, those of functions and classes from `timeslip.state.bytecode`.
Here they are followed: a name reached holds code, that code names further names, and so on. The answer may be too wide,
never too narrow, as long as the engine keeps its side:

* `codes_of` yields the code of everything of the session that a name's value reaches (methods of the classes of
  instances, closures, defaults, wrapped functions and partials included), for the value before the run *and* after it;
* `target_of` tells what well-known thing a name stands for, so that ``import pickle as p`` of an earlier cell counts;
* code kept by a library (`Reached.hooks`), threads and tasks still alive, and finalizers of collected garbage run
  without being named: the engine widens for them on its own evidence.
"""

from __future__ import annotations

import builtins
import functools
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

from timeslip.codec.definitions import HEAP_TYPE
from timeslip.codec.kinds import compares_oddly
from timeslip.codec.placeholder import Placeholder
from timeslip.state.bytecode import facts_of_code
from timeslip.state.facts import CodeFacts, Reasons, Use, combine
from timeslip.state.lineage import facts_reads_before_binding
from timeslip.state.magics import is_timeslip_only, is_unrecorded, timeslip_commands
from timeslip.state.outside import canonical, classify
from timeslip.state.source import facts_of_source

__all__ = [
    "CodeFacts",
    "Reached",
    "combine",
    "facts_of_code",
    "facts_of_source",
    "facts_reads_before_binding",
    "is_timeslip_only",
    "is_unrecorded",
    "path_of_value",
    "reached",
    "timeslip_commands",
]

SESSION = "session"
"""Path of values that belong to the session: known, and told by their code instead of a table."""


_DATA = ("numpy.", "pandas.", "polars.", "scipy.", "sklearn.", "torch.", "xarray.")
"""Libraries whose instances are values: an attribute set on one changes the value of a name and nothing else."""


class OfInstance(str):
    """Path of the class of an instance."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Reached:
    """What a run may have reached.

    Attributes:
        names: global names mentioned by the cell or by code that it can reach; meaningless as a limit if `everything`.
        everything: the names cannot be known; take all of them.
        reasons: why `everything`; phrases for people.
        outside: why the run seems to touch the outside; phrases for people.
        starts_threads: something that may still run after the cell seems to be started.
        hooks: why later cells may run this code without naming it.
    """

    names: frozenset[str]
    everything: bool
    reasons: tuple[str, ...]
    outside: tuple[str, ...]
    starts_threads: bool
    hooks: tuple[str, ...] = ()


def _unknown(_: str) -> str | None:
    return None


def reached(
    facts: CodeFacts,
    codes_of: Callable[[str], Iterable[types.CodeType | str]],
    target_of: Callable[[str], str | None] = _unknown,
) -> Reached:
    """Follow *facts* through the code of the session.

    Args:
        facts: of the cell that ran (or would run).
        codes_of: for a name, the code that its value reaches; nothing for names not in the namespace. May also yield
            paths (as `path_of_value` gives them) of things of libraries found there, such as ``builtins.exec``.
        target_of: for a name, the path of what it holds, or None when that is not certain (not there, rebound by the
            run). Without it, names are taken for what they are usually called.

    Calls each function at most once per name. Runs no user code beyond them. Safe in any thread if they are.
    """
    reasons = Reasons()
    names: set[str] = set()
    queue: list[CodeFacts] = [facts]
    seen: dict[int, types.CodeType] = {}
    targets: dict[str, str | None] = {}
    while queue:
        piece = queue.pop()
        for use in piece.uses:
            _judge(use, targets, target_of, reasons)
        for name in piece.names - names:
            names.add(name)
            for item in codes_of(name):
                if isinstance(item, str):
                    reasons.add(classify(item, True, ""))
                elif id(item) not in seen:
                    seen[id(item)] = item  # holding it keeps the id its own
                    queue.append(facts_of_code(item))
    return Reached(
        names=frozenset(names),
        everything=bool(reasons.dynamic),
        reasons=tuple(reasons.dynamic),
        outside=tuple(reasons.outside),
        starts_threads=reasons.threads,
        hooks=tuple(reasons.hooks),
    )


def _judge(use: Use, targets: dict[str, str | None], target_of: Callable[[str], str | None], reasons: Reasons) -> None:
    """Add what *use* says, with the live value of its root where that is certain."""
    target = None
    if use.root:
        if use.root not in targets:
            targets[use.root] = target_of(use.root)
        target = targets[use.root]
    if target is None or use.known:
        reasons.add(use.findings())
    if target is not None:
        is_value = type(target) is OfInstance and target.startswith(_DATA)
        follow = "" if use.follow == "=" and is_value else use.follow
        reasons.add(classify(target + use.rest, True, follow))


_BOUND = frozenset({types.BuiltinFunctionType, types.MethodWrapperType})
_CALLABLES = frozenset({types.FunctionType, functools._lru_cache_wrapper})
_FOREIGN_FUNCTIONS = frozenset({"_ArrayFunctionDispatcher", "cython_function_or_method", "fused_cython_function"})


def path_of_value(value: object, namespace: dict[str, Any] | None = None) -> str | None:
    """Dotted path that says what a live value is: for `reached` as `target_of`.

    A module gives its name; a function or class of a library ``module.qualname``; an instance `OfInstance`, the path of
    its class; what is made in the session `SESSION`; the session's own *namespace*, and its bound methods,
    ``builtins.globals``.
    None when it cannot be told. Runs no user code: only exact types and their own dictionaries are looked at.
    """
    kind: type = type(value)
    if namespace is not None and value is namespace:
        return "builtins.globals"
    # `isinstance` would ask a value for its `__class__`, which may be the user's code: exact types only.
    if kind is types.MethodType:
        return path_of_value(cast(types.MethodType, value).__func__, namespace)
    if kind is functools.partial:
        return path_of_value(cast("functools.partial[Any]", value).func, namespace)
    if issubclass(kind, types.ModuleType):
        name = object.__getattribute__(value, "__dict__").get("__name__")
        return canonical(name) if type(name) is str else None
    if kind is Placeholder:
        return None  # what it stands for is something else
    plain = not compares_oddly(kind)  # or no table of types may be asked
    if plain and kind in _BOUND:
        return _path_of_bound(value, namespace)
    if (plain and kind in _CALLABLES) or is_foreign_function(kind):
        return _joined(getattr(value, "__module__", None), getattr(value, "__qualname__", None))
    if issubclass(kind, type):
        return _path_of_class(cast(type, value))
    path = _path_of_class(kind)
    return None if path is None else OfInstance(path)


def is_foreign_function(kind: type) -> bool:
    """Whether *kind* is the type of functions of numpy or Cython, which have the attributes of Python's functions."""
    if type.__dict__["__name__"].__get__(kind) not in _FOREIGN_FUNCTIONS:
        return False
    module = type.__dict__["__module__"].__get__(kind)
    # Cython's type has a field of that name for its functions, in the place of its own.
    return type(module) is types.MemberDescriptorType or (type(module) is str and module.startswith("numpy"))


def _path_of_bound(value: Any, namespace: dict[str, Any] | None) -> str | None:
    """Path of a function or bound method written in C."""
    owner = value.__self__
    if namespace is not None and owner is namespace:
        return "builtins.globals"
    if owner is None or issubclass(type(owner), types.ModuleType):
        return _joined(value.__module__, value.__qualname__)
    inner = _path_of_class(owner if issubclass(type(owner), type) else type(owner))
    return None if inner is None else f"{inner}.{value.__name__}"


def _path_of_class(kind: type) -> str | None:
    try:
        module = type.__dict__["__module__"].__get__(kind)
    except AttributeError:  # a class made without one
        return None
    name = type.__dict__["__qualname__"].__get__(kind)
    made = type.__dict__["__flags__"].__get__(kind) & HEAP_TYPE
    if module == "builtins" and made and vars(builtins).get(name) is not kind:
        return SESSION  # a class statement in a namespace without `__name__`
    return _joined(module, name)


def _joined(module: object, name: object) -> str | None:
    """One path of a module and a qualified name, `SESSION` for what is made in the session."""
    if type(name) is not str or type(module) is not str:
        return None
    if module in ("__main__", "__mp_main__"):
        return SESSION
    return canonical(f"{module}.{name}")
