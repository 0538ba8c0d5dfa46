"""Manifests: for one commit, which value record stands for each node key.

A manifest is stored as the difference from another one, its *base*, or whole, as a *snapshot*. A difference is only
added while the chain behind it is short and light; else a snapshot is written. So the cost of a commit follows what it
changed, and the cost of reading follows the number of names, never the length of history.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
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


class ManifestTable:
    """Resolves chains of manifests, remembering the latest. Safe from many threads.

    Args:
        read: gives the body of a manifest record, checked.
    """

    def __init__(self, read: Callable[[str], dict[str, Any]]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._resolved: OrderedDict[str, tuple[dict[str, RecordId], int, int]] = OrderedDict()

    def resolve(self, manifest: str) -> dict[str, RecordId]:
        """The whole mapping of *manifest*. The caller must not change it."""
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
        present, depth, weight = self._resolve(base)
        real = {key: value for key, value in changes.items() if present.get(key) != value}
        if not real:
            return None
        names, limit = len(present), limit_for(len(present))
        weight += len(real)
        if depth + 1 <= limit and weight <= max(limit, names):
            return {"base": base, "depth": depth + 1, "weight": weight, "changes": real}
        return self.body_for(None, {**present, **real})

    def remember(self, manifest: str, body: Mapping[str, Any]) -> None:
        """Keep the resolved form of a manifest that was just stored, for the next difference on it."""
        self._keep(manifest, *self._apply(self._resolve(body["base"])[0] if body["base"] else {}, body))

    def _resolve(self, manifest: str) -> tuple[dict[str, RecordId], int, int]:
        chain: list[tuple[str, dict[str, Any]]] = []
        start: dict[str, RecordId] = {}
        at: str | None = manifest
        while at is not None:
            with self._lock:
                known = self._resolved.get(at)
                if known is not None:
                    self._resolved.move_to_end(at)
            if known is not None:
                if not chain:
                    return known
                start = known[0]
                break
            if len(chain) > MAX_DEPTH_LARGE:
                raise DamagedStoreError(f"manifest {manifest[:8]} has an endless chain")
            body = self._read(at)
            chain.append((at, body))
            at = _base(body)
        mapping = dict(start)
        for _, body in reversed(chain):
            result = self._apply(mapping, body, copy=False)
        self._keep(manifest, *result)
        return result

    def _apply(
        self, start: dict[str, RecordId], body: Mapping[str, Any], *, copy: bool = True
    ) -> tuple[dict[str, RecordId], int, int]:
        mapping = dict(start) if copy else start
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
        with self._lock:
            self._resolved[manifest] = (mapping, depth, weight)
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
