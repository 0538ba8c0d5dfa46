"""lmfit: parameters without evaluating their expressions, and their values as they are.

Its own pickling asks every parameter for its value, which evaluates expressions in the object that is pickled; and it
gives whole numbers back as floats.
"""

from __future__ import annotations

import copyreg
import itertools
import sys
from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import added

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass

_STATE = ("name", "_val", "_vary", "_expr", "min", "max", "brute_step", "stderr", "correl", "init_value", "user_data")
"""Attributes of a parameter, in the order of its own state."""


def _parameter(state: Pass, parameter: Any) -> Any:
    kind = type(parameter)
    own = tuple(getattr(parameter, name) for name in _STATE)
    made = copyreg.__newobj__, (kind,)  # type: ignore[attr-defined]  # what pickle itself uses
    bounded = vars(parameter).get("from_internal")
    if getattr(bounded, "__qualname__", None) == f"{kind.__qualname__}._init_bounds.<locals>.<lambda>":
        return *made, own  # the one that it begins with
    return *made, (own, bounded), None, None, set_parameter


def set_parameter(parameter: Any, parts: tuple[tuple[Any, ...], Any]) -> None:
    """State setter for a parameter that was in a fit: as lmfit does it, then its bounds as the fit set them."""
    own, bounded = parts
    parameter.__setstate__(own)
    parameter.from_internal = bounded


def _parameters(state: Pass, parameters: Any) -> Any:
    make, arguments, own = parameters.__reduce__()
    table = parameters._asteval.symtable
    values = {name: (one._val, table.get(name)) for name, one in parameters.items()}
    own_names = {*values, *own.get("unique_symbols", ())}
    late = list(itertools.takewhile(own_names.__contains__, reversed(table)))  # before them is what asteval begins with
    return make, arguments, (own, values, late[::-1]), None, None, set_parameters


def set_parameters(parameters: Any, parts: tuple[Any, ...]) -> None:
    """State setter for a set of parameters: as lmfit does it, then the values that the expressions had last.

    Args:
        parameters: what is filled.
        parts: the state of lmfit; per parameter its own value and that for expressions; since this is stored as well,
            the names in the order in which they came to the table of the expressions.
    """
    own, values, *late = parts
    parameters.__setstate__(own)
    for name, (value, known) in values.items():
        parameters[name]._val = value
        parameters._asteval.symtable[name] = known
    table = parameters._asteval.symtable
    for name in late[0] if late else ():
        table[name] = table.pop(name)


def find(kind: type) -> Any:
    """The reducer for a parameter or a set of them, or None."""
    library = sys.modules.get("lmfit.parameter")
    if library is None:
        return None
    found = {library.Parameters: _parameters, library.Parameter: _parameter}.get(kind)
    return found and added.keeping(found)
