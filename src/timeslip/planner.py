"""The restore plan: for each co-variable of the target state keep, load or replay; drop the rest. Pure.

A co-variable is kept when exactly its version is live under exactly its keys, or when it is known to live on unchanged
in another one (a name more or a name less has the same object): then nothing of it differs, and its objects are left
alone. Everything else of the target is loaded, or replayed when it is known that it cannot be.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import compress
from operator import ne
from types import MappingProxyType

from timeslip.model import is_facet, is_name


@dataclass(frozen=True, slots=True)
class ValueInfo:
    """What the plan needs to know of a value record.

    Attributes:
        keys: its node keys.
        lost: why it cannot be loaded, known when it was recorded; None for one that can.
        content: what it is made of; equal for versions that hold the same bytes. None when not known.
        aliases: names that have the very object of another one -> the first name that has it.
    """

    keys: tuple[str, ...]
    lost: str | None
    content: object = None
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, by node key and value record.

    Attributes:
        keep: keys whose live value is the target's.
        load: records to load, in a stable order.
        replay: records that cannot be loaded.
        drop: live names that the target does not have.
        facets: facet keys to restore.
        bind: names of the target that are to have the very object that a kept name has -> that name.
    """

    keep: tuple[str, ...]
    load: tuple[str, ...]
    replay: tuple[str, ...]
    drop: tuple[str, ...]
    facets: tuple[str, ...]
    bind: Mapping[str, str] = field(default_factory=dict)

    def without(self, records: Collection[str], target: Mapping[str, str]) -> Plan:
        """This plan, with *records* of *target* replayed instead of kept."""
        keep = tuple(key for key in self.keep if target[key] not in records)
        bind = {key: other for key, other in self.bind.items() if target[key] not in records}
        return replace(self, keep=keep, bind=bind, replay=(*self.replay, *records))


def make_plan(
    live: Mapping[str, str],
    target: Mapping[str, str],
    info: Callable[[str], ValueInfo],
    lives: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> Plan:
    """Plan the way from *live* to *target*, both node key -> value record.

    Args:
        live: the verified live state.
        target: the wanted state.
        info: looks a value record up.
        lives: versions that are not live as such -> those of their names that are -> the live names with these values.
    """
    # Of thousands of names, few differ: which do is found at the speed of C, and only those are looked at.
    differing = set(compress(target.values(), map(ne, target.values(), map(live.get, target))))
    facets = list(filter(is_facet, target))
    looked_at = {key: record for key, record in target.items() if record in differing} if differing else {}
    left = {*facets, *looked_at}
    keep = [key for key in target if key not in left]
    members: dict[str, list[str]] = {}
    for key, record in looked_at.items():
        if not is_facet(key):
            members.setdefault(record, []).append(key)
    bind: dict[str, str] = {}
    load: list[str] = []
    replay: list[str] = []
    for record, keys in members.items():
        if _same(live, record, keys, info):
            keep += keys
        elif (found := _living(keys, info(record), lives.get(record, {}))) is not None:
            keep += [key for key in keys if found[key] == key]
            bind.update((key, name) for key, name in found.items() if key != name)
        elif info(record).lost is None:
            load.append(record)
        else:
            replay.append(record)
    drop = sorted(filter(is_name, live.keys() - target.keys()))
    moved = tuple(key for key in facets if live.get(key) != target[key])
    return Plan(tuple(keep), tuple(load), tuple(replay), tuple(drop), moved, bind)


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


def _living(keys: list[str], wanted: ValueInfo, names: Mapping[str, str]) -> dict[str, str] | None:
    """For each of *keys* the live name whose object is its value, by what is known of *names*; None: not of all."""
    of = {wanted.aliases.get(key, key): name for key, name in names.items()}
    found = {key: key if names.get(key) == key else of.get(wanted.aliases.get(key, key), "") for key in keys}
    return found if all(found.values()) and any(key == name for key, name in found.items()) else None


def closure(target: Mapping[str, str], keys: set[str], info: Callable[[str], ValueInfo]) -> set[str]:
    """*keys* of *target* with everything that shares objects with them (whole co-variables)."""
    found = set(keys)
    for key in keys:
        record = target.get(key)
        if record is not None:
            found.update(info(record).keys)
    return found & target.keys()
