"""Modules of the standard library as they were when Timeslip was imported.

A user may put anything in place of ``json.dumps``, ``os.getcwd``, ``time.time`` or ``open``: mocks, frozen clocks,
faster encoders. That is a part of the session, never of the store, of the recorder or of a restore, which import these
names from here. They are modules of their own: in no table of modules, where something that patches would find them,
and their functions call each other rather than what has been patched meanwhile.

What is live by nature (``os.environ``, classes, constants that are objects) is the very object of the real module.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

__all__ = ["another", "json", "open_file", "os", "patched", "signal", "time"]

_WATCHED = (
    *("builtins", "contextlib", "copyreg", "functools", "gc", "inspect", "io", "json", "os", "os.path", "pickle", "re"),
    *("signal", "struct", "tempfile", "threading", "time", "types", "weakref"),
)
_HOOKS = frozenset({"builtins.input", "threading.excepthook"})
"""What kernels and others are meant to replace."""


def _functions(name: str) -> dict[str, Any]:
    module = sys.modules.get(name)
    return (
        {}
        if module is None
        else {key: value for key, value in vars(module).items() if callable(value) and key[0] != "_"}
    )


_imported_with = {name: _functions(name) for name in _WATCHED}


def patched() -> list[str]:
    """Functions and classes of some standard modules that are not those which were there when Timeslip was imported.

    For errors that cannot be explained otherwise: what is not in this module is used as the user has left it.
    """
    found = []
    for name, before in _imported_with.items():
        now = vars(sys.modules[name]) if before else {}
        found += [f"{name}.{key}" for key, value in before.items() if now.get(key) is not value]
    return [name for name in found if name not in _HOOKS]


def _copied(name: str, **parts: Any) -> Any:
    """What module *name* holds now, and *parts*, as a module whose functions go by it in place of the real one."""
    real = import_module(name)
    copy = ModuleType(name, real.__doc__)
    names = vars(copy)
    names.update(vars(real))
    names.update(parts)
    for key, value in vars(real).items():
        if type(value) is FunctionType and key not in parts:
            home = names if value.__globals__ is vars(real) else {**value.__globals__, **parts}
            names[key] = twin = FunctionType(value.__code__, home, key, value.__defaults__, value.__closure__)
            twin.__kwdefaults__ = value.__kwdefaults__
    return copy


def another(name: str, **parts: Any) -> Any:
    """A second instance of module *name*, made from its code, whose names *parts* are replaced: the classes are new."""
    spec = import_module(name).__spec__
    if spec is None or spec.loader is None:
        raise ImportError(f"the module {name} does not say what it was made from")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    vars(module).update(parts)
    return module


def _json() -> Any:
    encoder = another("json.encoder")
    decoder = another("json.decoder", scanner=another("json.scanner"))
    return another(
        "json",
        encoder=encoder,
        decoder=decoder,
        JSONEncoder=encoder.JSONEncoder,
        JSONDecoder=decoder.JSONDecoder,
        _default_encoder=encoder.JSONEncoder(),
        _default_decoder=decoder.JSONDecoder(),
    )


def _os() -> Any:
    copy = _copied("os")
    copy.path = _copied(copy.path.__name__, os=copy)
    return copy


if TYPE_CHECKING:
    import json
    import os
    import signal
    import time

    open_file = open
else:
    from _io import open as open_file  # the one of `builtins` and that of `io` may have been replaced already

    json = _json()
    os = _os()
    signal = _copied("signal")
    time = _copied("time")
