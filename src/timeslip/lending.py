"""What a restore borrows while it is prepared: objects without weak references, where imports are looked for, names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from timeslip.codec.definitions import is_a
from timeslip.codec.holding import not_entered, objects_at
from timeslip.model import is_definition

if TYPE_CHECKING:
    from timeslip.live import Live


@contextmanager
def lent(live: Live) -> Iterator[None]:
    """Within the block objects of the session that take no weak reference are found by their ids, too."""
    live.resources.lend(lambda: _unheld(live))
    try:
        yield
    finally:
        live.resources.lend(None)


@contextmanager
def imports_as_then(live: Live, facets: Mapping[str, bytes]) -> Iterator[None]:
    """Within the block modules are found where they were found in the state that is restored, in its environment.

    Its values may be of modules in folders that a cell has put on ``sys.path``, where nothing has been put yet; and
    what is imported for them may look at variables of the environment once and for all (the backend of keras).

    Args:
        live: the session.
        facets: what the restore is going to put back.
    """
    borrowed = {name: facets[name] for name in ("environ", "cwd", "sys_path") if name in facets}
    if not borrowed:
        yield
        return
    before = {name: data for name, data in live.facets.capture().items() if name in borrowed}
    try:
        live.facets.restore(borrowed)  # what cannot be put back is told when it is done for good
        yield
    finally:
        live.facets.restore(before)


@contextmanager
def names_as_then(live: Live, values: Mapping[str, Any]) -> Iterator[None]:
    """Within the block the session has those of *values* whose names it lacks.

    Libraries call functions of the session while their objects are made: those of a type of Arrow that a cell has
    defined, the key of a sorted list. In a new kernel these find nothing yet of what cells had imported or made.
    """
    namespace = live.namespace.globals
    added = {name: value for name, value in values.items() if name not in namespace}
    namespace.update(added)
    try:
        yield
    finally:
        for name in added:
            namespace.pop(name, None)


def lacks_a_name(error: BaseException | None) -> bool:
    """Whether *error* came about because somebody asked the session for a name that is not there.

    Its own code does, and libraries do that go by the name of a function: then it is an attribute of ``__main__``.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        # Errors and what they tell of are of any class: none of their own code is run here.
        asked: Any = _ASKED.__get__(error) if is_a(error, AttributeError) else None
        names = ModuleType.__getattribute__(asked, "__dict__") if is_a(asked, ModuleType) else {}
        if is_a(error, NameError) or names.get("__name__") == "__main__":
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


_ASKED = AttributeError.__dict__["obj"]


def _unheld(live: Live) -> dict[int, Any]:
    """The objects at the addresses that are remembered, found in the values that are known to hold them."""
    addresses: set[int] = set()
    values: list[Any] = []
    snapshot = live.namespace.snapshot()
    for group in live.tracker.covariables():
        here = live.resources.addresses(hole.identity for hole in group.holes) if group.holes else set()
        if here:
            addresses |= here
            values += [snapshot[name] for name in group.names if name in snapshot]
            values += filter(None, (live.registry.live(key[4:]) for key in group.keys if is_definition(key)))
    return objects_at(addresses, values, not_entered(live.encoder.seeds)) if addresses else {}
