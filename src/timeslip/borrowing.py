"""The session's globals, lent to a replayed cell: emptied before it, and put back with all it changed after it."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from timeslip.codec.changes import Change
from timeslip.codec.definitions import of
from timeslip.interrupts import uninterrupted
from timeslip.live import Live
from timeslip.state.putback import Attributes, Containers, Definitions, Keeper, Process, Variables
from timeslip.state.rerun import Examined

OUTPUTS = ("Out", "_oh")
"""Names of the dict of outputs in IPython."""
_REPEATED = re.compile(r"_\d+\Z")
_NO_STATE = "__warningregistry__"


class Loan:
    """The globals while they are lent.

    Attributes:
        definitions: live classes, functions and scopes, and those that the restore around the replay has made.
    """

    def __init__(self, live: Live, definitions: list[Any]) -> None:
        self.definitions = definitions
        kept = Definitions(definitions)
        self._problem = kept.problem
        self._keepers: list[Keeper] = [kept, Process()]
        self._live = live

    def keep(self, examined: Examined) -> str | None:
        """Take note of what the cell may change; what of it cannot be put back, or None. Before it runs."""
        variables = Variables(examined.variables)
        self._keepers += [Attributes(examined.stores, self.definitions), Containers(examined.containers), variables]
        return self._problem or variables.problem

    def let_die(self) -> None:
        """Have finalizers of what the run has left run now, on the classes that they belong to."""
        classes = [obj for obj in self.definitions if issubclass(type(obj), type)]
        if any("__del__" in of(base, "__dict__") for kind in classes for base in type.mro(kind)):
            gc.collect()

    def put_back(self) -> None:
        """Undo what the cell did to what was kept, the last first."""
        while self._keepers:
            self._keepers.pop().put_back()


@contextmanager
def borrowed(live: Live, adopted: Iterable[Any], changes: Iterable[Change]) -> Iterator[Loan]:
    """The session's globals without its names, its classes and functions with *changes*; all put back at the end.

    Interrupts are held back, except where recorded code runs (`Namespace.execute`).

    Args:
        live: the session.
        adopted: classes and functions that are not live yet and may be changed, too.
        changes: in-place changes of definitions, applied in order.
    """
    with uninterrupted():
        yield from _lent(live, adopted, changes)


def _lent(live: Live, adopted: Iterable[Any], changes: Iterable[Change]) -> Iterator[Loan]:
    namespace = live.namespace.globals
    saved = dict(namespace)
    hidden = [name for name in namespace if type(name) is str and _REPEATED.match(name)]
    names = [*live.namespace.snapshot(), *hidden, *OUTPUTS, _NO_STATE]
    facets = live.facets.capture()
    modules = dict(sys.modules)
    loan = Loan(live, [*live.registry.objects(), *adopted])
    try:
        for change in changes:
            change.apply()
        for name in names:
            namespace.pop(name, None)
        yield loan
    finally:
        _put_back_names(namespace, saved)
        loan.let_die()
        loan.put_back()
        for name, module in modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module
        live.facets.restore(facets)


def _put_back_names(namespace: dict[str, Any], saved: dict[str, Any]) -> None:
    """The names as they were, in their order."""
    if list(namespace) == list(saved):
        namespace.update(saved)
        return
    for name in [name for name in namespace if name not in saved]:
        del namespace[name]
    for name, value in saved.items():
        namespace.pop(name, None)
        namespace[name] = value
