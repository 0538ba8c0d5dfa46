"""Values of the past, loaded beside everything: no live definition, resource or name is touched."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from timeslip.codec.capture import Encoder
from timeslip.codec.definitions import Registry
from timeslip.codec.loaded import Staying
from timeslip.codec.resources import Resources
from timeslip.codec.restore import Loader
from timeslip.codec.stored import StayingArrays
from timeslip.errors import TimeslipError, UnrestorableError
from timeslip.proving import of_release
from timeslip.store.repository import Repository
from timeslip.values import lost_reason, read_headers, read_stream, read_value, refusal, with_verdicts


class PastState:
    """One recorded state, for looking at.

    Args:
        repository: the store.
        records: node key -> value record.
    """

    def __init__(self, repository: Repository, records: Mapping[str, str]) -> None:
        self.repository = repository
        self.records = records
        encoder = Encoder({"__name__": "__main__"}, Registry(), Resources())
        loader = Loader(encoder, self._headers, isolated=True)
        loader.namespace = PastGlobals(loader.namespace, self)
        self._loads = Loads(loader, repository, records)

    def body(self, key: str) -> dict[str, Any]:
        """The value record of *key*, with what is known of the classes in it."""
        body = self.repository.record("value", self.records[key])
        return with_verdicts(body, partial(of_release, self.repository.verdicts))

    def value(self, key: str) -> Any:
        """The value of a name, as it was.

        Raises:
            UnrestorableError: it cannot be loaded, with the reason.
            StoreError: the store has it no more, or may not be trusted.
        """
        record = self.records[key]
        if record not in self._loads.values:
            body = self.body(key)
            self._loads.load(record, body)
        return self._loads.values[record][key]

    def facet(self, key: str) -> bytes:
        """The bytes of a facet."""
        return b"".join(read_stream(self.repository, self.body(key)["facet"]))

    def _headers(self, identity: str) -> tuple[dict[str, bytes], int] | None:
        return headers_of(self.repository, self.records, identity)


class PastGlobals(dict[str, Any]):
    """The globals of loaded functions: a name of the state is loaded when one of them asks for it.

    A ``__repr__`` may go by a module that was imported, or by a helper that was defined in a cell.

    Args:
        given: names that are there in any case.
        past: the state. It is not kept alive: functions of loaded values would keep all of it.
    """

    def __init__(self, given: Mapping[str, Any], past: PastState) -> None:
        super().__init__(given)
        self._past = weakref.ref(past)
        self._asked: set[str] = set()

    def __missing__(self, name: str) -> Any:
        past = self._past()
        if past is None or name in self._asked or name not in past.records:
            raise KeyError(name)
        self._asked.add(name)
        try:
            value = self[name] = past.value(name)
        except TimeslipError:  # to the code that asks for it, it is not there
            raise KeyError(name) from None
        return value


def headers_of(
    repository: Repository, records: Mapping[str, str], identity: str
) -> tuple[dict[str, bytes], int] | None:
    """The headers of the co-variable of a definition in a state, for `Loader`."""
    record = records.get(f"def:{identity}")
    if record is None:
        return None
    body = repository.record("value", record)
    return (read_headers(body), body["seeds"]) if "headers" in body else None


class Loads:
    """Whole co-variables of one state, each loaded once; definitions as soon as they are made.

    Args:
        loader: to load with; this object becomes its `complete`.
        repository: the store.
        records: the state.
    """

    def __init__(self, loader: Loader, repository: Repository, records: Mapping[str, str]) -> None:
        self.loader = loader
        self.values: dict[str, dict[str, Any]] = {}
        self.failed: dict[str, str] = {}
        self._repository = repository
        self._records = records
        self._running: set[str] = set()
        # A weak one: in a cycle, what was loaded would outlive the user's `del` until the next garbage collection.
        itself = weakref.ref(self)
        loader.complete = lambda identity: _complete(itself(), identity)

    def load(
        self,
        record: str,
        body: Mapping[str, Any],
        staying: Staying | None = None,
        arrays: StayingArrays | None = None,
    ) -> dict[str, Any]:
        """The values of a co-variable by node key; *staying* as `Loader.load` takes it, *arrays* as `Stored` does.

        Raises:
            UnrestorableError, StoreError: it cannot be loaded; what was made and collected for it is dropped.
        """
        if record in self.values:
            return self.values[record]
        if "stream" not in body:
            raise UnrestorableError(str(lost_reason(body)))
        refused = refusal(body)
        if refused is not None:
            raise UnrestorableError(refused)
        try:
            self.values[record] = self._load(record, body, staying, arrays)
        except UnrestorableError:
            if not self.loader.salvage or self.loader.slowly:
                raise
            self.loader.slowly = True  # something is made from what is in the place of a hole
            try:
                self.values[record] = self._load(record, body)
            finally:
                self.loader.slowly = False
        return self.values[record]

    def _load(
        self,
        record: str,
        body: Mapping[str, Any],
        staying: Staying | None = None,
        arrays: StayingArrays | None = None,
    ) -> dict[str, Any]:
        loader = self.loader
        changes, rebuilt, made = len(loader.changes), len(loader.rebuilt), len(loader.made)
        figures = len(loader.figures)
        self._running.add(record)
        try:
            return loader.load(replace(read_value(self._repository, body), arrays=arrays), staying)
        except TimeslipError:
            del loader.changes[changes:], loader.rebuilt[rebuilt:], loader.figures[figures:]
            self.withdraw(set(islice(loader.made, made)))  # which has what is made now behind what was made before
            raise
        finally:
            self._running.discard(record)

    def withdraw(self, made: set[str]) -> dict[str, Any]:
        """Forget the definitions that were made since *made* was all of them; returns them.

        Whoever needs one later makes it again; until then its identity is free.
        """
        loader = self.loader
        withdrawn = {identity: loader.made.pop(identity) for identity in [*loader.made] if identity not in made}
        if withdrawn:
            for record in [record for record, values in self.values.items() if _has_one(values, withdrawn)]:
                del self.values[record]
        return withdrawn

    def complete(self, identity: str) -> None:
        """Load the co-variable of a definition, if it is of this state and not loaded yet. Raises as `load`."""
        record = self._records.get(f"def:{identity}")
        if record is None or record in self._running or record in self.values:
            return
        try:
            self.load(record, self._repository.record("value", record))
        except TimeslipError as error:
            self.failed[identity] = error.message
            raise


def _has_one(values: Mapping[str, Any], identities: Mapping[str, Any]) -> bool:
    return any(key.startswith("def:") and key[4:] in identities for key in values)


def _complete(loads: Loads | None, identity: str) -> None:
    if loads is not None:
        loads.complete(identity)
