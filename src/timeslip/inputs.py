"""What a replayed cell is given: the values that the names it reads had when it ran.

A value that is the same before the cell and in the state being restored is given itself, so that what the cell makes
shares objects with it as it did then; the cell did not change it the first time, and it is looked at afterwards whether
it has now. Every other value is given as a copy from the store, or is rebuilt by replay in its turn.
"""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from timeslip.borrowing import OUTPUTS
from timeslip.codec.mentions import mentioned
from timeslip.codec.restore import Loader
from timeslip.errors import ReplayError, StoreError, UnrestorableError
from timeslip.ids import RecordId
from timeslip.live import Live
from timeslip.model import is_definition, is_name
from timeslip.past import Loads, headers_of
from timeslip.values import read_headers, read_stream

if TYPE_CHECKING:
    from timeslip.joining import Rebuilt

Stays = Callable[[str], "dict[str, Any] | None"]
"""For a value record: the objects that its keys will be bound to after the restore, if that version is there then."""

_GIVEN = frozenset({"builtins.generator", "_thread.lock", "_thread.RLock", "functools._lru_cache_wrapper"})
"""Kinds of objects that cannot be copied and may be given to a cell that is run unasked, if they stay as they are."""


def nothing_stays(_: str) -> None:
    """Of a restore that puts copies beside the session."""


@dataclass(slots=True)
class _Shared:
    """One co-variable that is given itself: its record, its keys with their objects, and its digest before the run."""

    record: str
    nodes: list[tuple[str, Any]]
    digest: bytes | None = None


class Inputs:
    """The inputs of one replayed cell.

    Args:
        live: the session.
        before: the state that the cell ran in, node key -> record.
        outer: the loader of the restore, or None. Definitions that it made are used.
        stays: tells what will be there after the restore.
        rebuild: makes the keys of a record that cannot be loaded, for a reason.
        unasked: nothing outside is opened, and no live object that the cell could use up is given.

    Attributes:
        loader: with the in-place changes that give definitions the content they had.
        values: node key -> object.
        copies: node key -> object, of those that are no part of the state being restored. A class or function itself
            may well be; then what it holds is not.
    """

    def __init__(
        self,
        live: Live,
        before: Mapping[str, RecordId],
        outer: Loader | None,
        stays: Stays,
        rebuild: Callable[[list[str], str], Rebuilt],
        *,
        unasked: bool,
    ) -> None:
        self.live = live
        self.before = before
        self.loader = Loader(live.encoder, lambda identity: headers_of(live.repository, before, identity))
        self.loader.apart, self.loader.unasked = True, unasked
        self.loader.adopted = dict(outer.made) if outer is not None else {}
        self.values: dict[str, Any] = {}
        self.copies: dict[str, Any] = {}
        self._loads = Loads(self.loader, live.repository, before)
        self._stays = stays
        self._rebuild = rebuild
        self._unasked = unasked
        self._shared: list[_Shared] = []
        self._records: dict[str, None] = {}
        self._made: dict[str, tuple[str, Any]] = {}

    # ---- taking

    def take(self, keys: Iterable[str], *, optional: bool = False) -> None:
        """Bring the values of node keys in, each with its whole co-variable.

        Args:
            keys: of the state before the cell.
            optional: leave out what cannot be had.

        Raises:
            ReplayError: one cannot be had.
        """
        wanted: dict[RecordId, str] = {}
        for key in keys:
            if key in self.before:
                wanted.setdefault(self.before[key], key)
        # What has to be rebuilt comes first: its run may give others that share objects with it.
        for record, key in sorted(wanted.items(), key=lambda item: self.live.info(item[0]).lost is None):
            if record in self._records:
                continue
            try:
                self._take(key, record)
            except ReplayError:
                if not optional:
                    raise

    def _take(self, key: str, record: RecordId) -> None:
        self._records[record] = None
        if self._unasked:
            refuse_outside(self.live, key, record)
        staying = self._stays(record)
        if staying is not None:
            self._shared.append(_Shared(record, list(staying.items())))
            self._add(staying, record)
            return
        try:
            values = self._loads.load(record, self.live.body(record))
        except (UnrestorableError, StoreError) as error:
            keys = [other for other, value in self.before.items() if value == record]
            if not any(map(is_name, keys)):
                raise ReplayError(f"a class or function that it uses cannot be loaded: {error.message}") from error
            rebuilt = self._rebuild(keys, error.message)
            self._made.update(rebuilt.shared)
            values = rebuilt.values
        else:
            values = self._made_again(record, values)
        self._add(values, record)
        there = {key: value for key, value in values.items() if self.before.get(key) == record}
        self.copies.update({key: value for key, value in there.items() if is_definition(key) or key in self.values})

    def _made_again(self, record: RecordId, values: dict[str, Any]) -> dict[str, Any]:
        """*values* of *record*, or equal ones that a run has made together with what it rebuilt for this cell."""
        keys = self.live.info(record).keys
        made = [self._made.get(key) for key in keys]
        if any(entry is None or entry[0] != record for entry in made) or not values.keys() >= set(keys):
            return values
        again = {key: entry[1] for key, entry in zip(keys, made, strict=True) if entry is not None}
        same = self.live.digest_of(list(again.items())) == self.live.digest_of([(key, values[key]) for key in keys])
        return again if same else values

    def _add(self, values: Mapping[str, Any], record: RecordId) -> None:
        found = {name: value for name, value in values.items() if is_name(name) and self.before.get(name) == record}
        self.values.update(found)

    # ---- telling

    def is_shared(self, key: str, value: Any) -> bool:
        """Whether *key* was given itself, and is bound to that very object."""
        return self.values.get(key) is value and key not in self.copies

    def names(self) -> dict[str, Any]:
        """What to bind: the values by name, outputs also under the names that IPython gives them."""
        bound = {key: value for key, value in self.values.items() if not key.startswith("Out[")}
        outputs = {literal_eval(key[4:-1]): value for key, value in self.values.items() if key.startswith("Out[")}
        bound.update({f"_{number}": value for number, value in outputs.items()})
        if outputs:
            bound.update(dict.fromkeys(OUTPUTS, outputs))
        return bound

    def mentions(self) -> set[tuple[str, str]]:
        """`mentions_of` everything taken."""
        return mentions_of(self.live, self._records)

    # ---- whether they stayed as they were

    def note(self) -> None:
        """Before the run, definitions having the content they will have in it: remember what is shared."""
        for shared in self._shared:
            shared.digest = self.live.digest_of(shared.nodes)

    def changed(self) -> list[str]:
        """After the run: the records of what is shared and has changed."""
        return [shared.record for shared in self._shared if self.live.digest_of(shared.nodes) != shared.digest]

    def let_go(self) -> None:
        """Drop all values."""
        self.values.clear()
        self.copies.clear()
        self._shared.clear()
        self._loads.values.clear()


