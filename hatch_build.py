"""Put the front end into wheels and source archives: built before, or built now; never left out in silence.

An editable install does without it: who changes Python code needs no node. `make lab` builds and links it there.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_spec = importlib.util.spec_from_file_location("front_end", Path(__file__).parent / "scripts" / "front_end.py")
assert _spec is not None
assert _spec.loader is not None
front_end = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(front_end)

WITHOUT = "TIMESLIP_EDITABLE"
"""Environment variable of `make dev`: the build is an editable one, which needs no node, not even to be asked for."""


class FrontEnd(BuildHookInterface):
    """The hook that hatchling finds in this file."""

    def dependencies(self) -> list[str]:
        """Node from the package index, where the bundle has to be built and the system has no npm."""
        if front_end.is_current() or front_end.npm() or os.environ.get(WITHOUT):
            return []
        return [front_end.NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Have the bundle built and added."""
        if self.target_name == "wheel" and version == "editable":
            self.app.display_info(front_end.state())
            return
        if not front_end.is_current():
            front_end.build()
        if self.target_name == "wheel":
            place = f"share/jupyter/labextensions/{front_end.NAME}"
            build_data["shared_data"]["labextension/built"] = place
            build_data["shared_data"]["labextension/install.json"] = f"{place}/install.json"
        else:
            build_data["artifacts"].append("/labextension/built")
