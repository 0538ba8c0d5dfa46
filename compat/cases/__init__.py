"""One module per library family, each with ``FAMILY``: plain data."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from compat.case import Absent, Family


def families() -> list[Family]:
    """All families, by name."""
    found: list[Family] = []
    for module in iter_modules(__path__):
        found += getattr(import_module(f"{__name__}.{module.name}"), "FAMILIES", ())
    return sorted(found, key=lambda family: family.name)


def absent() -> tuple[Absent, ...]:
    """Classes of the published list that cannot be looked at."""
    return import_module(f"{__name__}.absent").ABSENT  # type: ignore[no-any-return]
