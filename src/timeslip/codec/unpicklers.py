"""Unpicklers: what the names in a stream mean while a `Loader` of `codec.restore` loads it.

The counterpart of `codec.picklers`. Streams are loaded by C code; the names of `timeslip.codec.load` in them are not
functions of that module but methods of the loader, and whatever else a stream names goes by `Loader.named`.
"""

from __future__ import annotations

import functools
import io
import math
import pickle
import types
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec import definitions, imports, load, numbers
from timeslip.codec.loaded import Met, Staying, element, join, join_all, whole
from timeslip.codec.placeholder import Placeholder
from timeslip.codec.reducers import instances
from timeslip.codec.salvaging import SalvagingUnpickler
from timeslip.codec.stored import Stored, read_all
from timeslip.codec.streams import SegmentReader, framed

if TYPE_CHECKING:
    from timeslip.codec.restore import Loader

_KNOWN = frozenset(name for name, value in vars(load).items() if type(value) is types.FunctionType)
_OF_STREAM = frozenset({"array", "items", "island", "buffer"})
_ANYWHERE: dict[str, Any] = {
    "code": definitions.load_code,
    "module": import_module,
    "by_hand": imports.by_hand,
    "element": element,
    "member": instances.member,
    "instance": instances.make_instance,
    "set_instance": instances.set_instance,
    "filled": instances.fill,
    "placeholder": Placeholder,
}
"""Names of `timeslip.codec.load` that do not depend on the loader; all others are its methods."""

_JOINING: dict[str, Any] = {"joined": join, "joined_all": join_all, "whole": whole}
"""Those that are told which unpickler has met them."""

SMALL = 1 << 12
"""What was met is not noted for streams up to this many bytes: a pass over their values costs no more than that."""
_JOINED = 1 << 20
"""Streams up to this many bytes are read as one."""


def file_of(prefix: bytes, segments: Sequence[bytes]) -> Any:
    """*prefix* and *segments* as a file; small ones joined, because a file written in C is read many times faster."""
    if sum(map(len, segments)) <= _JOINED:
        return io.BytesIO(prefix + framed(b"".join(segments)))
    return SegmentReader([prefix, *segments])


class _Meaning:
    """What streams refer to: the names of `timeslip.codec.load` mean methods of the loader."""

    def __init__(self, loader: Loader, file: Any, stored: Stored) -> None:
        unpickler: Any = super()
        unpickler.__init__(file, buffers=read_all(stored.out_of_band))
        self._nans: dict[int, Any] = {}
        self._loader = loader
        self._stored = stored
        self.asked = False
        """Whether there is more in the stream than plain containers, numbers and text."""
        self.met: Met | None = None
        self.staying: Staying | None = None
        """What was met, where that is asked for, and what need not be loaded."""
        self.joined: list[Any] = []
        """The long lists and dicts of which islands were joined, to be referred to. Always this list: another one would
        be taken for something that was met."""

    def find_class(self, module_name: str, name: str) -> Any:
        if module_name == load.MODULE and name.startswith("seed") and name[4:].isdecimal():
            return self._loader.seed(int(name[4:]))
        if module_name == load.MODULE and name in _JOINING:
            return functools.partial(_JOINING[name], self)
        self.asked = True
        if module_name != load.MODULE:
            module_name, name = _RENAMED.get((module_name, name), (module_name, name))
            unpickler: Any = super()
            found = self._loader.named(module_name, name, unpickler.find_class)
            if isinstance(found, type):
                self._loader.kinds[id(found)] = found
            return found
        if name not in _KNOWN:
            raise pickle.UnpicklingError(f"{name!r} means nothing in a recorded stream")
        if name in _OF_STREAM:
            return functools.partial(getattr(self._loader, name), self._stored)
        return _ANYWHERE[name] if name in _ANYWHERE else getattr(self._loader, name)

    def beside(self, data: bytes) -> Any:
        """One like this for *data*."""
        return type(self)(self._loader, io.BytesIO(data), self._stored)

    def took(self, inner: Any) -> None:
        """What *inner* has loaded is part of what this one loads."""
        self.asked |= inner.asked
        self._loader.hold_back(inner)

    def persistent_load(self, identity: Any) -> Any:
        self.asked = True
        if isinstance(identity, tuple):
            number, data = identity
            if len(data) <= numbers.LONGEST:
                return self._nans.setdefault(number, numbers.from_bytes(data))
            return self._nans.setdefault(number, int.from_bytes(data, "little", signed=True))
        if identity == "math":
            return math.nan
        if identity == "numpy":
            return import_module("numpy").nan
        return self._nans.setdefault(identity, float("nan"))


class Unpickler(_Meaning, pickle.Unpickler):
    """The C unpickler."""


class Salvaging(_Meaning, SalvagingUnpickler):
    """The one that makes placeholders of what is made from one."""


def is_large(stored: Stored) -> bool:
    """Whether *stored* is one node whose stream is large, and nothing beside it."""
    alone = len(stored.keys) == 1 and not (stored.headers or stored.buffers or stored.out_of_band)
    return alone and sum(map(len, stored.segments)) > SMALL


_RENAMED = {
    ("enum", "EnumType"): ("enum", "EnumMeta"),  # 3.11 and later; the old name is everywhere
    ("pathlib._local", "PosixPath"): ("pathlib", "PosixPath"),  # 3.13
    ("pathlib._local", "WindowsPath"): ("pathlib", "WindowsPath"),
    ("pathlib._local", "PurePosixPath"): ("pathlib", "PurePosixPath"),
    ("pathlib._local", "PureWindowsPath"): ("pathlib", "PureWindowsPath"),
}
"""What some Pythons call otherwise -> what all of them know."""


def seed_prefix(count: int) -> bytes:
    """Opcodes that put the seeds into the unpickler's memo, as they were in the pickler's."""
    module = load.MODULE.encode()
    return b"\x80\x05" + b"".join(b"c%b\nseed%d\n\x940" % (module, index) for index in range(count))
