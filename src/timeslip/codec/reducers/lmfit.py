"""lmfit: parameters without evaluating their expressions, and their values as they are.

Its own pickling asks every parameter for its value, which evaluates expressions in the object that is pickled; and it
gives whole numbers back as floats.
"""

from __future__ import annotations

import copyreg
import sys
from typing import TYPE_CHECKING, Any

from timeslip.codec.reducers import added

if TYPE_CHECKING:
    from timeslip.codec.capture import Pass

_STATE = ("name", "_val", "_vary", "_expr", "min", "max", "brute_step", "stderr", "correl", "init_value", "user_data")
"""Attributes of a parameter, in the order of its own state."""


def _parameter(state: Pass, parameter: Any) -> Any:
    kind = type(parameter)
    own = tuple(getattr(parameter, name) for name in _STATE)
    return copyreg.__newobj__, (kind,), own  # type: ignore[attr-defined]  # what pickle itself uses


def _parameters(state: Pass, parameters: Any) -> Any:
    make, arguments, own = parameters.__reduce__()
    table = parameters._asteval.symtable
    values = {name: (one._val, table.get(name)) for name, one in parameters.items()}
    return make, arguments, (own, values), None, None, set_parameters


def set_parameters(parameters: Any, parts: tuple[dict[str, Any], dict[str, tuple[Any, Any]]]) -> None:
    """State setter for a set of parameters: as lmfit does it, then the values that the expressions had last."""
    own, values = parts
    parameters.__setstate__(own)
    for name, (value, known) in values.items():
        parameters[name]._val = value
        parameters._asteval.symtable[name] = known


def find(kind: type) -> Any:
    """The reducer for a parameter or a set of them, or None."""
    library = sys.modules.get("lmfit.parameter")
    if library is None:
        return None
    found = {library.Parameters: _parameters, library.Parameter: _parameter}.get(kind)
    return found and added.keeping(found)
