"""Who goes on with an object that a restore replaces: modules of the user's that have it, threads that use it."""

from __future__ import annotations

import sys
import threading
import types
import weakref
from collections.abc import Container, Iterable, Mapping
from typing import Any

from timeslip.activity import live_tasks
from timeslip.codec.addresses import addresses_in
from timeslip.codec.definitions import is_a
from timeslip.codec.holding import held_while_under_way
from timeslip.codec.kinds import module_names
from timeslip.codec.linking import is_atom
from timeslip.model import is_name
from timeslip.standard import os
from timeslip.state.libraries import installed_folders


def torn_off(snapshot: Mapping[str, Any], values: Mapping[str, Any], own: Mapping[str, Any]) -> Iterable[str]:
    """What is said of names that share an object with a module of the user's, and get one of their own now."""
    replaced = _replaced(snapshot, values)
    if not replaced:
        return
    for module_name, space in _not_installed():
        if space is own:
            continue
        for attribute, value in list(space.items()):
            name = replaced.get(id(value))
            if name is not None:
                place = f"{module_name}.{attribute}"
                yield f"{name} is an object of its own now: {place} keeps the one that both had before"


_installed: dict[str, weakref.ref[types.ModuleType]] = {}
"""Modules that were found to be installed, by the name under which they are loaded: they stay so. There are thousands,
and to look at each one anew is a good part of what an undo takes."""

_others: tuple[bytes, list[str]] = b"", []
"""Addresses of all names and modules that were loaded, and the names of those that were not found to be installed: as
long as the same are loaded, only these are looked at."""


def _not_installed() -> Iterable[tuple[str, dict[str, Any]]]:
    """Name and dict of each loaded module with a file that is neither installed nor our own."""
    global _others
    prefixes: tuple[str, ...] = ()
    loaded: dict[str, Any] = dict(sys.modules)  # programs put other things than modules there, too
    addresses = addresses_in([*loaded, *loaded.values()]).tobytes()
    if addresses == _others[0]:
        loaded = {name: loaded[name] for name in _others[1]}
    for name, module in loaded.items():
        if _is_installed(name, module):
            continue
        space = module_names(module) if is_a(module, types.ModuleType) else {}
        file = space.get("__file__")
        if type(file) is not str:
            continue
        prefixes = prefixes or (os.path.join(sys.prefix, ""), os.path.join(sys.base_prefix, ""), *installed_folders())
        if not file.startswith(prefixes) and name.partition(".")[0] != "timeslip":
            yield name, space
        else:
            _installed[name] = weakref.ref(module)
    if addresses != _others[0]:
        _others = addresses, [name for name, module in loaded.items() if not _is_installed(name, module)]


def _is_installed(name: str, module: Any) -> bool:
    known = _installed.get(name)
    return known is not None and known() is module


def _replaced(snapshot: Mapping[str, Any], values: Mapping[str, Any]) -> dict[int, str]:
    """The objects that names are bound to and will not be, by address, with the name."""
    return {
        id(snapshot[name]): name
        for name, value in values.items()
        if is_name(name) and name in snapshot and snapshot[name] is not value and not is_atom(snapshot[name])
    }


def still_used(
    snapshot: Mapping[str, Any], values: Mapping[str, Any], others: Container[threading.Thread]
) -> Iterable[str]:
    """What is said of threads and tasks that are in the middle of using an object that is replaced.

    Args:
        snapshot: the names as they are.
        values: what they will be bound to.
        others: threads that are not the session's.
    """
    threads = {thread.ident: thread for thread in threading.enumerate() if thread not in others}
    threads.pop(threading.get_ident(), None)
    tasks = live_tasks()
    replaced = _replaced(snapshot, values) if threads or tasks else {}
    if not replaced:
        return
    innermost = sys._current_frames()
    innermost.pop(threading.get_ident(), None)  # one that refers to itself would keep what is replaced
    for ident, thread in threads.items():
        frame: types.FrameType | None = innermost.get(ident or 0)
        used: set[str] = set()
        while frame is not None:
            used.update(replaced[id(value)] for value in list(frame.f_locals.values()) if id(value) in replaced)
            frame = frame.f_back
        if used:
            yield f"the thread {thread.name!r} goes on with {_as_before(used)}: end it, or start it again"
    for task in tasks:
        used = {replaced[id(value)] for value in held_while_under_way(task.get_coro()) if id(value) in replaced}
        if used:
            yield f"the task {task.get_name()!r} goes on with {_as_before(used)}: cancel it, or start it again"


def _as_before(names: set[str]) -> str:
    return f"{', '.join(sorted(names))} as {'they were' if len(names) > 1 else 'it was'} before"
