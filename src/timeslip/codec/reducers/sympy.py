"""sympy: applied functions of the session by their arguments, without what they remember of themselves.

They remember their hash, which is another one in each process. sympy's own pickling would give a live object where
there is one that is equal.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from timeslip.codec import load
from timeslip.codec.kinds import attributes_of

if TYPE_CHECKING:
    from timeslip.codec.passes import Pass


def _applied(state: Pass, obj: Any) -> Any:
    attributes = attributes_of(obj)
    made = make_applied, (type(obj), obj._args)
    return (*made, attributes, None, None, set_attributes) if attributes else made


def make_applied(kind: Any, args: tuple[Any, ...]) -> Any:
    """A function of the session with its arguments."""
    made = object.__new__(kind)
    made._mhash, made._args, made._assumptions = None, args, kind.default_assumptions
    return made


def set_attributes(applied: Any, attributes: dict[str, Any]) -> None:
    """State setter for what was set on it."""
    applied.__dict__.update(attributes)


def _rules(state: Pass, rules: Any) -> Any:
    home, name = "sympy.core.assumptions", "_assume_rules"
    return (load.attribute, (home, name)) if getattr(sys.modules.get(home), name, None) is rules else NotImplemented


def find(kind: type) -> Any:
    """The reducer for applied functions that were made in the session, and for sympy's rules, or None."""
    if kind.__name__ == "FactRules" and kind.__module__ == "sympy.core.facts":
        return _rules
    undefined = getattr(sys.modules.get("sympy.core.function"), "UndefinedFunction", None)
    return _applied if undefined is not None and isinstance(kind, undefined) else None
