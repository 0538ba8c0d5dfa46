"""What installed libraries hold themselves and hand out in many values: colour tables, default styles, constants.

Two figures both hold the rows of matplotlib's ``viridis``, two plots the list of fonts that the library falls back to.
Ordinary code does not see these identities, and what a module holds is no state of the session; so they do not link
(``docs/design/010-what-libraries-own.md``). An object is *owned* when it is found, right now, in plain data that a
module or class of an installed package has as an attribute.

Asked only about objects that two co-variables are suspected to share, so that it costs nothing elsewhere. Not
thread-safe by itself; keeps addresses, never objects.
"""

from __future__ import annotations

import functools
import gc
import sys
import types
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from timeslip.codec.definitions import is_a, of
from timeslip.codec.kinds import attributes_of, defines, module_names
from timeslip.state.libraries import installed_folders

_MOST = 5_000
"""Plain data of more objects than this is no constant."""
_FEW = 50
"""What is looked at first: nearly all constants are of fewer objects."""
_MOST_OF_PACKAGE = 300_000
"""References that are looked at for the index of one package."""

_ATOMS: frozenset[type] = frozenset(
    {
        *(int, float, complex, bool, str, bytes, type(None), type(Ellipsis), range, slice, type),
        *(types.FunctionType, types.BuiltinFunctionType, types.ModuleType),
    }
)
"""Not entered: they own nothing that a value could hold."""

_NOT_PLAIN = (
    weakref.ReferenceType,
    functools._lru_cache_wrapper,
    types.MethodType,
    types.GeneratorType,
    types.CoroutineType,
    types.FrameType,
    types.CellType,
    types.TracebackType,
)
"""Data that holds one of these is a registry or a cache of something that lives: what is in it may be the user's."""


def _shows_dicts() -> bool:
    """Whether the garbage collector counts the attribute dict among what an instance refers to: only on 3.10."""
    instance: Any = type("Instance", (), {})()
    instance.a = 1
    return any(part is instance.__dict__ for part in gc.get_referents(instance))


_SHOWS_DICTS = _shows_dicts()

Root = tuple[str, str, str]
"""Where plain data hangs: module, class in it or "", attribute."""


class Owned:
    """Tells which objects installed packages own.

    An index of addresses is made the first time that a package is asked about, and again when more of its modules are
    loaded. It is only a first answer: a "yes" is checked by walking what hangs there now; a "no" that has become wrong
    means that two values are stored together without need.
    """

    def __init__(self) -> None:
        self._loaded = 0
        self._modules: dict[str, list[str]] = {}
        self._indexed: dict[str, int] = {}
        self._roots: dict[int, Root] = {}

    def all_of(self, objects: Collection[Any], packages: Collection[str]) -> bool:
        """Whether modules of *packages* (top-level names) own every one of *objects*."""
        self._index(packages)
        wanted = set(map(id, objects))
        if not wanted <= self._roots.keys():
            return False
        found: set[int] = set()
        for root in {self._roots[address] for address in wanted}:
            found |= wanted & (reach(_at(root)) or {}).keys()
        return found == wanted

    def _index(self, packages: Collection[str]) -> None:
        if self._loaded != len(sys.modules):
            self._loaded, self._modules = len(sys.modules), {}
            for name in list(sys.modules):
                self._modules.setdefault(name.partition(".")[0], []).append(name)
        for package in packages:
            names = self._modules.get(package, [])
            if self._indexed.get(package) == len(names):
                continue
            self._indexed[package] = len(names)
            self._index_package(names)

    def _index_package(self, names: Iterable[str]) -> None:
        """Walk what the modules *names* have, small things first, and not more in all than is done in a moment.

        The thousands of units of astropy hold each other: walked one by one, that is millions of objects.
        """
        left = _MOST_OF_PACKAGE
        waiting = list(_roots(names))
        for most in (_FEW, _MOST):
            again: list[tuple[Root, Any]] = []
            for root, value in waiting:
                if id(value) in self._roots:
                    continue  # part of something that another module has
                if left <= 0:
                    return
                seen: dict[int, Any] = {}
                plain, looked = _walk(value, most, seen)
                left -= looked
                if plain:
                    self._roots.update(dict.fromkeys(seen, root))
                elif plain is None:
                    again.append((root, value))
            waiting = again


def reach(value: Any) -> dict[int, Any] | None:
    """Address -> object for all that *value* is made of, if it is plain data and not much of it; else None.

    Plain: numbers, text, containers, arrays, and instances of library classes that hold nothing else.
    """
    seen: dict[int, Any] = {}
    return seen if _walk(value, _MOST, seen)[0] else None


def _walk(value: Any, most: int, seen: dict[int, Any]) -> tuple[bool | None, int]:
    """Fill *seen* with what *value* is made of.

    Returns:
        Whether that is plain data, None when it is more than *most*; and how many references were looked at.
    """
    level = {id(value): value}
    looked = 1
    while level:
        seen.update(level)
        if len(seen) > most:
            return None, looked
        for obj in level.values():
            kind = type(obj)
            if issubclass(kind, _NOT_PLAIN) or of(kind, "__module__") == "__main__":
                return False, looked
        objects = list(level.values())
        parts = gc.get_referents(*objects)
        if not _SHOWS_DICTS:
            parts += [attributes_of(obj) for obj in objects if type(obj).__dictoffset__]
        looked += len(parts)
        level = {
            id(obj): obj for obj in parts if type(obj) not in _ATOMS and id(obj) not in seen and not is_a(obj, type)
        }
    return True, looked


def _roots(names: Iterable[str]) -> Iterator[tuple[Root, Any]]:
    """What may be plain data among the attributes of these modules and of their classes."""
    folders = installed_folders()
    for name in names:
        module: Any = sys.modules.get(name)
        if not is_a(module, types.ModuleType):
            continue
        file = module_names(module).get("__file__")
        if type(file) is not str or not file.startswith(folders):
            continue
        for attribute, value in _data(module_names(module)):
            yield (name, "", attribute), value
        for cls in list(module_names(module).values()):
            if is_a(cls, type) and of(cls, "__module__") == name:
                space = of(cls, "__dict__")
                yield from (((name, of(cls, "__name__"), attribute), value) for attribute, value in _data(space))


def _data(space: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The attributes that are no functions, classes or modules, nor the interpreter's own."""
    return [
        (attribute, value)
        for attribute, value in list(space.items())
        if type(value) not in _ATOMS
        and not is_a(value, type)
        and not defines(type(value), "__get__")
        and not (attribute.startswith("__") and attribute.endswith("__"))
    ]


def _at(root: Root) -> Any:
    module, cls, attribute = root
    space: Mapping[str, Any] = vars(sys.modules[module]) if module in sys.modules else {}
    if cls:
        holder: Any = space.get(cls)
        space = of(holder, "__dict__") if is_a(holder, type) else {}
    return space.get(attribute)
