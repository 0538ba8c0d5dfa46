"""What a recorded stream refers to by name, found without loading it: no class is imported and no code is run.

The C unpickler does the walk; wherever it asks for a class or function, it gets a stand-in that accepts anything.
"""

from __future__ import annotations

import io
import itertools
import pickle
from collections.abc import Mapping, Sequence
from typing import Any

from timeslip.codec import load
from timeslip.codec.streams import SegmentReader
from timeslip.codec.unpicklers import seed_prefix

Mentions = set[tuple[str, str]]


class _Anything:
    """Stands for every class and function, and for what they make."""

    path: tuple[str, str] = ("", "")

    def __new__(cls, *_: Any, **__: Any) -> Any:
        return object.__new__(cls)

    def _accept(self, *_: Any, **__: Any) -> None:
        pass

    __init__ = __call__ = __setstate__ = __setitem__ = append = extend = add = update = _accept


def mentioned(segments: Sequence[bytes], headers: Mapping[str, bytes], seeds: int) -> frozenset[tuple[str, str]]:
    """(module, qualified name) of every class, function and module that a co-variable refers to.

    A module as a whole has an empty name, an attribute of an object that is not known has the module "?". Classes and
    functions of the session are not among them.

    Args:
        segments: the stream.
        headers: definition id -> header stream.
        seeds: how many of the session's own objects the streams were written with.

    Raises:
        ValueError: the bytes are no stream that can be read in this way.
    """
    found: Mentions = set()
    for parts in ([*segments], *([data] for data in headers.values())):
        _read(SegmentReader([seed_prefix(seeds), *parts]), found)
    return frozenset(found)


def _read(file: Any, found: Mentions) -> None:
    try:
        _Mentioning(file, found).load()
    except Exception as error:  # whatever an odd stream makes of the stand-ins
        raise ValueError(f"the stream cannot be looked through: {type(error).__name__}: {error}") from error


class _Mentioning(pickle.Unpickler):
    """Notes every name that the stream asks for."""

    def __init__(self, file: Any, found: Mentions) -> None:
        super().__init__(file, buffers=itertools.repeat(b""))
        self._found = found
        self._special: dict[tuple[str, str], Any] = {
            (load.MODULE, "definition"): lambda _: _Anything,
            (load.MODULE, "module"): self._module,
            (load.MODULE, "attribute"): self._attribute,
            (load.MODULE, "placed"): self._placed,
            (load.MODULE, "island"): self._islands,
            (load.MODULE, "joined"): self._islands,
            (load.MODULE, "joined_all"): lambda *islands: self._islands(*islands[:-1]),
            ("builtins", "getattr"): self._getattr,
            ("operator", "attrgetter"): self._named,
            ("operator", "methodcaller"): self._named,
        }

    def find_class(self, module_name: str, name: str) -> Any:
        special = self._special.get((module_name, name))
        if special is not None:
            return special
        if module_name == load.MODULE:
            return _Anything
        self._found.add((module_name, name))
        return type("_Anything", (_Anything,), {"path": (module_name, name)})

    def persistent_load(self, identity: Any) -> Any:
        return None

    def _module(self, name: str) -> Any:
        self._found.add((name, ""))
        return _Anything()

    def _attribute(self, module: Any, name: str) -> Any:
        self._found.add((str(module), name))
        return _Anything()

    def _placed(self, module: Any, places: Any, name: str) -> Any:
        self._found.add((str(module), name))
        return _Anything()

    def _getattr(self, owner: Any, name: Any, *_: Any) -> Any:
        """A method of a class or of an object, as pickle refers to methods that are written in C."""
        module, inner = getattr(owner, "path", ("", ""))
        self._found.add((module, f"{inner}.{name}") if module else ("?", str(name)))
        return _Anything()

    def _named(self, *names: Any) -> Any:
        """An attribute or method of whatever it will be asked of."""
        self._found.update(("?", name) for name in names[:1] if isinstance(name, str))
        return _Anything()

    def _islands(self, *islands: bytes) -> Any:
        for data in islands:
            _read(io.BytesIO(data), self._found)
        return _Anything()
