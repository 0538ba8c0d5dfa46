"""Options of libraries as a table: the usual value of each, how it is asked for, how it is set."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from timeslip.errors import FacetError
from timeslip.state.facets.base import FacetBase, shortened
from timeslip.state.facets.differences import EMPTY, canonical, parsed


class Option(NamedTuple):
    """One option.

    Attributes:
        default: its usual value; JSON-ready, as all values.
        get: asks the library for it.
        set: sets it.
    """

    default: Any
    get: Callable[[Any], Any]
    set: Callable[[Any, Any], Any]


class OptionTable(FacetBase):
    """Options that differ from their usual values: ``{"torch": {"default dtype": "float64"}}``.

    Attributes:
        subject: what they are, for people.
        options: library -> option -> what there is to know of it.
        complete: what a library has when it is loaded completely.
    """

    absent: ClassVar[bytes | None] = EMPTY
    subject: ClassVar[str]
    options: ClassVar[Mapping[str, Mapping[str, Option]]]
    complete: ClassVar[Mapping[str, str]]

    def available(self) -> bool:
        """Whether one of the libraries is loaded, completely."""
        return any(library in sys.modules and self._loaded(library) is not None for library in self.options)

    def capture(self) -> bytes:
        """The differences. Options that a release does not have are left out."""
        document: dict[str, dict[str, Any]] = {}
        for library, options in self.options.items():
            module = self._loaded(library)
            if module is None:
                continue
            for name, option in options.items():
                value = _value(module, option)
                if value != option.default:
                    document.setdefault(library, {})[name] = value
        return canonical(document).encode() if document else EMPTY

    def restore(self, data: bytes) -> None:
        """Set what differs from what was recorded, loading a library if that is needed.

        Raises:
            FacetError: a library is not here, or refuses a value (the others are set); bytes of another making.
        """
        document = parsed(data)
        if not all(
            type(options) is dict and options.keys() <= self.options.get(library, {}).keys()
            for library, options in document.items()
        ):
            raise FacetError(f"the recorded {self.subject} are not of a form that this release knows")
        refused: list[str] = []
        for library, options in self.options.items():
            wanted = document.get(library, {})
            module = self._loaded(library)
            try:
                module = importlib.import_module(library) if module is None and wanted else module
                for name, option in options.items() if module is not None else ():
                    value = wanted.get(name, option.default)
                    if _value(module, option) != value:
                        option.set(module, value)
            except Exception as error:  # a library's own code: anything may come
                refused.append(f"{library} ({error})")
        if refused:
            raise FacetError(f"recorded options cannot be set: {', '.join(refused)}")

    def describe(self, before: bytes | None, after: bytes | None) -> str:
        """``options for tensors: torch default dtype float32 -> float64``."""
        old, new = (parsed(data or EMPTY) for data in (before, after))
        parts = []
        for library, options in self.options.items():
            for name, option in options.items():
                values = [side.get(library, {}).get(name, option.default) for side in (old, new)]
                if values[0] != values[1]:
                    parts.append(f"{library} {name} {_shown(values[0])} -> {_shown(values[1])}")
        return f"{self.subject}: " + (shortened(parts) or "unchanged")

    def _loaded(self, library: str) -> Any:
        module = sys.modules.get(library)
        return module if hasattr(module, self.complete[library]) else None


def _value(module: Any, option: Option) -> Any:
    try:
        return option.get(module)
    except AttributeError:  # a release that does not have it
        return option.default


def _shown(value: Any) -> str:
    if type(value) is not dict:
        return str(value)
    return ", ".join(f"{name}={one}" for name, one in value.items()) or "as usual"
