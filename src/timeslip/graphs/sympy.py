"""What `graphs` knows about sympy, which is not imported: an expression remembers the facts that it was asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from timeslip.graphs.comparison import Comparison, Path

_Handler = Callable[["Comparison", "Path", Any, Any], None]


def handler(kind: type) -> _Handler | None:
    """The comparison for collections of facts, or None."""
    base = getattr(sys.modules.get("sympy.core.facts"), "FactKB", None)
    return _facts if base is not None and issubclass(kind, base) else None


def _facts(c: Comparison, path: Path, left: Any, right: Any) -> None:
    """Facts, in whatever order they were found out, and those that were given for a symbol."""
    one, other = ({**dict(sorted(side.items())), **vars(side)} for side in (left, right))
    c.pair(path, one, other)


def ask(left: Any, right: Any) -> None:
    """Let each of two expressions find out the facts that the other one knows of itself; nothing for other objects.

    What has been given for a symbol is among the facts, so a symbol that has lost it answers otherwise. Only for
    objects that may be changed: what they find out, they remember.
    """
    basic = getattr(sys.modules.get("sympy.core.basic"), "Basic", None)
    if basic is None or not issubclass(type(left), basic) or not issubclass(type(right), basic):
        return
    for side, other in ((left, right), (right, left)):
        for fact in list(other._assumptions.keys() - side._assumptions.keys()):
            try:
                getattr(side, f"is_{fact}", None)
            except Exception:  # users' classes say what they like about facts; then there is a difference
                continue
