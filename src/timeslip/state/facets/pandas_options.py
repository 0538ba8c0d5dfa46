"""Facet ``pandas_options``: what ``pandas.set_option`` changed since attach."""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import Any, ClassVar

from timeslip.errors import FacetError
from timeslip.state.facets.base import FacetBase, register, shortened
from timeslip.state.facets.differences import EMPTY, canonical, parsed
from timeslip.state.facets.options import Options, changes
from timeslip.state.facets.watch import Watch


@register
class PandasOptionsFacet(FacetBase):
    """Options that differ from attach, or from pandas' defaults when it was loaded later.

    Reads pandas' own nested dictionaries: ``pandas.get_option`` takes a millisecond for all options.
    """

    name: ClassVar[str] = "pandas_options"
    absent: ClassVar[bytes | None] = EMPTY

    def __init__(self) -> None:
        super().__init__()
        self._options: Options | None = None
        self._watch = Watch()
        self._groups: dict[str, dict[str, Any]] = {}
        self._registered = -1
        self._data = EMPTY

    def available(self) -> bool:
        """Whether pandas is loaded, completely, and keeps its options where this release expects them."""
        config = sys.modules.get("pandas._config.config")
        return hasattr(sys.modules.get("pandas"), "set_option") and hasattr(config, "_registered_options")

    def attach(self) -> None:
        """Remember the present options; when pandas is not loaded yet, its defaults will do."""
        self._watch.forget()
        self._registered = -1
        self._options = None
        if self.available():
            self._find_groups(_config())
            self._options = Options(self._live())

    def capture(self) -> bytes:
        """The differences. Callables other than ``"...".format`` are left out and reported."""
        config = _config()
        if len(config._registered_options) != self._registered:
            self._find_groups(config)
        if self._watch.unchanged(self._groups.values()):
            return self._data
        document = self._known_options(config).document(self._live())
        for key in document.get("left", ()):
            self.report(key, f"the pandas option {key} holds an object that cannot be recorded")
        self._data = canonical(document).encode() if document else EMPTY
        self._watch.remember(self._groups.values())
        return self._data

    def restore(self, data: bytes) -> None:
        """Set the options that were recorded, loading pandas if that is needed.

        Raises:
            FacetError: no pandas here, or it refuses an option; the others are set.
        """
        if data == EMPTY and not self.available():
            return
        try:
            pandas = importlib.import_module("pandas")
        except ImportError as error:
            raise FacetError("pandas options were recorded, but pandas cannot be loaded here") from error
        config = _config()
        self._find_groups(config)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # deprecated options were announced when the user set them
                self._known_options(config).apply(parsed(data), self._live(), pandas.set_option)
        except FacetError as error:
            raise FacetError(f"pandas options {error}") from error
        self._data = data
        self._watch.remember(self._groups.values())

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """``pandas options: display.max_rows -> 10``."""
        parts = changes(parsed(before or EMPTY), parsed(after or EMPTY))
        return "pandas options: " + (shortened(parts) or "unchanged")

    def _known_options(self, config: Any) -> Options:
        """The differences' home; pandas' defaults stand in for options that were registered after attach."""
        defaults = {key: option.defval for key, option in config._registered_options.items()}
        if self._options is None:
            self._options = Options(defaults)
        self._options.learn(defaults)
        return self._options

    def _find_groups(self, config: Any) -> None:
        """Find the dictionaries that hold options: "" and every dotted prefix of a registered name."""
        self._watch.forget()
        self._groups = {"": config._global_config}
        for key in config._registered_options:
            prefix = ""
            for part in key.split(".")[:-1]:
                inner = self._groups[prefix][part]
                prefix += part + "."
                self._groups[prefix] = inner
        self._registered = len(config._registered_options)

    def _live(self) -> dict[str, Any]:
        return {
            prefix + key: value
            for prefix, group in self._groups.items()
            for key, value in group.items()
            if f"{prefix}{key}." not in self._groups
        }


def _config() -> Any:
    return sys.modules["pandas._config.config"]
