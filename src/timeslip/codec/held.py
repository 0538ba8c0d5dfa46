"""What modules hold that values may refer to as well: it belongs to no value, and a restore leaves it alone.

Two kinds. What a module of the user's has under a name (settings, a registry) goes into a stream like anything else,
because its content is part of the value; that it comes back cut off from the module is said. What Python itself keeps
for everybody (`sys.path`, the filters of warnings) is referred to by its name, so that it is the same object after a
restore; of that only what a facet takes care of is put back.

The pickler asks nobody about plain containers. What a pass has met of these objects is found as `scopes` does it: by
one more reference than before; where modules have very many names, by looking them up in its memo.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Container, Iterator, Mapping
from itertools import chain, compress
from operator import gt, itemgetter
from typing import Any

from timeslip.codec.collecting import found_once
from timeslip.codec.definitions import of
from timeslip.codec.kinds import (
    COMPILED_FUNCTIONS,
    all_slots,
    attributes_of,
    filled,
    is_of_session,
    is_users_module,
    module_names,
    users_modules,
)
from timeslip.codec.linking import is_atom, is_value_tuple, never_links
from timeslip.codec.picklers import met_among

Place = tuple[str, str]
"""Module, and dotted name in it."""

_IN_FACETS: frozenset[Place] = frozenset({("sys", "path"), ("warnings", "filters")})
_OF_PYTHON: tuple[Place, ...] = (
    *sorted(_IN_FACETS),
    ("copyreg", "dispatch_table"),
    ("html.entities", "codepoint2name"),
    ("html.entities", "entitydefs"),
    ("html.entities", "html5"),
    ("html.entities", "name2codepoint"),
    ("keyword", "kwlist"),
    ("keyword", "softkwlist"),
    ("linecache", "cache"),
    ("logging", "root.handlers"),
    ("mimetypes", "common_types"),
    ("mimetypes", "encodings_map"),
    ("mimetypes", "suffix_map"),
    ("mimetypes", "types_map"),
    ("sys", "argv"),
    ("sys", "meta_path"),
    ("sys", "path_hooks"),
    ("sys", "path_importer_cache"),
    ("sys", "warnoptions"),
)
"""Plain containers that Python keeps for the whole process."""
_ARGUMENTS: Place = ("sys", "argv")
_arguments = getattr(sys, "argv", None)
"""Those that the process was started with: a list that a cell puts there is a value like any other."""
_BY_NAME = (
    *(types.FunctionType, types.BuiltinFunctionType, types.ModuleType),
    *(types.MethodDescriptorType, types.ClassMethodDescriptorType, types.WrapperDescriptorType),
    *(types.GetSetDescriptorType, types.MemberDescriptorType, types.MethodWrapperType),
)
_UNSEEN = frozenset(map(id, (type, type(None), int, float, bool, str, bytes, complex, *_BY_NAME)))
"""Addresses of types without instances to look for; a metaclass may let nobody hash or compare its classes."""


def of_python() -> dict[Place, Any]:
    """What Python keeps for everybody, as far as its modules are loaded."""
    found: dict[Place, Any] = {}
    for module, qualname in _OF_PYTHON:
        obj: Any = sys.modules.get(module)
        for part in qualname.split(".") if obj is not None else ():
            obj = getattr(obj, part, None)
        is_kept = obj is _arguments if (module, qualname) == _ARGUMENTS else True
        if is_kept and type(obj) in (list, dict):
            found[module, qualname] = obj
    return found


def is_in_facet(place: Place) -> bool:
    """Whether the content of what stands there is put back by a facet."""
    return place in _IN_FACETS


def of_users(namespace: dict[str, Any]) -> list[tuple[str, Any]]:
    """What modules of the user's and their classes have under names, with the module."""
    found: list[tuple[str, Any]] = []
    for name in users_modules():
        if module_names(sys.modules[name]) is not namespace:
            for held in _dicts_of_module(name):
                found += [(name, value) for value in list(held.values()) if id(type(value)) not in _UNSEEN]
    return found


def _dicts_of_module(name: str) -> Iterator[Mapping[str, Any]]:
    names = module_names(sys.modules[name])
    yield names
    for value in list(names.values()):
        if _is_own(value, name):
            yield of(value, "__dict__")


def _is_own(value: Any, module: str) -> bool:
    return issubclass(type(value), type) and of(value, "__module__") == module


def _may_be_held(module: str, value: Any) -> bool:
    """Whether anybody could tell *value* from a copy: it is of a class of the user's, or can be changed.

    Not what its own module has, which is found by its name (`named`); nor what is one of a kind to its library and has
    nothing in it: types of items, devices, compiled patterns.
    """
    kind = type(value)
    home = of(kind, "__module__")
    if is_atom(value) or never_links(kind) or is_value_tuple(value) or home == module or home in _BY_VALUE:
        return False
    if is_of_session(kind) or is_users_module(home):
        return True
    if of(kind, "__name__") in COMPILED_FUNCTIONS:
        return False
    methods = {name for base in of(kind, "__mro__") for name in _CHANGING.intersection(of(base, "__dict__"))}
    return bool(methods or attributes_of(value) or filled(value, all_slots(kind)))


_BY_VALUE = frozenset({"functools", "logging", "operator", "typing"})
"""Modules whose objects are found by name, or are not told from copies."""
_CHANGING = frozenset({"__setitem__", "add", "append"})
"""Methods of what is a container of some kind."""


class HeldWatch:
    """Finds what a pass has met of what modules hold. Made when the pass begins.

    Args:
        namespace: of the session.
        known: addresses that the memo has from the beginning.
    """

    def __init__(self, namespace: dict[str, Any], known: Container[int]) -> None:
        self._known = known
        # They may be very many, and so may passes: all of an update look at the same ones.
        self._of_python = found_once("held of Python", of_python)
        self._of_users = found_once(("held", id(namespace)), lambda: of_users(namespace))
        self._before = self._counts()

    def _counts(self) -> list[int]:
        objects = chain(self._of_python.values(), map(itemgetter(1), self._of_users))
        return list(map(sys.getrefcount, objects))

    def met(self, pickler: Any) -> tuple[dict[Place, Any], list[tuple[str, Any]]]:
        """What Python keeps, by its place, and what modules of the user's have, of what *pickler* has in its memo."""
        more = list(map(gt, self._counts(), self._before))
        if not any(more):
            return {}, []
        of_python = dict(compress(self._of_python.items(), more))
        of_users = compress(self._of_users, more[len(self._of_python) :])
        found = {id(obj): (module, obj) for module, obj in of_users if _may_be_held(module, obj)}
        looked_for = {*map(id, of_python.values()), *found}
        met = met_among(pickler, {address for address in looked_for if address not in self._known})
        return (
            {place: obj for place, obj in of_python.items() if id(obj) in met},
            [pair for address, pair in found.items() if address in met],
        )