def refuse_outside(live: Live, key: str, record: RecordId) -> None:
    """Raise ReplayError for an input of a cell that is run unasked, if it holds something of the outside."""
    try:
        holes = live.body(record).get("holes", ())
    except StoreError:
        return  # it is not there at all: loading says so
    for type_name, reason, _ in holes:
        if type_name not in _GIVEN and not reason.startswith("a closed"):
            raise ReplayError(f"it is given {key}, which holds something of the outside ({type_name})")


def mentions_of(live: Live, records: Iterable[str]) -> set[tuple[str, str]]:
    """(module, name) of everything that the values of *records* refer to by name, at any depth.

    Raises:
        ReplayError: that cannot be told.
    """
    found: set[tuple[str, str]] = set()
    for record in dict.fromkeys(records):
        try:
            body = live.body(record)
            if "stream" in body:
                names = mentioned(read_stream(live.repository, body["stream"]), read_headers(body), body["seeds"])
                kinds = {kind for kind, _ in body.get("summary", {}).values()}
                # A name bound to a module hands nothing on by itself: what is used of it stands in the code.
                found |= {(module, name) for module, name in names if name or kinds != {"module"}}
        except (ValueError, StoreError) as error:
            raise ReplayError(f"is given values that cannot be looked into: {error}") from error
    return found


def reads_output(key: str, names: Iterable[str]) -> bool:
    """Whether code that mentions *names* may read the node *key*."""
    names = set(names)
    if not key.startswith("Out["):
        return key in names
    return not names.isdisjoint(OUTPUTS) or f"_{key[4:-1]}" in names
