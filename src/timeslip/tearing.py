"""Names that share an object with a module of the user's, which keeps its own when a restore replaces it."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Iterable, Mapping
from typing import Any

from timeslip.codec.linking import is_atom
from timeslip.model import is_name
from timeslip.state.libraries import installed_folders


def torn_off(snapshot: Mapping[str, Any], values: Mapping[str, Any], own: Mapping[str, Any]) -> Iterable[str]:
    """What is said of names that share an object with a module of the user's, and get one of their own now."""
    replaced = {
        id(snapshot[name]): name
        for name, value in values.items()
        if is_name(name) and name in snapshot and snapshot[name] is not value and not is_atom(snapshot[name])
    }
    if not replaced:
        return
    installed = (os.path.join(sys.prefix, ""), os.path.join(sys.base_prefix, ""), *installed_folders())
    loaded: list[tuple[str, object]] = list(sys.modules.items())  # programs put other things than modules there, too
    for module_name, module in loaded:
        space = vars(module) if isinstance(module, types.ModuleType) else {}
        if space is own:
            continue
        file = space.get("__file__")
        if type(file) is not str or file.startswith(installed) or module_name.partition(".")[0] == "timeslip":
            continue
        for attribute, value in list(space.items()):
            name = replaced.get(id(value))
            if name is not None:
                place = f"{module_name}.{attribute}"
                yield f"{name} is an object of its own now: {place} keeps the one that both had before"
