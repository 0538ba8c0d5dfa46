"""astropy: units by name, tables and what is told of columns by attributes, the parameters of a projection by value.

Its own pickling makes new objects of the units with a prefix, and copies every column of a table, so that a name that
is bound to one would have another column than the table.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from timeslip.codec import load
from timeslip.codec.kinds import all_slots, filled
from timeslip.codec.reducers import instances
from timeslip.codec.reducers.instances import Lacking

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_UNITS = "astropy.units"


def _unit(state: Pass, unit: Any) -> Any:
    name = unit.name
    known = getattr(sys.modules[_UNITS], name, None) is unit
    return (load.attribute, (_UNITS, name)) if known else NotImplemented


def _info(state: Pass, info: Any) -> Any:
    """What is told of a column or quantity, without the functions that it is written with, which are made by format.

    Pickled as usual it forgets what it belongs to, and has no place for these functions.
    """
    kind = type(info)
    held = filled(info, all_slots(kind))
    if "_format_funcs" in held:
        held["_format_funcs"] = {}
    parts = (None, held)
    state.keep += (parts, held, held.get("_format_funcs"))
    return load.instance, (kind,), parts, None, None, load.set_instance


_CELESTIAL = ("ref", "phi0", "theta0", "offset")
_PROJECTION = ("code", "r0", "phi0", "theta0", "pv", "bounds")


def _celestial(state: Pass, part: Any) -> Any:
    state.note(part, "with the same values, but cut off from the WCS that it was part of", fatal=False)
    values = [getattr(part, name) for name in _CELESTIAL]
    return make_celestial, (values, [getattr(part.prj, name) for name in _PROJECTION], Lacking())


def make_celestial(values: list[Any], projection: list[Any], _: Any) -> Any:
    """A ``Celprm`` of its own."""
    made = import_module("astropy.wcs").Celprm()
    for name, value in zip(_CELESTIAL, values, strict=True):
        setattr(made, name, value)
    for name, value in zip(_PROJECTION, projection, strict=True):
        setattr(made.prj, name, value)
    return made


def find(kind: type) -> Any:
    """The reducer for units with a name, tables, what is told of columns, and parameters of a projection, or None."""
    units, tables, wcs = (sys.modules.get(f"astropy.{name}") for name in ("units", "table", "wcs"))
    if units is not None and issubclass(kind, units.NamedUnit):
        return _unit
    if tables is not None and issubclass(kind, tables.Table):
        return instances.by_attributes(kind)
    told = sys.modules.get("astropy.utils.data_info")
    if told is not None and issubclass(kind, told.DataInfo):
        return _info
    return _celestial if wcs is not None and kind is wcs.Celprm else None
