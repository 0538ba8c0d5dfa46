"""Manifests: for one commit, which value record stands for each node key.

A manifest is stored as the difference from another one, its *base*, or whole, as a *snapshot*. A difference is only
added while the chain behind it is short and light; else a snapshot is written. So the cost of a commit follows what it
changed, and the cost of reading follows the number of names, never the length of history.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from timeslip.errors import DamagedStoreError, UsageError
from timeslip.ids import RecordId

MAX_DEPTH = 64
"""A chain of differences never has more links than this, or than the manifest has names, up to `MAX_DEPTH_LARGE`."""

MAX_DEPTH_LARGE = 512
_CACHE = 64


def limit_for(names: int) -> int:
    """How many links, and how many changed names, a chain over *names* names may gather before a snapshot."""
    return max(MAX_DEPTH, min(names, MAX_DEPTH_LARGE))


@dataclass(slots=True)
class _Known:
    """A manifest that is remembered: whole, or by what makes it of a newer one.

    Attributes:
        depth: of its chain.
        weight: of its chain.
        mapping: node key -> value record; None when it went over to *newer*.
        newer: the manifest that was made of this one.
        undo: key -> its value here, for the keys that *newer* changed; None for one that is not here.
    """

    depth: int
    weight: int
    mapping: dict[str, RecordId] | None
    newer: str = ""
    undo: dict[str, RecordId | None] = field(default_factory=dict)


class ManifestTable:
    """Resolves chains of manifests, remembering the latest. Safe from many threads.

    Of a row of manifests that were made one of the other only the newest is remembered whole: to copy a large one for
    each commit would cost more than the commit.

    Args:
        read: gives the body of a manifest record, checked.
    """

    def __init__(self, read: Callable[[str], dict[str, Any]]) -> None:
        self._read = read
        self._lock = threading.Lock()  # never held while the store is read: who reads may have to wait for who writes
        self._resolved: OrderedDict[str, _Known] = OrderedDict()

    def resolve(self, manifest: str) -> dict[str, RecordId]:
        """The whole mapping of *manifest*, for the caller alone."""
        return self._resolve(manifest)[0]

    def difference(self, manifest: str) -> tuple[str | None, dict[str, str | None]]:
        """The base of *manifest*, None for a snapshot, and what it says beyond that. Raises StoreError."""
        body = self._read(manifest)
        try:
            changes: dict[str, str | None] = {
                str(key): None if value is None else RecordId(value) for key, value in body["changes"].items()
            }
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DamagedStoreError(f"a manifest has a wrong form ({error})") from error
        return _base(body), changes

    def body_for(self, base: str | None, changes: Mapping[str, RecordId | None]) -> dict[str, Any] | None:
        """What to store for *base* with *changes*; None when that is *base* itself, because nothing differs.

        A change to None removes the key; removing a key that is not there is no difference.
        """
        if base is None:
            return {
                "base": None,
                "depth": 0,
                "weight": 0,
                "changes": {k: v for k, v in changes.items() if v is not None},
            }
        present, names, depth, weight = self._present(base, changes)
        real = {key: value for key, value in changes.items() if present[key] != value}
        if not real:
            return None
        limit = limit_for(names)
        weight += len(real)
        if depth + 1 <= limit and weight <= max(limit, names):
            return {"base": base, "depth": depth + 1, "weight": weight, "changes": real}
        return self.body_for(None, {**self.resolve(base), **real})

    def remember(self, manifest: str, body: Mapping[str, Any]) -> None:
        """Keep the resolved form of a manifest that was just stored, for the next difference on it."""
        base, mapping = body["base"], dict[str, RecordId]()
        with self._lock:
            if base is not None:
                known = self._remembered(base)
                if known is None:  # then it is read when it is asked for
                    return
                mapping = known[0]
            undo = {key: mapping.get(key) for key in body["changes"]}
            self._keep(manifest, *self._apply(mapping, body))
            older = self._resolved.get(base) if base is not None else None
            if older is not None:
                older.mapping, older.newer, older.undo = None, manifest, undo

    def _present(self, manifest: str, keys: Iterable[str]) -> tuple[dict[str, RecordId | None], int, int, int]:
        """What *keys* are in *manifest*, how many it has, depth and weight of its chain."""
        with self._lock:
            known = self._remembered(manifest)
            if known is not None:
                return {key: known[0].get(key) for key in keys}, len(known[0]), known[1], known[2]
        mapping, depth, weight = self._resolve(manifest)
        return {key: mapping.get(key) for key in keys}, len(mapping), depth, weight

    def _resolve(self, manifest: str) -> tuple[dict[str, RecordId], int, int]:
        chain: list[tuple[str, dict[str, Any]]] = []
        start: dict[str, RecordId] = {}
        at: str | None = manifest
        while at is not None:
            with self._lock:
                known = self._remembered(at)
                if known is not None:
                    start = known[0].copy()
            if known is not None:
                if not chain:
                    return start, known[1], known[2]
                break
            if len(chain) > MAX_DEPTH_LARGE:
                raise DamagedStoreError(f"manifest {manifest[:8]} has an endless chain")
            body = self._read(at)
            chain.append((at, body))
            at = _base(body)
        for _, body in reversed(chain):
            result = self._apply(start, body)
        with self._lock:
            self._keep(manifest, start.copy(), *result[1:])
        return result

    def _remembered(self, manifest: str) -> tuple[dict[str, RecordId], int, int] | None:
        """*manifest* if it is remembered, or can be made of a newer one that is; not to be kept beyond the lock."""
        wanted = known = self._resolved.get(manifest)
        way: list[_Known] = []
        while known is not None and known.mapping is None:
            way.append(known)
            known = self._resolved.get(known.newer)
        if wanted is None or known is None or known.mapping is None:
            return None
        self._resolved.move_to_end(manifest)
        if way:
            wanted.mapping = known.mapping.copy()
            for step in reversed(way):
                for key, value in step.undo.items():
                    if value is None:
                        wanted.mapping.pop(key, None)
                    else:
                        wanted.mapping[key] = value
        assert wanted.mapping is not None
        return wanted.mapping, wanted.depth, wanted.weight

    def _apply(self, mapping: dict[str, RecordId], body: Mapping[str, Any]) -> tuple[dict[str, RecordId], int, int]:
        """Make *mapping* what *body* says on top of it."""
        try:
            depth, weight = int(body["depth"]), int(body["weight"])
            for key, value in body["changes"].items():
                if value is None:
                    mapping.pop(key, None)
                else:
                    mapping[key] = value if type(value) is RecordId else RecordId(value)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DamagedStoreError(f"a manifest has a wrong form ({error})") from error
        return mapping, depth, weight

    def _keep(self, manifest: str, mapping: dict[str, RecordId], depth: int, weight: int) -> None:
        self._resolved[manifest] = _Known(depth, weight, mapping)
        self._resolved.move_to_end(manifest)
        while len(self._resolved) > _CACHE:
            self._resolved.popitem(last=False)

    def drop_cache(self) -> None:
        """Forget what was resolved, as after a rollback or a collection of records."""
        with self._lock:
            self._resolved.clear()


class Versions:
    """The versions of a few keys in many manifests: each manifest is read once, and none is put together.

    For one lookup, in one thread.

    Args:
        read: gives the body of a manifest record, checked.
        keys: the node keys that will be asked for.
    """

    def __init__(self, read: Callable[[str], dict[str, Any]], keys: Iterable[str]) -> None:
        self._read = read
        self._known: dict[str, dict[str, RecordId | None]] = {key: {} for key in keys}
        self._links: dict[str, tuple[str | None, dict[str, Any]]] = {}

    def of(self, manifest: str, key: str) -> RecordId | None:
        """The value record of *key* in *manifest*, or None when it has none.

        Raises:
            StoreError: a manifest on the way cannot be read.
        """
        known, passed, at = self._known[key], [], manifest
        while at not in known:
            passed.append(at)
            if len(passed) > MAX_DEPTH_LARGE + 1:
                raise DamagedStoreError(f"manifest {manifest[:8]} has an endless chain")
            base, changes = self._link(at)
            if key in changes or base is None:
                version = changes.get(key)
                known[at] = None if version is None else RecordId(version)
            else:
                at = base
        known.update(dict.fromkeys(passed, known[at]))
        return known[at]

    def _link(self, manifest: str) -> tuple[str | None, dict[str, Any]]:
        """The base of *manifest* and what it says of the keys, which is all that is remembered of it."""
        link = self._links.get(manifest)
        if link is None:
            body = self._read(manifest)
            try:
                changes = {key: body["changes"][key] for key in self._known if key in body["changes"]}
            except (KeyError, TypeError) as error:
                raise DamagedStoreError(f"a manifest has a wrong form ({error})") from error
            link = self._links[manifest] = (_base(body), changes)
        return link


def _base(body: Mapping[str, Any]) -> str | None:
    base = body.get("base")
    if base is not None and not isinstance(base, str):
        raise DamagedStoreError("a manifest has a base that is not an id")
    return base


def check_key(key: object) -> str:
    """*key* if it can be a node key. Raises UsageError."""
    if not isinstance(key, str):
        raise UsageError(f"a node key is text, not {type(key).__name__}")
    return key
