"""The restore plan: for each co-variable of the target state keep, load or replay; drop the rest. Pure.

A co-variable is kept when exactly its version is live under exactly its keys: then nothing of it differs, and its
objects are left alone. Everything else of the target is loaded, or replayed when it is known that it cannot be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from timeslip.model import is_facet, is_name


@dataclass(frozen=True, slots=True)
class ValueInfo:
    """What the plan needs to know of a value record.

    Attributes:
        keys: its node keys.
        lost: why it cannot be loaded, known when it was recorded; None for one that can.
        content: what it is made of; equal for versions that hold the same bytes. None when not known.
    """

    keys: tuple[str, ...]
    lost: str | None
    content: object = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, by node key and value record.

    Attributes:
        keep: keys whose live value is the target's.
        load: records to load, in a stable order.
        replay: records that cannot be loaded.
        drop: live names that the target does not have.
        facets: facet keys to restore.
    """

    keep: tuple[str, ...]
    load: tuple[str, ...]
    replay: tuple[str, ...]
    drop: tuple[str, ...]
    facets: tuple[str, ...]


def make_plan(live: Mapping[str, str], target: Mapping[str, str], info: Callable[[str], ValueInfo]) -> Plan:
    """Plan the way from *live* to *target*, both node key -> value record.

    Args:
        live: the verified live state.
        target: the wanted state.
        info: looks a value record up.
    """
    members: dict[str, list[str]] = {}
    for key, record in target.items():
        if not is_facet(key):
            members.setdefault(record, []).append(key)
    keep: list[str] = []
    load: list[str] = []
    replay: list[str] = []
    for record, keys in members.items():
        if all(live.get(key) == record for key in keys) or _same(live, record, keys, info):
            keep += keys
        elif info(record).lost is None:
            load.append(record)
        else:
            replay.append(record)
    drop = sorted(key for key in live if key not in target and is_name(key))
    facets = tuple(key for key in target if is_facet(key) and live.get(key) != target[key])
    return Plan(tuple(keep), tuple(load), tuple(replay), tuple(drop), facets)


def _same(live: Mapping[str, str], record: str, keys: list[str], info: Callable[[str], ValueInfo]) -> bool:
    """Whether the live version of *keys* holds the bytes of *record*, stored by another step."""
    versions = {live.get(key) for key in keys}
    if len(versions) != 1:
        return False
    version = versions.pop()
    if version is None:
        return False
    here, there = info(version), info(record)
    return here.content is not None and here.content == there.content and set(here.keys) == set(keys)


def closure(target: Mapping[str, str], keys: set[str], info: Callable[[str], ValueInfo]) -> set[str]:
    """*keys* of *target* with everything that shares objects with them (whole co-variables)."""
    found = set(keys)
    for key in keys:
        record = target.get(key)
        if record is not None:
            found.update(info(record).keys)
    return found & target.keys()
