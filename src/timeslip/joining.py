"""Making a rebuilt value belong to the state being restored: instances to their classes, aliases to their objects.

The run of a cell makes other objects than the first run did. What the rebuilt value shares with names that the cell
read or made would be cut off; where the run gives what is in the restored state, its objects are bound there instead,
whole co-variables at a time. What is cut all the same is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from timeslip.codec.linking import is_atom
from timeslip.codec.restore import Loader
from timeslip.errors import UnstorableError
from timeslip.history import History
from timeslip.identities import Identities
from timeslip.ids import CommitId
from timeslip.inputs import Inputs, Stays
from timeslip.live import Live
from timeslip.model import is_name
from timeslip.state.holding import held_by, shares


@dataclass(slots=True)
class Rebuilt:
    """What a replay gave.

    Attributes:
        values: name -> object.
        together: further name -> object, equal to what is in the state being restored, and shared with *values*: to be
            bound in its place, so that aliases are as they were.
        apart: node key -> object that *values* share and that is not what is in the state being restored.
        notes: name -> what is to be said of it.
        shared: name -> (value record, object) of what the run left that shares with *values*: a later cell that reads
            both is given both.
    """

    values: dict[str, Any]
    together: dict[str, Any] = field(default_factory=dict)
    apart: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    shared: dict[str, tuple[str, Any]] = field(default_factory=dict)


class Joining:
    """The joining of one run's outcome. Used while the run's globals are still lent.

    Args:
        live: the session.
        history: of the session.
        commit: the run that is repeated.
        outer: the loader of the restore, or None.
        stays: tells what will be there after the restore.
        target: the state being restored, node key -> record.
        done: what was rebuilt for that state before, by record.
    """

    def __init__(
        self,
        live: Live,
        history: History,
        commit: CommitId,
        outer: Loader | None,
        stays: Stays,
        target: Mapping[str, str],
        done: Mapping[str, Rebuilt],
    ) -> None:
        self.live = live
        self.outer = outer
        self.stays = stays
        self.target = target
        self.done = done
        self.after = history.state(commit)

    def join(
        self, rebuilt: Rebuilt, made: dict[str, Any], inputs: Inputs, earlier: Iterable[Rebuilt], *, for_input: bool
    ) -> None:
        """Fill *rebuilt* beyond its values.

        Args:
            rebuilt: with the wanted values.
            made: everything that the run left bound.
            inputs: of the run.
            earlier: what was rebuilt for these inputs.
            for_input: it is to be given to a later cell that is run again.
        """
        odd = Identities(self.live, self.after, self.outer, self.target).keep(made, self._not_entered(inputs))
        rebuilt.values = {name: made[name] for name in rebuilt.values}
        others = [*inputs.copies.items()]
        others += [(key, other) for key, other in made.items() if not inputs.is_shared(key, other)]
        before = {key: other for one in earlier for key, other in one.together.items()}
        others += [*before.items(), *((key, other) for one in earlier for key, other in one.apart.items())]
        skipped = self._not_entered(inputs)
        for name, value in rebuilt.values.items():
            objects = held_by([value], skipped)
            cut: set[str] = set()
            if for_input:
                self._note_shared(rebuilt, made, inputs, objects)
            for key, other in others:
                if not self._is_held(key, other, rebuilt, objects):
                    continue
                if before.get(key) is other:
                    rebuilt.together.update(self._group(key, before))
                elif not self._take(key, made, rebuilt):
                    rebuilt.apart[key] = other
                    cut.add(_called(key, other))
            if cut:
                what = ", ".join(sorted(cut))
                rebuilt.notes[name] = f"it holds {what} as left by its cell, apart from what is in this state"
            elif odd:
                rebuilt.notes[name] = f"it holds objects of {', '.join(odd)} as its cell made it again"

    def _note_shared(
        self, rebuilt: Rebuilt, made: Mapping[str, Any], inputs: Inputs, objects: Mapping[int, Any]
    ) -> None:
        for key in sorted((self.after.keys() & made.keys()) - rebuilt.values.keys() - rebuilt.shared.keys()):
            given = is_atom(made[key]) or inputs.is_shared(key, made[key])
            if not given and self._has_of(key, made[key], objects):
                rebuilt.shared[key] = (self.after[key], made[key])

    def _not_entered(self, inputs: Inputs) -> list[Any]:
        return [self.live.namespace.globals, *self.live.registry.objects(), *inputs.loader.adopted.values()]

    def _is_held(self, key: str, other: Any, rebuilt: Rebuilt, objects: Mapping[int, Any]) -> bool:
        """Whether one of *objects* belongs to *other*, which stands for what *key* is in the state being restored."""
        if key in rebuilt.values or key in rebuilt.together or key not in self.target:
            return False
        if is_name(key) and is_atom(other):
            return False
        done = self.done.get(self.target[key])
        if done is not None and done.values.get(key) is other:
            return False  # rebuilt before this one, to be bound as it is
        return self._has_of(key, other, objects)

    def _has_of(self, key: str, other: Any, objects: Mapping[int, Any]) -> bool:
        """Whether *other* has one of *objects*."""
        try:
            captured = self.live.encoder.capture([(key, other)])
        except UnstorableError:
            return False  # not known
        captured.find_links(frozenset())
        links = captured.links
        captured.release()
        return shares(objects, links)

    def _group(self, key: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """The co-variable of *key* among *values*."""
        return {name: values[name] for name in self.live.info(self.target[key]).keys if name in values}

    def _take(self, key: str, made: Mapping[str, Any], rebuilt: Rebuilt) -> bool:
        """Have *key*, with its co-variable, taken from this run, if that gives what is in the restored state."""
        record = self.target[key]
        there = self.stays(record)
        if there is None or self.after.get(key) != record:
            return False
        if not all(is_name(name) and name in made for name in there):
            return False
        here = {name: made[name] for name in there}
        if self.live.digest_of(list(here.items())) != self.live.digest_of(list(there.items())):
            return False
        rebuilt.together.update(here)
        return True


def _called(key: str, obj: Any) -> str:
    """A node of a copy, for people."""
    return key if is_name(key) else f"what {getattr(obj, '__qualname__', 'a definition')} holds"
