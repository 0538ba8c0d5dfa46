"""Values of the past, loaded beside everything: no live definition, resource or name is touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from timeslip.codec.capture import Encoder, Resources
from timeslip.codec.definitions import Registry
from timeslip.codec.restore import Loader
from timeslip.errors import TimeslipError, UnrestorableError
from timeslip.store.repository import Repository
from timeslip.values import lost_reason, read_headers, read_stream, read_value


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
        self._loader = Loader(encoder, self._headers, isolated=True)
        self._loaded: dict[str, dict[str, Any]] = {}

    def body(self, key: str) -> dict[str, Any]:
        """The value record of *key*."""
        return self.repository.record("value", self.records[key])

    def value(self, key: str) -> Any:
        """The value of a name, as it was.

        Raises:
            UnrestorableError: it cannot be loaded, with the reason.
            StoreError: the store has it no more, or may not be trusted.
        """
        record = self.records[key]
        if record not in self._loaded:
            body = self.body(key)
            if "stream" not in body:
                raise UnrestorableError(f"'{key}' was not stored: {lost_reason(body)}")
            self._loaded[record] = self._loader.load(read_value(self.repository, body))
            load_definitions(self._loader, self.repository, self.records)
        return self._loaded[record][key]

    def facet(self, key: str) -> bytes:
        """The bytes of a facet."""
        return b"".join(read_stream(self.repository, self.body(key)["facet"]))

    def _headers(self, identity: str) -> tuple[dict[str, bytes], int] | None:
        return headers_of(self.repository, self.records, identity)


def headers_of(
    repository: Repository, records: Mapping[str, str], identity: str
) -> tuple[dict[str, bytes], int] | None:
    """The headers of the co-variable of a definition in a state, for `Loader`."""
    record = records.get(f"def:{identity}")
    if record is None:
        return None
    body = repository.record("value", record)
    return (read_headers(body), body["seeds"]) if "headers" in body else None


def load_definitions(
    loader: Loader, repository: Repository, records: Mapping[str, str], done: Iterable[str] = ()
) -> dict[str, str]:
    """Give every definition that *loader* made its content, transitively.

    Args:
        loader: that has loaded something.
        repository: the store.
        records: the state to take the content from.
        done: records that are loaded already.

    Returns:
        identity -> reason, for definitions whose content cannot be loaded.
    """
    finished = set(done)
    failed: dict[str, str] = {}
    while True:
        fresh = [f"def:{identity}" for identity in loader.made if f"def:{identity}" in records]
        wanted = {records[key]: key for key in fresh if records[key] not in finished}
        if not wanted:
            return failed
        for record, key in wanted.items():
            finished.add(record)
            try:
                loader.load(read_value(repository, repository.record("value", record)))
            except TimeslipError as error:
                failed[key[4:]] = error.message
