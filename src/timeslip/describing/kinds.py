"""What an object is, found out without running any of its own code.

`isinstance`, `len`, `getattr` and even `hash(type(x))` can run code of the user (``__class__``, metaclasses).
Everything here reads the type through the descriptors of `type` itself.
"""

from __future__ import annotations

import functools
import sys
import types
from collections import deque
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import islice
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from random import Random
from typing import Any
from uuid import UUID

from timeslip.codec.inline import attributes_if_inside

_NAMESPACE: Any = type.__dict__["__dict__"]
_MRO: Any = type.__dict__["__mro__"]
_MODULE: Any = type.__dict__["__module__"]
_QUALNAME: Any = type.__dict__["__qualname__"]

_KINDS: dict[str, tuple[type, ...]] = {
    "none": (type(None), type(NotImplemented), type(Ellipsis)),
    "bool": (bool,),
    "int": (int,),
    "float": (float,),
    "complex": (complex,),
    "str": (str,),
    "bytes": (bytes, bytearray),
    "list": (list,),
    "tuple": (tuple,),
    "deque": (deque,),
    "dict": (dict,),
    "set": (set, frozenset),
    "function": (types.FunctionType,),
    "class": (type,),
    "module": (types.ModuleType,),
    "enum": (Enum,),
    "rng": (Random,),
    "object": (object,),
    # Small standard values whose repr and == are the standard library's own and cheap.
    "plain": (
        *(range, slice, date, datetime, time, timedelta, timezone, Decimal, Fraction, UUID),
        *(PosixPath, PurePosixPath, PureWindowsPath, WindowsPath),
    ),
}
_BUILTIN: dict[int, tuple[str, type]] = {id(cls): (kind, cls) for kind, group in _KINDS.items() for cls in group}
"""Keyed by address, because hashing a class can run its metaclass; the class is held, so the address stays its own."""

_LIBRARY: dict[str, str] = {
    "numpy.ndarray": "array",
    "numpy.generic": "npscalar",
    "pandas.Timestamp": "libscalar",
    "pandas._libs.tslibs.timestamps.Timestamp": "libscalar",
    "pandas.Timedelta": "libscalar",
    "pandas._libs.tslibs.timedeltas.Timedelta": "libscalar",
    "pandas.DataFrame": "frame",
    "pandas.core.frame.DataFrame": "frame",
    "pandas.Series": "series",
    "pandas.core.series.Series": "series",
    "pandas.Index": "index",
    "pandas.core.indexes.base.Index": "index",
    "polars.dataframe.frame.DataFrame": "polars",
    "polars.series.series.Series": "polars",
    "pyarrow.lib.Table": "arrow",
    "torch.Tensor": "tensor",
    "torch._tensor.Tensor": "tensor",
    "torch.nn.parameter.Parameter": "tensor",
    "sklearn.base.BaseEstimator": "estimator",
    "matplotlib.figure.Figure": "figure",
    "matplotlib.axes._axes.Axes": "axes",
    "matplotlib.axes._base._AxesBase": "axes",
    "matplotlib.artist.Artist": "artist",
    "numpy.random._generator.Generator": "rng",
    "numpy.random.bit_generator.BitGenerator": "rng",
    "numpy.random.mtrand.RandomState": "rng",
    "scipy.sparse._base._spbase": "sparse",
    "scipy.sparse._base.spmatrix": "sparse",
    "timeslip.codec.placeholder.Placeholder": "placeholder",
}


def type_name(cls: type) -> str:
    """Name of a class, with its module for all but builtins. Runs no code of the class or its metaclass."""
    try:
        module, name = _MODULE.__get__(cls), _QUALNAME.__get__(cls)
    except AttributeError:
        return "?"
    if type(name) is not str:
        return "?"
    return f"{module}.{name}" if type(module) is str and module != "builtins" else name


def short_name(cls: type) -> str:
    """Name of a class without its module."""
    name = _QUALNAME.__get__(cls)
    return name.rpartition(".")[2] if type(name) is str else "?"


def bases(cls: type) -> tuple[type, ...]:
    """The classes that *cls* inherits from, itself first."""
    found: tuple[type, ...] = _MRO.__get__(cls)
    return found


def namespace(cls: type) -> Mapping[str, object]:
    """What the body of a class made, read past any metaclass."""
    found: Mapping[str, object] = _NAMESPACE.__get__(cls)
    return found


def library(module: str) -> Any:
    """A loaded library, or None: it is never imported for the sake of a description."""
    return sys.modules.get(module)


def kind_of(cls: type) -> tuple[str, bool]:
    """The word for what *cls* is ("list", "frame", "object" …), and whether it is that very class, not a child."""
    for base in _MRO.__get__(cls):
        found = _BUILTIN.get(id(base))
        if found is not None:
            return found[0], base is cls
        full = type_name(base)
        kind = _LIBRARY.get(full)
        if kind is not None and _is_loaded(full, base):
            return kind, base is cls
    return "object", False


def _is_loaded(full: str, cls: type) -> bool:
    """Whether the class that calls itself *full* is really the one of that library."""
    module, _, name = full.rpartition(".")
    loaded = sys.modules.get(module)
    if loaded is None or not issubclass(type(loaded), types.ModuleType):
        return False
    return object.__getattribute__(loaded, "__dict__").get(name) is cls


def attributes(value: object, most: int | None = None) -> dict[str, object]:
    """What an object itself holds: its ``__dict__`` and slots, read past any property or ``__getattr__``.

    A new dict, in order of assignment; keys that are not plain strings are left out. With *most*, only so many of the
    ``__dict__`` are read, so that a glance at a huge one is cheap.
    """
    found: dict[str, object] = {}
    for base in reversed(bases(type(value))):
        space = namespace(base)
        if "__slots__" not in space:
            continue
        for name, descriptor in space.items():
            if type(descriptor) is types.MemberDescriptorType and name != "__dict__":
                try:
                    found[name] = descriptor.__get__(value)
                except AttributeError:
                    continue  # a slot that was never filled
    found.update(_instance_dict(value, most))
    return found


def _instance_dict(value: object, most: int | None) -> dict[str, object]:
    if type(value) is functools.partial:
        state: Any = value.__reduce__()
        if not state[2][3]:
            return {}  # asking for its dict makes one, and a partial with a dict is not merged into one made from it
    inside = attributes_if_inside(value)
    if inside is not None:
        return inside if most is None else dict(islice(inside.items(), most))
    for base in bases(type(value)):
        descriptor: Any = namespace(base).get("__dict__")
        # `is`, because comparing classes by == can run a metaclass
        if type(descriptor) is types.GetSetDescriptorType or type(descriptor) is types.MemberDescriptorType:
            held = descriptor.__get__(value)
            # Copied in one step where all is asked for: another thread may be adding attributes.
            items = list(dict.items(held)) if most is None else islice(dict.items(held), most)
            return {key: item for key, item in items if type(key) is str}
    return {}


def attribute(value: object, name: str) -> object:
    """One attribute as `attributes` reads them; None where there is none."""
    return attributes(value, 1000).get(name)


def maker_of(cls: type, method: str) -> type:
    """The class among the bases of *cls* that defines *method*; `object` where none does."""
    return next((base for base in bases(cls) if method in namespace(base)), object)


def is_pure(cls: type) -> bool:
    """Whether all that instances hold can be seen by `attributes`: no base written in C but `object`."""
    return all(base is object or "__module__" in namespace(base) for base in bases(cls))
