"""What a restore replaces or takes out goes without being finalized: it goes on in what takes its place.

Two kinds of objects do something outside when they go: those of the user's with ``__del__`` (and generators, whose
``finally`` runs), and those that remove a file or folder or that `weakref.finalize` follows. The first are kept from
it (`codec.finalizers`) and may go; the second are held until the kernel ends, when Python asks them as it always does.
A redo brings back what they stand for.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Collection, Iterable
from typing import Any

from timeslip.codec import finalizers
from timeslip.codec.changes import Change
from timeslip.codec.definitions import is_a, of
from timeslip.codec.kinds import is_of_session
from timeslip.codec.restore import Loader
from timeslip.live import Live
from timeslip.state.covariables import Covariable
from timeslip.state.holding import held_by
from timeslip.state.unheld import are_garbage

_REMOVE_FILES = frozenset({"tempfile.TemporaryDirectory", "tempfile._TemporaryFileWrapper"})
"""Kinds of objects that remove a file or folder when they are collected."""
_SUSPENDED = frozenset({"builtins.generator", "builtins.coroutine", "builtins.async_generator"})
_ALL = 1 << 40
"""Objects that are looked at for finalizers: all of them."""


class LettingGo:
    """The objects that one restore lets go. Not thread-safe; used where interrupts are held back.

    Args:
        live: the session.
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self._looks = False
        self._targets: list[Any] = []
        self._leaving: list[Any] = []
        self._followed: dict[int, Any] = {}
        self._gone: list[Any] = []
        """Weak references to what was let go; of what takes none, its address and class."""
        self.listed: list[weakref.ref[type]] = []
        """Classes that go, and that classes of the session list as long as they are there."""

    def look(self, keys: Iterable[str], gone: Iterable[str], apart: Iterable[str]) -> None:
        """Before the names among *keys* are unbound or bound anew, and the definitions among them changed in place.

        Finds what does something when it goes, and holds what removes files.

        Args:
            keys: node keys.
            gone: identities of the definitions that the state being restored does not have.
            apart: node keys of the definitions that what is restored does not need; these may go.

        Looked for only where there may be something: the objects of a session without ``__del__``, suspended generators
        and `weakref.finalize` are not walked.
        """
        live = self._live
        snapshot = live.namespace.snapshot()
        keys = list(keys)
        found: Any = map(live.registry.live, (key[4:] for key in apart))
        defined = (obj for obj in found if is_a(obj, type))
        self.listed = [weakref.ref(kind) for kind in defined if any(map(is_of_session, of(kind, "__bases__")))]
        groups = {live.tracker.groups[key] for key in keys if key in live.tracker.groups}
        for hole in (hole for group in groups for hole in group.holes if hole.type_name in _REMOVE_FILES):
            found = live.resources.live(hole.identity)
            if found is not None:
                live.set_aside[id(found[0])] = found[0]
        self._targets = finalizers.followed()
        self._looks = bool(self._targets or finalizers.users_have_some() or any(map(self._may_hold_one, groups)))
        if self._looks:
            classes = [found for found in map(live.registry.live, gone) if found is not None]
            self._find([*(snapshot[key] for key in keys if key in snapshot), *classes], {*map(id, classes)})

    def _find(self, values: list[Any], entered: Collection[int] = ()) -> None:
        apart = [obj for obj in self._live.registry.objects() if id(obj) not in entered]
        held = held_by(values, [self._live.namespace.globals, *apart], _ALL)
        self._followed.update((id(obj), obj) for obj in self._targets if id(obj) in held)
        self._leaving += finalizers.among(held.values())

    def _may_hold_one(self, group: Covariable) -> bool:
        if any(hole.type_name in _SUSPENDED for hole in group.holes):
            return True
        found: Any = (self._live.registry.live(identity) for identity in group.references)
        return any(is_a(kind, type) and finalizers.has_one(kind) for kind in found)

    def swapped(self, loader: Loader, changes: Iterable[Any], values: Iterable[Any]) -> None:
        """After the swap, while what was replaced is still there.

        Args:
            loader: what it has made lives on as far as *values* and definitions have it.
            changes: what was changed in place.
            values: what names were bound to.
        """
        changed = [change for change in changes if isinstance(change, Change)]
        if self._looks:
            self._find([change.before for change in changed])
        self._targets = []
        loader.changes.clear()  # they have what was there before
        marked = finalizers.hold_back(self._leaving)
        if marked is None:
            self._live.set_aside.update((id(obj), obj) for obj in self._leaving)
        if loader.held_back:
            new = [*values, *loader.made.values(), *(change.value for change in changed)]
            held = held_by(new, [self._live.namespace.globals], _ALL)
            finalizers.let_run(obj for obj in loader.held_back if id(obj) in held)
            loader.held_back.clear()
        self._gone = list(map(_reference_to, marked or ()))
        self._leaving.clear()

    def settle(self) -> None:
        """After all else: what was let go and is still held by somebody is finalized again when its time comes."""
        gone, self._gone = self._gone, []
        finalizers.let_run(self._survivors(gone))
        if self._followed:
            namespace = self._live.namespace
            held = held_by(namespace.snapshot().values(), [namespace.globals], _ALL)
            self._live.set_aside.update((at, obj) for at, obj in self._followed.items() if at not in held)
        self._followed = {}

    def _survivors(self, gone: list[weakref.ref[Any] | tuple[int, type]]) -> list[Any]:
        """Those of *gone* that somebody holds: a name that stays, a registry in a module, a thread under way.

        Nobody can be asked who holds an object. But what the garbage collector leaves is held by somebody. Where the
        user has switched it off, only what the session holds is known.
        """
        left = [reference for reference in gone if isinstance(reference, tuple) or reference() is not None]
        if not left:
            return []
        if _are_garbage(left):  # in cycles: whenever they are collected, nothing of them runs
            return []
        if gc.isenabled():
            gc.collect()
            plain = {reference[0] for reference in gone if isinstance(reference, tuple)}
            held = {id(obj): obj for obj in gc.get_objects() if id(obj) in plain} if plain else {}
        else:
            namespace = self._live.namespace
            held = held_by(namespace.snapshot().values(), [namespace.globals], _ALL)
            gone = [reference for reference in gone if isinstance(reference, tuple) or id(reference()) in held]
        found = [_referred_to(reference, held) for reference in gone]
        return [obj for obj in found if obj is not None]


def _are_garbage(references: list[weakref.ref[Any] | tuple[int, type]]) -> bool:
    """Whether what is left of them is known to be garbage. Nothing here holds any of it afterwards."""
    objects = [None if isinstance(reference, tuple) else reference() for reference in references]
    return all(obj is not None for obj in objects) and are_garbage(objects)


def let_classes_go(listed: Iterable[weakref.ref[type]]) -> None:
    """Collect classes whose making was undone. Once nothing of the restore itself is held any more.

    A class is always held by itself. Programs that ask a class of theirs for its subclasses (``__subclasses__``) would
    be told of those, too.
    """
    if gc.isenabled() and any(reference() is not None for reference in listed):
        gc.collect()


def _reference_to(obj: Any) -> weakref.ref[Any] | tuple[int, type]:
    try:
        return weakref.ref(obj)
    except TypeError:
        return id(obj), type(obj)


def _referred_to(reference: weakref.ref[Any] | tuple[int, type], held: dict[int, Any]) -> Any | None:
    """The object that is meant, if it is alive: of what takes no weak references, if it is one of *held*."""
    if not isinstance(reference, tuple):
        return reference()
    address, kind = reference
    found = held.get(address)
    return found if type(found) is kind else None
